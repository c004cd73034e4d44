//! The medium between smoltcp and the tester: IP packets in two queues.

use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use std::collections::VecDeque;

/// Packets on their way.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// To the stack.
    pub(super) inward: VecDeque<Vec<u8>>,
    /// From the stack.
    pub(super) outward: VecDeque<Vec<u8>>,
}

/// A packet for the stack.
pub(super) struct Arriving(Vec<u8>);

/// Room for a packet of the stack.
pub(super) struct Room<'w>(&'w mut VecDeque<Vec<u8>>);

impl phy::Device for Wire {
    type RxToken<'w> = Arriving;
    type TxToken<'w> = Room<'w>;

    fn receive(&mut self, _: Instant) -> Option<(Arriving, Room<'_>)> {
        let packet = self.inward.pop_front()?;
        Some((Arriving(packet), Room(&mut self.outward)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        Some(Room(&mut self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = usize::from(super::MTU);
        capabilities
    }
}

impl phy::RxToken for Arriving {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = vec![0; length];
        let result = fill(&mut packet);
        self.0.push_back(packet);
        result
    }
}
