use super::text::{Options, write};
use super::*;
use crate::palette::Palette;
use crate::tests::golden;
use crate::tests::sample;
use rstest::rstest;

fn plain(record: &CaseRecord, options: &Options) -> String {
    write(&layout(record), options).join("\n") + "\n"
}

#[rstest]
#[case("pass", sample::pass())]
#[case("wrong-field", sample::fail("CLOSING"))]
#[case("silence-broken", sample::silence_broken())]
#[case("missing", sample::missing())]
#[case("deviates", sample::deviates())]
#[case("inconclusive", sample::inconclusive())]
#[case("two-connections", sample::two_connections())]
#[case("unchecked", sample::unchecked())]
#[case("hostile", sample::hostile())]
fn ladders_look_like_the_figures(#[case] name: &str, #[case] record: CaseRecord) {
    golden::check(
        &format!("ladder/{name}.txt"),
        plain(&record, &Options::default()),
    );
    golden::check(
        &format!("ladder/{name}.mmd"),
        mermaid::write(&layout(&record)),
    );
}

#[test]
fn verbose_ladders_add_the_numbers_of_the_wire() {
    let options = Options {
        verbose: true,
        ..Options::default()
    };
    golden::check(
        "ladder/verbose.txt",
        plain(&sample::fail("CLOSING"), &options),
    );
}

#[test]
fn colour_adds_nothing_but_colour() {
    let record = sample::fail("CLOSING");
    let options = Options {
        palette: Palette::colour(),
        ..Options::default()
    };
    let coloured = plain(&record, &options);
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(
        words::without_escapes(&coloured),
        plain(&record, &Options::default())
    );
}

#[rstest]
#[case(0)]
#[case(6)]
fn ladders_fit_the_screen(#[case] indent: usize) {
    let options = Options {
        indent,
        verbose: true,
        ..Options::default()
    };
    for record in sample::run().cases.iter().chain([&sample::hostile()]) {
        for line in plain(record, &options).lines() {
            let width = line.chars().count() + indent;
            assert!(
                width <= words::COLUMNS,
                "{width} columns in {}: {line}",
                record.id
            );
        }
    }
}

#[test]
fn an_event_of_no_known_connection_is_drawn_all_the_same() {
    let mut record = sample::pass();
    record.connections.clear();
    assert_eq!(layout(&record).rows.len(), record.events.len());
}

#[test]
fn a_mismatch_beyond_the_events_is_no_panic() {
    let mut record = sample::fail("CLOSING");
    record.mismatches[0].event = Some(usize::MAX);
    assert!(layout(&record).fields.is_empty());
}

#[test]
fn long_exchanges_are_shortened_around_what_is_wrong() {
    let mut record = sample::silence_broken();
    let wrong = record.events.pop().expect("events");
    let filler = sample::pass().events.remove(0);
    record
        .events
        .extend(std::iter::repeat_n(filler.clone(), 1_000));
    record.events.push(wrong);
    record.events.extend(std::iter::repeat_n(filler, 500));
    record.mismatches[0].event = Some(record.events.len() - 501);
    let text = plain(&record, &Options::default());
    assert!(text.contains("unexpected, after"), "{text}");
    assert!(text.contains("484 rows left out"), "{text}");
    assert!(text.lines().count() < 70);
}

#[test]
fn a_case_without_events_has_no_rows() {
    assert_eq!(layout(&sample::skipped("a")), Ladder::default());
}

#[test]
fn an_application_that_sees_something_else_is_marked() {
    let mut record = sample::pass();
    let seen = record
        .events
        .iter()
        .position(|event| matches!(event.kind, EventKind::App { .. }));
    let mut mismatch = sample::silence_broken().mismatches.remove(0);
    mismatch.event = seen;
    record.mismatches.push(mismatch);
    let wrong = layout(&record)
        .rows
        .into_iter()
        .find(|row| row.mood == Mood::Wrong);
    let wrong = wrong.map(|row| row.what);
    assert_eq!(wrong, Some(What::Device("(sees accepted)".into())));
}
