//! From YAML to cases: reading, checking and unrolling specs and the files around them.
//!
//! [`Sources`] says where the files are, [`load`] reads all of them into a [`Suite`] or says all
//! that is wrong with all of them, [`Suite::cases`] makes the straight lines that the runner
//! plays on one device. The language is described in `specs/README.md`.
//!
//! Nothing here knows that packets exist as octets.

pub mod case;
pub mod catalogue;
pub mod claims;
mod decode;
pub mod deviations;
pub mod diagnostic;
pub mod expand;
mod explain;
pub mod expr;
mod glob;
mod head;
mod lint;
mod parallel;
mod preamble;
pub mod profile;
pub mod profiles;
mod reference;
mod schema;
pub mod service;
pub mod source;
mod sources;
mod suite;
pub mod table;
#[cfg(test)]
mod tests;
mod visit;
mod yaml;

pub use catalogue::{Catalogue, Requirement, SUITES};
pub use deviations::{CaseGlob, Deviation, EXPIRED};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use explain::{Sent, sent};
pub use head::{Spec, family_name};
pub use lint::SLOW;
pub use reference::reference;
pub use schema::schema;
pub use sources::Sources;
pub use suite::{FileNames, Suite, case_names, load, load_one, read, read_heads};
