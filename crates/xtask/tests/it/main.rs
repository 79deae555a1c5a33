//! The documentation as it is checked in.

mod docs;
