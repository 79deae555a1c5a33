//! Calls about many messages: those of each part go to its primary, at the same time.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use redis::{Cmd, Value};

use super::encoding::{published, row};
use super::link::{is_lasting, unavailable};
use super::names::Layout;
use super::{Shared, lock};
use crate::store::{Draft, PATIENCE, Part, Published, Result, places_by_part};

impl Shared {
    /// Stores messages; an answer for each, in order. Those of a part that is away are told so, if
    /// another has answered.
    pub(super) async fn publish(&self, drafts: Vec<Draft>) -> Result<Vec<Published>> {
        if self.primaries.layout == Layout::Single {
            return self.publish_to(Part::FIRST, &drafts).await;
        }
        let of_parts = places_by_part(drafts.iter().map(|draft| self.part_of(&draft.mailbox)));
        let drafts = &drafts;
        let each = of_parts.into_iter().map(async |(part, places)| {
            let own: Vec<Draft> = places.iter().map(|place| drafts[*place].clone()).collect();
            let answers = self.publish_to(part, &own).await;
            (places, answers)
        });
        let each = join_all(each).await;
        let has_answered = each.iter().any(|(_, answers)| answers.is_ok());
        let mut all = BTreeMap::new();
        for (places, answers) in each {
            let answers = match answers {
                Err(error) if has_answered => vec![Published::Away(error); places.len()],
                answers => answers?,
            };
            all.extend(places.into_iter().zip(answers));
        }
        Ok(all.into_values().collect())
    }

    /// Stores messages of one part.
    async fn publish_to(&self, part: Part, drafts: &[Draft]) -> Result<Vec<Published>> {
        let full = self.primaries.of(part)?.memory.is_full();
        let (layout, seals) = (self.primaries.layout, &self.seals);
        let deadline = match layout {
            // What it does late is stored all the same, and a repeated request finds it.
            Layout::Single => None,
            Layout::Cluster => self.reckoned_now().map(|now| now.plus(PATIENCE)),
        };
        let row = |draft| row(layout, draft, full, seals, deadline);
        let rows = drafts.iter().map(row);
        let answers = self.primaries.publish(part, rows.collect()).await?;
        let published = drafts
            .iter()
            .zip(answers)
            .map(|(draft, answer)| published(draft, answer, full))
            .collect::<Result<Vec<_>>>()?;
        for (draft, answer) in drafts.iter().zip(&published) {
            // A repeat may be of one whose answer was lost.
            if let Published::Stored(status) | Published::Repeated(status) = answer {
                let message = &status.message;
                self.accepted(part).accept(message, draft.created_at);
                lock(&self.part(part).ends).add(message.expires_at);
            }
        }
        Ok(published)
    }

    /// Carries out commands, each on its part, and returns the answers of those that worked.
    pub(super) async fn carry_out(
        &self,
        what: &str,
        commands: impl Iterator<Item = (Part, Cmd)>,
    ) -> Result<Vec<Value>> {
        let mut of_part: BTreeMap<Part, redis::Pipeline> = BTreeMap::new();
        for (part, command) in commands {
            of_part.entry(part).or_default().add_command(command);
        }
        let each = of_part.into_iter().map(async |(part, mut pipeline)| {
            check(what, self.primaries.ask_all(part, &mut pipeline).await?)
        });
        let answers: Result<Vec<_>> = join_all(each).await.into_iter().collect();
        Ok(answers?.concat())
    }
}

/// The answers, if they are in order. What will never be stored does not hold up the rest: it is
/// told of and dropped.
fn check(what: &str, answers: Vec<redis::RedisResult<Value>>) -> Result<Vec<Value>> {
    let (done, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(redis::RedisResult::is_ok);
    let errors = failed.into_iter().filter_map(redis::RedisResult::err);
    let (lasting, passing): (Vec<_>, Vec<_>) = errors.partition(is_lasting);
    if let Some(error) = lasting.first() {
        let mailboxes = lasting.len();
        tracing::error!(what, mailboxes, %error, "the store cannot take these; they are dropped");
    }
    match passing.first() {
        Some(error) => Err(unavailable(error)),
        None => Ok(done.into_iter().flatten().collect()),
    }
}
