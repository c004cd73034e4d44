//! Messages of the AUTOSAR Testability Protocol (document 778): a header of 16 octets, then
//! parameters. The length field delimits them on a stream; a datagram holds one.
//!
//! Pure functions between octets and [`Message`]; what parameters mean is not known here.

/// Octets of the header.
pub const HEADER: usize = 16;
/// Octets of the header that the length field counts.
const COUNTED: usize = 8;
/// Service id, as everybody has it who has not configured another.
pub const SERVICE: u16 = 0x0105;
/// Protocol version and interface version.
const VERSIONS: [u8; 2] = [1, 1];
/// Set in the group of an event.
const EVENT_BIT: u8 = 0x80;
/// Longer messages than any that the suite needs are not believed: octets stand as numbers in JSON.
pub const LARGEST: usize = 4 << 20;
/// The most that a UDP datagram carries.
pub const LARGEST_DATAGRAM: usize = 65_507;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Asks for something.
    Request,
    /// Answers a request, with a result.
    Response(Result),
    /// Tells what happened meanwhile; from release 1.2.0 on not always with [`Result::OK`].
    Event(Result),
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Result(pub u8);

impl Result {
    /// E_OK: done.
    pub const OK: Self = Self(0x00);
    /// E_NOK: not done.
    pub const NOT_OK: Self = Self(0x01);
    /// E_NTF: no such primitive.
    pub const NOT_FOUND: Self = Self(0xff);
    /// E_PEN: busy with something else.
    pub const PENDING: Self = Self(0xfe);
    /// E_ISB: too much was asked for.
    pub const INSUFFICIENT: Self = Self(0xfd);
    /// E_INV: a parameter makes no sense.
    pub const INVALID: Self = Self(0xfc);
    /// E_ISD: there is no such socket.
    pub const NO_SOCKET: Self = Self(0xef);
    /// E_UCS: no socket could be made.
    pub const NOT_CREATED: Self = Self(0xee);
    /// E_UBS: the port is taken.
    pub const NOT_BOUND: Self = Self(0xed);
    /// E_IIF: there is no such interface. E_INV in release 1.1.0.
    pub const NO_INTERFACE: Self = Self(0xec);
    /// E_TCP_FSU: the foreign socket is unspecified.
    pub const FOREIGN_UNSPECIFIED: Self = Self(0xea);
    /// E_TCP_ILP: the connection is illegal for this process.
    pub const ILLEGAL: Self = Self(0xe9);
    /// E_TCP_INR: insufficient resources.
    pub const NO_RESOURCES: Self = Self(0xe8);
    /// E_TCP_CAE: the connection already exists.
    pub const EXISTS: Self = Self(0xe7);
    /// E_TCP_COC: the connection is closing.
    pub const CLOSING: Self = Self(0xe6);
    /// E_TCP_CNE: the connection does not exist.
    pub const NO_CONNECTION: Self = Self(0xe5);
    /// E_TCP_CRE: the connection was reset.
    pub const RESET: Self = Self(0xe4);
    /// E_TCP_CAT: the connection was aborted by the user timeout.
    pub const TIMED_OUT: Self = Self(0xe3);
    /// E_TCP_COR: the connection was refused.
    pub const REFUSED: Self = Self(0xe2);
    /// E_OAP: the operation is already in progress.
    pub const IN_PROGRESS: Self = Self(0xe1);
}

/// The results that have a name, and what they say.
const NAMES: [(Result, &str); 21] = [
    (Result::OK, "E_OK: done"),
    (Result::NOT_OK, "E_NOK: not done"),
    (Result::NOT_FOUND, "E_NTF: no such primitive"),
    (Result::PENDING, "E_PEN: the upper tester is busy"),
    (Result::INSUFFICIENT, "E_ISB: insufficient buffer size"),
    (Result::INVALID, "E_INV: invalid parameter"),
    (Result::NO_SOCKET, "E_ISD: invalid socket id"),
    (Result::NOT_CREATED, "E_UCS: no socket could be created"),
    (Result::NOT_BOUND, "E_UBS: the port is taken"),
    (
        Result::NO_INTERFACE,
        "E_IIF: no such interface (release 1.1: invalid parameter)",
    ),
    (Result(0xeb), "E_TCP_PNA: precedence not allowed"),
    (
        Result::FOREIGN_UNSPECIFIED,
        "E_TCP_FSU: foreign socket unspecified",
    ),
    (
        Result::ILLEGAL,
        "E_TCP_ILP: connection illegal for this process",
    ),
    (Result::NO_RESOURCES, "E_TCP_INR: insufficient resources"),
    (Result::EXISTS, "E_TCP_CAE: connection already exists"),
    (Result::CLOSING, "E_TCP_COC: connection closing"),
    (
        Result::NO_CONNECTION,
        "E_TCP_CNE: connection does not exist",
    ),
    (Result::RESET, "E_TCP_CRE: connection reset"),
    (
        Result::TIMED_OUT,
        "E_TCP_CAT: connection aborted due to user timeout",
    ),
    (Result::REFUSED, "E_TCP_COR: connection refused"),
    (Result::IN_PROGRESS, "E_OAP: already in progress"),
];

