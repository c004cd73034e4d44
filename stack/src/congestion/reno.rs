//! Reno: congestion avoidance and reduction as RFC 5681 has them.

use super::{CongestionControl, Sender, Window};

/// Additive increase, multiplicative decrease.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reno {
    /// Octets acknowledged since cwnd grew last.
    counted: u32,
}

impl CongestionControl for Reno {
    fn avoid(&mut self, window: &mut Window, acked: u32, sender: &Sender) {
        // RFC 5681 §3.1:
        //   When the number of bytes
        //   acknowledged reaches cwnd, then cwnd can be incremented by up to SMSS
        //   bytes.
        self.counted = self.counted.saturating_add(acked);
        if self.counted >= window.cwnd {
            self.counted -= window.cwnd;
            window.cwnd += sender.mss;
        }
    }

    fn reduce(&mut self, _window: Window, flight: u32, _timeout: bool) -> u32 {
        self.counted = 0;
        flight / 2
    }
}
