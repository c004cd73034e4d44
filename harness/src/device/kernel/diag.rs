//! What the kernel knows of a connection: its state and its status, by socket diagnosis.
//!
//! `TCP_INFO` is never asked for the state: of a socket in TIME-WAIT it says CLOSED. Questions are
//! exact: one four-tuple, one answer. Nothing here walks all sockets of the machine.

use crate::device::FourTuple;
use crate::link::netlink::{Netlink, Request, attributes, u32_at};
use crate::spec::case::State;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `INET_DIAG_INFO` of `linux/inet_diag.h`: the attribute that carries a `tcp_info`.
const INET_DIAG_INFO: u16 = 2;
/// `INET_DIAG_CONG`: the attribute that carries the name of the congestion control.
const INET_DIAG_CONG: u16 = 4;
/// Length of `struct inet_diag_msg`.
const ANSWER: usize = 72;
/// `TCP_INFINITE_SSTHRESH` of the kernel: slow start has no limit yet.
const INFINITE: u32 = 0x7fff_ffff;

/// Asks the kernel of the namespace in which it was made.
#[derive(Debug)]
pub(super) struct Diag {
    netlink: Netlink,
}

/// A socket that the kernel has.
#[derive(Debug)]
struct Found {
    state: State,
    exact: bool,
    /// Which timer runs (`idiag_timer`), and for how much longer, in milliseconds.
    timer: (u8, u32),
    /// `idiag_rqueue` and `idiag_wqueue`: Recv-Q and Send-Q of `ss`.
    queues: (u32, u32),
    info: Option<Vec<u8>>,
    /// The name of its congestion control, with an octet of zero behind it.
    congestion_control: Option<Vec<u8>>,
}

impl Found {
    fn is_controlled_by(&self, name: &str) -> Option<i64> {
        let own = self.congestion_control.as_ref()?.split(|octet| *octet == 0);
        Some(i64::from(own.take(1).any(|own| own == name.as_bytes())))
    }
}

impl Diag {
    /// For the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            netlink: Netlink::sock_diag()?,
        })
    }

    /// What there is for the four-tuple: a connection in one of the nine states that are not
    /// CLOSED, else LISTEN if a listener would take one, else CLOSED.
    pub(super) fn state(&mut self, tuple: FourTuple) -> io::Result<State> {
        Ok(match self.find(tuple, false)? {
            Some(found) if found.exact || found.state == State::Listen => found.state,
            _ => State::Closed,
        })
    }

    /// A field of the connection's status. Octets, nanoseconds or counts; `None` if there is no
    /// such field, or no connection that has a status.
    pub(super) fn info(&mut self, tuple: FourTuple, field: &str) -> io::Result<Option<i64>> {
        let found = self.find(tuple, true)?.filter(|found| found.exact);
        Ok(found.and_then(|found| match field {
            "recv_q" | "unread" => Some(i64::from(found.queues.0)),
            "send_q" => Some(i64::from(found.queues.1)),
            "cubic" | "reno" => found.is_controlled_by(field),
            "timer_fin_wait_2" if found.state == State::FinWait2 => left_of(found.timer, 3),
            "timer_fin_wait_2" => None,
            _ => timer_of(found.timer, field).or_else(|| field_of(&found.info?, field)),
        }))
    }

    /// The accept queue of the listener on this socket: how many wait in it, and the backlog.
    pub(super) fn accept_queue(&mut self, local: SocketAddr) -> io::Result<Option<(u32, u32)>> {
        let nobody: IpAddr = match local {
            SocketAddr::V4(_) => [0_u8; 4].into(),
            SocketAddr::V6(_) => [0_u8; 16].into(),
        };
        let tuple = FourTuple {
            tester: SocketAddr::new(nobody, 0),
            device: local,
        };
        let found = self.find(tuple, false)?;
        Ok(found
            .filter(|found| found.state == State::Listen)
            .map(|found| found.queues))
    }

    fn find(&mut self, tuple: FourTuple, with_info: bool) -> io::Result<Option<Found>> {
        let answer = self.netlink.ask(question(tuple, with_info))?;
        Ok(answer.and_then(|answer| read(&answer, tuple)))
    }
}

