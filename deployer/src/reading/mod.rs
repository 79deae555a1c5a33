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
mod task;
mod view;

use timeouts::Setting::{self, *};
use timeouts::{Reading, Seen, Value};

use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::template::{Rendered, Resource};

pub use given::Given;
use routes::Route;
pub(crate) use view::ACCEPTED;
pub use view::Places;
use view::View;

const BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";
const TARGET_GROUP: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";
const SERVICE: &str = "AWS::ECS::Service";

/// A setting that is live with another value than the template gives it.
#[derive(Clone, Debug)]
pub struct Drift {
    /// What was read.
    pub subject: String,
    /// What the template says.
    pub template: Seen,
    /// What is live.
    pub live: Seen,
}

impl Drift {
    /// The difference in one line.
    #[must_use]
    pub fn message(&self) -> String {
        format!(
            "{} is {} on AWS, and {} in the template",
            self.live.setting, self.live.value, self.template.value
        )
    }
}

/// What was read of a template.
#[derive(Debug, Default)]
pub struct Readings {
    /// A reading for each way from a load balancer to a service, in the template's order.
    pub readings: Vec<Reading>,
    /// The places in files that the readings speak of.
    pub places: Places,
}

impl Readings {
    /// Adds what is live, and says where it differs from the template.
    pub fn add_live(&mut self, live: Self) -> Vec<Drift> {
        let mut drifts = Vec::new();
        for mut reading in live.readings {
            let template = self
                .readings
                .iter()
                .find(|template| template.subject() == reading.subject());
            drifts.extend(
                template
                    .into_iter()
                    .flat_map(|template| differences(template, &reading)),
            );
            reading.rename(format!("live {}", reading.subject()));
            self.readings.push(reading);
        }
        drifts
    }
}

fn differences(template: &Reading, live: &Reading) -> Vec<Drift> {
    let drift = |seen: &Seen| {
        let [there] = live.all(seen.setting) else {
            return None;
        };
        let differs = there.value != seen.value && comparable(seen);
        differs.then(|| Drift {
            subject: template.subject().to_owned(),
            template: seen.clone(),
            live: there.clone(),
        })
    };
    template.iter().filter_map(drift).collect()
}

/// Whether a template's value can be compared: it is stated, and not a name that only AWS resolves.
fn comparable(seen: &Seen) -> bool {
    match &seen.value {
        Value::Unset => seen.setting == Stickiness,
        Value::List(items) => !items.iter().any(|item| item.starts_with(['{', '['])),
        _ => true,
    }
}

/// Reads a template; `given` is what its user says about a server that it does not show.
///
/// # Errors
/// The template has no way from a load balancer to anything, or it is not clear what `given` is about.
pub fn read(rendered: &Rendered, given: &Given) -> Result<Readings, Mistakes> {
    read_ways(rendered, given, false)
}

/// Reads what is live (`aws::read_stack`).
///
/// # Errors
/// As for [`read()`].
pub fn read_live(live: &Rendered, given: &Given) -> Result<Readings, Mistakes> {
    let mut readings = read_ways(live, given, true)?;
    readings.readings.iter_mut().for_each(unlike_a_template);
    Ok(readings)
}

fn read_ways(rendered: &Rendered, given: &Given, live: bool) -> Result<Readings, Mistakes> {
    let ways: Vec<_> = ways(rendered).collect();
    if ways.is_empty() {
        let what = if live { "the stack" } else { "the template" };
        let message =
            format!("nothing to check: {what} has no target group of an Application Load Balancer");
        return Err(Mistake::nowhere(message).into());
    }
    given.check(&ways)?;
    let mut places = Places::default();
    let readings = ways
        .iter()
        .map(|way| {
            let mut view = View::new(rendered, way.subject(), live, &mut places);
            way.read(&mut view);
            given.apply(way, &mut view.reading);
            view.reading
        })
        .collect();
    Ok(Readings { readings, places })
}

/// Takes back what a template would state and what is live cannot: what AWS has accepted, names that AWS made, the
/// order of creation, and the bounds of a scaling that is not read.
fn unlike_a_template(reading: &mut Reading) {
    const ACCEPTED: [Setting; 9] = [
        LoadBalancerAttribute,
        TargetGroupAttribute,
        LoadBalancerName,
        ReplicationGroupName,
        TargetGroupName,
        ServiceName,
        AfterListener,
        DesiredCount,
        Autoscaling,
    ];
    for setting in ACCEPTED {
        reading.hide(setting, view::ACCEPTED);
    }
    reading.hide(TasksMin, view::NOT_READ);
    // More tasks than one are enough to know; one may be the least of many.
    if reading.count(TasksMax).is_ok_and(|tasks| tasks.value <= 1) {
        reading.hide(TasksMax, view::NOT_READ);
    }
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
            .and_then(cloudformation::node::Node::as_text);
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
        .and_then(cloudformation::node::Node::as_text);
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
