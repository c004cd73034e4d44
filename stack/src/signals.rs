//! What the stack says to the application: events and refusals.

/// A passive OPEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub(crate) u64);

/// A connection, from `connect` or `accept` until `close` or `abort`; it is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// The RFC's "signal to the user".
///
/// `Readable`, `Writable` and `PeerClosed` say that something changed: they come once, and again
/// only after the application has called `recv` or `send` and left nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A handshake is complete; `accept` has something to return.
    Acceptable {
        /// Whose.
        listener: ListenerId,
    },
    /// An active OPEN succeeded.
    Connected {
        /// Which.
        id: ConnectionId,
    },
    /// Data can be read.
    Readable {
        /// Of which connection.
        id: ConnectionId,
    },
    /// The send buffer has room again after a `send` that did not take everything.
    Writable {
        /// Of which connection.
        id: ConnectionId,
    },
    /// The urgent pointer advanced beyond what has been read (RFC 9293 §3.8.5, MUST-32).
    Urgent {
        /// Of which connection.
        id: ConnectionId,
    },
    /// R1: one segment has stayed unacknowledged over so many retransmissions. The connection
    /// goes on, until R2 or the user timeout ends it (RFC 9293 §3.8.3, SHLD-9).
    Trouble {
        /// Of which connection.
        id: ConnectionId,
        /// Retransmissions of the segment.
        retransmits: u32,
    },
    /// The peer's FIN has its place in the stream: nothing follows what is queued.
    PeerClosed {
        /// Of which connection.
        id: ConnectionId,
    },
    /// The connection is in state CLOSED.
    Closed {
        /// Which.
        id: ConnectionId,
        /// Why (MUST-12).
        reason: CloseReason,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Both sides sent FIN.
    Normal,
    /// The peer sent a RST.
    Reset,
    /// The peer answered an active OPEN with a RST.
    Refused,
    /// The user timeout, R2 or the keep-alive ran out.
    TimedOut,
    /// This side gave it up.
    Aborted,
    /// IP says that the peer cannot be reached (RFC 9293 §3.9.2.2).
    Unreachable,
}

/// A call that was not carried out. The texts are the RFC's (§3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing to do now; an event will say when.
    #[error("the call would have to wait")]
    WouldBlock,
    /// There is no such connection or listener.
    #[error("connection does not exist")]
    NotConnected,
    /// OPEN for sockets that are in use.
    #[error("connection already exists")]
    Exists,
    /// OPEN without a usable remote socket: address or port zero, broadcast, multicast, or of
    /// another IP version than the local one.
    #[error("remote socket unspecified")]
    RemoteUnspecified,
    /// The local address is not of this host.
    #[error("connection illegal for this process")]
    Illegal,
    /// No port, or no room.
    #[error("insufficient resources")]
    Resources,
    /// The sending side is closed already.
    #[error("connection closing")]
    Closing,
    /// The peer reset the connection.
    #[error("connection reset")]
    Reset,
    /// The peer refused the connection.
    #[error("connection refused")]
    Refused,
    /// The connection was given up for lack of answers.
    #[error("connection aborted due to user timeout")]
    TimedOut,
    /// This side gave the connection up.
    #[error("connection aborted")]
    Aborted,
    /// IP says that the peer cannot be reached.
    #[error("destination unreachable")]
    Unreachable,
}

impl From<CloseReason> for CallError {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Normal => Self::Closing,
            CloseReason::Reset => Self::Reset,
            CloseReason::Refused => Self::Refused,
            CloseReason::TimedOut => Self::TimedOut,
            CloseReason::Aborted => Self::Aborted,
            CloseReason::Unreachable => Self::Unreachable,
        }
    }
}
