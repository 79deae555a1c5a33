//! What a user says about a server that a template does not show.

use timeouts::{Place, Preset, Reading, Setting, Value};

use cloudformation::diagnostic::{Mistake, Mistakes, nearest};

/// Settings that flags state; they count before what a template says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    settings: Vec<(Setting, Value, Place)>,
    library: Option<&'static Preset>,
    service: Option<String>,
}

impl Flags {
    /// Adds a setting, with the place that names it to the user.
    pub fn set(&mut self, setting: Setting, value: impl Into<Value>, place: impl Into<Place>) {
        self.settings.push((setting, value.into(), place.into()));
    }

    /// Says which library the server is built with. What it does by itself counts last.
    pub fn library(&mut self, preset: &'static Preset) {
        self.library = Some(preset);
    }

    /// Says which service the settings are about, by its logical id; needed where a template has
    /// several.
    pub fn about(&mut self, service: impl Into<String>) {
        self.service = Some(service.into());
    }

    /// The service that the settings are about, where it was said.
    pub(super) fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// The settings must be about one service: of another that stands beside it they would not be
    /// true. `services` are those that were found, each once.
    pub(super) fn check(&self, services: &[&str]) -> Result<(), Mistakes> {
        let mistake = match &self.service {
            Some(service) if !services.contains(&service.as_str()) => {
                let help = match nearest(service, services.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the services are {}", services.join(", ")),
                };
                Mistake::nowhere(format!("there is no service `{service}`")).help(help)
            }
            None if self.says_something() && services.len() > 1 => {
                Mistake::nowhere("there are several services, and the flags describe one server")
                    .help(format!("say which with --service: {}", services.join(", ")))
            }
            _ => return Ok(()),
        };
        Err(mistake.into())
    }

    fn says_something(&self) -> bool {
        !self.settings.is_empty() || self.library.is_some()
    }

    /// Adds the settings to a reading; of the only service there is, where none was named.
    pub(super) fn apply(&self, service: Option<&str>, services: &[&str], reading: &mut Reading) {
        let about = self.service.as_deref().or(services.first().copied());
        if about != service {
            return;
        }
        for (setting, value, place) in &self.settings {
            reading.see(*setting, value.clone(), place.clone());
        }
        let defaults = self.library.into_iter().flat_map(Preset::defaults);
        for (setting, value, place) in defaults {
            if reading.get(setting).is_err() && reading.why_not_seen(setting).is_none() {
                reading.see(setting, value, place);
            }
        }
    }
}
