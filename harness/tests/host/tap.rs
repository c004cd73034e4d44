//! Stacks that nobody here wrote as hosts: each in a process of its own behind a TAP device, with
//! the tester beside it.
//!
//! lwIP is Debian's `liblwip-dev`; the program that brings it up and serves is compiled here.

use super::rig;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use tempfile::TempDir;

/// Starts the program `$3` with the TAP device `tap0`, whose other end has the addresses `$1` and
/// `$2`, and the rest beside it; ends as that ends, or with 99 if the program does not live so
/// long.
const SCRIPT: &str = r#"
set -e
ip link set lo up
ip tuntap add dev tap0 mode tap
ip address add $1 dev tap0
ip address add $2 dev tap0 nodad
ip link set tap0 up
sh -c "exec $3" >&2 & host=$!
trap 'kill $host' EXIT
until ip -oneline link show tap0 | grep -q LOWER_UP; do kill -0 $host; sleep 0.01; done
shift 3
code=0
"$@" || code=$?
kill -0 $host || exit 99
exit $code
"#;

/// A stack, and how it is asked.
struct Stack {
    profile: &'static str,
    /// The tester's end of the cable.
    own: [&'static str; 2],
    /// Where the host is, and whom the tester speaks as: over both IP versions.
    ways: [(&'static str, &'static str); 2],
    /// What listens there.
    service: PathBuf,
    /// Fewer cases than these can pass only if something is wrong.
    least: usize,
    select: &'static [&'static str],
}

/// Tests of stacks that may be missing, in which case they are shown as ignored.
pub(crate) fn of_others(forbidden: bool) -> Vec<Trial> {
    let tun = File::options().read(true).write(true).open("/dev/net/tun");
    let tun = tun.map_err(|error| format!("/dev/net/tun: {error}"));
    let header = Path::new("/usr/include/lwip/lwip/tcp.h");
    let lwip = if header.exists() {
        Ok(())
    } else {
        Err("there is no liblwip-dev".to_owned())
    };
    let stacks = [("lwip", lwip, conforms_lwip as fn() -> Result<(), Failed>)];
    let trials = stacks.into_iter().map(|(name, there, test)| {
        let there = there.and(tun.as_ref().map(|_| ()).map_err(Clone::clone));
        if let Err(reason) = &there {
            eprintln!("host/{name}-over-ipv4-and-ipv6 is ignored: {reason}");
        }
        let trial = Trial::test(format!("host/{name}-over-ipv4-and-ipv6"), test);
        trial.with_ignored_flag(forbidden || there.is_err())
    });
    trials.collect()
}

/// A file beside this one.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/host/tap")
        .join(name)
}

fn conforms_lwip() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let program = folder.path().join("lwip");
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-I/usr/include/lwip"]);
    cc.arg(beside("lwip.c"))
        .args(["-llwip", "-o"])
        .arg(&program);
    let compiled = cc.output()?;
    if !compiled.status.success() {
        return Err(String::from_utf8_lossy(&compiled.stderr).into());
    }
    let stack = Stack {
        profile: "lwip",
        own: ["192.0.2.1/24", "2001:db8::1/64"],
        ways: [
            ("192.0.2.7:7", "192.0.2.200-207"),
            ("[2001:db8::7]:7", "2001:db8::200-207"),
        ],
        service: beside("lines.yaml"),
        least: 650,
        select: &[],
    };
    stack.conforms(&format!("'{}' tap0", program.display()), folder.path())
}

impl Stack {
    /// It passes whatever it can be asked, but for its known deviations.
    fn conforms(&self, program: &str, folder: &Path) -> Result<(), Failed> {
        let [first, second] = self.ways;
        thread::scope(|scope| {
            let over_ipv4 = scope.spawn(|| self.conforms_over(first, program, folder));
            self.conforms_over(second, program, folder)?;
            over_ipv4.join().map_err(|_| "it panicked")?
        })
    }

    fn conforms_over(
        &self,
        (device, from): (&str, &str),
        program: &str,
        folder: &Path,
    ) -> Result<(), Failed> {
        let report = folder.join(format!("{from}.json"));
        let mut command = rig::unshared();
        command
            .args(["sh", "-c", SCRIPT, "tap"])
            .args(self.own)
            .args([program, env!("CARGO_BIN_EXE_tcpspec"), "run"])
            .args(self.select)
            .args(["-d", device, "--from", from, "--closed-port", "10"])
            .args(["--profile", self.profile, "--service"])
            .arg(&self.service)
            // On a busy machine a case may find the tester unfit; what counts is how many pass.
            .args(["--pcap", "none", "-q", "--allow-inconclusive", "--json"])
            .arg(&report)
            .current_dir(folder)
            .stdin(Stdio::null());
        let ran = command.output()?;
        if ran.status.code() != Some(0) {
            let words = [&ran.stdout[..], &ran.stderr]
                .map(String::from_utf8_lossy)
                .concat();
            return Err(format!("{}: {}\n{words}", self.profile, ran.status).into());
        }
        let run: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
        let cases = run["cases"].as_array().ok_or("no cases")?;
        let passed = cases.iter().filter(|case| case["verdict"] == "pass");
        let passed = passed.count();
        if passed < self.least {
            return Err(format!("only {passed} of {} cases passed", cases.len()).into());
        }
        Ok(())
    }
}
