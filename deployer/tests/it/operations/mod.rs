//! A day's work on a stack, against an AWS emulator: how it stands, what it logs, the way back, and
//! its end.

mod down;
mod logs;
mod redeploy;
mod rollback;
mod status;
