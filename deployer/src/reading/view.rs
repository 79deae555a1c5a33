//! A reading in the making: turns nodes of a template into values with places.

use std::collections::BTreeMap;
use std::time::Duration;

use timeouts::{Kind, Reading, Setting, Value};

use cloudformation::node::{self, Leaf, Node, Origin, Place};
use cloudformation::template::{Rendered, Resource};

/// Why some settings are not seen in what is live.
pub(super) const NOT_READ: &str = "not read from AWS";
/// Why others need not be.
pub(crate) const ACCEPTED: &str = "AWS has accepted it";

/// The stretch of a file behind each place of a reading, so that a report can show the line.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<(String, u32, u32), Place>);

impl Places {
    /// The stretch of a file that a link of a reading's place stands for.
    #[must_use]
    pub fn find(&self, origin: &timeouts::Origin) -> Option<&Place> {
        match origin {
            timeouts::Origin::File { path, line, column } => {
                self.0.get(&(path.clone(), *line, *column))
            }
            timeouts::Origin::Named(_) => None,
        }
    }

    fn link(&mut self, place: &Place) -> timeouts::Place {
        // What is live has no text, and is known by its ARN.
        if place.source().text.is_empty() {
            return timeouts::Place::named(place.file());
        }
        let (line, column) = (count(place.line()), count(place.column()));
        self.0
            .entry((place.file().to_owned(), line, column))
            .or_insert_with(|| place.clone());
        timeouts::Place::file(place.file(), line, column)
    }

    /// The chain of places of a node, as a reading keeps it.
    fn chain(&mut self, origin: &Origin) -> timeouts::Place {
        let links = origin
            .places()
            .map(|place| self.link(place))
            .reduce(timeouts::Place::through);
        links.unwrap_or_else(|| timeouts::Place::named("the command line"))
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A reading in the making.
pub(super) struct View<'a, 'p> {
    pub(super) rendered: &'a Rendered,
    pub(super) reading: Reading,
    /// The resources are those that are live, of which not all kinds are read.
    live: bool,
    places: &'p mut Places,
}

impl<'a, 'p> View<'a, 'p> {
    pub(super) fn new(
        rendered: &'a Rendered,
        subject: String,
        live: bool,
        places: &'p mut Places,
    ) -> Self {
        Self {
            rendered,
            reading: Reading::new(subject),
            live,
            places,
        }
    }

    /// The place of a node.
    pub(super) fn place(&mut self, node: &Node) -> timeouts::Place {
        self.places.chain(&node.origin)
    }

    /// The place of a resource's logical id.
    pub(super) fn resource(&mut self, resource: &Resource) -> timeouts::Place {
        self.places.link(&resource.place)
    }

    /// Records a value found at a node.
    pub(super) fn see(&mut self, setting: Setting, value: impl Into<Value>, node: &Node) {
        let place = self.place(node);
        self.reading.see(setting, value, place);
    }

    /// Records one more value of a setting that is seen several times.
    pub(super) fn also(&mut self, setting: Setting, value: impl Into<Value>, node: &Node) {
        let place = self.place(node);
        self.reading.also(setting, value, place);
    }

    /// Records a value that follows from a resource as a whole, such as something that it does not state.
    pub(super) fn see_of(
        &mut self,
        setting: Setting,
        value: impl Into<Value>,
        resource: &Resource,
    ) {
        let place = self.resource(resource);
        self.reading.see(setting, value, place);
    }

    /// Records the default of AWS, for a resource that does not state the setting.
    pub(super) fn default(&mut self, setting: Setting, resource: &Resource) {
        // AWS says what is live, defaults included, but for a task definition's.
        if self.live && setting != Setting::StopTimeout {
            self.reading.hide(setting, "AWS does not say");
            return;
        }
        let place = timeouts::Place::named("default of AWS").through(self.resource(resource));
        self.reading.see_aws_default(setting, place);
    }

    /// Records that a resource which would state the setting does not exist in this template.
    pub(super) fn none(&mut self, setting: Setting, what: &str) {
        if self.live {
            self.reading.hide(setting, NOT_READ);
        } else {
            self.reading.see(
                setting,
                Value::Unset,
                format!("the template, which has no {what}"),
            );
        }
    }

    /// Records that a value is known to AWS alone.
    pub(super) fn symbolic(&mut self, setting: Setting, node: &Node) {
        let place = node.place().map(ToString::to_string).unwrap_or_default();
        self.reading
            .hide(setting, format!("only AWS knows the value at {place}"));
    }

    /// Reads a setting from a property: its value, the default of AWS where it is absent.
    pub(super) fn property(&mut self, setting: Setting, resource: &Resource, name: &str) {
        self.node(setting, resource.properties.at(name), resource);
    }

    /// Reads a setting from a node, if there is one.
    pub(super) fn node(&mut self, setting: Setting, node: Option<&Node>, resource: &Resource) {
        let Some(node) = node else {
            return self.default(setting, resource);
        };
        if setting.spec().kind == Kind::List {
            return self.list(setting, node);
        }
        match node.leaf() {
            Some(Leaf::Literal(scalar)) => match parse(setting.spec().kind, &scalar.text) {
                Some(value) => self.see(setting, value, node),
                None => {
                    let place = self.place(node);
                    self.reading.hide(
                        setting,
                        format!("`{}` at {place} is no {}", scalar.text, setting.title()),
                    );
                }
            },
            Some(Leaf::Symbolic(_)) => self.symbolic(setting, node),
            None => {
                self.reading.hide(
                    setting,
                    format!(
                        "{} where {} was expected",
                        node.kind_name(),
                        setting.title()
                    ),
                );
            }
        }
    }

    /// Reads a list; an item that only AWS knows counts as itself, told apart by how it is written.
    fn list(&mut self, setting: Setting, node: &Node) {
        match node.as_list() {
            Some(items) => {
                let text = |item: &Node| {
                    item.as_text()
                        .map_or_else(|| node::json(item).to_string(), str::to_owned)
                };
                let items: Vec<String> = items.iter().map(text).collect();
                self.see(setting, items, node);
            }
            None => self.symbolic(setting, node),
        }
    }
}

/// A value as CloudFormation writes it: durations are seconds.
fn parse(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Duration => Duration::from_secs(text.parse().ok()?).into(),
        Kind::Count | Kind::Bytes | Kind::Mebibytes => text.parse::<u64>().ok()?.into(),
        Kind::Flag => text.to_lowercase().parse::<bool>().ok()?.into(),
        Kind::Text => text.into(),
        Kind::List | Kind::Ports => return None,
    })
}

/// The references to other resources anywhere below a node.
pub(super) fn mentions(node: &Node, logical_id: &str) -> bool {
    if node.refers_to() == Some(logical_id) {
        return true;
    }
    match &node.value {
        node::Value::List(items) => items.iter().any(|item| mentions(item, logical_id)),
        node::Value::Map(map) => map.values().any(|entry| mentions(&entry.node, logical_id)),
        node::Value::Call(call) => mentions(&call.argument, logical_id),
        node::Value::Scalar(scalar) => {
            scalar.text.contains(&format!("${{{logical_id}}}"))
                || scalar.text.contains(&format!("${{{logical_id}."))
        }
    }
}
