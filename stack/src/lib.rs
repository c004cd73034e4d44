//! The bundled TCP of tcpspec: a host's TCP that is meant to be read beside RFC 9293.
//!
//! It is sans-IO: packets, calls and the time go in, packets, events and the next deadline come
//! out ([`Stack`]). The same inputs and the same secret give the same outputs, bit for bit.
#![forbid(unsafe_code)]

mod config;
mod seq;
mod signals;
mod stack;
mod state;
mod time;

pub use config::{
    AcceptOverflow, Config, IcmpHard, KeepAlive, RstInTimeWait, SocketOptions, SynFin,
    SynInTimeWait,
};
pub use seq::{SeqNum, Window, WindowScale, WireWindow};
pub use signals::{
    CallError, CloseReason, ConnectionId, Counters, Event, ListenerId, Status,
};
pub use stack::Stack;
pub use state::State;
pub use time::Instant;
