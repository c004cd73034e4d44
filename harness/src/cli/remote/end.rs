//! A host, as `--device` names it: by its address, and by the port of a service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port of a host where nobody says.
const DEFAULT_PORT: u16 = 80;

/// Why a name is no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Slip {
    /// A host is meant, and this is wrong with it.
    Host(String),
    /// It may be the name of anything.
    Name,
}

/// Reads `ADDRESS` or `ADDRESS:PORT`.
pub(in crate::cli) fn end(text: &str) -> Result<(IpAddr, u16), Slip> {
    if let Some(zone) = zone(text) {
        return Err(Slip::Host(zone));
    }
    let bare = |text: &str| text.parse::<IpAddr>().ok();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']');
    if let Some(address) = bare(text).or_else(|| bare(in_brackets()?)) {
        return Ok((address, DEFAULT_PORT));
    }
    match text.parse::<SocketAddr>() {
        Ok(end) if end.port() == 0 => Err(Slip::Host(format!(
            "`{text}`: nobody can listen on port 0; write the port of a service, as in `{}`, or \
             the address alone where an agent drives the host (`--agent`)",
            SocketAddr::new(end.ip(), 8080)
        ))),
        Ok(end) => Ok((end.ip(), end.port())),
        Err(_) => Err(slip(text)),
    }
}

/// What is to be done about `fe80::1%eth0`; `None` if there is no zone (RFC 4007 §11).
fn zone(text: &str) -> Option<String> {
    let (before, zone) = text.split_once('%')?;
    let address: Ipv6Addr = before.trim_start_matches('[').parse().ok()?;
    let (zone, rest) = zone.split_once(']').unwrap_or((zone, ""));
    let device = if rest.is_empty() {
        address.to_string()
    } else {
        format!("[{address}]{rest}")
    };
    // An index is no name of an interface.
    let is_index = zone.bytes().all(|it| it.is_ascii_digit());
    let zone = if is_index { "NAME" } else { zone };
    Some(format!(
        "`{text}` has a zone, which is not taken; name the interface beside it: `-d {device} \
         --interface {zone}`"
    ))
}

fn slip(text: &str) -> Slip {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else {
            return Slip::Host(format!("`{text}` lacks a `]`; write `[2001:db8::7]:8080`"));
        };
        let port = rest.strip_prefix(':').unwrap_or(rest);
        return Slip::Host(if address.parse::<Ipv6Addr>().is_err() {
            format!("`{address}` is not an IPv6 address; write `[2001:db8::7]:8080`")
        } else {
            bad_port(port)
        });
    }
    let (host, port) = match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => {
            return Slip::Host(format!(
                "`{text}` is not an IPv6 address; with a port it is written `[2001:db8::7]:8080`"
            ));
        }
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    match port {
        Some(port) if host.parse::<Ipv4Addr>().is_ok() => Slip::Host(bad_port(port)),
        _ if host.split('.').all(is_number) => Slip::Host(format!(
            "`{host}` is not an IPv4 address, which has four numbers of at most 255"
        )),
        Some(_) => Slip::Host(unresolved(host)),
        None if host.contains('.') || host == "localhost" => Slip::Host(unresolved(host)),
        None => Slip::Name,
    }
}

fn bad_port(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        format!("the port {text} is beyond 65535")
    } else {
        format!("`{text}` is no port; write a number, `192.0.2.7:8080`")
    }
}

fn unresolved(host: &str) -> String {
    format!(
        "names of hosts are not looked up; write the address of `{host}` (`getent ahosts {host}`)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("192.0.2.7", "192.0.2.7:80")]
    #[case("192.0.2.7:8080", "192.0.2.7:8080")]
    #[case("2001:db8::7", "[2001:db8::7]:80")]
    #[case("[2001:db8::7]", "[2001:db8::7]:80")]
    #[case("[2001:db8::7]:22", "[2001:db8::7]:22")]
    fn hosts(#[case] text: &str, #[case] is: SocketAddr) {
        assert_eq!(end(text), Ok((is.ip(), is.port())));
    }

    #[rstest]
    #[case("192.0.2.300", "`192.0.2.300` is not an IPv4 address")]
    #[case("192.0.2.300:9", "`192.0.2.300` is not an IPv4 address")]
    #[case("192.0.2", "`192.0.2` is not an IPv4 address")]
    #[case("192.0.2.7:99999", "the port 99999 is beyond 65535")]
    #[case("192.0.2.7:http", "`http` is no port")]
    #[case("192.0.2.7:", "`` is no port")]
    #[case(
        "192.0.2.7:0",
        "nobody can listen on port 0; write the port of a service, as in `192.0"
    )]
    #[case("[2001:db8::7]:0", "as in `[2001:db8::7]:8080`")]
    #[case("[2001:db8::7]:65536", "the port 65536 is beyond 65535")]
    #[case("[2001:db8::7", "`[2001:db8::7` lacks a `]`")]
    #[case("[2001:db8::x]:9", "`2001:db8::x` is not an IPv6 address")]
    #[case("2001:db8::x", "`2001:db8::x` is not an IPv6 address")]
    #[case("fe80::1%t0", "`-d fe80::1 --interface t0`")]
    #[case("[fe80::1%t0]:9", "`-d [fe80::1]:9 --interface t0`")]
    #[case("[fe80::1%2]:9", "`-d [fe80::1]:9 --interface NAME`")]
    #[case("host.example", "write the address of `host.example`")]
    #[case("host:9", "write the address of `host`")]
    #[case("localhost", "names of hosts are not looked up")]
    fn slips(#[case] text: &str, #[case] says: &str) {
        let Err(Slip::Host(said)) = end(text) else {
            panic!("{:?}", end(text));
        };
        assert!(said.contains(says), "{said}");
    }

    #[rstest]
    #[case("bundeld")]
    #[case("")]
    #[case("näme%")]
    fn names_of_anything(#[case] text: &str) {
        assert_eq!(end(text), Err(Slip::Name));
    }
}
