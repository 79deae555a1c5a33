//! The stream of one HTTP connection, with a clock on what must not take long: a request's header,
//! writes that wait. It reads nothing while writes wait, so that no client can have answers pile
//! up.
//!
//! hyper has one timeout for the header and for the idle time between two requests. The second must
//! be longer than the load balancer's idle timeout, the first must not be: it is kept here.
//!
//! Longer than most: half of it are its tests.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::phase::{Current, Phase};
use super::stall::Stall;
use crate::admission::Permit;
use crate::metrics::Metrics;

/// How long a request's header may take from its first byte.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new connection may stay silent: browsers and balancers open some ahead of need.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes that a client may send ahead while its connection waits for an answer; what is beyond
/// stays with the kernel.
const EARLY: usize = 512;

/// The stream of one HTTP connection, with its deadlines.
pub(crate) struct Guarded {
    stream: TcpStream,
    phase: Arc<Current>,
    /// Ends the wait for a header; armed while one is due.
    header: Option<Pin<Box<Sleep>>>,
    /// The clock on writes; runs from the first that has to wait until nothing is left to write.
    stall: Option<Stall>,
    /// What has come while the connection waited for an answer: it is read first.
    early: Vec<u8>,
    /// The reader that waits for the writer.
    reader: Option<Waker>,
    open: Open,
}

/// An open connection: it counts, and takes a place, until it is dropped.
pub(crate) struct Open {
    metrics: Arc<Metrics>,
    place: Arc<Permit>,
}

impl Open {
    pub(crate) fn new(metrics: Arc<Metrics>, place: Arc<Permit>) -> Self {
        metrics.connections.inc();
        Self { metrics, place }
    }

    /// Where what happens to the connection is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

impl Guarded {
    /// Guards a connection that was just accepted.
    pub(super) fn new(stream: TcpStream, open: Open) -> Self {
        let header = Some(Box::pin(sleep_until(Instant::now() + FIRST_BYTE_TIMEOUT)));
        Self {
            stream,
            phase: Arc::new(Current::new()),
            header,
            stall: None,
            early: Vec::new(),
            reader: None,
            open,
        }
    }

    /// The place that the connection takes.
    pub(super) fn place(&self) -> Arc<Permit> {
        self.open.place.clone()
    }

    /// What the connection is doing.
    pub(super) fn phase(&self) -> Arc<Current> {
        self.phase.clone()
    }

    /// The connection, which is served as HTTP no longer.
    pub(crate) fn into_parts(self) -> (TcpStream, Open) {
        (self.stream, self.open)
    }

    /// Gives back what was read and not used: it is read again.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        self.early = bytes.to_vec();
    }

