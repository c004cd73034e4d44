//! CLOSE (RFC 9293 §3.10.4), and giving up both directions (§3.6.1, MAY-1).

use super::Aftermath;
use crate::tcb::Tcb;
use crate::{CallError, State};

/// The RFC's CLOSE: a FIN follows everything that was sent.
pub(crate) fn close(tcb: &mut Tcb) -> Result<Aftermath, CallError> {
    match tcb.state {
        State::Closed | State::Listen => return Err(tcb.error()),
        // RFC 9293 §3.10.4:
        //   Delete the TCB and return "error: closing" responses to any queued
        //   SENDs, or RECEIVEs.
        State::SynSent => return Ok(Aftermath::Gone),
        // RFC 9293 §3.10.4:
        //   If no SENDs have been issued and there is no pending data to send,
        //   then form a FIN segment and send it, and enter FIN-WAIT-1 state;
        //   otherwise, queue for processing after entering ESTABLISHED state.
        State::SynReceived if tcb.snd.closing => return Err(CallError::Closing),
        State::SynReceived if tcb.snd.queue.len() > 0 => {}
        // RFC 9293 §3.10.4:
        //   Queue this until all preceding SENDs have been segmentized, then
        //   form a FIN segment and send it.  In any case, enter FIN-WAIT-1
        //   state.
        State::SynReceived | State::Established => tcb.state = State::FinWait1,
        // RFC 9293 §3.10.4:
        //   Queue this request until all preceding SENDs have been
        //   segmentized; then send a FIN segment, enter LAST-ACK state.
        State::CloseWait => tcb.state = State::LastAck,
        State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck | State::TimeWait => {
            return Err(CallError::Closing);
        }
    }
    tcb.snd.closing = true;
    Ok(Aftermath::Stays)
}

/// Gives up both directions.
pub(crate) fn release(tcb: &mut Tcb) -> Aftermath {
    tcb.owned = false;
    tcb.rcv.given_up = true;
    // RFC 9293 §3.6.1 (SHLD-3):
    //   If such a host issues a CLOSE call while
    //   received data is still pending in the TCP connection, or if new data
    //   is received after CLOSE is called, its TCP implementation SHOULD send
    //   a RST to show that data was lost (SHLD-3).
    let unread = tcb.rcv.queue.ready() > 0 || tcb.rcv.queue.has_held();
    let peer_may_care = matches!(
        tcb.state,
        State::Established | State::FinWait1 | State::FinWait2 | State::CloseWait
    );
    if unread && peer_may_care {
        return Aftermath::GoneWithReset;
    }
    // What is closed or closing already stays so.
    close(tcb).unwrap_or(Aftermath::Stays)
}
