//! A template with everything filled in that can be known before deploying.

use indexmap::IndexMap;

use super::references::mentioned;
use super::{Inputs, Parameter, Template};
use crate::node::{Entry, Map, Node, Origin, Place, Scalar, Source, Value};

/// A template, resolved: what would be applied.
///
/// Every other part of Holdfast reads this and never the environment file or the template behind
/// it:
///
/// ```
/// use cloudformation::node::Leaf;
/// use cloudformation::template::{Inputs, Template};
///
/// let template = Template::parse("service.yaml", r"
/// Parameters:
///   Idle: { Type: Number, Default: 310 }
/// Resources:
///   ECSALB:
///     Type: AWS::ElasticLoadBalancingV2::LoadBalancer
///     Properties:
///       Name: !Sub 'acme-${Idle}'
///       SecurityGroups: [!GetAtt Group.GroupId]
///   Group:
///     Type: AWS::EC2::SecurityGroup
///     Properties: { GroupDescription: balancer }
/// ")?;
/// let rendered = template.render(&Inputs::default())?;
///
/// let balancer = rendered.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").next().expect("there is one");
/// let name = balancer.properties.get("Name").expect("it has a name");
/// assert_eq!(name.as_text(), Some("acme-310"));
/// // The parameter's default decided it, then the line that uses it.
/// assert_eq!(name.origin.to_string(), "service.yaml:3:34, through service.yaml:8:13");
///
/// // What only AWS knows is symbolic, never a guess, and leads to the resource that it stands for.
/// let group = balancer.properties.at("SecurityGroups.0").expect("one group");
/// assert!(matches!(group.leaf(), Some(Leaf::Symbolic(_))));
/// assert_eq!(rendered.referred(group).map(|group| group.logical_id.as_str()), Some("Group"));
/// # Ok::<(), cloudformation::diagnostic::Mistakes>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Each declared parameter's value; symbolic where it has none, or where AWS looks it up
    /// (`AWS::SSM::…`).
    pub parameters: IndexMap<String, Node>,
    /// The region, where it is known.
    pub region: Option<Node>,
    /// Each condition's outcome.
    pub conditions: IndexMap<String, Truth>,
    /// The resources that would exist, by logical id, in the template's order. Those with a false
    /// condition are gone.
    pub resources: IndexMap<String, Resource>,
    /// The outputs that would exist, by name.
    pub outputs: IndexMap<String, Output>,
    /// The parameters that have neither a value nor a default.
    pub unset: Vec<String>,
    /// Where a macro stands that may add resources: one that is not here may exist.
    pub adding_macro: Option<Origin>,
    /// Where a macro stands that may add properties to any resource.
    pub rewriting_macro: Option<Origin>,
    /// What the document needs beside resources and outputs: description, and what symbolic values
    /// refer to.
    pub(super) sections: Map,
}

/// A resource that would exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its name within the template.
    pub logical_id: String,
    /// Its type: `AWS::ECS::Service`.
    pub kind: String,
    /// Its properties; an empty mapping where it states none.
    pub properties: Node,
    /// The resources that it names under `DependsOn`, without those that would not exist.
    pub depends_on: Vec<String>,
    /// The condition that it has, if any: true, or not known before deploying.
    pub condition: Option<Condition>,
    /// `DeletionPolicy`, `UpdatePolicy` and the other attributes, resolved.
    pub attributes: Map,
    /// Where its logical id stands.
    pub place: Place,
}

/// A condition by name and how it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its name.
    pub name: String,
    /// How it came out.
    pub truth: Truth,
}

/// How a condition comes out before anything is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It depends on what only AWS knows, or on a parameter without a value.
    Unknown,
}

/// An output that would exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its value, mostly symbolic.
    pub value: Node,
    /// The name under which other stacks import it.
    pub export: Option<Node>,
    /// The condition that it has, if any: true, or not known before deploying.
    pub condition: Option<Condition>,
    /// The whole entry, resolved.
    pub(super) entry: Entry,
}

impl Rendered {
    /// Resources that no template was rendered for: those that are live.
    #[must_use]
    pub fn of(resources: IndexMap<String, Resource>) -> Self {
        Self {
            parameters: IndexMap::new(),
            region: None,
            conditions: IndexMap::new(),
            resources,
            outputs: IndexMap::new(),
            unset: Vec::new(),
            adding_macro: None,
            rewriting_macro: None,
            sections: Map::new(),
        }
    }

