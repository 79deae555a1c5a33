//! A reading in the making: turns fields of a model into values with places.

use std::collections::BTreeMap;

use timeouts::{Reading, Setting, Value};

use aws_model::{Field, Model, NotSeen, Source};
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
}

impl<'a, 'p> View<'a, 'p> {
    pub(super) fn new(model: &'a Model, subject: String, places: &'p mut Places) -> Self {
        Self {
            model,
            reading: Reading::new(subject),
            places,
        }
    }

    /// The place as a reading keeps it.
    pub(super) fn place(&mut self, place: &Origin) -> timeouts::Place {
        self.places.chain(place)
    }

    /// Records a value at a place.
    pub(super) fn see(&mut self, setting: Setting, value: impl Into<Value>, place: &Origin) {
        let place = self.place(place);
        self.reading.see(setting, value, place);
    }

    /// Records one more value of a setting that is seen several times.
    pub(super) fn also(&mut self, setting: Setting, value: impl Into<Value>, place: &Origin) {
        let place = self.place(place);
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
        self.reading.see_aws_default(setting, place);
    }

    /// The place of a default of AWS.
    pub(super) fn default_of(&mut self, resource: &Origin) -> timeouts::Place {
        timeouts::Place::named("default of AWS").through(self.place(resource))
    }

    /// Records why a setting is not seen.
    pub(super) fn hide(&mut self, setting: Setting, why: &NotSeen) {
        let why = match why {
            NotSeen::OnlyAwsKnows(place) => {
                let place = place.first().map(ToString::to_string).unwrap_or_default();
                format!("only AWS knows the value at {place}")
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
        };
        self.reading.hide(setting, why);
    }

    /// Records that a resource which would state the setting does not exist in this template.
    pub(super) fn none(&mut self, setting: Setting, what: &str) {
        match self.model.source {
            Source::Live => self.reading.hide(setting, NOT_READ),
            Source::Template => self.reading.see(
                setting,
                Value::Unset,
                format!("the template, which has no {what}"),
            ),
        };
    }
}
