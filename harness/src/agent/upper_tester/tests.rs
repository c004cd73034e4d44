//! The upper tester on this machine's loopback interface, with a peer of the standard library.

use super::*;
use nix::poll::{PollFd, PollFlags, poll};
use rstest::rstest;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};

const TCP: Protocol = Protocol::Tcp;
const UDP: Protocol = Protocol::Udp;

fn tester() -> UpperTester {
    UpperTester::new().unwrap()
}

fn act(tester: &mut UpperTester, protocol: Protocol, primitive: Primitive) -> Done {
    tester.carry_out(Request::Socket(protocol, primitive))
}

fn number(done: Done) -> u16 {
    primitives_number(&done.unwrap())
}

fn primitives_number(parameters: &[u8]) -> u16 {
    super::super::primitives::read_number(parameters).unwrap()
}

fn create(tester: &mut UpperTester, protocol: Protocol, port: u16) -> SocketId {
    SocketId(number(act(
        tester,
        protocol,
        Primitive::CreateAndBind {
            bind: true,
            port,
            address: Ipv4Addr::LOCALHOST.into(),
        },
    )))
}

fn port_of(tester: &UpperTester, socket: SocketId) -> SocketAddr {
    let kind = &tester.sockets[&u32::from(socket.0)].kind;
    kind.socket().local_addr().unwrap().as_socket().unwrap()
}

/// The next event, waited for.
fn event(tester: &mut UpperTester) -> Event {
    for _ in 0..100 {
        if let Some(message) = tester.next_event().unwrap() {
            return Event::read(&message).unwrap();
        }
        let mut waited = [PollFd::new(tester.as_fd(), PollFlags::POLLIN)];
        poll(&mut waited, 5000_u16).unwrap();
    }
    panic!("no event came");
}

/// A listener of the upper tester, a connection to it, and what the tester calls that.
fn accepted(tester: &mut UpperTester) -> (TcpStream, SocketId) {
    let listener = create(tester, TCP, ANY);
    let connections = 1;
    act(
        tester,
        TCP,
        Primitive::ListenAndAccept {
            socket: listener,
            connections,
        },
    )
    .unwrap();
    let peer = TcpStream::connect(port_of(tester, listener)).unwrap();
    match event(tester) {
        Event::Accepted {
            listener: of,
            socket,
            peer: end,
        } => {
            assert_eq!((of, end), (listener, peer.local_addr().unwrap()));
            (peer, socket)
        }
        other => panic!("{other:?}"),
    }
}

fn forward(tester: &mut UpperTester, socket: SocketId, most_each: u16, most: u16) -> Done {
    act(
        tester,
        TCP,
        Primitive::ReceiveAndForward {
            socket,
            most_each,
            most,
        },
    )
}

fn send(tester: &mut UpperTester, socket: SocketId, data: &[u8], total: u16) -> Done {
    act(
        tester,
        TCP,
        Primitive::SendData {
            socket,
            total,
            urgent: false,
            data: data.to_vec(),
        },
    )
}

#[test]
fn it_says_which_release_it_has() {
    let done = tester().carry_out(Request::GetVersion);
    assert_eq!(done, Ok(vec![0, 1, 0, 2, 0, 0]));
}

#[test]
fn it_accepts_so_many_connections_and_no_more() {
    let mut tester = tester();
    let (_first, _) = accepted(&mut tester);
    let at = port_of(&tester, SocketId(1));
    let _second = TcpStream::connect(at).unwrap();
    assert_eq!(tester.next_event().unwrap(), None);
    let again = Primitive::ListenAndAccept {
        socket: SocketId(1),
        connections: 1,
    };
    act(&mut tester, TCP, again).unwrap();
    assert!(matches!(event(&mut tester), Event::Accepted { .. }));
}

#[test]
fn what_came_before_is_dropped_and_what_comes_then_is_told() {
    let mut tester = tester();
    let (mut peer, socket) = accepted(&mut tester);
    peer.write_all(b"early").unwrap();
    // A segment over the loopback interface is there when the call returns.
    assert_eq!(number(forward(&mut tester, socket, 3, ANY)), 5);
    peer.write_all(b"late").unwrap();
    let (full, payload) = (4, b"lat".to_vec());
    assert_eq!(event(&mut tester), Event::Received { full, payload });
}

