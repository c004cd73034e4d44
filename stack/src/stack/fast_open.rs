//! Fast Open (RFC 7413) as far as it concerns the host: opening with text, cookies for clients,
//! and what is learnt of servers.

use super::Stack;
use crate::demux::Sockets;
use crate::fast_open::{FastOpen, FastOpenOption, key_number};
use crate::segment::SynOptions;
use crate::{
    CallError, CloseReason, ConnectionId, Event, Instant, ListenerId, SocketOptions, State, calls,
};
use std::net::SocketAddr;

impl Stack {
    /// Active OPEN with a first SEND, of which the SYN carries what it can if the server is known
    /// to take it (RFC 7413 §4.2.2). Returns how many octets were taken, too.
    pub fn connect_with(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        options: SocketOptions,
        data: &[u8],
    ) -> Result<(ConnectionId, usize), CallError> {
        let mut tcb = self.opener(now, local, remote, options)?;
        if self.config.fast_open.is_client() {
            let fast_open = self.servers.open(tcb.local.ip(), remote, now);
            tcb.fast_open = fast_open.map(Box::new);
        }
        let id = tcb.id;
        let taken = data.len().min(tcb.settings.sndbuf as usize);
        tcb.snd.queue.push(&data[..taken]);
        self.connections.insert(tcb);
        self.act(id.slot, now, calls::open_active);
        Ok((id, taken))
    }

    /// What a listener makes of the Fast Open option of a SYN (RFC 7413 §4.2.2); it is counted.
    pub(super) fn fast_open_answer(
        &mut self,
        now: Instant,
        listener: ListenerId,
        (_, remote): Sockets,
        options: SynOptions,
    ) -> Option<FastOpen> {
        let is_server = self.config.fast_open.is_server();
        let option = options.fast_open.filter(|_| is_server)?;
        let queues = self.listeners.get_mut(listener)?;
        let most = queues.options.fast_open.filter(|most| *most > 0)?;
        self.counters.fast_open_requests += u64::from(option == FastOpenOption::Request);
        // RFC 7413 §4.2:
        //   If this variable goes over a preset system limit, the
        //   server MUST disable TFO for all new connection requests until
        //   PendingFastOpenRequests drops below the system limit.
        if queues.pending_fast_opens(now) >= most {
            self.counters.fast_open_overflows += 1;
            return None;
        }
        let key = key_number(now, self.config.fast_open_key_life);
        let fresh = self.secret.fast_open_cookie(remote.ip(), key);
        let is = |cookie| option == FastOpenOption::Cookie(cookie);
        let former = || {
            let key = key.wrapping_sub(1);
            self.secret.fast_open_cookie(remote.ip(), key)
        };
        let current = is(fresh);
        let opened = current || is(former());
        let failed = !opened && option != FastOpenOption::Request;
        self.counters.fast_open_cookies_failed += u64::from(failed);
        self.counters.fast_opens_passive += u64::from(opened);
        Some(FastOpen {
            option: (!current).then_some(FastOpenOption::Cookie(fresh)),
            opened,
            ..FastOpen::default()
        })
    }

    /// The application may have a connection whose SYN brought text.
    pub(super) fn fast_opened(&mut self, listener: ListenerId, id: ConnectionId) {
        if let Some(queues) = self.listeners.get_mut(listener) {
            queues.fast_open_begins();
            queues.ready.push_back(id);
            self.events.push_back(Event::Acceptable { listener });
        }
    }

    /// A connection has left SYN-SENT: what that says about the server.
    pub(super) fn learn(&mut self, slot: u32, now: Instant) {
        let Some(tcb) = self.connections.at(slot) else {
            return;
        };
        let Some(own) = tcb.fast_open.as_ref() else {
            return;
        };
        let Some(option) = own.option else {
            return;
        };
        let (local, remote) = (tcb.local.ip(), tcb.remote);
        let first = tcb.snd.iss + 1;
        if tcb.state != State::Closed && tcb.snd.nxt.after(first) {
            let whole = tcb.snd.una == tcb.snd.nxt;
            self.counters.fast_opens_active += u64::from(whole);
            self.counters.fast_opens_active_failed += u64::from(!whole);
        }
        // RFC 7413 §4.1.3.1:
        //   Negative responses include the
        //   server not acknowledging the data in the SYN, ICMP error messages,
        //   and (most importantly) no response (SYN-ACK) from the server at all,
        //   i.e., connection timeout.
        let failed = match (tcb.state, own.granted) {
            (State::Closed, _) => match tcb.reason {
                // A RST is an answer.
                Some(CloseReason::Refused) => false,
                Some(CloseReason::TimedOut | CloseReason::Unreachable) => true,
                // This side has ended it, which says something only if an answer was overdue.
                _ => tcb.retransmits > 0,
            },
            (_, Some(cookie)) => {
                self.servers.granted(local, remote, cookie, tcb.snd.mss);
                false
            }
            (_, None) => {
                let text_refused = tcb.snd.nxt.after(first) && tcb.snd.una == first;
                option == FastOpenOption::Request || text_refused
            }
        };
        if failed {
            let until = now + self.config.fast_open_pause;
            self.servers.refused(local, remote, until);
        }
    }
}
