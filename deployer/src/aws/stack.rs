//! The resources of a stack.

use std::collections::BTreeMap;

use super::{Clients, Error, Kind, failed};

/// A resource of a stack as CloudFormation knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name within the template.
    pub logical_id: String,
    /// What AWS calls it; empty before it exists.
    pub physical_id: String,
    /// Its type.
    pub kind: String,
    /// `CREATE_COMPLETE`, `UPDATE_IN_PROGRESS` and so on.
    pub status: String,
}

impl Clients {
    /// The resources of a stack, by name or ARN.
    ///
    /// # Errors
    /// There is no such stack, or AWS refuses a call.
    pub async fn resources(&self, stack: &str) -> Result<Vec<Resource>, Error> {
        let pages = self
            .stacks
            .list_stack_resources()
            .stack_name(stack)
            .into_paginator()
            .items()
            .send();
        let found = pages.collect::<Result<Vec<_>, _>>().await;
        let found = found
            .map_err(failed("list the stack's resources"))
            .map_err(|error| match error.kind() {
                Kind::Missing => Error::NoStack(stack.to_owned()),
                _ => error,
            })?;
        let text = |text: Option<String>| text.unwrap_or_default();
        let resource = |found: aws_sdk_cloudformation::types::StackResourceSummary| Resource {
            status: text(
                found
                    .resource_status
                    .map(|status| status.as_str().to_owned()),
            ),
            logical_id: text(found.logical_resource_id),
            physical_id: text(found.physical_resource_id),
            kind: text(found.resource_type),
        };
        Ok(found.into_iter().map(resource).collect())
    }
}

/// A stack's resources: each type's physical ids, and the logical id of each.
#[derive(Debug, Default)]
pub(super) struct Stack {
    by_type: BTreeMap<String, Vec<String>>,
    logical: BTreeMap<String, String>,
}

impl Stack {
    pub(super) async fn read(clients: &Clients, name: &str) -> Result<Self, Error> {
        let mut stack = Self::default();
        for resource in clients.resources(name).await? {
            if resource.physical_id.is_empty() {
                continue; // not created yet
            }
            let of_type = stack.by_type.entry(resource.kind).or_default();
            of_type.push(resource.physical_id.clone());
            stack
                .logical
                .insert(resource.physical_id, resource.logical_id);
        }
        Ok(stack)
    }

    /// The physical ids of a type.
    pub(super) fn of_type(&self, kind: &str) -> &[String] {
        self.by_type.get(kind).map_or(&[], Vec::as_slice)
    }

    /// What to call a resource: its logical id, or the telling part of its ARN where the stack does
    /// not have it.
    pub(super) fn name(&self, arn: &str) -> String {
        let telling = || {
            arn.split_once(':')
                .map_or(arn, |_| arn.rsplit(':').next().unwrap_or(arn))
        };
        self.logical
            .get(arn)
            .cloned()
            .unwrap_or_else(|| telling().to_owned())
    }
}
