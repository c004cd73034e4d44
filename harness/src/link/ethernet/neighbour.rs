//! Who has which address: ARP (RFC 826, RFC 5227) and the two messages of neighbour discovery
//! that do the same for IPv6 (RFC 4861 §4.3, §4.4).
//!
//! Pure functions between octets and [`Message`]. Router discovery, redirects and unreachability
//! detection are left out: the one neighbour is the device, or the router before it.

use super::frame::Frame;
use pnet::packet::arp::{
    ArpHardwareTypes, ArpOperation, ArpOperations, ArpPacket, MutableArpPacket,
};
use pnet::packet::ethernet::EtherTypes;
use pnet::packet::icmpv6::{self, Icmpv6Packet};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet::util::MacAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of an ARP message for Ethernet and IPv4.
const ARP: usize = 28;
/// Octets of an IPv6 header.
const IPV6: usize = 40;
/// Octets of a solicitation or advertisement before its options.
const DISCOVERY: usize = 24;
/// Octets of the option with a link-layer address.
const LINK_LAYER_OPTION: usize = 8;
/// ICMPv6 types (RFC 4861 §4.3, §4.4).
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Options (RFC 4861 §4.6.1).
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
/// Flags of an advertisement (RFC 4861 §4.4).
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
/// Discovery messages with another hop limit came from beyond the link (RFC 4861 §7.1).
const HOP_LIMIT: u8 = 255;

/// What is asked or said about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// "Who has `target`? Tell `from`, who is at `mac`." Unspecified `from`: only to see whether
    /// somebody has it (RFC 5227 §2.1.1, RFC 4862 §5.4.2).
    Who {
        /// The address that is asked for.
        target: IpAddr,
        /// Who asks.
        from: IpAddr,
        /// Where whoever asks is.
        mac: MacAddr,
    },
    /// "`owner` is at `mac`."
    Here {
        /// The address.
        owner: IpAddr,
        /// Where it is.
        mac: MacAddr,
    },
}

/// What a frame says about addresses, if it does.
pub(super) fn read(frame: &Frame<'_>) -> Option<Message> {
    if frame.ethertype == EtherTypes::Arp {
        read_arp(frame.payload)
    } else if frame.ethertype == EtherTypes::Ipv6 {
        read_discovery(frame)
    } else {
        None
    }
}

fn read_arp(octets: &[u8]) -> Option<Message> {
    let arp = ArpPacket::new(octets)?;
    let is_ours = arp.get_hardware_type() == ArpHardwareTypes::Ethernet
        && arp.get_protocol_type() == EtherTypes::Ipv4
        && (arp.get_hw_addr_len(), arp.get_proto_addr_len()) == (6, 4);
    let (from, mac) = (arp.get_sender_proto_addr().into(), arp.get_sender_hw_addr());
    match arp.get_operation() {
        ArpOperations::Request if is_ours => Some(Message::Who {
            target: arp.get_target_proto_addr().into(),
            from,
            mac,
        }),
        ArpOperations::Reply if is_ours => Some(Message::Here { owner: from, mac }),
        _ => None,
    }
}

fn read_discovery(frame: &Frame<'_>) -> Option<Message> {
    let ip = Ipv6Packet::new(frame.payload)?;
    let body = frame.payload.get(IPV6..)?;
    let body = body.get(..usize::from(ip.get_payload_length()))?;
    let icmp = Icmpv6Packet::new(body)?;
    let valid = ip.get_next_header() == IpNextHeaderProtocols::Icmpv6
        && ip.get_hop_limit() == HOP_LIMIT
        && icmpv6::checksum(&icmp, &ip.get_source(), &ip.get_destination()) == icmp.get_checksum();
    let target: [u8; 16] = body.get(8..DISCOVERY)?.try_into().ok()?;
    let target = Ipv6Addr::from(target).into();
    let option = |kind| link_layer_option(body.get(DISCOVERY..)?, kind);
    match icmp.get_icmpv6_type().0 {
        SOLICITATION if valid => Some(Message::Who {
            target,
            from: ip.get_source().into(),
            mac: option(SOURCE_LINK_LAYER).unwrap_or(frame.from),
        }),
        ADVERTISEMENT if valid => Some(Message::Here {
            owner: target,
            mac: option(TARGET_LINK_LAYER).unwrap_or(frame.from),
        }),
        _ => None,
    }
}

/// The link-layer address in the option of that kind.
fn link_layer_option(mut options: &[u8], wanted: u8) -> Option<MacAddr> {
    loop {
        let (kind, length) = (*options.first()?, usize::from(*options.get(1)?) * 8);
        // A length of zero would never end (RFC 4861 §4.6).
        let option = options.get(..length).filter(|option| !option.is_empty())?;
        if kind == wanted {
            let mac: [u8; 6] = option.get(2..8)?.try_into().ok()?;
            return Some(mac.into());
        }
        options = options.get(length..)?;
    }
}

