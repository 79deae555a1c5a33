//! A reading in the making: turns fields of a model into values with places.

use std::collections::BTreeMap;

use timeouts::{Reading, Setting, Value};

use aws_model::{Field, Id, Model, NotSeen, Source};
use cloudformation::node::{Origin, Place};

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

    /// The chain of places of a value, as a reading keeps it.
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
    pub(super) model: &'a Model,
    pub(super) reading: Reading,
    places: &'p mut Places,
    /// What was recorded, in order.
    recorded: Vec<Setting>,
}

impl<'a, 'p> View<'a, 'p> {
    pub(super) fn new(model: &'a Model, subject: String, places: &'p mut Places) -> Self {
        Self::of(model, Reading::new(subject), places)
    }

    /// Goes on with a reading.
    pub(super) fn of(model: &'a Model, reading: Reading, places: &'p mut Places) -> Self {
        Self {
            model,
            reading,
            places,
            recorded: Vec::new(),
        }
    }

    /// The place as a reading keeps it.
    pub(super) fn place(&mut self, place: &Origin) -> timeouts::Place {
        self.places.chain(place)
    }

    /// Records a value at a place.
    pub(super) fn see(&mut self, setting: Setting, value: impl Into<Value>, place: &Origin) {
        let place = self.place(place);
        self.see_at(setting, value, place);
    }

    /// Records a value at a place of the reading's own kind.
    pub(super) fn see_at(
        &mut self,
        setting: Setting,
        value: impl Into<Value>,
        place: impl Into<timeouts::Place>,
    ) {
        self.recorded.push(setting);
        self.reading.see(setting, value, place);
    }

    /// Where the record stands, for [`Self::doubt`].
    pub(super) fn mark(&self) -> usize {
        self.recorded.len()
    }

    /// Takes back all that was recorded since a mark: it may not be the whole truth.
    pub(super) fn doubt(&mut self, mark: usize, why: &str) {
        for setting in self.recorded.drain(mark..) {
            self.reading.hide(setting, why);
        }
    }

    /// Takes back what was recorded of a resource which may not exist, or which has a property that
    /// is not read.
    pub(super) fn doubt_of(&mut self, id: &Id, mark: usize) {
        if let Some(why) = self.uncertain(id) {
            self.doubt(mark, &why);
        } else if let Some(unread) = self.model.unread.get(id).and_then(|all| all.first()) {
            let place = self.place(&unread.place);
            let why = format!("`{}` of {id} at {place} is not read", unread.name);
            self.doubt(mark, &why);
        }
    }

    /// Why a resource may not exist.
    pub(super) fn uncertain(&self, id: &Id) -> Option<String> {
        let condition = self.model.conditional.get(id)?;
        let why = format!("{id} exists where the condition {condition} holds");
        let unset = self.model.unset.get(condition).map(Vec::as_slice);
        Some(match unset.unwrap_or_default() {
            [] => format!("{why}, which only AWS knows"),
            unset => format!("{why}: {}", give(unset)),
        })
    }

    /// Records one more value of a setting that is seen several times.
    pub(super) fn also(&mut self, setting: Setting, value: impl Into<Value>, place: &Origin) {
        let place = self.place(place);
        self.recorded.push(setting);
        self.reading.also(setting, value, place);
    }

    /// Records a field: its value, or AWS's default where it is not stated.
    pub(super) fn field<T: Clone + Into<Value>>(&mut self, setting: Setting, field: &Field<T>) {
        match field {
            Field::Stated(value, place) => self.see(setting, value.clone(), place),
            Field::NotStated(resource) => self.default(setting, resource),
            Field::NotSeen(why) => self.hide(setting, why),
        }
    }

    /// Records a field, with a value of its own where it is not stated.
    pub(super) fn field_or<T: Clone + Into<Value>>(
        &mut self,
        setting: Setting,
        field: &Field<T>,
        otherwise: impl Into<Value>,
    ) {
        match field {
            Field::NotStated(resource) => self.see(setting, otherwise, resource),
            field => self.field(setting, field),
        }
    }

    /// Records the default of AWS, for a resource that does not state the setting.
    pub(super) fn default(&mut self, setting: Setting, resource: &Origin) {
        let place = self.default_of(resource);
        self.recorded.push(setting);
        self.reading.see_aws_default(setting, place);
    }

    /// The place of a default of AWS.
    pub(super) fn default_of(&mut self, resource: &Origin) -> timeouts::Place {
        timeouts::Place::named("default of AWS").through(self.place(resource))
    }

    /// Records why a setting is not seen.
    pub(super) fn hide(&mut self, setting: Setting, why: &NotSeen) {
        let why = self.reason(setting, why);
        self.reading.hide(setting, why);
    }

    /// Why a setting is not seen, in words.
    pub(super) fn reason(&mut self, setting: Setting, why: &NotSeen) -> String {
        match why {
            NotSeen::OnlyAwsKnows(place, names) => {
                let place = place.first().map(ToString::to_string).unwrap_or_default();
                let unset = |name: &String| self.model.unset.get(name).cloned();
                let mut unset: Vec<_> = names.iter().filter_map(unset).flatten().collect();
                unset.dedup();
                match unset.as_slice() {
                    [] => format!("only AWS knows the value at {place}"),
                    unset => format!("{}, for the value at {place}", give(unset)),
                }
            }
            NotSeen::Macro(place) => {
                format!("the macro at {} may set it", self.place(place))
            }
            NotSeen::Malformed(text, place) => {
                format!(
                    "`{text}` at {} is no {}",
                    self.place(place),
                    setting.title()
                )
            }
            NotSeen::WrongKind(kind) => format!("{kind} where {} was expected", setting.title()),
            NotSeen::Because(why) => (*why).to_owned(),
        }
    }

    /// Records that a resource which would state the setting does not exist in this template.
    pub(super) fn none(&mut self, setting: Setting, what: &str) {
        match (self.model.source, &self.model.adder) {
            (Source::Live, _) => _ = self.reading.hide(setting, NOT_READ),
            (_, Some(adder)) => {
                let place = self.place(&adder.origin);
                let why = format!("the {} at {place} may make a {what}", adder.what);
                self.reading.hide(setting, why);
            }
            (source, None) => {
                let source = match source {
                    Source::Terraform => "plan",
                    _ => "template",
                };
                self.see_at(
                    setting,
                    Value::Unset,
                    format!("the {source}, which has no {what}"),
                );
            }
        }
    }
}

/// What to add for parameters without a value.
fn give(parameters: &[String]) -> String {
    let flags = parameters
        .iter()
        .map(|name| format!("--parameter {name}=…"));
    let flags = flags.collect::<Vec<_>>().join(" ");
    match parameters {
        [only] => format!("parameter {only} has no value ({flags})"),
        several => format!("parameters {} have no value ({flags})", several.join(", ")),
    }
}
