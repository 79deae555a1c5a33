//! What people look for besides: the last deployments, alarms that ring, and how many connections
//! each node holds. None of it costs anything, and none of it hinders the rest.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::{Alarm, Clients, Error, Operation, Resource};
use crate::connections::Connections;
use crate::stack_operation::moment;

/// Deployments that are shown.
pub(super) const DEPLOYMENTS: usize = 5;

/// The alarms that ring for a stack: its own, and those of others whose names begin with its name.
///
/// # Errors
/// AWS refuses the call.
pub async fn alarms(
    clients: &Clients,
    stack: &str,
    resources: &[Resource],
) -> Result<Vec<Alarm>, Error> {
    let own: Vec<_> = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::CloudWatch::Alarm")
        .collect();
    let mut ringing = clients.ringing(&format!("{stack}-")).await?;
    ringing.retain(|alarm| is_of(alarm, stack, &own));
    Ok(ringing)
}

/// Whether an alarm is this stack's: another stack's name may begin with this one's.
fn is_of(alarm: &Alarm, stack: &str, own: &[&Resource]) -> bool {
    let is_own = own.iter().any(|one| one.physical_id == alarm.name);
    let like_own = |one: &&Resource| alarm.name.contains(&format!("-{}-", one.logical_id));
    let of_another = alarm.service.as_ref().is_some_and(|name| name != stack);
    is_own || !(of_another || own.iter().any(like_own))
}

/// Alarms as text, a line each and why below.
#[must_use]
pub fn alarms_text(alarms: &[Alarm], indent: &str) -> String {
    let mut text = String::new();
    for alarm in alarms {
        let since = match &*alarm.since {
            "" => String::new(),
            since => format!(" since {since}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{indent}{} rings{since}\n{indent}  {}",
            alarm.name, alarm.reason
        );
    }
    text
}

/// Alarms for programs.
#[must_use]
pub fn alarms_json(alarms: &[Alarm]) -> Value {
    let alarm = |alarm: &Alarm| {
        let since = Some(&alarm.since).filter(|since| !since.is_empty());
        json!({ "name": alarm.name, "reason": alarm.reason, "since": since })
    };
    alarms.iter().map(alarm).collect()
}

/// The last deployments as text, newest first.
pub(super) fn operations_text(operations: &[Operation]) -> String {
    let mut text = String::new();
    for operation in operations {
        let took = operation
            .ended
            .map(|ended| ended.duration_since(operation.began));
        let took = match took {
            Some(took) => {
                let seconds = Duration::from_secs(took.unwrap_or_default().as_secs());
                format!(", in {}", humantime::format_duration(seconds))
            }
            None => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {}  {}{took}",
            moment(operation.began),
            operation.status
        );
    }
    text
}

pub(super) fn operations_json(operations: &[Operation]) -> Value {
    let operation = |one: &Operation| json!({ "began": moment(one.began), "ended": one.ended.map(moment), "status": one.status });
    operations.iter().map(operation).collect()
}

/// Connections as a part of the status's text; nothing where nobody was asked.
pub(super) fn connections_text(connections: Option<&Connections>) -> String {
    match connections.map(|connections| connections.text("  ")) {
        Some(text) if !text.is_empty() => format!("\nconnections\n{text}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(name: &str, service: Option<&str>) -> Alarm {
        Alarm {
            name: name.to_owned(),
            reason: "Threshold Crossed".to_owned(),
            since: String::new(),
            service: service.map(str::to_owned),
        }
    }

    #[test]
    fn alarms_of_other_environments_are_not_this_ones() {
        let own = Resource {
            logical_id: "LoggedErrors".to_owned(),
            physical_id: "acme-drops-prod-LoggedErrors-1ABC".to_owned(),
            kind: "AWS::CloudWatch::Alarm".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
        };
        let is_of = |name, service| is_of(&alarm(name, service), "acme-drops-prod", &[&own]);
        assert!(is_of("acme-drops-prod-LoggedErrors-1ABC", None));
        assert!(is_of("acme-drops-prod-store-away", Some("acme-drops-prod")));
        assert!(is_of("acme-drops-prod-orders-late", None));
        assert!(!is_of("acme-drops-prod-eu-LoggedErrors-9XYZ", None));
        let other = Some("acme-drops-prod-eu");
        assert!(!is_of("acme-drops-prod-eu-store-away", other));
    }
}
