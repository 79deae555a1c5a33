//! The steps of a probe up to the quiet time: handshake, stickiness, upgrade, WebSocket alone.

use std::time::{Duration, Instant};

use super::advice::{about, engine_code};
use super::exchange::{join, join_forgetful, node, upgrade, websocket_session};
use super::report::{Outcome, Report, Step, short};
use super::{Options, cross_origin, offers_websocket};
use socketio_client::{Cookies, Error, Handshake, Polling, Reply, WebSocket};

/// Sessions that are tried without their cookies. Few, so that the probe is no load; enough that a
/// second node that gets every other request shows.
const WITHOUT_COOKIE: usize = 3;

/// A probe under way.
pub(super) struct Probe<'a, F> {
    pub(super) options: &'a Options,
    on_step: F,
    steps: Vec<Step>,
}

impl<'a, F: FnMut(&Step)> Probe<'a, F> {
    pub(super) fn new(options: &'a Options, on_step: F) -> Self {
        Self {
            options,
            on_step,
            steps: Vec::new(),
        }
    }

    pub(super) fn report(self) -> Report {
        let ok = self
            .steps
            .iter()
            .all(|step| step.outcome != Outcome::Failed);
        Report {
            url: self.options.settings.address.to_string(),
            ok,
            steps: self.steps,
        }
    }

    pub(super) fn add(&mut self, step: Step) {
        (self.on_step)(&step);
        self.steps.push(step);
    }

    pub(super) fn say(
        &mut self,
        name: &'static str,
        outcome: Outcome,
        took: Duration,
        saw: impl Into<String>,
    ) {
        self.add(Step {
            name,
            outcome,
            saw: saw.into(),
            took,
            means: None,
            change: None,
        });
    }

    fn fail(&mut self, name: &'static str, took: Duration, error: &Error) {
        let advice = about(error);
        let (means, change) = (advice.means, advice.change);
        self.add(Step {
            name,
            outcome: Outcome::Failed,
            saw: error.to_string(),
            took,
            means,
            change,
        });
    }

    /// Handshake, namespace, cookie and stickiness by polling. The flag says whether a heartbeat
    /// has come already.
    pub(super) async fn polling_session(&mut self) -> Option<(Polling, Handshake, bool)> {
        let mut polling = self.options.polling();
        let began = Instant::now();
        let (handshake, reply) = match polling.open(self.options.timeout).await {
            Ok(opened) => opened,
            // A handshake by polling has nothing else that could be bad about it.
            Err(error) if matches!(engine_code(&error), Some(0 | 3)) => {
                let saw = "the server does not offer polling";
                self.say("polling handshake", Outcome::Skipped, began.elapsed(), saw);
                return None;
            }
            Err(error) => {
                self.fail("polling handshake", began.elapsed(), &error);
                return None;
            }
        };
        self.say(
            "polling handshake",
            Outcome::Passed,
            began.elapsed(),
            describe(&handshake, &reply),
        );
        if let Some(origin) = &self.options.origin {
            self.add(cross_origin::judge(origin, &reply));
        }
        let mut nodes = vec![node(&reply)];
        let began = Instant::now();
        let pinged = match join(&mut polling, self.options, &mut nodes).await {
            Ok(pinged) => pinged,
            Err(error) => {
                let name = if engine_code(&error) == Some(1) {
                    "stickiness"
                } else {
                    "join by polling"
                };
                self.fail(name, began.elapsed(), &error);
                return None;
            }
        };
        let namespace = &self.options.settings.namespace;
        self.say(
            "join by polling",
            Outcome::Passed,
            began.elapsed(),
            format!("joined {namespace}"),
        );
        self.stickiness(&polling.cookies, &nodes);
        self.without_cookie().await;
        Some((polling, handshake, pinged))
    }

    fn stickiness(&mut self, cookies: &Cookies, nodes: &[String]) {
        let names: Vec<_> = cookies.names().collect();
        let cookie = if names.is_empty() {
            "no cookie".to_owned()
        } else {
            format!("cookies {}", names.join(", "))
        };
        let polls = nodes.len() - 1;
        let (first, same) = (&nodes[0], nodes.windows(2).all(|two| two[0] == two[1]));
        let (outcome, saw) = if first.is_empty() {
            (
                Outcome::Passed,
                format!(
                    "{cookie}; {polls} more requests found the session (the server names no node)"
                ),
            )
        } else if same {
            (
                Outcome::Passed,
                format!("{cookie}; {polls} more requests, all answered by node {first}"),
            )
        } else {
            (
                Outcome::Noted,
                format!(
                    "{cookie}; answered by nodes {}, and the session was known",
                    nodes.join(", ")
                ),
            )
        };
        self.say("stickiness", outcome, Duration::ZERO, saw);
    }