impl std::fmt::Display for Result {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match NAMES.iter().find(|(known, _)| known == self) {
            Some((_, words)) => f.write_str(words),
            None => write!(f, "result {:#04x}", self.0),
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// Service group, seven bits.
    pub group: u8,
    /// Service primitive.
    pub primitive: u8,
    /// The four octets that nobody has to look at: a tester numbers its requests here, and an
    /// agent that repeats the number in its response lets the tester tell late responses apart.
    pub number: u32,
    /// Parameters.
    pub parameters: Vec<u8>,
}

/// Why octets are no message. There is no way to find the next one on the same stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Another protocol, or another service.
    #[error("another service ({0:#06x}), or unknown versions")]
    Stranger(u16),
    /// The length field cannot be.
    #[error("a length of {0}")]
    Length(u32),
    /// A message type that is none.
    #[error("message type {0:#04x}")]
    Kind(u8),
}

impl Message {
    /// A request.
    pub fn request(group: u8, primitive: u8, parameters: Vec<u8>) -> Self {
        Self {
            kind: Kind::Request,
            group,
            primitive,
            number: 0,
            parameters,
        }
    }

    /// An event.
    pub fn event(group: u8, primitive: u8, parameters: Vec<u8>) -> Self {
        Self {
            kind: Kind::Event(Result::OK),
            ..Self::request(group, primitive, parameters)
        }
    }

    /// The response to this request.
    #[must_use]
    pub fn answered(&self, result: Result, parameters: Vec<u8>) -> Self {
        Self {
            kind: Kind::Response(result),
            parameters,
            ..*self
        }
    }

    /// The octets, for that service.
    pub fn write(&self, service: u16) -> Vec<u8> {
        let (event, kind, result) = match self.kind {
            Kind::Request => (0, 0x00, 0),
            Kind::Response(result) => (0, 0x80, result.0),
            Kind::Event(result) => (EVENT_BIT, 0x02, result.0),
        };
        let length = (COUNTED + self.parameters.len()) as u32;
        let mut octets = Vec::with_capacity(HEADER + self.parameters.len());
        octets.extend(service.to_be_bytes());
        octets.extend([event | self.group, self.primitive]);
        octets.extend(length.to_be_bytes());
        octets.extend(self.number.to_be_bytes());
        octets.extend(VERSIONS);
        octets.extend([kind, result]);
        octets.extend(&self.parameters);
        octets
    }

    /// The message at the beginning of `octets` and its length; `None` if more octets are needed.
    pub fn read(service: u16, octets: &[u8]) -> std::result::Result<Option<(Self, usize)>, Broken> {
        let Some(header) = octets.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [s0, s1, group, primitive, l0, l1, l2, l3, n0, n1, n2, n3, ..] = *header;
        let found = u16::from_be_bytes([s0, s1]);
        if found != service || header[12..14] != VERSIONS {
            return Err(Broken::Stranger(found));
        }
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let parameters = (length as usize).checked_sub(COUNTED);
        let parameters = parameters
            .filter(|count| *count <= LARGEST)
            .ok_or(Broken::Length(length))?;
        let result = Result(header[15]);
        let kind = match header[14] {
            0x00 => Kind::Request,
            // The second is a slip of the pen that one implementation has.
            0x80 | 0x08 => Kind::Response(result),
            0x02 => Kind::Event(result),
            other => return Err(Broken::Kind(other)),
        };
        let end = HEADER + parameters;
        Ok(octets.get(HEADER..end).map(|parameters| {
            let message = Self {
                kind,
                group: group & !EVENT_BIT,
                primitive,
                number: u32::from_be_bytes([n0, n1, n2, n3]),
                parameters: parameters.to_vec(),
            };
            (message, end)
        }))
    }

