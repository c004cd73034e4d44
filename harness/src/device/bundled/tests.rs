use super::*;
use crate::drive::virtual_time::play;
use crate::run::builders::*;
use crate::spec::case::*;
use crate::spec::profile::Profile;
use crate::wire;
use rstest::rstest;
use tcpspec_reports::record::{EventKind, Verdict};

fn bundled(family: Family) -> Bundled {
    Bundled::new(Config::default(), family)
}

fn passes(case: &Case, family: Family) {
    let record = play(case, &profile(), &mut bundled(family), 7);
    let why = (&record.mismatches, &record.reason);
    assert_eq!(record.verdict, Verdict::Pass, "{why:#?}");
    for event in &record.events {
        if let EventKind::Received { segment, .. } = &event.kind {
            same_in_both_codecs(&segment.packet);
        }
    }
}

/// What the stack's codec wrote, the tester's reads without a fault and writes bit for bit.
fn same_in_both_codecs(octets: &[u8]) {
    let packet = wire::decode(octets.to_vec());
    assert_eq!(packet.faults, []);
    assert_eq!(wire::emit(&wire::Outgoing::again(&packet).unwrap()), octets);
}

fn listening(then: impl IntoIterator<Item = Verb>) -> Case {
    let mut case = opened(then);
    case.steps
        .insert(0, step("0", call(Call::Listen { backlog: None })));
    case
}

#[rstest]
#[case::v4(Family::V4)]
#[case::v6(Family::V6)]
fn a_passive_open_passes(#[case] family: Family) {
    passes(
        &listening([
            Verb::Silence(span(200)),
            Verb::State {
                state: State::Established,
                within: None,
            },
        ]),
        family,
    );
}

#[test]
fn data_goes_both_ways() {
    let data = Inject {
        data: Some(Payload::Pattern(Expr::Number(1000))),
        ..ack()
    };
    let mut reply = pattern(Flags::ACK, is(var(Var::SndNxt)), is(var(Var::RcvNxt)));
    reply.data = Some(DataPattern::Count(is(Expr::Number(500))));
    let seen = |count| AppEvent::Data(Payload::Pattern(Expr::Number(count)));
    passes(
        &listening([
            Verb::Inject(Box::new(data)),
            Verb::App(AppWait {
                event: seen(1000),
                within: None,
            }),
            call(Call::Send {
                data: Payload::Pattern(Expr::Number(500)),
                urgent: false,
            }),
            Verb::Expect(Box::new(expect(reply))),
            Verb::Inject(Box::new(ack())),
        ]),
        Family::V4,
    );
}

#[test]
fn two_msl_pass_in_no_time() {
    let fin = Flags::FIN.with(Flags::ACK);
    let fin_expected = pattern(fin, is(var(Var::SndNxt)), is(var(Var::RcvNxt)));
    let our_fin = inject(fin, var(Var::RcvNxt), Some(var(Var::SndNxt)));
    let state = |state| Verb::State {
        state,
        within: None,
    };
    passes(
        &listening([
            call(Call::ShutdownWrite),
            Verb::Expect(Box::new(expect(fin_expected))),
            Verb::Inject(Box::new(our_fin)),
            Verb::Expect(Box::new(ack_expected())),
            state(State::TimeWait),
            Verb::Silence(span(59_000)),
            state(State::TimeWait),
            Verb::Silence(span(1_000)),
            state(State::Closed),
        ]),
        Family::V6,
    );
}

#[rstest]
#[case("msl", "30s", true)]
#[case("msl", "soon", false)]
#[case("syn_fin", "drop", true)]
#[case("syn_fin", "frown", false)]
#[case("fast_retransmit", "reno", true)]
#[case("fast_retransmit", "often", false)]
#[case("max_persist", "2m", true)]
#[case("max_persist", "long", false)]
#[case("colour", "blue", false)]
fn policies_are_followed_or_refused(#[case] name: &str, #[case] value: &str, #[case] known: bool) {
    let mut profile = Profile::default();
    profile.policies.insert(name.to_owned(), value.to_owned());
    assert_eq!(config(&profile).is_ok(), known);
}

/// Each claim that has a switch turns it, and no other claim does.
#[rstest]
#[case("dsack-undo", |config: &Config| config.dsack_undo)]
#[case("limited-transmit", |config: &Config| config.limited_transmit)]
#[case("pmtud", |config: &Config| config.path_mtu_discovery)]
#[case("rfc5927", |config: &Config| config.rfc5927)]
#[case("rfc5961", |config: &Config| config.rfc5961)]
fn a_claim_is_a_switch(#[case] claim: &str, #[case] is_on: fn(&Config) -> bool) {
    let mut profile = Profile::default();
    assert!(!is_on(&config(&profile).unwrap()));
    profile.claims.insert(claim.to_owned());
    assert!(is_on(&config(&profile).unwrap()));
}
