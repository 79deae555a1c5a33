//! What a user says about a server that a template does not show.

use timeouts::{Place, Reading, Setting, Value};

use cloudformation::diagnostic::{Mistake, Mistakes, nearest};

/// Settings that flags state; they count before what a template says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    settings: Vec<(Setting, Value, Place)>,
    service: Option<String>,
}

impl Flags {
    /// Adds a setting, with the place that names it to the user.
    pub fn set(&mut self, setting: Setting, value: impl Into<Value>, place: impl Into<Place>) {
        self.settings.push((setting, value.into(), place.into()));
    }

    /// Says which service the settings are about, by its logical id; needed where a template has
    /// several.
    pub fn about(&mut self, service: impl Into<String>) {
        self.service = Some(service.into());
    }

    /// The settings must be about one service: of another that stands beside it they would not be
    /// true. `services` are those behind a load balancer, each in one of so many ways.
    pub(super) fn check(&self, services: &[&str], ways: usize) -> Result<(), Mistakes> {
        let mistake = match &self.service {
            Some(service) if !services.contains(&service.as_str()) => {
                let help = match nearest(service, services.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "the services behind a load balancer are {}",
                        services.join(", ")
                    ),
                };
                Mistake::nowhere(format!(
                    "there is no service `{service}` behind a load balancer"
                ))
                .help(help)
            }
            None if !self.settings.is_empty() && ways > 1 => Mistake::nowhere(
                "the template has several services, and the flags describe one server",
            )
            .help(format!("say which with --service: {}", services.join(", "))),
            _ => return Ok(()),
        };
        Err(mistake.into())
    }

    /// Adds the settings to the reading of a service.
    pub(super) fn apply(&self, service: Option<&str>, reading: &mut Reading) {
        if self.service.is_some() && self.service.as_deref() != service {
            return;
        }
        for (setting, value, place) in &self.settings {
            reading.see(*setting, value.clone(), place.clone());
        }
    }
}
