//! SEND (RFC 9293 §3.10.2).

use crate::tcb::Tcb;
use crate::{CallError, State};

/// Queues data. Returns how many octets there was room for.
pub(crate) fn send(tcb: &mut Tcb, data: &[u8], urgent: bool) -> Result<usize, CallError> {
    match tcb.state {
        // RFC 9293 §3.10.2:
        //   Queue the data for transmission after entering ESTABLISHED state.
        State::SynSent | State::SynReceived if !tcb.snd.closing => {}
        // RFC 9293 §3.10.2:
        //   Segmentize the buffer and send it with a piggybacked
        //   acknowledgment (acknowledgment value = RCV.NXT).
        State::Established | State::CloseWait => {}
        State::Closed | State::Listen => return Err(tcb.error()),
        // RFC 9293 §3.10.2:
        //   Return "error: connection closing" and do not service request.
        _ => return Err(CallError::Closing),
    }
    let room = (tcb.settings.sndbuf as usize).saturating_sub(tcb.snd.queue.len());
    let taken = room.min(data.len());
    tcb.told.wants_room = taken < data.len();
    if taken == 0 && !data.is_empty() {
        return Err(CallError::WouldBlock);
    }
    tcb.snd.queue.push(&data[..taken]);
    if urgent && taken > 0 {
        // RFC 9293 §3.8.5 (MUST-62):
        //   The urgent pointer MUST point to the sequence number of the octet
        //   following the urgent data (MUST-62).
        tcb.snd.up = Some(tcb.snd.queue.end());
    }
    Ok(taken)
}