#[test]
fn forwarding_ends_with_the_octets_that_were_asked_for() {
    let mut tester = tester();
    let (mut peer, socket) = accepted(&mut tester);
    forward(&mut tester, socket, ANY, 3).unwrap();
    peer.write_all(b"abcdef").unwrap();
    let (full, payload) = (3, b"abc".to_vec());
    assert_eq!(event(&mut tester), Event::Received { full, payload });
    assert_eq!(tester.next_event().unwrap(), None);
    assert_eq!(number(forward(&mut tester, socket, ANY, 0)), 3);
}

#[rstest]
#[case(b"abc", 0, b"abc")]
#[case(b"abc", 2, b"abc")]
#[case(b"abc", 7, b"abcabca")]
#[case(b"", 7, b"")]
fn data_is_repeated_until_there_is_enough(
    #[case] data: &[u8],
    #[case] total: u16,
    #[case] sent: &[u8],
) {
    let mut tester = tester();
    let (mut peer, socket) = accepted(&mut tester);
    send(&mut tester, socket, data, total).unwrap();
    let how = Shutdown::Write;
    act(&mut tester, TCP, Primitive::Shutdown { socket, how }).unwrap();
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert_eq!(got, sent);
}

#[test]
fn what_waits_for_room_is_sent_before_the_end() {
    let mut tester = tester();
    let (mut peer, socket) = accepted(&mut tester);
    let mut asked = 0;
    let much = vec![7; 60_000];
    while send(&mut tester, socket, &much, 0) == Ok(Vec::new()) {
        asked += 60_000;
    }
    assert!(asked > 1 << 20, "there is room for {asked} only");
    let abort = false;
    act(&mut tester, TCP, Primitive::CloseSocket { socket, abort }).unwrap();
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).map(|_| got.len())
    });
    while tester.sockets.contains_key(&UNNUMBERED) {
        let mut waited = [PollFd::new(tester.as_fd(), PollFlags::POLLIN)];
        poll(&mut waited, 1000_u16).unwrap();
        assert_eq!(tester.next_event().unwrap(), None);
    }
    assert_eq!(reader.join().unwrap().unwrap(), asked);
}

#[test]
fn an_abort_resets() {
    let mut tester = tester();
    let (mut peer, socket) = accepted(&mut tester);
    let abort = true;
    act(&mut tester, TCP, Primitive::CloseSocket { socket, abort }).unwrap();
    let error = peer.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(send(&mut tester, socket, b"x", 0), Err(Outcome::NO_SOCKET));
}

#[test]
fn the_end_of_a_test_leaves_nothing() {
    let mut tester = tester();
    let (mut peer, _) = accepted(&mut tester);
    tester.carry_out(Request::EndTest).unwrap();
    assert!(!tester.is_busy());
    assert!(peer.read(&mut [0]).is_err());
    assert_eq!(create(&mut tester, TCP, ANY), SocketId(1));
}

#[test]
fn it_connects_and_refuses_to_do_so_twice() {
    let mut tester = tester();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = create(&mut tester, TCP, ANY);
    let to = listener.local_addr().unwrap();
    let nowhere = SocketAddr::new(to.ip(), 0);
    let connect = |to| Primitive::Connect { socket, to };
    let done = act(&mut tester, TCP, connect(nowhere));
    assert_eq!(done, Err(Outcome::FOREIGN_UNSPECIFIED));
    act(&mut tester, TCP, connect(to)).unwrap();
    assert_eq!(act(&mut tester, TCP, connect(to)), Err(Outcome::EXISTS));
    let (mut peer, _) = listener.accept().unwrap();
    send(&mut tester, socket, b"hello", 0).unwrap();
    let mut got = [0; 5];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"hello");
}

#[test]
fn a_port_has_one_owner_and_an_address_an_interface() {
    let mut tester = tester();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (bind, port) = (true, taken.local_addr().unwrap().port());
    let address = Ipv4Addr::LOCALHOST.into();
    let mut bound = |port, address| {
        let primitive = Primitive::CreateAndBind {
            bind,
            port,
            address,
        };
        act(&mut tester, TCP, primitive)
    };
    assert_eq!(bound(port, address), Err(Outcome::NOT_BOUND));
    let strange = Ipv4Addr::new(192, 0, 2, 99).into();
    assert_eq!(bound(ANY, strange), Err(Outcome::NO_INTERFACE));
}

