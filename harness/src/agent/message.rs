//! Messages of the AUTOSAR Testability Protocol (document 778): a header of 16 octets, then
//! parameters. The length field delimits them on a stream.
//!
//! Pure functions between octets and [`Message`]; what parameters mean is not known here.

/// Octets of the header.
pub const HEADER: usize = 16;
/// Octets of the header that the length field counts.
const COUNTED: usize = 8;
/// Service id, as everybody has it who has not configured another.
const SERVICE: u16 = 0x0105;
/// Protocol version and interface version.
const VERSIONS: [u8; 2] = [1, 1];
/// Set in the group of an event.
const EVENT_BIT: u8 = 0x80;
/// Longer messages than any that the suite needs are not believed: octets stand as numbers in JSON.
pub const LARGEST: usize = 4 << 20;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Asks for something.
    Request,
    /// Answers a request, with a result.
    Response(Result),
    /// Tells what happened meanwhile.
    Event,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Result(pub u8);

impl Result {
    /// Done.
    pub const OK: Self = Self(0x00);
    /// Not done.
    pub const NOT_OK: Self = Self(0x01);
    /// No such primitive.
    pub const NOT_FOUND: Self = Self(0xff);
    /// Too much was asked for.
    pub const INSUFFICIENT: Self = Self(0xfd);
    /// A parameter makes no sense.
    pub const INVALID: Self = Self(0xfc);
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
    /// Parameters.
    pub parameters: Vec<u8>,
}

/// Why octets are no message. There is no way to find the next one on the same stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Another protocol, or another service.
    #[error("service {0:#06x} instead of 0x0105, or unknown versions")]
    Stranger(u16),
    /// The length field cannot be.
    #[error("a length of {0}")]
    Length(u32),
    /// A message type that is none.
    #[error("message type {0:#04x}")]
    Kind(u8),
}

impl Message {
    /// The octets.
    pub fn write(&self) -> Vec<u8> {
        let (event, kind, result) = match self.kind {
            Kind::Request => (0, 0x00, 0),
            Kind::Response(result) => (0, 0x80, result.0),
            Kind::Event => (EVENT_BIT, 0x02, 0),
        };
        let length = (COUNTED + self.parameters.len()) as u32;
        let mut octets = Vec::with_capacity(HEADER + self.parameters.len());
        octets.extend(SERVICE.to_be_bytes());
        octets.extend([event | self.group, self.primitive]);
        octets.extend(length.to_be_bytes());
        octets.extend([0; 4]);
        octets.extend(VERSIONS);
        octets.extend([kind, result]);
        octets.extend(&self.parameters);
        octets
    }

    /// The message at the beginning of `octets` and its length; `None` if more octets are needed.
    pub fn read(octets: &[u8]) -> std::result::Result<Option<(Self, usize)>, Broken> {
        let Some(header) = octets.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [s0, s1, group, primitive, l0, l1, l2, l3, ..] = *header;
        let service = u16::from_be_bytes([s0, s1]);
        if service != SERVICE || header[12..14] != VERSIONS {
            return Err(Broken::Stranger(service));
        }
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let parameters = (length as usize).checked_sub(COUNTED);
        let parameters = parameters
            .filter(|count| *count <= LARGEST)
            .ok_or(Broken::Length(length))?;
        let kind = match header[14] {
            0x00 => Kind::Request,
            0x80 => Kind::Response(Result(header[15])),
            0x02 => Kind::Event,
            other => return Err(Broken::Kind(other)),
        };
        let end = HEADER + parameters;
        Ok(octets.get(HEADER..end).map(|parameters| {
            let message = Self {
                kind,
                group: group & !EVENT_BIT,
                primitive,
                parameters: parameters.to_vec(),
            };
            (message, end)
        }))
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
        let message = Message {
            kind: Kind::Request,
            group: 2,
            primitive: 1,
            parameters: octets[16..].to_vec(),
        };
        assert_eq!(message.write(), octets);
        assert_eq!(Message::read(&octets), Ok(Some((message, 25))));
        for short in 0..25 {
            assert_eq!(Message::read(&octets[..short]), Ok(None), "{short} octets");
        }
    }

    #[test]
    fn an_event_has_its_bit() {
        let event = Message {
            kind: Kind::Event,
            group: 2,
            primitive: 4,
            parameters: Vec::new(),
        };
        let octets = event.write();
        assert_eq!(octets[2], 0x82);
        assert_eq!(Message::read(&octets), Ok(Some((event, 16))));
    }

    #[test]
    fn a_length_that_nobody_needs_is_not_waited_for() {
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&SERVICE.to_be_bytes());
        octets[12..14].copy_from_slice(&VERSIONS);
        assert_eq!(Message::read(&octets), Err(Broken::Length(0)));
        octets[4] = 0x7f;
        assert_eq!(Message::read(&octets), Err(Broken::Length(0x7f00_0000)));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_or_a_message(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((message, length))) = Message::read(&octets) {
                prop_assert_eq!(&message.write()[16..], &octets[16..length]);
            }
        }
    }
}
