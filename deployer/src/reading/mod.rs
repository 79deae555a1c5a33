//! What is said about the settings between a client and its server: one [`Reading`] for each way
//! from a load balancer through a target group to a service.
//!
//! A template and a live stack are read alike, from their [`Model`]. What only AWS knows, or what
//! another stack has, is recorded as not seen, with the reason.

mod balancer;
mod certificates;
mod edge;
mod express;
mod firewall;
mod flags;
mod network;
mod routes;
mod server;
mod service;
mod sides;
mod store;
mod task;
mod view;
mod way;

use timeouts::Setting::{self, *};
use timeouts::{Reading, Seen, Value};

use aws_model::{Model, Part, Source};
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::template::Rendered;

pub use flags::Flags;
pub(crate) use view::ACCEPTED;
pub use view::Places;
use way::Way;

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
    /// Rules that do not apply to the source.
    pub inapplicable: &'static [&'static str],
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
    // ECS rewrites the weights of a forward while it moves the traffic.
    let rewritten = |seen: &Seen| {
        let strategy = template.text(DeploymentStrategy);
        seen.setting == ForwardGroups && strategy.is_ok_and(|strategy| strategy.value != "ROLLING")
    };
    let perhaps = |seen: &Seen| [PerhapsBalancerToTask, PerhapsTaskToStore].contains(&seen.setting);
    let drift = |seen: &Seen| {
        if rewritten(seen) || perhaps(seen) {
            return None;
        }
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

/// Reads a template; `flags` is what its user says about a server that it does not show.
///
/// # Errors
/// The template has no way from a load balancer to anything, or it is not clear what `flags` are
/// about.
pub fn read(rendered: &Rendered, flags: &Flags) -> Result<Readings, Mistakes> {
    read_model(&rendered.into(), flags)
}

/// Reads what a plan or a state of Terraform holds.
///
/// # Errors
/// As for [`read()`].
pub fn read_terraform(rendered: &Rendered, flags: &Flags) -> Result<Readings, Mistakes> {
    let model = Model {
        source: Source::Terraform,
        ..Model::from(rendered)
    };
    read_model(&model, flags)
}

/// Reads what is live (`aws::read_stack`).
///
/// # Errors
/// As for [`read()`].
pub fn read_live(live: &Model, flags: &Flags) -> Result<Readings, Mistakes> {
    read_model(live, flags)
}

fn read_model(model: &Model, flags: &Flags) -> Result<Readings, Mistakes> {
    let mut ways = way::all(model);
    if ways.is_empty() {
        let what = match model.source {
            Source::Template => "the template",
            Source::Terraform => "the plan",
            Source::Live => "the stack",
        };
        let message =
            format!("nothing to check: {what} has no Application Load Balancer and no ECS service");
        return Err(Mistake::nowhere(message).into());
    }
    let mut services: Vec<&str> = Vec::new();
    services.extend(ways.iter().filter_map(Way::service_id));
    services.sort_unstable();
    services.dedup();
    flags.check(&services)?;
    if let Some(service) = flags.service() {
        ways.retain(|way| way.service_id() == Some(service));
    }
    let mut places = Places::default();
    let readings = ways.iter().map(|way| {
        let service = way.service_id();
        let mut reading = way.read(model, &mut places);
        flags.apply(way.service_id(), &services, &mut reading);
        // Which path is Socket.IO's may be for a flag to say.
        let mut reading = way.read_firewall(model, reading, &mut places);
        match model.source {
            Source::Template => {}
            Source::Terraform => unlike_terraforms_files(&mut reading),
            Source::Live => unlike_a_template(&mut reading, model),
        }
        (service, reading)
    });
    let readings = sides::leave_out(readings.collect());
    Ok(Readings {
        readings,
        places,
        inapplicable: match model.source {
            Source::Terraform => &OF_CLOUDFORMATION,
            Source::Template | Source::Live => &[],
        },
    })
}

/// Takes back what a plan shows only in part: its `lifecycle` blocks are missing, and the rules of
/// security groups are not read.
fn unlike_terraforms_files(reading: &mut Reading) {
    if reading.flag(Autoscaling).is_ok_and(|scaled| scaled.value) {
        reading.hide(
            DesiredCount,
            "a plan does not say whether `ignore_changes` names it",
        );
    }
}

/// What CloudFormation does and Terraform does not: it makes the new resource before it removes the
/// old one, and gives up after so many hours.
const OF_CLOUDFORMATION: [&str; 3] = [
    "bake-times-beyond-limit",
    "deploy-longer-than-its-limit",
    "fixed-name-blocks-replacement",
];

/// Takes back what a template would state and what is live cannot: what AWS has accepted, names
/// that AWS made, the order of creation, and the bounds of a scaling that the role may not read.
fn unlike_a_template(reading: &mut Reading, model: &Model) {
    const ACCEPTED: [Setting; 11] = [
        LoadBalancerAttribute,
        TargetGroupAttribute,
        LoadBalancerName,
        ReplicationGroupName,
        TargetGroupName,
        ServiceName,
        AfterListener,
        DesiredCount,
        Autoscaling,
        ListenerCertificates,
        CertificateRegions,
    ];
    for setting in ACCEPTED {
        reading.hide(setting, view::ACCEPTED);
    }
    let Some(why) = model.not_read.get(&Part::Scaling) else {
        return;
    };
    reading.hide(TasksMin, why);
    // More tasks than one are enough to know; one may be the least of many.
    if reading.count(TasksMax).is_ok_and(|tasks| tasks.value <= 1) {
        reading.hide(TasksMax, why);
    }
}
