//! Parameters: what a template asks for, and the values that it is given.

use indexmap::IndexMap;

use super::{suggest, text_node};
use crate::diagnostic::{Mistake, Mistakes};
use crate::node::{Call, Entry, Function, Kind, Node, Scalar, Value};

/// "Maximum size of a parameter value: 4,096 bytes" (Understand CloudFormation quotas).
const MAX_VALUE_BYTES: usize = 4096;

/// The keys of a parameter ("Parameters", CloudFormation user guide).
const KEYS: [&str; 11] = [
    "Type",
    "Default",
    "Description",
    "AllowedValues",
    "AllowedPattern",
    "ConstraintDescription",
    "MinLength",
    "MaxLength",
    "MinValue",
    "MaxValue",
    "NoEcho",
];

/// What a template is rendered with.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Values by parameter name, each with the place that gave it.
    pub parameters: IndexMap<String, Node>,
    /// Pseudo parameters by name, `AWS::Region` for instance; those that are absent stay symbolic.
    pub pseudo: IndexMap<String, Node>,
}

impl Inputs {
    /// Sets the region, and with it partition and URL suffix.
    pub fn region(&mut self, region: &Node) {
        let name = region.as_text().unwrap_or_default();
        let (partition, suffix) = match name {
            _ if name.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
            _ if name.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
            _ => ("aws", "amazonaws.com"),
        };
        let text = |text: &str| Node {
            value: Value::Scalar(Scalar::text(text)),
            origin: region.origin.clone(),
        };
        self.pseudo.insert("AWS::Region".to_owned(), region.clone());
        self.pseudo
            .insert("AWS::Partition".to_owned(), text(partition));
        self.pseudo
            .insert("AWS::URLSuffix".to_owned(), text(suffix));
    }
}

/// A parameter that a template declares.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its type: `String`, `Number`, `CommaDelimitedList`, `List<…>`, `AWS::…`.
    pub kind: String,
    /// Its value where none is given.
    pub default: Option<Node>,
    /// Whether its value is secret (`NoEcho`).
    pub secret: bool,
    entry: Entry,
}

