//! Network namespaces: one for each case, and the user namespace that makes them possible without
//! root.
//!
//! A namespace lasts as long as a thread is in it or a descriptor made in it is open: nothing is
//! ever left behind, whatever way the process ends.

use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::io;

/// What keeps a namespace from being made.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct NamespaceError {
    /// What was tried.
    pub what: &'static str,
    /// What went wrong.
    pub source: io::Error,
}

/// Moves the whole process into a user namespace of its own, in which it is root over the network
/// namespaces that it makes. Only possible while the process has a single thread.
pub fn become_root_of_our_own() -> Result<(), NamespaceError> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(failed("make a user namespace"))?;
    // Without this, the kernel takes no map of groups from an ordinary user.
    write("/proc/self/setgroups", "deny").map_err(failed("give up setgroups"))?;
    write("/proc/self/uid_map", &format!("0 {user} 1")).map_err(failed("map the user"))?;
    write("/proc/self/gid_map", &format!("0 {group} 1")).map_err(failed("map the group"))
}

/// Moves the calling thread into a fresh network namespace.
pub fn enter_fresh_network() -> Result<(), NamespaceError> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(failed("make a network namespace"))
}

/// True if the process may make network namespaces as it is: CAP_SYS_ADMIN and CAP_NET_ADMIN.
pub fn is_privileged() -> bool {
    const NET_ADMIN: u32 = 12;
    const SYS_ADMIN: u32 = 21;
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or_default();
    [NET_ADMIN, SYS_ADMIN]
        .iter()
        .all(|bit| effective >> bit & 1 == 1)
}

fn write(path: &str, value: &str) -> io::Result<()> {
    // Not `fs::write`: such a file must neither be made nor cut.
    io::Write::write_all(
        &mut fs::OpenOptions::new().write(true).open(path)?,
        value.as_bytes(),
    )
}

fn failed<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> NamespaceError {
    move |source| NamespaceError {
        what,
        source: source.into(),
    }
}
