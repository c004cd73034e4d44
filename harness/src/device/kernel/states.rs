//! How many sockets of one network namespace are in each state, and how many connections of a
//! listener are half open, from `/proc/net/tcp` and `tcp6`: the socket diagnosis of the kernel
//! tells of a listener its accept queue only.

use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Read at once; a line has about 150 octets.
const CHUNK: usize = 64 * 1024;
/// The number of SYN-RECEIVED in these files.
const SYN_RECEIVED: u8 = 3;

/// The sockets of the namespace of the thread that asks first; then any thread can. Few cases ask.
#[derive(Debug, Default)]
pub(super) struct States {
    files: OnceCell<Vec<File>>,
}

impl States {
    /// The tables of the calling thread's namespace; a host without IPv6 has one.
    fn files(&self) -> io::Result<&[File]> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let ipv4 = File::open("/proc/thread-self/net/tcp")?;
        let ipv6 = File::open("/proc/thread-self/net/tcp6").ok();
        let files = || std::iter::once(ipv4).chain(ipv6).collect();
        Ok(self.files.get_or_init(files))
    }

    /// The value of a counter `in_STATE`; `None` if `name` is no such.
    pub(super) fn count(&self, name: &str) -> Option<i64> {
        let wanted = number_of(name)?;
        self.count_lines(|line| line.state == wanted).ok()
    }

    /// Half-open connections to a local port.
    pub(super) fn syn_queue(&self, port: u16) -> Option<i64> {
        self.count_lines(|line| line.state == SYN_RECEIVED && line.port == port)
            .ok()
    }

    fn count_lines(&self, is_one: impl Fn(&Line) -> bool) -> io::Result<i64> {
        let mut count = 0;
        for file in self.files()? {
            for_each_line(file, |line| {
                count += i64::from(read(line).is_some_and(|line| is_one(&line)));
            })?;
        }
        Ok(count)
    }
}

/// A socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    port: u16,
    state: u8,
}

/// `sl: address:port address:port state …`, all but the first in hexadecimal.
fn read(line: &str) -> Option<Line> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (_, port) = words.next()?.rsplit_once(':')?;
    let state = words.nth(1)?;
    Some(Line {
        port: u16::from_str_radix(port, 16).ok()?,
        state: u8::from_str_radix(state, 16).ok()?,
    })
}

/// The kernel's number, of `net/tcp_states.h`.
fn number_of(name: &str) -> Option<u8> {
    Some(match name {
        "in_established" => 1,
        "in_syn_sent" => 2,
        "in_syn_received" => SYN_RECEIVED,
        "in_fin_wait_1" => 4,
        "in_fin_wait_2" => 5,
        "in_time_wait" => 6,
        "in_close_wait" => 8,
        "in_last_ack" => 9,
        "in_listen" => 10,
        "in_closing" => 11,
        _ => return None,
    })
}

/// The file may be long: it is never held as a whole.
fn for_each_line(file: &File, mut see: impl FnMut(&str)) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let (mut kept, mut place) = (0, 0);
    loop {
        let more = file.read_at(&mut chunk[kept..], place)?;
        if more == 0 {
            return Ok(());
        }
        place += more as u64;
        let filled = kept + more;
        let whole = chunk[..filled].iter().rposition(|octet| *octet == b'\n');
        let end = whole.map_or(0, |at| at + 1);
        String::from_utf8_lossy(&chunk[..end])
            .lines()
            .for_each(&mut see);
        chunk.copy_within(end..filled, 0);
        kept = filled - end;
        if kept == chunk.len() {
            return Err(io::Error::other("a line of /proc/net/tcp has no end"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::table;
    use rstest::rstest;
    use std::net::TcpListener;

    const LISTENER: &str = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:0 0 0 0 7 1";

    #[rstest]
    #[case(LISTENER, Some(Line { port: 8080, state: 10 }))]
    #[case("  sl  local_address rem_address   st tx_queue", None)]
    #[case("   0: 0100007F:1F90", None)]
    #[case("", None)]
    fn a_line_is_a_socket(#[case] line: &str, #[case] socket: Option<Line>) {
        assert_eq!(read(line), socket);
    }

    #[test]
    fn every_state_that_specs_name_has_its_number() {
        let names = table::names(table::COUNTERS);
        let states = names.into_iter().filter(|name| name.starts_with("in_"));
        let numbers: Vec<_> = states.map(number_of).collect();
        assert_eq!(numbers.len(), 10);
        assert!(numbers.iter().all(Option::is_some));
        assert_eq!(number_of("segs_in"), None);
    }

    #[test]
    fn a_listener_of_this_machine_is_counted() {
        let states = States::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(states.count("in_listen").unwrap() >= 1);
        let port = listener.local_addr().unwrap().port();
        assert_eq!(states.syn_queue(port), Some(0));
        let here = states.count_lines(|line| line.state == 10 && line.port == port);
        assert_eq!(here.unwrap(), 1);
    }
}
