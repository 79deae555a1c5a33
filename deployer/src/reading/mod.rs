//! What a rendered template says about the settings between a client and its server: one [`Reading`] for each way
//! from a load balancer through a target group to a service.
//!
//! What only AWS knows, or what another stack has, is recorded as not seen, with the reason.

mod balancer;
mod front;
mod given;
mod network;
mod routes;
mod server;
mod service;
mod store;
mod view;

use timeouts::Reading;

use crate::diagnostic::{Mistake, Mistakes};
use crate::template::{Rendered, Resource};

pub use given::Given;
use routes::Route;
pub use view::Places;
use view::View;

const BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
const TARGET_GROUP: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";
const SERVICE: &str = "AWS::ECS::Service";

/// What was read of a template.
#[derive(Debug, Default)]
pub struct Readings {
    /// A reading for each way from a load balancer to a service, in the template's order.
    pub readings: Vec<Reading>,
    /// The places in files that the readings speak of.
    pub places: Places,
}

/// Reads a template; `given` is what its user says about a server that it does not show.
///
/// # Errors
/// The template has no way from a load balancer to anything, or it is not clear what `given` is about.
pub fn read(rendered: &Rendered, given: &Given) -> Result<Readings, Mistakes> {
    let ways: Vec<_> = ways(rendered).collect();
    if ways.is_empty() {
        let mistake = Mistake::nowhere(
            "nothing to check: the template has no target group of an Application Load Balancer",
        );
        return Err(mistake.into());
    }
    given.check(&ways)?;
    let mut places = Places::default();
    let readings = ways
        .iter()
        .map(|way| {
            let mut view = View::new(rendered, way.subject(), &mut places);
            way.read(&mut view);
            given.apply(way, &mut view.reading);
            view.reading
        })
        .collect();
    Ok(Readings { readings, places })
}

/// A way that traffic takes; what is missing is in another stack, or does not exist.
struct Way<'a> {
    route: Route<'a>,
    target_group: &'a Resource,
    service: Option<&'a Resource>,
}

fn ways(rendered: &Rendered) -> impl Iterator<Item = Way<'_>> {
    let http = |group: &&Resource| {
        let protocol = group
            .properties
            .get("Protocol")
            .and_then(crate::node::Node::as_text);
        protocol.is_none_or(|protocol| protocol.starts_with("HTTP"))
            && !is_lambda_or_balancer(group)
    };
    rendered
        .of_type(TARGET_GROUP)
        .filter(http)
        .flat_map(move |target_group| {
            let services: Vec<_> = rendered
                .of_type(SERVICE)
                .filter(|service| service::forwards_to(service, target_group).is_some())
                .map(Some)
                .collect();
            let services = if services.is_empty() {
                vec![None]
            } else {
                services
            };
            services.into_iter().map(move |service| Way {
                route: Route::to(rendered, target_group),
                target_group,
                service,
            })
        })
}

fn is_lambda_or_balancer(group: &Resource) -> bool {
    let kind = group
        .properties
        .get("TargetType")
        .and_then(crate::node::Node::as_text);
    kind.is_some_and(|kind| kind == "lambda" || kind == "alb")
}

impl<'a> Way<'a> {
    /// What findings call it.
    fn subject(&self) -> String {
        let group = &self.target_group.logical_id;
        match (self.route.balancer, self.service) {
            (Some(balancer), Some(service)) => {
                format!("{} → {group} → {}", balancer.logical_id, service.logical_id)
            }
            (Some(balancer), None) => format!("{} → {group}", balancer.logical_id),
            (None, Some(service)) => format!("{group} → {}", service.logical_id),
            (None, None) => group.clone(),
        }
    }

    fn read(&self, view: &mut View<'a, '_>) {
        balancer::read_balancer(view, self.route.balancer);
        balancer::read_target_group(view, self.target_group);
        routes::read(view, &self.route);
        front::read(view, self.route.balancer);
        let Some(service) = self.service else { return };
        let task = service::read(view, service, self.target_group, &self.route);
        network::read(
            view,
            service,
            self.route.balancer,
            task.as_ref().and_then(|task| task.store),
        );
    }
}
