//! The bundled TCP of tcpspec: a host's TCP that is meant to be read beside RFC 9293.
//!
//! It is sans-IO: packets, calls and the time go in, packets, events and the next deadline come
//! out ([`Stack`]). The same inputs and the same secret give the same outputs, bit for bit.
//!
//! Where to look: [`Stack`] finds the connection; `calls` are the user's (RFC 9293 §3.10.1 to
//! §3.10.6), `arrives` is SEGMENT ARRIVES (§3.10.7) with the eight checks as eight functions,
//! `timeouts` is §3.10.8, `transmit` decides what to send and when (§3.8). RFC 2018, 2883, 3168,
//! 5682, 5961, 6191, 6298, 6528, 6675, 7323, 7413 and 8985 stand where they act; every policy is
//! a value of [`Config`].
//!
//! Not here on purpose: clocks, sockets, threads, forwarding, security compartments.
#![forbid(unsafe_code)]

mod arrives;
mod buffers;
mod calls;
pub mod codec;
mod config;
mod congestion;
mod cookies;
mod counters;
mod demux;
mod dsack;
mod ecn;
mod fast_open;
mod half_open;
mod icmp;
mod index;
mod listeners;
mod path_mtu;
mod rack;
mod ranges;
mod reassembly;
mod recovery;
mod rtt;
mod sack;
pub mod schedule;
mod scoreboard;
mod segment;
mod seq;
mod signals;
mod source_route;
mod stack;
mod state;
mod status;
mod tail_loss;
mod tcb;
mod time;
mod time_wait;
mod timeouts;
mod timestamps;
mod transmit;
mod user_timeout;
mod wire;
mod work;

pub use config::{
    AcceptOverflow, Algorithm, Config, EcnPolicy, FastOpenPolicy, FastRetransmit, IcmpHard,
    KeepAlive, RstInTimeWait, SocketOptions, SynCookies, SynFin, SynInTimeWait, SynQueueFull,
    UrgentPointer,
};
pub use counters::Counters;
pub use schedule::Schedule;
pub use seq::{SeqNum, Window, WindowScale, WireWindow};
pub use signals::{CallError, CloseReason, ConnectionId, Event, ListenerId};
pub use source_route::SourceRoute;
pub use stack::Stack;
pub use state::State;
pub use status::{ListenerStatus, Status};
pub use time::Instant;
pub use timeouts::Timer;
pub use user_timeout::UserTimeout;
