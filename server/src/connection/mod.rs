//! TCP connections of the public listener: accepted within bounds, watched, and served as HTTP/1.1.

mod accept;
mod allowance;
mod frames;
mod guarded;
mod link;
mod stall;

pub use accept::{Listener, open_file_limit};
pub use allowance::Allowance;
pub use link::Link;
