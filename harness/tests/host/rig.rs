//! Two network namespaces and a cable, made by the tools of util-linux and iproute2. They go with
//! the processes that live in them, and those with the test program, however that ends: the kernel
//! kills each when the one that started it is gone.

use super::killed::networks;
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Makes the network and waits until its standard input ends. The service's program and its
/// argument are `$1` and `$2`, `tcpspec` is `$3`, `$4` are settings that are pinned, and `$5` is
/// one more program for the host, which listens on port `$6`; `$7` is what lies between tester and
/// host, if it is more than a wire.
const SCRIPT: &str = r#"
set -e
ip link set lo up
mortal='setpriv --pdeathsig KILL'
unshare --net $mortal sleep infinity & host=$!
trap 'kill $host' EXIT
while [ "$(readlink /proc/$host/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
on() { nsenter --target $host --net "$@"; }
cable=
if [ -n "$7" ]; then
  ip link add tester0 type veth peer name outer0
  ip link set outer0 netns $host
  on ip link add inner0 type veth peer name host0 address 02:00:00:00:00:07
  for end in outer0 inner0; do
    on sh -c "echo 1 > /proc/sys/net/ipv6/conf/$end/disable_ipv6" || true
    on ip link set $end arp off up
  done
  nsenter --target $host --net $mortal "$1" cable "$7" & cable=$!
else
  ip link add tester0 type veth peer name host0 address 02:00:00:00:00:07
  ip link set host0 netns $host
fi
for each in 'ip 192.0.2.1/24 2001:db8::1/64 tester0' 'on_ip 192.0.2.7/24 2001:db8::7/64 host0'; do
  set -- $each "$@"
  case $1 in ip) how=;; *) how=on;; esac
  $how ip link set $4 up
  $how ip address add $2 dev $4
  $how ip address add $3 dev $4 nodad
  shift 4
done
on ip address add 192.0.2.8/24 dev host0
on ip link set host0 gso_max_segs 1
on ip link set lo up
nsenter --target $host --net $mortal "$1" "$2" & service=$!
for each in $4; do
  on sh -c "echo ${each#*=} > /proc/sys/net/ipv4/${each%%=*}" || true
done
nsenter --target $host --net $mortal "$3" \
  agent --whole-host --listen 192.0.2.7:30700 --allow 192.0.2.1 --token rig >/dev/null & agent=$!
nsenter --target $host --net $mortal "$3" agent --listen 192.0.2.7:30701 --allow 192.0.2.1 \
  --no-token --standard-only >/dev/null & upper_tester=$!
nsenter --target $host --net $mortal sh -c "exec ${5:-sleep infinity}" >/dev/null & other=$!
trap 'kill $agent $upper_tester $service $other $cable $host' EXIT
for port in 9 22 30700 30701 $6; do
  until on ss -Hltn "sport = :$port" | grep -q LISTEN; do kill -0 $other; sleep 0.01; done
done
echo $host
read -r _ || true
"#;

/// Who is not root becomes it in a user namespace; some powers over a host go with the real one.
const OWN_USERS: [&str; 2] = ["--user", "--map-root-user"];

/// What most tests play is of these sections. To read all others takes longer than many a test.
const FEW: [&str; 8] = [
    "3.5-establishing",
    "3.6-closing",
    "3.8-data",
    "3.8.3-failures",
    "3.8.4-keep-alives",
    "3.8.5-urgent",
    "3.8.6-window",
    "3.10.7.4-other-states",
];
/// What specs cannot be read without.
const ALWAYS: [&str; 5] = [
    "devices",
    "deviations",
    "preambles.yaml",
    "requirements",
    "services",
];

/// Where the host's agent listens, and what it wants to hear: as in the script.
pub(crate) const AGENT: &str = "192.0.2.7:30700";
pub(crate) const TOKEN: &str = "rig";

/// The network.
#[derive(Debug)]
pub(crate) struct Rig {
    tester: Child,
    host: String,
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) errors: String,
}

