//! The loops that own a clock: they carry out what a [`crate::run::Runner`] asks for.

mod panics;
pub mod real_time;
pub mod side_by_side;
pub mod virtual_time;
