//! What `plan` and `up` share: what to ask CloudFormation for, the change set that it makes of
//! that, and its removal.

use std::time::{Duration, SystemTime};

use crate::aws::{Body, ChangeSet, Clients, NewChangeSet, StackState};
use crate::history::{LARGEST_TEMPLATE, Origin, PreviousDeployment, carrying, without_record};
use crate::reading::{Flags, read};
use crate::report::Report;
use crate::stack_operation::{Plan, Request};
use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use crate::loaded_environment::Loaded;
use crate::terminal::say;

/// How long CloudFormation may take over a change set. It takes seconds; a large stack a minute.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it is asked.
const PACE: Duration = Duration::from_secs(1);

/// What to ask CloudFormation for.
///
/// # Errors
/// The environment is not one of AWS's, or its template cannot be deployed.
pub fn request(loaded: &Loaded) -> anyhow::Result<Request> {
    if loaded.local == Some(true) {
        bail!(
            "this environment's target is local: `deployer up` runs it, and there is nothing to \
             plan"
        );
    }
    let stack = loaded.stack_name().context(
        "the template has no parameters Prefix, Name and Environment, by which its stack is named",
    )?;
    let region = loaded.region.clone().unwrap_or_default();
    let options = loaded.options.clone();
    Ok(Request::new(
        stack,
        region,
        &loaded.template,
        &loaded.rendered,
        options,
    )?)
}

/// The rules over the template.
///
/// # Errors
/// There is nothing in the template that they could be about.
pub fn check(loaded: &Loaded) -> anyhow::Result<Report> {
    Ok(Report::new(
        read(&loaded.rendered, &Flags::default())?,
        &loaded.ignores,
    ))
}

/// What a deployment does to the record of what ran before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What is live becomes what ran before.
    On,
    /// It completes the deployment that is live: what ran before stays what it was.
    Same,
}

/// A change set with what it means.
pub struct Prepared {
    /// What it would change.
    pub plan: Plan,
    /// The change set's own name.
    pub name: String,
    /// The change set.
    pub change_set: ChangeSet,
}

/// How the name of a roll-back's change set begins, by which others know what they see.
const ROLLBACK: &str = "holdfast-rollback-";

/// A name for a change set that no other run uses. The events of its execution carry it.
///
/// # Errors
/// The system has no random numbers.
pub fn change_set_name(rolls_back: bool) -> anyhow::Result<String> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).context("the system has no random numbers")?;
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let now: String = now.chars().filter(char::is_ascii_alphanumeric).collect();
    let begins = if rolls_back { ROLLBACK } else { "holdfast-" };
    Ok(format!("{begins}{now}-{:08x}", u32::from_be_bytes(random)))
}

/// Whether an operation is a roll-back that somebody began with this program, by the token of its
/// events.
pub(super) fn is_rollback(token: &str) -> bool {
    token.starts_with(ROLLBACK)
}

/// How a change set is made, beside what it asks for.
#[derive(Clone, Copy)]
pub struct How {
    /// What becomes of the record of what ran before.
    pub step: Step,
    /// Whether drift is reverted.
    pub reverts_drift: bool,
}

/// Has CloudFormation work out what would change.
///
/// # Errors
/// CloudFormation refuses, or takes too long.
pub async fn prepare(
    clients: &Clients,
    request: &Request,
    old: Option<&StackState>,
    name: &str,
    origin: &Origin,
    how: How,
) -> anyhow::Result<Prepared> {
    let creates = old.is_none();
    let tags = request.tags(old);
    let parameters = request.parameters(creates);
    let live = match old {
        Some(stack) => Some(clients.template(&stack.id).await?),
        None => None,
    };
    let previous = previous(request, old, live.as_deref(), how);
    let largest = request.largest_template();
    let (template, unkept) = carrying(&request.template, origin, previous, largest);
    if let Some(unkept) = unkept {
        say(&format!(
            "`deployer rollback` will not be possible: {unkept}"
        ))?;
    }
    let place = uploaded(clients, request, &template).await?;
    let new = NewChangeSet {
        stack: &request.stack,
        name,
        creates,
        template: place.as_deref().map_or(Body::Text(&template), Body::At),
        parameters: &parameters,
        tags: tags.as_deref(),
        role: request.options.role.as_deref(),
        topics: request.options.topics.as_deref(),
        iam: request.iam,
        named_iam: request.named_iam,
        reverts_drift: how.reverts_drift && !creates,
    };
    let created = clients.create_change_set(&new).await;
    let (id, _) = match &place {
        Some(url) => created.with_context(|| {
            format!(
                "CloudFormation makes no change set of the template at {url}, which it reads with \
                 the caller's s3:GetObject"
            )
        })?,
        None => created?,
    };
    let mut change_set = made(clients, &id).await?;
    if change_set.status == "FAILED" {
        if !has_no_changes(&change_set.reason) {
            bail!(refusal(clients, &change_set).await);
        }
        change_set.changes.clear();
    }
    let changes = change_set.changes.clone();
    let mut plan = Plan::new(request, changes, old, live.as_deref().map(without_record));
    if change_set.status == "FAILED" {
        plan.drop_ineffective();
    }
    Ok(Prepared {
        plan,
        name: name.to_owned(),
        change_set,
    })
}

