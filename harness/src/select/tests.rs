use super::filter::{Filter, FilterError};
use super::*;
use crate::spec::{CaseGlob, Catalogue};
use rstest::rstest;

const CLOSING: Subject<'static> = Subject {
    id: "3.10.7.4/rst-validation[state=CLOSING,rst=inside,v4]",
    section: "3.10.7.4",
    file: "specs/3.10.7.4-other-states/rst-validation.yaml",
    covers: &[],
    needs: &[],
    level: Level::Must,
    family: Family::V4,
    least_time: Duration::from_millis(500),
};

#[rstest]
#[case("3.10.7.4/*", true)]
#[case("3.10.7.4/rst-validation", true)]
#[case("3.10.7.4/rst-validation[rst=inside]", true)]
#[case("3.10.7.4/rst-validation[v4,state=CLOSING]", true)]
#[case("*/rst-*[rst=in*,*]", true)]
#[case("3.10.7.4/rst-validation[rst=beyond]", false)]
#[case("3.10.7.4/rst-validation[v6]", false)]
#[case("3.10.7.4/rst", false)]
#[case("3.10.7.4/rst-validation[inside]", false)]
fn id_patterns(#[case] pattern: &str, #[case] matches: bool) {
    assert_eq!(CaseGlob::new(pattern).unwrap().matches(CLOSING.id), matches);
}

#[rstest]
#[case("§3.10", true)]
#[case("3.10.7.4", true)]
#[case("§3.1", false)]
#[case("specs/3.10.7.4-other-states/rst-validation.yaml", true)]
#[case("specs/3.10.7.4-other-states", true)]
#[case(
    "/home/me/tcpspec/specs/3.10.7.4-other-states/rst-validation.yaml",
    true
)]
#[case("rst-validation.yaml", true)]
#[case("specs/3.10.7.4*/rst-*.yaml", true)]
#[case("specs/3.10.7.4-other-states/r*", true)]
#[case("specs/3.10.7.4*/syn-*.yaml", false)]
#[case("validation.yaml", false)]
#[case("3.10.7.4/rst-validation[state=CLOSING,*]", true)]
#[case("MUST-13", false)]
fn selectors(#[case] text: &str, #[case] selects: bool) {
    let selector = Selector::parse(text, |id| id.starts_with("MUST-")).unwrap();
    assert_eq!(selector.selects(&CLOSING), selects, "{selector:?}");
}

#[rstest]
#[case(&[], true)]
#[case(&["TCP_BASICS_01", "TCP_BASICS_02"], true)]
#[case(&["TCP_BASICS_01"], false)]
fn a_suite_is_the_cases_that_cover_its_ids(#[case] covering: &[&str], #[case] selects: bool) {
    let covers = ["MUST-13", "TCP_BASICS_02"].map(str::to_owned);
    let selection = Selection {
        covering: covering.iter().map(|id| (*id).to_owned()).collect(),
        ..Selection::default()
    };
    let subject = Subject {
        covers: &covers,
        ..CLOSING
    };
    assert_eq!(selection.selects(&subject), selects);
}

#[rstest]
#[case("RFC 5961", "rfc5961.3.2", true)]
#[case("RFC5961", "rfc5961.3.2", true)]
#[case("rfc5961", "rfc5961.3.2", true)]
#[case("RFC 5961 §3.2", "rfc5961.3.2", true)]
#[case("rfc5961.3", "rfc5961.3.2", true)]
#[case("RFC 5961 §4", "rfc5961.3.2", false)]
#[case("RFC 596", "rfc5961.3.2", false)]
#[case("RFC 9293 §3.6", "3.6.1", true)]
fn rfcs_are_named_as_people_do(#[case] text: &str, #[case] section: &str, #[case] selects: bool) {
    let subject = Subject { section, ..CLOSING };
    let selector = Selector::parse(text, |_| false).unwrap();
    assert_eq!(selector.selects(&subject), selects, "{selector:?}");
}

