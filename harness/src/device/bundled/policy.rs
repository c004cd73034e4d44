//! The policies of a device profile as the stack's configuration.

use super::sysctl;
use crate::spec::profile::Profile;
use std::time::Duration;
use tcpspec_stack::{
    AcceptOverflow, Algorithm, Config, EcnPolicy, FastRetransmit, IcmpHard, RstInTimeWait,
    SynCookies, SynFin, SynInTimeWait, SynQueueFull,
};

/// A policy that the bundled stack cannot follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It has no such policy.
    #[error("the bundled stack has no policy `{name}`")]
    Name {
        /// The policy.
        name: String,
    },
    /// It has the policy, but not with this value.
    #[error("the bundled stack cannot follow `{name}: {value}`")]
    Value {
        /// The policy.
        name: String,
        /// Its value.
        value: String,
    },
}

/// The configuration that makes the stack what `profile` says of it.
pub fn config(profile: &Profile) -> Result<Config, PolicyError> {
    let mut config = Config {
        dsack: profile.claims.contains("dsack"),
        dsack_undo: profile.claims.contains("dsack-undo"),
        limited_transmit: profile.claims.contains("limited-transmit"),
        path_mtu_discovery: profile.claims.contains("pmtud"),
        rack: profile.claims.contains("rack"),
        prr: profile.claims.contains("prr"),
        rfc5927: profile.claims.contains("rfc5927"),
        rfc5961: profile.claims.contains("rfc5961"),
        sack: profile.claims.contains("sack"),
        timestamps: profile.claims.contains("timestamps"),
        tlp: profile.claims.contains("tlp"),
        window_scale: profile.claims.contains("window-scale").then_some(0),
        ecn: if profile.claims.contains("ecn") {
            EcnPolicy::Answer
        } else {
            EcnPolicy::Off
        },
        ..Config::default()
    };
    for (name, value) in &profile.policies {
        apply(&mut config, name, value)?;
    }
    for (name, value) in &profile.pinned {
        apply(&mut config, name, value)?;
    }
    Ok(config)
}

/// The policies that [`follow`] knows, and the settings that it takes by their names on Linux, so
/// that a spec can set them on both.
const NAMES: [&str; 23] = [
    "fast_retransmit",
    "tcp_recovery",
    "tcp_early_retrans",
    "msl",
    "initial_rto",
    "min_rto",
    "max_rto",
    "keepalive.idle",
    "keepalive.interval",
    "keepalive.count",
    "syn_retries",
    "synack_retries",
    "initial_window",
    "tcp_congestion_control",
    "tcp_frto",
    "tcp_initial_cwnd",
    "tcp_initial_ssthresh",
    "rst_in_time_wait",
    "syn_in_time_wait",
    "syn_fin",
    "icmp_hard",
    "accept_overflow",
    "tcp_ecn",
];

/// The policies that [`listen`] knows; a spec can set what Linux has by the names of its settings.
const OF_LISTENERS: [&str; 7] = [
    "syn_backlog",
    "syn_cookies",
    "syn_queue_full",
    "tcp_abort_on_overflow",
    "tcp_max_syn_backlog",
    "tcp_syn_queue_full",
    "tcp_syncookies",
];

/// The policies that [`limit`] knows: how many there may be of something, and for how long.
const LIMITS: [&str; 9] = [
    "active_backlog",
    "fin_wait_2",
    "max_persist",
    "path_mtu_raise",
    "somaxconn",
    "synack_retries_pressed",
    "tcp_active_backlog",
    "time_wait_limit",
    "time_wait_reuse",
];

