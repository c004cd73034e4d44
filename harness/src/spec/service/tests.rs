//! Services are read, and calls are said in their words, or refused.

use super::*;
use crate::spec::case::{Case, Draws, Family, Inject, Payload, Until, Verb};
use crate::spec::{Sources, load};
use rstest::rstest;

fn suite() -> crate::spec::Suite {
    load(&Sources::embedded().without_specs()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn service(name: &str) -> Service {
    suite().service(name).unwrap().clone()
}

/// A case of these steps from that state.
fn case(start: &str, steps: &str) -> Case {
    let head = "spec: 1\ntitle: A title\ncovers: [MUST-13]\n";
    let text = format!("{head}start: {start}\nsteps:\n{steps}");
    let sources = Sources::embedded().without_specs();
    let suite = load(&sources.with_text("3.8-data/told.yaml", &text))
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    let profile = suite.profile("linux").unwrap();
    suite.cases(profile, &[Family::V4]).unwrap().remove(0)
}

fn requests(case: &Case) -> Vec<&Inject> {
    let request = |verb: &'_ Verb| matches!(verb, Verb::Inject(inject) if inject.draws.is_some());
    let steps = case.steps.iter().filter(|step| request(&step.verb));
    steps
        .filter_map(|step| match &step.verb {
            Verb::Inject(inject) => Some(&**inject),
            _ => None,
        })
        .collect()
}

#[rstest]
#[case("redis", 7, "PING\r\n", "+PONG\r\n")]
#[case("redis", 4, "EVAL \"return {ok=string.rep('x',1)}\" 0\r\n", "+x\r\n")]
#[case(
    "redis",
    12,
    "EVAL \"return {ok=string.rep('x',9)}\" 0\r\n",
    "+xxxxxxxxx\r\n"
)]
fn a_send_is_a_request_with_that_reply(
    #[case] name: &str,
    #[case] count: usize,
    #[case] request: &str,
    #[case] reply: &str,
) {
    let steps = format!("  - call: {{send: {count}}}\n  - expect: {{flags: ACK, data: {count}}}\n");
    let told = service(name)
        .translate(&case("ESTABLISHED", &steps))
        .unwrap();
    let asked = requests(&told);
    assert_eq!(asked[0].data, Some(Payload::Text(request.into())));
    assert_eq!(asked[0].draws, Some(Draws::Text(reply.into())));
}

const LAST_ACK: &str = "  - inject: {flags: ACK}\n  - silence: 50ms\n";
const FIN: &str = "  - call: {shutdown: write}\n  - expect: {flags: FIN-ACK}\n";

#[test]
fn a_service_that_closes_when_its_peer_does_needs_no_call() {
    let told = service("echo")
        .translate(&case("LAST-ACK", LAST_ACK))
        .unwrap();
    let verbs = |wanted: fn(&Verb) -> bool| told.steps.iter().filter(|s| wanted(&s.verb)).count();
    assert_eq!(verbs(|verb| matches!(verb, Verb::Call { .. })), 1, "listen");
    assert_eq!(
        verbs(|verb| matches!(verb, Verb::Expect(_))),
        2,
        "SYN-ACK and FIN-ACK"
    );
    assert_eq!(
        requests(&told).len(),
        1,
        "the FIN, whose ACK may come with the other FIN"
    );
}

#[test]
fn a_close_is_heard_until_the_fin() {
    let told = service("http")
        .translate(&case("ESTABLISHED", FIN))
        .unwrap();
    let drains = |verb: &Verb| matches!(verb, Verb::Drain(Until::Fin));
    assert!(told.steps.iter().any(|step| drains(&step.verb)));
}

#[test]
fn text_that_is_not_for_the_service_is_what_it_ignores() {
    let steps = "  - inject: {flags: ACK, data: 10}\n  - expect: {flags: ACK}\n";
    let told = service("redis")
        .translate(&case("ESTABLISHED", steps))
        .unwrap();
    let text = told.steps.iter().find_map(|step| match &step.verb {
        Verb::Inject(inject) => inject.data.clone(),
        _ => None,
    });
    assert_eq!(text, Some(Payload::Text(vec![b'\n'; 10])));
}

#[test]
fn a_greeting_is_heard_when_the_connection_is_open() {
    let steps = "  - silence: 100ms\n";
    let told = service("ssh")
        .translate(&case("ESTABLISHED", steps))
        .unwrap();
    let heard = Verb::Drain(Until::Text(b"\n".to_vec()));
    let at = told
        .steps
        .iter()
        .position(|step| matches!(step.verb, Verb::Drain(_)));
    assert_eq!(
        format!("{:?}", told.steps[at.unwrap()].verb),
        format!("{heard:?}")
    );
}

