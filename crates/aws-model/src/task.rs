//! Task definitions and their containers.

use std::time::Duration;

use cloudformation::node::{Call, Function, Node, Origin, Value};

use crate::field::{Field, NotSeen, only_aws_knows};
use crate::properties::{Id, Properties, mentioned};

/// A task definition.
#[derive(Clone, Debug)]
pub struct TaskDefinition {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// `awsvpc`, `bridge`, `host` or `none`.
    pub network_mode: Field<String>,
    /// CPU units.
    pub cpu: Field<u64>,
    /// Memory in MiB.
    pub memory: Field<u64>,
    /// Its containers.
    pub containers: Field<Vec<Container>>,
}

/// A container of a task definition.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its place.
    pub place: Origin,
    /// Its name.
    pub name: Field<String>,
    /// The ports that it maps.
    pub ports: Field<Vec<u16>>,
    /// The most memory that it may take, in MiB.
    pub memory: Field<u64>,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: Field<Duration>,
    /// Open files that its processes may have: the soft limit.
    pub nofile: Field<u64>,
    /// Its environment.
    pub environment: Field<Vec<Variable>>,
    /// Whether files in S3 give it more variables.
    pub has_files: bool,
    /// The names of the variables that come from secrets. What they hold is not read.
    pub secrets: Vec<String>,
    /// Its Docker labels.
    pub labels: Vec<(String, Field<String>)>,
}

/// An environment variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name; not seen where only AWS knows the variable.
    pub name: Field<String>,
    /// Its value.
    pub value: Field<String>,
    /// What the value begins with, where only AWS knows the rest: `redis://` of
    /// `!Sub "redis://${Host}"`.
    pub beginning: Option<String>,
    /// The resources that its value refers to.
    pub refers_to: Vec<Id>,
}

impl TaskDefinition {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        Self {
            id: properties.id(),
            place: properties.place(),
            network_mode: properties.field("NetworkMode"),
            cpu: size(properties.field("Cpu")),
            memory: size(properties.field("Memory")),
            containers: properties.each("ContainerDefinitions", Container::read),
        }
    }
}

impl Container {
    /// An environment variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        let mut variables = self.environment.items().iter();
        variables.find(|variable| variable.name.as_str() == Some(name))
    }

    /// A Docker label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&Field<String>> {
        let mut labels = self.labels.iter();
        labels
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    fn read(container: Properties<'_>) -> Self {
        let place = &container.node.origin;
        let secret = |secret: Properties<'_>| secret.field("Name").value().cloned();
        let labels = container.at("DockerLabels").and_then(Node::as_map);
        let limits = container.at("Ulimits");
        let mut limit = container.items("Ulimits");
        let nofile = limit.find(|limit| limit.field("Name").as_str() == Some("nofile"));
        Self {
            name: container.field("Name"),
            ports: container.read("PortMappings", |mappings| match ports(mappings) {
                Some(ports) => Field::Stated(ports, mappings.origin.clone()),
                None => only_aws_knows(mappings),
            }),
            memory: container.field("Memory"),
            stop_timeout: container.field("StopTimeout"),
            nofile: match (limits.filter(|limits| limits.as_list().is_none()), nofile) {
                (Some(limits), _) => only_aws_knows(limits),
                (None, Some(limit)) => limit.field("SoftLimit"),
                (None, None) => Field::NotStated(place.clone()),
            },
            environment: container.each("Environment", Variable::read),
            has_files: container.at("EnvironmentFiles").is_some(),
            secrets: container.items("Secrets").filter_map(secret).collect(),
            labels: labels
                .into_iter()
                .flatten()
                .map(|(name, entry)| (name.clone(), Field::text(&entry.node)))
                .collect(),
            place: place.clone(),
        }
    }
}

impl Variable {
    fn read(variable: Properties<'_>) -> Self {
        let whole = variable.node.as_map().is_some();
        let value = variable.at("Value");
        Self {
            name: if whole {
                variable.field("Name")
            } else {
                only_aws_knows(variable.node)
            },
            value: variable.field("Value"),
            beginning: value.and_then(beginning).map(str::to_owned),
            refers_to: value.map_or_else(Vec::new, |node| mentioned(variable.rendered, node)),
        }
    }
}

/// The text that a function's result begins with: `!Sub "redis://${Host}"`,
/// `!Join ["", ["redis://", …]]`.
fn beginning(node: &Node) -> Option<&str> {
    let Value::Call(Call { function, argument }) = &node.value else {
        return node.as_text();
    };
    match function {
        Function::Sub => argument.as_text().or_else(|| argument.at("0")?.as_text()),
        Function::Join => argument.at("1.0")?.as_text(),
        _ => None,
    }
}

/// The ports of a container's mappings, which are known all or not at all.
fn ports(mappings: &Node) -> Option<Vec<u16>> {
    let port = |mapping: &Node| u16::try_from(mapping.get("ContainerPort")?.as_u64()?).ok();
    mappings.as_list()?.iter().map(port).collect()
}

/// CPU units or MiB, which a task definition may also write as `1 vCPU` and `2 GB`.
#[must_use]
pub fn size(text: Field<String>) -> Field<u64> {
    text.and_then(|text, place| match units(&text) {
        Some(size) => Field::Stated(size, place),
        None => Field::NotSeen(NotSeen::Because("a size that cannot be read")),
    })
}

fn units(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let large = text
        .strip_suffix("vcpu")
        .or_else(|| text.strip_suffix("gb"));
    match large {
        None => text.parse().ok(),
        Some(number) => {
            let units = number.trim().parse::<f64>().ok()? * 1024.0;
            // Sizes are far below what a float counts exactly, and have no fraction.
            (units.fract() == 0.0 && (0.0..1e9).contains(&units)).then_some(units as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::units;

    #[test]
    fn sizes_have_two_spellings() {
        let cases = [
            ("512", Some(512)),
            ("1 vCPU", Some(1024)),
            (".25 vcpu", Some(256)),
            ("1GB", Some(1024)),
            ("0.5 GB", Some(512)),
            ("some", None),
            ("1.0001 GB", None),
        ];
        for (text, size) in cases {
            assert_eq!(units(text), size, "{text}");
        }
    }
}
