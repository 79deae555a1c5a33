//! The server's log on AWS, read to its end and followed, and how its lines are shown. Where lines
//! come from is the business of [`crate::aws`].

mod line;
#[cfg(feature = "aws")]
mod page;
mod tail;

pub use crate::log_line::{LogLine, node_of, task_of};
pub use line::Shown;
#[cfg(feature = "aws")]
pub(crate) use line::visible;
#[cfg(feature = "aws")]
pub use page::{Log, millis, read_new};
pub use tail::Tail;