    /// What happens to clients that keep no cookies.
    async fn without_cookie(&mut self) {
        let began = Instant::now();
        let mut nodes = vec![];
        for _ in 0..WITHOUT_COOKIE {
            let mut polling = self.options.polling();
            let tried = async {
                let (_, reply) = polling.open(self.options.timeout).await?;
                nodes.push(node(&reply));
                polling.cookies = Cookies::default();
                join_forgetful(&mut polling, self.options).await
            };
            match tried.await {
                Ok(()) => {}
                Err(error) if engine_code(&error) == Some(1) => {
                    return self.refused_without_cookie(began, &error);
                }
                Err(error) => return self.fail("without the cookie", began.elapsed(), &error),
            }
        }
        nodes.sort();
        nodes.dedup();
        let of = if nodes.len() > 1 {
            format!(" of nodes {}", nodes.join(", "))
        } else {
            String::new()
        };
        let saw = format!(
            "{WITHOUT_COOKIE} sessions{of} were found without it: one node, or a shared session"
        );
        self.say("without the cookie", Outcome::Passed, began.elapsed(), saw);
    }

    fn refused_without_cookie(&mut self, began: Instant, error: &Error) {
        self.add(Step {
            name: "without the cookie",
            outcome: Outcome::Noted,
            saw: format!("refused: {error}"),
            took: began.elapsed(),
            means: Some(
                "several nodes run, and the cookie is what keeps a session on \
                         one"
                .to_owned(),
            ),
            change: Some(
                "clients that keep no cookies (most outside browsers) need transports: \
                 [\"websocket\"]"
                    .to_owned(),
            ),
        });
    }

    /// From polling to WebSocket, as clients do it.
    pub(super) async fn upgrade(
        &mut self,
        polling: &Polling,
        handshake: &Handshake,
    ) -> Option<WebSocket> {
        if !offers_websocket(handshake) {
            self.say(
                "upgrade",
                Outcome::Skipped,
                Duration::ZERO,
                "the server offers no upgrade to WebSocket",
            );
            return None;
        }
        let began = Instant::now();
        match upgrade(polling, self.options.timeout).await {
            Ok(socket) => {
                self.say(
                    "upgrade",
                    Outcome::Passed,
                    began.elapsed(),
                    "101, probe answered, WebSocket from here on",
                );
                Some(socket)
            }
            // python-socketio offers it whatever its transports are.
            Err(error) if engine_code(&error) == Some(0) => {
                let saw = "the server offers an upgrade and refuses it: clients stay on polling";
                self.say("upgrade", Outcome::Noted, began.elapsed(), saw);
                None
            }
            Err(error) => {
                self.fail("upgrade", began.elapsed(), &error);
                None
            }
        }
    }

    /// Says so where no transport was refused for a reason, and none opened a session.
    pub(super) fn no_session(&mut self) {
        if self
            .steps
            .iter()
            .all(|step| step.outcome == Outcome::Skipped)
        {
            self.add(Step {
                name: "session",
                outcome: Outcome::Failed,
                saw: "the server offers neither polling nor WebSocket".to_owned(),
                took: Duration::ZERO,
                means: None,
                change: Some("allow a transport (TRANSPORTS), and check --path".to_owned()),
            });
        }
    }

    /// A session that never polls. Kept open when `keep` says so. `offered` says whether the server
    /// may offer WebSocket, as far as a handshake by polling told.
    pub(super) async fn websocket_only(
        &mut self,
        keep: bool,
        offered: bool,
    ) -> Option<(WebSocket, Handshake)> {
        let began = Instant::now();
        match websocket_session(self.options).await {
            Ok((socket, handshake)) => {
                let saw = format!(
                    "101, session {}, joined {}",
                    handshake.sid, self.options.settings.namespace
                );
                self.say("websocket only", Outcome::Passed, began.elapsed(), saw);
                if keep {
                    return Some((socket, handshake));
                }
                socket.close().await;
                None
            }
            Err(error)
                if engine_code(&error) == Some(0)
                    || (!offered && engine_code(&error) == Some(3)) =>
            {
                self.say(
                    "websocket only",
                    Outcome::Skipped,
                    began.elapsed(),
                    "the server does not offer WebSocket",
                );
                None
            }
            Err(error) => {
                self.fail("websocket only", began.elapsed(), &error);
                None
            }
        }
    }
}

fn describe(handshake: &Handshake, reply: &Reply) -> String {
    let node = node(reply);
    let by = if node.is_empty() {
        String::new()
    } else {
        format!(" by node {node}")
    };
    let (interval, wait) = (
        short(handshake.ping_interval),
        short(handshake.ping_timeout),
    );
    format!(
        "200{by}, session {}, ping every {interval}, pong within {wait}",
        handshake.sid
    )
}
