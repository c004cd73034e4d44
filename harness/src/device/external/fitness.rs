//! Which cases a host can play of which nothing is known but an address and a port, and perhaps
//! what listens there.

use super::agent::{Abilities, Standards};
use crate::spec::case::{
    AppEvent, Application, Branch, Call, Case, Expr, Flags, Inject, SocketSettings, Step, Var, Verb,
};
use crate::spec::service::Service;
use std::collections::BTreeSet;

/// What can be reached on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// An agent that drives the application, as far as it can.
    Agent(Abilities),
    /// A service and nothing else.
    Service {
        /// A port on which it listens; unless it is told what does, something that reads what
        /// comes and says nothing by itself.
        port: u16,
        /// A port on which nobody listens.
        closed_port: Option<u16>,
    },
}

/// The case as the host can play it, or why it cannot.
pub fn fit(case: &Case, reach: Reach, service: Option<&Service>) -> Result<Case, String> {
    match (unfit(case, reach, service), service) {
        (Some(reason), _) => Err(reason),
        (None, Some(service)) => service.translate(case),
        (None, None) => Ok(case.clone()),
    }
}

/// Why the case cannot be played; `None` if it can, or if what listens there is known and decides.
fn unfit(case: &Case, reach: Reach, service: Option<&Service>) -> Option<String> {
    let mut scan = Scan {
        is_known: service.is_some(),
        ..Scan::default()
    };
    scan.steps(&case.steps);
    if case.needs.iter().any(|need| need == "source-routes") {
        return Some("sends by routers that this network has not".to_owned());
    }
    if case.has_second_address() {
        return Some("needs a second address of the device".to_owned());
    }
    match reach {
        Reach::Agent(Abilities::Extension { whole_host }) => {
            let wanted = demand(case).filter(|_| !whole_host);
            wanted.map(|demand| format!("{} (start the agent with --whole-host)", demand.reason))
        }
        // Without a port of its own, the queue that a case floods is everybody's.
        _ if scan.flooders > 0 => {
            Some("floods a port (--agent: tcpspec agent gives it one)".to_owned())
        }
        Reach::Agent(Abilities::Standard(standards)) => match demand(case) {
            Some(demand) => Some(demand.reason.to_owned()),
            None => unfit_for_standards(case, &scan, standards),
        },
        Reach::Service { closed_port, .. } => match demand(case) {
            Some(demand) => Some(demand.reason.to_owned()),
            None => unfit_for_service(case, &scan, service, closed_port),
        },
    }
}

/// Segments of its floods: as many addresses are needed.
pub fn flooders(case: &Case) -> u32 {
    Scan::of(case).flooders
}

/// What a case wants beyond connections of its own: it takes a host that is given over to tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// No other case may use the host meanwhile.
    pub alone: bool,
    /// What it does to the host.
    pub reason: &'static str,
}

/// Settings of what all connections of a host draw on together.
const BUDGETS: [&str; 2] = ["tcp_challenge_ack_limit", "tcp_max_tw_buckets"];

/// What the case wants of the whole host; `None` if nothing.
pub fn demand(case: &Case) -> Option<Demand> {
    let (scan, system) = (Scan::of(case), &case.application.set.system);
    let alone = |reason| Demand {
        alone: true,
        reason,
    };
    if scan.path_mtu {
        Some(alone(
            "lowers the path MTU that the host keeps for the tester's address",
        ))
    } else if scan.cookies {
        Some(alone(
            "leaves a Fast Open cookie that the host keeps for the tester's address",
        ))
    } else if scan.system {
        Some(alone("changes settings of the whole host in the middle"))
    } else if system.iter().any(|(name, _)| BUDGETS.contains(&&**name)) {
        Some(alone("limits what all connections of the whole host share"))
    } else {
        (!system.is_empty()).then_some(Demand {
            alone: false,
            reason: "changes settings of the whole host",
        })
    }
}

