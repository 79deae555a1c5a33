//! An operation on a CloudFormation stack: what it would change, watching it, and why it failed.
//!
//! [`Plan`] is what a change set means to a person. [`watch()`] follows whatever CloudFormation
//! does to a stack and tells a [`Reporter`] each step; `up`, `rollback` and `down` all end in it.
//! [`wait_for_steady_state()`] waits until ECS runs the very task definition that was deployed.
//! What is asked of AWS stands in [`crate::aws`]; what a verb does with the outcome, with the verb.

mod advice;
mod cause;
mod compact;
mod documents;
mod fresh_tasks;
mod notice;
mod outcome;
mod pace;
mod plan;
mod plan_text;
mod progress;
#[cfg(test)]
mod replay;
mod reporter;
mod request;
mod rollout;
mod screen;
mod significance;
mod situation;
mod steady_state;
mod wait;
mod watch;

pub use cause::Cause;
pub(crate) use compact::compact;
pub(crate) use documents::{deployment, moment, target};
pub use fresh_tasks::wait_for_fresh_tasks;
pub use notice::Notice;
pub use outcome::Outcome;
pub use plan::{Action, HIDDEN, ParameterChange, Plan, PlannedChange};
pub use progress::{Item, Progress};
pub use reporter::{JsonLines, Lines, Reporter};
pub use request::{Request, Unfit};
pub use rollout::Rollout;
pub use screen::Screen;
pub use situation::{Situation, situation};
pub use steady_state::{SteadyState, verdict, wait_for_steady_state};
pub use wait::patiently;
pub use watch::{Goal, Limits, Operation, Stopped, watch};
