//! All resources of one source that a way from a client to a server takes.

use std::collections::BTreeMap;

use cloudformation::node::Origin;
use cloudformation::template::{Rendered, Truth};

use crate::balancer::{LoadBalancer, TargetGroup};
use crate::certificate::MoreCertificates;
use crate::edge::{Alias, Distribution};
use crate::field::Field;
use crate::firewall::WebAcl;
use crate::listener::{Listener, ListenerRule};
use crate::network::SecurityGroup;
use crate::pattern::Same;
use crate::properties::{Id, Properties, mentioned};
use crate::scaling::{ScalableTarget, Scaling};
use crate::service::{Express, Service};
use crate::store::ReplicationGroup;
use crate::task::TaskDefinition;
use crate::unread::{self, Unread};

const ELB: &str = "AWS::ElasticLoadBalancingV2";

/// Where a model is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A template: a resource that it does not have does not exist.
    #[default]
    Template,
    /// A plan or a state of Terraform, which does not hold all that its files say.
    Terraform,
    /// AWS, of which only some types of resources are read.
    Live,
}

/// What is read of AWS only where the role allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What scales services.
    Scaling,
    /// Web ACLs of load balancers.
    WebAcls,
    /// Security groups.
    SecurityGroups,
    /// CloudFront distributions.
    Distributions,
}

/// The resources of a template or of a live stack, each type in the source's order.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Where it is from.
    pub source: Source,
    /// Load balancers of all types.
    pub load_balancers: Vec<LoadBalancer>,
    /// Listeners.
    pub listeners: Vec<Listener>,
    /// Certificates that are added to listeners.
    pub more_certificates: Vec<MoreCertificates>,
    /// The region, where it is known.
    pub region: Option<Field<String>>,
    /// Listener rules.
    pub rules: Vec<ListenerRule>,
    /// Target groups.
    pub target_groups: Vec<TargetGroup>,
    /// ECS services.
    pub services: Vec<Service>,
    /// Services of ECS Express Mode.
    pub express: Vec<Express>,
    /// Task definitions.
    pub task_definitions: Vec<TaskDefinition>,
    /// What scales services.
    pub scalable_targets: Vec<ScalableTarget>,
    /// Security groups.
    pub security_groups: Vec<SecurityGroup>,
    /// ElastiCache replication groups.
    pub replication_groups: Vec<ReplicationGroup>,
    /// CloudFront distributions.
    pub distributions: Vec<Distribution>,
    /// Web ACLs, one for each association.
    pub web_acls: Vec<WebAcl>,
    /// Aliases in Route 53.
    pub aliases: Vec<Alias>,
    /// The template's parameter `Domain`.
    pub domain: Option<Field<String>>,
    /// The resources that exist under a condition only which is not known, with its name.
    pub conditional: BTreeMap<Id, String>,
    /// What may add resources: what is not here may exist.
    pub adder: Option<Adder>,
    /// The resources and outputs that speak of each target group, beside those that forward to it.
    pub users: BTreeMap<Id, Vec<Id>>,
    /// The parameters without a value that each name depends on: a parameter or a condition.
    pub unset: BTreeMap<String, Vec<String>>,
    /// Properties of each resource that are new to this program.
    pub unread: BTreeMap<Id, Vec<Unread>>,
    /// Why a part of what is live was not read.
    pub not_read: BTreeMap<Part, String>,
}

impl From<&Rendered> for Model {
    /// The one interpretation of a template.
    fn from(rendered: &Rendered) -> Self {
        Self {
            source: Source::Template,
            load_balancers: all(
                rendered,
                &format!("{ELB}::LoadBalancer"),
                LoadBalancer::read,
            ),
            listeners: all(rendered, &format!("{ELB}::Listener"), Listener::read),
            more_certificates: all(
                rendered,
                &format!("{ELB}::ListenerCertificate"),
                MoreCertificates::read,
            ),
            region: rendered.region.as_ref().map(Field::text),
            rules: all(
                rendered,
                &format!("{ELB}::ListenerRule"),
                ListenerRule::read,
            ),
            target_groups: all(rendered, &format!("{ELB}::TargetGroup"), TargetGroup::read),
            services: all(rendered, "AWS::ECS::Service", Service::read),
            express: all(rendered, "AWS::ECS::ExpressGatewayService", Express::read),
            task_definitions: all(rendered, "AWS::ECS::TaskDefinition", TaskDefinition::read),
            scalable_targets: all(
                rendered,
                "AWS::ApplicationAutoScaling::ScalableTarget",
                ScalableTarget::read,
            ),
            security_groups: all(rendered, "AWS::EC2::SecurityGroup", SecurityGroup::read),
            replication_groups: all(
                rendered,
                "AWS::ElastiCache::ReplicationGroup",
                ReplicationGroup::read,
            ),
            distributions: all(
                rendered,
                "AWS::CloudFront::Distribution",
                Distribution::read,
            ),
            web_acls: all(rendered, "AWS::WAFv2::WebACLAssociation", WebAcl::read),
            aliases: all(rendered, "AWS::Route53::RecordSet", Alias::read),
            domain: rendered.parameters.get("Domain").map(Field::text),
            conditional: conditional(rendered),
            adder: Adder::of(rendered),
            users: users(rendered),
            unset: unset(rendered),
            unread: unread::all(rendered),
            not_read: BTreeMap::new(),
        }
    }
}

