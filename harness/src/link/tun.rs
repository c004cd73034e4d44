//! A TUN device: what is written to it arrives at the kernel's IP layer inside the write, what
//! the kernel sends is seen by the tap.
//!
//! No packet information header, no offloads: packets have their final size and checksum.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

/// The node that makes TUN devices.
pub const NODE: &str = "/dev/net/tun";

/// A TUN device in the network namespace of the thread that made it. It vanishes with that
/// namespace, not with the value: the devices of many dead namespaces are removed together, where
/// one that is closed alone holds up all who configure a network.
#[derive(Debug)]
pub struct Tun {
    file: File,
}

impl Tun {
    /// Makes the device. Not allowed to whoever may not open [`NODE`].
    pub fn create(name: &str) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(NODE)?;
        attach(&file, name)?;
        outlive(&file)?;
        Ok(Self { file })
    }

    /// Hands the kernel an IP packet, which has been dealt with on return.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.file).write(packet).map(drop)
    }

    /// Throws away what the kernel sent: the tap has it, with a stamp. A full queue would count
    /// as congestion.
    pub fn drain(&self) -> io::Result<()> {
        let mut octets = [0; 64];
        loop {
            match (&self.file).read(&mut octets) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn attach(file: &File, name: &str) -> io::Result<()> {
    let mut request = super::interface_request(name)?;
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one ifreq, which `request` is.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The device stays when `file` is closed.
fn outlive(file: &File) -> io::Result<()> {
    // SAFETY: TUNSETPERSIST takes its argument as a number.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETPERSIST, 1) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
