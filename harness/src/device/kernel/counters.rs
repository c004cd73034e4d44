//! The kernel's TCP and IP counters of one network namespace, as `nstat` prints them.

use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// No version of these files is longer.
const LONGEST_FILE: usize = 64 * 1024;

/// The counters of the namespace of the thread that first reads one; then any thread can. Few cases
/// read any, and opening the files makes the kernel build a part of `/proc` for the namespace.
#[derive(Debug, Default)]
pub(super) struct Counters {
    files: OnceCell<Vec<File>>,
}

impl Counters {
    fn files(&self) -> &[File] {
        const PATHS: [&str; 3] = [
            "/proc/thread-self/net/netstat",
            "/proc/thread-self/net/snmp",
            "/proc/thread-self/net/snmp6",
        ];
        // A kernel that does not show them has no counters.
        let open = || {
            PATHS
                .iter()
                .filter_map(|path| File::open(path).ok())
                .collect()
        };
        self.files.get_or_init(open)
    }

    /// The counter called `name`: by the name that all devices share (`challenge_acks`), or by the
    /// kernel's, either bare (`TCPChallengeACK`) or with its group (`TcpExtTCPChallengeACK`);
    /// `None` if this kernel has none of that name.
    pub(super) fn read(&self, name: &str) -> Option<i64> {
        let own = own_names(name);
        let parts = if own.is_empty() {
            vec![name]
        } else {
            own.to_vec()
        };
        parts.iter().map(|name| self.read_own(name)).sum()
    }

    fn read_own(&self, name: &str) -> Option<i64> {
        self.files().iter().find_map(|file| {
            let text = contents(file).ok()?;
            find(&text, name).or_else(|| find_line(&text, name))
        })
    }
}

/// The kernel's counters that together are the one that all devices name alike.
fn own_names(name: &str) -> &'static [&'static str] {
    match name {
        "aborts_on_timeout" => &["TcpExtTCPAbortOnTimeout"],
        "active_opens" => &["TcpActiveOpens"],
        "attempt_fails" => &["TcpAttemptFails"],
        "bad_checksums" => &["TcpInCsumErrors"],
        "ce_received" => &["IpExtInCEPkts", "Ip6InCEPkts"],
        "challenge_acks" => &["TcpExtTCPChallengeACK"],
        "curr_estab" => &["TcpCurrEstab"],
        "delayed_acks" => &["TcpExtDelayedACKs"],
        "dsacks_received" => &["TcpExtTCPDSACKRecv", "TcpExtTCPDSACKOfoRecv"],
        "dsacks_sent" => &["TcpExtTCPDSACKOldSent", "TcpExtTCPDSACKOfoSent"],
        "fast_open_cookies_failed" => &["TcpExtTCPFastOpenPassiveFail"],
        "fast_open_overflows" => &["TcpExtTCPFastOpenListenOverflow"],
        "fast_open_requests" => &["TcpExtTCPFastOpenCookieReqd"],
        "fast_opens_active" => &["TcpExtTCPFastOpenActive"],
        "fast_opens_active_failed" => &["TcpExtTCPFastOpenActiveFail"],
        "fast_opens_passive" => &["TcpExtTCPFastOpenPassive"],
        "fast_retransmits" => &["TcpExtTCPFastRetrans"],
        "estab_resets" => &["TcpEstabResets"],
        "keepalive_probes" => &["TcpExtTCPKeepAlive"],
        "listen_drops" => &["TcpExtListenDrops"],
        "listen_overflows" => &["TcpExtListenOverflows"],
        "loss_probe_recoveries" => &["TcpExtTCPLossProbeRecovery"],
        "loss_probes" => &["TcpExtTCPLossProbes"],
        "out_of_order" => &["TcpExtTCPOFOQueue"],
        "out_rsts" => &["TcpOutRsts"],
        "passive_opens" => &["TcpPassiveOpens"],
        "paws_drops" => &["TcpExtPAWSActive", "TcpExtPAWSEstab"],
        "recoveries_undone" => &[
            "TcpExtTCPDSACKUndo",
            "TcpExtTCPFullUndo",
            "TcpExtTCPPartialUndo",
        ],
        "retrans_segs" => &["TcpRetransSegs"],
        "segs_in" => &["TcpInSegs"],
        "segs_out" => &["TcpOutSegs"],
        "spurious_timeouts" => &["TcpExtTCPSpuriousRTOs"],
        "syn_cookies_failed" => &["TcpExtSyncookiesFailed"],
        "syn_cookies_received" => &["TcpExtSyncookiesRecv"],
        "syn_cookies_sent" => &["TcpExtSyncookiesSent"],
        "syn_queue_overflows" => &["TcpExtTCPReqQFullDoCookies", "TcpExtTCPReqQFullDrop"],
        "syn_retrans" => &["TcpExtTCPSynRetrans"],
        "time_wait_overflows" => &["TcpExtTCPTimeWaitOverflow"],
        "timeouts" => &["TcpExtTCPTimeouts"],
        "window_probes" => &["TcpExtTCPWinProbe"],
        _ => &[],
    }
}

