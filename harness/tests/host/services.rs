//! Services on the host in the place of an agent: our own, and where they are installed those of
//! others, started by the tests and by nobody else (Debian: `nginx-light`, `redis-server`,
//! `xinetd`).

use super::rig::{self, Ran, Rig};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::thread;

/// A program that serves.
struct Program {
    name: &'static str,
    /// Shows that it is there.
    version: &'static [&'static str],
    /// What starts it, and stays.
    command: &'static str,
    prepare: fn(&Path) -> std::io::Result<()>,
    serves: &'static [Served],
}

/// What it serves, and how that is told of on the command line.
struct Served {
    service: &'static str,
    port: &'static str,
    /// Over these IP versions.
    over: &'static [Over],
    /// Cases that are played; all where none are named.
    select: &'static [&'static str],
    /// Fewer of them can pass only if something is wrong.
    least: usize,
    /// Specs of its own.
    specs: &'static [Own],
}

#[derive(Clone, Copy)]
enum Over {
    V4,
    V6,
}

/// A spec of a user's, its steps from ESTABLISHED on, and what is said of it when it has run.
struct Own {
    name: &'static str,
    steps: &'static str,
    says: &'static str,
}

/// A server that closes first, every segment of it: the request moves RCV.NXT by its octets, the
/// FIN SND.NXT by one more than the reply has.
const CLOSES_FIRST: Own = Own {
    name: "closes-first",
    steps: "\
- call: close
- expect: {flags: FIN-ACK}
- silence: 150ms
- inject: {flags: ACK}
- silence: 500ms                            # FIN-WAIT-2: the FIN does not come again
- inject: {flags: FIN-ACK}
- expect: {flags: ACK}
- inject: {flags: FIN-ACK, seq: RCV.NXT-1}  # TIME-WAIT answers it once more
- expect: {flags: ACK}
- silence: 1s
",
    says: "1 pass",
};

/// PING and +PONG.
const SEVEN: Own = Own {
    name: "seven-octets",
    steps: "\
- call: {send: 7}
- expect: {flags: ACK, seq: ISS+1, data: 7}
- inject: {flags: ACK}
- call: {send: 7}
- expect: {flags: ACK, seq: ISS+8, data: 7}
- inject: {flags: ACK, ack: ISS+15}
- silence: 500ms
",
    says: "1 pass",
};
const TWO: Own = Own {
    name: "two-octets",
    steps: "- call: {send: 2}\n- expect: {flags: ACK, data: 2}\n",
    says: "sends 2 octets, which no request draws",
};

const PROGRAMS: [Program; 3] = [
    Program {
        name: "redis",
        version: &["redis-server", "--version"],
        command: "redis-server --port 6379 --bind '*' '-::*' --protected-mode no --save ''",
        prepare: |_| Ok(()),
        serves: &[Served {
            service: "redis",
            port: "6379",
            over: &[Over::V4, Over::V6],
            select: &[],
            least: 1000,
            specs: &[SEVEN, TWO, CLOSES_FIRST],
        }],
    },
    Program {
        name: "nginx",
        version: &["nginx", "-v"],
        command: "nginx -p . -c nginx.conf",
        prepare: configure_nginx,
        serves: &[Served {
            service: "http",
            port: "80",
            over: &[Over::V4, Over::V6],
            select: &[],
            least: 800,
            specs: &[CLOSES_FIRST],
        }],
    },
    Program {
        name: "xinetd",
        version: &["xinetd", "-version"],
        command: "xinetd -dontfork -f xinetd.conf",
        prepare: configure_xinetd,
        // Our own discard and echo are played over IPv4.
        serves: &[
            Served {
                service: "chargen",
                port: "1019",
                over: &[Over::V4, Over::V6],
                select: &[],
                least: 60,
                specs: &[],
            },
            Served {
                service: "discard",
                port: "1009",
                over: &[Over::V6],
                select: &[],
                least: 550,
                specs: &[],
            },
            Served {
                service: "echo",
                port: "1007",
                over: &[Over::V6],
                select: &[],
                least: 400,
                specs: &[],
            },
        ],
    },
];

const NGINX: &str = "\
user root; daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 80; listen [::]:80; root .; }
}
";

fn configure_nginx(folder: &Path) -> std::io::Result<()> {
    std::fs::write(folder.join("index.html"), "Good day.\n")?;
    std::fs::write(folder.join("nginx.conf"), NGINX)
}

const XINETD: &str = "\
defaults
{
  instances = UNLIMITED
  per_source = UNLIMITED
  cps = 0 0
}
";

fn configure_xinetd(folder: &Path) -> std::io::Result<()> {
    let services = [("chargen", 1019), ("discard", 1009), ("echo", 1007)];
    let service = |(name, port): (&str, u16)| {
        let rest = "socket_type = stream\n protocol = tcp\n wait = no\n flags = IPv6\n";
        let kind = format!("type = INTERNAL UNLISTED\n port = {port}\n user = root\n");
        format!("service {name}\n{{\n {kind} {rest}}}\n")
    };
    let services: String = services.map(service).concat();
    std::fs::write(folder.join("xinetd.conf"), format!("{XINETD}{services}"))
}

