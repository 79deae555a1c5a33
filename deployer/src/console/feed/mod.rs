//! What the page hears about each second, as server-sent events, while it listens: the nodes'
//! figures, who is refused, and how a local stack stands. While nobody listens, nobody is asked.

mod asking;
mod exposition;
mod figures;
mod nodes;
mod refusing;
mod window;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use self::nodes::Nodes;
use self::refusing::Refusing;
use crate::local::api::Api;
use crate::local::control::{Answer, Command, call};

/// From one round of questions to the next.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a local stack may take to say how it stands.
const WITHIN: Duration = Duration::from_secs(2);

/// Asks while somebody listens. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Feed {
    latest: Arc<watch::Sender<Arc<str>>>,
    wanted: Arc<Notify>,
    _asking: AbortOnDropHandle<()>,
}

impl Feed {
    /// Waits for listeners. `control` is the socket of a local stack.
    pub(super) fn start(api: Api, control: Option<PathBuf>) -> Self {
        let latest = Arc::new(watch::Sender::new("".into()));
        let wanted = Arc::new(Notify::new());
        let asking = run(api, control, Arc::clone(&latest), Arc::clone(&wanted));
        Self {
            latest,
            wanted,
            _asking: AbortOnDropHandle::new(tokio::spawn(asking)),
        }
    }

    /// The events from now on, for as long as they are read.
    pub(super) fn listen(&self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let mut receiver = self.latest.subscribe();
        self.wanted.notify_one();
        receiver.mark_unchanged();
        let events = unfold(receiver, |mut receiver| async move {
            receiver.changed().await.ok()?;
            let text = receiver.borrow_and_update().clone();
            Some((Ok(Event::default().data(&*text)), receiver))
        });
        Sse::new(events).keep_alive(KeepAlive::default())
    }
}

async fn run(
    api: Api,
    control: Option<PathBuf>,
    latest: Arc<watch::Sender<Arc<str>>>,
    wanted: Arc<Notify>,
) {
    let mut nodes = Nodes::default();
    loop {
        while latest.receiver_count() == 0 {
            wanted.notified().await;
        }
        let next = Instant::now() + PERIOD;
        let trouble = nodes.ask(&api).await;
        let local = match &control {
            Some(socket) => status(socket).await,
            None => Value::Null,
        };
        let (each, all) = nodes.tell(running(&local).as_deref());
        let refusing = match all.refuses() {
            true => Some(Refusing::ask(&api, nodes.live()).await),
            false => None,
        };
        let document = json!({
            "nodes": each, "all": all, "trouble": trouble, "local": local, "refusing": refusing,
        });
        latest.send_replace(document.to_string().into());
        sleep_until(next).await;
    }
}

/// The nodes of a local stack, where they are known.
fn running(local: &Value) -> Option<Vec<&str>> {
    let nodes = local["nodes"].as_array()?.iter();
    nodes.map(|node| node["id"].as_str()).collect()
}

/// How a local stack stands; why it is not known, where it is not.
async fn status(socket: &std::path::Path) -> Value {
    let asked = async {
        call(socket, &Command::Status { wait: false })
            .await?
            .next()
            .await
    };
    let Ok(answer) = timeout(WITHIN, asked).await else {
        return json!({ "trouble": "the local stack does not answer" });
    };
    match answer {
        Ok(Answer::Done { status, .. }) => status,
        Ok(_) => json!({ "trouble": "the stack gave another answer than its state" }),
        Err(error) => json!({ "trouble": error.to_string() }),
    }
}
