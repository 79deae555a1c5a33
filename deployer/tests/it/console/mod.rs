//! `deployer console` as its user meets it: the real binary, on a running stack, asked as a browser
//! asks it and as others would.

mod access;
mod aws;
mod opening;
mod shown;
mod watched;

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use socketio_client::{Address, Reply, request};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::trials::participants::PATIENCE;

/// A running console. Killed when dropped.
struct Page {
    child: Child,
    address: Address,
    token: String,
}

impl Page {
    /// Starts `deployer console` and reads its address. `command` has all but the output's form.
    async fn start(mut command: Command) -> Self {
        let mut child = command
            .args(["--output", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, stdout.next_line())
            .await
            .unwrap()
            .unwrap();
        let document: Value = serde_json::from_str(&line.expect("it ended")).unwrap();
        assert_eq!(
            (&document["schema"], &document["type"]),
            (&1.into(), &"console".into())
        );
        let (url, token) = document["url"]
            .as_str()
            .unwrap()
            .split_once("/#token=")
            .unwrap();
        Self {
            child,
            address: url.parse().unwrap(),
            token: token.to_owned(),
        }
    }

    /// Sends a call with these headers alone; `host` goes in the place of the usual one.
    async fn send(&self, what: (Method, &str), headers: &[(&str, &str)], body: &str) -> Reply {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            all.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let body = Bytes::from(body.to_owned());
        request(&self.address, what, &all, body, PATIENCE)
            .await
            .unwrap()
    }

    /// A call of the page's own.
    async fn call(&self, method: Method, path: &str, body: &str) -> Reply {
        let headers = [
            (deployer::console::TOKEN_HEADER, &*self.token),
            ("content-type", "application/json"),
        ];
        self.send((method, path), &headers, body).await
    }

    /// What a path of the page's own has.
    async fn get(&self, path: &str) -> Value {
        let reply = self.call(Method::GET, path, "").await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// Waits for what the feed says of something.
    async fn hears<T>(&self, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
        let mut feed = Feed::open(self).await;
        let heard = async {
            loop {
                let round = feed.next().await;
                if let Some(found) = look(&round) {
                    return found;
                }
            }
        };
        let heard = timeout(PATIENCE, heard).await;
        heard.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
    }
}

/// The server-sent events, read as they come. Dropping it goes away, as a closed page does.
struct Feed(tokio::io::Lines<BufReader<tokio::net::TcpStream>>);

impl Feed {
    async fn open(page: &Page) -> Self {
        Self::of(page, "/api/feed").await
    }

    /// The events of a path.
    async fn of(page: &Page, path: &str) -> Self {
        use tokio::io::AsyncWriteExt as _;
        let authority = page.address.authority();
        let mut stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let (name, token) = (deployer::console::TOKEN_HEADER, &page.token);
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n{name}: {token}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next_line().await.unwrap().unwrap();
        assert_eq!(status, "HTTP/1.1 200 OK");
        Self(lines)
    }

    async fn next(&mut self) -> Value {
        loop {
            let line = timeout(PATIENCE, self.0.next_line())
                .await
                .expect("nothing came");
            let line = line.unwrap().expect("the feed ended");
            if let Some(text) = line.strip_prefix("data: ") {
                return serde_json::from_str(text).unwrap();
            }
        }
    }
}

/// How long to look at something that must stay as it is.
const WATCHED: Duration = Duration::from_millis(2500);
