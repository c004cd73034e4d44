//! `flood`: many copies of a segment, each from an address of its own.

use super::Reader;
use crate::spec::case::{Expr, Flood};
use crate::spec::table::FLOOD;
use crate::spec::yaml::Node;
use std::time::Duration;

/// More segments than this would take longer than anybody waits.
const MOST: u64 = 1_000_000;

impl<'a> Reader<'a> {
    pub(super) fn flood(&mut self, node: &Node<'a>) -> Option<Flood> {
        let fields = self.fields(node, "`flood`", &[FLOOD])?;
        self.missing(&fields.node, "`flood`", &["segment", "count"]);
        let count = fields
            .get("count")
            .and_then(|node| self.count(node, MOST))
            .map(|count| count as u32);
        let every = fields
            .get("every")
            .map_or(Some(Duration::ZERO), |node| self.fixed_duration(node));
        let name = self.capture(&fields);
        let segment = fields.get("segment")?;
        let random = segment.get("seq").is_none();
        let mut inject = self.inject(segment, &mut Vec::new())?;
        if random {
            inject.seq = Some(Expr::Number(0));
        }
        Some(Flood {
            inject,
            random,
            count: count?,
            every: every?,
            name,
        })
    }
}
