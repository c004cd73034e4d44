//! Octets as hexadecimal text, for `#[serde(with = "...")]`: a third of what an array of numbers
//! takes in JSON, and far quicker to read.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two digits for each octet.
pub fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    let digits = octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(octet & 0xf)]);
    let mut text = String::with_capacity(octets.len() * 2);
    text.extend(digits);
    to.serialize_str(&text)
}

/// The octets; an error for anything but pairs of digits.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    let value = |digit: u8| char::from(digit).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some((value(*high)? * 16 + value(*low)?) as u8),
        _ => None,
    });
    pairs
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| D::Error::custom("octets are an even number of hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct Octets(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn every_octet_comes_back() {
        let octets = Octets((0..=255).collect());
        let text = serde_json::to_string(&octets).unwrap();
        assert!(text.starts_with("\"000102"), "{text}");
        assert_eq!(serde_json::from_str::<Octets>(&text).unwrap(), octets);
    }

    #[test]
    fn what_are_no_octets() {
        for text in ["\"0\"", "\"0g\"", "\"+1\"", "\"é\"", "7"] {
            assert!(serde_json::from_str::<Octets>(text).is_err(), "{text}");
        }
    }
}
