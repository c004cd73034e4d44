//! Segments that are expected.

use super::segment::{quoted, var};
use super::{Fields, Reader, limits};
use crate::spec::case::{
    DataPattern, Expect, Expected, Expr, Flags, FlagsPattern, Pattern, SackPattern, SegmentPattern,
    ShouldPart, TimestampsPattern, Var,
};
use crate::spec::table::{
    EXPECT_FIELDS, EXPECT_NOTES, FIRST_BLOCK, IP_PATTERN, SHOULD_NOTES, TIMESTAMPS,
};
use crate::spec::yaml::Node;

/// Control bits that are compared only if they are named.
const FREE: Flags = Flags(Flags::PSH.0 | Flags::ECE.0 | Flags::CWR.0);

impl<'a> Reader<'a> {
    pub(super) fn expectation(
        &mut self,
        node: &Node<'a>,
        should: Option<&Node<'a>>,
        defaults: &mut Vec<&'static str>,
    ) -> Option<Expect> {
        let fields = self.fields(node, "a segment", &[EXPECT_FIELDS, EXPECT_NOTES])?;
        let what = match fields.get("again") {
            Some(again) => self.again(&fields, again),
            None => self.expected_segment(&fields, defaults),
        };
        let should_part = should.map(|node| self.should_part(node));
        let within = self.field(&fields, &limits::WITHIN);
        let after = self.field_pattern(&fields, &limits::AFTER);
        let name = self.capture(&fields);
        let optional = self.may_stay_away(&fields, after.as_ref(), should.is_some());
        Some(Expect {
            what: what?,
            within,
            after,
            name,
            should: should_part.flatten(),
            optional,
        })
    }

    /// Whether the segment may stay away. Then nothing can refer to it, and how long it is waited
    /// for is said, since a device that never sends it costs that time.
    fn may_stay_away(&mut self, fields: &Fields<'a>, after: Option<&Pattern>, apart: bool) -> bool {
        let node = fields.get("optional");
        if node.and_then(|node| self.truth(node)) != Some(true) {
            return false;
        }
        let clash = ["again", "as", "within"].into_iter();
        let mut clash = clash.filter(|name| fields.get(name).is_some());
        if let Some(name) = clash.next().or(apart.then_some("should")) {
            let message = format!("`{name}` cannot stand beside `optional`");
            let help = "a segment that may stay away is not judged, and nothing can refer to it";
            self.fault(fields.node.error("spec::optional", message).help(help));
        }
        if !matches!(after, Some(Pattern::Range(_, Some(_)))) {
            let message = "`optional` needs `after` with an upper bound: until when it may come";
            let help = "write `after: ..20ms`, which counts from the packet before";
            self.fault(fields.node.error("spec::optional", message).help(help));
        }
        true
    }

    fn again(&mut self, fields: &Fields<'a>, again: &Node<'a>) -> Option<Expected> {
        let name = self.text(again, "the name of a capture")?;
        if !self.scope.captures.contains(&name) {
            let message = format!("no earlier step captures `{name}`");
            let known = self.scope.captures.iter().map(String::as_str);
            let near = crate::spec::table::nearest(&name, known);
            let help = format!("add `as: {name}` to the step that is repeated");
            self.fault(
                again
                    .error("spec::unknown-name", message)
                    .near(near)
                    .help(help),
            );
        }
        for (field, node) in fields.iter() {
            if EXPECT_FIELDS.iter().any(|entry| entry.name == field) {
                let message = format!("`{field}` cannot stand beside `again`");
                let help = "`again` compares flags, SEQ and payload with the captured segment";
                self.fault(node.error("spec::again-with-fields", message).help(help));
            }
        }
        Some(Expected::Again(name))
    }

    fn expected_segment(
        &mut self,
        fields: &Fields<'a>,
        defaults: &mut Vec<&'static str>,
    ) -> Option<Expected> {
        if fields.get("flags").is_none() {
            self.missing(&fields.node, "an expected segment", &["flags"]);
            return None;
        }
        let mut pattern = self.segment_pattern(fields);
        let has_ack = pattern
            .flags
            .iter()
            .any(|flags| flags.set.contains(Flags::ACK));
        if fields.get("seq").is_none() {
            self.bound_default(&fields.node, "seq", Var::SndNxt);
            pattern.seq = Some(Pattern::Is(var(Var::SndNxt)));
            defaults.push("seq");
        }
        if fields.get("ack").is_none() && has_ack {
            self.bound_default(&fields.node, "ack", Var::RcvNxt);
            pattern.ack = Some(Pattern::Is(var(Var::RcvNxt)));
            defaults.push("ack");
        }
        if fields.get("data").is_none() {
            pattern.data = Some(DataPattern::Count(Pattern::Is(Expr::Number(0))));
            defaults.push("data=0");
        }
        Some(Expected::Segment(Box::new(pattern)))
    }

    fn should_part(&mut self, node: &Node<'a>) -> Option<ShouldPart> {
        let fields = self.fields(node, "`should`", &[EXPECT_FIELDS, SHOULD_NOTES])?;
        let segment = Box::new(self.segment_pattern(&fields));
        let after = self.field_pattern(&fields, &limits::AFTER);
        let Some(covers) = fields.get("covers") else {
            self.missing(&fields.node, "`should`", &["covers"]);
            return None;
        };
        let covers = self.requirement(covers)?;
        let has_constraint = fields.node.entries().is_some_and(|all| all.len() > 1);
        if !has_constraint {
            let message = "`should` needs a constraint beside `covers`";
            let help = format!("`should: {covers}` judges the whole step at SHOULD level");
            self.fault(
                fields
                    .node
                    .error("spec::should-constraints", message)
                    .help(help),
            );
        }
        Some(ShouldPart {
            segment,
            after,
            covers,
        })
    }

