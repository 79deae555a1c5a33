//! The timeouts between a Socket.IO client and its server, and the rules by which they fit.
//!
//! Pure: no input or output, no clock, no environment.
