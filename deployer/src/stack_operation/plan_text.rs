//! A plan as text and as JSON. What replaces a resource stands first, and is loud.

use std::fmt::Write as _;

use console::Style;
use serde_json::{Value, json};

use super::plan::{Action, Plan, PlannedChange};
use crate::terminal::colour::wanted;

impl Action {
    fn mark(self) -> &'static str {
        match self {
            Self::Replace => "!!",
            Self::MayReplace => "!?",
            Self::Remove => " -",
            Self::Add => " +",
            Self::Change | Self::Revise => " ~",
        }
    }

    /// The word for it, in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::MayReplace => "may-replace",
            Self::Remove => "remove",
            Self::Add => "add",
            Self::Change => "change",
            Self::Revise => "revise",
        }
    }

    fn style(self) -> Style {
        let style = Style::new().force_styling(true);
        match self {
            Self::Replace | Self::MayReplace => style.red().bold(),
            Self::Remove => style.red(),
            Self::Add => style.green(),
            Self::Change | Self::Revise => style.yellow(),
        }
    }
}

impl Plan {
    /// The plan for a person.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        let Self { stack, region, .. } = self;
        if self.is_empty() {
            return format!("{stack} in {region}: no changes\n");
        }
        let how = if self.creates { "create" } else { "update" };
        let mut text = format!("{stack} in {region}: {how}\n");
        let colour = wanted(colour);
        let mut changes: Vec<&PlannedChange> = self.changes.iter().collect();
        changes.sort_by_key(|change| change.action);
        let width = changes
            .iter()
            .map(|c| c.logical_id.len())
            .max()
            .unwrap_or(0);
        for change in changes {
            let line = line(change, width);
            let line = if colour {
                change.action.style().apply_to(line).to_string()
            } else {
                line
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
        self.write_parameters(&mut text);
        for note in self.notes() {
            let _ = writeln!(text, "  {note}");
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    fn write_parameters(&self, text: &mut String) {
        if self.parameters.is_empty() || self.creates {
            return;
        }
        text.push_str("  parameters\n");
        let width = self
            .parameters
            .iter()
            .map(|p| p.name.len())
            .max()
            .unwrap_or(0);
        for parameter in &self.parameters {
            let side = |value: &Option<String>| match value.as_deref() {
                None => "(none)".to_owned(),
                Some("") => "(empty)".to_owned(),
                Some(value) => value.to_owned(),
            };
            let (before, after) = (side(&parameter.before), side(&parameter.after));
            let _ = writeln!(text, "    {:<width$}  {before} → {after}", parameter.name);
        }
    }

    fn notes(&self) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if self.changes.is_empty() && self.parameters.is_empty() && self.text {
            notes.push("only the template's text differs; no resource changes");
        }
        if self.retags {
            notes.push("the stack gets the tags of the environment file, and no others");
        }
        if self.protects_later {
            notes.push(
                "the load balancer's deletion protection is switched on once the stack exists",
            );
        }
        match self.protection {
            Some(true) => notes.push("the stack's termination protection is switched on"),
            Some(false) => notes.push("the stack's termination protection is switched OFF"),
            None => {}
        }
        notes
    }

    /// How many of what.
    #[must_use]
    pub fn summary(&self) -> String {
        let add = self.count(&[Action::Add]);
        let change = self.count(&[Action::Change, Action::Revise]);
        let replace = self.count(&[Action::Replace]);
        let perhaps = self.count(&[Action::MayReplace]);
        let remove = self.count(&[Action::Remove]);
        let mut text =
            format!("{add} to add, {change} to change, {replace} to replace, {remove} to remove");
        if perhaps > 0 {
            let _ = write!(text, ", {perhaps} may be replaced");
        }
        if self.retagged > 0 {
            let _ = write!(text, "; other tags alone on {} more", self.retagged);
        }
        text
    }

    /// The plan for a program.
    #[must_use]
    pub fn json(&self) -> Value {
        let change = |change: &PlannedChange| {
            json!({
                "action": change.action.word(),
                "logical_id": change.logical_id,
                "resource_type": change.kind,
                "physical_id": (!change.physical_id.is_empty()).then_some(&change.physical_id),
                "reasons": change.reasons,
            })
        };
        let parameters = self
            .parameters
            .iter()
            .map(|p| json!({ "name": p.name, "before": p.before, "after": p.after }));
        json!({
            "schema": 1,
            "type": "plan",
            "stack": self.stack,
            "region": self.region,
            "action": if self.is_empty() { "none" } else if self.creates { "create" } else { "update" },
            "changes": self.changes.iter().map(change).collect::<Vec<_>>(),
            "parameters": parameters.collect::<Vec<_>>(),
            "retagged": self.retagged,
            "tags_change": self.retags,
            "termination_protection": self.protection,
        })
    }
}

fn line(change: &PlannedChange, width: usize) -> String {
    let reasons = change.reasons.join(", ");
    let why = match (change.action, reasons.is_empty()) {
        (Action::Replace, true) => "IS REPLACED".to_owned(),
        (Action::Replace, false) => format!("IS REPLACED, for {reasons}"),
        (Action::MayReplace, true) => "MAY BE REPLACED".to_owned(),
        (Action::MayReplace, false) => format!("MAY BE REPLACED, for {reasons}"),
        (Action::Revise, false) => format!("another revision: {reasons}"),
        _ => reasons,
    };
    let line = format!(
        "  {} {:<width$}  {}  {why}",
        change.action.mark(),
        change.logical_id,
        change.kind
    );
    line.trim_end().to_owned()
}