/// The frame that asks for `target` on behalf of `from` at `mac`; an unspecified `from` only
/// asks whether somebody has it.
pub(super) fn who(target: IpAddr, from: IpAddr, mac: MacAddr, vlan: Option<u16>) -> Vec<u8> {
    match (target, from) {
        (IpAddr::V4(target), from) => {
            let from = match from {
                IpAddr::V4(from) => from,
                IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
            };
            let ends = [(mac, from), (MacAddr::zero(), target)];
            arp(ArpOperations::Request, ends, MacAddr::broadcast(), vlan)
        }
        (IpAddr::V6(target), from) => {
            let from = match from {
                IpAddr::V6(from) => from,
                IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
            };
            let group = solicited_node(target);
            // RFC 4861 §4.3: no source link-layer option from the unspecified address.
            let option = (!from.is_unspecified()).then_some(SOURCE_LINK_LAYER);
            let body = discovery(SOLICITATION, 0, target, option.map(|kind| (kind, mac)));
            in_frame(body, [from, group], [mac, group_mac(group)], vlan)
        }
    }
}

/// The frame that tells `asker` that `owner` is at `mac`.
pub(super) fn here(
    owner: IpAddr,
    mac: MacAddr,
    asker: (IpAddr, MacAddr),
    vlan: Option<u16>,
) -> Vec<u8> {
    match (owner, asker) {
        (IpAddr::V4(owner), (IpAddr::V4(from), to)) => {
            arp(ArpOperations::Reply, [(mac, owner), (to, from)], to, vlan)
        }
        (IpAddr::V6(owner), (IpAddr::V6(from), to)) => {
            let option = Some((TARGET_LINK_LAYER, mac));
            // RFC 4861 §7.2.4: whoever asks without an address is answered by way of all nodes,
            // and nobody is told that it was solicited.
            let (flags, to_ip, to) = if from.is_unspecified() {
                let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
                (OVERRIDE, all, group_mac(all))
            } else {
                (SOLICITED | OVERRIDE, from, to)
            };
            let body = discovery(ADVERTISEMENT, flags, owner, option);
            in_frame(body, [owner, to_ip], [mac, to], vlan)
        }
        // Nobody asks for an address of one family from an address of the other.
        _ => Vec::new(),
    }
}

/// The frame that tells everybody, without having been asked, that `owner` is at `mac` from now on
/// (RFC 5227 §2.3, RFC 4861 §7.2.6): some may know an earlier tester by that address.
pub(super) fn announcement(owner: IpAddr, mac: MacAddr, vlan: Option<u16>) -> Vec<u8> {
    match owner {
        IpAddr::V4(_) => who(owner, owner, mac, vlan),
        IpAddr::V6(_) => here(owner, mac, (Ipv6Addr::UNSPECIFIED.into(), mac), vlan),
    }
}

fn arp(
    operation: ArpOperation,
    [sender, target]: [(MacAddr, Ipv4Addr); 2],
    to: MacAddr,
    vlan: Option<u16>,
) -> Vec<u8> {
    let mut octets = [0; ARP];
    if let Some(mut arp) = MutableArpPacket::new(&mut octets) {
        arp.set_hardware_type(ArpHardwareTypes::Ethernet);
        arp.set_protocol_type(EtherTypes::Ipv4);
        arp.set_hw_addr_len(6);
        arp.set_proto_addr_len(4);
        arp.set_operation(operation);
        arp.set_sender_hw_addr(sender.0);
        arp.set_sender_proto_addr(sender.1);
        arp.set_target_hw_addr(target.0);
        arp.set_target_proto_addr(target.1);
    }
    let frame = Frame {
        from: sender.0,
        to,
        vlan,
        ethertype: EtherTypes::Arp,
        payload: &octets,
    };
    frame.write()
}

/// A solicitation or advertisement, its checksum still zero.
fn discovery(kind: u8, flags: u8, target: Ipv6Addr, option: Option<(u8, MacAddr)>) -> Vec<u8> {
    let mut body = vec![kind, 0, 0, 0, flags, 0, 0, 0];
    body.extend(target.octets());
    if let Some((kind, mac)) = option {
        body.extend([kind, (LINK_LAYER_OPTION / 8) as u8]);
        body.extend(mac.octets());
    }
    body
}