fn contents(file: &File) -> io::Result<String> {
    let mut octets = vec![0; LONGEST_FILE];
    let mut length = 0;
    loop {
        match file.read_at(&mut octets[length..], length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    octets.truncate(length);
    String::from_utf8(octets).map_err(io::Error::other)
}

/// Pairs of lines: `Group: name name …` and `Group: value value …`.
fn find(text: &str, wanted: &str) -> Option<i64> {
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks_exact(2).find_map(|pair| {
        let (group, names) = pair[0].split_once(':')?;
        let (_, values) = pair[1].split_once(':')?;
        let bare = wanted.strip_prefix(group).filter(|rest| !rest.is_empty());
        names
            .split_whitespace()
            .zip(values.split_whitespace())
            .find(|(name, _)| *name == wanted || Some(*name) == bare)
            .and_then(|(_, value)| value.parse().ok())
    })
}

/// One line for each, `Ip6InCEPkts 0`, as only IPv6 has them.
fn find_line(text: &str, wanted: &str) -> Option<i64> {
    let mut pairs = text
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace));
    let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::table;
    use rstest::rstest;

    const TEXT: &str = "TcpExt: SyncookiesSent TCPTimeouts\nTcpExt: 3 17\n\
        IpExt: InNoRoutes OutOctets\nIpExt: 0 99\n";

    #[rstest]
    #[case("TCPTimeouts", Some(17))]
    #[case("TcpExtTCPTimeouts", Some(17))]
    #[case("OutOctets", Some(99))]
    #[case("IpExtOutOctets", Some(99))]
    #[case("TcpExtOutOctets", None)]
    #[case("TcpExt", None)]
    #[case("Nonsense", None)]
    fn counters_are_found_by_name(#[case] name: &str, #[case] value: Option<i64>) {
        assert_eq!(find(TEXT, name), value);
    }

    #[test]
    fn counters_of_ipv6_stand_in_lines_of_their_own() {
        let text = "Ip6InReceives                   \t17\nIp6InCEPkts      \t3\n";
        assert_eq!(find_line(text, "Ip6InCEPkts"), Some(3));
        assert_eq!(find_line(text, "InCEPkts"), None);
        assert_eq!(find_line(TEXT, "TcpExt:"), None);
    }

    #[test]
    fn this_kernel_counts_segments() {
        assert!(Counters::default().read("TcpOutSegs").is_some());
    }

    #[test]
    fn the_kernel_has_every_counter_that_it_is_said_to_have() {
        let counters = Counters::default();
        let names = table::names(table::COUNTERS);
        let (has, lacks): (Vec<_>, Vec<_>) = names
            .into_iter()
            .filter(|name| !name.starts_with("in_"))
            .partition(|name| !own_names(name).is_empty());
        for name in has {
            assert!(counters.read(name).is_some(), "{name}");
        }
        assert_eq!(
            lacks,
            [
                "active_open_drops",
                "challenge_acks_throttled",
                "ece_received",
                "listen_resets",
                "reassembled",
                "syn_queue_evictions",
                "time_wait_reuses",
                "trouble_reports",
                "user_timeouts_put_off"
            ]
        );
    }
}
