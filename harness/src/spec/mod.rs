//! From YAML to cases: reading, checking and unrolling specs and the files around them.
//!
//! Nothing here knows that packets exist as octets.

pub mod case;
pub mod profile;