fn in_frame(
    mut body: Vec<u8>,
    [source, destination]: [Ipv6Addr; 2],
    [from, to]: [MacAddr; 2],
    vlan: Option<u16>,
) -> Vec<u8> {
    if let Some(icmp) = Icmpv6Packet::new(&body) {
        let sum = icmpv6::checksum(&icmp, &source, &destination);
        body[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let mut packet = vec![0; IPV6];
    if let Some(mut ip) = MutableIpv6Packet::new(&mut packet) {
        ip.set_version(6);
        ip.set_payload_length(body.len() as u16);
        ip.set_next_header(IpNextHeaderProtocols::Icmpv6);
        ip.set_hop_limit(HOP_LIMIT);
        ip.set_source(source);
        ip.set_destination(destination);
    }
    packet.extend(body);
    let frame = Frame {
        from,
        to,
        vlan,
        ethertype: EtherTypes::Ipv6,
        payload: &packet,
    };
    frame.write()
}

/// RFC 4291 §2.7.1.
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let (high, low) = (0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, high, low)
}

/// RFC 2464 §7.
fn group_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr::new(0x33, 0x33, a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const US: MacAddr = MacAddr(2, 0, 0, 0, 0, 7);
    const THEM: MacAddr = MacAddr(2, 0, 0, 0, 0, 8);

    fn message(octets: &[u8]) -> Option<Message> {
        read(&Frame::read(octets)?)
    }

    #[rstest]
    #[case("192.0.2.7", "192.0.2.9", None)]
    #[case("192.0.2.7", "0.0.0.0", Some(12))]
    #[case("2001:db8::12:3456", "2001:db8::9", Some(12))]
    #[case("2001:db8::12:3456", "::", None)]
    fn a_question_and_its_answer(
        #[case] target: IpAddr,
        #[case] from: IpAddr,
        #[case] vlan: Option<u16>,
    ) {
        let question = who(target, from, US, vlan);
        let asked = Message::Who {
            target,
            from,
            mac: US,
        };
        assert_eq!(message(&question), Some(asked));
        let answer = here(target, THEM, (from, US), vlan);
        let owner = target;
        assert_eq!(message(&answer), Some(Message::Here { owner, mac: THEM }));
        for short in 0..question.len() {
            assert_eq!(message(&question[..short]), None, "{short} octets");
        }
    }

    #[test]
    fn an_announcement_is_for_everybody_and_was_not_asked_for() {
        let v4: IpAddr = "192.0.2.7".parse().unwrap();
        let told = announcement(v4, US, None);
        let frame = Frame::read(&told).unwrap();
        assert!(frame.to.is_broadcast());
        // RFC 5227 §2.3: a request for the sender's own address.
        let (target, from, mac) = (v4, v4, US);
        assert_eq!(read(&frame), Some(Message::Who { target, from, mac }));
        let v6: IpAddr = "2001:db8::7".parse().unwrap();
        let told = announcement(v6, US, None);
        let frame = Frame::read(&told).unwrap();
        assert_eq!(frame.to, MacAddr::new(0x33, 0x33, 0, 0, 0, 1));
        let here = Message::Here { owner: v6, mac: US };
        assert_eq!(read(&frame), Some(here));
        assert_eq!(frame.payload[IPV6 + 4], OVERRIDE, "and not solicited");
    }

    #[test]
    fn a_solicitation_goes_to_the_group_of_its_target() {
        let question = who(
            "2001:db8::1:0203".parse().unwrap(),
            "2001:db8::9".parse().unwrap(),
            US,
            None,
        );
        let frame = Frame::read(&question).unwrap();
        assert_eq!(frame.to, MacAddr::new(0x33, 0x33, 0xff, 1, 2, 3));
    }

    #[test]
    fn what_came_over_a_router_or_is_damaged_is_not_believed() {
        let target = "2001:db8::7".parse().unwrap();
        let mut question = who(target, "2001:db8::9".parse().unwrap(), US, None);
        question[14 + 7] = 254;
        assert_eq!(message(&question), None);
        question[14 + 7] = 255;
        assert!(message(&question).is_some());
        question[14 + 50] ^= 1;
        assert_eq!(message(&question), None);
    }

    proptest! {
        #[test]
        fn nothing_from_the_wire_panics(octets in prop::collection::vec(any::<u8>(), 0..120)) {
            for ethertype in [EtherTypes::Arp, EtherTypes::Ipv6] {
                let _ = read(&Frame {
                    from: THEM,
                    to: US,
                    vlan: None,
                    ethertype,
                    payload: &octets,
                });
            }
        }

        /// What is nearly right is the hardest: one octet is another, and the end is missing.
        #[test]
        fn nearly_right_messages_do_no_harm(
            v6 in any::<bool>(),
            at in 0_usize..90,
            octet in any::<u8>(),
            length in 0_usize..90,
        ) {
            let (target, from) = if v6 {
                ("2001:db8::7", "2001:db8::9")
            } else {
                ("192.0.2.7", "192.0.2.9")
            };
            let (target, from) = (target.parse().unwrap(), from.parse().unwrap());
            for mut octets in [
                who(target, from, US, None),
                here(target, THEM, (from, US), None),
            ] {
                if let Some(place) = octets.get_mut(at) {
                    *place = octet;
                }
                octets.truncate(length.max(1));
                let _ = message(&octets);
            }
        }
    }
}
