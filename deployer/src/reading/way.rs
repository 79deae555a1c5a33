//! The ways that traffic takes: from a load balancer through a target group to a service.

use timeouts::Reading;
use timeouts::Setting::ExpressMode;

use aws_model::{Express, Field, Id, LoadBalancer, Model, Service, Source, TargetGroup};

use cloudformation::node::Origin;

use super::routes::{self, Route};
use super::view::{Places, View};
use super::{balancer, edge, express, firewall, network, service, store};

/// A way that traffic takes; what is missing is in another stack, or does not exist.
pub(super) struct Way<'a> {
    route: Route<'a>,
    group: Option<&'a TargetGroup>,
    service: Option<&'a Service>,
    express: Option<&'a Express>,
}

/// The ways to each service behind a target group, one without a service where there is none; then
/// the load balancers and the services that no way takes.
pub(super) fn all(model: &Model) -> Vec<Way<'_>> {
    let groups = model.target_groups.iter().filter(|group| takes_http(group));
    let mut ways: Vec<_> = groups.flat_map(|group| through(model, group)).collect();
    if ways.iter().any(|way| way.service.is_some()) {
        ways.retain(|way| !way.is_placeholder(model));
    }
    let alone = |route, service| Way {
        route,
        group: None,
        service,
        express: None,
    };
    for balancer in model.load_balancers.iter().filter(|one| speaks_http(one)) {
        if !ways.iter().any(|way| way.is_of(balancer)) {
            ways.push(alone(Route::of(balancer), None));
        }
    }
    let is_taken = |ways: &[Way<'_>], id: &Id| ways.iter().any(|way| way.service_id() == Some(id));
    for service in &model.services {
        let balanced = service
            .targets
            .value()
            .is_none_or(|targets| !targets.is_empty())
            && !service.targets.is_not_stated();
        if balanced && !is_taken(&ways, &service.id) {
            ways.push(alone(Route::none(), Some(service)));
        }
    }
    ways.extend(model.express.iter().map(|express| Way {
        express: Some(express),
        ..alone(Route::none(), None)
    }));
    if ways.is_empty() {
        let services = model.services.iter();
        ways.extend(services.map(|service| alone(Route::none(), Some(service))));
    }
    ways
}

fn through<'a>(model: &'a Model, group: &'a TargetGroup) -> Vec<Way<'a>> {
    let services = model.services.iter();
    let mut services: Vec<_> = services
        .filter(|service| service.target(&group.id).is_some())
        .map(Some)
        .collect();
    if services.is_empty() {
        services.push(None);
    }
    let way = |service: Option<&'a Service>| Way {
        route: Route::to(model, &group.id, service),
        group: Some(group),
        service,
        express: None,
    };
    services.into_iter().map(way).collect()
}

fn takes_http(group: &TargetGroup) -> bool {
    let protocol = group.protocol.as_str();
    protocol.is_none_or(|protocol| protocol.starts_with("HTTP"))
        && !matches!(group.target_type.as_str(), Some("lambda" | "alb"))
}

fn speaks_http(balancer: &LoadBalancer) -> bool {
    let kind = balancer.kind.as_str();
    kind.is_none_or(|kind| kind == "application")
}

impl<'a> Way<'a> {
    pub(super) fn service_id(&self) -> Option<&'a str> {
        let express = self.express.map(|express| express.id.as_str());
        self.service.map(|service| service.id.as_str()).or(express)
    }

    /// Where it is from: its service, or its load balancer.
    fn place(&self) -> Option<&Origin> {
        let service = self.service.map(|service| &service.place);
        service.or(self.route.balancer.map(|balancer| &balancer.place))
    }

    fn is_of(&self, balancer: &LoadBalancer) -> bool {
        let own = self.route.balancer;
        own.is_some_and(|own| own.id == balancer.id)
    }

    /// Whether the target group stands where one is required, and nothing is registered in it.
    fn is_placeholder(&self, model: &Model) -> bool {
        let Some(group) = self.group.filter(|_| self.service.is_none()) else {
            return false;
        };
        let unused = model.users.get(&group.id).is_some_and(Vec::is_empty);
        // What a plan hides may lead to any group. A template's functions name what they lead to.
        let unclear = |service: &Service| match &service.targets {
            Field::Stated(targets, _) => targets.iter().any(|target| target.groups.is_empty()),
            Field::NotStated(_) => false,
            Field::NotSeen(_) => true,
        };
        if model.source == Source::Terraform && model.services.iter().any(unclear) {
            return false;
        }
        unused && group.targets.is_empty()
    }

    /// What findings call it.
    fn subject(&self) -> String {
        let balancer = self.route.balancer.map(|balancer| balancer.id.as_str());
        let group = self.group.map(|group| group.id.as_str());
        let steps = [balancer, group, self.service_id()];
        steps.into_iter().flatten().collect::<Vec<_>>().join(" → ")
    }

    /// Reads what web ACLs refuse of the Socket.IO path that is known by now.
    pub(super) fn read_firewall(
        &self,
        model: &Model,
        reading: Reading,
        places: &mut Places,
    ) -> Reading {
        let mut view = View::of(model, reading, places);
        if let Some(balancer) = self.route.balancer {
            firewall::read(&mut view, &balancer.id);
        }
        view.reading
    }

    pub(super) fn read(&self, model: &Model, places: &mut Places) -> Reading {
        let mut view = View::new(model, self.subject(), places);
        if let Some(express) = self.express {
            express::read(&mut view, express);
            return view.reading;
        }
        if let Some(place) = self.place() {
            view.see(ExpressMode, false, place);
        }
        if let Some(balancer) = self.route.balancer {
            balancer::read_balancer(&mut view, balancer);
            edge::read(&mut view, &balancer.id);
        }
        if let Some(group) = self.group {
            balancer::read_target_group(&mut view, group);
        }
        routes::read(&mut view, &self.route);
        if let Some(service) = self.service {
            let group = self.group.map(|group| group.id.as_str());
            let variable = service::read(&mut view, service, group, &self.route);
            let store = store::group(model, variable);
            network::read(&mut view, self.route.balancer, service, store);
            store::read(&mut view, store);
        }
        view.reading
    }
}
