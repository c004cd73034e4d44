//! Kernel settings of one network namespace, by the names of `sysctl`.

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Where the settings of TCP live.
const TCP: &str = "/proc/sys/net/ipv4";

/// Sets `name` in the network namespace of the calling thread. A bare name stands for
/// `net.ipv4.NAME`, where all settings of TCP live.
pub fn set(name: &str, value: &str) -> io::Result<()> {
    Folder::open()?.set(name, value)
}

/// Settings of TCP in the network namespace of the thread that opens them.
///
/// The folder is looked up once: all namespaces have one of that name, and the kernel compares
/// with each of them in turn.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Finds the folder.
    pub fn open() -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(open(TCP, flags, Mode::empty())?))
    }

    /// As [`set`].
    pub fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let path = path_of(name)?;
        let path = path.strip_prefix(TCP).unwrap_or(&path);
        let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        // An absolute path leaves the folder alone.
        let file = openat(&self.0, path, flags, Mode::empty())?;
        File::from(file).write_all(value.as_bytes())
    }
}

/// The present value of `name`.
pub fn get(name: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path_of(name)?)?
        .trim()
        .replace('\t', " "))
}

/// Only settings of the network have a value per namespace; nothing else may be touched.
fn path_of(name: &str) -> io::Result<PathBuf> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let inside = name.strip_prefix("net.").unwrap_or(name);
    let parts: Vec<&str> = inside.split('.').collect();
    if !name.chars().all(allowed) || parts.iter().any(|part| part.is_empty()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "`{name}` is no sysctl of the network; write `tcp_sack` or `net.ipv4.tcp_sack`"
            ),
        ));
    }
    let mut path = PathBuf::from(if parts.len() == 1 {
        TCP
    } else {
        "/proc/sys/net"
    });
    path.extend(parts);
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("tcp_sack", "/proc/sys/net/ipv4/tcp_sack")]
    #[case("net.ipv4.tcp_sack", "/proc/sys/net/ipv4/tcp_sack")]
    #[case("net.ipv6.conf.all.hop_limit", "/proc/sys/net/ipv6/conf/all/hop_limit")]
    #[case("ipv6.icmp.ratelimit", "/proc/sys/net/ipv6/icmp/ratelimit")]
    fn names_become_paths(#[case] name: &str, #[case] path: &str) {
        assert_eq!(path_of(name).unwrap(), PathBuf::from(path));
    }

    #[rstest]
    #[case("../kernel/core_pattern")]
    #[case("net..ipv4")]
    #[case("")]
    #[case("/etc/passwd")]
    #[case("tcp sack")]
    fn nothing_outside_the_network_can_be_named(#[case] name: &str) {
        assert!(path_of(name).is_err());
    }
}
