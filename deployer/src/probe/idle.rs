//! The quiet time: what idle timeouts on the way do to a session that has nothing to say, on each
//! transport.

use std::time::{Duration, Instant};

use tokio::time::{Instant as Clock, timeout_at};

use super::advice::about;
use super::exchange::join;
use super::report::{Outcome, Step, short};
use super::steps::Probe;
use super::{Options, PAST_THE_PING};
use socketio_client::{Engine, Error, Handshake, WebSocket};

/// What was seen of a session that stayed quiet.
struct Silence {
    first_ping: Option<Duration>,
    pings: u32,
    /// The error that ended it early, and the time without a byte before that.
    cut: Option<(Error, Duration)>,
    lasted: Duration,
}

impl<F: FnMut(&Step)> Probe<'_, F> {
    /// Stays quiet on the WebSocket, and with a second session on polling, at the same time.
    pub(super) async fn quiet(
        &mut self,
        socket: Option<WebSocket>,
        polls: bool,
        handshake: &Handshake,
        pinged: bool,
        quiet_for: Duration,
    ) {
        let options = self.options;
        let (by_socket, by_poll) = tokio::join!(
            async {
                match socket {
                    Some(socket) => Some(quiet_socket(socket, quiet_for).await),
                    None => None,
                }
            },
            async {
                if polls {
                    Some(quiet_poll(options, handshake, quiet_for).await)
                } else {
                    None
                }
            },
        );
        let seen = by_socket.iter().chain(&by_poll);
        self.heartbeat(
            seen.filter_map(|silence| silence.first_ping).min(),
            pinged,
            handshake,
            quiet_for,
        );
        for (name, silence) in [("quiet websocket", by_socket), ("quiet poll", by_poll)] {
            if let Some(silence) = silence {
                self.add(judge(name, &silence, handshake));
            }
        }
    }

    fn heartbeat(
        &mut self,
        first: Option<Duration>,
        pinged: bool,
        handshake: &Handshake,
        waited: Duration,
    ) {
        let interval = handshake.ping_interval;
        let step = |outcome, took, saw: String| Step {
            name: "heartbeat",
            outcome,
            saw,
            took,
            means: None,
            change: None,
        };
        let step = match first {
            Some(after) => step(
                Outcome::Passed,
                after,
                format!("ping after {}, answered", short(after)),
            ),
            None if pinged => step(
                Outcome::Passed,
                Duration::ZERO,
                "ping on connecting, answered".to_owned(),
            ),
            None if waited < interval => {
                let saw = format!(
                    "none due: quiet for {}, ping every {}",
                    short(waited),
                    short(interval)
                );
                step(Outcome::Skipped, waited, saw)
            }
            None => Step {
                means: Some("the server's heartbeat does not reach the client".to_owned()),
                change: Some("look for a proxy that buffers, or a cut below".to_owned()),
                ..step(
                    Outcome::Failed,
                    waited,
                    format!("no ping for {}", short(waited)),
                )
            },
        };
        self.add(step);
    }
}

async fn quiet_socket(mut socket: WebSocket, quiet_for: Duration) -> Silence {
    let began = Instant::now();
    let (mut silence, mut last) = (
        Silence {
            first_ping: None,
            pings: 0,
            cut: None,
            lasted: quiet_for,
        },
        began,
    );
    let end = Clock::now() + quiet_for;
    // The end of the quiet time is the good outcome.
    while let Ok(packet) = timeout_at(end, socket.next()).await {
        let answered = match packet {
            Ok(Engine::Ping(_)) => {
                silence.pings += 1;
                silence.first_ping.get_or_insert(began.elapsed());
                socket.send(&Engine::Pong(String::new())).await
            }
            Ok(Engine::Close) => Err(Error::Closed(String::new())),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            silence.cut = Some((error, last.elapsed()));
            silence.lasted = began.elapsed();
            return silence;
        }
        last = Instant::now();
    }
    socket.close().await;
    silence
}

async fn quiet_poll(options: &Options, handshake: &Handshake, quiet_for: Duration) -> Silence {
    let mut silence = Silence {
        first_ping: None,
        pings: 0,
        cut: None,
        lasted: quiet_for,
    };
    let began = Instant::now();
    let mut last = began;
    if let Err(error) = hold_polls(options, handshake, quiet_for, &mut silence, &mut last).await {
        silence.cut = Some((error, last.elapsed()));
        silence.lasted = began.elapsed();
    }
    silence
}

async fn hold_polls(
    options: &Options,
    handshake: &Handshake,
    quiet_for: Duration,
    silence: &mut Silence,
    last: &mut Instant,
) -> Result<(), Error> {
    let mut polling = options.polling();
    polling.open(options.timeout).await?;
    join(&mut polling, options, &mut vec![]).await?;
    let (began, end) = (Instant::now(), Clock::now() + quiet_for);
    *last = began;
    // A server holds a poll up to the next ping; with nothing by then, something on the way has
    // swallowed it.
    let longest = handshake.ping_interval + PAST_THE_PING;
    while let Ok(polled) = timeout_at(end, polling.poll(longest)).await {
        let (packets, _) = polled?;
        *last = Instant::now();
        for packet in packets {
            match packet {
                Engine::Ping(_) => {
                    silence.pings += 1;
                    silence.first_ping.get_or_insert(began.elapsed());
                    polling
                        .post(&Engine::Pong(String::new()), options.timeout)
                        .await?;
                }
                Engine::Close => return Err(Error::Closed(String::new())),
                _ => {}
            }
        }
    }
    Ok(())
}

fn judge(name: &'static str, silence: &Silence, handshake: &Handshake) -> Step {
    let (took, pings) = (silence.lasted, silence.pings);
    let Some((error, idle)) = &silence.cut else {
        let saw = format!(
            "stayed open for {}, {pings} ping{}",
            short(took),
            if pings == 1 { "" } else { "s" }
        );
        return Step {
            name,
            outcome: Outcome::Passed,
            saw,
            took,
            means: None,
            change: None,
        };
    };
    let interval = handshake.ping_interval;
    let saw = format!("{error}, {} after the last byte", short(*idle));
    let gateway_timeout = matches!(error, Error::Refused(reply) if reply.status == 504);
    let abrupt = matches!(error, Error::Broken(_) | Error::Closed(_));
    // A cut in silence, before the next ping was due, is what an idle timeout looks like from
    // outside.
    let (means, change) = if gateway_timeout || (abrupt && *idle < interval) {
        let means = format!(
            "something on the way closes what is idle for about {}, below the ping interval of \
             {}; or the server crashed or restarted just then",
            short(*idle),
            short(interval)
        );
        (
            Some(means),
            Some(format!(
                "set the idle timeout to {} at least",
                short(interval + PAST_THE_PING)
            )),
        )
    } else {
        let advice = about(error);
        (advice.means, advice.change)
    };
    Step {
        name,
        outcome: Outcome::Failed,
        saw,
        took,
        means,
        change,
    }
}
