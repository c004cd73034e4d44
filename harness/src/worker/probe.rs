//! What this machine allows: each thing that the kernel device needs is tried, and a refusal is
//! explained.

use crate::device::kernel::namespace::{self, NamespaceError};
use crate::link::{Kind, Link, tun};
use crate::spec::case::Family;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What: `user namespace`, `network namespace`, `tun`, `veth`, `IPv6`.
    pub name: String,
    /// It works.
    pub ok: bool,
    /// The kernel device cannot do without it.
    pub needed: bool,
    /// How it went, in one sentence fragment.
    pub reason: String,
    /// What to do about it, a command where there is one.
    pub cure: Option<String>,
}

/// Tries everything, in the order in which things build on each other. `privilege` is how the
/// process became able to make network namespaces.
pub(super) fn all(privilege: &Result<Privilege, NamespaceError>) -> Vec<Probe> {
    let mut probes = vec![user_namespace(privilege)];
    if privilege.is_err() {
        return probes;
    }
    let network = namespace::enter_fresh_network();
    let made = network.is_ok();
    probes.push(match network {
        Ok(()) => works("network namespace", true, "allowed"),
        Err(error) => fails(
            "network namespace",
            true,
            &error,
            cure_for_namespaces(&error.source),
        ),
    });
    if made {
        let tun = link("tun", Kind::Tun, Family::V4);
        let veth = link("veth", Kind::Veth, Family::V4);
        let ipv6 = link("IPv6", Kind::available(), Family::V6);
        let needed = !tun.ok && !veth.ok;
        probes.extend([Probe { needed, ..tun }, Probe { needed, ..veth }, ipv6]);
    }
    probes
}

/// How the process can make network namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privilege {
    /// It has the capabilities.
    Granted,
    /// It has them in a user namespace of its own.
    OwnNamespace,
}

fn user_namespace(privilege: &Result<Privilege, NamespaceError>) -> Probe {
    match privilege {
        Ok(Privilege::Granted) => works(
            "user namespace",
            true,
            "not needed: CAP_NET_ADMIN and CAP_SYS_ADMIN are there",
        ),
        Ok(Privilege::OwnNamespace) => works("user namespace", true, "allowed: no root needed"),
        Err(error) => fails(
            "user namespace",
            true,
            error,
            cure_for_namespaces(&error.source),
        ),
    }
}

/// Makes a link in a namespace of its own.
fn link(name: &str, kind: Kind, family: Family) -> Probe {
    let made = namespace::enter_fresh_network()
        .map_err(|error| error.source)
        .and_then(|()| Link::create(kind, family));
    match made {
        Ok(_) => works(name, false, "works"),
        Err(error) => fails(name, false, &error, cure_for_links(kind, family, &error)),
    }
}

fn cure_for_links(kind: Kind, family: Family, error: &io::Error) -> Option<String> {
    if family == Family::V6 {
        return Some("switch IPv6 on in this kernel, or run with --family 4".to_owned());
    }
    match (kind, error.kind()) {
        (Kind::Tun, ErrorKind::PermissionDenied) => Some(format!(
            "not needed if veth works; else: sudo chmod 0666 {}",
            tun::NODE
        )),
        (Kind::Tun, ErrorKind::NotFound) => Some(
            "not needed if veth works; else: sudo modprobe tun (in a container: \
             --device /dev/net/tun)"
                .to_owned(),
        ),
        (Kind::Veth, _) => Some("sudo modprobe veth".to_owned()),
        (Kind::Tun, _) => None,
    }
}

/// The places where distributions and containers forbid namespaces.
fn cure_for_namespaces(error: &io::Error) -> Option<String> {
    const SWITCHES: [(&str, &str, &str); 3] = [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel/unprivileged_userns_clone", "0", "1"),
        ("user/max_user_namespaces", "0", "10000"),
    ];
    for (path, closed, open) in SWITCHES {
        let value = std::fs::read_to_string(format!("/proc/sys/{path}")).unwrap_or_default();
        if value.trim() == closed {
            let name = path.replace('/', ".");
            return Some(format!("sudo sysctl {name}={open}, or run with sudo"));
        }
    }
    match error.raw_os_error() {
        Some(libc::ENOSPC) => Some(
            "too many namespaces: raise user.max_user_namespaces and \
                  user.max_net_namespaces"
                .to_owned(),
        ),
        Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => Some(
            "run with sudo; in a container, give it --cap-add NET_ADMIN --cap-add SYS_ADMIN \
             --device /dev/net/tun"
                .to_owned(),
        ),
        _ => None,
    }
}

fn works(name: &str, needed: bool, reason: &str) -> Probe {
    Probe {
        name: name.to_owned(),
        ok: true,
        needed,
        reason: reason.to_owned(),
        cure: None,
    }
}

fn fails(name: &str, needed: bool, why: &dyn std::error::Error, cure: Option<String>) -> Probe {
    Probe {
        name: name.to_owned(),
        ok: false,
        needed,
        reason: why.to_string(),
        cure,
    }
}
