//! Ethernet frames (IEEE 802.3, with or without an 802.1Q tag): what goes around an IP packet.

use pnet::packet::ethernet::{EtherType, EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::packet::vlan::{MutableVlanPacket, VlanPacket};
use pnet::util::MacAddr;

/// Octets of an Ethernet header.
const HEADER: usize = 14;
/// Octets of an 802.1Q tag.
const TAG: usize = 4;

/// A frame that was taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Who sent it.
    pub(super) from: MacAddr,
    /// For whom it is.
    pub(super) to: MacAddr,
    /// Its VLAN, if it has a tag.
    pub(super) vlan: Option<u16>,
    /// What it carries.
    pub(super) ethertype: EtherType,
    /// What it carries, with the padding of a short frame.
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes a frame apart; `None` if it is too short to be one.
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        let outer = EthernetPacket::new(octets)?;
        let mut frame = Self {
            from: outer.get_source(),
            to: outer.get_destination(),
            vlan: None,
            ethertype: outer.get_ethertype(),
            payload: octets.get(HEADER..)?,
        };
        if frame.ethertype == EtherTypes::Vlan {
            let tag = VlanPacket::new(frame.payload)?;
            frame.vlan = Some(tag.get_vlan_identifier());
            frame.ethertype = tag.get_ethertype();
            frame.payload = frame.payload.get(TAG..)?;
        }
        Some(frame)
    }

    /// The frame's octets. Short ones are padded by whoever puts them on the wire.
    pub(super) fn write(&self) -> Vec<u8> {
        let header = HEADER + self.vlan.map_or(0, |_| TAG);
        let mut octets = vec![0; header + self.payload.len()];
        octets[header..].copy_from_slice(self.payload);
        if let Some(mut outer) = MutableEthernetPacket::new(&mut octets) {
            outer.set_destination(self.to);
            outer.set_source(self.from);
            outer.set_ethertype(self.vlan.map_or(self.ethertype, |_| EtherTypes::Vlan));
        }
        if let Some(vlan) = self.vlan
            && let Some(mut tag) = MutableVlanPacket::new(&mut octets[HEADER..])
        {
            tag.set_vlan_identifier(vlan);
            tag.set_ethertype(self.ethertype);
        }
        octets
    }
}

/// The ethertype of an IP packet, by its version.
pub(super) fn ethertype_of(packet: &[u8]) -> EtherType {
    match packet.first().map(|first| first >> 4) {
        Some(6) => EtherTypes::Ipv6,
        _ => EtherTypes::Ipv4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(None, 14)]
    #[case(Some(4094), 18)]
    fn what_is_written_is_read(#[case] vlan: Option<u16>, #[case] header: usize) {
        let frame = Frame {
            from: MacAddr::new(2, 0, 0, 0, 0, 1),
            to: MacAddr::broadcast(),
            vlan,
            ethertype: EtherTypes::Arp,
            payload: &[1, 2, 3],
        };
        let octets = frame.write();
        assert_eq!(octets.len(), header + 3);
        assert_eq!(Frame::read(&octets), Some(frame));
        for short in 0..header {
            assert_eq!(Frame::read(&octets[..short]), None, "{short} octets");
        }
    }

    proptest! {
        #[test]
        fn nothing_from_the_wire_panics(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(frame) = Frame::read(&octets) {
                prop_assert!(octets.ends_with(frame.payload));
            }
        }

        #[test]
        fn a_tag_hides_nothing(
            tag in 0_u16..4096,
            rest in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut octets = vec![2; 12];
            octets.extend([0x81, 0x00]);
            octets.extend(tag.to_be_bytes());
            octets.extend(&rest);
            let read = Frame::read(&octets);
            prop_assert_eq!(read.is_some(), rest.len() >= 2);
            prop_assert!(read.is_none_or(|frame| frame.vlan == Some(tag)));
        }
    }
}
