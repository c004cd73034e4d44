//! The record of a run, and everything that is rendered from it.
//!
//! A run of `tcpspec` yields one [`record::Run`]; every report is a pure function of that value.
//! This crate does no network input or output, reads no clock, and judges nothing: the verdicts
//! in the record were reached elsewhere.

#![forbid(unsafe_code)]

pub mod atomic;
pub mod attempts;
pub mod counts;
pub mod figure;
pub mod hex;
pub mod json;
pub mod jsonl;
pub mod junit;
pub mod ladder;
pub mod names;
pub mod palette;
pub mod pcapng;
pub mod record;
pub mod suite;
pub mod summary;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod text;
