//! What the device's application does and sees.

use super::{Reader, limits};
use crate::spec::case::{AppEvent, AppWait, Call, KeepAlive, SocketSettings};
use crate::spec::diagnostic::Diagnostic;
use crate::spec::table::{self, CALLS, CONNECT, EVENTS, KEEPALIVE, LISTEN, SEND, SETTINGS};
use crate::spec::yaml::{Entry, Node};
use std::borrow::Cow;

/// What the names of system settings begin with.
const SYSTEM_PREFIXES: [&str; 5] = ["tcp_", "ip_", "ipv6_", "icmp_", "net."];

impl<'a> Reader<'a> {
    pub(super) fn call(&mut self, node: &Node<'a>) -> Option<Call> {
        let node = self.resolve(node)?;
        let (word, argument) = self.action(&node, "a call", CALLS)?;
        Some(match (word, argument) {
            ("listen", None) => Call::Listen { backlog: None },
            ("listen", Some(argument)) => {
                let fields = self.fields(&argument, "`listen`", &[LISTEN])?;
                let backlog = fields
                    .get("backlog")
                    .and_then(|node| self.count(node, 65_535));
                Call::Listen {
                    backlog: backlog.map(|value| value as u32),
                }
            }
            ("connect", None) => Call::Connect,
            ("connect", Some(argument)) => self.connect(&argument)?,
            ("accept", None) => Call::Accept,
            ("close", None) => Call::Close,
            ("abort", None) => Call::Abort,
            ("send", Some(argument)) => self.send(&argument)?,
            ("recv", Some(argument)) => Call::Recv(self.limited(&argument, &limits::RECV)?),
            ("shutdown", Some(argument)) => {
                let help = "an end that is shut down: `write`";
                self.word(&argument, help, &["write"])
                    .map(|_| Call::ShutdownWrite)?
            }
            ("set", Some(argument)) => Call::Set(self.settings(&argument)?),
            (word, argument) => {
                self.wrong_argument(&node, word, argument.is_some());
                return None;
            }
        })
    }

    pub(super) fn app(&mut self, node: &Node<'a>, within: Option<&Node<'a>>) -> Option<AppWait> {
        let within = self.optional(within, &limits::WITHIN);
        let node = self.resolve(node)?;
        let (word, argument) = self.action(&node, "an event", EVENTS)?;
        let event = match (word, argument) {
            ("accepted", None) => AppEvent::Accepted,
            ("connected", None) => AppEvent::Connected,
            ("refused", None) => AppEvent::Refused,
            ("reset", None) => AppEvent::Reset,
            ("timeout", None) => AppEvent::Timeout,
            ("eof", None) => AppEvent::Eof,
            ("trouble", None) => AppEvent::Trouble,
            ("urgent", None) => AppEvent::Urgent,
            ("data", Some(argument)) => AppEvent::Data(self.payload(&argument, &limits::STREAM)?),
            ("sent", Some(argument)) => AppEvent::Sent(self.limited(&argument, &limits::SENT)?),
            (word, argument) => {
                self.wrong_argument(&node, word, argument.is_some());
                return None;
            }
        };
        Some(AppWait { event, within })
    }

    /// A word alone, or `{word: argument}`.
    fn action(
        &mut self,
        node: &Node<'a>,
        what: &str,
        table: &'static [table::Entry],
    ) -> Option<(&'static str, Option<Node<'a>>)> {
        let Some(entries) = node.entries() else {
            return self
                .word(node, what, &table::names(table))
                .map(|word| (word, None));
        };
        let [entry] = &entries[..] else {
            let message = format!("{what} is one word with its argument");
            self.fault(node.error("spec::type", message));
            return None;
        };
        let word = table.iter().find(|known| known.name == entry.key);
        let Some(word) = word else {
            self.unknown_action(node, what, entry, table);
            return None;
        };
        let argument = self.resolve(&entry.node)?;
        Some((word.name, Some(argument)))
    }

    fn unknown_action(
        &mut self,
        node: &Node<'a>,
        what: &str,
        entry: &Entry<'a>,
        table: &'static [table::Entry],
    ) {
        let names = table::names(table);
        let message = format!("`{}` is not {what}", entry.key);
        let source = node.source();
        let fault = Diagnostic::error("spec::unknown-word", source, entry.key_span, message);
        let fault = fault.near(table::nearest(&entry.key, names.iter().copied()));
        self.fault(fault.help(format!("known here: {}", names.join(" "))));
    }

