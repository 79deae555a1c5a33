//! The exchanges that the steps are made of: joining, upgrading, a session by WebSocket alone.

use std::time::{Duration, Instant};

use super::Options;
use socketio_client::{Cookies, Engine, Error, Handshake, Polling, Reply, WebSocket};

/// The node that answered, where the server says so.
pub(super) fn node(reply: &Reply) -> String {
    reply.header("x-node-id").to_owned()
}

/// Joins the namespace; notes which node answered each request, and whether a heartbeat came
/// meanwhile.
pub(super) async fn join(
    polling: &mut Polling,
    options: &Options,
    nodes: &mut Vec<String>,
) -> Result<bool, Error> {
    nodes.push(node(
        &polling
            .post(&options.settings.join(), options.timeout)
            .await?,
    ));
    let (began, mut pinged) = (Instant::now(), false);
    loop {
        let left = options
            .timeout
            .checked_sub(began.elapsed())
            .ok_or(Error::Timeout(options.timeout))?;
        let (packets, reply) = polling.poll(left).await?;
        nodes.push(node(&reply));
        let mut joined = false;
        for packet in packets {
            if packet == Engine::Ping(String::new()) {
                pinged = true;
                nodes.push(node(
                    &polling
                        .post(&Engine::Pong(String::new()), options.timeout)
                        .await?,
                ));
            }
            if let Some(decided) = options.settings.joined(&packet) {
                decided?;
                joined = true;
            }
        }
        if joined {
            return Ok(pinged);
        }
    }
}

/// Joins with the cookie jar emptied before each request.
pub(super) async fn join_forgetful(polling: &mut Polling, options: &Options) -> Result<(), Error> {
    polling
        .post(&options.settings.join(), options.timeout)
        .await?;
    polling.cookies = Cookies::default();
    polling.poll(options.timeout).await?;
    polling.cookies = Cookies::default();
    // Leaves no session behind that the server would have to time out.
    polling
        .post(&Engine::Close, options.timeout)
        .await
        .map(|_| ())
}

/// From polling to WebSocket: 101, a probe and its answer, then the upgrade itself.
pub(super) async fn upgrade(polling: &Polling, within: Duration) -> Result<WebSocket, Error> {
    let mut socket = WebSocket::open(polling, within).await?;
    socket.send(&Engine::Ping("probe".to_owned())).await?;
    let answered = |packet| (packet == Engine::Pong("probe".to_owned())).then_some(());
    socket.wait(within, answered).await?;
    socket.send(&Engine::Upgrade).await?;
    Ok(socket)
}

/// A session that begins as a WebSocket.
pub(super) async fn websocket_session(options: &Options) -> Result<(WebSocket, Handshake), Error> {
    let mut socket = WebSocket::open(&options.polling(), options.timeout).await?;
    let open = |packet| {
        if let Engine::Open(handshake) = packet {
            Some(handshake)
        } else {
            None
        }
    };
    let handshake = socket.wait(options.timeout, open).await?;
    socket.send(&options.settings.join()).await?;
    socket
        .wait(options.timeout, |packet| options.settings.joined(&packet))
        .await??;
    Ok((socket, handshake))
}