#[test]
fn there_are_only_so_many_sockets() {
    let mut tester = tester();
    for _ in 0..MOST_SOCKETS {
        create(&mut tester, UDP, ANY);
    }
    let bind = false;
    let one_more = Primitive::CreateAndBind {
        bind,
        port: ANY,
        address: Ipv4Addr::LOCALHOST.into(),
    };
    assert_eq!(act(&mut tester, TCP, one_more), Err(Outcome::NOT_CREATED));
}

#[test]
fn datagrams_go_out_and_come_in() {
    let mut tester = tester();
    let socket = create(&mut tester, UDP, ANY);
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = peer.local_addr().unwrap();
    let (total, data) = (5, b"ab".to_vec());
    let send = Primitive::SendDatagram {
        socket,
        total,
        to,
        data,
    };
    act(&mut tester, UDP, send).unwrap();
    let mut got = [0; 16];
    let (count, from) = peer.recv_from(&mut got).unwrap();
    assert_eq!(&got[..count], b"ababa");
    let (most_each, most) = (2, ANY);
    let forward = Primitive::ReceiveAndForward {
        socket,
        most_each,
        most,
    };
    assert_eq!(number(act(&mut tester, UDP, forward)), 0);
    peer.send_to(b"back", from).unwrap();
    let (full, payload) = (4, b"ba".to_vec());
    let told = Event::ReceivedDatagram {
        full,
        from: to,
        payload,
    };
    assert_eq!(event(&mut tester), told);
}

#[rstest]
#[case::nagle(6, &[0], Ok(Vec::new()))]
#[case::hops(0, &[7], Ok(Vec::new()))]
#[case::class(4, &[0x20], Ok(Vec::new()))]
#[case::whole(2, &[1], Ok(Vec::new()))]
#[case::segment(5, &[2, 0x18], Ok(Vec::new()))]
#[case::too_small_a_segment(5, &[0, 100], Err(Outcome::INVALID))]
#[case::a_wrong_length(6, &[0, 0], Err(Outcome::INVALID))]
#[case::unknown(0xffff, &[0], Err(Outcome::INVALID))]
fn options(#[case] option: u16, #[case] value: &[u8], #[case] done: Done) {
    let mut tester = tester();
    let socket = create(&mut tester, TCP, ANY);
    let value = value.to_vec();
    let configure = Primitive::ConfigureSocket {
        socket,
        option,
        value,
    };
    assert_eq!(act(&mut tester, TCP, configure), done);
}

#[test]
fn nagle_is_what_was_said_last() {
    let mut tester = tester();
    let socket = create(&mut tester, TCP, ANY);
    for (value, nodelay) in [(0, true), (1, false)] {
        let configure = Primitive::ConfigureSocket {
            socket,
            option: 6,
            value: vec![value],
        };
        act(&mut tester, TCP, configure).unwrap();
        let kind = &tester.sockets[&u32::from(socket.0)].kind;
        assert_eq!(kind.socket().tcp_nodelay().unwrap(), nodelay);
    }
}

#[test]
fn a_socket_is_of_one_protocol() {
    let mut tester = tester();
    let socket = create(&mut tester, UDP, ANY);
    let abort = false;
    let close = Primitive::CloseSocket { socket, abort };
    let done = act(&mut tester, TCP, close.clone());
    assert_eq!(done, Err(Outcome::NO_SOCKET));
    assert_eq!(act(&mut tester, UDP, close), Ok(Vec::new()));
}

#[test]
fn what_has_no_connection_says_so() {
    let mut tester = tester();
    let socket = create(&mut tester, TCP, ANY);
    assert_eq!(
        send(&mut tester, socket, b"x", 0),
        Err(Outcome::NO_CONNECTION)
    );
    assert_eq!(
        forward(&mut tester, socket, ANY, ANY),
        Err(Outcome::NO_CONNECTION)
    );
    let how = Shutdown::Write;
    let shut = act(&mut tester, TCP, Primitive::Shutdown { socket, how });
    assert_eq!(shut, Err(Outcome::NO_CONNECTION));
}