    /// The fields that are named, and no others.
    fn segment_pattern(&mut self, fields: &Fields<'a>) -> SegmentPattern {
        let mut field = |limit| self.field_pattern(fields, limit);
        let mut pattern = SegmentPattern {
            seq: field(&limits::SEQ),
            ack: field(&limits::ACK),
            wnd: field(&limits::WND),
            wnd_raw: field(&limits::WND_RAW),
            urg: field(&limits::URG),
            mss: field(&limits::MSS),
            ws: field(&limits::WS),
            uto: field(&limits::UTO),
            ..SegmentPattern::default()
        };
        if let Some(flags) = fields.get("flags") {
            pattern.flags = self.flags_patterns(flags);
        }
        self.congestion_bits(fields, &mut pattern.flags);
        pattern.data = fields.get("data").and_then(|node| self.data_pattern(node));
        if let Some(node) = fields.get("sack_ok") {
            let word = self.word(node, "a presence", &["present", "absent", "any"]);
            pattern.sack_ok = match word {
                Some("present") => Some(Pattern::Present),
                Some("absent") => Some(Pattern::Absent),
                _ => None,
            };
        }
        pattern.sack = fields.get("sack").and_then(|node| self.sack_pattern(node));
        pattern.ts = fields
            .get("ts")
            .and_then(|node| self.timestamps_pattern(node));
        pattern.tfo = fields
            .get("tfo")
            .and_then(|node| self.fast_open_pattern(node));
        pattern.opts = fields.get("opts").and_then(|node| self.octets(node));
        if let Some(ip) = fields
            .get("ip")
            .and_then(|n| self.fields(n, "`ip`", &[IP_PATTERN]))
        {
            pattern.ttl = self.field_pattern(&ip, &limits::TTL);
            pattern.tos = self.field_pattern(&ip, &limits::TOS);
            pattern.df = self.field_pattern(&ip, &limits::DF);
            pattern.ip_id = self.field_pattern(&ip, &limits::ID);
            pattern.route = ip.get("route").and_then(|node| self.octets(node));
        }
        pattern
    }

    /// ECE and CWR, which `flags` can only demand.
    fn congestion_bits(&mut self, fields: &Fields<'a>, flags: &mut Vec<FlagsPattern>) {
        for (name, bit) in [("ece", Flags::ECE), ("cwr", Flags::CWR)] {
            let Some(node) = fields.get(name) else {
                continue;
            };
            let word = self.word(node, "a presence", &["present", "absent", "any"]);
            if flags.is_empty() {
                flags.push(FlagsPattern::default());
            }
            for one in flags.iter_mut() {
                match word {
                    Some("present") => *one = one.comparing(bit, true),
                    Some("absent") => *one = one.comparing(bit, false),
                    _ => {}
                }
            }
        }
    }

    /// Control bits, a list of alternatives, or `any` (an empty list).
    fn flags_patterns(&mut self, node: &Node<'a>) -> Vec<FlagsPattern> {
        if node.text().is_some_and(|text| text == "any") {
            return Vec::new();
        }
        let nodes = node.items().unwrap_or_else(|| vec![node.clone()]);
        let flags = nodes.iter().filter_map(|node| self.flags(node));
        flags
            .map(|set| FlagsPattern {
                set,
                mask: Flags(!FREE.0).with(set),
            })
            .collect()
    }

    fn data_pattern(&mut self, node: &Node<'a>) -> Option<DataPattern> {
        match quoted(node) {
            Some(text) => Some(DataPattern::Text(text)),
            None if self.is_bare_text(node) => None,
            None => self
                .limited_pattern(node, &limits::DATA)
                .map(DataPattern::Count),
        }
    }

    fn sack_pattern(&mut self, node: &Node<'a>) -> Option<SackPattern> {
        match node.text().as_deref() {
            Some("present") => Some(SackPattern::Present),
            Some("absent") => Some(SackPattern::Absent),
            Some("any") => None,
            None if node.entries().is_some() => {
                let fields = self.fields(node, "`sack`", &[FIRST_BLOCK])?;
                let Some(first) = fields.get("first") else {
                    self.missing(&fields.node, "`sack`", &["first"]);
                    return None;
                };
                let (from, to) = self.block(first, &Self::field_pattern)?;
                Some(SackPattern::First(from, to))
            }
            _ => self
                .blocks(node, Self::field_pattern)
                .map(SackPattern::Blocks),
        }
    }

    fn timestamps_pattern(&mut self, node: &Node<'a>) -> Option<TimestampsPattern> {
        match node.text().as_deref() {
            Some("present") => Some(TimestampsPattern::Present),
            Some("absent") => Some(TimestampsPattern::Absent),
            Some("any") => None,
            _ => {
                let fields = self.fields(node, "`ts`", &[TIMESTAMPS])?;
                Some(TimestampsPattern::Values {
                    val: self.field_pattern(&fields, &limits::VAL),
                    ecr: self.field_pattern(&fields, &limits::ECR),
                })
            }
        }
    }
}
