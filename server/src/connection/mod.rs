//! TCP connections of the public listener: accepted within bounds, watched, and served as HTTP/1.1.

mod accept;
mod guarded;
mod later;
mod phase;
mod self_wakes;
mod stall;

pub use accept::{Listener, open_file_limit};
pub(crate) use guarded::{Guarded, Open};
pub(crate) use later::Later;
pub(crate) use stall::Stall;
