//! Settings by the names that Linux gives them, as far as the stack has the same choice: a spec
//! says `set: {tcp_rfc1337: 1}` once, for both devices.

use std::str::FromStr;
use std::time::Duration;
use tcpspec_stack::{Config, FastOpenPolicy, RstInTimeWait, UrgentPointer};

/// Makes the stack follow a setting; `None` if it cannot have that value.
pub(super) type Change = fn(&mut Config, &str) -> Option<()>;

/// What the setting with that name changes; `None` if the stack has no such choice.
pub(super) fn change_of(name: &str) -> Option<Change> {
    Some(match name {
        "ip_no_pmtu_disc" => |config, value| {
            config.path_mtu_discovery = !flag(value)?;
            Some(())
        },
        // On Linux the interface and the host have to agree; here there is one interface.
        "net.ipv4.conf.all.accept_source_route" | "net.ipv4.conf.device0.accept_source_route" => {
            |config, value| put(&mut config.source_routes, flag(value))
        }
        "net.core.somaxconn" => |config, value| put(&mut config.somaxconn, number(value)),
        "tcp_challenge_ack_limit" => {
            |config, value| put(&mut config.challenge_ack_limit, number(value))
        }
        "tcp_fastopen" => |config, value| put(&mut config.fast_open, fast_open(value)),
        "tcp_fin_timeout" => |config, value| {
            config.fin_wait_2 = Some(seconds(value)?);
            Some(())
        },
        // On Linux one in this time, and the limit above in each second.
        "tcp_invalid_ratelimit" => {
            |config, value| put(&mut config.challenge_ack_interval, milliseconds(value))
        }
        "tcp_keepalive_intvl" => {
            |config, value| put(&mut config.keepalive.interval, seconds(value))
        }
        "tcp_keepalive_probes" => |config, value| put(&mut config.keepalive.count, number(value)),
        "tcp_keepalive_time" => |config, value| put(&mut config.keepalive.idle, seconds(value)),
        "tcp_max_tw_buckets" => |config, value| put(&mut config.time_wait_limit, number(value)),
        "tcp_min_rtt_wlen" => |config, value| put(&mut config.min_rtt_window, seconds(value)),
        "tcp_prr" => |config, value| put(&mut config.prr, flag(value)),
        "tcp_retries1" => |config, value| put(&mut config.r1, number(value)),
        "tcp_retries2" => |config, value| put(&mut config.r2, number(value)),
        "tcp_rfc1337" => |config, value| {
            config.rst_in_time_wait = if flag(value)? {
                RstInTimeWait::Ignore
            } else {
                RstInTimeWait::Close
            };
            Some(())
        },
        "tcp_rto_max_ms" => |config, value| put(&mut config.max_rto, milliseconds(value)),
        "tcp_rto_min_us" => |config, value| put(&mut config.min_rto, microseconds(value)),
        "tcp_slow_start_after_idle" => {
            |config, value| put(&mut config.restart_after_idle, flag(value))
        }
        "tcp_stdurg" => |config, value| {
            config.urgent_pointer = if flag(value)? {
                UrgentPointer::Last
            } else {
                UrgentPointer::Following
            };
            Some(())
        },
        "tcp_syn_retries" => |config, value| put(&mut config.syn_retries, number(value)),
        "tcp_synack_retries" => |config, value| put(&mut config.synack_retries, number(value)),
        "tcp_timestamps" => |config, value| put(&mut config.timestamps, flag(value)),
        "tcp_tw_reuse" => |config, value| put(&mut config.time_wait_reuse, flag(value)),
        _ => return None,
    })
}

fn put<T>(place: &mut T, value: Option<T>) -> Option<()> {
    *place = value?;
    Some(())
}

fn number<T: FromStr>(value: &str) -> Option<T> {
    value.parse().ok()
}

fn fast_open(value: &str) -> Option<FastOpenPolicy> {
    Some(match value {
        "0" => FastOpenPolicy::Off,
        "1" => FastOpenPolicy::Client,
        "2" => FastOpenPolicy::Server,
        "3" => FastOpenPolicy::Both,
        _ => return None,
    })
}

fn seconds(value: &str) -> Option<Duration> {
    number(value).map(Duration::from_secs)
}

fn milliseconds(value: &str) -> Option<Duration> {
    number(value).map(Duration::from_millis)
}

fn microseconds(value: &str) -> Option<Duration> {
    number(value).map(Duration::from_micros)
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_followed_refused_or_unknown() {
        let mut config = Config::default();
        let mut follow = |name, value| change_of(name).map(|change| change(&mut config, value));
        assert_eq!(follow("tcp_rfc1337", "1"), Some(Some(())));
        assert_eq!(follow("tcp_max_tw_buckets", "7"), Some(Some(())));
        assert_eq!(follow("tcp_tw_reuse", "often"), Some(None));
        assert_eq!(follow("tcp_stdurg", "1"), Some(Some(())));
        assert_eq!(follow("tcp_slow_start_after_idle", "0"), Some(Some(())));
        assert_eq!(follow("ip_no_pmtu_disc", "1"), Some(Some(())));
        assert_eq!(follow("tcp_autocorking", "0"), None);
        assert_eq!(config.rst_in_time_wait, RstInTimeWait::Ignore);
        assert_eq!(config.time_wait_limit, 7);
        assert_eq!(config.urgent_pointer, UrgentPointer::Last);
        assert!(!config.restart_after_idle && !config.path_mtu_discovery);
    }
}