/// What the primitives of the Testability Protocol cannot say.
fn unfit_for_standards(case: &Case, scan: &Scan, standards: Standards) -> Option<String> {
    let lacks = |what: &str| {
        Some(format!(
            "{what} (the agent has the standard primitives only)"
        ))
    };
    let application = &case.application;
    if !application.accepts || scan.accepts {
        return lacks("accepts when it is told; LISTEN_AND_ACCEPT accepts at once");
    }
    if application.backlog.is_some() || scan.backlog {
        return lacks("listens with a queue of its own; LISTEN_AND_ACCEPT names none");
    }
    if scan.after_timeout {
        return lacks("goes on when the connection has timed out; no event tells");
    }
    if scan.receives {
        return lacks("reads so many octets; RECEIVE_AND_FORWARD drops what waits");
    }
    if scan.connects_elsewhere {
        return lacks("names other addresses than the connection's; CONNECT binds nothing");
    }
    if scan.connects_with_data {
        return lacks("sends in the SYN; CONNECT takes no octets");
    }
    let mut set = scan.set.iter().copied().chain([&application.set]);
    if let Some(option) = set.find_map(beyond_standards) {
        return lacks(&format!(
            "sets {option}; CONFIGURE_SOCKET has no such option"
        ));
    }
    if scan.fed.len() > 1 && application.reads {
        return lacks(
            "sends octets to several connections; the events of RECEIVE_AND_FORWARD do not say \
             which has them",
        );
    }
    if scan.fed_before_accept && scan.listens && application.reads {
        return lacks(
            "sends octets before the connection is accepted; RECEIVE_AND_FORWARD drops what comes \
             before it",
        );
    }
    if scan.fed_after_shutdown && !standards.shutdown {
        return lacks("receives after it has closed its side; there is no SHUTDOWN");
    }
    None
}

/// An option that CONFIGURE_SOCKET does not have.
fn beyond_standards(set: &SocketSettings) -> Option<&'static str> {
    let all = [
        ("the receive buffer", set.rcvbuf.is_some()),
        ("the send buffer", set.sndbuf.is_some()),
        ("keep-alive", set.keepalive.is_some()),
        ("the user timeout", set.user_timeout.is_some()),
        ("the user timeout option", set.advertised_timeout.is_some()),
        ("Fast Open", set.fastopen.is_some()),
        ("a source route", set.source_route.is_some()),
        ("the initial sequence number", set.iss.is_some()),
    ];
    all.iter()
        .find(|(_, is_set)| *is_set)
        .map(|(name, _)| *name)
}

fn unfit_for_service(
    case: &Case,
    scan: &Scan,
    service: Option<&Service>,
    closed_port: Option<u16>,
) -> Option<String> {
    let application = Application {
        backlog: None,
        ..case.application.clone()
    };
    let is_like = service.is_some_and(|service| service.is_like(&application));
    if application != Application::default() && !is_like {
        return Some("needs to say how the device's application behaves (no agent)".to_owned());
    }
    if let Some(call) = scan.call {
        return Some(format!(
            "needs the device's application to {call} (no agent)"
        ));
    }
    if scan.fin && !scan.is_known {
        let reason = "closes the tester's side; a service answers that by closing (no agent)";
        return Some(reason.to_owned());
    }
    if case.conns.iter().any(|conn| conn.own_port) {
        return Some("needs listeners on several ports (no agent)".to_owned());
    }
    if scan.after_timeout {
        return Some("goes on when the connection has timed out (no agent tells)".to_owned());
    }
    if !scan.listens && closed_port.is_none() {
        return Some("needs a port without a listener (`--closed-port`)".to_owned());
    }
    None
}

/// True if something has to listen on the device's port.
pub fn listens(case: &Case) -> bool {
    Scan::of(case).listens
}

