//! What can be known before anything is changed: whether the account is the right one, and whether
//! certificate, image, network, hosted zone and quotas bear what the plan would make.
//!
//! It reads and never writes. What the deploying role may not ask is said, and hinders nothing.

mod artifacts;
mod certificate;
mod encryption;
mod finding;
mod image;
mod network;
mod quotas;
mod report;
mod shards;
mod size;
mod tasks;
mod wanted;
mod zone;

use std::time::{Duration, Instant, SystemTime};

use anyhow::bail;
use tokio::time::timeout;

use crate::aws::{Clients, Error, Kind, StackState};
use crate::loaded_environment::{Loaded, StackOptions};
use crate::named_stack::Named;
use crate::terminal::say_waiting;
pub use finding::{Finding, Level, Unseen};
pub use report::Preflight;
use wanted::Wanted;

/// The longest that anything is waited for. What is not answered by then is not looked at.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one subject came to.
type Looked = Result<Vec<Finding>, Unseen>;

/// The account of an ARN: its fifth part.
fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// Refuses credentials of another account than the environment's.
///
/// # Errors
/// They are of another one.
pub fn account(options: &StackOptions, caller: &str) -> anyhow::Result<()> {
    let Some(wanted) = &options.account else {
        return Ok(());
    };
    let found = account_of(caller);
    if found == wanted.value.0 {
        return Ok(());
    }
    let place = wanted.origin.first();
    let place = place.map_or_else(String::new, |place| format!("{place}: "));
    bail!(
        "{place}this environment is for account {}, and the credentials are of account {found} \
         ({caller}); log in to {} or set AWS_PROFILE",
        wanted.value.0,
        wanted.value.0
    )
}

/// Refuses credentials of another account than the stack's environment's. Asks AWS only where the
/// environment names one.
///
/// # Errors
/// They are of another one, or AWS does not say whose they are.
pub async fn account_of_stack(clients: &Clients, named: &Named) -> anyhow::Result<()> {
    if named.options.account.is_none() {
        return Ok(());
    }
    let caller = say_waiting(clients.caller()).await?;
    account(&named.options, &caller)
}

/// Looks at everything at once. `old` is the stack that is there.
pub async fn look(
    clients: &Clients,
    loaded: &Loaded,
    caller: &str,
    old: Option<&StackState>,
) -> Preflight {
    let began = Instant::now();
    let wanted = Wanted {
        rendered: &loaded.rendered,
        region: loaded.region.as_deref().unwrap_or_default(),
        account: account_of(caller),
        old,
        now: SystemTime::now(),
    };
    let (artifacts, certificate, image, network, zone, quotas) = tokio::join!(
        within("bucket of the templates", artifacts::look(clients, loaded)),
        within("certificate", certificate::look(clients, &wanted)),
        within("image", image::look(clients, &wanted)),
        network::look(clients, &wanted),
        within("hosted zone", zone::look(clients, &wanted)),
        quotas::look(clients, &wanted),
    );
    let size = Ok(size::look(loaded));
    let encryption = Ok(encryption::look(&wanted));
    let shards = Ok(shards::look(&wanted));
    let looked = [
        certificate,
        image,
        zone,
        encryption,
        shards,
        artifacts,
        size,
    ];
    let looked = looked.into_iter().chain(network).chain(quotas).collect();
    Preflight::new(looked, began.elapsed())
}

/// What one subject comes to, if it comes in time.
async fn within<T>(
    subject: &'static str,
    looking: impl Future<Output = Result<T, Unseen>>,
) -> Result<T, Unseen> {
    let late = || {
        let reason = format!("AWS does not answer within {} s", PATIENCE.as_secs());
        Err(Unseen::new(subject, reason))
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| late())
}

/// Why a subject was not looked at, where a call for it fails.
fn unseen(subject: &'static str, action: &'static str) -> impl Fn(Error) -> Unseen {
    move |error| {
        let reason = match error.kind() {
            Kind::Denied => format!("the deploying role lacks {action}"),
            _ => error.to_string(),
        };
        Unseen::new(subject, reason)
    }
}
