//! Records as runs make them, for the tests of all reports: one of each kind.

mod story;

use crate::record::*;
use story::{Story, device_seq, field, tester_seq};

/// A run in which everything occurs.
pub(crate) fn run() -> Run {
    Run {
        canaries: canaries(true),
        findings: vec![finding()],
        remarks: vec!["the link dropped 3 frames".into()],
        ..run_of(vec![
            pass(),
            flaky(),
            unchecked(),
            inconclusive(),
            unsteady(),
            deviates(),
            fail("CLOSING"),
            fail("LAST-ACK"),
            known(),
            came_again(),
            two_connections(),
            skipped("a"),
            skipped("b"),
        ])
    }
}

/// A run without a fault.
pub(crate) fn green() -> Run {
    run_of(vec![pass(), unchecked(), skipped("a"), skipped("b")])
}

/// A run that was interrupted when one case of three had run, and one had begun.
pub(crate) fn interrupted() -> Run {
    let left_out = |name: &str, reason: &str| CaseRecord {
        reason: Some(reason.into()),
        attempts: 0,
        ..skipped(name)
    };
    Run {
        interrupted: true,
        ..run_of(vec![
            pass(),
            left_out("a", INTERRUPTED_IN_PROGRESS),
            left_out("b", INTERRUPTED),
        ])
    }
}

/// A run of the cases.
pub(crate) fn run_of(cases: Vec<CaseRecord>) -> Run {
    Run {
        format: FORMAT,
        tool: "tcpspec 0.1.0".into(),
        command: vec!["tcpspec".into(), "run".into()],
        started_unix_ms: 1_790_000_000_123,
        wall_ns: 880_000_000,
        device: device(),
        seed: 0x5f3a_91c2,
        interrupted: false,
        canaries: canaries(true),
        cases,
        findings: Vec::new(),
        remarks: Vec::new(),
        suite: None,
    }
}

/// A run of a suite of three cases, not judged yet.
pub(crate) fn of_suite(cases: Vec<CaseRecord>) -> Run {
    let result = |id: &str, title: &str| SuiteResult {
        id: id.into(),
        title: title.into(),
        outcome: Outcome::Skipped,
        reason: None,
        cases: Vec::new(),
    };
    Run {
        suite: Some(Suite {
            name: "tc8".into(),
            title: "OPEN Alliance TC8, TCP".into(),
            results: vec![
                result("TCP_BASICS_01", "SYN to a listener draws SYN,ACK"),
                result(
                    "TCP_RETRANSMISSION_TO_09",
                    "back-off of a SYN, with a \u{1b}[31mtitle",
                ),
                result("TCP_NAGLE_02", "nobody has looked at this one"),
            ],
        }),
        ..run_of(cases)
    }
}

/// The suite, with a case that passes and one that fails.
pub(crate) fn suite() -> Run {
    let shows = |id: &str, mut case: CaseRecord| {
        case.covers[0].id = id.into();
        case
    };
    let mut run = of_suite(vec![
        shows("TCP_BASICS_01", pass()),
        shows("TCP_RETRANSMISSION_TO_09", pass()),
        shows("TCP_RETRANSMISSION_TO_09", fail("CLOSING")),
    ]);
    crate::suite::judge(&mut run);
    run
}

/// The case, showing the first id of the suite.
pub(crate) fn shows_first_id(case: CaseRecord) -> CaseRecord {
    let covers = vec![Requirement {
        id: "TCP_BASICS_01".into(),
        place: "TC8, RFC 9293 §3.5".into(),
        level: Level::Must,
        sentence: "SYN to a listener draws SYN,ACK".into(),
    }];
    CaseRecord { covers, ..case }
}

pub(crate) fn device() -> DeviceRecord {
    DeviceRecord {
        name: "bundled".into(),
        identity: "tcpspec-stack 0.1.0".into(),
        clock: "virtual".into(),
        link: "memory".into(),
        claims: vec!["rfc5961".into()],
        policies: vec![("msl".into(), "30s".into())],
    }
}

pub(crate) fn canaries(caught: bool) -> Vec<Canary> {
    let canary = |name: &str, caught| Canary {
        name: name.into(),
        caught,
        unjudged: None,
    };
    vec![
        canary("a false expectation", true),
        canary("a broken silence", caught),
    ]
}

