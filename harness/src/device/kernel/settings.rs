//! Socket options by the names of the specs.

use super::sysctls;
use crate::spec::case::{KeepAlive, SocketSettings};
use nix::errno::Errno;
use socket2::{Domain, Socket, TcpKeepalive};
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// A kernel setting that is a socket option here: of the algorithms that it has, the kernel lets a
/// namespace choose only those that the machine's administrator allows to everybody, while who owns
/// the namespace may give its sockets any.
const CONGESTION_CONTROL: &str = "tcp_congestion_control";

/// True for a kernel setting that each socket can have for itself.
pub(crate) fn of_a_socket(name: &str) -> bool {
    name == CONGESTION_CONTROL
}

/// Sets what `settings` names on a socket, before its handshake or later; what is inherited from a
/// listener is set on the listener.
///
/// `rcvbuf` is handed to the kernel as it is: Linux doubles the number to make room for its own
/// bookkeeping and offers half of that as the window, so that what a spec asks for is the window
/// offered (rounded down to whole segments). `sndbuf` is doubled too, and then charged with the
/// bookkeeping, so that about that many octets can be queued.
pub(super) fn apply(socket: &Socket, settings: &SocketSettings) -> io::Result<()> {
    if let Some(nodelay) = settings.nodelay {
        socket.set_tcp_nodelay(nodelay)?;
    }
    if let Some(octets) = settings.rcvbuf {
        socket.set_recv_buffer_size(octets as usize)?;
    }
    if let Some(octets) = settings.sndbuf {
        socket.set_send_buffer_size(octets as usize)?;
    }
    if let Some(keepalive) = &settings.keepalive {
        socket.set_tcp_keepalive(&probes(keepalive)?)?;
    }
    if let Some(most) = settings.fastopen {
        fast_open(socket, most)?;
    }
    if let Some(option) = &settings.source_route {
        set_octets(socket, libc::IPPROTO_IP, libc::IP_OPTIONS, option)?;
    }
    for (name, value) in &settings.system {
        if name == CONGESTION_CONTROL {
            socket.set_tcp_congestion(value.as_bytes())?;
        }
    }
    if let Some(timeout) = settings.user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    if let Some(iss) = settings.iss {
        first_number(socket, iss)?;
    }
    let is_v4 = socket.domain()? == Domain::IPV4;
    if let Some(ttl) = settings.ttl {
        let ttl = u32::from(ttl);
        if is_v4 {
            socket.set_ttl_v4(ttl)?;
        } else {
            socket.set_unicast_hops_v6(ttl)?;
        }
    }
    if let Some(tos) = settings.tos {
        let tos = u32::from(tos);
        if is_v4 {
            socket.set_tos_v4(tos)?;
        } else {
            socket.set_tclass_v6(tos)?;
        }
    }
    Ok(())
}

/// Sets the kernel settings that `settings` names, in the namespace of the calling thread, but for
/// those that [`apply`] sets.
pub(super) fn apply_system(settings: &SocketSettings) -> io::Result<()> {
    settings
        .system
        .iter()
        .filter(|(name, _)| !of_a_socket(name))
        .try_for_each(|(name, value)| sysctls::set(name, value))
}

/// `TCP_FASTOPEN` of a listener: so many connections may wait for the ACK of their SYN,ACK.
fn fast_open(socket: &Socket, most: u32) -> io::Result<()> {
    set_number(socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, most)
}

/// The sequence number of the SYN that `connect` sends. Linux gives it to whoever restores a
/// connection: the socket is in repair while the number is written, and leaves it without a probe.
fn first_number(socket: &Socket, iss: u32) -> io::Result<()> {
    /// `TCP_SEND_QUEUE` of `linux/tcp.h`.
    const SEND_QUEUE: u32 = 2;
    const ON: u32 = 1;
    const OFF: u32 = 0;
    if iss == 0 {
        let message = "iss is 0, which Linux takes for not set: begin at 1";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let set = |name, value| set_number(socket, libc::IPPROTO_TCP, name, value);
    set(libc::TCP_REPAIR, ON)?;
    let written =
        set(libc::TCP_REPAIR_QUEUE, SEND_QUEUE).and_then(|()| set(libc::TCP_QUEUE_SEQ, iss));
    set(libc::TCP_REPAIR, OFF)?;
    written
}

/// Packets are never cut on their way, or may be.
pub(crate) fn dont_fragment(socket: &Socket, is_set: bool) -> io::Result<()> {
    let [level, name, set, unset] = match socket.domain()? {
        Domain::IPV4 => [
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_DO,
            libc::IP_PMTUDISC_DONT,
        ],
        _ => [
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_DO,
            libc::IPV6_PMTUDISC_DONT,
        ],
    };
    let value = if is_set { set } else { unset };
    set_number(socket, level, name, value.cast_unsigned())
}

/// An option that neither of the socket libraries has.
fn set_number(socket: &Socket, level: i32, name: i32, value: u32) -> io::Result<()> {
    set_octets(socket, level, name, &value.to_ne_bytes())
}

fn set_octets(socket: &Socket, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the value is live and of the length that is given.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    };
    Errno::result(set)?;
    Ok(())
}

fn probes(keepalive: &KeepAlive) -> io::Result<TcpKeepalive> {
    let mut probes = TcpKeepalive::new();
    if let Some(idle) = keepalive.idle {
        probes = probes.with_time(whole_seconds("idle", idle)?);
    }
    if let Some(interval) = keepalive.interval {
        probes = probes.with_interval(whole_seconds("interval", interval)?);
    }
    if let Some(count) = keepalive.count {
        probes = probes.with_retries(count);
    }
    Ok(probes)
}

/// Linux keeps these in seconds; a silent rounding would move the spec's bounds.
fn whole_seconds(name: &str, time: Duration) -> io::Result<Duration> {
    if time.subsec_nanos() == 0 && !time.is_zero() {
        return Ok(time);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("keepalive.{name} is {time:?}, but Linux counts whole seconds from 1"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use socket2::Type;

    #[test]
    fn congestion_control_is_set_on_the_socket_and_nowhere_else() {
        let settings = |algorithm: &str| SocketSettings {
            system: vec![(CONGESTION_CONTROL.to_owned(), algorithm.to_owned())],
            ..SocketSettings::default()
        };
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        apply(&socket, &settings("reno")).unwrap();
        let name = socket.tcp_congestion().unwrap();
        assert_eq!(name.split(|octet| *octet == 0).next(), Some(&b"reno"[..]));
        assert!(apply(&socket, &settings("no-such-thing")).is_err());
        assert!(apply_system(&settings("no-such-thing")).is_ok());
    }

    #[rstest]
    #[case(Duration::from_secs(1), true)]
    #[case(Duration::from_secs(7200), true)]
    #[case(Duration::ZERO, false)]
    #[case(Duration::from_millis(1500), false)]
    fn keep_alive_counts_whole_seconds(#[case] idle: Duration, #[case] taken: bool) {
        let keepalive = KeepAlive {
            idle: Some(idle),
            ..KeepAlive::default()
        };
        assert_eq!(probes(&keepalive).is_ok(), taken);
    }
}
