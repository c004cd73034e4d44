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

    /// How many have this buffer.
    #[cfg(test)]
    pub(super) fn owners(&self) -> usize {
        Arc::strong_count(&self.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn free(buffer: &impl Buffer) -> usize {
        let limits = buffer.limits();
        limits.capacity - limits.len
    }

    #[test]
    fn text_comes_out_in_order_and_no_more_goes_in_than_there_is_room() {
        let sizes = BufferSizes {
            send: 4,
            receive: 8,
        };
        let (mut receive, mut send, inbox) = passive(sizes);
        assert_eq!(receive.write_at(4, &&b"efghij"[..]), 4);
        assert_eq!(receive.write_at(0, &&b"abcd"[..]), 4);
        assert_eq!(free(&receive), 8, "nothing can be read yet");
        receive.make_readable(8, false);
        let mut room = [0; 16];
        assert_eq!(inbox.take(&mut room[..3]), 3);
        assert_eq!(inbox.take(&mut room[3..]), 5);
        assert_eq!(&room[..8], b"abcdefgh");
        assert_eq!((send.put(b"vwxyz"), free(&send)), (4, 0));
    }

    #[test]
    fn what_is_sent_is_seen_from_any_octet_on() {
        let mut outbox = Outbox {
            capacity: 8,
            octets: VecDeque::with_capacity(8),
        };
        outbox.put(b"xxxxab");
        outbox.mark_read(4);
        outbox.put(b"cdefgh");
        for offset in 0..=8 {
            let mut seen = vec![0; 8 - offset];
            outbox.peek_with(offset, |text| text.partial_copy(0, &mut seen));
            assert_eq!(seen, &b"abcdefgh"[offset..]);
        }
    }

    #[test]
    fn a_buffer_that_shrinks_takes_nothing_back() {
        let sizes = BufferSizes {
            send: 1,
            receive: 8,
        };
        let (mut receive, _, inbox) = passive(sizes);
        receive.write_at(0, &&b"abcd"[..]);
        receive.make_readable(4, false);
        receive.request_capacity(5);
        assert_eq!(free(&receive), 4);
        inbox.take(&mut [0; 2]);
        assert_eq!(free(&receive), 4, "what is read makes it smaller");
        inbox.take(&mut [0; 2]);
        assert_eq!((free(&receive), receive.target_capacity()), (5, 5));
    }
}
