//! The eleven states (RFC 9293 §3.3.2).
//!
//! What each event does in each state is not here but in [`crate::calls`], [`crate::arrives`] and
//! [`crate::timeouts`], in the order of RFC 9293 §3.10.

use std::fmt;

/// The state of a connection, in the words of the RFC.
///
/// ```text
///                             +---------+ ---------\      active OPEN
///                             |  CLOSED |            \    -----------
///                             +---------+<---------\   \   create TCB
///                               |     ^              \   \  snd SYN
///                  passive OPEN |     |   CLOSE        \   \
///                  ------------ |     | ----------       \   \
///                   create TCB  |     | delete TCB         \   \
///                               V     |                      \   \
///           rcv RST (note 1)  +---------+            CLOSE    |    \
///        -------------------->|  LISTEN |          ---------- |     |
///       /                     +---------+          delete TCB |     |
///      /           rcv SYN      |     |     SEND              |     |
///     /           -----------   |     |    -------            |     V
/// +--------+      snd SYN,ACK  /       \   snd SYN          +--------+
/// |        |<-----------------           ------------------>|        |
/// |  SYN   |                    rcv SYN                     |  SYN   |
/// |  RCVD  |<-----------------------------------------------|  SENT  |
/// |        |                  snd SYN,ACK                   |        |
/// |        |------------------           -------------------|        |
/// +--------+   rcv ACK of SYN  \       /  rcv SYN,ACK       +--------+
///    |         --------------   |     |   -----------
///    |                x         |     |     snd ACK
///    |                          V     V
///    |  CLOSE                 +---------+
///    | -------                |  ESTAB  |
///    | snd FIN                +---------+
///    |                 CLOSE    |     |    rcv FIN
///    V                -------   |     |    -------
/// +---------+         snd FIN  /       \   snd ACK         +---------+
/// |  FIN    |<----------------          ------------------>|  CLOSE  |
/// | WAIT-1  |------------------                            |   WAIT  |
/// +---------+          rcv FIN  \                          +---------+
///   | rcv ACK of FIN   -------   |                          CLOSE  |
///   | --------------   snd ACK   |                         ------- |
///   V        x                   V                         snd FIN V
/// +---------+               +---------+                    +---------+
/// |FINWAIT-2|               | CLOSING |                    | LAST-ACK|
/// +---------+               +---------+                    +---------+
///   |              rcv ACK of FIN |                 rcv ACK of FIN |
///   |  rcv FIN     -------------- |    Timeout=2MSL -------------- |
///   |  -------            x       V    ------------        x       V
///    \ snd ACK              +---------+delete TCB          +---------+
///      -------------------->|TIME-WAIT|------------------->| CLOSED  |
///                           +---------+                    +---------+
/// ```
///
/// Beyond the figure: a RST in SYN-RECEIVED leads to LISTEN only after a passive OPEN (note 1),
/// and FIN-WAIT-1 leads straight to TIME-WAIT if the FIN that arrives also acknowledges ours
/// (note 2). A listener here never becomes a connection: it makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nothing is there.
    Closed,
    /// Waits for a connection request.
    Listen,
    /// Has sent a connection request and waits for the matching one.
    SynSent,
    /// Has sent and received a request and waits for the acknowledgment of its own.
    SynReceived,
    /// Data flows both ways.
    Established,
    /// Has sent a FIN; waits for its acknowledgment or for the peer's FIN.
    FinWait1,
    /// The FIN is acknowledged; waits for the peer's.
    FinWait2,
    /// The peer has sent a FIN; waits for the local user to close.
    CloseWait,
    /// Both FINs crossed; waits for the acknowledgment of the own one.
    Closing,
    /// Has answered the peer's FIN with its own; waits for the acknowledgment.
    LastAck,
    /// Waits until nothing of the connection can be in the network any more.
    TimeWait,
}

impl State {
    /// The peer's FIN has not come yet, so that text and URG mean something.
    pub(crate) fn receives_text(self) -> bool {
        matches!(self, Self::Established | Self::FinWait1 | Self::FinWait2)
    }

    /// Both SYNs are acknowledged.
    pub(crate) fn is_synchronized(self) -> bool {
        self >= Self::Established
    }

    /// The states that count as established in the counters of a host.
    pub(crate) fn is_current(self) -> bool {
        matches!(self, Self::Established | Self::CloseWait)
    }
}

impl fmt::Display for State {
    /// As the RFC spells it: `FIN-WAIT-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        })
    }
}