pub(crate) fn finding() -> DeviationFinding {
    DeviationFinding {
        code: "deviation::fixed".into(),
        message: "bundled no longer shows this deviation; remove it".into(),
        file: "specs/deviations/bundled.yaml".into(),
        line: 4,
    }
}

/// Figure 6 of RFC 9293.
pub(crate) fn pass() -> CaseRecord {
    let mut story = Story::new("3.5/passive-open[v4]", "3.5-establishing");
    story.title("A passive open completes the three-way handshake");
    story.covers(
        "SM-LISTEN-SYN_IW",
        "RFC 9293 §3.10.7.2",
        "a SYN in LISTEN draws a SYN,ACK.",
    );
    story
        .step("1", 8)
        .options("MSS=1460")
        .inject("SYN", 0, None, 0);
    story
        .step("2", 9)
        .options("MSS=1460")
        .receive("SYN,ACK", 0, 1, 0, Judged::Matched);
    story.step("3", 11).reported("SYN-RECEIVED", true);
    story.step("4", 12).inject("ACK", 1, Some(1), 0);
    story.step("5", 13).app("accepted", true);
    story.step("6", 14).silence(200_000_000);
    story.step("7", 15).reported("ESTABLISHED", true);
    story.done(Verdict::Pass)
}

/// A pass on the second attempt; on the first one the device spoke where it was to be silent.
pub(crate) fn flaky() -> CaseRecord {
    let record = CaseRecord {
        id: "3.5/passive-open[v6]".into(),
        family: Family::V6,
        ..pass()
    };
    let symptom = "step 6: silence broken by ACK";
    let headline = "expected silence for 200 ms; after 12 ms came <SEQ=301><ACK=101><CTL=ACK>";
    let first = went_wrong(&record, symptom, headline);
    CaseRecord {
        attempts: 2,
        flaky: true,
        earlier: vec![first],
        ..record
    }
}

/// The same case when it went wrong in another way.
fn went_wrong(case: &CaseRecord, symptom: &str, headline: &str) -> CaseRecord {
    let mismatch = Mismatch {
        level: Level::Must,
        requirement: None,
        step: None,
        event: None,
        symptom: symptom.into(),
        headline: headline.into(),
        fields: Vec::new(),
    };
    CaseRecord {
        verdict: Verdict::Fail,
        mismatches: vec![mismatch],
        ..case.clone()
    }
}

/// A failure that came again when it was played again.
pub(crate) fn came_again() -> CaseRecord {
    CaseRecord {
        attempts: 2,
        earlier: vec![silence_broken()],
        ..silence_broken()
    }
}

/// A failure that was another one each time.
pub(crate) fn unsteady() -> CaseRecord {
    let earlier = ["step 2: none", "step 4: none"];
    let earlier =
        earlier.map(|symptom| went_wrong(&missing(), symptom, "the device stayed silent"));
    CaseRecord {
        attempts: 3,
        earlier: earlier.into(),
        ..missing()
    }
}

/// A pass of which the device could not tell everything.
pub(crate) fn unchecked() -> CaseRecord {
    let mut story = Story::new("3.6/simultaneous-close[v4]", "3.6-closing");
    story.preamble_established();
    story.step("1", 10).call("shutdown write", None);
    story
        .step("2", 11)
        .receive("FIN,ACK", 1, 1, 0, Judged::Matched);
    story.step("3", 12).unreported("FIN-WAIT-1");
    story.step("4", 13).inject("FIN,ACK", 1, Some(1), 0);
    story.step("5", 14).receive("ACK", 2, 2, 0, Judged::Matched);
    let mut record = story.done(Verdict::Pass);
    (record.unchecked, record.assertions) = (1, 6);
    record
}

