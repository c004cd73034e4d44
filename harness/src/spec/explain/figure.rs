//! Segments in the notation of RFC 9293's figures: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`.

use super::fold::folded;
use crate::spec::case::{
    Comparison, DataPattern, Expected, Expr, Flood, IcmpSender, Inject, InjectIcmp, InjectIp,
    InjectTimestamps, Operator, Pattern, Payload, Piece, SackPattern, SegmentPattern,
    TimestampsPattern,
};

/// The names of the case's connections, for variables of other connections.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(pub(super) &'a [&'a str]);

impl Names<'_> {
    /// An expression.
    pub(super) fn value(self, expr: &Expr) -> String {
        folded(expr).written(self.0)
    }

    /// How long something takes, in words: `at least 1s`, `1s..2s`.
    pub(super) fn time(self, pattern: &Pattern) -> String {
        match pattern {
            Pattern::Range(None, Some(most)) => format!("at most {}", self.value(most)),
            Pattern::Range(Some(least), None) => format!("at least {}", self.value(least)),
            Pattern::Either(all) => {
                let all: Vec<String> = all.iter().map(|one| self.time(one)).collect();
                all.join(" or ")
            }
            other => self.pattern(other),
        }
    }

    /// A comparison, parameters put in.
    pub(super) fn comparison(self, check: &Comparison) -> String {
        let sign = match check.operator {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::In => "in",
        };
        let right = match &check.right {
            Pattern::Either(all) => {
                let all: Vec<String> = all.iter().map(|one| self.pattern(one)).collect();
                format!("[{}]", all.join(", "))
            }
            one => self.pattern(one),
        };
        format!("{} {sign} {right}", self.value(&check.left))
    }

    /// A segment of a flood; each has a sequence number of its own if that is `random`.
    pub(super) fn flooded(self, flood: &Flood) -> String {
        let copies = format!("{} × ", flood.count);
        let segment = self.injected(&flood.inject);
        if flood.random {
            return copies + &segment.replacen("<SEQ=0>", "<SEQ=random>", 1);
        }
        copies + &segment
    }

    /// A pattern.
    pub(super) fn pattern(self, pattern: &Pattern) -> String {
        match pattern {
            Pattern::Is(value) => self.value(value),
            Pattern::Range(low, high) => {
                let end = |end: &Option<Expr>| end.as_ref().map(|e| self.value(e));
                format!(
                    "{}..{}",
                    end(low).unwrap_or_default(),
                    end(high).unwrap_or_default()
                )
            }
            Pattern::Either(all) => {
                let all: Vec<String> = all.iter().map(|one| self.pattern(one)).collect();
                all.join(" or ")
            }
            word => word.to_string(),
        }
    }

    /// An injected segment.
    pub(super) fn injected(self, inject: &Inject) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut field = |name: &str, value: Option<&Expr>| {
            if let Some(value) = value {
                parts.push(format!("<{name}={}>", self.value(value)));
            }
        };
        field("SEQ", inject.seq.as_ref());
        field("ACK", inject.ack.as_ref());
        field("WND", inject.wnd.as_ref());
        field("WND16", inject.wnd_raw.as_ref());
        field("UP", inject.urg.as_ref());
        if let Some(data) = &inject.data {
            parts.push(format!("<DATA={}>", self.payload(data)));
        }
        parts.push(format!("<CTL={}>", inject.flags));
        parts.push(self.injected_options(inject));
        let odd = [
            inject.bad_checksum.then(|| "bad checksum".to_owned()),
            inject.zero_checksum.then(|| "checksum zero".to_owned()),
            inject.offset.map(|offset| format!("data offset {offset}")),
            (inject.reserved != 0).then(|| format!("reserved bits {}", inject.reserved)),
        ];
        let odd: Vec<String> = odd.into_iter().flatten().chain(ip(&inject.ip)).collect();
        if !odd.is_empty() {
            parts.push(format!(" {}", odd.join(", ")));
        }
        parts.concat()
    }

    /// An injected ICMP error.
    pub(super) fn icmp(self, icmp: &InjectIcmp) -> String {
        let quote = &icmp.quote;
        let number = |number: u16| Expr::Number(i64::from(number));
        let (protocol, octets) = (
            quote.protocol.map(|protocol| number(protocol.into())),
            quote.octets.map(number),
        );
        let mut parts = vec![format!("<ICMP {}>", icmp.name)];
        let fields = [
            ("MTU", &icmp.mtu),
            ("quoting SEQ", &quote.seq),
            ("quoting port", &quote.port),
            ("quoting protocol", &protocol),
            ("quoting length", &quote.length),
            ("quoted octets", &octets),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                parts.push(format!("<{name}={}>", self.value(value)));
            }
        }
        if icmp.from == IcmpSender::Tester {
            parts.push(" from the tester".to_owned());
        }
        if icmp.bad_checksum {
            parts.push(" bad checksum".to_owned());
        }
        parts.concat()
    }

    fn injected_options(self, inject: &Inject) -> String {
        let mut parts: Vec<String> = Vec::new();
        if let Some(mss) = &inject.mss {
            parts.push(format!("<MSS={}>", self.value(mss)));
        }
        if let Some(ws) = &inject.ws {
            parts.push(format!("<WS={}>", self.value(ws)));
        }
        if let Some(uto) = &inject.uto {
            parts.push(format!("<UTO={}>", self.value(uto)));
        }
        if inject.sack_ok {
            parts.push("<SACK-permitted>".to_owned());
        }
        let block =
            |(from, to): &(Expr, Expr)| format!("<SACK={}..{}>", self.value(from), self.value(to));
        inject
            .sack
            .iter()
            .map(block)
            .for_each(|block| parts.push(block));
        if let Some(tfo) = &inject.tfo {
            parts.push(format!("<TFO={tfo}>"));
        }
        match &inject.ts {
            InjectTimestamps::Automatic => {}
            InjectTimestamps::Absent => parts.push("<no TS>".to_owned()),
            InjectTimestamps::Given { val, ecr } => {
                let value = |value: &Option<Expr>| {
                    value
                        .as_ref()
                        .map_or("auto".to_owned(), |value| self.value(value))
                };
                parts.push(format!("<TS={},{}>", value(val), value(ecr)));
            }
        }
        if let Some(octets) = &inject.opts {
            parts.push(format!("<OPT={}>", hexadecimal(octets)));
        }
        parts.concat()
    }

    /// An expected segment.
    pub(super) fn expected(self, what: &Expected) -> String {
        match what {
            Expected::Again(name) => format!("the same as {name}"),
            Expected::Segment(segment) => self.segment(segment),
        }
    }

    /// The fields of a pattern that are not free.
    pub(super) fn segment(self, segment: &SegmentPattern) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut field = |name: &str, value: Option<&Pattern>| {
            if let Some(value) = value {
                parts.push(format!("<{name}={}>", self.pattern(value)));
            }
        };
        field("SEQ", segment.seq.as_ref());
        field("ACK", segment.ack.as_ref());
        field("WND", segment.wnd.as_ref());
        field("WND16", segment.wnd_raw.as_ref());
        field("UP", segment.urg.as_ref());
        match &segment.data {
            None | Some(DataPattern::Count(Pattern::Is(Expr::Number(0)))) => {}
            Some(DataPattern::Count(count)) => field("DATA", Some(count)),
            Some(DataPattern::Text(octets)) => {
                parts.push(format!("<DATA={:?}>", String::from_utf8_lossy(octets)));
            }
        }
        let flags: Vec<String> = segment.flags.iter().map(ToString::to_string).collect();
        if !flags.is_empty() {
            parts.push(format!("<CTL={}>", flags.join(" or ")));
        }
        parts.push(self.expected_options(segment));
        parts.concat()
    }

    fn expected_options(self, segment: &SegmentPattern) -> String {
        let mut parts: Vec<String> = Vec::new();
        let plain = [
            ("MSS", &segment.mss),
            ("WS", &segment.ws),
            ("UTO", &segment.uto),
            ("SACK-permitted", &segment.sack_ok),
            ("TTL", &segment.ttl),
            ("TOS", &segment.tos),
            ("DF", &segment.df),
            ("ID", &segment.ip_id),
        ];
        for (name, value) in plain {
            if let Some(value) = value {
                parts.push(format!("<{name}={}>", self.pattern(value)));
            }
        }
        if let Some(route) = &segment.route {
            let hops = route.chunks(4).map(|hop| {
                let octets: Vec<String> = hop.iter().map(u8::to_string).collect();
                octets.join(".")
            });
            let hops: Vec<String> = hops.collect();
            parts.push(format!("<route={}>", hops.join(" ")));
        }
        match &segment.sack {
            None => {}
            Some(SackPattern::Present) => parts.push("<SACK=present>".to_owned()),
            Some(SackPattern::Absent) => parts.push("<SACK=absent>".to_owned()),
            Some(SackPattern::Blocks(blocks)) => {
                for (from, to) in blocks {
                    let (from, to) = (self.pattern(from), self.pattern(to));
                    parts.push(format!("<SACK={from}..{to}>"));
                }
            }
            Some(SackPattern::First(from, to)) => {
                let (from, to) = (self.pattern(from), self.pattern(to));
                parts.push(format!("<SACK={from}..{to}, … or absent>"));
            }
        }
        if let Some(tfo) = &segment.tfo {
            parts.push(format!("<TFO={tfo}>"));
        }
        match &segment.ts {
            None => {}
            Some(TimestampsPattern::Present) => parts.push("<TS=present>".to_owned()),
            Some(TimestampsPattern::Absent) => parts.push("<TS=absent>".to_owned()),
            Some(TimestampsPattern::Values { val, ecr }) => {
                let value = |value: &Option<Pattern>| {
                    value
                        .as_ref()
                        .map_or("any".to_owned(), |value| self.pattern(value))
                };
                parts.push(format!("<TS={},{}>", value(val), value(ecr)));
            }
        }
        if let Some(octets) = &segment.opts {
            parts.push(format!("<OPT={}>", hexadecimal(octets)));
        }
        parts.concat()
    }

    /// A payload.
    pub(super) fn payload(self, data: &Payload) -> String {
        match data {
            Payload::Pattern(count) => self.value(count),
            Payload::Text(octets) => format!("{:?}", String::from_utf8_lossy(octets)),
        }
    }
}

