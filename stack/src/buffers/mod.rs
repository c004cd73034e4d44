//! What waits in a connection: the send queue and the reassembly queue (RFC 9293 §3.8, SHLD-31).

mod receive;
mod send;

pub(crate) use receive::ReceiveQueue;
pub(crate) use send::{Acked, SendQueue, Sent};