#[rstest]
#[case::too_few_octets(
    "redis",
    "  - call: {send: 2}\n  - expect: {flags: ACK, data: 2}\n",
    "2 octets"
)]
#[case::no_replies(
    "http",
    "  - call: {send: 7}\n  - expect: {flags: ACK, data: 7}\n",
    "7 octets"
)]
#[case::no_request_to_close("echo", FIN, "closes first")]
#[case::text_for_an_echo(
    "echo",
    "  - inject: {flags: ACK, data: 1}\n  - expect: {flags: ACK}\n",
    "answer"
)]
#[case::an_ack_too_many(
    "redis",
    "  - call: {send: 7}\n  - inject: {flags: RST, seq: RCV.NXT+1}\n  - expect: {flags: ACK}\n",
    "could be that of the request"
)]
#[case::counted_from_irs(
    "redis",
    "  - call: {send: 7}\n  - expect: {flags: ACK, data: 7}\n\
     \x20 - inject: {flags: ACK, seq: IRS+1}\n",
    "counts from IRS"
)]
#[case::counted_from_an_earlier_segment(
    "redis",
    "  - inject: {flags: ACK, as: first}\n  - call: {send: 7}\n\
     \x20 - expect: {flags: ACK, data: 7}\n  - inject: {flags: ACK, seq: first.seq}\n",
    "counts from an earlier segment"
)]
#[case::nagle(
    "redis",
    "  - call: {send: 1000}\n  - expect: {flags: ACK, data: 1000}\n  - call: {send: 10}\n\
     \x20 - silence: 100ms\n",
    "sends again"
)]
#[case::text_after_the_close(
    "redis",
    "  - call: {shutdown: write}\n  - expect: {flags: FIN-ACK}\n\
     \x20 - inject: {flags: ACK, data: 10}\n  - expect: {flags: ACK}\n",
    "after its CLOSE"
)]
#[case::urgent(
    "redis",
    "  - call: {send: {count: 7, urgent: true}}\n  - silence: 1s\n",
    "urgent"
)]
#[case::a_peer_that_closes(
    "redis",
    "  - inject: {flags: FIN-ACK}\n  - expect: {flags: ACK}\n",
    "closes as well"
)]
#[case::without_end("chargen", "  - silence: 100ms\n", "never stops")]
fn what_is_not_exact_is_refused(#[case] name: &str, #[case] steps: &str, #[case] why: &str) {
    let refused = service(name).translate(&case("ESTABLISHED", steps));
    let reason = refused.map(|case| case.id).unwrap_err();
    assert!(reason.contains(why), "{reason}");
}

#[test]
fn a_half_second_of_silence_settles_the_acknowledgment() {
    let steps = "  - inject: {flags: ACK, wnd: 0}\n  - call: {send: 7}\n  - silence: 500ms\n\
                 \x20 - inject: {flags: RST, seq: RCV.NXT+1}\n  - expect: {flags: ACK}\n";
    assert!(
        service("redis")
            .translate(&case("ESTABLISHED", steps))
            .is_ok()
    );
}

#[test]
fn every_service_can_be_tried() {
    let suite = suite();
    let profile = suite.profile("host").unwrap();
    for service in suite.services() {
        let trials = suite.trials(service, profile, Family::V6);
        let trials = trials.unwrap_or_else(|wrong| panic!("{}: {wrong}", service.name));
        let expected = usize::from(service.name != "chargen");
        assert!(trials.len() >= expected, "{}", service.name);
    }
}

#[rstest]
#[case("service: x\ntitle: x\nreplies:\n  - {request: a}\n", "a reply has")]
#[case(
    "service: x\ntitle: x\nreplies:\n  - {request: a, fill: b}\n",
    "{count}"
)]
#[case("service: x\ntitle: x\nignores: ab\n", "one octet")]
#[case("service: x\ntitle: x\nsays_first: {ends: \"\"}\n", "says first")]
#[case("service: x\ntitle: x\ncloses_after: {hex: \"1\"}\n", "hexadecimal")]
#[case("title: x\n", "needs `service`")]
#[case("service: x\ntitle: x\nclose: y\n", "no field `close`")]
fn what_is_wrong_is_told(#[case] text: &str, #[case] why: &str) {
    let document = Document::read(&Source::new("x.yaml", text.to_owned())).unwrap();
    let wrong = Service::read(&document).unwrap_err().to_string();
    assert!(wrong.contains(why), "{wrong}");
}