    /// Waits for an answer; none if the client hangs up meanwhile.
    pub(super) async fn wait_for<T>(&mut self, answer: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = self.hung_up() => None,
        }
    }

    /// Ready once the client has hung up. It may send its next request ahead, or a part of it.
    async fn hung_up(&mut self) {
        while self.early.len() < EARLY {
            if self.stream.readable().await.is_err() {
                return;
            }
            let mut some = [0; EARLY];
            match self.stream.try_read(&mut some) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return,
                Ok(read) => self.early.extend_from_slice(&some[..read]),
            }
        }
        std::future::pending::<()>().await;
    }

    /// Fails once a header that is due is late.
    fn check_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match (self.phase.get(), &mut self.header) {
            (Phase::Fresh | Phase::Header, Some(deadline)) => {
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the request's header took too long",
                ))
            }
            (_, armed) => {
                *armed = None;
                Poll::Pending
            }
        }
    }

    /// Takes note that something was read.
    fn received(&mut self) {
        if matches!(self.phase.get(), Phase::Fresh | Phase::Idle) {
            self.phase.enter(Phase::Header);
            self.header = Some(Box::pin(sleep_until(Instant::now() + HEADER_TIMEOUT)));
        }
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.stream.poll_write_ready(cx)?.is_pending() {
                self.phase.set_write_waits(true);
                return self.check_stall(cx).map(Err);
            }
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => {
                    if let (Some(stall), Ok(bytes)) = (&mut self.stall, &done) {
                        stall.took(*bytes);
                    }
                    self.phase.set_write_waits(false);
                    self.reader.take().inspect(Waker::wake_by_ref);
                    return Poll::Ready(done);
                }
            }
        }
    }

    /// Fails once writes have waited too long.
    fn check_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.stall.get_or_insert_with(Stall::begin).poll_over(cx));
        self.open.metrics.slow_readers.inc();
        self.phase.set_write_waits(false);
        // Without lingering, closing resets the connection: a client that does not read cannot
        // hold it.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let why = "the client does not read";
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, why))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.phase.write_waits() {
            // What it says could only lead to more that waits. The clock on writes runs, and wakes
            // the writer.
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if !self.early.is_empty() {
            let some = buf.remaining().min(self.early.len());
            buf.put_slice(&self.early[..some]);
            self.early.drain(..some);
            self.received();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.check_header(cx).map(Err),
            Poll::Ready(done) => {
                if buf.filled().len() > before {
                    self.received();
                }
                Poll::Ready(done)
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream| stream.try_write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream| stream.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP has nothing to flush; the writer above says by it that its own buffer is empty.
        self.stall = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::stall::STALL_TIMEOUT;
    use super::*;
    use crate::admission::{Admission, Limits};

    /// A guarded connection and its client's end. The clock is paused: it leaps to the next
    /// deadline when nothing else is left to do.
    async fn pair(metrics: &Arc<Metrics>) -> (Guarded, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let admission = Admission::new(Limits::default(), 100, metrics.clone());
        let (server, peer) = listener.accept().await.unwrap();
        let place = Arc::new(admission.connection(peer.ip()).unwrap());
        (
            Guarded::new(server, Open::new(metrics.clone(), place)),
            client,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_cut_after_the_stall_timeout() {
        let metrics = Arc::new(Metrics::new());
        let (mut server, _client) = pair(&metrics).await;
        let start = Instant::now();
        let error = loop {
            if let Err(error) = server.write_all(&[0; 65536]).await {
                break error;
            }
        };
        assert_eq!(error.to_string(), "the client does not read");
        assert!(start.elapsed() >= STALL_TIMEOUT && start.elapsed() < 2 * STALL_TIMEOUT);
        assert_eq!(
            (metrics.slow_readers.get(), metrics.connections.get()),
            (1, 1)
        );
        drop(server);
        assert_eq!(metrics.connections.get(), 0);
    }

    /// Writes until the kernel takes no more.
    async fn fill(server: &mut Guarded) {
        while let Ok(written) =
            tokio::time::timeout(Duration::from_millis(50), server.write(&[0; 65536])).await
        {
            written.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_too_slowly_is_cut_though_it_reads() {
        let metrics = Arc::new(Metrics::new());
        let (mut server, mut client) = pair(&metrics).await;
        fill(&mut server).await;
        let start = Instant::now();
        tokio::spawn(async move {
            let mut buffer = vec![0; 2048];
            while client.read_exact(&mut buffer).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let error = loop {
            if let Err(error) = server.write_all(&[0; 65536]).await {
                break error;
            }
        };
        assert_eq!(error.to_string(), "the client does not read");
        assert!(start.elapsed() < 3 * STALL_TIMEOUT, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn nothing_is_read_while_writes_wait() {
        let (mut server, mut client) = pair(&Arc::new(Metrics::new())).await;
        fill(&mut server).await;
        client.write_all(b"more").await.unwrap();
        let mut buffer = [0; 4];
        let early = server.read(&mut buffer).now_or_never();
        assert!(early.is_none(), "{early:?}");
        // Once the client reads, the write goes on, and then the reading.
        let (mut reader, mut writer) = tokio::io::split(server);
        let reads = tokio::spawn(async move { reader.read_u32().await });
        tokio::spawn(async move {
            let mut sink = vec![0; 65536];
            while client.read(&mut sink).await.is_ok_and(|read| read > 0) {}
        });
        writer.write_all(&[0; 1024]).await.unwrap();
        assert_eq!(reads.await.unwrap().unwrap().to_be_bytes(), *b"more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_must_arrive_in_time_but_an_idle_connection_may_wait() {
        let metrics = Arc::new(Metrics::new());
        let (mut server, mut client) = pair(&metrics).await;
        client.write_all(b"GET / HT").await.unwrap();
        let mut buffer = [0; 8];
        server.read_exact(&mut buffer).await.unwrap();
        // The request is answered, and the connection is idle for long.
        server.phase().enter(Phase::Idle);
        let idle = tokio::time::timeout(Duration::from_secs(3600), server.read(&mut buffer)).await;
        assert!(
            idle.is_err(),
            "nothing ends an idle connection here: {idle:?}"
        );
        // The next request begins, and goes on too slowly.
        client.write_all(b"GET").await.unwrap();
        server.read_exact(&mut buffer[..3]).await.unwrap();
        let start = Instant::now();
        let error = server.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() <= HEADER_TIMEOUT + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_never_says_anything_ends() {
        let (mut server, _client) = pair(&Arc::new(Metrics::new())).await;
        let start = Instant::now();
        assert_eq!(
            server.read(&mut [0; 8]).await.unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        assert!(start.elapsed() >= FIRST_BYTE_TIMEOUT);
    }
}
