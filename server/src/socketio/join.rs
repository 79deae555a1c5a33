//! Joining a namespace: with which key, and why not.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::handler::Handler;
use super::lookup::UNKNOWN;
use super::outlet::SocketOutlet;
use super::packet;
use super::session::Session;
use crate::admission::{Permit, Refused};
use crate::delivery::Subscriber;
use crate::engine::{How, Protocol, Sid};
use crate::keys::KeyRecord;
use crate::store::StoreError;

/// Why a client may not join.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// For good: asking again would be answered the same.
    #[error("{message}")]
    Definite {
        code: &'static str,
        message: Cow<'static, str>,
    },
    /// It cannot be known now.
    #[error(transparent)]
    Later(#[from] StoreError),
    /// The key is at one of its limits, which passes.
    #[error(transparent)]
    Limited(#[from] Refused),
}

const UNKNOWN_NAMESPACE: Refusal = Refusal::Definite {
    code: "invalid_namespace",
    message: Cow::Borrowed("Invalid namespace"),
};
const NO_KEY: Refusal = Refusal::Definite {
    code: "missing_key",
    message: Cow::Borrowed(
        "No key: send it as auth.key, or as the header Authorization: ApiKey <key>",
    ),
};
const WRONG_NAMESPACE: Refusal = Refusal::Definite {
    code: "forbidden",
    message: Cow::Borrowed("This key does not open this namespace"),
};

fn bad_key(why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::Definite {
        code: "invalid_key",
        message: why.into(),
    }
}

/// What a client may say when it joins; libraries of others put more into it.
#[derive(Deserialize)]
struct Auth {
    key: Option<String>,
}

impl Handler {
    /// Lets the client into the namespace, or tells it why not.
    pub(super) async fn join(
        self: Arc<Self>,
        session: Arc<Session>,
        namespace: String,
        auth: Option<String>,
    ) {
        // Client v2 puts its `query` behind the namespace, which may hold a key: it is neither
        // logged, nor sent back, where the client would not know it as its own.
        let (asked, namespace) = (&*namespace, namespace.split('?').next().unwrap_or_default());
        if namespace.is_empty() {
            // Protocol 4 is in the root already. In protocol 5 some clients ask for it before any
            // other namespace. There is nothing in it: no mailbox, and the time for joining goes
            // on.
            if session.engine.protocol == Protocol::V4 {
                let reply = packet::connected(session.engine.protocol, "", &Sid::new().to_string());
                session.send(&reply);
            }
            return;
        }
        match self.admit(&session, asked, auth.as_deref()).await {
            Ok((key, place)) => {
                self.enter(&session, namespace, &key, place);
                // Revoked since it was looked up: nobody found the socket then.
                self.hub.check_key(&key.id).await;
            }
            Err(Refusal::Definite { code, message }) => {
                self.admission.refused(code, session.client);
                if code == "invalid_key" {
                    self.admission.failed_key(session.client);
                }
                tracing::debug!(connection = session.name, namespace, code, "join refused");
                let protocol = session.engine.protocol;
                session.send(&packet::connect_error(protocol, namespace, code, &message));
            }
            Err(Refusal::Later(error)) => {
                // A connect_error would be final for the client; after a closed transport it comes
                // back.
                self.admission.refused("store_unavailable", session.client);
                tracing::debug!(connection = session.name, namespace, %error, "join put off");
                session.engine.close(How::Moved, "store_unavailable");
            }
            Err(Refusal::Limited(refused)) => {
                session.engine.close(How::Moved, refused.reason.name());
            }
        }
    }

    async fn admit(
        &self,
        session: &Session,
        namespace: &str,
        auth: Option<&str>,
    ) -> Result<(Arc<KeyRecord>, Permit), Refusal> {
        if !self
            .settings
            .namespaces
            .iter()
            .any(|known| known == namespace)
        {
            return Err(UNKNOWN_NAMESPACE);
        }
        let now = self.context.clock.now();
        let said = match auth {
            None => None,
            Some(json) => {
                serde_json::from_str::<Auth>(json)
                    .map_err(|_| bad_key(UNKNOWN))?
                    .key
            }
        };
        let key = match (said, &session.header_key) {
            (Some(key), _) => self.find_key(&key, now).await?.map_err(bad_key)?,
            // It was right at the handshake; it may have been revoked since.
            (None, Some(key)) => {
                let current = self.current(key, now).await?;
                current.ok_or_else(|| bad_key(UNKNOWN))?
            }
            (None, None) => return Err(NO_KEY),
        };
        if !key.namespaces.iter().any(|opened| opened == namespace) {
            return Err(WRONG_NAMESPACE);
        }
        let place = self.admission.join(session.client, &key, now)?;
        Ok((Arc::new(key), place))
    }

    fn enter(
        self: &Arc<Self>,
        session: &Arc<Session>,
        namespace: &str,
        key: &Arc<KeyRecord>,
        place: Permit,
    ) {
        let outlet = Arc::new(SocketOutlet {
            session: session.clone(),
            namespace: namespace.to_owned(),
        });
        let name = session.name.clone();
        let subscriber =
            Subscriber::new(namespace, key.clone(), name, outlet, self.context.clone());
        let expiry = self.watch_expiry(key, &subscriber, session);
        let reply = packet::connected(session.engine.protocol, namespace, &Sid::new().to_string());
        if let Some(first) = session.join(namespace, &subscriber, &reply, expiry, place) {
            if first {
                session.place.joined();
            }
            tracing::info!(
                connection = session.name, namespace, channel = key.channel, key = %key.id,
                client = %session.client,
                protocol = session.engine.protocol.socketio(), "joined",
            );
        }
    }
}
