//! The calls of the user (RFC 9293 §3.10.1 to §3.10.6), one module each.
//!
//! They act on one connection; finding it, and sending what follows, is [`crate::stack`]'s.

mod abort;
mod close;
mod open;
mod receive;
mod send;
mod status;

pub(crate) use abort::abort;
pub(crate) use close::{close, release};
pub(crate) use open::open_active;
pub(crate) use receive::receive;
pub(crate) use send::send;
pub(crate) use status::{status, status_of_record};

use crate::segment::{Control, Segment};
use crate::tcb::Tcb;
use crate::time::Instant;

/// What a call leaves to be done to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// Nothing: it goes on.
    Stays,
    /// It is gone without a word.
    Gone,
    /// It is gone with `<SEQ=SND.NXT><CTL=RST>`.
    GoneWithReset,
}

/// The RST of an ABORT (RFC 9293 §3.10.5).
pub(crate) fn reset_of<'a>(tcb: &Tcb, now: Instant) -> Segment<'a> {
    // RFC 7323 §3.2: a RST of a connection that uses timestamps carries them as well.
    Segment {
        timestamps: tcb.timestamps_now(now, false),
        ..Segment::bare(tcb.empty_seq(), Control::Rst)
    }
}