/// What is unusual about the IP packet of an injected segment.
fn ip(ip: &InjectIp) -> Vec<String> {
    let odd = [
        ip.ttl.map(|ttl| format!("TTL {ttl}")),
        ip.tos.map(|tos| format!("TOS {tos}")),
        ip.df.map(|df| format!("DF {}", u8::from(df))),
        ip.id.map(|id| format!("ID {id}")),
        ip.source.map(|end| format!("from {}", end.name())),
        ip.destination.map(|end| format!("to {}", end.name())),
        (!ip.options.is_empty()).then(|| format!("IP options {}", hexadecimal(&ip.options))),
    ];
    let pieces: Vec<String> = ip.fragments.iter().map(fragment).collect();
    let pieces = (!pieces.is_empty()).then(|| format!("in fragments {}", pieces.join(" ")));
    odd.into_iter().flatten().chain(pieces).collect()
}

/// `40..80`, with `~` before it if it is garbled.
fn fragment(piece: &Piece) -> String {
    let to = piece.to.map(|to| to.to_string()).unwrap_or_default();
    let garbled = if piece.garbled { "~" } else { "" };
    let tos = piece.tos.map(|tos| format!("(TOS {tos})"));
    format!("{garbled}{}..{to}{}", piece.from, tos.unwrap_or_default())
}

fn hexadecimal(octets: &[u8]) -> String {
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    pairs.join(" ")
}
