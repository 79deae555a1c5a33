//! All resources of one source that a way from a client to a server takes.

use cloudformation::template::Rendered;

use crate::balancer::{LoadBalancer, TargetGroup};
use crate::edge::{Alias, Distribution, WebAcl};
use crate::field::Field;
use crate::listener::{Listener, ListenerRule};
use crate::network::SecurityGroup;
use crate::properties::Properties;
use crate::service::{ScalableTarget, Service};
use crate::store::ReplicationGroup;
use crate::task::TaskDefinition;

const ELB: &str = "AWS::ElasticLoadBalancingV2";

/// Where a model is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A template: a resource that it does not have does not exist.
    #[default]
    Template,
    /// AWS, of which only some types of resources are read.
    Live,
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
    /// Listener rules.
    pub rules: Vec<ListenerRule>,
    /// Target groups.
    pub target_groups: Vec<TargetGroup>,
    /// ECS services.
    pub services: Vec<Service>,
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
            rules: all(
                rendered,
                &format!("{ELB}::ListenerRule"),
                ListenerRule::read,
            ),
            target_groups: all(rendered, &format!("{ELB}::TargetGroup"), TargetGroup::read),
            services: all(rendered, "AWS::ECS::Service", Service::read),
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
        }
    }
}

fn all<T>(rendered: &Rendered, kind: &str, read: impl Fn(Properties<'_>) -> T) -> Vec<T> {
    let resources = rendered.of_type(kind);
    resources
        .map(|resource| read(Properties::of(rendered, resource)))
        .collect()
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

    /// What scales a service.
    #[must_use]
    pub fn scalable_target(&self, service: &Service) -> Option<&ScalableTarget> {
        self.scalable_targets
            .iter()
            .find(|target| target.scales(service))
    }

    /// The listener with this id.
    #[must_use]
    pub fn listener(&self, id: &Field<String>) -> Option<&Listener> {
        let id = id.as_str()?;
        self.listeners.iter().find(|listener| listener.id == id)
    }
}
