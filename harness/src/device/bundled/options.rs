//! Socket options by the names of the specs.

use crate::spec::case::SocketSettings;
use tcpspec_stack::{CallError, KeepAlive, SeqNum, SocketOptions, SourceRoute};

/// What a spec sets, in the words of the stack; what it leaves out of `keepalive` is `defaults`.
///
/// # Errors
///
/// The octets of the source route are no option that a host could begin with.
pub(super) fn options_of(
    set: &SocketSettings,
    defaults: KeepAlive,
) -> Result<SocketOptions, CallError> {
    let source_route = match &set.source_route {
        Some(octets) => Some(SourceRoute::from_option(octets).ok_or(CallError::Illegal)?),
        None => None,
    };
    Ok(SocketOptions {
        nodelay: set.nodelay,
        rcvbuf: set.rcvbuf,
        sndbuf: set.sndbuf,
        keepalive: set.keepalive.as_ref().map(|keepalive| KeepAlive {
            idle: keepalive.idle.unwrap_or(defaults.idle),
            interval: keepalive.interval.unwrap_or(defaults.interval),
            count: keepalive.count.unwrap_or(defaults.count),
        }),
        user_timeout: set.user_timeout,
        advertised_timeout: set.advertised_timeout,
        reports: set.reports,
        ttl: set.ttl,
        tos: set.tos,
        source_route,
        fast_open: set.fastopen.map(|most| most as usize),
        iss: set.iss.map(SeqNum),
    })
}

/// Puts newer settings over older ones.
pub(super) fn merge(options: &mut SocketOptions, newer: SocketOptions) {
    options.nodelay = newer.nodelay.or(options.nodelay);
    options.rcvbuf = newer.rcvbuf.or(options.rcvbuf);
    options.sndbuf = newer.sndbuf.or(options.sndbuf);
    options.keepalive = newer.keepalive.or(options.keepalive);
    options.user_timeout = newer.user_timeout.or(options.user_timeout);
    options.advertised_timeout = newer.advertised_timeout.or(options.advertised_timeout);
    options.reports = newer.reports.or(options.reports);
    options.ttl = newer.ttl.or(options.ttl);
    options.tos = newer.tos.or(options.tos);
    options.source_route = newer.source_route.or(options.source_route);
    options.fast_open = newer.fast_open.or(options.fast_open);
    options.iss = newer.iss.or(options.iss);
}
