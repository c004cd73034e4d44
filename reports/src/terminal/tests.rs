use super::*;
use crate::counts::chapters;
use crate::record::Canary;
use crate::tests::golden;
use crate::tests::sample;
use rstest::rstest;

/// A whole screen, as the command line prints it.
fn screen(run: &Run, screen: &Screen) -> String {
    let plan = Plan {
        tool: &run.tool,
        device: &run.device,
        seed: run.seed,
        specs: 10,
        cases: run.cases.len(),
    };
    let mut text = screen.banner(&plan) + "\n";
    for chapter in chapters(run) {
        text.push_str(&screen.chapter(&chapter));
    }
    text + &screen.end(run)
}

fn strict() -> Screen {
    Screen {
        strict: true,
        ..Screen::default()
    }
}

#[rstest]
#[case("green", sample::green(), Screen::default())]
#[case("failing", sample::run(), Screen::default())]
#[case("strict", sample::run_of(vec![sample::deviates()]), strict())]
#[case("hostile", sample::run_of(vec![sample::hostile()]), Screen::default())]
#[case("nothing", sample::run_of(Vec::new()), Screen::default())]
#[case("interrupted", sample::interrupted(), Screen::default())]
#[case("suite", sample::suite(), Screen::default())]
fn screens(#[case] name: &str, #[case] run: Run, #[case] how: Screen) {
    let text = screen(&run, &how);
    golden::check(&format!("terminal/{name}.txt"), &text);
    // Paths and commands are for copying and stay whole.
    let whole = ["spec  ", "pcap  ", "again "];
    let is_whole = |line: &str| whole.iter().any(|word| line.trim().starts_with(word));
    for line in text.lines().filter(|line| !is_whole(line)) {
        assert!(line.chars().count() <= COLUMNS, "{line}");
    }
}

#[test]
fn annotations() {
    let mut run = sample::run();
    run.cases.push(sample::hostile());
    let lines = ci::github(&run, false);
    let written = ["junit.xml".into(), "2 captures".into()];
    golden::check(
        "terminal/ci.txt",
        lines.clone() + &ci::last_lines(&run, &written, 1),
    );
    assert!(lines.lines().all(|line| line.starts_with("::error ")));
}

#[test]
fn a_canary_that_lives_is_loud() {
    let run = Run {
        canaries: sample::canaries(false),
        ..sample::green()
    };
    assert!(screen(&run, &Screen::default()).contains("cannot see failures here"));
    assert!(ci::github(&run, false).contains("`a broken silence`"));
}

#[test]
fn a_canary_without_a_judgement_says_why_and_proves_nothing() {
    let mut run = Run {
        canaries: sample::canaries(false),
        ..sample::green()
    };
    run.canaries[1].unjudged = Some("this device has no `send`".into());
    let text = screen(&run, &Screen::default());
    assert!(!text.contains("cannot see failures here"), "{text}");
    let line = "`a broken silence` not judged: this device has no `send`";
    assert!(
        text.contains("canaries: 1 caught\n") && text.contains(line),
        "{text}"
    );
}

#[test]
fn colour_adds_nothing_but_colour() {
    let run = Run {
        canaries: vec![Canary {
            name: "x".into(),
            caught: false,
            unjudged: None,
        }],
        ..sample::run()
    };
    let coloured = screen(
        &run,
        &Screen {
            palette: Palette::colour(),
            ..Screen::default()
        },
    );
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(
        text::without_escapes(&coloured),
        screen(&run, &Screen::default())
    );
}

#[test]
fn equal_symptoms_are_shown_once() {
    let run = sample::run();
    let text = screen(&run, &Screen::default());
    assert_eq!(text.matches("one too high").count(), 1);
    assert_eq!(groups(&run, false)[1].others.len(), 1);
}

#[test]
fn many_failures_are_cut_and_counted() {
    let cases = (0..60).map(|n| {
        let mut case = sample::fail("CLOSING");
        case.mismatches[0].symptom = format!("step {n}: none");
        case
    });
    let run = sample::run_of(cases.collect());
    let text = Screen::default().failures(&run);
    assert!(text.contains("… and 10 more differences"));
}
