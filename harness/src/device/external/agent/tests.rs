//! The tester's side against upper testers of other makes: slow ones, old ones, and a network that
//! loses datagrams.

use super::*;
use crate::agent::message::{Message, SERVICE};
use crate::agent::primitives::Event;
use crate::spec::case::{Family, SocketSettings};
use rstest::rstest;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

const TIMEOUT: Duration = Duration::from_secs(20);
/// Long enough for a second copy of a request, too short for a third.
const TWO_COPIES: Duration = Duration::from_millis(800);

/// What an upper tester heard.
type Heard = Arc<Mutex<Vec<Message>>>;

/// An upper tester that says what `answer` says.
fn upper_tester(
    mut answer: impl FnMut(&Message) -> Vec<Vec<u8>> + Send + 'static,
) -> (Contact, Heard) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    let contact = Contact {
        transport: Transport::Udp,
        address: socket.local_addr().unwrap(),
        service: SERVICE,
        token: None,
    };
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((count, peer)) = socket.recv_from(&mut datagram) {
            let request = Message::read_whole(SERVICE, &datagram[..count]).unwrap();
            told.lock().unwrap().push(request.clone());
            for octets in answer(&request) {
                socket.send_to(&octets, peer).unwrap();
            }
        }
    });
    (contact, heard)
}

fn ok(request: &Message, parameters: &[u8]) -> Vec<u8> {
    request
        .answered(Outcome::OK, parameters.to_vec())
        .write(SERVICE)
}

fn no(request: &Message, outcome: Outcome) -> Vec<u8> {
    request.answered(outcome, Vec::new()).write(SERVICE)
}

/// Without the number of the request, as if nobody had told it to repeat that.
fn unnumbered(mut octets: Vec<u8>) -> Vec<u8> {
    octets[8..12].fill(0);
    octets
}

/// A plain one of release 1.2.0.
fn plain(request: &Message) -> Vec<Vec<u8>> {
    vec![match Request::read(request) {
        Ok(Request::GetVersion) => ok(request, &[0, 1, 0, 2, 0, 0]),
        Ok(Request::Socket(_, Primitive::CreateAndBind { .. })) => ok(request, &[0, 9]),
        Ok(Request::Socket(_, Primitive::ReceiveAndForward { .. })) => ok(request, &[0, 0]),
        Ok(Request::Socket(_, Primitive::Shutdown { socket, .. })) if socket == NO_SOCKET => {
            no(request, Outcome::NO_SOCKET)
        }
        Ok(_) => ok(request, &[]),
        Err(outcome) => no(request, outcome),
    }]
}

/// One of release 1.1.0 that writes the type of responses as one implementation does.
fn old(request: &Message) -> Vec<Vec<u8>> {
    let mut octets = match Request::read(request) {
        Ok(Request::GetVersion) => ok(request, &[0, 1, 0, 1]),
        Ok(Request::Socket(_, Primitive::Shutdown { .. })) => no(request, Outcome::NOT_FOUND),
        // E_INV of that release.
        _ => no(request, Outcome(0xec)),
    };
    octets[14] = 0x08;
    vec![unnumbered(octets)]
}

/// One that says nothing to what it does not know.
fn taciturn(request: &Message) -> Vec<Vec<u8>> {
    if request.group == extension::GROUP {
        return Vec::new();
    }
    plain(request)
}

#[rstest]
#[case::plain(plain, 2, true)]
#[case::old(old, 1, false)]
#[case::taciturn(taciturn, 2, true)]
fn an_upper_tester_is_asked_what_it_can_do(
    #[case] answer: fn(&Message) -> Vec<Vec<u8>>,
    #[case] minor: u16,
    #[case] shutdown: bool,
) {
    let (contact, _) = upper_tester(answer);
    let Abilities::Standard(standards) = Abilities::of(&contact).unwrap() else {
        panic!("it has no extension");
    };
    assert_eq!(standards.release.minor, minor);
    assert_eq!(standards.shutdown, shutdown);
    assert!(!standards.greets);
}

#[test]
fn what_cannot_hurt_is_asked_again() {
    let mut copies = 0;
    let (contact, heard) = upper_tester(move |request| {
        copies += 1;
        if copies == 1 {
            return Vec::new();
        }
        plain(request)
    });
    let mut line = Line::open(&contact).unwrap();
    let answer = line.ask(Request::GetVersion.write(), Repeat::Harmless, PATIENCE);
    assert_eq!(answer.unwrap().0, Outcome::OK);
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], heard[1]);
}

fn send_data() -> Message {
    let send = Primitive::SendData {
        socket: SocketId(1),
        total: 1,
        urgent: false,
        data: vec![7],
    };
    Request::Socket(Protocol::Tcp, send).write()
}

