//! A firewall rule of our own, for testers that have no address but this machine's: its kernel
//! must not see what the device says to them, or it would reset connections that it does not know.
//!
//! The rule drops TCP segments between two addresses, to a range of ports, before they reach the
//! kernel's TCP; packet sockets see them before that. It lives in a table that the kernel removes
//! with the process, however that ends. Kernels before 5.12 cannot do that: there the table is
//! removed when the guard is dropped, and [`leftovers`] finds those of killed processes by name.
//!
//! Spoken is nf_tables over netlink, so that no program has to be installed.

use super::netlink::{self, Netlink, Request};
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

/// What the names of our tables begin with; the process that made one follows.
const PREFIX: &str = "tcpspec-";
/// The chain in the table.
const CHAIN: &str = "guard";
/// `NFPROTO_INET`: IPv4 and IPv6 alike.
const INET: u8 = 1;
/// `NF_INET_LOCAL_IN`: what is for this machine, before its TCP.
const LOCAL_IN: u32 = 1;
/// Before the rules of others, so that none of them sees what is none of theirs.
const PRIORITY: i32 = -300;
/// `NFT_TABLE_F_OWNER` of `linux/netfilter/nf_tables.h`.
const OWNED: u32 = 2;

/// Messages of `linux/netfilter/nf_tables.h`.
const NEW_TABLE: u16 = 0;
const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
/// Attributes of tables, chains, hooks and rules.
const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const TABLE_OWNER: u16 = 7;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
/// Expressions of a rule, and the values in them.
const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
const REGISTER: u32 = 1;
const META_NFPROTO: u32 = 15;
const META_L4PROTO: u32 = 16;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const EQUAL: u32 = 0;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;
const DROP: u32 = 0;
/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// What the kernel's TCP is not to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// The device.
    pub from: IpAddr,
    /// This machine's address.
    pub to: IpAddr,
    /// The tester's ports.
    pub ports: RangeInclusive<u16>,
}

/// The rule. It goes when this is dropped.
#[derive(Debug)]
pub struct Guard(#[expect(dead_code, reason = "what it holds ends with it")] Keeper);

/// Who sees to it that the table goes.
#[derive(Debug)]
enum Keeper {
    /// The kernel, when this socket is closed.
    Kernel(#[expect(dead_code, reason = "its end is what counts")] Netlink),
    /// A thread that keeps the capability to remove it.
    Thread(Option<Sender<()>>, Option<JoinHandle<()>>),
}

impl Guard {
    /// Puts the rule in place. Needs CAP_NET_ADMIN.
    pub fn raise(guarded: &Guarded) -> io::Result<Self> {
        let table = format!("{PREFIX}{}", std::process::id());
        let mut kernel = Netlink::netfilter()?;
        match kernel.batch(rules(&table, guarded, OWNED)) {
            Ok(()) => Ok(Self(Keeper::Kernel(kernel))),
            // An older kernel does not know the flag.
            Err(error) if is_unknown(&error) => Self::raise_unowned(table, guarded, kernel),
            Err(error) => Err(error),
        }
    }

    /// The thread is made here, where there is the capability still.
    fn raise_unowned(table: String, guarded: &Guarded, mut kernel: Netlink) -> io::Result<Self> {
        kernel.batch(rules(&table, guarded, 0))?;
        let (sender, end) = channel::<()>();
        let keep = move || {
            // Whichever way the other half goes.
            let _ = end.recv();
            // Nobody is left who could be told; `doctor` finds it.
            let _ = kernel.batch(vec![deletion(&table)]);
        };
        let keeper = thread::Builder::new().name("firewall".to_owned());
        let keeper = keeper.spawn(keep)?;
        Ok(Self(Keeper::Thread(Some(sender), Some(keeper))))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Self::Thread(sender, keeper) = self {
            drop(sender.take());
            if let Some(keeper) = keeper.take() {
                let _ = keeper.join();
            }
        }
    }
}

/// Leaves the table of a killed process behind, for tests of those who clear up.
#[doc(hidden)]
pub fn leave_behind(process: u32, guarded: &Guarded) -> io::Result<()> {
    Netlink::netfilter()?.batch(rules(&format!("{PREFIX}{process}"), guarded, 0))
}

/// Tables of processes that are no more.
pub fn leftovers() -> io::Result<Vec<String>> {
    let tables = ours()?.into_iter();
    let is_left = |(name, owned): &(String, bool)| !owned && !has_its_process(name);
    Ok(tables.filter(is_left).map(|(name, _)| name).collect())
}

/// Tables of testers, leftovers among them.
pub fn tables() -> io::Result<Vec<String>> {
    Ok(ours()?.into_iter().map(|(name, _)| name).collect())
}

/// Removes a leftover. Needs CAP_NET_ADMIN.
pub fn remove(table: &str) -> io::Result<()> {
    Netlink::netfilter()?.batch(vec![deletion(table)])
}

/// Our tables, and whether the kernel removes them by itself.
fn ours() -> io::Result<Vec<(String, bool)>> {
    let question = Request::netfilter(GET_TABLE, libc::NLM_F_DUMP, INET);
    let read = |answer: Vec<u8>| {
        let mut table = (String::new(), false);
        for (kind, value) in netlink::attributes(answer.get(4..).unwrap_or_default()) {
            match kind {
                TABLE_NAME => table.0 = text(value),
                TABLE_OWNER => table.1 = true,
                _ => {}
            }
        }
        table
    };
    let tables = Netlink::netfilter()?.dump(question)?.into_iter().map(read);
    Ok(tables
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect())
}

/// A process with the number in the name is there, and is a tester.
fn has_its_process(table: &str) -> bool {
    let number = table.strip_prefix(PREFIX).unwrap_or_default();
    let name = std::fs::read_to_string(Path::new("/proc").join(number).join("comm"));
    name.is_ok_and(|name| name.starts_with("tcpspec"))
}

fn text(octets: &[u8]) -> String {
    let octets = octets.strip_suffix(&[0]).unwrap_or(octets);
    String::from_utf8_lossy(octets).into_owned()
}

fn is_unknown(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL))
}