/// The screen of a wrong field: an acknowledgment one too high.
pub(crate) fn fail(state: &str) -> CaseRecord {
    let id = format!("3.10.7.4/rst-validation[state={state},rst=inside,v4]");
    let mut story = Story::new(&id, "3.10.7.4-other-states");
    story.title("RST validation in every synchronized state");
    story.covers("RFC5961-3.2-3", "RFC 9293 §3.10.7.4", RST_SENTENCE);
    story.covers(
        "RFC5961-3.2-2",
        "RFC 5961 §3.2",
        "a RST at RCV.NXT aborts the connection.",
    );
    story.preamble_closing();
    story.state(state);
    story.step("1", 22).inject("RST", 3, None, 0);
    story
        .step("2", 25)
        .receive("ACK", 2, 3, 0, Judged::Mismatched);
    story.mismatch(
        "step 2: ack RCV.NXT+1",
        "ACK is RCV.NXT+1, expected RCV.NXT",
        vec![
            field(
                "CTL",
                Value::Text("ACK".into()),
                "",
                Value::Text("ACK".into()),
                "",
            ),
            field("SEQ", device_seq(2), "SND.NXT", device_seq(2), "SND.NXT"),
            field("ACK", tester_seq(2), "RCV.NXT", tester_seq(3), "RCV.NXT+1"),
            field(
                "within",
                Value::Duration(1_000_000_000),
                "",
                Value::None,
                "",
            ),
        ],
    );
    story.remark("ACK", "one too high");
    story.done(Verdict::Fail)
}

const RST_SENTENCE: &str = "a RST that is inside the window but not at RCV.NXT is answered by a \
                            challenge ACK and dropped.";

/// A failure that the deviation list foretold.
pub(crate) fn known() -> CaseRecord {
    let known = Known {
        requirements: vec!["RFC9293-3.4-3".into(), "RFC5961-3.2-1".into()],
        reason: "the kernel counts RCV.NXT+RCV.WND itself as inside the window".into(),
        expires: "2027-01-31".into(),
    };
    let id = "3.10.7.4/rst-validation[state=CLOSING,rst=beyond,v4]".into();
    CaseRecord {
        id,
        known: Some(known),
        ..silence_broken()
    }
}

/// Something came where nothing may come.
pub(crate) fn silence_broken() -> CaseRecord {
    let id = "3.10.7.4/rst-validation[state=ESTABLISHED,rst=beyond,v4]";
    let mut story = Story::new(id, "3.10.7.4-other-states");
    story.covers(
        "RFC5961-3.2-1",
        "RFC 5961 §3.2",
        "a RST outside the window is dropped.",
    );
    story.preamble_established();
    story.step("1", 22).inject("RST", 65536, None, 0);
    story.wait(212_000_000);
    story
        .step("2", 20)
        .receive("ACK", 1, 1, 0, Judged::Unexpected);
    let headline = "expected silence for 500 ms; after 212 ms came <SEQ=301><ACK=101><CTL=ACK>";
    story.mismatch("step 2: silence broken by ACK", headline, Vec::new());
    story.done(Verdict::Fail)
}

/// A reply that stayed out.
pub(crate) fn missing() -> CaseRecord {
    let mut story = Story::new("3.8/zero-window-probe[v4]", "3.8-data");
    story.covers(
        "MUST-36",
        "RFC 9293 §3.8.6.1",
        "a sender probes a closed window.",
    );
    story.preamble_established();
    story.step("1", 10).call("send 1000", None);
    story
        .step("2", 11)
        .receive("ACK", 1, 1, 1000, Judged::Matched);
    story
        .step("3", 12)
        .window(0)
        .inject("ACK", 1, Some(1001), 0);
    story.step("4", 13).call("send 1000", None);
    story.wait(10_000_000_000);
    let fields = vec![
        field("SEQ", device_seq(1001), "SND.NXT", Value::None, ""),
        field("ACK", tester_seq(1), "RCV.NXT", Value::None, ""),
        field("DATA", Value::None, "any", Value::None, ""),
    ];
    story
        .step("5", 14)
        .missing("ACK", fields.clone(), 10_000_000_000);
    let headline = "expected <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> within 10 s; the device stayed \
                    silent";
    story.mismatch("step 5: none", headline, fields);
    story.done(Verdict::Fail)
}

/// A recommendation that is not followed.
pub(crate) fn deviates() -> CaseRecord {
    let mut story = Story::new("3.8/synack-retransmission[v4]", "3.8-data");
    story.covers(
        "RFC6298-2-1",
        "RFC 6298 §2",
        "the first timeout is one second.",
    );
    story.level(Level::Should);
    story.step("1", 9).inject("SYN", 0, None, 0);
    story
        .step("2", 10)
        .receive("SYN,ACK", 0, 1, 0, Judged::Matched);
    story.wait(200_000_000);
    story
        .step("3", 11)
        .receive("SYN,ACK", 0, 1, 0, Judged::Deviates);
    let headline = "retransmitted after 0.20 s; expected 1 s (0.90 … 1.30 s with this device's \
                    slack)";
    let fifth = Value::Duration(200_000_000);
    let expected = "1.5*prev.after..min(2.5*prev.after, RTO.MAX)";
    let fields = vec![
        field(
            "CTL",
            Value::Text("SYN,ACK".into()),
            "",
            Value::Text("SYN,ACK".into()),
            "",
        ),
        field("DATA", Value::Number(0), "", Value::Number(0), ""),
        field("after", Value::None, expected, fifth, ""),
    ];
    story.mismatch("step 3: too early", headline, fields);
    story.remark("after", "0.90 … 1.30 s with this device's slack");
    story.done(Verdict::Deviates)
}

