//! What would go with a stack, and what keeps it from going. What is done about it is the business
//! of a verb.

mod run;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::aws::{Clients, Error, Kind, Resource, StackState};
use crate::history::Origin;
use crate::render::render_with;
use cloudformation::template::Template;

pub use run::{Args, run};

/// Types whose going is a loss, and what is lost.
const LOSSES: [(&str, &str); 5] = [
    (
        "AWS::ECS::Service",
        "the tasks, and every connection to them",
    ),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "the load balancer; its next one has another host name",
    ),
    (
        "AWS::SecretsManager::Secret",
        "the secrets, backend keys among them: backends need new ones afterwards",
    ),
    ("AWS::Logs::LogGroup", "the server's log"),
    (
        "AWS::ElastiCache::ReplicationGroup",
        "the store: every message and every plugin key",
    ),
];

/// What would go with a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teardown {
    /// The stack.
    pub stack: StackState,
    /// Its resources that would go.
    pub goes: Vec<Resource>,
    /// Its resources that would stay, by their `DeletionPolicy`.
    pub stays: Vec<Resource>,
    /// The resources of which a snapshot would stay, by name.
    pub snapshots: Vec<String>,
    /// The load balancers that AWS refuses to delete.
    pub protected_balancers: Vec<String>,
    /// Where what runs comes from, where it says so.
    pub origin: Option<Origin>,
}

impl Teardown {
    /// What would go with this stack.
    ///
    /// # Errors
    /// AWS refuses a call.
    pub async fn of(clients: &Clients, stack: StackState) -> Result<Self, Error> {
        let resources = clients.resources(&stack.id).await?;
        let template = match clients.template(&stack.id).await {
            // Of a stack that is only planned.
            Err(error) if error.kind() == Kind::Missing => String::new(),
            template => template?,
        };
        let policies = policies(&template, &stack);
        let has = |resource: &Resource, some: &[&str]| {
            let policy = policies.get(&resource.logical_id);
            policy.is_some_and(|policy| some.contains(&policy.as_str()))
        };
        let (stays, goes): (Vec<_>, Vec<_>) = resources
            .into_iter()
            .filter(|resource| resource.status != "DELETE_COMPLETE")
            .partition(|resource| has(resource, &["Retain", "RetainExceptOnCreate"]));
        let snapshots = goes.iter().filter(|resource| has(resource, &["Snapshot"]));
        let snapshots = snapshots
            .map(|resource| resource.logical_id.clone())
            .collect();
        let mut protected_balancers = Vec::new();
        for resource in goes.iter().filter(|resource| resource.kind == LOSSES[1].0) {
            let arn = &resource.physical_id;
            if !arn.is_empty() && clients.balancer_is_protected(arn).await? {
                protected_balancers.push(arn.clone());
            }
        }
        Ok(Self {
            stack,
            goes,
            stays,
            snapshots,
            protected_balancers,
            origin: Origin::of(&template),
        })
    }

    /// Whether something keeps the stack from being deleted.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.stack.protected || !self.protected_balancers.is_empty()
    }

    /// What keeps the stack from being deleted, a line each.
    #[must_use]
    pub fn protections(&self) -> Vec<String> {
        let stack = self
            .stack
            .protected
            .then(|| format!("the stack {} (termination protection)", self.stack.name));
        let balancer = |arn: &String| format!("the load balancer {arn} (deletion protection)");
        stack
            .into_iter()
            .chain(self.protected_balancers.iter().map(balancer))
            .collect()
    }

    /// What goes, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let StackState {
            name,
            status,
            id,
            parameters,
            ..
        } = &self.stack;
        let mut text = format!("{name} ({status}) would be deleted: {id}\n");
        // Writing to a string cannot fail.
        if let Some(Origin { by, at, .. }) = &self.origin {
            let _ = writeln!(text, "  deployed by {by}\n  deployed at {at}");
        }
        if let Some(image) = parameters.get("Image") {
            let _ = writeln!(text, "  image {image}");
        }
        let mut kinds = BTreeMap::<&str, Vec<&str>>::new();
        for resource in &self.goes {
            kinds
                .entry(&resource.kind)
                .or_default()
                .push(&resource.logical_id);
        }
        let _ = writeln!(text, "{} resources go:", self.goes.len());
        for (kind, names) in &kinds {
            let _ = writeln!(text, "  {kind}: {}", names.join(", "));
        }
        let losses = LOSSES.iter().filter(|(kind, _)| kinds.contains_key(kind));
        for (index, (_, loss)) in losses.enumerate() {
            let _ = writeln!(
                text,
                "{}{loss}",
                if index == 0 {
                    "lost for good:\n  "
                } else {
                    "  "
                }
            );
        }
        for resource in &self.stays {
            let _ = writeln!(
                text,
                "kept by its DeletionPolicy: {} {}",
                resource.logical_id, resource.physical_id
            );
        }
        for name in &self.snapshots {
            let _ = writeln!(
                text,
                "kept by its DeletionPolicy: a final snapshot of {name}"
            );
        }
        for protection in self.protections() {
            let _ = writeln!(text, "protected: {protection}");
        }
        text
    }

    /// What goes, for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let resource = |resource: &Resource| json!({ "logical_id": resource.logical_id, "resource_type": resource.kind, "physical_id": resource.physical_id });
        json!({
            "type": "removal",
            "stack": self.stack.name,
            "stack_id": self.stack.id,
            "status": self.stack.status,
            "goes": self.goes.iter().map(resource).collect::<Vec<_>>(),
            "stays": self.stays.iter().map(resource).collect::<Vec<_>>(),
            "snapshots": self.snapshots,
            "protected": self.protections(),
        })
    }
}