#[rstest]
#[case::of_another_make(false, 1)]
#[case::that_recognises_it(true, 2)]
fn what_would_be_done_twice_is_not(#[case] recognises: bool, #[case] copies: usize) {
    let (contact, heard) = upper_tester(|_| Vec::new());
    let mut line = Line::open(&contact).unwrap();
    if recognises {
        line.recognises_repeats();
    }
    let error = line
        .ask(send_data(), Repeat::Twice, TWO_COPIES)
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.to_string().contains("do twice"), !recognises);
    // The last copy is sent when time is up.
    let heard = heard.lock().unwrap().len();
    assert!(
        (copies..=copies + usize::from(recognises)).contains(&heard),
        "{heard}"
    );
}

/// The second answer to one request must not be taken for the answer to the next.
#[rstest]
#[case::with_numbers(false)]
#[case::without(true)]
fn answers_belong_to_their_requests(#[case] is_unnumbered: bool) {
    let mut copies = 0;
    let (contact, _) = upper_tester(move |request| {
        copies += 1;
        let outcome = match copies {
            1 => return Vec::new(),
            2 => Outcome::NO_SOCKET,
            _ => Outcome::OK,
        };
        let answer = no(request, outcome);
        let answer = if is_unnumbered {
            unnumbered(answer)
        } else {
            answer
        };
        // The copy that seemed lost is answered as well.
        vec![answer; if copies == 2 { 2 } else { 1 }]
    });
    let mut line = Line::open(&contact).unwrap();
    let mut ask = || line.ask(Request::StartTest.write(), Repeat::Harmless, PATIENCE);
    assert_eq!(ask().unwrap().0, Outcome::NO_SOCKET);
    assert_eq!(ask().unwrap().0, Outcome::OK);
}

fn tuple() -> FourTuple {
    FourTuple {
        tester: "192.0.2.1:40000".parse().unwrap(),
        device: "192.0.2.7:5000".parse().unwrap(),
    }
}

fn accepted() -> Vec<u8> {
    let accepted = Event::Accepted {
        listener: SocketId(9),
        socket: SocketId(10),
        peer: tuple().tester,
    };
    accepted.write().write(SERVICE)
}

fn received(full: u16) -> Vec<u8> {
    let payload = b"ab".to_vec();
    Event::Received { full, payload }.write().write(SERVICE)
}

/// A session with one that accepts a connection as soon as it listens, and has `forwarded` to say
/// when it is asked to forward.
fn session(forwarded: fn(&Message) -> Vec<Vec<u8>>) -> (Agent, Heard) {
    let (contact, heard) = upper_tester(move |request| {
        let mut answers = plain(request);
        match Request::read(request) {
            Ok(Request::Socket(_, Primitive::ListenAndAccept { .. })) => answers.push(accepted()),
            Ok(Request::Socket(_, Primitive::ReceiveAndForward { .. })) => {
                answers = forwarded(request);
            }
            _ => {}
        }
        answers
    });
    let abilities = Abilities::of(&contact).unwrap();
    let mut agent = Agent::open(&contact, abilities).unwrap();
    let set = SocketSettings {
        nodelay: Some(true),
        ..SocketSettings::default()
    };
    let setup = Setup {
        family: Family::V4,
        accepts: true,
        reads: true,
        backlog: None,
        set,
        second_address: false,
        seed: 0,
    };
    agent.set_up(&setup).unwrap();
    agent.attach(ConnId(0), tuple()).unwrap();
    heard.lock().unwrap().clear();
    (agent, heard)
}

