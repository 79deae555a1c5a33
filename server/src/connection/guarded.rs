//! The stream of one TCP connection, with a clock on what must not take long: a request's header, a stalled write.
//!
//! hyper has one timeout for the header and for the idle time between two requests. The second must be longer
//! than the load balancer's idle timeout, the first must not be: it is kept here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::link::{Link, Phase};
use crate::admission::Permit;
use crate::metrics::Metrics;

/// How long a request's header may take from its first byte.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new connection may stay silent: browsers and balancers open some ahead of need.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a write may wait for a client that does not read.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Guarded {
    stream: Arc<TcpStream>,
    link: Arc<Link>,
    /// Ends the wait for a header; armed while one is due.
    header: Option<Pin<Box<Sleep>>>,
    /// Ends the wait of a write; armed while one waits.
    stall: Option<Pin<Box<Sleep>>>,
    open: Open,
}

/// An open connection: it counts, and takes a place, until it is dropped.
pub(super) struct Open {
    metrics: Arc<Metrics>,
    place: Arc<Permit>,
}

impl Open {
    pub(super) fn new(metrics: Arc<Metrics>, place: Arc<Permit>) -> Self {
        metrics.connections.inc();
        Self { metrics, place }
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
        let stream = Arc::new(stream);
        let link = Arc::new(Link::new(Arc::downgrade(&stream)));
        let header = Some(Box::pin(sleep_until(Instant::now() + FIRST_BYTE_TIMEOUT)));
        Self {
            stream,
            link,
            header,
            stall: None,
            open,
        }
    }

    /// The place that the connection takes.
    pub(super) fn place(&self) -> Arc<Permit> {
        self.open.place.clone()
    }

    /// The connection's handle.
    pub(super) fn link(&self) -> Arc<Link> {
        self.link.clone()
    }

    /// Fails once a header that is due is late.
    fn check_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match (self.link.phase(), &mut self.header) {
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

    fn received(&mut self) {
        self.link.heard_now();
        if matches!(self.link.phase(), Phase::Fresh | Phase::Idle) {
            self.link.enter(Phase::Header);
            self.header = Some(Box::pin(sleep_until(Instant::now() + HEADER_TIMEOUT)));
        }
    }

    fn poll_write_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            if self.stream.poll_write_ready(cx)?.is_pending() {
                return self.check_stall(cx).map(Err);
            }
            match self.link.writing(false, || write(&self.stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => {
                    self.stall = None;
                    return Poll::Ready(done);
                }
            }
        }
    }

    /// Fails once a write has waited too long.
    fn check_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let deadline = self
            .stall
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + STALL_TIMEOUT)));
        ready!(deadline.as_mut().poll(cx));
        self.link.set_stalled();
        self.open.metrics.slow_readers.inc();
        self.link.cut();
        Poll::Ready(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read",
        ))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.stream.poll_read_ready(cx)?.is_pending() {
                return self.check_header(cx).map(Err);
            }
            match self.stream.try_read(buf.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(read) => {
                    buf.advance(read);
                    if read > 0 {
                        self.received();
                    }
                    return Poll::Ready(Ok(()));
                }
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

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP has nothing to flush; the writer above says by it that its own buffer is empty.
        Poll::Ready(self.link.writing(true, || Ok(())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::admission::{Admission, Limits};

    /// A guarded connection and its client's end. The clock is paused: it leaps to the next deadline
    /// when nothing else is left to do.
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
        assert!(server.link().has_stalled());
        assert_eq!(
            (metrics.slow_readers.get(), metrics.connections.get()),
            (1, 1)
        );
        drop(server);
        assert_eq!(metrics.connections.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_must_arrive_in_time_but_an_idle_connection_may_wait() {
        let metrics = Arc::new(Metrics::new());
        let (mut server, mut client) = pair(&metrics).await;
        client.write_all(b"GET / HT").await.unwrap();
        let mut buffer = [0; 8];
        server.read_exact(&mut buffer).await.unwrap();
        // The request is answered, and the connection is idle for long.
        server.link().enter(Phase::Idle);
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

    #[tokio::test]
    async fn a_ping_goes_between_frames_and_a_cut_ends_the_connection() {
        let (mut server, mut client) = pair(&Arc::new(Metrics::new())).await;
        let link = server.link();
        link.ping();
        link.enter(Phase::Upgraded);
        server.write_all(b"frame").await.unwrap();
        link.ping();
        server.flush().await.unwrap();
        link.ping();
        let mut received = [0; 7];
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(
            &received, b"frame\x89\x00",
            "one ping, after the frame was flushed"
        );
        link.cut();
        let end = client.read(&mut received).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
}
