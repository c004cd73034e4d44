//! Services on the host in the place of an agent: our own, and where they are installed those of
//! others, started by the tests and by nobody else (Debian: `nginx-light`, `redis-server`).

use super::rig::{Ran, Rig};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::thread;

/// A program that serves, and how it is told of on the command line.
struct Program {
    name: &'static str,
    /// Shows that it is there.
    version: &'static [&'static str],
    /// What starts it, and stays.
    command: &'static str,
    port: &'static str,
    service: &'static str,
    prepare: fn(&Path) -> std::io::Result<()>,
    /// Fewer cases than these can pass only if something is wrong.
    least: usize,
    /// So many octets a spec of its own has it send.
    sends: Option<usize>,
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "redis",
        version: &["redis-server", "--version"],
        command: "redis-server --port 6379 --bind '*' '-::*' --protected-mode no --save ''",
        port: "6379",
        service: "redis",
        prepare: |_| Ok(()),
        least: 1000,
        // The reply to PING.
        sends: Some(7),
    },
    Program {
        name: "nginx",
        version: &["nginx", "-v"],
        command: "nginx -p . -c nginx.conf",
        port: "80",
        service: "http",
        prepare: configure_nginx,
        least: 800,
        sends: None,
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

/// Tests of programs that may be missing, in which case they are shown as ignored.
pub(crate) fn of_others(forbidden: bool) -> Vec<Trial> {
    let mut trials = Vec::new();
    for program in PROGRAMS {
        let [command, arguments @ ..] = program.version else {
            continue;
        };
        let there = Command::new(command).args(arguments).output();
        let there = there.is_ok_and(|output| output.status.success());
        if !there {
            eprintln!("host/{}-* is ignored: there is no {command}", program.name);
        }
        let name = program.name;
        let (v4, v6) = ("192.0.2.7", "[2001:db8::7]");
        let ways = [(v4, "192.0.2.200-207"), (v6, "2001:db8::200-207")];
        let tests = move || {
            let rig = Rig::build_with(program.command, program.port, program.prepare)?;
            let each = ways.map(|(device, from)| {
                let (device, rig) = (format!("{device}:{}", program.port), &rig);
                move || {
                    if let Some(count) = program.sends {
                        sends(rig, &device, from, program.service, count)?;
                    }
                    conforms(rig, &device, from, program.service, program.least)
                }
            });
            both(each)
        };
        let trial = Trial::test(format!("host/{name}-over-ipv4-and-ipv6"), tests);
        trials.push(trial.with_ignored_flag(forbidden || !there));
    }
    trials
}

/// Does two things side by side.
fn both<W: FnOnce() -> Result<(), Failed> + Send>([one, other]: [W; 2]) -> Result<(), Failed> {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        one.join().map_err(|_| "it panicked")?.and(other)
    })
}

/// A spec of a user has the service send so many octets, one more is refused by name.
fn sends(rig: &Rig, device: &str, from: &str, service: &str, count: usize) -> Result<(), Failed> {
    for (count, words) in [
        (count, "1 pass"),
        (2, "sends 2 octets, which no request draws"),
    ] {
        let file = rig.file(&format!("send-{count}-from-{from}.yaml"));
        let steps =
            format!("  - call: {{send: {count}}}\n  - expect: {{flags: ACK, data: {count}}}\n");
        let head = "spec: 1\ntitle: So many octets\ncovers: [RFC9293-3.10.2-2]\n";
        std::fs::write(&file, format!("{head}start: ESTABLISHED\nsteps:\n{steps}"))?;
        let way = [
            "run",
            &file,
            "-d",
            device,
            "--from",
            from,
            "--service",
            service,
        ];
        let ran = rig.tcpspec(&[&way[..], &["--pcap", "none"]].concat())?;
        let out = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        if !out.contains(words) {
            return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
        }
    }
    Ok(())
}

/// Our own services, which bring what they are known for.
pub(crate) fn discard_and_echo(rig: &Rig) -> Result<(), Failed> {
    let services = [
        ("9", "192.0.2.236-239", "discard", 550),
        ("7", "192.0.2.232-235", "echo", 450),
    ];
    both(services.map(|(port, from, service, least)| {
        move || conforms(rig, &format!("192.0.2.7:{port}"), from, service, least)
    }))
}

/// A service that is not what it is said to be ends the run before its first case.
pub(crate) fn another(rig: &Rig) -> Result<(), Failed> {
    let ran = run(rig, "192.0.2.7:9", "192.0.2.231", "echo", "none.json")?;
    let words = "the service at 192.0.2.7:9 is not `echo`, of which it is said that it sends 7";
    if ran.code == Some(3) && ran.errors.contains(words) {
        return Ok(());
    }
    Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into())
}

fn run(rig: &Rig, device: &str, from: &str, service: &str, json: &str) -> Result<Ran, Failed> {
    let way = ["run", "-d", device, "--from", from, "--service", service];
    let rest = [
        "--profile",
        "linux",
        "--closed-port",
        "10",
        "--pcap",
        "none",
    ];
    // On a busy machine a case may find the tester unfit; what counts is how many pass.
    let json = ["-q", "--allow-inconclusive", "--json", &rig.file(json)];
    Ok(rig.tcpspec(&[&way[..], &rest, &json].concat())?)
}

/// A Linux host passes whatever its service can be asked, but for its known deviations.
fn conforms(
    rig: &Rig,
    device: &str,
    from: &str,
    service: &str,
    least: usize,
) -> Result<(), Failed> {
    let report = format!("from-{from}.json");
    let ran = run(rig, device, from, service, &report)?;
    if ran.code != Some(0) {
        return Err(format!("exit {:?}\n{}{}", ran.code, ran.out, ran.errors).into());
    }
    let report = std::fs::read_to_string(rig.file(&report))?;
    let run: Value = serde_json::from_str(&report)?;
    let cases = run["cases"].as_array().ok_or("no cases")?;
    let passed = cases.iter().filter(|case| case["verdict"] == "pass");
    let passed = passed.count();
    if passed < least {
        return Err(format!("only {passed} of {} cases passed", cases.len()).into());
    }
    Ok(())
}
