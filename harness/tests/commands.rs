//! The built program: what it says of a command that cannot be carried out, and its exit code.
//!
//! Runs are on the bundled stack; what needs a host or the kernel has tests of its own.

use rstest::rstest;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A place with no `tcpspec.toml` above it: the specs are those inside the binary.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A place with two specs, which are read in no time.
fn two_specs() -> tempfile::TempDir {
    let folder = folder();
    std::fs::write(folder.path().join("tcpspec.toml"), "").unwrap();
    for spec in [
        "specs/3.6-closing/simultaneous-close.yaml",
        "specs/3.10.7.4-other-states/rst-validation.yaml",
    ] {
        let copy = folder.path().join(spec);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        std::fs::copy(repository.join(spec), copy).unwrap();
    }
    folder
}

fn tcpspec(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpspec"));
    command.args(arguments).current_dir(folder);
    command.env_remove("GITHUB_ACTIONS").output().unwrap()
}

/// The exit code, and all that was said.
fn told(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = tcpspec(folder, arguments);
    let said = [output.stdout, output.stderr].concat();
    let code = output.status.code().expect("it ends by itself");
    (code, String::from_utf8(said).unwrap())
}

#[rstest]
#[case::unknown_requirement("MUST-99", 2, "MUST-99 is not in the catalogue (MUST-1 … MUST-69)")]
#[case::in_small_letters("must-99", 2, "MUST-99 is not in the catalogue")]
#[case::misspelt_requirement("SM-CLOSING-ACK_NWE", 2, "did you mean `SM-CLOSING-ACK_NEW`?")]
#[case::no_such_file("nosuchfile.yaml", 2, "there is no file or folder `nosuchfile.yaml`")]
#[case::misspelt_file(
    "specs/3.6-closing/simultanous-close.yaml",
    2,
    "did you mean `specs/3.6-closing/simultaneous-close.yaml`?"
)]
#[case::no_such_folder("nosuchfolder/", 2, "there is no file or folder `nosuchfolder/`")]
#[case::a_spec_without_its_section(
    "simultaneous-close",
    2,
    "did you mean `3.6/simultaneous-close`?"
)]
#[case::misspelt_id("3.6/simultanous-close", 4, "did you mean `3.6/simultaneous-close`?")]
#[case::misspelt_value("3.10.7.4/rst-validation[rst=exakt]", 4, "rst=before|exact|inside")]
#[case::no_such_section("3.11", 4, "no case is about section 3.11; there are 3.6 3.10.7.4")]
#[case::empty_folder("empty", 4, "the folder `empty` has no spec")]
#[case::no_spec("notes.txt", 2, "`notes.txt` is no spec")]
#[case::one_slip_among_others("3.99 MUST-99", 2, "MUST-99 is not in the catalogue")]
fn a_selector_that_selects_nothing(
    #[case] select: &str,
    #[case] code: i32,
    #[case] says: &str,
    #[values("run", "list", "explain")] command: &str,
) {
    let folder = two_specs();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    let select: Vec<&str> = select.split(' ').collect();
    let (exit, said) = told(folder.path(), &[&[command], &select[..]].concat());
    assert_eq!(exit, code, "{said}");
    assert!(said.contains(says), "{said}");
}

#[rstest]
#[case("needs(nope)", 2, "no claim `nope`")]
#[case("needs(sak)", 2, "did you mean `sack`?")]
#[case(
    "covers(MUST-99)",
    2,
    "MUST-99 is not in the catalogue (MUST-1 … MUST-69)"
)]
#[case("need(sack)", 2, "did you mean `needs`?")]
#[case("level(must", 2, "expected `)`")]
#[case("", 2, "an empty filter")]
#[case("section(3.11)", 4, "no case of ")]
fn a_filter_that_selects_nothing(
    #[case] filter: &str,
    #[case] code: i32,
    #[case] says: &str,
    #[values("run", "list")] command: &str,
) {
    let (exit, said) = told(two_specs().path(), &[command, "--filter", filter]);
    assert_eq!(exit, code, "{said}");
    assert!(said.contains(says), "{said}");
}