/// What becomes of resources when the stack goes, where their template says so. Of a template that
/// cannot be read nothing is promised.
fn policies(template: &str, stack: &StackState) -> BTreeMap<String, String> {
    let parameters: Vec<_> = stack.parameters.clone().into_iter().collect();
    let rendered = Template::parse("the deployed template", template)
        .and_then(|template| render_with(&template, &parameters, None));
    let Ok(rendered) = rendered else {
        return BTreeMap::new();
    };
    let policy = |resource: &cloudformation::template::Resource| {
        let policy = resource.attributes.get("DeletionPolicy")?.node.as_text()?;
        Some((resource.logical_id.clone(), policy.to_owned()))
    };
    rendered.resources.values().filter_map(policy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(logical_id: &str, kind: &str) -> Resource {
        Resource {
            logical_id: logical_id.to_owned(),
            physical_id: format!("physical-{logical_id}"),
            kind: kind.to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
        }
    }

    #[test]
    fn what_goes_what_stays_and_what_keeps_it() {
        let removal = Teardown {
            stack: StackState {
                id: "arn:aws:cloudformation:eu-west-1:1:stack/acme-drops-prod/1".to_owned(),
                name: "acme-drops-prod".to_owned(),
                status: "UPDATE_COMPLETE".to_owned(),
                protected: true,
                ..StackState::default()
            },
            goes: vec![
                resource("ECSALB", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
                resource("BackendKeys", "AWS::SecretsManager::Secret"),
                resource("StoreAuth", "AWS::SecretsManager::Secret"),
            ],
            stays: vec![resource("LogGroup", "AWS::Logs::LogGroup")],
            snapshots: vec!["StoreGroup".to_owned()],
            protected_balancers: vec!["arn:alb".to_owned()],
            origin: None,
        };
        insta::assert_snapshot!(removal.text());
        assert!(removal.is_protected());
        assert_eq!(removal.json()["goes"][1]["logical_id"], "BackendKeys");
    }

    #[test]
    fn a_deletion_policy_is_read_with_its_conditions() {
        let template = "Parameters: { Keep: { Type: String } }\nConditions: { Keeps: !Equals \
                        [!Ref Keep, 'yes'] }\nResources:\n  A: { Type: 'AWS::SNS::Topic', \
                        DeletionPolicy: Retain }\n  B: { Type: 'AWS::SNS::Topic', DeletionPolicy: \
                        Snapshot }\n  C: { Type: 'AWS::SNS::Topic', Condition: Keeps, \
                        DeletionPolicy: RetainExceptOnCreate }\n";
        let of = |value: &str| {
            let parameters = [("Keep".to_owned(), value.to_owned())]
                .into_iter()
                .collect();
            policies(
                template,
                &StackState {
                    parameters,
                    ..StackState::default()
                },
            )
        };
        let pair = |name: &str, policy: &str| (name.to_owned(), policy.to_owned());
        let expected = [
            pair("A", "Retain"),
            pair("B", "Snapshot"),
            pair("C", "RetainExceptOnCreate"),
        ];
        assert_eq!(of("yes"), BTreeMap::from(expected));
        assert_eq!(of("no").keys().collect::<Vec<_>>(), ["A", "B"]);
        assert!(policies("not: a template", &StackState::default()).is_empty());
    }
}