fn deletion(table: &str) -> Request {
    Request::netfilter(DELETE_TABLE, 0, INET).attribute(TABLE_NAME, &terminated(table))
}

/// A table with a chain with a rule, which appear together or not at all.
fn rules(table: &str, guarded: &Guarded, flags: u32) -> Vec<Request> {
    let create = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let (name, chain) = (terminated(table), terminated(CHAIN));
    let new_table = Request::netfilter(NEW_TABLE, create, INET)
        .attribute(TABLE_NAME, &name)
        .attribute(TABLE_FLAGS, &flags.to_be_bytes());
    let new_chain = Request::netfilter(NEW_CHAIN, create, INET)
        .attribute(CHAIN_TABLE, &name)
        .attribute(CHAIN_NAME, &chain)
        .nested(CHAIN_HOOK, |hook| {
            hook.attribute(HOOK_NUMBER, &LOCAL_IN.to_be_bytes())
                .attribute(HOOK_PRIORITY, &PRIORITY.to_be_bytes())
        })
        .attribute(CHAIN_TYPE, b"filter\0");
    let new_rule = Request::netfilter(NEW_RULE, create | libc::NLM_F_APPEND, INET)
        .attribute(RULE_TABLE, &name)
        .attribute(RULE_CHAIN, &chain)
        .nested(RULE_EXPRESSIONS, |list| conditions(list, guarded));
    vec![new_table, new_chain, new_rule]
}

/// TCP, from the device, to us, to one of our ports: drop.
fn conditions(list: Request, guarded: &Guarded) -> Request {
    let (version, from, to, at) = match (guarded.from, guarded.to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            (IPV4, from.octets().to_vec(), to.octets().to_vec(), [12, 16])
        }
        (from, to) => (IPV6, sixteen(from), sixteen(to), [8, 24]),
    };
    let (first, last) = (guarded.ports.start(), guarded.ports.end());
    let list = meta(list, META_NFPROTO);
    let list = compare(list, EQUAL, &[version]);
    let list = meta(list, META_L4PROTO);
    let list = compare(list, EQUAL, &[libc::IPPROTO_TCP as u8]);
    let list = load(list, NETWORK_HEADER, at[0], from.len() as u32);
    let list = compare(list, EQUAL, &from);
    let list = load(list, NETWORK_HEADER, at[1], to.len() as u32);
    let list = compare(list, EQUAL, &to);
    let list = load(list, TRANSPORT_HEADER, 2, 2);
    let list = compare(list, AT_LEAST, &first.to_be_bytes());
    let list = compare(list, AT_MOST, &last.to_be_bytes());
    expression(list, b"immediate\0", |data| {
        data.attribute(1, &0_u32.to_be_bytes()).nested(2, |value| {
            value.nested(VERDICT, |verdict| verdict.attribute(1, &DROP.to_be_bytes()))
        })
    })
}

fn sixteen(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// What is known beside the packet goes into the register.
fn meta(list: Request, key: u32) -> Request {
    expression(list, b"meta\0", |data| {
        data.attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &key.to_be_bytes())
    })
}

/// Octets of a header go into the register.
fn load(list: Request, header: u32, offset: u32, length: u32) -> Request {
    expression(list, b"payload\0", |data| {
        data.attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &header.to_be_bytes())
            .attribute(3, &offset.to_be_bytes())
            .attribute(4, &length.to_be_bytes())
    })
}

/// Goes on only if the register compares so with the value.
fn compare(list: Request, how: u32, value: &[u8]) -> Request {
    expression(list, b"cmp\0", |data| {
        data.attribute(1, &REGISTER.to_be_bytes())
            .attribute(2, &how.to_be_bytes())
            .nested(3, |data| data.attribute(VALUE, value))
    })
}

fn expression(list: Request, name: &[u8], data: impl FnOnce(Request) -> Request) -> Request {
    list.nested(LIST_ELEMENT, |element| {
        element
            .attribute(EXPRESSION_NAME, name)
            .nested(EXPRESSION_DATA, data)
    })
}

fn terminated(name: &str) -> Vec<u8> {
    let mut octets = name.as_bytes().to_vec();
    octets.push(0);
    octets
}
