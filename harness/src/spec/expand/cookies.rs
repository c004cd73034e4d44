//! What a case asks of a listener that only one can give that keeps what a SYN says.
//!
//! A host that answers every SYN with a cookie (RFC 4987 §3.6) is never half open, sends its
//! SYN,ACK once, and knows of the options no more than the cookie has room for. That is its makers'
//! choice, and no failure; so such cases are skipped on it, unless they set what it does.

use super::{Start, constant};
use crate::spec::case::{
    Expected, Expr, Flags, Inject, InjectTimestamps, SegmentPattern, State, Step, Var, Verb,
};
use crate::spec::profile::Profile;
use crate::spec::visit;

/// Why a case is skipped on a device that keeps nothing of a SYN.
pub(super) const NOTHING_KEPT: &str =
    "asks for more of a SYN than a cookie keeps, and the device sends nothing else";

/// True if the device keeps nothing of a SYN, and the case needs that it does.
pub(super) fn lose(
    profile: Option<&Profile>,
    start: Option<&Start>,
    steps: &[Step],
    link_mss: i64,
) -> bool {
    let policy = profile.and_then(|profile| profile.policies.get("syn_cookies"));
    let settings = start.map_or(&[][..], |start| &start.application.set.system);
    let sets = settings.iter().any(|(name, _)| name == "tcp_syncookies");
    if sets || policy.is_none_or(|policy| policy != "always") {
        return false;
    }
    let half_open = start.is_some_and(|start| start.state == State::SynReceived);
    let mut kept = Kept {
        is_needed: half_open,
        ..Kept::default()
    };
    visit::steps(steps, &mut |step| kept.read(step, link_mss));
    kept.is_needed
}

/// What was read of the steps so far.
#[derive(Default)]
struct Kept {
    is_needed: bool,
    /// The names of captured SYN,ACKs.
    syn_acks: Vec<String>,
    /// The connection whose SYN,ACK was the last packet.
    half_open: Option<usize>,
}

impl Kept {
    fn read(&mut self, step: &Step, link_mss: i64) {
        let mut half_open = None;
        self.is_needed |= match &step.verb {
            Verb::Inject(inject) => says_more(inject, link_mss),
            Verb::State { state, .. } => *state == State::SynReceived,
            Verb::Info(fields) => fields.iter().any(|(name, _)| name == "syn_queue"),
            // The round trip of the handshake is a sample for who knows when it began.
            Verb::Silence(_) => self.half_open.is_some(),
            Verb::Check(_) => compares_numbers(step),
            Verb::Expect(expect) => match &expect.what {
                Expected::Segment(pattern) if is_syn_ack(pattern) => {
                    self.syn_acks.extend(expect.name.clone());
                    half_open = Some(step.conn);
                    self.half_open == half_open
                }
                Expected::Segment(_) => false,
                Expected::Again(name) => self.syn_acks.contains(name),
            },
            _ => false,
        };
        let is_packet = matches!(step.verb, Verb::Inject(_) | Verb::Expect(_));
        if is_packet {
            self.half_open = half_open;
        }
    }
}

/// A cookie is no number of the clock of RFC 9293 §3.4.1.
fn compares_numbers(step: &Step) -> bool {
    let mut found = false;
    visit::expressions(step, &mut |part| {
        found |= matches!(part, Expr::Var { var: Var::Iss, .. });
    });
    found
}

/// A SYN with more than the maximum segment size that nearly everybody has.
fn says_more(inject: &Inject, link_mss: i64) -> bool {
    if !inject.flags.contains(Flags::SYN) || inject.flags.contains(Flags::ACK) {
        return false;
    }
    let size = inject.mss.as_ref().map(constant);
    inject.flags != Flags::SYN
        || size.is_some_and(|size| size != Some(link_mss))
        || inject.ws.is_some()
        || inject.sack_ok
        || matches!(inject.ts, InjectTimestamps::Given { .. })
        || inject.uto.is_some()
        || inject.tfo.is_some()
        || inject.opts.is_some()
        || inject.data.is_some()
}

fn is_syn_ack(pattern: &SegmentPattern) -> bool {
    let both = Flags::SYN.with(Flags::ACK);
    pattern.flags.iter().any(|flags| flags.set.contains(both))
}
