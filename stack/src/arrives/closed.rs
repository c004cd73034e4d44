//! SEGMENT ARRIVES in CLOSED (RFC 9293 §3.10.7.1).

use crate::segment::Segment;

/// What is sent back for a segment that belongs to no connection.
pub(crate) fn arrives<'a>(segment: &Segment<'_>) -> Option<Segment<'a>> {
    // RFC 9293 §3.10.7.1:
    //   An incoming segment containing a RST is discarded.  An incoming segment not
    //   containing a RST causes a RST to be sent in response.
    Segment::reset_for(segment)
}
