//! What a user says about a server that a template does not show.

use timeouts::{Place, Reading, Setting, Value};

use super::Way;
use cloudformation::diagnostic::{Mistake, Mistakes, nearest};

/// Settings given by hand; they count before what a template says.
#[derive(Clone, Debug, Default)]
pub struct Given {
    settings: Vec<(Setting, Value, Place)>,
    service: Option<String>,
}

impl Given {
    /// Adds a setting, with the place that names it to the user.
    pub fn set(&mut self, setting: Setting, value: impl Into<Value>, place: impl Into<Place>) {
        self.settings.push((setting, value.into(), place.into()));
    }

    /// Says which service the settings are about, by its logical id; needed where a template has several.
    pub fn about(&mut self, service: impl Into<String>) {
        self.service = Some(service.into());
    }

    /// The settings must be about one service: of another that stands beside it they would not be true.
    pub(super) fn check(&self, ways: &[Way<'_>]) -> Result<(), Mistakes> {
        let names: Vec<&str> = ways
            .iter()
            .filter_map(|way| way.service)
            .map(|service| service.logical_id.as_str())
            .collect();
        let mistake = match &self.service {
            Some(service) if !names.contains(&service.as_str()) => {
                let help = match nearest(service, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "the services behind a load balancer are {}",
                        names.join(", ")
                    ),
                };
                Mistake::nowhere(format!(
                    "there is no service `{service}` behind a load balancer"
                ))
                .help(help)
            }
            None if !self.settings.is_empty() && ways.len() > 1 => Mistake::nowhere(
                "the template has several services, and the flags describe one server",
            )
            .help(format!("say which with --service: {}", names.join(", "))),
            _ => return Ok(()),
        };
        Err(mistake.into())
    }

    pub(super) fn apply(&self, way: &Way<'_>, reading: &mut Reading) {
        if self.service.as_ref().is_some_and(|name| {
            way.service
                .is_none_or(|service| service.logical_id != *name)
        }) {
            return;
        }
        for (setting, value, place) in &self.settings {
            reading.see(*setting, value.clone(), place.clone());
        }
    }
}
