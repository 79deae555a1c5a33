//! The ways that traffic takes: from a load balancer through a target group to a service.

use timeouts::Reading;

use aws_model::{Model, Service, TargetGroup};

use super::routes::{self, Route};
use super::view::{Places, View};
use super::{balancer, edge, network, service, store};

/// A way that traffic takes; what is missing is in another stack, or does not exist.
pub(super) struct Way<'a> {
    route: Route<'a>,
    group: &'a TargetGroup,
    service: Option<&'a Service>,
}

/// The ways to each service behind a target group; one without a service where there is none.
pub(super) fn all(model: &Model) -> impl Iterator<Item = Way<'_>> {
    let groups = model.target_groups.iter().filter(|group| takes_http(group));
    groups.flat_map(move |group| {
        let services = model.services.iter();
        let mut services: Vec<_> = services
            .filter(|service| service.target(&group.id).is_some())
            .map(Some)
            .collect();
        if services.is_empty() {
            services.push(None);
        }
        services.into_iter().map(move |service| Way {
            route: Route::to(model, &group.id),
            group,
            service,
        })
    })
}

fn takes_http(group: &TargetGroup) -> bool {
    let protocol = group.protocol.as_str();
    protocol.is_none_or(|protocol| protocol.starts_with("HTTP"))
        && !matches!(group.target_type.as_str(), Some("lambda" | "alb"))
}

impl Way<'_> {
    pub(super) fn service_id(&self) -> Option<&str> {
        self.service.map(|service| service.id.as_str())
    }

    /// What findings call it.
    fn subject(&self) -> String {
        let balancer = self.route.balancer.map(|balancer| balancer.id.as_str());
        let steps = [balancer, Some(&self.group.id), self.service_id()];
        steps.into_iter().flatten().collect::<Vec<_>>().join(" → ")
    }

    pub(super) fn read(&self, model: &Model, places: &mut Places) -> Reading {
        let mut view = View::new(model, self.subject(), places);
        if let Some(balancer) = self.route.balancer {
            balancer::read_balancer(&mut view, balancer);
            edge::read(&mut view, &balancer.id);
        }
        balancer::read_target_group(&mut view, self.group);
        routes::read(&mut view, &self.route);
        if let Some(service) = self.service {
            let variable = service::read(&mut view, service, &self.group.id, &self.route);
            let store = store::group(model, variable);
            network::read(&mut view, self.route.balancer, service, store);
            store::read(&mut view, store);
        }
        view.reading
    }
}
