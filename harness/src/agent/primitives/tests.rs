use super::*;
use crate::agent::message::SERVICE;
use proptest::prelude::*;
use rstest::rstest;

fn tcp(primitive: Primitive) -> Request {
    Request::Socket(Protocol::Tcp, primitive)
}

/// Octets as an independent description of the protocol has them.
#[rstest]
#[case(
    tcp(Primitive::CreateAndBind { bind: true, port: 5000, address: [0, 0, 0, 0].into() }),
    &[0x02, 0x01], &[1, 0x13, 0x88, 0, 4, 0, 0, 0, 0]
)]
#[case(
    tcp(Primitive::ListenAndAccept { socket: SocketId(1), connections: 1 }),
    &[0x02, 0x04], &[0, 1, 0, 1]
)]
#[case(
    tcp(Primitive::CloseSocket { socket: SocketId(2), abort: true }),
    &[0x02, 0x00], &[0, 2, 1]
)]
#[case(
    tcp(Primitive::SendData {
        socket: SocketId(2), total: 600, urgent: true, data: b"ab".to_vec(),
    }),
    &[0x02, 0x02], &[0, 2, 2, 0x58, 0x28, 0, 2, b'a', b'b']
)]
#[case(
    tcp(Primitive::Connect { socket: SocketId(1), to: "10.0.0.1:40000".parse().unwrap() }),
    &[0x02, 0x05], &[0, 1, 0x9c, 0x40, 0, 4, 10, 0, 0, 1]
)]
#[case(
    tcp(Primitive::ConfigureSocket {
        socket: SocketId(1), option: option::MSS, value: vec![0x02, 0x18],
    }),
    &[0x02, 0x06], &[0, 1, 0, 5, 0, 2, 0x02, 0x18]
)]
#[case(
    Request::Socket(Protocol::Udp, Primitive::SendDatagram {
        socket: SocketId(3), total: 0, to: "10.0.0.1:53".parse().unwrap(), data: vec![7],
    }),
    &[0x01, 0x02], &[0, 3, 0, 0, 0, 53, 0, 4, 10, 0, 0, 1, 0, 1, 7]
)]
#[case(Request::EndTest, &[0x00, 0x03], &[0, 0, 0, 0])]
fn requests(#[case] request: Request, #[case] method: &[u8], #[case] parameters: &[u8]) {
    let message = request.write();
    assert_eq!([message.group, message.primitive], method);
    assert_eq!(message.parameters, parameters);
    assert_eq!(Request::read(&message), Ok(request));
}

#[test]
fn an_accepted_connection_as_others_write_it() {
    let octets = [
        0x01, 0x05, 0x82, 0x04, 0, 0, 0, 0x14, 0, 0, 0, 0, 1, 1, 2, 0, 0, 1, 0, 2, 0x9c, 0x40, 0,
        4, 10, 0, 0, 1,
    ];
    let event = Event::Accepted {
        listener: SocketId(1),
        socket: SocketId(2),
        peer: "10.0.0.1:40000".parse().unwrap(),
    };
    assert_eq!(event.write().write(SERVICE), octets);
    let message = Message::read_whole(SERVICE, &octets).unwrap();
    assert_eq!(Event::read(&message), Some(event));
}

#[rstest]
#[case::no_such_group(0x03, 0x00, &[], Outcome::NOT_FOUND)]
#[case::no_such_primitive(0x02, 0x08, &[0, 1], Outcome::NOT_FOUND)]
#[case::nobody_connects_udp(0x01, 0x05, &[0, 1, 0, 1, 0, 4, 1, 1, 1, 1], Outcome::NOT_FOUND)]
#[case::cut_off(0x02, 0x04, &[0, 1, 0], Outcome::INVALID)]
#[case::too_long(0x02, 0x04, &[0, 1, 0, 1, 0], Outcome::INVALID)]
#[case::an_address_of_five_octets(0x02, 0x01, &[1, 0, 1, 0, 5, 1, 1, 1, 1, 1], Outcome::INVALID)]
#[case::a_direction_that_is_none(0x02, 0x07, &[0, 1, 3], Outcome::INVALID)]
#[case::data_longer_than_the_message(
    0x02, 0x02, &[0, 1, 0, 1, 0, 0xff, 0xff, 1], Outcome::INVALID
)]
fn requests_that_are_none(
    #[case] group: u8,
    #[case] primitive: u8,
    #[case] parameters: &[u8],
    #[case] outcome: Outcome,
) {
    let message = Message::request(group, primitive, parameters.to_vec());
    assert_eq!(Request::read(&message), Err(outcome));
}

#[test]
fn a_version_has_three_numbers_or_two() {
    let release = |patch| Release {
        major: 1,
        minor: 1,
        patch,
    };
    assert_eq!(Release::read(&[0, 1, 0, 1, 0, 9]), Some(release(9)));
    assert_eq!(Release::read(&[0, 1, 0, 1]), Some(release(0)));
    assert_eq!(Release::read(&[0, 1, 0]), None);
    assert_eq!(Release::read(&RELEASE.write()), Some(RELEASE));
}

prop_compose! {
    fn data()(octets in prop::collection::vec(any::<u8>(), 0..32)) -> Vec<u8> { octets }
}

fn primitive() -> impl Strategy<Value = Primitive> {
    let socket = || any::<u16>().prop_map(SocketId);
    prop_oneof![
        (any::<bool>(), any::<u16>(), any::<IpAddr>()).prop_map(|(bind, port, address)| {
            Primitive::CreateAndBind {
                bind,
                port,
                address,
            }
        }),
        (socket(), any::<bool>())
            .prop_map(|(socket, abort)| Primitive::CloseSocket { socket, abort }),
        (socket(), any::<u16>(), any::<bool>(), data()).prop_map(
            |(socket, total, urgent, data)| Primitive::SendData {
                socket,
                total,
                urgent,
                data
            }
        ),
        (socket(), any::<u16>(), any::<u16>()).prop_map(|(socket, most_each, most)| {
            Primitive::ReceiveAndForward {
                socket,
                most_each,
                most,
            }
        }),
        (socket(), any::<u16>(), any::<IpAddr>()).prop_map(|(socket, port, address)| {
            Primitive::Connect {
                socket,
                to: SocketAddr::new(address, port),
            }
        }),
        (socket(), any::<u16>(), data()).prop_map(|(socket, option, value)| {
            Primitive::ConfigureSocket {
                socket,
                option,
                value,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(primitive in primitive()) {
        let request = tcp(primitive);
        prop_assert_eq!(Request::read(&request.write()), Ok(request));
    }

    #[test]
    fn a_request_that_is_cut_off_is_invalid(primitive in primitive(), cut: prop::sample::Index) {
        let mut message = tcp(primitive).write();
        message.parameters.truncate(cut.index(message.parameters.len()));
        prop_assert_eq!(Request::read(&message), Err(Outcome::INVALID));
    }

    #[test]
    fn garbage_is_a_request_or_a_result(group: u8, primitive: u8, parameters in data()) {
        let message = Message::request(group, primitive, parameters);
        if let Ok(request) = Request::read(&message) {
            prop_assert_eq!(Request::read(&request.write()), Ok(request));
        }
        let event = Message { kind: Kind::Event(Outcome::OK), ..message };
        if let Some(read) = Event::read(&event) {
            prop_assert_eq!(Event::read(&read.write()), Some(read));
        }
    }
}
