//! The accept loop: so many connections and no more, each served as HTTP/1.1 until it ends.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::guarded::{Guarded, Open};
use super::later::{self, Awaited, GivenUp};
use super::phase::{Current, Phase};
use super::self_wakes::polled_again;
use crate::admission::{Admission, Permit, Refused};
use crate::metrics::Metrics;

/// Connections that the kernel keeps waiting; Linux allows 4096 unless told otherwise.
const BACKLOG: i32 = 4096;
/// File descriptors left for the store, the log, the admin listener and the runtime.
const RESERVED_FILES: u64 = 200;
/// Bytes that the kernel may keep for a client that does not read, which it doubles for its own
/// needs: as much as a window of the largest messages. Left to itself, it takes up to 4 MiB a
/// connection.
const SEND_BUFFER: usize = 256 * 1024;
/// Bytes of a request's line and headers.
const HEADER_BYTES: usize = 16 * 1024;
/// Headers of a request.
const HEADERS: usize = 64;
/// How long to wait when no connection can be accepted, for instance because file descriptors have
/// run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Raises the soft limit of open files to the hard one.
///
/// # Errors
/// When the limit leaves no room for connections; says what to do.
pub fn open_file_limit() -> Result<u32, String> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|e| format!("cannot read the file limit: {e}"))?;
    match limit
        .checked_sub(RESERVED_FILES)
        .filter(|connections| *connections >= 100)
    {
        Some(connections) => Ok(u32::try_from(connections).unwrap_or(u32::MAX)),
        None => Err(format!(
            "the limit of open files is {limit}, of which {RESERVED_FILES} are reserved: raise it \
             (`ulimit -n`, or `nofile` in the task definition) to the expected connections and \
             1000 more"
        )),
    }
}

/// The public listener.
pub struct Listener {
    inner: TcpListener,
    admission: Arc<Admission>,
    keep_alive: Duration,
    metrics: Arc<Metrics>,
}

impl Listener {
    /// Listens on `address` for whom `admission` lets in.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(
        address: std::net::SocketAddr,
        admission: Arc<Admission>,
        keep_alive: Duration,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        // The connections that are accepted inherit it.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let inner = TcpListener::from_std(socket.into())?;
        Ok(Self {
            inner,
            admission,
            keep_alive,
            metrics,
        })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn address(&self) -> io::Result<std::net::SocketAddr> {
        self.inner.local_addr()
    }

    /// Accepts and serves until `stop`, then waits for the requests that are being answered.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let served = TaskTracker::new();
        stop.run_until_cancelled(self.accept(router, &served, &stop))
            .await;
        served.close();
        served.wait().await;
    }

    async fn accept(
        &self,
        router: Router,
        served: &TaskTracker,
        stop: &CancellationToken,
    ) -> Infallible {
        loop {
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    if let Some(stream) = self.admit(stream, peer.ip()) {
                        served.spawn(serve(stream, router.clone(), self.keep_alive, stop.clone()));
                    }
                }
                Err(error) => {
                    self.metrics.refused("accept_failed");
                    tracing::error!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: IpAddr) -> Option<Guarded> {
        let place = match self.admission.connection(peer) {
            Ok(place) => Arc::new(place),
            Err(refused) => {
                // Best effort: the client is told if its buffer takes it.
                let _ = stream.try_write(refusal(&refused).as_bytes());
                return None;
            }
        };
        // Without this, small packets wait some 40 ms for the client's TCP acknowledgement.
        let _ = stream.set_nodelay(true);
        Some(Guarded::new(stream, Open::new(self.metrics.clone(), place)))
    }
}

/// The answer to a connection that is not admitted.
fn refusal(refused: &Refused) -> String {
    format!(
        "HTTP/1.1 {}\r\nretry-after: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        refused.reason.status(),
        refused.retry_after_seconds()
    )
}

/// Serves a connection until it ends.
async fn serve(mut stream: Guarded, router: Router, keep_alive: Duration, stop: CancellationToken) {
    while let Some((waiting, awaited)) = serve_requests(stream, &router, keep_alive, &stop).await {
        let Some(free) = answer_later(waiting, awaited, &stop).await else {
            return;
        };
        stream = free;
    }
}

/// Serves requests until the connection ends. Returns it when one has to wait for its answer.
async fn serve_requests(
    stream: Guarded,
    router: &Router,
    keep_alive: Duration,
    stop: &CancellationToken,
) -> Option<(Guarded, Awaited)> {
    let (phase, place) = (stream.phase(), stream.place());
    let waits = Waits::default();
    let service = service_fn(|request| {
        let (phase, place) = (phase.clone(), place.clone());
        answer(request, router.clone(), phase, place, waits.clone())
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(keep_alive)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let served = tokio::select! {
        served = polled_again(&mut connection) => served,
        () = stop.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if let Some(awaited) = lock(&waits).take() {
        let parts = connection.into_parts()?;
        let mut stream = parts.io.into_inner();
        stream.unread(&parts.read_buf);
        return Some((stream, awaited));
    }
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
    None
}

/// What a connection waits for.
type Waits = Arc<Mutex<Option<Awaited>>>;

fn lock(waits: &Waits) -> MutexGuard<'_, Option<Awaited>> {
    waits.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    router: Router,
    phase: Arc<Current>,
    place: Arc<Permit>,
    waits: Waits,
) -> Result<Response<Body>, GivenUp> {
    phase.enter(Phase::Busy);
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(place);
    let may_wait = later::may_wait(&request);
    let Ok(mut response) = router.oneshot(request).await;
    if let Some(awaited) = Awaited::behind(&mut response) {
        // What was answered before on this connection is written first.
        yield_now().await;
        if may_wait && !awaited.closes() && !phase.write_waits() {
            *lock(&waits) = Some(awaited);
            return Err(GivenUp);
        }
        response = awaited.answer().await;
    }
    phase.enter(Phase::Idle);
    Ok(response)
}

/// Answers once the answer has come. Returns the connection if it serves further requests.
async fn answer_later(
    mut stream: Guarded,
    awaited: Awaited,
    stop: &CancellationToken,
) -> Option<Guarded> {
    let response = stream.wait_for(awaited.answer()).await?;
    let closes = stop.is_cancelled();
    let mut wire = later::written(response, closes).await.ok()?;
    let written = async {
        stream.write_all_buf(&mut wire).await?;
        stream.flush().await
    };
    if let Err(error) = written.await {
        tracing::debug!(%error, "a connection ended early");
        return None;
    }
    stream.phase().enter(Phase::Idle);
    (!closes).then_some(stream)
}
