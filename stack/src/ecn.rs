//! Explicit congestion notification of one connection (RFC 3168 §6.1): who agreed to it, which
//! segments are marked, and what is echoed.
//!
//! Whether and how far the congestion window shrinks is not decided here but in
//! [`crate::congestion`], which also knows when CWR is due.

use crate::config::EcnPolicy;
use crate::segment::{Ecn, Segment};

/// The codepoint ECT(0) in the low bits of the TOS octet or the traffic class.
pub(crate) const ECT0: u8 = 0b10;
/// The two bits that ECN has there.
pub(crate) const FIELD: u8 = 0b11;
/// The codepoint CE.
pub(crate) const CE: u8 = 0b11;

/// The ECN state of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EcnState {
    ours: Said,
    theirs: Said,
    /// CE came in, and no CWR since.
    echoes: bool,
}

/// What the SYNs and SYN,ACKs of one side said so far.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// At least one was an ECN-setup packet.
    setup: bool,
    /// At least one was not.
    plain: bool,
}

impl Said {
    fn add(&mut self, setup: bool) {
        self.setup |= setup;
        self.plain |= !setup;
    }

    /// All of them were.
    fn agrees(self) -> bool {
        self.setup && !self.plain
    }
}

impl EcnState {
    /// The bits of a SYN or SYN,ACK that leaves now for the first time, or once more.
    pub(crate) fn syn(&mut self, policy: EcnPolicy, answers: bool, again: bool) -> Ecn {
        let setup = if answers {
            // RFC 3168 §6.1.1:
            //   If a host has received an ECN-setup SYN packet, then it MAY send
            //   an ECN-setup SYN-ACK packet.  Otherwise, it MUST NOT send an
            //   ECN-setup SYN-ACK packet.
            policy != EcnPolicy::Off && self.theirs.agrees()
        } else {
            // RFC 3168 §6.1.1.1:
            //   A host that receives no reply to an ECN-setup SYN within the normal
            //   SYN retransmission timeout interval MAY resend the SYN and any
            //   subsequent SYN retransmissions with CWR and ECE cleared.
            policy == EcnPolicy::Ask && !again
        };
        self.ours.add(setup);
        Ecn {
            ece: setup,
            cwr: setup && !answers,
        }
    }

    /// The peer's SYN or SYN,ACK.
    pub(crate) fn heard_syn(&mut self, segment: &Segment<'_>) {
        // RFC 3168 §6.1.1:
        //   we call a SYN-ACK packet with only the ECE
        //   flag set but the CWR flag not set an "ECN-setup SYN-ACK packet"
        let cwr = segment.ack.is_none();
        self.theirs.add(segment.ecn.ece && segment.ecn.cwr == cwr);
    }

    /// New text is sent with an ECT codepoint.
    pub(crate) fn is_capable(self) -> bool {
        // RFC 3168 §6.1.1:
        //   A host MUST NOT set ECT on data packets unless it has sent at
        //   least one ECN-setup SYN or ECN-setup SYN-ACK packet, and has
        //   received at least one ECN-setup SYN or ECN-setup SYN-ACK packet,
        //   and has sent no non-ECN-setup SYN or non-ECN-setup SYN-ACK
        //   packet.
        self.ours.agrees() && self.theirs.agrees()
    }

    /// A segment passed the checks: its CWR, and whether its text was marked CE.
    pub(crate) fn heard(&mut self, cwr: bool, ce: bool) {
        // RFC 3168 §6.1.3:
        //   After the receipt of the CWR packet, acknowledgments for
        //   subsequent non-CE data packets do not have the ECN-Echo flag set.
        self.echoes &= !cwr;
        // A SYN that went out later without ECN does not end the duty to answer CE (§6.1.1).
        self.echoes |= ce && self.ours.setup && self.theirs.agrees();
    }

    /// ECE of whatever acknowledges.
    pub(crate) fn echoes(self) -> bool {
        self.echoes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Control;
    use crate::seq::SeqNum;
    use rstest::rstest;

    fn syn(ece: bool, cwr: bool, ack: bool) -> Segment<'static> {
        Segment {
            ack: ack.then_some(SeqNum(1)),
            ecn: Ecn { ece, cwr },
            ..Segment::bare(SeqNum(0), Control::None)
        }
    }

    #[rstest]
    #[case::agreed(EcnPolicy::Answer, true, true, true)]
    #[case::off(EcnPolicy::Off, true, true, false)]
    #[case::ece_alone(EcnPolicy::Ask, true, false, false)]
    #[case::cwr_alone(EcnPolicy::Ask, false, true, false)]
    fn a_syn_is_answered(
        #[case] policy: EcnPolicy,
        #[case] ece: bool,
        #[case] cwr: bool,
        #[case] capable: bool,
    ) {
        let mut state = EcnState::default();
        state.heard_syn(&syn(ece, cwr, false));
        let answer = state.syn(policy, true, false);
        assert_eq!((answer.ece, answer.cwr), (capable, false));
        assert_eq!(state.is_capable(), capable);
    }

    #[rstest]
    #[case::agreed(true, false, true)]
    #[case::reflected(true, true, false)]
    #[case::refused(false, false, false)]
    fn a_syn_ack_answers(#[case] ece: bool, #[case] cwr: bool, #[case] capable: bool) {
        let mut state = EcnState::default();
        assert_eq!(
            state.syn(EcnPolicy::Ask, false, false),
            Ecn {
                ece: true,
                cwr: true
            }
        );
        state.heard_syn(&syn(ece, cwr, true));
        assert_eq!(state.is_capable(), capable);
    }

    #[test]
    fn after_a_plain_syn_nothing_is_marked_but_ce_is_echoed() {
        let mut state = EcnState::default();
        state.syn(EcnPolicy::Ask, false, false);
        assert_eq!(state.syn(EcnPolicy::Ask, false, true), Ecn::default());
        state.heard_syn(&syn(true, false, true));
        state.heard(false, true);
        assert!(!state.is_capable() && state.echoes());
    }
}
