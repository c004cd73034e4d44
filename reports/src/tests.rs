//! What the tests of all reports share.

pub(crate) mod golden;
pub(crate) mod sample;