    fn wrong_argument(&mut self, node: &Node<'a>, word: &str, given: bool) {
        let message = if given {
            format!("`{word}` takes no argument")
        } else {
            format!("`{word}` needs an argument")
        };
        let help = if given {
            format!("write `{word}` alone")
        } else {
            format!("write `{{{word}: …}}`")
        };
        self.fault(node.error("spec::argument", message).help(help));
    }

    fn connect(&mut self, argument: &Node<'a>) -> Option<Call> {
        let fields = self.fields(argument, "`connect`", &[CONNECT])?;
        match (fields.get("data"), fields.get("from"), fields.get("to")) {
            (Some(data), None, None) => self.payload(data, &limits::SEND).map(Call::ConnectWith),
            (None, Some(from), None) => {
                let any = self.word(from, "an address", &["any"]);
                any.map(|_| Call::ConnectFromAny)
            }
            (None, None, Some(to)) => self.ip_end(to).map(Call::ConnectTo),
            (None, None, None) => {
                self.missing(argument, "`connect`", &["data", "from", "to"]);
                None
            }
            _ => {
                let message = "`connect` takes one of `data`, `from` and `to`";
                self.fault(argument.error("spec::argument", message));
                None
            }
        }
    }

    fn send(&mut self, argument: &Node<'a>) -> Option<Call> {
        if argument.entries().is_none() {
            return Some(Call::Send {
                data: self.payload(argument, &limits::SEND)?,
                urgent: false,
            });
        }
        let fields = self.fields(argument, "`send`", &[SEND])?;
        let Some(count) = fields.get("count") else {
            self.missing(argument, "`send`", &["count"]);
            return None;
        };
        let data = self.payload(count, &limits::SEND)?;
        let urgent = fields
            .get("urgent")
            .is_some_and(|node| self.truth(node) == Some(true));
        Some(Call::Send { data, urgent })
    }

    /// Socket options, and settings of the device by their own names.
    pub(in crate::spec) fn settings(&mut self, node: &Node<'a>) -> Option<SocketSettings> {
        let node = self.resolve(node)?;
        let mut settings = SocketSettings::default();
        let is_system = |key: &str| SYSTEM_PREFIXES.iter().any(|start| key.starts_with(start));
        for entry in node
            .entries()
            .unwrap_or_default()
            .iter()
            .filter(|e| is_system(&e.key))
        {
            let value = self.text(&entry.node, "the value of a setting");
            settings
                .system
                .extend(value.map(|value| (entry.key.to_string(), value)));
        }
        let fields = self.fields_and(&node, "`set`", &[SETTINGS], is_system)?;
        let mut octets = |name| fields.get(name).and_then(|node| self.count(node, 1 << 30));
        settings.rcvbuf = octets("rcvbuf").map(|value| value as u32);
        settings.sndbuf = octets("sndbuf").map(|value| value as u32);
        settings.fastopen = fields
            .get("fastopen")
            .and_then(|node| self.count(node, 65_535))
            .map(|value| value as u32);
        settings.iss = fields
            .get("iss")
            .and_then(|node| self.count(node, 0xffff_ffff))
            .map(|value| value as u32);
        settings.source_route = fields
            .get("source_route")
            .and_then(|node| self.octets(node));
        settings.nodelay = fields.get("nodelay").and_then(|node| self.truth(node));
        settings.reports = fields.get("reports").and_then(|node| self.truth(node));
        settings.user_timeout = fields
            .get("user_timeout")
            .and_then(|node| self.fixed_duration(node));
        settings.advertised_timeout = fields.get("uto").and_then(|node| self.fixed_duration(node));
        let mut octet = |name| fields.get(name).and_then(|node| self.count(node, 255));
        (settings.ttl, settings.tos) = (
            octet("ttl").map(|value| value as u8),
            octet("tos").map(|value| value as u8),
        );
        settings.keepalive = fields
            .get("keepalive")
            .and_then(|node| self.keepalive(node));
        Some(settings)
    }

    fn keepalive(&mut self, node: &Node<'a>) -> Option<KeepAlive> {
        let word = node.text().map(Cow::into_owned);
        if word.as_deref() == Some("true") {
            return Some(KeepAlive::default());
        }
        let fields = self.fields(node, "`keepalive`", &[KEEPALIVE])?;
        let mut duration = |name| fields.get(name).and_then(|node| self.fixed_duration(node));
        let (idle, interval) = (duration("idle"), duration("interval"));
        let count = fields.get("count").and_then(|node| self.count(node, 255));
        Some(KeepAlive {
            idle,
            interval,
            count: count.map(|value| value as u32),
        })
    }
}
