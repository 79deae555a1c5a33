//! The resources of a stack.

use std::collections::BTreeMap;

use super::{Clients, Error, failed};

/// A stack's resources: each type's physical ids, and the logical id of each.
#[derive(Debug, Default)]
pub(super) struct Stack {
    by_type: BTreeMap<String, Vec<String>>,
    logical: BTreeMap<String, String>,
}

impl Stack {
    pub(super) async fn read(clients: &Clients, name: &str) -> Result<Self, Error> {
        let pages = clients
            .stacks
            .list_stack_resources()
            .stack_name(name)
            .into_paginator()
            .items()
            .send();
        let resources = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| {
                let absent = error
                    .as_service_error()
                    .and_then(|error| error.meta().message())
                    .is_some_and(|text| text.contains("does not exist"));
                if absent {
                    Error::NoStack(name.to_owned())
                } else {
                    failed("list the stack's resources")(error)
                }
            })?;
        let mut stack = Self::default();
        for resource in resources {
            let (Some(kind), Some(logical), Some(physical)) = (
                resource.resource_type(),
                resource.logical_resource_id(),
                resource.physical_resource_id(),
            ) else {
                continue; // not created yet
            };
            stack
                .logical
                .insert(physical.to_owned(), logical.to_owned());
            stack
                .by_type
                .entry(kind.to_owned())
                .or_default()
                .push(physical.to_owned());
        }
        Ok(stack)
    }

    /// The physical ids of a type.
    pub(super) fn of_type(&self, kind: &str) -> &[String] {
        self.by_type.get(kind).map_or(&[], Vec::as_slice)
    }

    /// What to call a resource: its logical id, or the telling part of its ARN where the stack does not have it.
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