/// What the steps ask of the device.
#[derive(Debug, Default)]
struct Scan<'c> {
    /// What listens on the device is known: it can be asked to send and to close.
    is_known: bool,
    listens: bool,
    /// A call that nobody carries out.
    call: Option<&'static str>,
    /// Settings of the whole device are changed.
    system: bool,
    /// So many segments come from addresses of their own.
    flooders: u32,
    /// A message names an MTU, which outlives the connection.
    path_mtu: bool,
    /// The host asks for a Fast Open cookie, or shows one.
    cookies: bool,
    /// The application gets to see the end of the tester's data.
    fin: bool,
    /// The application hears of a timeout, and the case goes on when it has.
    times_out: bool,
    after_timeout: bool,
    /// It accepts when it is told to.
    accepts: bool,
    /// Somebody says how long an accept queue is.
    backlog: bool,
    /// It reads when it is told to.
    receives: bool,
    connects_with_data: bool,
    connects_elsewhere: bool,
    /// What it sets.
    set: Vec<&'c SocketSettings>,
    /// Connections that octets are sent to.
    fed: BTreeSet<usize>,
    /// Connections whose application has closed its side.
    shut: BTreeSet<usize>,
    /// One of those gets octets.
    fed_after_shutdown: bool,
    /// Connections whose handshake a SYN of the tester has begun, and nothing has ended.
    half_open: BTreeSet<usize>,
    /// One of those gets octets that are its own as soon as it is accepted.
    fed_before_accept: bool,
}

impl<'c> Scan<'c> {
    fn of(case: &'c Case) -> Self {
        let mut scan = Self::default();
        scan.steps(&case.steps);
        scan
    }

    fn steps(&mut self, steps: &'c [Step]) {
        for step in steps {
            let is_on_the_wire = matches!(
                step.verb,
                Verb::Expect(_) | Verb::Inject(_) | Verb::Silence(_)
            );
            self.after_timeout |= self.times_out && is_on_the_wire;
            match &step.verb {
                Verb::Call { call, .. } => {
                    if matches!(call, Call::ShutdownWrite) {
                        self.shut.insert(step.conn);
                    }
                    self.call(call);
                }
                Verb::Inject(inject) => {
                    if inject.data.is_some() {
                        self.fed.insert(step.conn);
                        self.fed_after_shutdown |= self.shut.contains(&step.conn);
                    }
                    self.handshake(step.conn, inject);
                    self.fin |= ends_the_stream(inject);
                }
                Verb::App(wait) if wait.event == AppEvent::Accepted => {
                    self.half_open.remove(&step.conn);
                }
                Verb::App(wait) => self.times_out |= wait.event == AppEvent::Timeout,
                Verb::Flood(flood) => self.flooders += flood.count,
                Verb::InjectIcmp(error) => self.path_mtu |= error.mtu.is_some(),
                Verb::OneOf(branches) => {
                    for Branch { steps, .. } in branches {
                        self.steps(steps);
                    }
                }
                _ => {}
            }
        }
    }

    fn handshake(&mut self, conn: usize, inject: &Inject) {
        let has = |flag| inject.flags.contains(flag);
        if has(Flags::SYN) && !has(Flags::ACK) {
            self.half_open.insert(conn);
        }
        if inject.data.is_some() {
            self.fed_before_accept |= self.half_open.contains(&conn) && comes_in_turn(inject);
        } else if has(Flags::ACK) {
            self.half_open.remove(&conn);
        }
    }

    fn call(&mut self, call: &'c Call) {
        match call {
            Call::Accept => self.accepts = true,
            Call::Listen { backlog } => self.backlog |= backlog.is_some(),
            Call::Recv(_) => self.receives = true,
            Call::ConnectWith(_) => self.connects_with_data = true,
            Call::ConnectFromAny | Call::ConnectTo(_) => self.connects_elsewhere = true,
            Call::Set(settings) => self.set.push(settings),
            _ => {}
        }
        let name = match call {
            Call::Listen { backlog: None } => {
                self.listens = true;
                return;
            }
            Call::Listen { .. } => "listen with a queue of its own",
            Call::Connect | Call::ConnectFromAny | Call::ConnectTo(_) => "connect",
            Call::ConnectWith(_) => {
                self.cookies = true;
                "connect"
            }
            Call::Accept => "accept when it is told",
            Call::Send { .. } | Call::ShutdownWrite | Call::Close if self.is_known => return,
            Call::Send { .. } => "send",
            Call::Recv(_) => "read when it is told",
            Call::ShutdownWrite | Call::Close => "close",
            Call::Abort => "abort",
            Call::Set(settings) => {
                self.system |= !settings.system.is_empty();
                "set options"
            }
        };
        self.call.get_or_insert(name);
    }
}

