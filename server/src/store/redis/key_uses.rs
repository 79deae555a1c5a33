//! How keys were used, by id, in the parts that have them.

use std::sync::Arc;

use futures_util::future::try_join_all;
use redis::cmd;

use super::{Shared, read, script};
use crate::clock::Millis;
use crate::keys::KeyUse;
use crate::store::{Part, Result, StoreError, places_by_part};

/// Keys in one call.
const CHUNK: usize = 500;

impl Shared {
    /// Keeps how keys were used.
    pub(super) async fn record_uses(&self, uses: &[(Arc<str>, KeyUse)]) -> Result<()> {
        let layout = self.primaries.layout;
        let of_parts = places_by_part(uses.iter().map(|(id, _)| layout.part_of_key(id)));
        let each = of_parts.into_iter().map(async |(part, places)| {
            for chunk in places.chunks(CHUNK) {
                let of = layout.keys(part);
                let mut command = script::USE_KEYS.on(&[&of.records, &of.uses]);
                for (id, used) in chunk.iter().map(|place| &uses[*place]) {
                    let json = serde_json::to_string(used).map_err(|error| {
                        StoreError::Unavailable(format!("a use cannot be written: {error}"))
                    })?;
                    command.arg(&**id).arg(used.first_at.0).arg(json);
                }
                self.primaries.ask(part, &command).await?;
            }
            Ok(())
        });
        try_join_all(each).await.map(drop)
    }

    /// How keys were used.
    pub(super) async fn uses(&self, ids: &[Arc<str>]) -> Result<Vec<Option<KeyUse>>> {
        let layout = self.primaries.layout;
        let mut all = vec![None; ids.len()];
        let of_parts = places_by_part(ids.iter().map(|id| layout.part_of_key(id)));
        let each = of_parts.into_iter().map(async |(part, places)| {
            let own = places.iter().map(|place| &*ids[*place]);
            let used = self.uses_of_part(part, own).await?;
            Ok(places.into_iter().zip(used))
        });
        for (place, used) in try_join_all(each).await?.into_iter().flatten() {
            all[place] = used;
        }
        Ok(all)
    }

    async fn uses_of_part(
        &self,
        part: Part,
        ids: impl Iterator<Item = &str>,
    ) -> Result<Vec<Option<KeyUse>>> {
        let mut command = cmd("HMGET");
        command.arg(&*self.primaries.layout.keys(part).uses);
        for id in ids {
            command.arg(id).arg(format!("{id} first"));
        }
        let found: Vec<Option<String>> = read(self.primaries.ask(part, &command).await?)?;
        let used = |pair: &[Option<String>]| {
            let used: KeyUse = serde_json::from_str(pair.first()?.as_deref()?).ok()?;
            let first = pair.get(1)?.as_deref().and_then(|text| text.parse().ok());
            Some(KeyUse {
                first_at: first.map_or(used.first_at, Millis),
                ..used
            })
        };
        Ok(found.chunks(2).map(used).collect())
    }
}
