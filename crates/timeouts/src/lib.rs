//! The timeouts between a Socket.IO client and its server, and the rules by which they fit.
//!
//! A load balancer that gives up a quiet connection before the server's next ping cuts every quiet client. A dozen more
//! such pairs lie between a client and its server. This crate knows them: [`Setting`] lists what can be set on the way,
//! a [`Reading`] says what was seen and where, and each of [`RULES`] says whether it holds, is violated, or cannot be
//! decided because something was not seen.
//!
//! ```
//! use std::time::Duration;
//! use timeouts::{Place, Reading, Setting};
//!
//! let mut reading = Reading::new("prod");
//! reading.see(Setting::IdleTimeout, Duration::from_secs(60), Place::file("environments/prod.yaml", 14, 17));
//! reading.see(Setting::PingInterval, Duration::from_secs(60), Place::variable(Setting::PingInterval));
//!
//! let report = timeouts::check(&reading);
//! let finding = report.errors().next().unwrap();
//! assert_eq!(
//!     finding.to_string(),
//!     "error[idle-timeout-not-above-ping-interval]: \
//!      the load balancer gives up a quiet connection before the server's next ping\n  \
//!      load_balancer.idle_timeout = 60s at environments/prod.yaml:14:17\n  \
//!      server.ping_interval = 60s at environment variable PING_INTERVAL\n  \
//!      needs idle timeout 60s ≥ ping interval 60s + 5s\n  \
//!      fix: raise load_balancer.idle_timeout to at least 65s"
//! );
//! ```
//!
//! Pure: no input or output, no clock, no environment.

pub mod explain;
mod facts;
pub mod grammar;
mod logic;
mod place;
mod reading;
mod report;
mod rule;
mod rules;
mod setting;
mod settings;
mod sources;
mod value;

pub use place::{Origin, Place};
pub use reading::{NotSeen, Reading, Seen, Sight};
pub use report::{Finding, Report, check};
pub use rule::{Level, Rule, Source, Topic, Verdict, Violation};
pub use rules::{RULES, rule};
pub use setting::{DefaultValue, OutOfRange, Spec};
pub use settings::Setting;
pub use value::{Kind, Value, seconds};