/// A preamble that did not reach its state.
pub(crate) fn inconclusive() -> CaseRecord {
    let mut story = Story::new("3.6/rst-in-fin-wait-2[v4]", "3.6-closing");
    story.preamble_established();
    story.preamble("FIN-WAIT-1");
    story.step("1", 38).call("shutdown write", None);
    story.wait(1_000_000_000);
    let fields = vec![
        field("SEQ", device_seq(1), "SND.NXT", Value::None, ""),
        field("ACK", tester_seq(1), "RCV.NXT", Value::None, ""),
    ];
    story
        .step("2", 39)
        .missing("FIN,ACK", fields.clone(), 1_000_000_000);
    let headline = "could not reach FIN-WAIT-2: the FIN was never sent";
    story.mismatch("preamble FIN-WAIT-1, step 2: none", headline, fields);
    let record = story.done(Verdict::Inconclusive);
    CaseRecord {
        reason: Some(headline.into()),
        ..record
    }
}

/// A case that needs what the device does not have.
pub(crate) fn skipped(name: &str) -> CaseRecord {
    let id = format!("rfc7323.3/timestamp-echo-{name}[v4]");
    let story = Story::new(&id, "rfc7323.3-timestamps");
    let reason = "needs rfc7323.timestamps, which bundled does not claim";
    CaseRecord {
        reason: Some(reason.into()),
        ..story.done(Verdict::Skipped)
    }
}

/// Two connections, a branch, a refused call, and a state that is not the one expected.
pub(crate) fn two_connections() -> CaseRecord {
    let mut story = Story::new("3.10.7.4/syn-flood[backlog=1,v4]", "3.10.7.4-other-states");
    story.covers(
        "PRACTICE-1",
        "practice, SYN queue",
        "a full queue drops the newcomer.",
    );
    story.second_connection();
    story
        .step("1", 12)
        .options("MSS=1460 WS=7 SACK_OK TS=1,0")
        .inject("SYN", 0, None, 0);
    story.on(1).step("2/drop.1", 15).inject("SYN", 0, None, 0);
    story
        .on(1)
        .step("2/drop.2", 16)
        .receive("RST,ACK", 0, 1, 0, Judged::Ignored);
    story
        .on(0)
        .step("3", 18)
        .call("set nodelay", Some("this device has no `set`"));
    story.on(1).step("4", 19).app("reset", false);
    story.on(0).step("5", 20).note("the queue holds one");
    story
        .on(0)
        .step("6", 21)
        .reported("state SYN-RECEIVED, reported LISTEN", false);
    let headline = "expected SYN-RECEIVED, the device reports LISTEN";
    story.mismatch("step 6: state LISTEN", headline, Vec::new());
    let record = story.done(Verdict::Fail);
    CaseRecord {
        branches: vec!["step 2: drop".into()],
        ..record
    }
}

/// Everything that a report must not let through.
pub(crate) fn hostile() -> CaseRecord {
    let nasty = "a\u{1b}[2J]]>\u{0}\u{ffff}<b & 'c' \"d\">\r\n::error::x | `y` %0A";
    let mut story = Story::new("3.5/hostile[text=]]>\u{1b}[31m<&,v4]", "3.5-establishing");
    story.title(nasty);
    story.covers("MUST-1", nasty, nasty);
    story.step("1", 8).options(nasty).inject(nasty, 0, None, 0);
    story.step("2", 9).call(nasty, Some(nasty));
    story.step("3", 10).note(nasty);
    story.mismatch(nasty, nasty, Vec::new());
    let record = story.done(Verdict::Fail);
    CaseRecord {
        file: format!("specs/{nasty}.yaml"),
        ..record
    }
}