    /// The message that fills a datagram; `None` if there is none, or something beside it.
    pub fn read_whole(service: u16, datagram: &[u8]) -> Option<Self> {
        match Self::read(service, datagram) {
            Ok(Some((message, length))) if length == datagram.len() => Some(message),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn create_and_bind_as_others_write_it() {
        let octets = [
            0x01, 0x05, 0x02, 0x01, 0, 0, 0, 0x11, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0x13, 0x88, 0, 4, 0,
            0, 0, 0,
        ];
        let message = Message::request(2, 1, octets[16..].to_vec());
        assert_eq!(message.write(SERVICE), octets);
        assert_eq!(
            Message::read(SERVICE, &octets),
            Ok(Some((message.clone(), 25)))
        );
        assert_eq!(Message::read_whole(SERVICE, &octets), Some(message));
        for short in 0..25 {
            let cut = &octets[..short];
            assert_eq!(Message::read(SERVICE, cut), Ok(None), "{short} octets");
            assert_eq!(Message::read_whole(SERVICE, cut), None);
        }
        let longer = [&octets[..], &[0]].concat();
        assert_eq!(Message::read_whole(SERVICE, &longer), None);
    }

    #[test]
    fn an_event_has_its_bit() {
        let event = Message::event(2, 4, Vec::new());
        let octets = event.write(SERVICE);
        assert_eq!(octets[2], 0x82);
        assert_eq!(Message::read(SERVICE, &octets), Ok(Some((event, 16))));
    }

    #[test]
    fn a_response_repeats_what_was_asked() {
        let request = Message {
            number: 7,
            ..Message::request(2, 3, vec![0, 1])
        };
        let octets = request.answered(Result::OK, vec![9]).write(0x0606);
        assert_eq!(octets[..4], [6, 6, 2, 3]);
        assert_eq!(octets[8..], [0, 0, 0, 7, 1, 1, 0x80, 0, 9]);
    }

    #[test]
    fn a_response_may_have_its_type_misspelt() {
        let mut octets = Message::request(2, 3, Vec::new())
            .answered(Result::NO_SOCKET, Vec::new())
            .write(SERVICE);
        octets[14] = 0x08;
        let read = Message::read_whole(SERVICE, &octets).unwrap();
        assert_eq!(read.kind, Kind::Response(Result::NO_SOCKET));
    }

    #[test]
    fn another_service_is_a_stranger() {
        let octets = Message::request(0, 1, Vec::new()).write(0x0606);
        assert_eq!(
            Message::read(SERVICE, &octets),
            Err(Broken::Stranger(0x0606))
        );
    }

    #[test]
    fn a_length_that_nobody_needs_is_not_waited_for() {
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&SERVICE.to_be_bytes());
        octets[12..14].copy_from_slice(&VERSIONS);
        assert_eq!(Message::read(SERVICE, &octets), Err(Broken::Length(0)));
        octets[4] = 0x7f;
        assert_eq!(
            Message::read(SERVICE, &octets),
            Err(Broken::Length(0x7f00_0000))
        );
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Request),
            any::<u8>().prop_map(|octet| Kind::Response(Result(octet))),
            any::<u8>().prop_map(|octet| Kind::Event(Result(octet))),
        ]
    }

    prop_compose! {
        fn message()(
            kind in kind(),
            group in 0..0x80_u8,
            primitive: u8,
            number: u32,
            parameters in prop::collection::vec(any::<u8>(), 0..64),
        ) -> Message {
            Message { kind, group, primitive, number, parameters }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(message in message(), service: u16) {
            let octets = message.write(service);
            prop_assert_eq!(Message::read_whole(service, &octets), Some(message));
        }

        #[test]
        fn garbage_is_an_error_or_a_message(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((message, length))) = Message::read(SERVICE, &octets) {
                prop_assert_eq!(&message.write(SERVICE)[16..], &octets[16..length]);
            }
        }

        #[test]
        fn a_header_with_garbage_in_it_is_read_or_refused(
            message in message(),
            at in 0..16_usize,
            octet: u8,
        ) {
            let mut octets = message.write(SERVICE);
            octets[at] = octet;
            if let Ok(Some((_, length))) = Message::read(SERVICE, &octets) {
                prop_assert!(length <= octets.len());
            }
        }
    }
}
