//! What would change, as a person wants to know it: resources with the reason, parameters old and
//! new.

use crate::aws::{Change, Recreation, StackState};

use super::Request;
use super::significance::without_tags;

/// A task definition is never changed: each change is another revision of it, and nothing is lost
/// by that.
const TASK_DEFINITION: &str = "AWS::ECS::TaskDefinition";

/// What a deployment would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The stack's name.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// Whether it would be a new one.
    pub creates: bool,
    /// Resources, in the template's order of names.
    pub changes: Vec<PlannedChange>,
    /// How many resources would get other tags and nothing else.
    pub retagged: usize,
    /// Whether the stack would get other tags, and everything in it.
    pub retags: bool,
    /// Parameters that would get another value.
    pub parameters: Vec<ParameterChange>,
    /// Whether the template differs from the deployed one at all.
    pub text: bool,
    /// The protection of the stack against deletion, where it would be switched.
    pub protection: Option<bool>,
    /// Whether the load balancer's protection against deletion follows once a new stack lives.
    pub protects_later: bool,
}

/// What would happen to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedChange {
    /// What.
    pub action: Action,
    /// Its name within the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// What AWS calls it; empty for a new one.
    pub physical_id: String,
    /// Why: a property, what causes its change, and its values where AWS tells them.
    pub reasons: Vec<String>,
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Another takes its place, and this one is deleted.
    Replace,
    /// Whether a replacement starts shows during the update.
    MayReplace,
    /// It is deleted.
    Remove,
    /// It is made.
    Add,
    /// It is changed in place.
    Change,
    /// It gets another revision; the old one remains.
    Revise,
}

/// A parameter that gets another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterChange {
    /// Its name.
    pub name: String,
    /// The value until now; none for a new one.
    pub before: Option<String>,
    /// The value from now on; none for one that goes.
    pub after: Option<String>,
}

/// What stands for a value that nobody may see.
pub const HIDDEN: &str = "****";

impl Plan {
    /// The plan of a change set's `changes`. `old` is the stack that they are for, `template` its
    /// template as deployed.
    #[must_use]
    pub fn new(
        request: &Request,
        changes: Vec<Change>,
        old: Option<&StackState>,
        template: Option<&str>,
    ) -> Self {
        let (changes, retagged) = without_tags(changes);
        let protected = old.is_some_and(|stack| stack.protected);
        let creates = old.is_none();
        Self {
            stack: request.stack.clone(),
            region: request.region.clone(),
            creates,
            changes: changes.iter().map(planned).collect(),
            retagged,
            retags: old.is_some_and(|old| request.retags(old)),
            parameters: parameters(request, old),
            text: template.is_none_or(|template| template.trim() != request.template.trim()),
            protection: (request.protects != protected).then_some(request.protects),
            protects_later: creates && request.protects,
        }
    }

    /// CloudFormation finds nothing to do: a parameter that nothing uses, or another comment, is no
    /// change to it.
    pub(crate) fn drop_ineffective(&mut self) {
        self.parameters.clear();
        (self.text, self.retags) = (false, false);
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.creates
            && self.changes.is_empty()
            && self.parameters.is_empty()
            && !self.text
            && !self.retags
            && self.protection.is_none()
    }

    /// Whether CloudFormation has something to do, rather than the stack's protection alone being
    /// switched.
    #[must_use]
    pub fn changes_stack(&self) -> bool {
        let changes = !self.changes.is_empty() || !self.parameters.is_empty();
        self.creates || changes || self.text || self.retags
    }

    /// How many changes are of this sort.
    #[must_use]
    pub fn count(&self, actions: &[Action]) -> usize {
        let changes = self.changes.iter();
        changes
            .filter(|change| actions.contains(&change.action))
            .count()
    }
}

fn planned(change: &Change) -> PlannedChange {
    let action = match (change.action.as_str(), change.replaced) {
        ("Add" | "Import", _) => Action::Add,
        ("Remove", _) => Action::Remove,
        (_, Recreation::Always | Recreation::Perhaps) if change.kind == TASK_DEFINITION => {
            Action::Revise
        }
        (_, Recreation::Always) => Action::Replace,
        (_, Recreation::Perhaps) => Action::MayReplace,
        (_, Recreation::Never) => Action::Change,
    };
    let replaces = matches!(action, Action::Replace | Action::MayReplace);
    let mut reasons: Vec<String> = Vec::new();
    for detail in &change.details {
        // What does not replace it is not why it is replaced.
        if replaces && detail.recreates == Recreation::Never {
            continue;
        }
        let what = if detail.name.is_empty() {
            &detail.attribute
        } else {
            &detail.name
        };
        let values = match (&detail.before, &detail.after) {
            (Some(before), Some(after)) if short(before) && short(after) => {
                format!(" {before} → {after}")
            }
            _ => String::new(),
        };
        let cause = if detail.cause.is_empty() {
            String::new()
        } else {
            format!(" by {}", detail.cause)
        };
        let reason = format!("{what}{values}{cause}");
        // The same property once as changed and once with its cause: the cause tells more.
        if cause.is_empty()
            && change
                .details
                .iter()
                .any(|other| other.name == detail.name && !other.cause.is_empty())
        {
            continue;
        }
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    PlannedChange {
        action,
        logical_id: change.logical_id.clone(),
        kind: change.kind.clone(),
        physical_id: change.physical_id.clone(),
        reasons,
    }
}

/// Whether a value is short enough to be shown within a line.
fn short(value: &str) -> bool {
    value.chars().count() <= 60 && !value.contains(['{', '\n'])
}

fn parameters(request: &Request, old: Option<&StackState>) -> Vec<ParameterChange> {
    let before = |name: &str| old.and_then(|stack| stack.parameters.get(name)).cloned();
    let mut changes = Vec::new();
    for (name, value) in request.parameters(old.is_none()) {
        let before = before(&name);
        let secret = request.secrets.contains(&name);
        // A secret one cannot be compared: AWS keeps it to itself.
        if (secret && before.is_some()) || before.as_deref() == Some(value.as_str()) {
            continue;
        }
        let after = Some(if secret { HIDDEN.to_owned() } else { value });
        changes.push(ParameterChange {
            name,
            before,
            after,
        });
    }
    for (name, value) in old.iter().flat_map(|stack| &stack.parameters) {
        if !request.declares(name) {
            changes.push(ParameterChange {
                name: name.clone(),
                before: Some(value.clone()),
                after: None,
            });
        }
    }
    changes
}
