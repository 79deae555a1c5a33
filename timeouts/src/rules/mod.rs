//! The rules, one a file, named for the defect.

use crate::rule::Rule;

/// What a rule's file is written with.
mod prelude {
    pub(super) use std::time::Duration;

    pub(super) use crate::Setting::{self, *};
    pub(super) use crate::facts::*;
    pub(super) use crate::logic::*;
    pub(super) use crate::reading::{NotSeen, Reading, Seen};
    pub(super) use crate::rule::Level::{Error, Warning};
    pub(super) use crate::rule::{Level, Rule, Topic, Verdict, Violation};
    pub(super) use crate::sources::*;
    pub(super) use crate::value::{Value, seconds};
}

/// Declares the rules' modules and the catalogue.
macro_rules! catalogue {
    ($($module:ident,)+) => {
        $(mod $module;)+

        /// All rules, sorted by name.
        pub static RULES: &[Rule] = &[$($module::RULE),+];
    };
}

catalogue! {
    idle_timeout_below_ping_timeout,
    idle_timeout_not_above_ping_interval,
    idle_timeout_out_of_range,
    keep_alive_not_above_idle_timeout,
}

/// The rule of this name.
///
/// ```
/// assert!(timeouts::rule("idle-timeout-out-of-range").is_some());
/// assert!(timeouts::rule("no-such-rule").is_none());
/// ```
#[must_use]
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod cases;