/// Tests of programs that may be missing, in which case they are shown as ignored.
pub(crate) fn of_others(forbidden: bool) -> Vec<Trial> {
    let mut trials = Vec::new();
    for program in PROGRAMS {
        let [command, arguments @ ..] = program.version else {
            continue;
        };
        let there = Command::new(command).args(arguments).output();
        // Some programs tell their version, and say that this was an error.
        let there =
            there.is_ok_and(|output| !output.stdout.is_empty() || !output.stderr.is_empty());
        if !there {
            eprintln!("host/{}-* is ignored: there is no {command}", program.name);
        }
        let name = format!("host/{}-over-ipv4-and-ipv6", program.name);
        let trial = Trial::test(name, move || test(&program));
        trials.push(trial.with_ignored_flag(forbidden || !there));
    }
    trials
}

/// All that a program serves, side by side.
fn test(program: &Program) -> Result<(), Failed> {
    let ports: Vec<&str> = program.serves.iter().map(|served| served.port).collect();
    let rig = &Rig::build_with(program.command, &ports.join(" "), program.prepare)?;
    let mut tests = Vec::new();
    for (nth, served) in program.serves.iter().enumerate() {
        for over in served.over {
            let (host, from) = match over {
                Over::V4 => ("192.0.2.7", format!("192.0.2.2{nth}0-2{nth}7")),
                Over::V6 => ("[2001:db8::7]", format!("2001:db8::2{nth}0-2{nth}7")),
            };
            let device = format!("{host}:{}", served.port);
            tests.push(move || {
                let own = served.specs.iter();
                let mut own = own.map(|own| play_own(rig, &device, &from, served.service, own));
                own.try_for_each(|played| played)?;
                conforms(rig, &device, &from, served)
            });
        }
    }
    side_by_side(tests)
}

/// Does all of it at once; the first error counts.
fn side_by_side<W>(works: Vec<W>) -> Result<(), Failed>
where
    W: FnOnce() -> Result<(), Failed> + Send,
{
    thread::scope(|scope| {
        let works: Vec<_> = works.into_iter().map(|work| scope.spawn(work)).collect();
        let ends = works
            .into_iter()
            .map(|work| work.join().map_err(|_| "it panicked")?);
        ends.fold(Ok(()), Result::and)
    })
}

/// Plays a spec of a user's.
fn play_own(rig: &Rig, device: &str, from: &str, service: &str, own: &Own) -> Result<(), Failed> {
    let file = rig.file(&format!("{}-from-{from}.yaml", own.name));
    let head = "spec: 1\ntitle: What a service does\ncovers: [RFC9293-3.10.2-2]\n";
    let steps = own.steps;
    std::fs::write(&file, format!("{head}start: ESTABLISHED\nsteps:\n{steps}"))?;
    let way = [
        "run",
        "--specs",
        rig::few(),
        &file,
        "-d",
        device,
        "--from",
        from,
    ];
    let rest = ["--service", service, "--profile", "linux", "--pcap", "none"];
    let ran = rig.tcpspec(&[&way[..], &rest].concat())?;
    let out = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    if out.contains(own.says) {
        return Ok(());
    }
    Err(format!(
        "{}: exit {:?}\n{}{}",
        own.name, ran.code, ran.out, ran.errors
    )
    .into())
}

/// Our own services, which bring what they are known for.
pub(crate) fn our_own(rig: &Rig) -> Result<(), Failed> {
    let served = |service, port, select, least| Served {
        service,
        port,
        over: &[Over::V4],
        select,
        least,
        specs: &[],
    };
    let services = [
        ("192.0.2.236-239", served("discard", "9", &[], 550)),
        ("192.0.2.232-235", served("echo", "7", &[], 450)),
        // Four connections at a time.
        ("192.0.2.224-227", served("ssh", "22", &["3.5", "3.6"], 25)),
    ];
    let test = |(from, served): (&'static str, Served)| {
        move || {
            let device = format!("192.0.2.7:{}", served.port);
            conforms(rig, &device, from, &served)
        }
    };
    side_by_side(services.map(test).into())
}

/// A service that is not what it is said to be ends the run before its first case.
pub(crate) fn another(rig: &Rig) -> Result<(), Failed> {
    let ran = run(
        rig,
        ("192.0.2.7:9", "192.0.2.231"),
        "echo",
        "none.json",
        &[],
    )?;
    let words = "the service at 192.0.2.7:9 is not `echo`, of which it is said that it sends 7";
    if ran.code == Some(3) && ran.errors.contains(words) {
        return Ok(());
    }
    Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into())
}

fn run(
    rig: &Rig,
    (device, from): (&str, &str),
    service: &str,
    json: &str,
    select: &[&str],
) -> Result<Ran, Failed> {
    let way = ["run", "-d", device, "--from", from, "--service", service];
    let rest = [
        "--profile",
        "linux",
        "--pinned",
        "--closed-port",
        "10",
        "--pcap",
        "none",
    ];
    // On a busy machine a case may find the tester unfit; what counts is how many pass.
    let json = ["-q", "--allow-inconclusive", "--json", &rig.file(json)];
    Ok(rig.tcpspec(&[&way[..], &rest, &json, select].concat())?)
}

/// A Linux host passes whatever its service can be asked, but for its known deviations.
fn conforms(rig: &Rig, device: &str, from: &str, served: &Served) -> Result<(), Failed> {
    let report = format!("from-{from}.json");
    let ran = run(rig, (device, from), served.service, &report, served.select)?;
    if ran.code != Some(0) {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    let report = std::fs::read_to_string(rig.file(&report))?;
    let run: Value = serde_json::from_str(&report)?;
    let cases = run["cases"].as_array().ok_or("no cases")?;
    let passed = cases.iter().filter(|case| case["verdict"] == "pass");
    let passed = passed.count();
    if passed < served.least {
        return Err(format!("only {passed} of {} cases passed", cases.len()).into());
    }
    Ok(())
}
