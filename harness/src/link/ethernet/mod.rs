//! Somebody's Ethernet: raw frames between a station of our own and a host that is not ours.
//!
//! It knows nothing of TCP but the ports by which packets find their mailbox.

mod address;
mod frame;
mod mailbox;
mod neighbour;
mod pace;
mod route;
mod segments;
mod socket;
mod station;

pub use mailbox::Mailbox;
pub use pace::Held;
pub use route::{Way, is_ours, way_to};
pub use socket::{Arrived, FrameSocket};
pub use station::{Plan, Station, StationError};
