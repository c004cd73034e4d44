//! What a run may do while it reads what strangers send, as the kernel shows it: nothing that an
//! ordinary process may not, in any thread.

use super::care::{busy, cases};
use super::rig::{self, Rig};
use super::{BUSY, V4};
use libtest_mimic::Failed;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Child, Command};

/// The sets of a thread, as `/proc` names them.
const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
/// CAP_DAC_OVERRIDE in such a set: files of others may be written.
const FILES: u64 = 1 << 1;
/// A user and a group that own nothing.
const NOBODY: u32 = 65_534;
/// What a user who is not root is given.
const REST: [&str; 6] = ["10", BUSY, "--pcap", "none", "-q", "3.10.7.4"];
const GIVEN: &str = "cap_net_raw,cap_net_admin+ep";

/// Root gives up all it has, also what programs that it starts could get back.
pub(crate) fn of_root() -> Result<(), Failed> {
    let rig = Rig::build()?;
    let run = rig.spawn(&arguments(&[]))?;
    for (thread, sets) in while_busy(&rig, run)? {
        if SETS.iter().any(|name| sets[*name] != 0) || sets["NoNewPrivs"] != 1 {
            return Err(format!("{thread} has {sets:x?}").into());
        }
    }
    Ok(())
}

/// Where only root's power over files lets reports be written, one thread keeps that, and no other
/// anything.
pub(crate) fn over_files() -> Result<(), Failed> {
    if !rig::is_root() {
        println!("not looked at: only root has a power over the files of others");
        return Ok(());
    }
    let rig = Rig::build()?;
    let folder = rig.file("of-somebody-else");
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
    chown(&folder, Some(NOBODY), Some(NOBODY))?;
    let report = format!("{folder}/report.json");
    let mut run = rig.spawn(&arguments(&["--json", &report]))?;
    let seen = busy(&rig).and_then(|()| threads(run.id()));
    let code = run.wait()?.code();
    let had: BTreeSet<u64> = seen?.values().map(|sets| sets["CapPrm"]).collect();
    if code == Some(0) && had == BTreeSet::from([0, FILES]) && !cases(&report)?.is_empty() {
        return Ok(());
    }
    Err(format!("exit {code:?}, permitted were {had:x?}").into())
}

/// A user needs the two capabilities that the README names, and loses them as well.
pub(crate) fn of_a_user() -> Result<(), Failed> {
    if !rig::is_root() {
        println!("not looked at: only root can become somebody else");
        return Ok(());
    }
    let rig = Rig::build()?;
    let (folder, program) = (rig.folder(), rig.file("tcpspec"));
    fs::copy(env!("CARGO_BIN_EXE_tcpspec"), &program)?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    // The folder of few specs may be where only its owner can read.
    let way = V4.arguments().into_iter();
    let way = way.filter(|word| *word != "--specs" && *word != rig::few());
    let arguments: Vec<&str> = way.chain(REST).collect();
    let given = rig.spawn_as(NOBODY, true, &program, &arguments)?;
    has_nothing(&rig, given)?;
    // The host has accepted connections: another one has not.
    let host = Rig::build()?;
    let set = Command::new("setcap").args([GIVEN, &program]).status();
    let is_void = statvfs(folder)?.flags().contains(FsFlags::ST_NOSUID);
    if is_void || !set.is_ok_and(|status| status.success()) {
        println!("not looked at: there is no setcap, or files here cannot have capabilities");
        return Ok(());
    }
    let in_its_file = host.spawn_as(NOBODY, false, &program, &arguments)?;
    has_nothing(&host, in_its_file)
}

/// Without CAP_SETPCAP the bounding set stays; without new privileges it is void.
fn has_nothing(rig: &Rig, run: Child) -> Result<(), Failed> {
    for (thread, sets) in while_busy(rig, run)? {
        let is_nothing = |name: &&str| *name == "CapBnd" || sets[*name] == 0;
        if !SETS.iter().all(is_nothing) || sets["NoNewPrivs"] != 1 {
            return Err(format!("{thread} has {sets:x?}").into());
        }
    }
    Ok(())
}

fn arguments<'m>(more: &[&'m str]) -> Vec<&'m str> {
    [&V4.arguments()[..], &REST, more].concat()
}

/// What the threads of a run may do when it is well under way.
fn while_busy(
    rig: &Rig,
    mut run: Child,
) -> Result<BTreeMap<String, BTreeMap<String, u64>>, Failed> {
    let seen = busy(rig).and_then(|()| threads(run.id()));
    run.kill()?;
    run.wait()?;
    seen
}

/// The threads of a process by name, and what `/proc` says that they may do.
fn threads(process: u32) -> Result<BTreeMap<String, BTreeMap<String, u64>>, Failed> {
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        let lines = status.lines().filter_map(|line| line.split_once(":\t"));
        let of = |name: &str| lines.clone().find(|line| line.0 == name).map(|line| line.1);
        let number = |name: &str| u64::from_str_radix(of(name).unwrap_or("-"), 16);
        let names = SETS.into_iter().chain(["NoNewPrivs"]);
        let sets = names.map(|name| Ok((name.to_owned(), number(name)?)));
        let sets = sets.collect::<Result<_, Failed>>()?;
        let name = format!("{} ({})", of("Name").unwrap_or(""), of("Pid").unwrap_or(""));
        threads.insert(name, sets);
    }
    // One that reads, one that watches, and some that play.
    if threads.len() < 10 {
        return Err(format!("only {} threads ran", threads.len()).into());
    }
    Ok(threads)
}
