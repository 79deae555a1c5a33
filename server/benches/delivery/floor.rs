//! The least that a server can do: one write and one read for each message and socket. It knows no
//! protocol beyond what makes a client come, join a channel and acknowledge.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::client::DATA;

/// Each socket with the channel that it has joined.
type Sockets = Arc<Mutex<Vec<(String, Arc<OwnedWriteHalf>)>>>;

/// Serves until stdin ends.
pub(crate) async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let sockets = Sockets::default();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(connection(stream, sockets.clone()));
        }
    });
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
}

async fn connection(stream: TcpStream, sockets: Sockets) {
    let mut stream = BufReader::with_capacity(1024, stream);
    loop {
        let (mut path, mut key, mut length) = (None, None, 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end();
            path.get_or_insert_with(|| line.to_owned());
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("sec-websocket-key") => {
                    key = Some(derive_accept_key(value.as_bytes()));
                }
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        if let Some(accept) = key {
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                 sec-websocket-accept: {accept}\r\n\r\n"
            );
            stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
            return websocket(stream.into_inner(), &sockets).await;
        }
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        emit(&sockets, &path.unwrap_or_default());
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        stream.get_mut().write_all(answer).await.unwrap();
    }
}

async fn websocket(stream: TcpStream, sockets: &Sockets) {
    // A read that fills no buffer tells that there is nothing more: no second one is made in vain.
    let (mut reads, writes) = stream.into_split();
    let writes = Arc::new(writes);
    let mut buffer = [0; 512];
    writes.try_write(&frame("0{\"sid\":\"s\"}")).unwrap();
    let read = reads.read(&mut buffer).await.unwrap_or(0);
    if read > 0 {
        let channel = channel(&mut buffer[..read]);
        let joined = frame("40/dropcodes,{\"sid\":\"s\"}");
        sockets.lock().unwrap().push((channel, writes.clone()));
        writes.try_write(&joined).unwrap();
        while reads.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    }
    let left = |(_, socket): &(String, Arc<OwnedWriteHalf>)| !Arc::ptr_eq(socket, &writes);
    sockets.lock().unwrap().retain(left);
}

/// The key of the frame in which a client joins.
fn channel(frame: &mut [u8]) -> String {
    let mask: [u8; 4] = frame[2..6].try_into().unwrap();
    let text: Vec<u8> = frame[6..]
        .iter()
        .zip(mask.iter().cycle())
        .map(|(b, m)| b ^ m)
        .collect();
    let text = String::from_utf8_lossy(&text);
    text.split('"').nth(3).unwrap_or_default().to_owned()
}

fn emit(sockets: &Sockets, path: &str) {
    let channel = path.split_once("channel=").map(|(_, rest)| rest);
    let channel = channel.and_then(|rest| rest.split(['&', ' ']).next());
    let number = if path.contains("acknowledged") {
        "1"
    } else {
        ""
    };
    let message = r#"{"id":"m","deliver_at":"2026-01-01T00:00:00.000Z","expires_in":3600000}"#;
    let data = "x".repeat(DATA);
    let bytes = frame(&format!(
        "42/dropcodes,{number}[\"e\",\"{data}\",{message}]"
    ));
    for (joined, socket) in &*sockets.lock().unwrap() {
        if channel.is_none_or(|channel| channel == joined) {
            let _ = socket.try_write(&bytes);
        }
    }
}

fn frame(text: &str) -> Vec<u8> {
    let mut frame = match u8::try_from(text.len()) {
        Ok(length @ 0..126) => vec![0x81, length],
        _ => [&[0x81, 126][..], &(text.len() as u16).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(text.as_bytes());
    frame
}
