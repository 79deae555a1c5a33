//! How a block is written in the configuration: its expressions, as `show -json` gives them.
//!
//! Terraform leaves `dynamic` blocks out of them.

use serde_json::Value;

/// Blocks that Terraform keeps as sets: their order in a plan is not that in the files.
const SETS: [&str; 7] = [
    "capacity_provider_strategy",
    "condition",
    "load_balancer",
    "origin",
    "query_string",
    "subnet_mapping",
    "target_group",
];

/// The expressions of a block: one of several where it cannot be told which, none where the source
/// does not hold them.
#[derive(Clone, Copy)]
pub(super) struct Written<'a>(&'a [Value]);

impl<'a> Written<'a> {
    pub(super) fn one(expressions: Option<&'a Value>) -> Self {
        Self(expressions.map_or(&[], std::slice::from_ref))
    }

    /// The expressions that an attribute may have.
    pub(super) fn of(self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter_map(move |block| block.get(name))
    }

    /// Whether nobody writes an attribute or a block that is not `dynamic`.
    pub(super) fn leaves_out(self, name: &str) -> bool {
        !self.0.is_empty() && self.of(name).next().is_none()
    }

    /// How one of the blocks of a name is written.
    pub(super) fn block(self, name: &str, items: &[Value], index: usize) -> Self {
        let [parent] = self.0 else {
            return Self(&[]);
        };
        let all = match parent.get(name) {
            Some(Value::Array(all)) => all.as_slice(),
            other => return Self::one(other),
        };
        // Of other lengths, some of the blocks come from a `dynamic` one.
        let Some(item) = items.get(index).filter(|_| all.len() == items.len()) else {
            return Self(&[]);
        };
        if !SETS.contains(&name) {
            return Self::one(all.get(index));
        }
        let mut alike = all.iter().filter(|block| agrees(block, item));
        match (alike.next(), alike.next()) {
            (only, None) if only.is_some() => Self::one(only),
            _ => Self(all),
        }
    }
}

/// Whether the constants of a block's expressions are those of its values.
fn agrees(block: &Value, values: &Value) -> bool {
    let text = |value: &Value| {
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| value.to_string())
    };
    let mut expressions = block.as_object().into_iter().flatten();
    expressions.all(|(name, expression)| {
        match (expression.get("constant_value"), values.get(name)) {
            (Some(Value::Array(_) | Value::Object(_)) | None, _) => true,
            (Some(constant), Some(value)) => text(constant) == text(value),
            (Some(_), None) => false,
        }
    })
}
