//! Bans are shared: an address that tries wrong keys on one node is refused by all.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use crate::admission::{Admission, Client};
use crate::ban::Ban;
use crate::delivery::Context;
use crate::store::Store;

/// Tells the other nodes of this node's bans and takes theirs, for as long as the runtime lives. A
/// ban that is not told, because the store is away, stays on its node.
pub async fn run(context: Arc<Context>, admission: Arc<Admission>) {
    let (mut own, mut others) = (admission.bans(), context.bans.subscribe());
    loop {
        tokio::select! {
            told = own.recv() => match told {
                Ok((client, left)) => {
                    let until = context.clock.now().plus(left);
                    let ban = Ban { address: client.address, until };
                    if let Err(error) = context.store.announce_ban(ban).await {
                        tracing::debug!(%error, %client, "a ban stays on this node");
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            heard = others.recv() => match heard {
                Ok(ban) => {
                    let left = ban.until.since(context.clock.now());
                    admission.banned_elsewhere(Client::new(ban.address), left);
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
        }
    }
}