/// Makes the stack follow one policy.
pub(super) fn apply(config: &mut Config, name: &str, value: &str) -> Result<(), PolicyError> {
    let followed = if NAMES.contains(&name) {
        Some(follow(config, name, value))
    } else if OF_LISTENERS.contains(&name) {
        Some(listen(config, name, value))
    } else if LIMITS.contains(&name) {
        Some(limit(config, name, value))
    } else {
        sysctl::change_of(name).map(|change| change(config, value))
    };
    let followed = followed.ok_or_else(|| PolicyError::Name {
        name: name.to_owned(),
    })?;
    followed.ok_or_else(|| PolicyError::Value {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

fn follow(config: &mut Config, name: &str, value: &str) -> Option<()> {
    let duration = || humantime::parse_duration(value).ok();
    match name {
        "msl" => config.msl = duration()?,
        "initial_rto" => config.initial_rto = duration()?,
        "min_rto" => config.min_rto = duration()?,
        "max_rto" => config.max_rto = duration()?.max(Duration::from_secs(60)),
        "keepalive.idle" => config.keepalive.idle = duration()?,
        "keepalive.interval" => config.keepalive.interval = duration()?,
        "keepalive.count" => config.keepalive.count = value.parse().ok()?,
        "syn_retries" => config.syn_retries = value.parse().ok()?,
        "synack_retries" => config.synack_retries = value.parse().ok()?,
        "initial_window" | "tcp_initial_cwnd" => config.initial_window = value.parse().ok()?,
        "tcp_congestion_control" => {
            config.congestion_control = match value {
                "reno" => Algorithm::Reno,
                "cubic" => Algorithm::Cubic,
                _ => return None,
            }
        }
        "tcp_frto" => config.frto = value != "0",
        "tcp_initial_ssthresh" => config.initial_ssthresh = Some(value.parse().ok()?),
        "tcp_recovery" => config.rack = value != "0",
        "tcp_early_retrans" => config.tlp = value != "0",
        "rst_in_time_wait" => {
            config.rst_in_time_wait = match value {
                "close" => RstInTimeWait::Close,
                "ignore" => RstInTimeWait::Ignore,
                _ => return None,
            }
        }
        "syn_in_time_wait" => {
            config.syn_in_time_wait = match value {
                "reopen" => SynInTimeWait::Rfc6191,
                "challenge" => SynInTimeWait::Challenge,
                "ack" => SynInTimeWait::Acknowledge,
                _ => return None,
            }
        }
        "syn_fin" => {
            config.syn_fin = match value {
                "syn" => SynFin::Answer,
                "drop" => SynFin::Drop,
                _ => return None,
            }
        }
        "icmp_hard" => {
            config.icmp_hard = match value {
                "soft" => IcmpHard::Soft,
                "abort" => IcmpHard::Abort,
                _ => return None,
            }
        }
        "accept_overflow" => {
            config.accept_overflow = match value {
                "drop" => AcceptOverflow::Drop,
                "reset" => AcceptOverflow::Reset,
                _ => return None,
            }
        }
        "fast_retransmit" => config.fast_retransmit = fast_retransmit(value)?,
        "tcp_ecn" => config.ecn = ecn(value)?,
        _ => return None,
    }
    Some(())
}

fn fast_retransmit(value: &str) -> Option<FastRetransmit> {
    Some(match value {
        "never" => FastRetransmit::Never,
        "reno" => FastRetransmit::Reno,
        "newreno" => FastRetransmit::NewReno,
        _ => return None,
    })
}

fn ecn(value: &str) -> Option<EcnPolicy> {
    Some(match value {
        "0" => EcnPolicy::Off,
        "1" => EcnPolicy::Ask,
        "2" => EcnPolicy::Answer,
        _ => return None,
    })
}

/// Limits of the host as a whole.
fn limit(config: &mut Config, name: &str, value: &str) -> Option<()> {
    let duration = || humantime::parse_duration(value).ok();
    match name {
        "active_backlog" | "tcp_active_backlog" => config.active_backlog = value.parse().ok()?,
        "fin_wait_2" => config.fin_wait_2 = Some(duration()?),
        "max_persist" => config.max_persist = duration()?,
        "path_mtu_raise" => config.path_mtu_raise = duration()?,
        "somaxconn" => config.somaxconn = value.parse().ok()?,
        "synack_retries_pressed" => config.synack_retries_pressed = value.parse().ok()?,
        "time_wait_limit" => config.time_wait_limit = value.parse().ok()?,
        "time_wait_reuse" => {
            config.time_wait_reuse = match value {
                "never" => false,
                "timestamps" => true,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

/// What listeners do under load.
fn listen(config: &mut Config, name: &str, value: &str) -> Option<()> {
    match name {
        "syn_backlog" | "tcp_max_syn_backlog" => config.syn_backlog = value.parse().ok()?,
        "syn_cookies" | "tcp_syncookies" => {
            config.syn_cookies = match value {
                "never" | "0" => SynCookies::Never,
                "on-overflow" | "1" => SynCookies::OnOverflow,
                "always" | "2" => SynCookies::Always,
                _ => return None,
            }
        }
        "syn_queue_full" | "tcp_syn_queue_full" => {
            config.syn_queue_full = match value {
                "drop" => SynQueueFull::Drop,
                "evict" => SynQueueFull::EvictOldest,
                _ => return None,
            }
        }
        "tcp_abort_on_overflow" => {
            config.accept_overflow = match value {
                "0" => AcceptOverflow::Drop,
                "1" => AcceptOverflow::Reset,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}
