use super::*;
use crate::tests::sample;
use rstest::rstest;

fn record(id: &str) -> CaseRecord {
    CaseRecord {
        id: id.into(),
        ..sample::pass()
    }
}

#[test]
fn an_id_falls_into_its_parts() {
    let case = record("3.10.7.4/rst-validation[state=CLOSING,rst=inside,v4]");
    assert_eq!(
        case.short_name(),
        "rst-validation[state=CLOSING,rst=inside,v4]"
    );
    assert_eq!(case.spec_name(), "3.10.7.4/rst-validation");
    assert_eq!(case.constraints(), "[state=CLOSING,rst=inside,v4]");
}

#[rstest]
#[case("3.10.7.4", "3.10")]
#[case("3.6", "3.6")]
#[case("3", "3")]
#[case("rfc5961.3.2", "rfc5961")]
#[case("rfc5961", "rfc5961")]
fn sections_are_counted_by_chapter(#[case] section: &str, #[case] chapter: &str) {
    let case = CaseRecord {
        section: section.into(),
        ..sample::pass()
    };
    assert_eq!(case.chapter(), chapter);
}

#[rstest]
#[case("3.10", "3.10.7.4-other-states", "Event processing")]
#[case("rfc9999", "rfc9999.1-some-new-thing", "Some new thing")]
#[case("rfc9999", "rfc9999", "")]
fn chapters_have_titles(#[case] chapter: &str, #[case] folder: &str, #[case] title: &str) {
    assert_eq!(chapter_title(chapter, folder), title);
}

#[rstest]
#[case("2", "2")]
#[case("2/rfc5961.1", "2.1")]
#[case("2/rfc5961.1/v1.0.3", "2.1.3")]
fn branch_names_leave_step_numbers(#[case] number: &str, #[case] shown: &str) {
    let step = StepRef {
        number: number.into(),
        line: 1,
        preamble: None,
    };
    assert_eq!(step.shown(), shown);
}

#[rstest]
#[case(
    "3.10.7.4/rst[state=CLOSING,v4]",
    "out/3.10.7.4/rst[state=CLOSING,v4].pcapng"
)]
#[case("3.6/a[x=1<2,v4]", "out/3.6/a[x=1_2,v4]~190dba02ec2366fc.pcapng")]
#[case("../../etc/passwd", "out/__/.._etc_passwd~2bef2c0bbbdefdfa.pcapng")]
fn captures_are_named_like_their_case(#[case] id: &str, #[case] path: &str) {
    assert_eq!(capture_path(Path::new("out"), &record(id)), Path::new(path));
}

#[test]
fn long_names_are_cut_and_stay_apart() {
    let [one, other] = ["a", "b"].map(|tail| record(&format!("3.6/{}{tail}", "é".repeat(200))));
    let [one, other] = [one, other].map(|case| capture_path(Path::new("out"), &case));
    assert_ne!(one, other);
    assert!(
        one.file_name()
            .is_some_and(|name| name.len() <= FILE_NAME_OCTETS)
    );
}

#[test]
fn what_stayed_inconclusive_says_which_state_was_not_reached() {
    let mut case = sample::inconclusive();
    case.mismatches[0].headline = "the device stayed silent".into();
    let told = "inconclusive: could not reach FIN-WAIT-2: the FIN was never sent";
    assert_eq!(case.headline(), told);
    case.reason = Some(told.into());
    assert_eq!(case.headline(), told);
    case.reason = None;
    assert_eq!(case.headline(), "inconclusive: the device stayed silent");
}

#[rstest]
#[case("0x5f3a91c2", Some(0x5f3a_91c2))]
#[case("5F3A91C2", Some(0x5f3a_91c2))]
#[case("0X0", Some(0))]
#[case("0xffffffffffffffff", Some(u64::MAX))]
#[case("0x10000000000000000", None)]
#[case("0x", None)]
#[case("", None)]
#[case("+1", None)]
#[case("0x0x1", None)]
fn seeds_are_read(#[case] text: &str, #[case] read: Option<u64>) {
    assert_eq!(parse_seed(text), read);
}

#[test]
fn a_seed_is_read_as_it_is_written() {
    for number in [0, 7, 0x5f3a_91c2, u64::MAX] {
        assert_eq!(parse_seed(&seed(number)), Some(number));
    }
}
