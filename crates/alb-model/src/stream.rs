//! A TCP stream that keeps an idle clock and can be read, written and watched by shared reference,
//! so that an upgraded connection needs one task and no buffers while it is quiet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::activity::Activity;

/// One side of a proxied connection.
pub(crate) struct Stream {
    pub(crate) tcp: Arc<TcpStream>,
    pub(crate) activity: Arc<Activity>,
    /// Time between the peer's close and the moment it is seen here.
    notice_close: Duration,
    closing: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, notice_close: Duration) -> Self {
        // Nagle would hold small WebSocket frames back for an acknowledgement; failing to set it
        // only costs time.
        let _ = tcp.set_nodelay(true);
        Self {
            tcp: Arc::new(tcp),
            activity: Activity::new(),
            notice_close,
            closing: None,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(closing) = &mut self.closing {
            return closing.as_mut().poll(cx).map(Ok);
        }
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.tcp.try_read(buf.initialize_unfilled()) {
                Ok(0) if !self.notice_close.is_zero() => {
                    let mut sleep = Box::pin(tokio::time::sleep(self.notice_close));
                    let seen = sleep.as_mut().poll(cx);
                    self.closing = Some(sleep);
                    return seen.map(Ok);
                }
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(n) => {
                    self.activity.received();
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_write_ready(cx))?;
            match self.tcp.try_write_vectored(bufs) {
                Ok(n) => {
                    self.activity.sent();
                    return Poll::Ready(Ok(n));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(end_writing(&self.tcp))
    }
}

/// Tells the peer that nothing more will come.
pub(crate) fn end_writing(tcp: &TcpStream) -> io::Result<()> {
    match socket2::SockRef::from(tcp).shutdown(std::net::Shutdown::Write) {
        // The peer was faster.
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
        other => other,
    }
}