/// What may add resources that a template does not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adder {
    /// In words: a macro, or a nested stack whose template was not read.
    pub what: &'static str,
    /// Where it stands.
    pub origin: Origin,
}

impl Adder {
    fn of(rendered: &Rendered) -> Option<Self> {
        let added = |what, origin| Self { what, origin };
        let by_macro = rendered.adding_macro.clone();
        let by_macro = by_macro.map(|origin| added("macro", origin));
        by_macro.or_else(|| {
            let nested = rendered.of_type("AWS::CloudFormation::Stack").next()?;
            Some(added("nested stack", nested.place.clone().into()))
        })
    }
}

fn all<T>(rendered: &Rendered, kind: &str, read: impl Fn(Properties<'_>) -> T) -> Vec<T> {
    let resources = rendered.of_type(kind);
    resources
        .map(|resource| read(Properties::of(rendered, resource)))
        .collect()
}

fn conditional(rendered: &Rendered) -> BTreeMap<Id, String> {
    let resources = rendered.resources.values();
    let unknown = resources.filter_map(|resource| {
        let condition = resource.condition.as_ref()?;
        let unknown = condition.truth == Truth::Unknown;
        unknown.then(|| (resource.logical_id.clone(), condition.name.clone()))
    });
    unknown.collect()
}

/// Who speaks of each target group, beside listeners, their rules and what merely watches.
fn users(rendered: &Rendered) -> BTreeMap<Id, Vec<Id>> {
    const FORWARDING: [&str; 4] = [
        "AWS::ElasticLoadBalancingV2::Listener",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
    ];
    let groups = rendered.of_type("AWS::ElasticLoadBalancingV2::TargetGroup");
    let mut users: BTreeMap<Id, Vec<Id>> = groups
        .map(|group| (group.logical_id.clone(), Vec::new()))
        .collect();
    let resources = rendered.resources.values();
    let resources = resources
        .filter(|resource| !FORWARDING.contains(&resource.kind.as_str()))
        .map(|resource| (&resource.logical_id, &resource.properties));
    let outputs = rendered.outputs.iter();
    let outputs = outputs.map(|(name, output)| (name, &output.value));
    for (user, node) in resources.chain(outputs) {
        for id in mentioned(rendered, node) {
            if let Some(users) = users.get_mut(&id) {
                users.push(user.clone());
            }
        }
    }
    users
}

fn unset(rendered: &Rendered) -> BTreeMap<String, Vec<String>> {
    let conditions = rendered.conditions.keys();
    let names = conditions.chain(rendered.parameters.keys());
    let behind = names.map(|name| {
        let unset = rendered.unset_behind(std::slice::from_ref(name));
        (name.clone(), unset)
    });
    behind.filter(|(_, unset)| !unset.is_empty()).collect()
}

impl Model {
    /// The task definition that a service runs, where the source has it.
    #[must_use]
    pub fn task_definition(&self, service: &Service) -> Option<&TaskDefinition> {
        let id = service.task_definition.as_str()?;
        self.task_definitions
            .iter()
            .find(|definition| definition.id == id)
    }

    /// What scales a service. A target that cannot be tied to exactly one service may concern each.
    #[must_use]
    pub fn scaling(&self, service: &Service) -> Scaling<'_> {
        let mut scaling = Scaling::None;
        for target in &self.scalable_targets {
            let tied = |service: &Service| target.scales(service);
            match tied(service) {
                Same::Yes if self.may_not_exist(&target.id) => scaling = Scaling::Perhaps(target),
                Same::Yes => return Scaling::By(target),
                Same::No => {}
                Same::Perhaps => {
                    let mut others = self.services.iter().filter(|other| other.id != service.id);
                    if !others.any(|other| tied(other) == Same::Yes) {
                        scaling = Scaling::Perhaps(target);
                    }
                }
            }
        }
        scaling
    }

    /// Whether a resource exists under a condition only which is not known.
    #[must_use]
    pub fn may_not_exist(&self, id: &str) -> bool {
        self.conditional.contains_key(id)
    }

    /// The listener with this id.
    #[must_use]
    pub fn listener(&self, id: &Field<String>) -> Option<&Listener> {
        let id = id.as_str()?;
        self.listeners.iter().find(|listener| listener.id == id)
    }
}
