//! The values, and the cases on which they have an effect.

/// One value of one policy.
pub(crate) struct Row {
    pub(crate) policy: &'static str,
    pub(crate) value: &'static str,
    /// Claims that a device with this value cannot make.
    pub(crate) lacks: &'static [&'static str],
    /// Globs of the specs in whose records the value can be seen.
    pub(crate) affects: &'static [&'static str],
    /// Specs of which the value contradicts a SHOULD.
    pub(crate) deviates: &'static [&'static str],
    /// What becomes of a profile that has the value of the bundled stack instead.
    pub(crate) lie: Lie,
}

/// Whether a wrong profile is noticed.
#[derive(Clone, Copy)]
pub(crate) enum Lie {
    /// Some case of [`Row::affects`] fails.
    IsCaught,
    /// None can, for this reason.
    Passes(&'static str),
}

/// A device that lacks what the bundled stack has, by a setting.
pub(crate) struct Lack {
    pub(crate) name: &'static str,
    pub(crate) claims: &'static [&'static str],
    pub(crate) setting: (&'static str, &'static str),
    /// Specs whose SHOULD such a device does not follow.
    pub(crate) deviates: &'static [&'static str],
}

/// What many hosts do without, or do otherwise; their specs must not fail for that.
pub(crate) const LACKS: &[Lack] = &[
    Lack {
        name: "CUBIC alone",
        claims: &["reno"],
        setting: ("tcp_congestion_control", "cubic"),
        deviates: &[],
    },
    Lack {
        name: "an initial window of three segments",
        claims: &["iw10"],
        setting: ("tcp_initial_cwnd", "3"),
        deviates: &[],
    },
    Lack {
        name: "no ECN",
        claims: &["ecn"],
        setting: ("tcp_ecn", "0"),
        deviates: &["3.8/ecn-is-answered"],
    },
    Lack {
        name: "no F-RTO",
        claims: &["frto"],
        setting: ("tcp_frto", "0"),
        deviates: &[],
    },
    Lack {
        name: "no PRR",
        claims: &["prr", "prr-switch"],
        setting: ("tcp_prr", "0"),
        deviates: &[],
    },
    Lack {
        name: "no SYN cookies",
        claims: &["syn-cookies", "syn-cookies-scaled"],
        setting: ("tcp_syncookies", "0"),
        deviates: &[],
    },
    Lack {
        name: "no Fast Open",
        claims: &["tfo"],
        setting: ("tcp_fastopen", "0"),
        deviates: &[],
    },
];

/// Where a new SYN meets TIME-WAIT.
const SYNS_IN_TIME_WAIT: [&str; 5] = [
    "3.10.7.4/syn-*in-time-wait",
    "3.6/time-wait-*",
    "rfc1337/*",
    "rfc3168.6.1.1/next-connection",
    "rfc6191/*",
];

const fn row(policy: &'static str, value: &'static str, affects: &'static [&'static str]) -> Row {
    Row {
        policy,
        value,
        lacks: &[],
        affects,
        deviates: &[],
        lie: Lie::IsCaught,
    }
}

/// Every value but those of `bundled.yaml`; of numbers and durations one that is sensible.
pub(crate) const ROWS: &[Row] = &[
    row(
        "accept_overflow",
        "reset",
        &["rfc4987.2/overflow-*", "rfc4987.3.6/full-accept-queue"],
    ),
    Row {
        lie: Lie::Passes("cases set the limit themselves"),
        ..row("active_backlog", "16", &["rfc4987.3/outgoing"])
    },
    Row {
        lacks: &["newreno", "reno"],
        ..row(
            "fast_retransmit",
            "never",
            &["rfc5681.3.2/*", "rfc3042.2/*", "rfc9438.4/*"],
        )
    },
    Row {
        lacks: &["newreno"],
        ..row(
            "fast_retransmit",
            "reno",
            &["rfc5681.3.2/*", "rfc6582.3.2/*", "rfc9438.4/*"],
        )
    },
    row("fin_wait_2", "20s", &["3.6/fin-wait-2-default"]),
    row(
        "icmp_hard",
        "abort",
        &["3.9.2.2/hard-error*", "rfc5927.5.2/*"],
    ),
    Row {
        deviates: &["3.8/synack-retransmission"],
        ..row(
            "initial_rto",
            "3s",
            &[
                "3.8/synack-retransmission",
                "3.8.3/*",
                "rfc4987.2/*",
                "rfc4987.3/*",
                "rfc4987.3.6/*",
                "rfc5482/*",
            ],
        )
    },
    Row {
        lacks: &["iw10"],
        ..row(
            "initial_window",
            "4",
            &["3.8.5/*", "3.8.6/*", "rfc2018.5/*", "rfc6928.2/*"],
        )
    },
    row("keepalive.count", "3", &["3.8.4/default-*"]),
    row("keepalive.idle", "3h", &["3.8.4/default-*"]),
    row("keepalive.interval", "30s", &["3.8.4/default-*"]),
    row("max_persist", "120s", &["3.8.6/probe*"]),
    row("max_rto", "120s", &["3.8.3/*", "3.8.6/probe*", "rfc6298/*"]),
    Row {
        deviates: &["rfc6298/data-backs-off", "rfc6298/least-timeout"],
        ..row(
            "min_rto",
            "200ms",
            &["3.10*", "3.6/half-close-*", "rfc5482/*", "rfc6298/*"],
        )
    },
    row("msl", "2m", &["3.6/*", "rfc1337/full-length"]),
    row("path_mtu_raise", "20m", &["rfc1191.3/raised*"]),
    row("rst_in_time_wait", "ignore", &["3.10.7.4/rst-in-time-wait"]),
    row(
        "somaxconn",
        "128",
        &["rfc4987.2/backlog-*", "rfc6528/others-do-not-count"],
    ),
    Row {
        lie: Lie::Passes("cases set the limit themselves"),
        ..row("syn_backlog", "256", &["rfc4987.3/*"])
    },
    row("syn_cookies", "always", &["rfc4987.3.6/*"]),
    row("syn_cookies", "never", &["rfc4987.3.6/*"]),
    row("syn_fin", "syn", &["3.10.7.2/syn-fin", "3.10.7.3/syn-fin"]),
    row("syn_in_time_wait", "ack", &SYNS_IN_TIME_WAIT),
    row("syn_in_time_wait", "challenge", &SYNS_IN_TIME_WAIT),
    row(
        "syn_queue_full",
        "evict",
        &[
            "rfc4987.2/reset-makes-room",
            "rfc4987.3/*",
            "rfc4987.4/*-goes-on",
        ],
    ),
    row("syn_retries", "9", &["3.8.3/syn-*"]),
    row(
        "synack_retries",
        "3",
        &[
            "3.8/synack-retransmission",
            "rfc4987.3/default-retries",
            "rfc5482/not-synchronized",
        ],
    ),
    row(
        "synack_retries_pressed",
        "1",
        &["rfc4987.3/retries-under-attack"],
    ),
    Row {
        lie: Lie::Passes("cases set the limit themselves"),
        ..row("time_wait_limit", "1000", &["rfc6191/*"])
    },
    row("time_wait_reuse", "never", &["rfc6191/*"]),
];