/// Why no network can be made on this machine; `None` if one can.
pub(crate) fn forbidden() -> Option<String> {
    let namespaces = if is_root() {
        &["unshare", "--net", "true"][..]
    } else {
        &["unshare", "--user", "--map-root-user", "--net", "true"]
    };
    let util_linux: [&[&str]; 2] = [&["nsenter", "-V"], &["setpriv", "-V"]];
    let tools = [namespaces, &["ip", "-V"], &["ss", "-V"]]
        .into_iter()
        .chain(util_linux);
    tools.into_iter().find_map(|command: &[&str]| {
        let output = Command::new(command[0]).args(&command[1..]).output();
        match output {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(format!("{}: {error}", command[0])),
        }
    })
}

impl Rig {
    /// Makes the network; the error says what went wrong.
    pub(crate) fn build() -> Result<Self, String> {
        Self::made(["", "", ""], |_| Ok(()))
    }

    /// Makes it with a cable of that kind.
    pub(crate) fn build_over(cable: &str) -> Result<Self, String> {
        Self::made(["", "", cable], |_| Ok(()))
    }

    /// Makes the network with one more program on the host, that listens on this port; it is run
    /// in a folder of its own, with what `prepare` puts there.
    pub(crate) fn build_with(
        program: &str,
        port: &str,
        prepare: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self, String> {
        Self::made([program, port, ""], prepare)
    }

    /// A program, its port, and a cable: the last words of the script.
    fn made(
        words: [&str; 3],
        prepare: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        prepare(folder.path()).map_err(|error| error.to_string())?;
        let exe = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = unshared();
        command
            .args(["sh", "-c", SCRIPT, "rig"])
            .arg(exe)
            .arg(super::SERVE)
            .arg(env!("CARGO_BIN_EXE_tcpspec"))
            .arg(pinned()?)
            .args(words)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut tester = command
            .spawn()
            .map_err(|error| format!("unshare (package util-linux): {error}"))?;
        let mut host = String::new();
        if let Some(out) = tester.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut host);
        }
        if host.is_empty() {
            let failed = tester.wait_with_output();
            let words = failed.map(|failed| String::from_utf8_lossy(&failed.stderr).into_owned());
            return Err(words.unwrap_or_else(|error| error.to_string()));
        }
        Ok(Self {
            tester,
            host: host.trim().to_owned(),
            folder,
        })
    }

    /// The path of a file that goes with the network.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs `tcpspec` beside the host.
    pub(crate) fn tcpspec(&self, arguments: &[&str]) -> io::Result<Ran> {
        let mut command = vec![env!("CARGO_BIN_EXE_tcpspec")];
        command.extend(arguments);
        run(&self.tester.id().to_string(), &command)
    }

    /// Starts `tcpspec` beside the host.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> io::Result<Child> {
        let mut command = vec![env!("CARGO_BIN_EXE_tcpspec")];
        command.extend(arguments);
        let mut command = entered(&self.tester.id().to_string(), &command);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// Starts a `tcpspec` beside the host as somebody who is not root, with the two capabilities
    /// that it needs if they are not in its file.
    pub(crate) fn spawn_as(
        &self,
        user: u32,
        given: bool,
        program: &str,
        arguments: &[&str],
    ) -> io::Result<Child> {
        let user = user.to_string();
        let ids = ["--reuid", &user, "--regid", &user, "--clear-groups"];
        let capabilities = "-all,+net_raw,+net_admin";
        let powers = ["--inh-caps", capabilities, "--ambient-caps", capabilities];
        let powers = if given { &powers[..] } else { &[] };
        let become_them = [&["setpriv"][..], &ids, powers, &["--", program]].concat();
        let command = [&become_them[..], arguments].concat();
        let mut command = entered(&self.tester.id().to_string(), &command);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a command on the host.
    pub(crate) fn spawn_on_the_host(&self, command: &[&str]) -> io::Result<Child> {
        let mut command = entered(&self.host, command);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// The network namespaces of tester and host.
    pub(crate) fn networks(&self) -> BTreeSet<String> {
        let host = self.host.parse().unwrap_or_default();
        &networks(self.tester.id()) | &networks(host)
    }

    /// Has garbage thrown at an agent; what stays open is closed when the child is dropped.
    pub(crate) fn shout_at(&self, agent: &str) -> Result<Shouter, String> {
        let exe = std::env::current_exe().map_err(|error| error.to_string())?;
        let exe = exe.display().to_string();
        let mut command = entered(&self.tester.id().to_string(), &[&exe, super::SHOUT, agent]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut shouter = Shouter(child.map_err(|error| error.to_string())?);
        let mut idlers = String::new();
        if let Some(out) = shouter.0.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut idlers);
        }
        match idlers.trim().parse() {
            Ok(1_u32..) => Ok(shouter),
            _ => Err(format!("the garbage did not reach {agent}")),
        }
    }

    /// The output of a command beside the host.
    pub(crate) fn on_the_tester(&self, command: &[&str]) -> io::Result<String> {
        Ok(run(&self.tester.id().to_string(), command)?.out)
    }

    /// The output of a command on the host.
    pub(crate) fn on_the_host(&self, command: &[&str]) -> io::Result<String> {
        Ok(run(&self.host, command)?.out)
    }
}

