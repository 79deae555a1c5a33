//! A live stack, as it was named on the command line.

use crate::loaded_environment::StackOptions;
use crate::report::Ignore;

/// A stack by name.
pub struct Named {
    /// The environment as it was named, where there is one.
    pub environment: Option<String>,
    /// The stack's name.
    pub name: String,
    /// Its region.
    pub region: Option<String>,
    /// The rules that the environment passes over.
    pub ignores: Vec<Ignore>,
    /// What a deployment needs to know beside template and parameters.
    pub options: StackOptions,
}

impl Named {
    /// How it is named on the command line.
    #[must_use]
    pub fn flag(&self) -> String {
        match &self.environment {
            Some(environment) => format!("--env {environment}"),
            None => format!("--stack {}", self.name),
        }
    }

    /// What to say where there is no such stack, and it is needed.
    #[must_use]
    pub fn absent(&self) -> String {
        let hint = match &self.environment {
            Some(environment) => format!("`deployer up --env {environment}` makes it"),
            None => "`aws cloudformation list-stacks` shows those that there are".to_owned(),
        };
        format!("{}; {hint}", self.is_absent())
    }

    /// That there is no such stack.
    #[must_use]
    pub fn is_absent(&self) -> String {
        let region = self.region.as_ref();
        let place = region.map_or_else(String::new, |region| format!(" in {region}"));
        format!("there is no stack `{}`{place} in this account", self.name)
    }
}
