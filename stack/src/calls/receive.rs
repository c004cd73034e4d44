//! RECEIVE (RFC 9293 §3.10.3).

use crate::tcb::Tcb;
use crate::{CallError, State};

/// Reads into `into`; `Ok(0)` is the end of the stream.
///
/// Beyond the letter of §3.10.3, data that was acknowledged can still be read in CLOSING,
/// LAST-ACK, TIME-WAIT and after a normal end: it would be lost otherwise.
pub(crate) fn receive(tcb: &mut Tcb, into: &mut [u8]) -> Result<usize, CallError> {
    let ready = tcb.rcv.queue.ready();
    tcb.told.readable = false;
    if ready == 0 {
        return if tcb.rcv.finished {
            // RFC 9293 §3.10.3: "connection closing", which a stream calls its end.
            Ok(0)
        } else if tcb.state == State::Closed {
            Err(tcb.error())
        } else {
            Err(CallError::WouldBlock)
        };
    }
    let before = tcb.rcv.wnd();
    let read = tcb.rcv.queue.read(into);
    // It is out of date with its data, and 2^31 octets later it would seem to lie ahead.
    tcb.rcv.up = tcb.rcv.up.filter(|up| up.after(tcb.consumed()));
    tcb.told.readable = false;
    if tcb.state.receives_text() && wants_update(tcb, before) {
        tcb.owed.ack = true;
    }
    Ok(read)
}

/// A window update goes out by itself if the peer may be waiting for it: its window was below a
/// full segment, or opens by half the buffer (RFC 9293 §3.8.6.2.2).
fn wants_update(tcb: &Tcb, before: u32) -> bool {
    let mss = tcb.effective_mss();
    let gain = tcb.rcv.next_window(mss) - before;
    let half = tcb.rcv.buffer / 2;
    gain > 0 && (gain >= half || before < mss && gain >= half.min(mss))
}
