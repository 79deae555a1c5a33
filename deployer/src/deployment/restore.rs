//! What ran before, as `deployer rollback` finds it in the template that is live.

use crate::aws::StackState;
use crate::history::PreviousDeployment;
use crate::render::render_with;
use crate::stack_operation::{HIDDEN, Request};
use anyhow::{Context as _, bail};
use cloudformation::template::Template;

use crate::loaded_environment::Loaded;
use crate::named_stack::Named;
use crate::terminal::say;

/// What ran before, as what is to be deployed, and the commit that it came from.
pub(super) fn back(
    named: &Named,
    stack: &StackState,
    live: &str,
) -> anyhow::Result<(Loaded, Request, Option<String>)> {
    let previous = PreviousDeployment::of(live).with_context(|| {
        format!(
            "{} has no earlier deployment to return to: this is its first, or another tool \
             deployed it; deploy an earlier commit, or an earlier image with `deployer up {} \
             --image …`",
            stack.name,
            named.flag()
        )
    })?;
    say(&format!("rolling back to: {}", previous.summary()))?;
    let hidden: Vec<_> = previous
        .parameters
        .iter()
        .filter(|(_, value)| *value == HIDDEN)
        .map(|(name, _)| name.as_str())
        .collect();
    if !hidden.is_empty() {
        bail!(
            "{} cannot be rolled back: CloudFormation hides the values of {}; deploy an earlier \
             commit",
            stack.name,
            hidden.join(", ")
        );
    }
    let template = Template::parse("what ran before", previous.template(live))?;
    let parameters: Vec<_> = previous.parameters.clone().into_iter().collect();
    // The region as the stack's ARN has it: the environment file may name none.
    let region = stack.id.split(':').nth(3).map(str::to_owned);
    let rendered = render_with(&template, &parameters, region.as_deref())?;
    // Tags, role, topics and bucket are those of now, not of what ran before.
    let request = Request::new(
        stack.name.clone(),
        region.clone().unwrap_or_default(),
        &template,
        &rendered,
        named.options.clone(),
    )?;
    let loaded = Loaded {
        name: named.environment.clone(),
        path: None,
        local: Some(false),
        template,
        rendered,
        region: named.region.clone().or(region),
        ignores: named.ignores.clone(),
        options: named.options.clone(),
    };
    Ok((
        loaded,
        request,
        previous.origin.and_then(|origin| origin.commit),
    ))
}
