//! Rotation on AWS: the stack's secret changes, and fresh tasks read it.

use anyhow::{Context as _, bail};

use super::{Args, next, question, show, tell};
use crate::aws::{Clients, StackState};
use crate::backend_keys::{parse, rewrite};
use crate::named_stack::Named;
use crate::redeploy::{FreshTasks, Told, interruptible};
use crate::terminal::{Exit, Output, confirm, runtime, say, say_waiting};

/// Shows the keys of a stack.
///
/// # Errors
/// There is no such stack, or its secret may not be read.
pub fn list(named: &Named, output: Output) -> anyhow::Result<Exit> {
    runtime()?.block_on(async {
        let clients = Clients::new(named.region.clone()).await;
        let stack = say_waiting(clients.stack(&named.name)).await?;
        let stack = stack.with_context(|| named.absent())?;
        let keys = clients.secret(secret(&stack)?).await?;
        show(&parse(&keys), output)
    })
}

/// Rotates a key of a stack.
///
/// # Errors
/// It is not clear which, it was declined or interrupted, something is in progress, or the tasks are
/// replaced unwatched.
pub fn rotate(args: &Args, named: &Named, output: Output) -> anyhow::Result<Exit> {
    interruptible(named, args.timeout, output, async |fresh| {
        rotated(args, fresh, output).await
    })
}

async fn rotated(args: &Args, fresh: &FreshTasks<'_>, output: Output) -> anyhow::Result<Exit> {
    let stack = fresh.ready().await?;
    let secret = secret(&stack)?;
    let old = fresh.clients.secret(secret).await?;
    let mut keys = parse(&old);
    let change = args.change(&mut keys)?;
    confirm(args.yes, &question(&change, fresh.named)).await?;
    if fresh.clients.secret(secret).await? != old {
        bail!("the secret {secret} has changed meanwhile; nothing was changed: try again");
    }
    fresh.told.set(Told::Secret);
    let new = rewrite(&old, &keys);
    let changed = say_waiting(fresh.clients.put_secret(secret, &new)).await;
    changed.map_err(|error| fresh.unsure(error))?;
    say(&format!(
        "the secret {secret} is changed; fresh tasks read it"
    ))?;
    let flag = fresh.named.flag();
    let again = format!(
        "the secret is changed, and tasks may not have read it: `deployer redeploy {flag}` brings \
         it to them"
    );
    let exit = fresh.start(&stack).await.context(again.clone())?;
    let next = match exit {
        Exit::Well => next(&change, &flag),
        _ => again,
    };
    // The key itself is in the secret, for those who may read it.
    tell(&change, &next, None, output)?;
    Ok(exit)
}

/// The secret with the stack's backend keys.
fn secret(stack: &StackState) -> anyhow::Result<&str> {
    let secret = stack.outputs.get("BackendKeys");
    let secret = secret.context("the stack has no output BackendKeys that names the secret")?;
    Ok(secret)
}
