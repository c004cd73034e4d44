//! The runner, with devices that do what they are told: the ways of a whole case. What belongs to
//! one kind of step is in the modules below.

mod application;
mod choices;
mod copies;
mod fake;
mod introspection;
mod packets;
mod segments;
mod service;
mod silences;

use super::builders::*;
use crate::device::{Device, Seen};
use crate::drive::virtual_time::{play, play_out};
use crate::spec::case::*;
use crate::time::Instant;
use crate::wire::bit;
use fake::{Does, Fake, Reaction, segment};
use rstest::rstest;
use tcpspec_reports::record::{CaseRecord, Event, EventKind, Judged, Verdict};

const NOW: std::time::Duration = std::time::Duration::ZERO;

/// How a device answers the handshake, and then to what follows.
fn opening(then: impl IntoIterator<Item = Reaction>) -> Fake {
    let mut reactions = vec![
        vec![
            (NOW, Does::Send(segment(bit::SYN | bit::ACK, 0, 1))),
            (NOW, Does::Be(State::SynReceived)),
        ],
        vec![
            (NOW, Does::See(Seen::Accepted)),
            (NOW, Does::Be(State::Established)),
        ],
    ];
    reactions.extend(then);
    Fake::new(reactions)
}

fn run(case: &Case, device: &mut Fake) -> CaseRecord {
    play(case, &profile(), device, 7)
}

#[track_caller]
fn assert_found(record: &CaseRecord, symptom: &str, headline: &str) {
    let found: Vec<_> = record
        .mismatches
        .iter()
        .map(|one| (one.symptom.as_str(), one.headline.as_str()))
        .collect();
    assert_eq!(
        found,
        [(symptom, headline)],
        "{:?} {:?}",
        record.verdict,
        record.reason
    );
}

fn rst() -> Verb {
    Verb::Inject(Box::new(inject(
        Flags::RST,
        plus(var(Var::RcvNxt), 1),
        None,
    )))
}

fn challenge() -> Verb {
    Verb::Expect(Box::new(ack_expected()))
}

#[test]
fn a_passive_open_passes() {
    let case = opened([
        Verb::Silence(span(200)),
        Verb::State {
            state: State::Established,
            within: None,
        },
    ]);
    let mut device = opening([]);
    let record = run(&case, &mut device);
    assert_eq!((record.verdict, &record.reason), (Verdict::Pass, &None));
    assert_eq!((record.assertions, record.unchecked), (4, 0));
    assert_eq!(record.mismatches, []);
    assert_eq!(
        record.device_ns, 250_000_000,
        "200 ms of silence, then 50 ms open for replies"
    );
    assert_eq!(record.connections[0].iss, Some(fake::ISS));
    assert_eq!(
        record.connections[0].irs,
        device.injected[0].tcp().map(|tcp| tcp.seq)
    );
    let states: Vec<_> = record
        .events
        .iter()
        .filter_map(|event| event.state.as_deref())
        .collect();
    assert_eq!(
        states,
        ["SYN-RECEIVED", "SYN-RECEIVED", "ESTABLISHED", "ESTABLISHED"]
    );
}

#[test]
fn a_seed_is_replayed_exactly() {
    let case = opened([Verb::Silence(span(200))]);
    // All but the real time that it took.
    let timeless = |record| CaseRecord {
        wall_ns: 0,
        ..record
    };
    let [one, same] = [7, 7].map(|seed| play(&case, &profile(), &mut opening([]), seed));
    assert_eq!(timeless(one.clone()), timeless(same));
    let other = play(&case, &profile(), &mut opening([]), 8);
    assert_ne!(one.connections, other.connections);
}

/// A segment below the window, which must draw an ACK.
fn ack_of_nothing() -> Verb {
    let seq = plus(var(Var::RcvNxt), -1);
    Verb::Inject(Box::new(inject(Flags::ACK, seq, Some(var(Var::SndNxt)))))
}

#[test]
fn a_failing_preamble_is_inconclusive() {
    let mut case = opened([rst()]);
    for step in &mut case.steps {
        step.preamble = Some("ESTABLISHED".into());
    }
    let record = run(&case, &mut Fake::new([]));
    assert_eq!(record.verdict, Verdict::Inconclusive);
    assert_eq!(
        record.reason.as_deref(),
        Some(
            "could not reach ESTABLISHED: expected <SEQ=any><ACK=IRS+1><CTL=SYN,ACK> within 1 s; \
             the device stayed silent"
        ),
    );
    assert_eq!(record.assertions, 0);
}

#[test]
fn a_value_that_is_not_there_is_the_fault_of_the_spec() {
    let early = Verb::Check(Comparison {
        left: var(Var::Iss),
        operator: Operator::Equal,
        right: is(var(Var::SndNxt)),
        text: "ISS == SND.NXT".to_owned(),
    });
    let record = run(&case(vec![early]), &mut Fake::new([]));
    assert_eq!(record.verdict, Verdict::Inconclusive);
    let reason = "step 1 (specs/3.5-by-hand/by-hand.yaml:1): ISS has no value yet at this step";
    assert_eq!(record.reason.as_deref(), Some(reason));
}

#[test]
fn a_late_tester_proves_no_failure() {
    let play_in_doubt = |case: &Case, device: &mut Fake| {
        let profile = profile();
        let mut runner = crate::run::Runner::new(case, &profile, device.link(), 7);
        let mut now = Instant::START;
        play_out(&mut runner, device, &mut now).unwrap();
        runner.doubt("the tester was 20 ms late".to_owned());
        runner.finish(now).verdict
    };
    let failing = opened([rst(), challenge()]);
    assert_eq!(
        play_in_doubt(&failing, &mut opening([])),
        Verdict::Inconclusive
    );
    assert_eq!(play_in_doubt(&opened([]), &mut opening([])), Verdict::Pass);
}
