//! What `plan` and `up` share: what to ask CloudFormation for, the change set that it makes of
//! that, and its removal.

use std::time::{Duration, SystemTime};

use crate::aws::{ChangeSet, Clients, NewChangeSet, StackState};
use crate::deploy::{Plan, Request, deployed_by};
use crate::history::{PreviousDeployment, without_record};
use crate::reading::{Flags, read};
use crate::report::Report;
use anyhow::{Context as _, bail};
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
    Ok(Request::new(
        stack,
        region,
        &loaded.template,
        &loaded.rendered,
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

/// Where a deployment comes from, for the stack's tags.
pub struct Origin {
    /// The ARN of whoever deploys.
    pub caller: String,
    /// The commit, if there is one.
    pub commit: Option<String>,
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

/// A name for a change set that no other run uses.
pub fn change_set_name() -> anyhow::Result<String> {
    let mut random = [0; 4];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .context("the system has no random numbers")?;
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let now: String = now.chars().filter(char::is_ascii_alphanumeric).collect();
    Ok(format!("holdfast-{now}-{:08x}", u32::from_be_bytes(random)))
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
    step: Step,
) -> anyhow::Result<Prepared> {
    let creates = old.is_none();
    let image = request.parameter("Image");
    let mut tags = deployed_by(
        &origin.caller,
        image,
        origin.commit.as_deref(),
        SystemTime::now(),
    );
    // Whatever others have put on the stack stays.
    let theirs = old.iter().flat_map(|stack| &stack.tags);
    for (key, value) in theirs.filter(|(key, _)| !key.starts_with("holdfast:")) {
        tags.push((key.clone(), value.clone()));
    }
    let parameters = request.parameters(creates);
    let live = match old {
        Some(stack) => Some(clients.template(&stack.id).await?),
        None => None,
    };
    let new = NewChangeSet {
        stack: &request.stack,
        name,
        creates,
        template: &carrying(request, old, live.as_deref(), step)?,
        parameters: &parameters,
        tags: &tags,
        iam: request.iam,
        named_iam: request.named_iam,
    };
    let (id, _) = clients.create_change_set(&new).await?;
    let mut change_set = made(clients, &id).await?;
    if change_set.status == "FAILED" {
        if !has_no_changes(&change_set.reason) {
            bail!("CloudFormation refuses the change: {}", change_set.reason);
        }
        change_set.changes.clear();
    }
    let changes = change_set.changes.clone();
    Ok(Prepared {
        plan: Plan::new(request, changes, old, live.as_deref().map(without_record)),
        name: name.to_owned(),
        change_set,
    })
}

/// The template to send: with what ran before, for a roll-back, if it can carry that.
fn carrying(
    request: &Request,
    old: Option<&StackState>,
    live: Option<&str>,
    step: Step,
) -> anyhow::Result<String> {
    let previous = match (step, old, live) {
        (Step::On, Some(stack), Some(live)) => Some(PreviousDeployment::new(
            live,
            stack.parameters.clone(),
            stack.tags.clone(),
        )),
        (Step::Same, _, Some(live)) => PreviousDeployment::of(live),
        _ => None,
    };
    match previous.map(|previous| previous.carried_by(&request.template)) {
        Some(Ok(carrying)) => return Ok(carrying),
        Some(Err(unkept)) => say(&format!(
            "`deployer rollback` will not be possible: {unkept}"
        ))?,
        None => {}
    }
    Ok(request.template.clone())
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
        let is_made = !error.to_string().contains("InvalidChangeSetStatus");
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
