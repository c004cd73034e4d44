//! The loops that own a clock: they carry out what a [`crate::run::Runner`] asks for.

pub mod real_time;
pub mod virtual_time;
