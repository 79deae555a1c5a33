//! From which networks clients are refused and banned, over all nodes. Nodes are asked for it only
//! while somebody is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::asking::{Answered, each};
use crate::local::api::Api;

/// What the page is told.
#[derive(Debug, Default, Serialize)]
pub(super) struct Refusing {
    /// The most frequent first.
    refused: Vec<Refused>,
    /// The longest first.
    banned: Vec<Banned>,
    /// Networks with bans beyond those that are told.
    other_banned_networks: usize,
    /// Why it is not known, where it is not.
    trouble: Option<String>,
}

/// Refusals of the last minute.
#[derive(Debug, Serialize, Deserialize)]
struct Refused {
    reason: String,
    /// Several where none.
    network: Option<String>,
    count: u64,
}

/// Banned addresses of a network.
#[derive(Debug, Serialize, Deserialize)]
struct Banned {
    network: String,
    addresses: usize,
    /// RFC 3339.
    until: String,
}

/// What a node answers.
#[derive(Debug, Deserialize)]
struct Answer {
    refused: Vec<Refused>,
    banned: Vec<Banned>,
    other_banned_networks: usize,
}

impl Refusing {
    /// Asks these nodes.
    pub(super) async fn ask(api: &Api, nodes: BTreeSet<String>) -> Self {
        let (answers, trouble) = each(api, "/v1/refusals", nodes.clone(), nodes).await;
        Self {
            trouble,
            ..Self::of(answers)
        }
    }

    /// The sums. A node that has answered twice counts once.
    fn of(answers: Vec<Answered>) -> Self {
        let nodes: BTreeMap<_, _> = answers
            .into_iter()
            .filter_map(|one| Some((one.node, serde_json::from_str::<Answer>(&one.text).ok()?)))
            .collect();
        let mut refused = BTreeMap::<_, u64>::new();
        let mut banned = BTreeMap::<String, (usize, String)>::new();
        let mut others = 0;
        for answer in nodes.into_values() {
            others = others.max(answer.other_banned_networks);
            for one in answer.refused {
                *refused.entry((one.reason, one.network)).or_default() += one.count;
            }
            // Nodes tell each other of bans: each has the same ones.
            for one in answer.banned {
                let (addresses, until) = banned.entry(one.network).or_default();
                *addresses = one.addresses.max(*addresses);
                // Times of one form and zone are in the order of their text.
                *until = one.until.max(std::mem::take(until));
            }
        }
        let refused = refused
            .into_iter()
            .map(|((reason, network), count)| Refused {
                reason,
                network,
                count,
            });
        let banned = banned
            .into_iter()
            .map(|(network, (addresses, until))| Banned {
                network,
                addresses,
                until,
            });
        let (mut refused, mut banned): (Vec<_>, Vec<_>) = (refused.collect(), banned.collect());
        refused.sort_by_key(|one| std::cmp::Reverse(one.count));
        banned.sort_by(|one, other| other.until.cmp(&one.until));
        Self {
            refused,
            banned,
            other_banned_networks: others,
            trouble: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn refusals_add_up_and_bans_are_the_same_on_every_node() {
        let answer = |node: &str, count: u64, second: u8| Answered {
            node: node.to_owned(),
            at: Instant::now(),
            text: serde_json::json!({
                "seconds": 60,
                "refused": [{ "reason": "banned", "network": "192.0.2.0/24", "count": count },
                            { "reason": "invalid_key", "network": null, "count": 1 }],
                "banned": [{ "network": "192.0.2.0/24", "addresses": 2,
                             "until": format!("2026-01-31T20:00:{second:02}.000Z") }],
                "other_banned_networks": 0,
            })
            .to_string(),
        };
        let answers = vec![answer("a", 3, 9), answer("b", 4, 11), answer("b", 5, 11)];
        let told = serde_json::to_value(Refusing::of(answers)).unwrap();
        assert_eq!(
            told,
            serde_json::json!({
                "refused": [{ "reason": "banned", "network": "192.0.2.0/24", "count": 8 },
                            { "reason": "invalid_key", "network": null, "count": 2 }],
                "banned": [{ "network": "192.0.2.0/24", "addresses": 2,
                             "until": "2026-01-31T20:00:11.000Z" }],
                "other_banned_networks": 0,
                "trouble": null,
            })
        );
    }
}