/// Holds idle connections to an agent.
#[derive(Debug)]
pub(crate) struct Shouter(Child);

impl Drop for Shouter {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // The script ends when nobody can write to it any more, and takes the rest along.
        drop(self.tester.stdin.take());
        let _ = self.tester.wait();
    }
}

/// Runs what follows in a network of its own.
pub(crate) fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command
        .args(if is_root() { &[][..] } else { &OWN_USERS })
        .args(["--net", "--kill-child"]);
    command
}

/// Powers are real ones, not those over a namespace of users.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A folder with [`FEW`] specs.
pub(crate) fn few() -> &'static str {
    static LINKED: OnceLock<()> = OnceLock::new();
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/few-specs");
    LINKED.get_or_init(|| {
        let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
        // What is there was made by an earlier run; what cannot be made, no spec is found in.
        let _ = std::fs::create_dir_all(folder);
        for name in FEW.iter().chain(&ALWAYS) {
            let _ = symlink(all.join(name), Path::new(folder).join(name));
        }
    });
    folder
}

/// What the `linux` profile pins, as `name=value` words.
fn pinned() -> Result<String, String> {
    static WORDS: OnceLock<Result<String, String>> = OnceLock::new();
    let read = || {
        let suite = tcpspec::spec::read_heads(&tcpspec::spec::Sources::embedded());
        let suite = suite.map_err(|bad| bad.render(false))?;
        let profile = suite.profile("linux").ok_or("no profile `linux`")?;
        let words = profile
            .pinned
            .iter()
            .map(|(name, value)| format!("{name}={value} "));
        Ok(words.collect())
    };
    WORDS.get_or_init(read).clone()
}

/// Runs `tcpspec` where the test runs.
pub(crate) fn tcpspec_here(arguments: &[&str]) -> io::Result<Ran> {
    ran(Command::new(env!("CARGO_BIN_EXE_tcpspec")).args(arguments))
}

fn run(target: &str, command: &[&str]) -> io::Result<Ran> {
    ran(&mut entered(target, command))
}

/// A command in the namespaces of that process, which dies with the thread that starts it. The
/// program takes the place of `nsenter`.
fn entered(target: &str, command: &[&str]) -> Command {
    let users: &[&str] = if is_root() {
        &[]
    } else {
        &["--user", "--preserve-credentials"]
    };
    let mut entered = Command::new("nsenter");
    entered
        .args(["--target", target, "--net"])
        .args(users)
        .args(["--", "setpriv", "--pdeathsig", "KILL", "--"])
        .args(command)
        .stdin(Stdio::null());
    entered
}

fn ran(command: &mut Command) -> io::Result<Ran> {
    let output = command.stdin(Stdio::null()).output()?;
    Ok(Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
