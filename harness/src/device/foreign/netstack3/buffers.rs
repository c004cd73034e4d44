//! The two buffers of a socket, which netstack3 leaves to its host.

use netstack3_core::tcp::{
    Buffer, BufferLimits, BufferSizes, FragmentedPayload, IntoBuffers, ListenerNotifier, Payload,
    ReceiveBuffer, SendBuffer,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the peer sent. The application keeps it beyond the end of the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    capacity: usize,
    /// The capacity that was asked for. A smaller one is reached by what is read, so that nothing
    /// is taken back of a window that the peer knows.
    target: usize,
    readable: VecDeque<u8>,
    /// What follows, in pieces that netstack3 keeps count of.
    beyond: Vec<u8>,
}

impl Inbox {
    fn received(&self) -> MutexGuard<'_, Received> {
        // Nothing in here is left halfway by a panic of the stack.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves octets to the application; tells how many.
    pub(super) fn take(&self, room: &mut [u8]) -> usize {
        let mut received = self.received();
        let count = received.readable.len().min(room.len());
        for (place, octet) in room.iter_mut().zip(received.readable.drain(..count)) {
            *place = octet;
        }
        let surplus = received.capacity.saturating_sub(received.target);
        received.capacity -= surplus.min(count);
        count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.received().readable.is_empty()
    }
}

impl Buffer for Inbox {
    fn limits(&self) -> BufferLimits {
        let received = self.received();
        BufferLimits {
            capacity: received.capacity,
            len: received.readable.len(),
        }
    }

    fn target_capacity(&self) -> usize {
        self.received().target
    }

    fn request_capacity(&mut self, size: usize) {
        let mut received = self.received();
        received.target = size;
        received.capacity = received.capacity.max(size);
    }
}

impl ReceiveBuffer for Inbox {
    fn write_at<P: Payload>(&mut self, offset: usize, data: &P) -> usize {
        let mut received = self.received();
        let taken = received.readable.len() + offset;
        let count = data.len().min(received.capacity.saturating_sub(taken));
        let end = offset + count;
        if received.beyond.len() < end {
            received.beyond.resize(end, 0);
        }
        data.partial_copy(0, &mut received.beyond[offset..end]);
        count
    }

    fn make_readable(&mut self, count: usize, _has_outstanding: bool) {
        let mut received = self.received();
        let Received {
            readable, beyond, ..
        } = &mut *received;
        readable.extend(beyond.drain(..count));
    }
}

/// What the application sends.
#[derive(Debug)]
pub(super) struct Outbox {
    capacity: usize,
    octets: VecDeque<u8>,
}

impl Outbox {
    /// Takes octets from the application; tells how many.
    pub(super) fn put(&mut self, octets: &[u8]) -> usize {
        let room = self.capacity.saturating_sub(self.octets.len());
        let count = octets.len().min(room);
        self.octets.extend(&octets[..count]);
        count
    }
}

impl Buffer for Outbox {
    fn limits(&self) -> BufferLimits {
        let len = self.octets.len();
        BufferLimits {
            capacity: self.capacity.max(len),
            len,
        }
    }

    fn target_capacity(&self) -> usize {
        self.capacity
    }

    fn request_capacity(&mut self, size: usize) {
        self.capacity = size;
    }
}

impl SendBuffer for Outbox {
    type Payload<'a> = FragmentedPayload<'a, 2>;

    fn mark_read(&mut self, count: usize) {
        self.octets.drain(..count);
    }

    fn peek_with<'a, F, R>(&'a mut self, offset: usize, take: F) -> R
    where
        F: FnOnce(Self::Payload<'a>) -> R,
    {
        let (first, second) = self.octets.as_slices();
        let cut = offset.min(first.len());
        take(FragmentedPayload::new([
            &first[cut..],
            &second[offset - cut..],
        ]))
    }
}

/// The buffers of a connection whose SYN has come.
pub(super) fn passive(sizes: BufferSizes) -> (Inbox, Outbox, Inbox) {
    let inbox = Inbox::default();
    let (receive, send) = inbox.clone().into_buffers(sizes);
    (receive, send, inbox)
}

impl IntoBuffers<Inbox, Outbox> for Inbox {
    fn into_buffers(self, sizes: BufferSizes) -> (Inbox, Outbox) {
        let mut received = self.received();
        (received.capacity, received.target) = (sizes.receive, sizes.receive);
        drop(received);
        let outbox = Outbox {
            capacity: sizes.send,
            octets: VecDeque::new(),
        };
        (self, outbox)
    }
}

impl ListenerNotifier for Inbox {
    /// The application polls.
    fn new_incoming_connections(&mut self, _ready: usize) {}
}