    /// The resources of one type, in the template's order.
    pub fn of_type(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        self.resources
            .values()
            .filter(move |resource| resource.kind == kind)
    }

    /// The resource that a symbolic value stands for: `!Ref X`, `!GetAtt X.Arn`.
    #[must_use]
    pub fn referred(&self, value: &Node) -> Option<&Resource> {
        self.resources.get(value.refers_to()?)
    }

    /// The parameters without a value that some names, and the conditions among them, depend on.
    #[must_use]
    pub fn unset_behind(&self, names: &[String]) -> Vec<String> {
        let conditions = self.sections.get("Conditions").map(|entry| &entry.node);
        let (mut names, mut next) = (names.to_vec(), 0);
        while let Some(name) = names.get(next) {
            next += 1;
            let more = conditions.and_then(|all| all.get(name)).map(mentioned);
            for more in more.unwrap_or_default() {
                if !names.contains(&more) {
                    names.push(more);
                }
            }
        }
        let unset = self.unset.iter();
        unset.filter(|name| names.contains(name)).cloned().collect()
    }

    /// Parameters that have neither a value nor a default: AWS would refuse the template.
    pub fn missing<'a>(
        &'a self,
        template: &'a Template,
    ) -> impl Iterator<Item = (&'a str, &'a Parameter)> {
        let unset = |name: &str| {
            self.parameters
                .get(name)
                .is_some_and(|value| value.refers_to() == Some(name))
        };
        template
            .parameters()
            .iter()
            .filter(move |(name, parameter)| unset(name) && !parameter.looked_up())
            .map(|(name, parameter)| (name.as_str(), parameter))
    }

    /// The whole as one document, stable: the same inputs give the same text. Write it with
    /// [`crate::node::yaml`] or [`crate::node::json`].
    #[must_use]
    pub fn document(&self) -> Node {
        let mut document = self.sections.clone();
        let nowhere = Place::start_of(&std::sync::Arc::new(Source {
            name: String::new(),
            text: String::new(),
        }));
        let mut insert = |name: &str, map: Map| {
            let node = Node::new(Value::Map(map), nowhere.clone());
            document.insert(
                name.to_owned(),
                Entry {
                    key: nowhere.clone(),
                    node,
                },
            );
        };
        insert(
            "Resources",
            self.resources
                .values()
                .map(|r| (r.logical_id.clone(), r.entry()))
                .collect(),
        );
        if !self.outputs.is_empty() {
            insert(
                "Outputs",
                self.outputs
                    .iter()
                    .map(|(name, output)| (name.clone(), output.entry.clone()))
                    .collect(),
            );
        }
        Node::new(Value::Map(document), nowhere)
    }
}

impl Template {
    pub(super) fn unset(&self, inputs: &Inputs) -> Vec<String> {
        let parameters = self.parameters().iter();
        parameters
            .filter(|(name, parameter)| parameter.is_unset(inputs.parameters.get(*name)))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl Resource {
    /// Whether it exists under a condition only which is not known.
    #[must_use]
    pub fn may_not_exist(&self) -> bool {
        let condition = self.condition.as_ref();
        condition.is_some_and(|condition| condition.truth == Truth::Unknown)
    }

    /// The resource as it stands in a document.
    fn entry(&self) -> Entry {
        let place = &self.place;
        let text = |text: &str| Node::new(Value::Scalar(Scalar::text(text)), place.clone());
        let mut map = Map::new();
        let mut insert = |name: &str, node| {
            map.insert(
                name.to_owned(),
                Entry {
                    key: place.clone(),
                    node,
                },
            )
        };
        insert("Type", text(&self.kind));
        if let Some(Condition {
            name,
            truth: Truth::Unknown,
        }) = &self.condition
        {
            insert("Condition", text(name));
        }
        if !self.depends_on.is_empty() {
            let names = self.depends_on.iter().map(|name| text(name)).collect();
            insert("DependsOn", Node::new(Value::List(names), place.clone()));
        }
        for (name, entry) in &self.attributes {
            insert(name, entry.node.clone());
        }
        if self
            .properties
            .as_map()
            .is_none_or(|properties| !properties.is_empty())
        {
            insert("Properties", self.properties.clone());
        }
        Entry {
            key: place.clone(),
            node: Node::new(Value::Map(map), place.clone()),
        }
    }
}
