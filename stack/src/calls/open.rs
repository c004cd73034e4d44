//! OPEN (RFC 9293 §3.10.1).

use crate::State;
use crate::tcb::{Context, Tcb};

/// Active OPEN of a new block; its SYN is the next thing it sends.
pub(crate) fn open_active(tcb: &mut Tcb, cx: &mut Context<'_>) {
    // RFC 9293 §3.10.1:
    //   A SYN segment of the form
    //   <SEQ=ISS><CTL=SYN> is sent.  Set SND.UNA to ISS, SND.NXT to ISS+1,
    //   enter SYN-SENT state, and return.
    cx.counters.active_opens += 1;
    tcb.state = State::SynSent;
}
