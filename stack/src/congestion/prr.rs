//! Proportional rate reduction (RFC 6937): how much each acknowledgment lets go in a recovery that
//! a scoreboard steers, so that cwnd comes down to ssthresh over one round trip.
//!
//! It says how much, never what. The reduction bound is PRR-SSRB.

/// The variables of RFC 6937 §3, octets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prr {
    /// Delivered to the receiver since recovery began.
    delivered: u64,
    /// Sent since recovery began.
    out: u64,
    /// FlightSize when recovery began.
    recover_fs: u32,
}

impl Prr {
    /// Recovery begins with so much in flight.
    pub(crate) fn begin(flight: u32) -> Self {
        Self {
            recover_fs: flight.max(1),
            ..Self::default()
        }
    }

    /// Something was sent.
    pub(crate) fn sent(&mut self, octets: u32) {
        self.out += u64::from(octets);
    }

    /// How much may be sent now (sndcnt): an acknowledgment has `delivered` so many octets, and
    /// `pipe` are in the network.
    pub(crate) fn on_ack(&mut self, delivered: u32, pipe: u32, ssthresh: u32, mss: u32) -> u32 {
        self.delivered += u64::from(delivered);
        let count = if pipe > ssthresh {
            // RFC 6937 §3:
            //   sndcnt = CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out
            // In whole segments, as the figures of §3.1 have it.
            let share = self.delivered * u64::from(ssthresh);
            share
                .div_ceil(u64::from(self.recover_fs))
                .saturating_sub(self.out)
                .next_multiple_of(u64::from(mss))
        } else {
            // RFC 6937 §3:
            //   limit = MAX(prr_delivered - prr_out, DeliveredData) + MSS
            let banked = self.delivered.saturating_sub(self.out);
            let limit = banked.max(u64::from(delivered)) + u64::from(mss);
            // RFC 6937 §3:
            //   sndcnt = MIN(ssthresh - pipe, limit)
            limit.min(u64::from(ssthresh - pipe))
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    /// Segments sent upon each acknowledgment of one segment, from the pipe at the beginning on;
    /// `each` holds what may be sent to whole segments.
    fn sent(flight: u32, ssthresh: u32, mut pipe: u32, acks: u32) -> Vec<u32> {
        let mut prr = Prr::begin(flight * MSS);
        let each = |_: u32| {
            pipe -= MSS;
            let count = prr.on_ack(MSS, pipe, ssthresh * MSS, MSS) / MSS;
            pipe += count * MSS;
            prr.sent(count * MSS);
            count
        };
        (0..acks).map(each).collect()
    }

    #[test]
    fn a_single_loss_lets_every_second_ack_send() {
        // The first diagram of RFC 6937 §3.1, from the retransmission on.
        let sent = sent(20, 10, 20_000, 17);
        assert_eq!(sent[..13], [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        assert!((8..=10).contains(&sent.iter().sum::<u32>()), "{sent:?}");
    }

    #[test]
    fn many_losses_are_repaired_in_slow_start() {
        // PRR-SSRB in the second diagram: two segments per acknowledgment.
        let sent = sent(20, 10, 5_000, 3);
        assert_eq!(sent, [2, 2, 2]);
    }

    #[test]
    fn nothing_exceeds_ssthresh_once_pipe_is_below_it() {
        let mut prr = Prr::begin(20_000);
        assert_eq!(prr.on_ack(15_000, 9500, 10_000, MSS), 500);
    }
}
