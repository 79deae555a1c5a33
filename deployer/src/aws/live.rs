//! What is live of a stack, written as a template would write it, so that the same reader reads both. Each value's
//! place is the ARN of its resource.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::stack::Stack;
use super::{Clients, Error, balancer, service};
use cloudformation::node::{
    Call, Entry, Function, Map, Node, Place, Scalar, Source, Value as NodeValue,
};
use cloudformation::template::{Rendered, Resource};

pub(super) const BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
pub(super) const LISTENER: &str = "AWS::ElasticLoadBalancingV2::Listener";
pub(super) const LISTENER_RULE: &str = "AWS::ElasticLoadBalancingV2::ListenerRule";
pub(super) const TARGET_GROUP: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";
pub(super) const SERVICE: &str = "AWS::ECS::Service";
pub(super) const TASK_DEFINITION: &str = "AWS::ECS::TaskDefinition";

/// The live resources of a stack that the rules look at, whoever changed them last.
///
/// # Errors
/// There is no such stack, or AWS refuses a call.
pub async fn read_stack(clients: &Clients, name: &str) -> Result<Rendered, Error> {
    let stack = Stack::read(clients, name).await?;
    let mut snapshot = Snapshot {
        stack,
        resources: IndexMap::new(),
    };

    let cluster = snapshot.stack.of_type("AWS::ECS::Cluster").first().cloned();
    let mut groups = snapshot.stack.of_type(TARGET_GROUP).to_vec();
    for arn in snapshot.stack.of_type(SERVICE).to_vec() {
        groups.extend(service::read(clients, cluster.as_deref(), &arn, &mut snapshot).await?);
    }
    let mut balancers = snapshot.stack.of_type(BALANCER).to_vec();
    balancers.extend(balancer::target_groups(clients, &unique(groups), &mut snapshot).await?);
    balancer::balancers(clients, &unique(balancers), &mut snapshot).await?;
    Ok(Rendered::of(snapshot.resources))
}

fn unique(mut arns: Vec<String>) -> Vec<String> {
    arns.sort();
    arns.dedup();
    arns
}

/// The resources found so far.
pub(super) struct Snapshot {
    stack: Stack,
    resources: IndexMap<String, Resource>,
}

impl Snapshot {
    /// Adds a resource as a template would write it; what is null is not there.
    pub(super) fn add(&mut self, arn: &str, kind: &str, properties: Value) {
        let logical_id = self.stack.name(arn);
        let place = Place::start_of(&Arc::new(Source {
            name: arn.to_owned(),
            text: String::new(),
        }));
        let resource = Resource {
            logical_id: logical_id.clone(),
            kind: kind.to_owned(),
            properties: node(properties, &place),
            depends_on: Vec::new(),
            condition: None,
            attributes: Map::new(),
            place,
        };
        self.resources.insert(logical_id, resource);
    }

    /// A reference to a resource, as a template would write it.
    pub(super) fn reference(&self, arn: &str) -> Value {
        json!({ "Ref": self.stack.name(arn) })
    }
}

fn node(value: Value, place: &Place) -> Node {
    let value = match value {
        Value::Array(items) => NodeValue::List(
            items
                .into_iter()
                .filter(|item| !item.is_null())
                .map(|item| node(item, place))
                .collect(),
        ),
        Value::Object(object) => match object.get("Ref").filter(|_| object.len() == 1) {
            Some(Value::String(name)) => {
                let argument = Node::new(NodeValue::Scalar(Scalar::text(name)), place.clone());
                NodeValue::Call(Call {
                    function: Function::Ref,
                    argument: Box::new(argument),
                })
            }
            _ => NodeValue::Map(
                object
                    .into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(key, value)| {
                        (
                            key,
                            Entry {
                                key: place.clone(),
                                node: node(value, place),
                            },
                        )
                    })
                    .collect(),
            ),
        },
        Value::String(text) => NodeValue::Scalar(Scalar::text(text)),
        other => NodeValue::Scalar(Scalar::plain(&other.to_string())),
    };
    Node::new(value, place.clone())
}