#[rstest]
#[case(&["run", "--nosuchflag"], 2)]
#[case(&["run", "--shard", "5/4"], 2)]
#[case(&["run", "-d", "karnel"], 2)]
#[case(&["run", "--suite", "tc9"], 2)]
#[case(&["run", "--specs", "nosuchfolder"], 2)]
#[case(&["run", "3.6/simultaneous-close", "--dry-run"], 0)]
#[case(&["run", "3.6/simultaneous-close"], 0)]
#[case(&["run", "3.6/simultaneous-close", "--shard", "99/99"], 4)]
#[case(&["list", "3.6"], 0)]
#[case(&["explain", "3.6/simultaneous-close"], 0)]
#[case(&["explain"], 2)]
#[case(&["lint", "nosuchfile.yaml"], 2)]
#[case(&["lint"], 0)]
#[case(&["schema"], 0)]
#[case(&["doctor", "-d", "nosuchhost"], 2)]
fn exit_codes(#[case] arguments: &[&str], #[case] code: i32) {
    let (exit, said) = told(two_specs().path(), arguments);
    assert_eq!(exit, code, "{said}");
}

/// What is wrong with the name of a host is said, not that there is no such device.
#[rstest]
#[case(&["-d", "192.0.2.300"], "`192.0.2.300` is not an IPv4 address")]
#[case(&["-d", "192.0.2.7:99999"], "the port 99999 is beyond 65535")]
#[case(&["-d", "[fe80::1%t0]:9"], "name the interface beside it: `-d [fe80::1]:9 --interface t0`")]
#[case(&["-d", "host.example:9"], "names of hosts are not looked up")]
#[case(&["-d", "192.0.2.7", "--from", "192.0.2.215-200"], "this one is 215 to 200")]
fn hosts_that_are_none(
    #[case] arguments: &[&str],
    #[case] says: &str,
    #[values("run", "list", "doctor")] command: &str,
) {
    let (exit, said) = told(two_specs().path(), &[&[command], arguments].concat());
    assert_eq!(exit, 2, "{said}");
    assert!(said.contains(says), "{said}");
}

/// Whoever says something of a host does not mean the bundled stack.
#[rstest]
#[case(&["--from", "192.0.2.200"])]
#[case(&["--own-address"])]
#[case(&["--agent", "192.0.2.7:30700"])]
#[case(&["--interface", "lo"])]
#[case(&["--vlan", "7"])]
#[case(&["--agent-service-id", "0x0106"])]
#[case(&["--service", "echo"])]
#[case(&["--closed-port", "1"])]
#[case(&["--max-pps", "100"])]
#[case(&["--max-half-open", "2"])]
#[case(&["--i-may-test-this-host"])]
#[case(&["--profile", "linux"])]
fn flags_of_hosts_belong_to_hosts(
    #[case] flag: &[&str],
    #[values(&["run"], &["run", "-d", "bundled"], &["list", "-d", "kernel"], &["doctor"])]
    command: &[&str],
) {
    let (exit, said) = told(two_specs().path(), &[command, flag].concat());
    assert_eq!(exit, 2, "{said}");
    let says = format!("{} belongs to a host", flag[0]);
    assert!(
        said.contains(&says) && said.contains("-d ADDRESS"),
        "{said}"
    );
}

/// Where no agent answers, it is said how one is started.
#[rstest]
#[case::nobody_listens(true)]
#[case::somebody_else_listens(false)]
fn an_agent_that_is_none(#[case] is_gone: bool) {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap().to_string();
    let _silent = (!is_gone).then_some(other);
    let host = ["run", "-d", "192.0.2.7", "--from", "192.0.2.200"];
    let (exit, said) = told(two_specs().path(), &[&host[..], &["--agent", &at]].concat());
    assert_eq!(exit, 3, "{said}");
    let says = format!("`tcpspec agent --listen {at} ");
    assert!(said.contains(&says), "{said}");
}

