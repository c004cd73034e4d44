//! The constants of link and profile: what the device's makers chose, as numbers in expressions.

use super::Type;

/// The constants of link and profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constants {
    /// `LINK.MSS`, octets.
    pub link_mss: i64,
    /// `MSL`, nanoseconds.
    pub msl: i64,
    /// `RTO.INITIAL`, nanoseconds.
    pub rto_initial: i64,
    /// `RTO.MIN`, nanoseconds.
    pub rto_min: i64,
    /// `RTO.MAX`, nanoseconds.
    pub rto_max: i64,
    /// `FIN2.TIMEOUT`, nanoseconds.
    pub fin_wait_2: i64,
    /// `PMTU.RAISE`, nanoseconds.
    pub path_mtu_raise: i64,
    /// `PERSIST.MAX`, nanoseconds.
    pub persist_max: i64,
    /// `KEEPALIVE.IDLE`, nanoseconds.
    pub keepalive_idle: i64,
    /// `KEEPALIVE.INTERVAL`, nanoseconds.
    pub keepalive_interval: i64,
    /// `KEEPALIVE.COUNT`, probes.
    pub keepalive_count: i64,
    /// `SYN.RETRIES`, retransmissions.
    pub syn_retries: i64,
    /// `SYNACK.RETRIES`, retransmissions.
    pub synack_retries: i64,
    /// `SYNACK.PRESSED`, retransmissions.
    pub synack_pressed: i64,
    /// `SOMAXCONN`, connections.
    pub somaxconn: i64,
}

impl Default for Constants {
    /// IPv4 on Ethernet (RFC 9293 §3.7.1), the times of RFC 9293 §3.4.2, RFC 6298 §2 and
    /// RFC 1191 §6.3, a minute for what nobody owns, and the custom of hosts where there is no RFC.
    fn default() -> Self {
        const SECOND: i64 = 1_000_000_000;
        Self {
            link_mss: 1460,
            msl: 120 * SECOND,
            rto_initial: SECOND,
            rto_min: SECOND,
            rto_max: 60 * SECOND,
            fin_wait_2: 60 * SECOND,
            path_mtu_raise: 600 * SECOND,
            persist_max: 60 * SECOND,
            keepalive_idle: 7200 * SECOND,
            keepalive_interval: 75 * SECOND,
            keepalive_count: 9,
            syn_retries: 6,
            synack_retries: 5,
            synack_pressed: 2,
            somaxconn: 4096,
        }
    }
}

impl Constants {
    /// The constant with this name, its type and value.
    pub(super) fn find(&self, name: &str) -> Option<(&'static str, Type, i64)> {
        use Type::{Duration, Number};
        let constants = [
            ("LINK.MSS", Number, self.link_mss),
            ("MSL", Duration, self.msl),
            ("RTO.INITIAL", Duration, self.rto_initial),
            ("RTO.MIN", Duration, self.rto_min),
            ("RTO.MAX", Duration, self.rto_max),
            ("FIN2.TIMEOUT", Duration, self.fin_wait_2),
            ("PMTU.RAISE", Duration, self.path_mtu_raise),
            ("PERSIST.MAX", Duration, self.persist_max),
            ("KEEPALIVE.IDLE", Duration, self.keepalive_idle),
            ("KEEPALIVE.INTERVAL", Duration, self.keepalive_interval),
            ("KEEPALIVE.COUNT", Number, self.keepalive_count),
            ("SYN.RETRIES", Number, self.syn_retries),
            ("SYNACK.RETRIES", Number, self.synack_retries),
            ("SYNACK.PRESSED", Number, self.synack_pressed),
            ("SOMAXCONN", Number, self.somaxconn),
        ];
        constants.into_iter().find(|constant| constant.0 == name)
    }
}
