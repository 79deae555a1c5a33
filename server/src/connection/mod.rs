//! TCP connections of the public listener: accepted within bounds, watched, and served as HTTP/1.1.

mod accept;
mod guarded;
mod link;

pub use accept::{Listener, open_file_limit};
pub use link::Link;
