//! Stacks that nobody here wrote as hosts: each in a process of its own behind a TAP device, with
//! the tester beside it.
//!
//! lwIP is Debian's `liblwip-dev`, and what brings it up and serves is compiled here. smoltcp is
//! its own example `server`, built from its crate:
//!
//! ```text
//! SMOLTCP_IFACE_MAX_ADDR_COUNT=4 cargo install --locked --example server \
//!     --root target/peers smoltcp@0.14.0
//! ```

use super::rig;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use tcpspec::spec::Sources;
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
    /// Further arguments.
    rest: &'static [&'static str],
    /// So many hosts side by side, over each IP version in turn.
    hosts: usize,
    /// Each plays another of so many parts of the suite; 1: all of it.
    parts: usize,
    /// Fewer cases than these can pass only if something is wrong.
    least: usize,
}

/// Where smoltcp's example is, if somebody has built it.
fn server() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_tcpspec")).ancestors().nth(2);
    target.unwrap_or(Path::new("")).join("peers/bin/server")
}

type Test = fn() -> Result<(), Failed>;

/// Tests of stacks that may be missing, in which case they are shown as ignored.
pub(crate) fn of_others(forbidden: bool) -> Vec<Trial> {
    let lwip = Path::new("/usr/include/lwip/lwip/tcp.h").to_owned();
    let tests: [(&str, PathBuf, Test); 2] = [
        ("lwip", lwip, lwip_conforms),
        ("smoltcp", server(), smoltcp_conforms),
    ];
    let tun = File::options().read(true).write(true).open("/dev/net/tun");
    let trials = tests.into_iter().map(|(name, needs, test)| {
        let name = format!("host/{name}-over-ipv4-and-ipv6");
        let missing = match &tun {
            Err(error) => Some(format!("/dev/net/tun: {error}")),
            Ok(_) => (!needs.exists()).then(|| format!("there is no {}", needs.display())),
        };
        if let Some(reason) = &missing {
            eprintln!("{name} is ignored: {reason}");
        }
        Trial::test(name, test).with_ignored_flag(forbidden || missing.is_some())
    });
    trials.collect()
}

/// A file beside this one.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/host/tap")
        .join(name)
}

fn lwip_conforms() -> Result<(), Failed> {
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
        rest: &[],
        hosts: 2,
        parts: 1,
        least: 1300,
    };
    stack.conforms(&format!("'{}' tap0", program.display()), folder.path())
}

/// Its server takes one connection at a time on port 6971, where it reads and says nothing.
fn smoltcp_conforms() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let stack = Stack {
        profile: "smoltcp-host",
        own: ["192.168.69.100/24", "fdaa::100/64"],
        // Of more addresses, the first reply to each would be lost to address resolution.
        ways: [
            ("192.168.69.1:6971", "192.168.69.200"),
            ("[fdaa::1]:6971", "fdaa::200"),
        ],
        service: "discard".into(),
        // A SYN from an address that nobody has keeps its one socket busy.
        rest: &["-j", "1", "-E", "!id(3.9.2/source-address*)"],
        hosts: 12,
        parts: 24,
        least: 160,
    };
    let program = format!("'{}' --tap tap0", server().display());
    stack.conforms(&program, folder.path())
}

impl Stack {
    /// It passes whatever it can be asked, but for its known deviations, and shows all of these.
    fn conforms(&self, program: &str, folder: &Path) -> Result<(), Failed> {
        let cases = thread::scope(|scope| {
            let hosts: Vec<_> = (0..self.hosts)
                .map(|host| scope.spawn(move || self.cases(host, program, folder)))
                .collect();
            let mut cases = Vec::new();
            for host in hosts {
                cases.extend(host.join().map_err(|_| "it panicked")??);
            }
            Ok::<_, Failed>(cases)
        })?;
        let passed = cases.iter().filter(|case| case["verdict"] == "pass");
        let passed = passed.count();
        if passed < self.least {
            return Err(format!("only {passed} of {} cases passed", cases.len()).into());
        }
        if self.parts == 1 {
            self.shows_its_deviations(&cases)?;
        }
        Ok(())
    }

    /// Of hosts, runs do not say that a deviation no longer happens; this says it.
    fn shows_its_deviations(&self, cases: &[Value]) -> Result<(), Failed> {
        let suite = tcpspec::spec::load(&Sources::embedded()).map_err(|bad| bad.render(false))?;
        let device = format!("{}-*", self.profile);
        for entry in suite.deviations() {
            let is_its = |case: &&Value| case["id"].as_str().is_some_and(|id| entry.is_about(id));
            let mut played = cases
                .iter()
                .filter(|case| case["verdict"] != "skipped")
                .filter(is_its)
                .peekable();
            let is_due = entry.device == device && played.peek().is_some();
            if is_due && !played.any(|case| case["known"]["reason"] == entry.reason.as_str()) {
                return Err(format!("no longer happens: {}", entry.reason).into());
            }
        }
        Ok(())
    }

    /// What this host made of its cases; the run ended well.
    fn cases(&self, host: usize, program: &str, folder: &Path) -> Result<Vec<Value>, Failed> {
        let report = folder.join(format!("{host}.json"));
        let (device, from) = self.ways[host % self.ways.len()];
        let mut command = rig::unshared();
        command
            .args(["sh", "-c", SCRIPT, "tap"])
            .args(self.own)
            .args([program, env!("CARGO_BIN_EXE_tcpspec"), "run"])
            .args(["-d", device, "--from", from, "--closed-port", "10"])
            .args(["--profile", self.profile, "--service"])
            .arg(&self.service)
            .args(self.rest)
            // On a busy machine a case may find the tester unfit; what counts is how many pass.
            .args(["--pcap", "none", "-q", "--allow-inconclusive", "--json"])
            .arg(&report)
            .current_dir(folder)
            .stdin(Stdio::null());
        if self.parts > 1 {
            command.args(["--shard", &format!("{}/{}", host + 1, self.parts)]);
        }
        let ran = command.output()?;
        if ran.status.code() != Some(0) {
            let words = [&ran.stdout[..], &ran.stderr].map(String::from_utf8_lossy);
            return Err(format!("{device}: {}\n{}", ran.status, words.concat()).into());
        }
        let run: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
        let cases = run["cases"].as_array().ok_or("no cases")?;
        Ok(cases.clone())
    }
}
