//! Opens connections to targets when none is idle. The idle timeout closes them.

use std::sync::Arc;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::Connection;
use super::event::Cause;
use super::shared::Shared;
use super::stream::Stream;
use super::target::Target;

/// hyper's own limit on a response head, above the 32 K at which the balancer answers 502.
const READ_BUFFER: usize = 64 * 1024;

/// An idle connection to `target`, or a new one.
pub(super) async fn open(shared: &Arc<Shared>, target: &Arc<Target>) -> Result<Connection, Cause> {
    match target.reuse() {
        Some(connection) => Ok(connection),
        None => connect(shared, target).await,
    }
}

/// A new connection to `target`.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    target: &Arc<Target>,
) -> Result<Connection, Cause> {
    let tcp = timeout(
        shared.config.connect_timeout,
        TcpStream::connect(target.address),
    )
    .await
    .map_err(|_| Cause::ConnectTimeout)?
    .map_err(|_| Cause::ConnectFailed)?;
    let stream = Stream::new(tcp, shared.config.notice_close);
    let activity = stream.activity.clone();
    let (sender, driver) = http1::Builder::new()
        .max_buf_size(READ_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Cause::ConnectFailed)?;
    let (gone, idle) = (target.gone.clone(), shared.config.idle_timeout);
    let (closing, clock) = (shared.closing.clone(), activity.clone());
    shared.tasks.spawn(async move {
        tokio::select! {
            // Its outcome reaches whoever waits for the response.
            _ = driver.with_upgrades() => {}
            () = clock.unused(idle) => {}
            () = gone.cancelled() => {}
            () = closing.cancelled() => {}
        }
    });
    Ok(Connection { sender, activity })
}
