//! Targets and clients for the balancer's tests: hyper servers that say who they are, raw TCP
//! targets that misbehave, and a client that shows what came back.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Bound of every wait in these tests.
pub const BOUND: Duration = Duration::from_secs(10);

/// What a target saw of a request, sent back as its response's body.
#[derive(Debug)]
pub struct Seen {
    pub target: SocketAddr,
    pub headers: HashMap<String, String>,
}

/// A target that answers every request with the headers it saw, and how often it was connected to.
pub struct Echo {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
}

/// Starts an echo target; `/healthcheck` is 200 too.
pub async fn echo() -> Echo {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(move |request: Request<Incoming>| async move {
                let mut lines = vec![format!("{address}")];
                for (name, value) in request.headers() {
                    lines.push(format!("{name}: {}", value.to_str().unwrap()));
                }
                let _ = request.into_body().collect().await;
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(lines.join("\n")))))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(tcp), service),
            );
        }
    });
    Echo {
        address,
        connections,
    }
}

/// A target that closes a connection after this long without a request, as every HTTP server does.
pub async fn keeping_alive(keep_alive: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let service = service_fn(|_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server
                .timer(TokioTimer::new())
                .header_read_timeout(keep_alive);
            tokio::spawn(server.serve_connection(TokioIo::new(tcp), service));
        }
    });
    address
}

/// A raw target: health checks pass; each other connection is handed to `behave` after its first
/// request's head.
pub async fn raw<F, Fut>(behave: F) -> SocketAddr
where
    F: Fn(TcpStream, String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behave = Arc::new(behave);
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let behave = behave.clone();
            tokio::spawn(async move {
                let head = read_head(&mut tcp).await;
                if head.contains("/healthcheck") {
                    let _ = tcp
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                        .await;
                } else {
                    behave(tcp, head).await;
                }
            });
        }
    });
    address
}

/// Reads up to the empty line that ends a head; what has come until then when the peer closes.
pub async fn read_head(tcp: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tcp.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A response as a client got it.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Reply {
    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// `Set-Cookie` lines.
    pub fn cookies(&self) -> Vec<String> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .map(|v| v.to_str().unwrap().to_owned())
            .collect()
    }

    /// `name=value` of the cookie of that name.
    pub fn cookie(&self, name: &str) -> String {
        let cookies = self.cookies();
        let found = cookies
            .iter()
            .find(|cookie| cookie.starts_with(&format!("{name}=")));
        found
            .map(|cookie| cookie.split(';').next().unwrap().to_owned())
            .unwrap_or_default()
    }

    /// What an echo target saw.
    pub fn seen(&self) -> Seen {
        let mut lines = self.body.lines();
        let target = lines
            .next()
            .unwrap()
            .parse()
            .unwrap_or_else(|_| panic!("not an echo: {self:?}"));
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        Seen { target, headers }
    }
}

/// A request on a connection of its own.
pub async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Reply {
    Session::open(address).await.get(path, headers).await
}

/// A client connection for several requests.
pub struct Session {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Session {
    pub async fn open(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(1 << 20)
            .handshake(TokioIo::new(tcp))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self { sender, address }
    }

    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send("GET", path, headers).await
    }

    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).unwrap();
        timeout(BOUND, async {
            self.sender.ready().await.unwrap();
            let response = self.sender.send_request(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Reply {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: String::from_utf8(body.into()).unwrap(),
            }
        })
        .await
        .expect("no answer")
    }

    /// Whether the balancer has closed this connection.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}
