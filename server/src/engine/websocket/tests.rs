use std::sync::{Mutex, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::super::protocol::{Config, Protocol, Transport};
use super::super::session::Upper;
use super::*;
use crate::admission::{Admission, Limits};
use crate::metrics::Metrics;

/// Notes what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn note(&self, what: String) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(what);
    }
}

impl Upper for Told {
    fn received(self: Arc<Self>, text: &str) {
        self.note(format!("received {text}"));
    }

    fn received_binary(self: Arc<Self>) {
        self.note("received binary".to_owned());
    }

    fn refused(&self, reason: &'static str) {
        self.note(format!("refused {reason}"));
    }

    fn upgraded(&self) {}

    fn ended(&self, cause: &'static str) {
        self.note(format!("ended {cause}"));
    }
}

/// A session on a WebSocket whose client has sent `early`, and the client's end. The clock is
/// paused: it leaps to the next deadline when nothing else is left to do.
async fn session(early: &[u8]) -> (Arc<Session>, Driver, TcpStream, Arc<Metrics>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(early).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let metrics = Arc::new(Metrics::new());
    let admission = Admission::new(Limits::default(), 100, metrics.clone());
    let place = Arc::new(admission.connection(peer.ip()).unwrap());
    let config = Config {
        ping_interval: Duration::from_secs(3600),
        ping_timeout: Duration::from_secs(60),
        max_payload: 1024,
        polling: true,
        websocket: true,
    };
    stream.readable().await.unwrap();
    let (reads, writes) = stream.into_split();
    let transport = Transport::WebSocket;
    let session = Session::new(Protocol::V4, transport, Arc::new(config), Some(writes));
    let open = Open::new(metrics.clone(), place);
    let driver = Driver::new(session.clone(), reads, None, 1024, open);
    (session, driver, client, metrics)
}

async fn run(session: &Session, driver: Driver) -> Vec<String> {
    let told = Arc::new(Told::default());
    let upper: Arc<dyn Upper> = told.clone();
    session.set_upper(Arc::downgrade(&upper));
    driver.run(Vec::new()).await;
    std::mem::take(&mut told.0.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_ends_is_given_up() {
    let whole = [0x81, 0x82, 0, 0, 0, 0, b'4', b'a'];
    let begun = [0x81, 0x85, 0, 0, 0, 0, b'4'];
    let (session, driver, _client, _) = session(&[&whole[..], &begun[..]].concat()).await;
    let start = Instant::now();
    let told = run(&session, driver).await;
    assert_eq!(
        told,
        ["received a", "refused slow_message", "ended slow_message"]
    );
    let took = start.elapsed();
    assert!(
        took >= MESSAGE_TIMEOUT && took < 2 * MESSAGE_TIMEOUT,
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut() {
    let (session, driver, _client, metrics) = session(b"\x89\x80\0\0\0\0").await;
    let large = "x".repeat(60_000);
    while session.send(&[&large]) {}
    let told = run(&session, driver).await;
    assert_eq!(told, ["ended stalled"]);
    assert_eq!(metrics.slow_readers.get(), 1);
}

#[tokio::test]
async fn a_client_that_sends_too_much_is_ended() {
    let begun = [0x01, 0x80, 1, 2, 3, 4];
    let (session, driver, mut client, metrics) = session(&begun).await;
    let empty_fragment = [0x00, 0x80, 1, 2, 3, 4];
    let flood = async { while client.write_all(&empty_fragment.repeat(64)).await.is_ok() {} };
    let (told, ()) = tokio::join!(run(&session, driver), flood);
    assert_eq!(told, ["refused noisy_client", "ended noisy_client"]);
    assert_eq!(metrics.connections.get(), 0);
}
