//! What a user says about a server that a template does not show.

use timeouts::{Place, Reading, Setting, Value};

/// Settings given by hand; they count before what a template says.
#[derive(Clone, Debug, Default)]
pub struct Given(Vec<(Setting, Value, Place)>);

impl Given {
    /// Adds a setting, with the place that names it to the user.
    pub fn set(&mut self, setting: Setting, value: impl Into<Value>, place: impl Into<Place>) {
        self.0.push((setting, value.into(), place.into()));
    }

    pub(super) fn apply(&self, reading: &mut Reading) {
        for (setting, value, place) in &self.0 {
            reading.see(*setting, value.clone(), place.clone());
        }
    }
}
