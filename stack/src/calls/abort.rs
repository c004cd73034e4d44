//! ABORT (RFC 9293 §3.10.5).

use super::Aftermath;
use crate::State;
use crate::tcb::Tcb;

/// What an ABORT does to the connection.
pub(crate) fn abort(tcb: &Tcb) -> Aftermath {
    match tcb.state {
        // RFC 9293 §3.10.5:
        //   Send a reset segment:
        //   <SEQ=SND.NXT><CTL=RST>
        State::SynReceived
        | State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait => Aftermath::GoneWithReset,
        // RFC 9293 §3.10.5:
        //   Delete the TCB, enter CLOSED state, and
        //   return.
        State::Closed
        | State::Listen
        | State::SynSent
        | State::Closing
        | State::LastAck
        | State::TimeWait => Aftermath::Gone,
    }
}
