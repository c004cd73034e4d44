//! A running agent on the loopback interface.

use super::message::{Kind, Message, Result as Outcome, SERVICE};
use super::primitives::{Primitive, Protocol, Request, SocketId};
use super::*;
use extension::{Answer, Ask};
use rstest::rstest;
use std::io::{Read, Write};
use std::net::Ipv4Addr;

/// Nothing that comes at all takes longer.
const SOON: Duration = Duration::from_secs(10);
/// What does not come in so long does not come.
const NEVER: Duration = Duration::from_millis(100);

fn agent(token: Option<&str>) -> SocketAddr {
    let offer = Offer {
        admission: Admission {
            token: token.map(str::to_owned),
            ..Admission::default()
        },
        service: SERVICE,
        extension: true,
    };
    let agent = Agent::bind((Ipv4Addr::LOCALHOST, 0).into(), offer).unwrap();
    let address = agent.address().unwrap();
    thread::spawn(move || agent.serve());
    address
}

/// A tester over UDP.
struct Datagrams(UdpSocket);

impl Datagrams {
    fn to(agent: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(agent).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self(socket)
    }

    fn ask(&self, request: &Message) -> Message {
        self.0.send(&request.write(SERVICE)).unwrap();
        self.hear()
    }

    fn hear(&self) -> Message {
        let mut octets = [0; 2048];
        let count = self.0.recv(&mut octets).unwrap();
        Message::read_whole(SERVICE, &octets[..count]).unwrap()
    }

    fn hears_nothing(&self) -> bool {
        self.0.set_read_timeout(Some(NEVER)).unwrap();
        let heard = self.0.recv(&mut [0; 2048]);
        self.0.set_read_timeout(Some(SOON)).unwrap();
        heard.is_err()
    }
}

fn over_tcp(agent: SocketAddr, request: &Message) -> io::Result<Message> {
    let mut control = TcpStream::connect(agent)?;
    control.set_read_timeout(Some(SOON))?;
    control.write_all(&request.write(SERVICE))?;
    let mut octets = vec![0; 22];
    control.read_exact(&mut octets[..16])?;
    let parameters = usize::from(octets[7]) - 8;
    control.read_exact(&mut octets[16..16 + parameters])?;
    octets.truncate(16 + parameters);
    Ok(Message::read_whole(SERVICE, &octets).unwrap())
}

fn hello(token: &str) -> Message {
    extension::request(&Ask::Hello {
        version: extension::VERSION,
        token: Some(token.to_owned()),
    })
}

fn create(number: u32) -> Message {
    let primitive = Primitive::CreateAndBind {
        bind: true,
        port: 0xffff,
        address: Ipv4Addr::LOCALHOST.into(),
    };
    Message {
        number,
        ..Request::Socket(Protocol::Tcp, primitive).write()
    }
}

#[test]
fn a_version_over_both() {
    let agent = agent(None);
    let request = Message {
        number: 0x0102_0304,
        ..Request::GetVersion.write()
    };
    let response = request.answered(Outcome::OK, vec![0, 1, 0, 2, 0, 0]);
    assert_eq!(Datagrams::to(agent).ask(&request), response);
    assert_eq!(over_tcp(agent, &request).unwrap(), response);
}

#[test]
fn sessions_are_apart() {
    let agent = agent(None);
    let (one, other) = (Datagrams::to(agent), Datagrams::to(agent));
    for tester in [&one, &other] {
        let response = tester.ask(&create(1));
        assert_eq!(response.parameters, [0, 1]);
    }
    one.ask(&Request::EndTest.write());
    let close = Primitive::CloseSocket {
        socket: SocketId(1),
        abort: false,
    };
    let close = Request::Socket(Protocol::Tcp, close).write();
    assert_eq!(one.ask(&close).kind, Kind::Response(Outcome::NO_SOCKET));
    assert_eq!(other.ask(&close).kind, Kind::Response(Outcome::OK));
}