/// `struct inet_diag_req_v2`.
fn question(tuple: FourTuple, with_info: bool) -> Request {
    let family = if tuple.device.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let wanted = if with_info {
        1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1)
    } else {
        0
    };
    Request::new(SOCK_DIAG_BY_FAMILY, 0)
        .octets(&[family as u8, libc::IPPROTO_TCP as u8, wanted, 0])
        .octets(&u32::MAX.to_ne_bytes())
        .octets(&socket_id(tuple))
        // Any interface, no cookie.
        .octets(&[0; 4])
        .octets(&[0xff; 8])
}

/// `struct inet_diag_sockid`, as far as it is the four-tuple: the kernel's own end first.
fn socket_id(tuple: FourTuple) -> Vec<u8> {
    let mut id = Vec::with_capacity(36);
    id.extend(tuple.device.port().to_be_bytes());
    id.extend(tuple.tester.port().to_be_bytes());
    id.extend(padded(tuple.device));
    id.extend(padded(tuple.tester));
    id
}

fn padded(end: SocketAddr) -> [u8; 16] {
    match end.ip() {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// `struct inet_diag_msg`: family, state, timer, retransmissions, the id, when the timer expires,
/// the two queues, and then what is not needed here. Where nothing has exactly the four-tuple, the
/// kernel answers with the listener.
fn read(answer: &[u8], tuple: FourTuple) -> Option<Found> {
    let state = state_of(*answer.get(1)?)?;
    let exact = state != State::Listen && answer.get(4..40)? == socket_id(tuple);
    let timer = (*answer.get(2)?, u32_at(answer, 52)?);
    let queues = (u32_at(answer, 56)?, u32_at(answer, 60)?);
    let rest = answer.get(ANSWER..)?;
    let attribute = |wanted| {
        let mut all = attributes(rest);
        all.find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value.to_vec())
    };
    Some(Found {
        state,
        exact,
        timer,
        queues,
        info: attribute(INET_DIAG_INFO),
        congestion_control: attribute(INET_DIAG_CONG),
    })
}

/// The time that is left of a timer, in nanoseconds: the kernel tells of one timer at a time.
fn timer_of(timer: (u8, u32), field: &str) -> Option<i64> {
    let number = match field {
        "timer_retransmission" => 1,
        "timer_keepalive" => 2,
        "timer_time_wait" => 3,
        "timer_persist" => 4,
        _ => return None,
    };
    left_of(timer, number)
}

fn left_of((running, millis): (u8, u32), number: u8) -> Option<i64> {
    (running == number).then_some(i64::from(millis) * 1_000_000)
}

/// The kernel's numbers, of `net/tcp_states.h`.
fn state_of(number: u8) -> Option<State> {
    Some(match number {
        1 => State::Established,
        2 => State::SynSent,
        // 12 is a connection that is only a request so far.
        3 | 12 => State::SynReceived,
        4 => State::FinWait1,
        5 => State::FinWait2,
        6 => State::TimeWait,
        7 => State::Closed,
        8 => State::CloseWait,
        9 => State::LastAck,
        10 => State::Listen,
        11 => State::Closing,
        _ => return None,
    })
}

/// Fields of `struct tcp_info`. The kernel counts the congestion window in segments, the RFCs in
/// octets: as octets it is comparable with other devices.
fn field_of(info: &[u8], field: &str) -> Option<i64> {
    let number = |at| u32_at(info, at).map(i64::from);
    let long = |at: usize| {
        let octets = info.get(at..at + 8)?.try_into().ok()?;
        i64::try_from(u64::from_ne_bytes(octets)).ok()
    };
    let nanos = |at| number(at).map(|micros| micros * 1_000);
    // `TCPI_OPT_TIMESTAMPS`, …
    let option = |bit| info.get(5).map(|&bits| i64::from(bits & bit != 0));
    let segments = |at| Some(number(at)? * number(16)?);
    match field {
        "retransmits" => info.get(2).map(|&count| i64::from(count)),
        "probes" => info.get(3).map(|&count| i64::from(count)),
        "backoff" => info.get(4).map(|&count| i64::from(count)),
        "rto" => nanos(8),
        "ato" => nanos(12),
        "mss" | "snd_mss" => number(16),
        "rcv_mss" => number(20),
        "unacked" => number(24),
        "sacked" => number(28),
        "lost" => number(32),
        "retrans" => number(36),
        "min_rtt" => nanos(148).filter(|_| u32_at(info, 148) != Some(u32::MAX)),
        "pmtu" => number(60),
        "rcv_ssthresh" => number(64),
        "srtt" => nanos(68),
        "rttvar" => nanos(72),
        "ssthresh" if u32_at(info, 76)? >= INFINITE => Some(i64::from(INFINITE)),
        "ssthresh" => segments(76),
        "cwnd" => segments(80),
        "advmss" => number(84),
        "reordering" => number(88),
        "rcv_space" => number(96),
        "total_retrans" => number(100),
        "bytes_received" => long(128),
        "unsent" => number(144),
        "bytes_sent" => long(200),
        "bytes_retrans" => long(208),
        "snd_wnd" => number(228),
        "rcv_wnd" => number(232),
        "timestamps" => option(1),
        "sack" => option(2),
        "ecn" => option(8),
        "options" => info.get(5).map(|&bits| i64::from(bits)),
        "snd_wscale" => info.get(6).map(|&both| i64::from(both & 0x0f)),
        "rcv_wscale" => info.get(6).map(|&both| i64::from(both >> 4)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple() -> FourTuple {
        FourTuple {
            tester: "192.0.2.2:40000".parse().unwrap(),
            device: "192.0.2.1:80".parse().unwrap(),
        }
    }

    fn answer(state: u8, id: &[u8]) -> Vec<u8> {
        let mut answer = vec![0; ANSWER];
        answer[1] = state;
        answer[4..40].copy_from_slice(id);
        answer
    }

    #[test]
    fn a_listener_is_not_the_connection() {
        let found = read(&answer(10, &[0; 36]), tuple()).unwrap();
        assert_eq!((found.state, found.exact), (State::Listen, false));
        let found = read(&answer(1, &socket_id(tuple())), tuple()).unwrap();
        assert_eq!((found.state, found.exact), (State::Established, true));
    }

    #[test]
    fn the_congestion_control_is_known_by_its_name() {
        let mut answer = answer(1, &socket_id(tuple()));
        // Length, kind, name, and what aligns the next attribute.
        answer.extend([9, 0, INET_DIAG_CONG as u8, 0]);
        answer.extend(b"reno\0\0\0\0");
        let found = read(&answer, tuple()).unwrap();
        assert_eq!(found.is_controlled_by("reno"), Some(1));
        assert_eq!(found.is_controlled_by("cubic"), Some(0));
        assert_eq!(found.is_controlled_by("ren"), Some(0));
        let bare = read(&answer[..ANSWER], tuple()).unwrap();
        assert_eq!(bare.is_controlled_by("reno"), None);
    }

    #[test]
    fn options_are_bits_and_no_sample_is_no_time() {
        let mut info = vec![0; 152];
        info[5] = 2 | 8;
        info[148..152].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(field_of(&info, "sack"), Some(1));
        assert_eq!(field_of(&info, "ecn"), Some(1));
        assert_eq!(field_of(&info, "timestamps"), Some(0));
        assert_eq!(field_of(&info, "min_rtt"), None);
        info[148..152].copy_from_slice(&20_000_u32.to_ne_bytes());
        assert_eq!(field_of(&info, "min_rtt"), Some(20_000_000));
    }

    #[test]
    fn a_short_answer_is_none() {
        assert!(read(&[2, 1, 0], tuple()).is_none());
        assert!(read(&answer(99, &[0; 36]), tuple()).is_none());
    }

    #[test]
    fn the_window_is_told_in_octets() {
        let mut info = vec![0; 104];
        info[16..20].copy_from_slice(&1000_u32.to_ne_bytes());
        info[80..84].copy_from_slice(&10_u32.to_ne_bytes());
        info[76..80].copy_from_slice(&INFINITE.to_ne_bytes());
        info[8..12].copy_from_slice(&204_000_u32.to_ne_bytes());
        assert_eq!(field_of(&info, "cwnd"), Some(10_000));
        assert_eq!(field_of(&info, "ssthresh"), Some(i64::from(INFINITE)));
        assert_eq!(field_of(&info, "rto"), Some(204_000_000));
        assert_eq!(field_of(&info, "nonsense"), None);
        assert_eq!(field_of(&[], "cwnd"), None);
    }
}