/// A shell that finds no file for a glob, or was told to leave it alone, hands it over as it is.
#[rstest]
#[case("mine/s*.yaml", "1 spec, 2 cases")]
#[case("./mine/*", "2 specs, ")]
#[case("specs/3.6*/*", "1 spec, 2 cases")]
fn globs_of_files(#[case] glob: &str, #[case] says: &str) {
    let folder = two_specs();
    let mine = folder.path().join("mine");
    std::fs::create_dir(&mine).unwrap();
    for spec in [
        "3.6-closing/simultaneous-close",
        "3.10.7.4-other-states/rst-validation",
    ] {
        let name = Path::new(spec).file_name().unwrap().to_str().unwrap();
        let spec = folder.path().join(format!("specs/{spec}.yaml"));
        std::fs::copy(spec, mine.join(format!("{name}.yaml"))).unwrap();
    }
    std::fs::write(mine.join("notes.txt"), "").unwrap();
    let (code, said) = told(folder.path(), &["run", glob]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(says), "{said}");
}

/// A folder of specs with one that has a fault.
fn broken_specs(text: &str) -> tempfile::TempDir {
    let folder = folder();
    let specs = folder.path().join("specs/3.6-closing");
    std::fs::create_dir_all(&specs).unwrap();
    std::fs::write(specs.join("one.yaml"), text).unwrap();
    std::fs::write(folder.path().join("tcpspec.toml"), "").unwrap();
    folder
}

const GOOD: &str = "\
spec: 1
title: A listener answers a SYN
covers: [SM-LISTEN-SYN_IW]
start: LISTEN
steps:
  - inject: {flags: SYN, seq: IRS, mss: 1460}
  - expect: {flags: SYN-ACK, seq: any, ack: IRS+1}
";

#[rstest]
#[case::good("", "1 spec, 0 errors", true)]
#[case::unreadable("  - expct: {flags: ACK}\n", "1 error", false)]
#[case::unknown_key("nonsense: 1\n", "1 error", false)]
#[case::proves_nothing(
    "  - expect: {flags: any, seq: any, data: any}\n",
    "1 spec, 1 error",
    false
)]
fn the_doctor_looks_at_the_specs(#[case] more: &str, #[case] says: &str, #[case] good: bool) {
    let folder = broken_specs(&format!("{GOOD}{more}"));
    let (exit, said) = told(folder.path(), &["doctor"]);
    let row = said.lines().next().unwrap();
    assert!(row.contains(says), "{said}");
    assert_eq!(row.contains('✓'), good, "{said}");
    assert!(
        said.contains("this kernel"),
        "the rest is looked at too: {said}"
    );
    assert_eq!(exit == 2, !good, "{said}");
}

#[rstest]
#[case::in_force("2999-12-31", 0, "0 errors")]
#[case::expired(
    "2020-02-29",
    1,
    "error[deviation::expired]: this deviation expired on 2020-02-29"
)]
fn lint_looks_at_the_dates_of_deviations(#[case] day: &str, #[case] code: i32, #[case] says: &str) {
    let folder = broken_specs(GOOD);
    let list = folder.path().join("specs/deviations");
    std::fs::create_dir(&list).unwrap();
    let entry = format!(
        "- case: 3.6/one\n  device: linux-*\n  requirement: [MUST-13]\n  \
         symptom: \"step 2: none\"\n  reason: it is old\n  expires: {day}\n"
    );
    std::fs::write(list.join("linux.yaml"), entry).unwrap();
    let (exit, said) = told(folder.path(), &["lint"]);
    assert_eq!(exit, code, "{said}");
    assert!(said.contains(says), "{said}");
}

/// A device that takes nothing.
fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

#[rstest]
#[case::list(&["list"], 3)]
#[case::explain(&["explain", "3.6"], 3)]
#[case::lint(&["lint"], 3)]
#[case::schema(&["schema"], 3)]
#[case::a_run_has_its_reports(&["run", "3.6"], 0)]
fn a_full_disk_behind_the_output(#[case] arguments: &[&str], #[case] code: i32) {
    let folder = two_specs();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpspec"));
    let command = command.args(arguments).current_dir(folder.path());
    let output = command.stdout(full()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.contains("No space left"), code == 3, "{said}");
}

