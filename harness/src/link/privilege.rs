//! What the process may do beyond an ordinary one, and giving it up: a program that reads what
//! strangers send has no use for more than its sockets.
//!
//! Linux keeps capabilities per thread, and a new thread has those of the one that started it
//! (capabilities(7)). What is said here concerns the calling thread.

use nix::errno::Errno;
use std::io;

/// A capability that something here can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Write files that are somebody else's, as root does.
    DacOverride,
    /// Change links, addresses and firewall rules.
    NetAdmin,
    /// Open packet sockets.
    NetRaw,
}

impl Capability {
    /// Its number in `linux/capability.h`.
    fn bit(self) -> u64 {
        1 << match self {
            Self::DacOverride => 1,
            Self::NetAdmin => 12,
            Self::NetRaw => 13,
        }
    }
}

/// Version 3 of the interface: two words for each set.
const VERSION: u32 = 0x2008_0522;
/// Numbers that a set has room for.
const NUMBERS: u64 = 64;

/// `struct __user_cap_header_struct`; the thread 0 is the calling one.
#[repr(C)]
struct Header {
    version: u32,
    thread: i32,
}

/// `struct __user_cap_data_struct`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Word {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The capabilities of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sets {
    effective: u64,
    permitted: u64,
}

/// True if the calling thread can do that now.
pub fn has(capability: Capability) -> bool {
    read().is_ok_and(|sets| sets.effective & capability.bit() != 0)
}

/// Gives up all capabilities but `used`, and those of `reserve`, which [`raise`] can still get
/// back. What the thread does not have it does not get.
pub fn keep(used: &[Capability], reserve: &[Capability]) -> io::Result<()> {
    let sum = |them: &[Capability]| them.iter().fold(0, |sum, it| sum | it.bit());
    let before = read()?;
    let permitted = before.permitted & (sum(used) | sum(reserve));
    write(Sets {
        effective: permitted & sum(used),
        permitted,
    })
}

/// Takes a capability out of the reserve. False if it is not there.
pub fn raise(capability: Capability) -> bool {
    let Ok(before) = read() else {
        return false;
    };
    let effective = before.effective | capability.bit();
    before.permitted & capability.bit() != 0
        && write(Sets {
            effective,
            ..before
        })
        .is_ok()
}

/// Nothing that this process starts gets more than it has, whoever owns the program and whatever
/// its file allows; for good.
pub fn forbid_more() -> io::Result<()> {
    nix::sys::prctl::set_no_new_privs()?;
    for number in 0..NUMBERS {
        // SAFETY: this option takes a number and touches no memory.
        let done = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
        match Errno::result(done) {
            // There are no more, or it takes a capability that we do not have: without new
            // privileges the bounding set bounds nothing.
            Err(Errno::EINVAL | Errno::EPERM) => break,
            Err(errno) => return Err(errno.into()),
            Ok(_) => {}
        }
    }
    Ok(())
}

fn read() -> io::Result<Sets> {
    let mut header = Header {
        version: VERSION,
        thread: 0,
    };
    let mut words = [Word::default(); 2];
    // SAFETY: for version 3 the kernel writes two words, which is what `words` holds; both live
    // until the call returns.
    let done = unsafe {
        libc::syscall(
            libc::SYS_capget,
            &raw mut header,
            (&raw mut words).cast::<Word>(),
        )
    };
    Errno::result(done)?;
    let joined = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Ok(Sets {
        effective: joined(words[0].effective, words[1].effective),
        permitted: joined(words[0].permitted, words[1].permitted),
    })
}

fn write(sets: Sets) -> io::Result<()> {
    let mut header = Header {
        version: VERSION,
        thread: 0,
    };
    let word = |shift: u32| Word {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: 0,
    };
    let words = [word(0), word(32)];
    // SAFETY: for version 3 the kernel reads two words, which is what `words` holds; both live
    // until the call returns.
    let done = unsafe {
        libc::syscall(
            libc::SYS_capset,
            &raw mut header,
            (&raw const words).cast::<Word>(),
        )
    };
    Errno::result(done)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Threads have capabilities of their own: nothing here changes those of the test program.
    #[test]
    fn what_was_given_up_does_not_come_back() {
        let checked = thread::spawn(|| {
            let had_raw = has(Capability::NetRaw);
            keep(&[Capability::NetRaw], &[Capability::NetAdmin]).unwrap();
            assert_eq!(has(Capability::NetRaw), had_raw);
            assert!(!has(Capability::NetAdmin));
            let had_admin = raise(Capability::NetAdmin);
            assert_eq!(has(Capability::NetAdmin), had_admin);
            assert!(!raise(Capability::DacOverride));
            keep(&[], &[]).unwrap();
            assert!(!raise(Capability::NetRaw) && !raise(Capability::NetAdmin));
            keep(&[Capability::NetRaw], &[]).unwrap();
            assert!(!has(Capability::NetRaw));
        });
        checked.join().unwrap();
    }
}