/// The URL of a template that is too long for the call, once it lies in the environment's bucket.
/// Its name is the template's hash: one that is sent again is the same object.
async fn uploaded(
    clients: &Clients,
    request: &Request,
    template: &str,
) -> anyhow::Result<Option<String>> {
    let Some(bucket) = &request.options.artifacts else {
        return Ok(None);
    };
    if template.len() <= LARGEST_TEMPLATE {
        return Ok(None);
    }
    let hash = Sha256::digest(template);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("{}/{hash}.template", request.stack);
    let url = clients.put_template(bucket, &key, template).await?;
    Ok(Some(url))
}

/// Why CloudFormation refuses a change: what its validation found, or its own summary.
async fn refusal(clients: &Clients, change_set: &ChangeSet) -> String {
    let summary = format!("CloudFormation refuses the change: {}", change_set.reason);
    match clients.validation_failures(&change_set.id).await {
        Ok(failures) if !failures.is_empty() => {
            let list: String = failures
                .iter()
                .map(|failure| format!("\n    {failure}"))
                .collect();
            format!(
                "CloudFormation refuses the change\n  first cause:{list}\n  {}",
                change_set.reason
            )
        }
        Ok(_) => summary,
        Err(error) => format!("{summary}\n  its details are not seen: {error}"),
    }
}

/// What ran before, as the new template is to carry it.
fn previous(
    request: &Request,
    old: Option<&StackState>,
    live: Option<&str>,
    how: How,
) -> Option<PreviousDeployment> {
    let (old, live) = (old?, live?);
    // What only repairs or completes the deployment that is live leaves its way back as it is.
    let repairs = how.reverts_drift && request.is_live(old, without_record(live));
    if how.step == Step::Same || repairs {
        return PreviousDeployment::of(live);
    }
    Some(PreviousDeployment::new(live, old.parameters.clone()))
}

/// How CloudFormation says that there is nothing to do.
fn has_no_changes(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// Waits until a change set is made, or refused.
async fn made(clients: &Clients, id: &str) -> anyhow::Result<ChangeSet> {
    let began = Instant::now();
    loop {
        match clients.change_set(id).await {
            Ok(Some(found))
                if !found.status.ends_with("_IN_PROGRESS")
                    && !found.status.ends_with("_PENDING") =>
            {
                return Ok(found);
            }
            Ok(Some(_)) => {}
            Ok(None) => bail!(
                "the change set is gone: another deployment ran meanwhile, or somebody deleted \
                 it; run the command again"
            ),
            Err(error) if error.kind().passes() => {}
            Err(error) => return Err(error.into()),
        }
        if began.elapsed() > PATIENCE {
            bail!(
                "CloudFormation has not created the change set within {} minutes",
                PATIENCE.as_secs() / 60
            );
        }
        sleep(PACE.min(began.elapsed() / 2 + PACE / 10)).await;
    }
}

/// Removes a change set, and with it the stack that only exists for it.
///
/// # Errors
/// AWS refuses a call.
pub async fn discard(clients: &Clients, stack: &str, name: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    // While it is being made, CloudFormation does not remove it.
    while let Err(error) = clients.delete_change_set(stack, name).await {
        let is_made = error.code() != Some("InvalidChangeSetStatus");
        if is_made || began.elapsed() > PATIENCE {
            return Err(error.into());
        }
        sleep(PACE).await;
    }
    let Some(state) = clients.stack(stack).await? else {
        return Ok(());
    };
    // Another change set may be somebody's who is still thinking about it.
    if state.status == "REVIEW_IN_PROGRESS" && clients.count_change_sets(stack).await? == 0 {
        clients.delete_stack(&state.id).await?;
    }
    Ok(())
}
