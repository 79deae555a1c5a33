//! What all verbs share with whoever runs them: output, exit codes, questions, signals, signs of
//! life.

pub mod colour;
mod exit;
mod output;
mod question;
mod signals;
mod waiting;

pub use exit::{Ended, Exit};
pub use output::{Output, error_document, line, print, print_unless_closed, say};
pub use question::{ask, confirm};
pub use signals::{Signals, runtime};
pub use waiting::say_waiting;