fn ends_the_stream(inject: &Inject) -> bool {
    inject.counts && inject.flags.contains(Flags::FIN)
}

/// The application gets octets of the segment as soon as there is a connection.
fn comes_in_turn(inject: &Inject) -> bool {
    let is_next = |seq: &Expr| matches!(seq, Expr::Var { var, .. } if *var == Var::RcvNxt);
    let begins_in_turn = match &inject.seq {
        Some(Expr::Sub(seq, _)) => is_next(seq),
        Some(seq) => is_next(seq),
        None => false,
    };
    inject.counts && (begins_in_turn || inject.flags.contains(Flags::SYN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::primitives::Release;
    use crate::run::builders::{ack, call, case, open, opened, step};
    use crate::spec::case::{AppWait, Payload};
    use rstest::rstest;

    const REACH: Reach = Reach::Service {
        port: 80,
        closed_port: None,
    };

    fn listening(then: Vec<Verb>) -> Case {
        let mut steps = vec![call(Call::Listen { backlog: None })];
        steps.extend(open());
        steps.extend(then);
        case(steps)
    }

    #[test]
    fn a_handshake_needs_nobody_on_the_device() {
        assert_eq!(unfit(&listening(Vec::new()), REACH, None), None);
        assert!(listens(&listening(Vec::new())));
    }

    #[rstest]
    #[case(Call::Connect, "to connect")]
    #[case(Call::ConnectFromAny, "to connect")]
    #[case(Call::Abort, "to abort")]
    #[case(Call::Listen { backlog: Some(1) }, "with a queue of its own")]
    fn a_call_that_nobody_makes(#[case] made: Call, #[case] words: &str) {
        let reason = unfit(&listening(vec![call(made)]), REACH, None).unwrap();
        assert!(reason.contains(words), "{reason}");
    }

    #[test]
    fn the_end_of_the_testers_data_makes_a_service_close() {
        let fin = Inject {
            flags: Flags::FIN.with(Flags::ACK),
            ..ack()
        };
        let seen = listening(vec![Verb::Inject(Box::new(fin.clone()))]);
        assert!(unfit(&seen, REACH, None).is_some());
        let counts = false;
        let unseen = listening(vec![Verb::Inject(Box::new(Inject { counts, ..fin }))]);
        assert_eq!(unfit(&unseen, REACH, None), None);
    }

    #[test]
    fn nobody_tells_when_the_connection_has_timed_out() {
        let timeout = || {
            Verb::App(AppWait {
                event: AppEvent::Timeout,
                within: None,
            })
        };
        let goes_on = listening(vec![timeout(), Verb::Inject(Box::new(ack()))]);
        for reach in [REACH, standards(true)] {
            assert_eq!(unfit(&listening(vec![timeout()]), reach, None), None);
            assert!(unfit(&goes_on, reach, None).unwrap().contains("timed out"));
        }
        let extension = Reach::Agent(Abilities::Extension { whole_host: false });
        assert_eq!(unfit(&goes_on, extension, None), None);
    }

    #[test]
    fn without_a_listener_it_takes_a_closed_port() {
        let closed = opened([]);
        assert!(
            unfit(&closed, REACH, None)
                .unwrap()
                .contains("--closed-port")
        );
        let reach = Reach::Service {
            port: 80,
            closed_port: Some(1),
        };
        assert_eq!(unfit(&closed, reach, None), None);
    }

    fn standards(shutdown: bool) -> Reach {
        let (major, minor, patch) = (1, 2, 0);
        Reach::Agent(Abilities::Standard(Standards {
            release: Release {
                major,
                minor,
                patch,
            },
            shutdown,
            greets: false,
        }))
    }

    fn with_data(conn: usize) -> Step {
        let data = Some(Payload::Text(b"x".to_vec()));
        let inject = Inject { data, ..ack() };
        Step {
            conn,
            ..step("9", Verb::Inject(Box::new(inject)))
        }
    }

    #[rstest]
    #[case::accept(vec![call(Call::Accept)], "LISTEN_AND_ACCEPT")]
    #[case::queue(vec![call(Call::Listen { backlog: Some(1) })], "a queue of its own")]
    #[case::receive(vec![call(Call::Recv(Expr::Number(1)))], "RECEIVE_AND_FORWARD")]
    fn what_the_primitives_cannot_say(#[case] then: Vec<Verb>, #[case] words: &str) {
        let reason = unfit(&listening(then.clone()), standards(true), None).unwrap();
        assert!(reason.contains(words), "{reason}");
        let extension = Reach::Agent(Abilities::Extension { whole_host: false });
        assert_eq!(unfit(&listening(then), extension, None), None);
    }

    #[test]
    fn one_connection_at_a_time_is_read() {
        let mut one = listening(Vec::new());
        one.steps.extend([with_data(0), with_data(0)]);
        assert_eq!(unfit(&one, standards(true), None), None);
        one.steps.push(with_data(1));
        let reason = unfit(&one, standards(true), None).unwrap();
        assert!(reason.contains("several connections"), "{reason}");
        one.application.reads = false;
        assert_eq!(unfit(&one, standards(true), None), None);
    }

    #[rstest]
    #[case::of_each_connection("tcp_sack", false)]
    #[case::of_all_together("tcp_challenge_ack_limit", true)]
    fn who_limits_what_is_shared_is_alone(#[case] setting: &str, #[case] alone: bool) {
        let mut case = listening(Vec::new());
        assert_eq!(demand(&case), None);
        case.application.set.system = vec![(setting.to_owned(), "1".to_owned())];
        assert_eq!(demand(&case).map(|demand| demand.alone), Some(alone));
    }

    #[rstest]
    #[case::in_turn(Var::RcvNxt, true)]
    #[case::out_of_turn(Var::SndNxt, false)]
    fn octets_before_the_accept_would_be_dropped(#[case] var: Var, #[case] dropped: bool) {
        let syn = Inject {
            flags: Flags::SYN,
            ..ack()
        };
        let mut data = with_data(0);
        if let Verb::Inject(inject) = &mut data.verb {
            inject.seq = Some(Expr::Var { conn: None, var });
        }
        let begun = vec![
            call(Call::Listen { backlog: None }),
            Verb::Inject(Box::new(syn)),
        ];
        let mut early = case(begun.clone());
        early.steps.push(data.clone());
        let reason = unfit(&early, standards(true), None);
        assert_eq!(reason.is_some(), dropped, "{reason:?}");
        early.application.reads = false;
        assert_eq!(unfit(&early, standards(true), None), None);
        let mut in_time = case([begun, vec![Verb::Inject(Box::new(ack()))]].concat());
        in_time.steps.push(data);
        assert_eq!(unfit(&in_time, standards(true), None), None);
    }

    #[test]
    fn closing_one_side_takes_shutdown_if_there_is_more_to_receive() {
        let mut case = listening(vec![call(Call::ShutdownWrite)]);
        assert_eq!(unfit(&case, standards(false), None), None);
        case.steps.push(with_data(0));
        assert_eq!(unfit(&case, standards(true), None), None);
        let reason = unfit(&case, standards(false), None).unwrap();
        assert!(reason.contains("SHUTDOWN"), "{reason}");
    }
}