/// A tester of another make may number all its requests alike; one of ours says that it does not.
#[rstest]
#[case::of_another_make(false, [0, 2])]
#[case::of_ours(true, [0, 1])]
fn a_request_that_comes_again_is_recognised(#[case] ours: bool, #[case] second: [u8; 2]) {
    let tester = Datagrams::to(agent(None));
    if ours {
        assert_eq!(tester.ask(&hello("")).kind, Kind::Response(Outcome::OK));
    }
    assert_eq!(tester.ask(&create(7)).parameters, [0, 1]);
    assert_eq!(tester.ask(&create(7)).parameters, second);
    let third = tester.ask(&create(8)).parameters;
    assert_eq!(third, [0, second[1] + 1]);
}

#[test]
fn without_the_token_nothing_is_done_nor_told() {
    let agent = agent(Some("word"));
    let tester = Datagrams::to(agent);
    let version = Request::GetVersion.write();
    for request in [&version, &create(1), &hello("guess")] {
        let response = tester.ask(request);
        assert_eq!(response.kind, Kind::Response(Outcome::NOT_OK));
        let sizes = (response.write(SERVICE), request.write(SERVICE));
        assert!(sizes.0.len() <= sizes.1.len(), "it amplifies");
    }
    let refused = over_tcp(agent, &version).unwrap();
    assert_eq!(refused.kind, Kind::Response(Outcome::NOT_OK));
    assert_eq!(tester.ask(&hello("word")).kind, Kind::Response(Outcome::OK));
    assert_eq!(tester.ask(&version).kind, Kind::Response(Outcome::OK));
}

#[test]
fn over_udp_the_extension_says_hello_and_no_more() {
    let tester = Datagrams::to(agent(None));
    let welcome = tester.ask(&hello(""));
    let Some(Answer::Welcome { calls, .. }) = extension::parameters(&welcome) else {
        panic!("{welcome:?}");
    };
    assert!(!calls);
    let ask = extension::request(&Ask::State(crate::device::ConnId(0)));
    assert_eq!(tester.ask(&ask).kind, Kind::Response(Outcome::NOT_FOUND));
}

#[test]
fn what_is_no_request_gets_no_answer() {
    let tester = Datagrams::to(agent(None));
    let version = Request::GetVersion.write();
    let octets = version.write(SERVICE);
    let response = version.answered(Outcome::OK, Vec::new());
    let garbage = [
        octets[..15].to_vec(),
        [&octets[..], &[0]].concat(),
        version.write(0x0606),
        response.write(SERVICE),
        Vec::new(),
    ];
    for octets in garbage {
        tester.0.send(&octets).unwrap();
    }
    assert!(tester.hears_nothing());
    assert_eq!(tester.ask(&version).kind, Kind::Response(Outcome::OK));
}

#[test]
fn strangers_are_not_admitted() {
    let admission = Admission {
        peers: vec![[192, 0, 2, 1].into()],
        ..Admission::default()
    };
    assert!(admission.admits([192, 0, 2, 1].into()));
    assert!(admission.admits("::ffff:192.0.2.1".parse().unwrap()));
    assert!(!admission.admits([192, 0, 2, 2].into()));
}

#[rstest]
#[case::nobody_named(&[], Some("word"), false, false)]
#[case::no_token(&["192.0.2.1"], None, false, false)]
#[case::both(&["192.0.2.1"], Some("word"), false, true)]
#[case::renounced(&["192.0.2.1"], None, true, true)]
fn what_guards_an_agent_on_the_network(
    #[case] peers: &[&str],
    #[case] token: Option<&str>,
    #[case] without_token: bool,
    #[case] guards: bool,
) {
    let admission = Admission {
        peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(),
        token: token.map(str::to_owned),
        without_token,
    };
    assert_eq!(admission.guards(), guards);
}

#[test]
fn a_full_house_lets_those_rest_give_way_who_have_no_sockets() {
    let agent = agent(None);
    let keeper = Datagrams::to(agent);
    assert_eq!(keeper.ask(&create(1)).parameters, [0, 1]);
    // Its session tells the desk that it has sockets when it has answered.
    thread::sleep(NEVER);
    let version = Request::GetVersion.write();
    for _ in 0..300 {
        let guest = Datagrams::to(agent);
        assert_eq!(guest.ask(&version).kind, Kind::Response(Outcome::OK));
    }
    assert_eq!(keeper.ask(&create(2)).parameters, [0, 2]);
}
