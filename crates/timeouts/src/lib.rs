#![doc = include_str!("../README.md")]

pub mod explain;
mod facts;
pub mod grammar;
mod logic;
mod place;
mod presets;
mod reading;
mod report;
mod rule;
mod rules;
mod setting;
mod settings;
mod sources;
mod value;

pub use facts::OWN_REGION;
pub use place::{Origin, Place};
pub use presets::{PRESETS, Preset, preset};
pub use reading::{NotSeen, Reading, Seen, Sight};
pub use report::{Finding, Report, check};
pub use rule::{Level, Rule, Source, Topic, Verdict, Violation};
pub use rules::{OWN_SERVER, RULES, rule, silent_network_lateness};
pub use setting::{DefaultValue, OutOfRange, Spec};
pub use settings::Setting;
pub use value::{Kind, Value, seconds};
