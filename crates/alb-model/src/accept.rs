//! The clients' side: accepts connections, serves HTTP/1.1 on each, closes those that fall silent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::activity::Activity;
use super::forward::{self, Client};
use super::page;
use super::shared::Shared;
use super::stream::Stream;

/// hyper's own limit on a request's head, far above the 64 K at which the balancer answers 400.
const READ_BUFFER: usize = 1024 * 1024;
/// After a failed accept (no file descriptors left), before the next: a pause instead of a busy
/// loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts clients until `shutdown`, then closes what is open.
pub(super) async fn accept(
    shared: Arc<Shared>,
    listener: usize,
    socket: TcpListener,
    shutdown: impl Future<Output = ()>,
) {
    let port = socket.local_addr().map_or(0, |address| address.port());
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((tcp, address)) => {
                    let connection = serve(shared.clone(), listener, port, tcp, address);
                    shared.tasks.spawn(connection);
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            () = &mut shutdown => return shared.closing.cancel(),
            () = shared.closing.cancelled() => return,
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    listener: usize,
    port: u16,
    tcp: TcpStream,
    address: SocketAddr,
) {
    let stream = Stream::new(tcp, Duration::ZERO);
    let (raw, activity) = (stream.tcp.clone(), stream.activity.clone());
    let client = Arc::new(Client {
        listener,
        port,
        address,
        activity: activity.clone(),
    });
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, client) = (shared.clone(), client.clone());
        async move { Ok::<_, Infallible>(forward::answer(&shared, &client, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The idle clock below does this, as AWS's does: any byte resets it.
        .header_read_timeout(None)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        _ = connection => {}
        () = activity.unused(shared.config.idle_timeout) => close_silent(&raw, &activity),
        () = shared.closing.cancelled() => {}
    }
}

/// A client that stopped in the middle of a request's head is told 408; one that asked for nothing
/// is just closed.
fn close_silent(raw: &TcpStream, activity: &Activity) {
    if activity.unanswered() {
        let _ = raw.try_write(page::request_timeout().as_bytes());
    }
}