#[rstest]
#[case::usage(&["lint", "nosuchfile.yaml"])]
#[case::a_bad_spec(&["run", "bad.yaml"])]
#[case::a_bad_spec_that_is_linted(&["lint", "bad.yaml"])]
fn errors_that_nobody_can_read_change_no_exit_code(#[case] arguments: &[&str]) {
    let folder = two_specs();
    std::fs::write(folder.path().join("bad.yaml"), "spec: 1\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcpspec"));
    let command = command.args(arguments).current_dir(folder.path());
    let status = command.stderr(full()).stdout(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(2));
}

#[test]
fn a_report_that_cannot_be_written_is_no_success() {
    let folder = two_specs();
    let arguments = ["run", "3.6", "--json", "/dev/full"];
    let (code, said) = told(folder.path(), &arguments);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("; exit 3\n"), "{said}");
    assert!(said.contains("cannot write /dev/full"), "{said}");
}

#[rstest]
#[case(&["lint", "folder.yaml"], 4, "folder.yaml: there is no spec")]
#[case(&["lint", "notes.txt"], 4, "notes.txt: there is no spec")]
#[case(&["run", "folder.yaml"], 4, "has no spec")]
#[case(&["--specs", "folder.yaml", "run"], 4, "there is no spec")]
#[case(&["--specs", "notes.txt", "list"], 2, "cannot read specs from notes.txt")]
#[case(&["run", "3.6", "--out", "notes.txt"], 3, "nothing was run")]
#[case(&["run", "3.6", "--json", "folder.yaml"], 3, "name a file, not a folder")]
#[case(&["run", "3.6", "--junit", "-"], 2, "--junit -: a report is a file")]
fn a_folder_for_a_file_and_a_file_for_a_folder(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] says: &str,
) {
    let folder = two_specs();
    std::fs::create_dir(folder.path().join("folder.yaml")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    let (exit, said) = told(folder.path(), arguments);
    assert_eq!(exit, code, "{said}");
    assert!(said.contains(says), "{said}");
}

#[rstest]
#[case("always", true)]
#[case("never", false)]
#[case("auto", false)]
fn errors_have_colour_as_asked(#[case] when: &str, #[case] colour: bool) {
    let folder = two_specs();
    std::fs::write(folder.path().join("bad.yaml"), "spec: 1\n").unwrap();
    for select in ["bad.yaml", "nosuchfile.yaml"] {
        let (_, said) = told(folder.path(), &["--color", when, "run", select]);
        assert_eq!(said.contains('\u{1b}'), colour, "{said}");
    }
}

/// What stands in a file that is no text may be a command to the terminal.
#[test]
fn nothing_of_a_binary_file_reaches_the_terminal() {
    let folder = two_specs();
    let octets = b"spec: 1\n\xff\x1b[2J\n\"\x1b[31m\": 1\n";
    std::fs::write(folder.path().join("bad.yaml"), octets).unwrap();
    let (code, said) = told(folder.path(), &["lint", "bad.yaml"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("error[yaml::encoding]"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    let escaped = "spec: 1\n\"\\e[31m\": 1\n";
    std::fs::write(folder.path().join("bad.yaml"), escaped).unwrap();
    let (_, said) = told(folder.path(), &["lint", "bad.yaml"]);
    assert!(said.contains("spec::unknown-field"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

/// A file that cannot be read whoever asks: a link to itself.
#[rstest]
#[case(&["run", "mine"])]
#[case(&["lint", "mine"])]
fn a_file_that_cannot_be_read_is_named_once(#[case] arguments: &[&str]) {
    let folder = two_specs();
    let mine = folder.path().join("mine");
    std::fs::create_dir_all(mine.join("folder.yaml")).unwrap();
    std::os::unix::fs::symlink("loop.yaml", mine.join("loop.yaml")).unwrap();
    let (code, said) = told(folder.path(), arguments);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.starts_with("error: cannot read mine/loop.yaml: "),
        "{said}"
    );
}