impl Parameter {
    /// The default as CloudFormation passes it on: a list as one text, comma-separated.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref()?.as_text().map(str::to_owned)
    }

    pub(super) fn read(name: &str, entry: &Entry) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let Some(map) = entry.node.as_map() else {
            return Err(Mistake::at(
                &entry.key,
                format!("the parameter `{name}` is a mapping with `Type`"),
            )
            .into());
        };
        for (key, entry) in map {
            if !KEYS.contains(&key.as_str()) {
                let mistake =
                    Mistake::at(&entry.key, format!("`{key}` is not a key of a parameter"));
                mistakes.push(suggest(mistake, key, KEYS));
            }
        }
        let kind = entry
            .node
            .get("Type")
            .and_then(Node::as_text)
            .unwrap_or_default()
            .to_owned();
        if kind.is_empty() {
            mistakes.push(Mistake::at(
                &entry.key,
                format!("the parameter `{name}` has no `Type`"),
            ));
        }
        let default = entry.node.get("Default").cloned();
        let secret = entry
            .node
            .get("NoEcho")
            .and_then(Node::as_bool)
            .unwrap_or(false);
        mistakes.or(Self {
            kind,
            default,
            secret,
            entry: entry.clone(),
        })
    }

    /// Whether AWS looks the value up, so that what is given here is only its key.
    #[must_use]
    pub fn looked_up(&self) -> bool {
        self.kind.starts_with("AWS::SSM::Parameter::Value<")
    }

    /// Whether it has neither a value nor a default.
    pub(super) fn is_unset(&self, given: Option<&Node>) -> bool {
        given.is_none() && self.default.is_none() && !self.looked_up()
    }

    fn is_list(&self) -> bool {
        self.kind == "CommaDelimitedList" || self.kind.starts_with("List<")
    }

    /// The value of `!Ref name`, from what was given or else the default; symbolic where there is
    /// neither.
    pub(super) fn value(&self, name: &str, given: Option<&Node>) -> Result<Node, Mistakes> {
        let Some(value) = given.or(self.default.as_ref()) else {
            return Ok(self.symbolic(name));
        };
        let mut items = self.items(name, value)?;
        let mut mistakes = Mistakes::default();
        for item in &items {
            mistakes.keep(self.check(name, item));
        }
        mistakes.or(match items.pop() {
            _ if self.looked_up() => self.symbolic(name),
            Some(only) if !self.is_list() => only,
            last => {
                items.extend(last);
                Node {
                    value: Value::List(items),
                    origin: value.origin.clone(),
                }
            }
        })
    }

    /// The items of a list, or the one value of anything else. An empty list is one of an empty
    /// string, as templates rely on: `!Equals [!Select [0, !Ref List], ""]`.
    fn items(&self, name: &str, value: &Node) -> Result<Vec<Node>, Mistake> {
        let item = |text: &str| Node {
            value: Value::Scalar(Scalar::text(text.trim())),
            origin: value.origin.clone(),
        };
        let items = match &value.value {
            Value::List(items) if self.is_list() && items.is_empty() => vec![item("")],
            Value::List(items) if self.is_list() => items.clone(),
            Value::Scalar(scalar) if self.is_list() => scalar.text.split(',').map(item).collect(),
            Value::Scalar(_) => vec![value.clone()],
            _ => {
                let kind = value.kind_name();
                let message = format!(
                    "the parameter `{name}` is of type {}, but this is {kind}",
                    self.kind
                );
                return Err(self.mistake(value, message));
            }
        };
        Ok(items.into_iter().map(|item| self.typed(item)).collect())
    }

    /// A number where the type says so, a string otherwise: `Default: 012345678901` is an account.
    fn typed(&self, mut node: Node) -> Node {
        if let Value::Scalar(scalar) = &mut node.value {
            scalar.kind = if self.kind.contains("Number") {
                Scalar::plain(&scalar.text).kind
            } else {
                Kind::Text
            };
        }
        node
    }

    fn symbolic(&self, name: &str) -> Node {
        let argument = Box::new(text_node(name, &self.entry.key));
        Node::new(
            Value::Call(Call {
                function: Function::Ref,
                argument,
            }),
            self.entry.key.clone(),
        )
    }

    /// The constraints that the template states, for one value or one item of a list.
    fn check(&self, name: &str, node: &Node) -> Result<(), Mistake> {
        let Some(text) = node.as_text() else {
            return Err(self.mistake(
                node,
                format!(
                    "the parameter `{name}` takes a value, not {}",
                    node.kind_name()
                ),
            ));
        };
        if text.len() > MAX_VALUE_BYTES {
            let message = format!(
                "the parameter `{name}` has {} bytes: {MAX_VALUE_BYTES} at most",
                text.len()
            );
            return Err(self.mistake(node, message));
        }
        let wrong = |expected: String| {
            Err(self.mistake(
                node,
                format!("the parameter `{name}` must be {expected}, but this is `{text}`"),
            ))
        };
        if let Some(allowed) = self.entry.node.get("AllowedValues").and_then(Node::as_list) {
            let allowed: Vec<_> = allowed.iter().filter_map(Node::as_text).collect();
            if !allowed.contains(&text) {
                return wrong(format!("one of {}", allowed.join(", ")));
            }
        }
        if self.kind.contains("Number") {
            return self.check_number(text).or_else(wrong);
        }
        if let Some(pattern) = self.constraint("AllowedPattern") {
            // Java's expressions can say more than this crate's: what it does not read is left to
            // AWS.
            if let Ok(regex) = regex_lite::Regex::new(&format!("^(?:{pattern})$"))
                && !regex.is_match(text)
            {
                return wrong(format!("text that matches {pattern}"));
            }
        }
        let length = text.chars().count();
        match (self.limit("MinLength"), self.limit("MaxLength")) {
            (Some(min), _) if (length as f64) < min => {
                wrong(format!("of {min} characters at least"))
            }
            (_, Some(max)) if (length as f64) > max => {
                wrong(format!("of {max} characters at most"))
            }
            _ => Ok(()),
        }
    }

    fn check_number(&self, text: &str) -> Result<(), String> {
        let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) else {
            return Err("a number".to_owned());
        };
        match (self.limit("MinValue"), self.limit("MaxValue")) {
            (Some(min), _) if number < min => Err(format!("{min} at least")),
            (_, Some(max)) if number > max => Err(format!("{max} at most")),
            _ => Ok(()),
        }
    }

    fn constraint(&self, key: &str) -> Option<&str> {
        self.entry.node.get(key)?.as_text()
    }

    fn limit(&self, key: &str) -> Option<f64> {
        self.constraint(key)?.parse().ok()
    }

    /// A mistake at the value where a file gave it, and with the template's own words where it has
    /// some.
    fn mistake(&self, value: &Node, message: String) -> Mistake {
        let mistake = match value.place() {
            Some(place) => Mistake::at(place, message),
            None => Mistake::nowhere(message),
        };
        match self
            .constraint("ConstraintDescription")
            .or_else(|| self.constraint("Description"))
        {
            Some(description) => mistake.help(description.trim()),
            None => mistake,
        }
    }
}