#[test]
fn the_rfc_itself_is_no_section() {
    let message = Selector::parse("RFC 9293", |_| false).unwrap_err();
    assert!(message.contains("such as `3.6`"), "{message}");
}

#[test]
fn requirements_may_be_typed_in_small_letters() {
    let selector = Selector::parse("must-13", |id| id == "MUST-13").unwrap();
    assert!(matches!(selector, Selector::Requirement(id) if id == "MUST-13"));
}

#[test]
fn a_requirement_selects_what_covers_it() {
    let covers = ["MUST-13".to_owned()];
    let subject = Subject {
        covers: &covers,
        ..CLOSING
    };
    let selector = Selector::parse("MUST-13", |_| true).unwrap();
    assert!(selector.selects(&subject));
}

#[rstest]
#[case("all()", true)]
#[case("level(must) & !needs(rfc5961) - slow()", true)]
#[case("level(should) | section(3.10)", true)]
#[case("!(family(4) | slow())", false)]
#[case("family(6) + level(should)", false)]
#[case("id(3.10.7.4/*[rst=inside]) & family(4)", true)]
#[case("all() - family(4) | slow()", false)]
fn filters(#[case] text: &str, #[case] selects: bool) {
    assert_eq!(
        Filter::parse(text, &Catalogue::default())
            .unwrap()
            .selects(&CLOSING),
        selects
    );
}

#[rstest]
#[case("levle(must)", 0, "no predicate `levle`")]
#[case("level(must) &", 13, "expected one of")]
#[case("(slow()", 7, "expected `)`")]
#[case("slow() slow()", 7, "expected `|`")]
#[case("level(may)", 0, "is no level")]
#[case("slow", 4, "expected `(`")]
#[case("slow(10s)", 0, "takes no argument")]
#[case("all() - needs(sak)", 8, "did you mean `sack`?")]
#[case("needs(RFC5961)", 0, "did you mean `rfc5961`?")]
#[case("need(sack)", 0, "did you mean `needs`?")]
#[case("", 0, "expected one of")]
fn wrong_filters(#[case] text: &str, #[case] position: usize, #[case] says: &str) {
    let wrong = Filter::parse(text, &Catalogue::default()).unwrap_err();
    let FilterError { at, message, .. } = wrong;
    assert_eq!(at.start, position, "{message}");
    assert!(message.contains(says), "{message}");
}

#[rstest]
#[case("covers(MUST-13)", true)]
#[case("covers(must-13)", true)]
#[case("covers(RFC9293:MUST-13)", true)]
fn what_a_filter_covers_is_in_the_catalogue(#[case] text: &str, #[case] selects: bool) {
    let suite = crate::spec::read(&crate::spec::Sources::embedded()).unwrap();
    let covers = ["MUST-13".to_owned()];
    let subject = Subject {
        covers: &covers,
        ..CLOSING
    };
    let filter = Filter::parse(text, suite.catalogue()).unwrap();
    assert_eq!(filter.selects(&subject), selects);
    let wrong = Filter::parse("slow() | covers(MUST-99)", suite.catalogue());
    let wrong = wrong.unwrap_err().to_string();
    let expected = "\
MUST-99 is not in the catalogue (MUST-1 … MUST-69)
  slow() | covers(MUST-99)
           ^^^^^^^^^^^^^^^";
    assert_eq!(wrong, expected);
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let text = format!("{}all(){}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(
        Filter::parse(&text, &Catalogue::default())
            .unwrap_err()
            .message
            .contains("nesting")
    );
}

#[rstest]
#[case("2/4", Some((2, 4)))]
#[case("0/4", None)]
#[case("5/4", None)]
#[case("1", None)]
#[case("1/0", None)]
fn shards(#[case] text: &str, #[case] expected: Option<(usize, usize)>) {
    let shard = text.parse::<Shard>().ok();
    assert_eq!(shard.map(|shard| (shard.index, shard.count)), expected);
}
