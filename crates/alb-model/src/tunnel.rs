//! Upgraded connections: bytes pass both ways until a side ends, the idle timeout cuts, or the
//! target is gone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::event::{Cause, Event};
use super::shared::Shared;
use super::stream::{Stream, end_writing};
use super::target::{Outstanding, Target};

/// Copied at once. It lives on the stack only while bytes are moved: a quiet tunnel holds no
/// buffer.
const CHUNK: usize = 8 * 1024;

/// Joins both sides of a granted upgrade and carries their bytes until the end.
pub(super) async fn join(
    shared: Arc<Shared>,
    target: Arc<Target>,
    asked: OnUpgrade,
    granted: OnUpgrade,
    _under_way: Outstanding,
) {
    let Ok((asked, granted)) = tokio::try_join!(asked, granted) else {
        return;
    };
    let (Ok(client), Ok(server)) = (
        asked.downcast::<TokioIo<Stream>>(),
        granted.downcast::<TokioIo<Stream>>(),
    ) else {
        return;
    };
    let (from, to) = (client.io.into_inner(), server.io.into_inner());
    let early = (client.read_buf, server.read_buf);
    let cut = tokio::select! {
        cut = carry(&from, &to, early, shared.config.idle_timeout, &target.gone) => cut,
        () = shared.closing.cancelled() => None,
    };
    if let Some(cause) = cut {
        shared.events.send(Event::Cut {
            target: target.address,
            cause,
        });
    }
}

/// Carries bytes between the two until it ends, and says why when the balancer ended it.
///
/// `early` are the bytes that came in with the heads of the upgrade: from the client, from the
/// target.
async fn carry(
    client: &Stream,
    target: &Stream,
    early: (Bytes, Bytes),
    idle: Duration,
    gone: &CancellationToken,
) -> Option<Cause> {
    let both = async {
        let up = pump(client, target, early.0.to_vec());
        let down = pump(target, client, early.1.to_vec());
        // An error on either side ends both; an orderly end leaves the other direction its time.
        tokio::try_join!(up, down)
    };
    tokio::select! {
        _ = both => None,
        () = Activity::quiet([&client.activity, &target.activity], idle) => Some(Cause::Idle),
        () = gone.cancelled() => Some(Cause::Deregistered),
    }
}

async fn pump(from: &Stream, to: &Stream, mut pending: Vec<u8>) -> io::Result<()> {
    loop {
        while !pending.is_empty() {
            to.tcp.writable().await?;
            let sent = try_write(&to.tcp, &pending)?;
            if sent > 0 {
                to.activity.sent();
                pending.drain(..sent);
            }
        }
        // Gives back the memory of a burst that the reader was too slow for.
        pending = Vec::new();
        from.tcp.readable().await?;
        match shovel(from, to, &mut pending) {
            Ok(true) => {}
            Ok(false) => return end_writing(&to.tcp),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// Moves what is there; what the other side does not take at once stays in `pending`. False at the
/// end of the stream.
fn shovel(from: &Stream, to: &Stream, pending: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; CHUNK];
    let read = from.tcp.try_read(&mut chunk)?;
    if read == 0 {
        return Ok(false);
    }
    from.activity.received();
    let sent = try_write(&to.tcp, &chunk[..read])?;
    to.activity.sent();
    pending.extend_from_slice(&chunk[sent..read]);
    Ok(true)
}

fn try_write(to: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match to.try_write(bytes) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