fn seen(agent: &mut Agent) -> io::Result<Seen> {
    for _ in 0..1000 {
        if let Some((conn, seen)) = agent.next_seen()? {
            assert_eq!(conn, ConnId(0));
            return Ok(seen);
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("nothing was seen");
}

fn primitives(heard: &Heard) -> Vec<u8> {
    heard
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.primitive)
        .collect()
}

#[test]
fn calls_become_primitives() {
    let (mut agent, heard) = session(|request| vec![ok(request, &[0, 0]), received(2)]);
    let listen = AppCall::Listen { backlog: None };
    agent.call(ConnId(0), &listen).unwrap().unwrap();
    assert_eq!(seen(&mut agent).unwrap(), Seen::Accepted);
    agent.on_segment(tuple(), true).unwrap();
    assert_eq!(seen(&mut agent).unwrap(), Seen::Data(b"ab".to_vec()));
    let (data, urgent) = (b"hello".to_vec(), false);
    let calls = [
        AppCall::Send { data, urgent },
        AppCall::ShutdownWrite,
        AppCall::Close,
    ];
    for call in &calls {
        agent.call(ConnId(0), call).unwrap().unwrap();
    }
    drop(agent);
    // Create, configure, listen; configure the new socket, forward; send, shut down, close; end.
    assert_eq!(primitives(&heard), [1, 6, 4, 6, 3, 2, 7, 0, 3]);
}

#[rstest]
#[case::that_were_dropped(|request: &Message| vec![ok(request, &[0, 2])], "dropped")]
#[case::in_part(
    |request: &Message| vec![ok(request, &[0, 0]), received(3)], "forwards 2 of 3 octets"
)]
fn octets_that_are_not_told_prove_nothing(
    #[case] forwarded: fn(&Message) -> Vec<Vec<u8>>,
    #[case] words: &str,
) {
    let (mut agent, _) = session(forwarded);
    let listen = AppCall::Listen { backlog: None };
    agent.call(ConnId(0), &listen).unwrap().unwrap();
    assert_eq!(seen(&mut agent).unwrap(), Seen::Accepted);
    let error = match agent.on_segment(tuple(), true) {
        Err(error) => error,
        Ok(()) => seen(&mut agent).unwrap_err(),
    };
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_result_is_the_devices_own_word() {
    let (contact, _) = upper_tester(|request| match Request::read(request) {
        Ok(Request::Socket(_, Primitive::SendData { .. })) => {
            vec![no(request, Outcome::NO_CONNECTION)]
        }
        _ => plain(request),
    });
    let abilities = Abilities::of(&contact).unwrap();
    let mut agent = Agent::open(&contact, abilities).unwrap();
    agent.attach(ConnId(0), tuple()).unwrap();
    let (data, urgent) = (b"x".to_vec(), false);
    let refused = agent.call(ConnId(0), &AppCall::Send { data, urgent });
    let words = "E_TCP_CNE: connection does not exist".to_owned();
    assert_eq!(refused.unwrap(), Err(Refused::Failed(words)));
    let unsaid = agent.call(ConnId(0), &AppCall::Recv(1)).unwrap();
    assert_eq!(unsaid, Err(Refused::Unsupported("recv")));
}

/// A contact for whoever listens there.
fn over_tcp(listener: &TcpListener) -> Contact {
    Contact {
        transport: Transport::Tcp,
        address: listener.local_addr().unwrap(),
        service: SERVICE,
        token: None,
    }
}

/// Reads the next request.
fn asked(stream: &mut TcpStream) -> Message {
    let mut octets = Vec::new();
    loop {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        octets.push(octet[0]);
        if let Some((message, _)) = Message::read(SERVICE, &octets).unwrap() {
            return message;
        }
    }
}

#[test]
fn one_that_answers_or_hangs_up_is_there_and_one_that_is_gone_is_not() {
    let (contact, _) = upper_tester(old);
    assert!(contact.is_answered());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let contact = over_tcp(&listener);
    let hangs_up = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        asked(&mut stream);
    });
    assert!(contact.is_answered());
    hangs_up.join().unwrap();
    assert!(!contact.is_answered());
}

/// It may wait for others for many minutes; not for an agent that hangs in a run that is over.
#[test]
fn nobody_waits_for_a_host_when_no_case_goes_on() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let contact = over_tcp(&listener);
    let hangs = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hello = asked(&mut stream);
        let welcome = Answer::Welcome {
            version: extension::VERSION,
            identity: String::new(),
            whole_host: true,
            calls: true,
        };
        let welcome = extension::response(&hello, &welcome).write(SERVICE);
        stream.write_all(&welcome).unwrap();
        asked(&mut stream);
        // Until the tester hangs up.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let mut agent = Agent::open(&contact, Abilities::Extension { whole_host: true }).unwrap();
    let error = agent.arrange(BTreeMap::new(), false, &|| Some("all is over"));
    assert_eq!(error.unwrap_err().to_string(), "all is over");
    drop(agent);
    hangs.join().unwrap();
}

#[rstest]
#[case::ours("EADDRINUSE: Address already in use".to_owned(), true)]
#[case::at_bind(Outcome::NOT_BOUND.to_string(), true)]
#[case::at_listen(Outcome::EXISTS.to_string(), true)]
#[case::another(Outcome::NO_SOCKET.to_string(), false)]
#[case::another_of_ours("ENOTCONN: not connected".to_owned(), false)]
fn a_port_that_somebody_has(#[case] words: String, #[case] taken: bool) {
    assert_eq!(says_taken(&Err(Refused::Failed(words))), taken);
    assert!(!says_taken(&Ok(())));
    assert!(!says_taken(&Err(Refused::Unsupported("listen"))));
}
