//! The extension group of this project: what the standard primitives lack to play a whole suite.
//! It counts down from 0x7f, as extensions of the protocol do; its parameters are JSON.
//!
//! A session is one control connection: it begins with [`Hello`], and all its sockets go with it.
//! Over UDP there is nothing but [`Hello`], which brings the token, and has requests recognised
//! that come again: the other messages outgrow a datagram, and no event may be lost.
//!
//! [`Hello`]: Ask::Hello

use super::message::{Message, Result};
use crate::device::{AppCall, ConnId, FourTuple, Seen};
use crate::spec::case::{SocketSettings, State};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The group.
pub const GROUP: u8 = 0x7f;
/// Version of what is written here. Both ends must have the same.
pub const VERSION: u32 = 5;

/// The one primitive of requests and their responses.
const ASK: u8 = 0x00;
/// The one event.
const SEEN: u8 = 0x01;

/// What the tester asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Opens the session; nothing else is answered before.
    Hello {
        /// The tester's version of this group.
        version: u32,
        /// The word that the agent was started with, if it asks for one.
        token: Option<String>,
    },
    /// The whole host is to be so while the session lasts; answered when it is.
    Arrange {
        /// Its settings, by the names of `sysctl`.
        settings: BTreeMap<String, String>,
        /// Nobody else may use the host meanwhile.
        alone: bool,
    },
    /// What these settings of the host are, by the names of `sysctl`.
    Settings(Vec<String>),
    /// The application is to behave so from now on.
    Behave {
        /// It accepts at once.
        accepts: bool,
        /// It reads at once.
        reads: bool,
        /// Length of the accept queue where a `listen` does not say.
        backlog: Option<u32>,
        /// Options of every socket; of the host's settings only those that a socket can have.
        set: SocketSettings,
    },
    /// The four-tuple belongs to the connection.
    Attach(ConnId, FourTuple),
    /// The application is to act.
    Call(ConnId, AppCall),
    /// The state of a connection.
    State(ConnId),
    /// A field of a connection's status.
    Info(ConnId, String),
}

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The session is open.
    Welcome {
        /// The agent's version of this group.
        version: u32,
        /// What its host is: `linux-6.18.44`.
        identity: String,
        /// Its host is given over to tests: [`Ask::Arrange`] is carried out.
        whole_host: bool,
        /// The other requests are carried out too; else there are the standard primitives.
        calls: bool,
    },
    /// It is done.
    Done,
    /// The host's TCP said no, in these words.
    Refused(String),
    /// This host has no such call.
    Unsupported(String),
    /// A state, if the host can tell.
    State(Option<State>),
    /// A number, if the host can tell.
    Number(Option<i64>),
    /// Settings of the host and their values, but for those that it has not.
    Settings(BTreeMap<String, String>),
}

/// Something that the application saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting(pub ConnId, pub Seen);

/// The request.
pub fn request(ask: &Ask) -> Message {
    Message::request(GROUP, ASK, octets(ask))
}

/// The response to a request.
pub fn response(request: &Message, answer: &Answer) -> Message {
    request.answered(Result::OK, octets(answer))
}

/// The event.
pub fn event(sighting: &Sighting) -> Message {
    Message::event(GROUP, SEEN, octets(sighting))
}

/// What the parameters say; `None` if they are not in the words of this version.
pub fn parameters<T: DeserializeOwned>(message: &Message) -> Option<T> {
    serde_json::from_slice(&message.parameters).ok()
}

fn octets(parameters: &impl Serialize) -> Vec<u8> {
    // Values of these types always have a form in JSON.
    serde_json::to_vec(parameters).unwrap_or_default()
}
