//! `tcpspec`: a TCP conformance test harness.
//!
//! YAML specs describe the segments to inject into a device and the segments, silences and
//! application events expected back. This crate reads specs, drives a device, compares, and
//! decides; the bundled TCP and the reports are crates of their own.

// The traits of netstack3 nest deeply.
#![cfg_attr(feature = "netstack3", recursion_limit = "256")]

pub mod agent;
pub mod cli;
pub mod compare;
pub mod deviations;
pub mod device;
pub mod drive;
pub mod invariants;
pub mod link;
pub mod model;
pub mod run;
pub mod seed;
pub mod select;
pub mod spec;
pub mod time;
pub mod wire;
pub mod worker;
