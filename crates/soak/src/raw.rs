//! WebSockets written byte by byte: what no library sends, and what is cheaper than one.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// First byte of a frame that is a whole text.
pub(crate) const TEXT: u8 = 0x81;

/// What is read of a handshake's answer at most.
const MOST_HEAD: usize = 4096;

/// The request for a WebSocket, with further header lines, each with its end.
pub(crate) fn request(more: &str) -> String {
    format!(
        "GET /websockets/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\n{more}\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Reads the head of an answer. Returns its status; what came after it is left in `read`.
pub(crate) async fn handshake(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
) -> Option<u16> {
    let end = b"\r\n\r\n";
    while read.len() < MOST_HEAD {
        if let Some(at) = read.windows(end.len()).position(|bytes| bytes == end) {
            let status = std::str::from_utf8(read.get(9..12)?).ok()?.parse().ok();
            read.drain(..at + end.len());
            return status;
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
    None
}

/// A frame of a client, masked with zeros. Its payload is shorter than 64 KiB.
pub(crate) fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match u8::try_from(payload.len()) {
        Ok(length @ 0..=125) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The first frame of a server's, which is not masked: its first byte, its payload and its length
/// with all. `None` where it is not all there yet.
pub(crate) fn first(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (
            4,
            u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(),
        ),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        length => (2, usize::from(length)),
    };
    let end = start + length;
    Some((bytes[0], bytes.get(start..end)?, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_with_the_head_of_an_answer_is_left() {
        let mut answer: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\na: b\r\n\r\n\x81\x01";
        let mut read = Vec::new();
        assert_eq!(handshake(&mut answer, &mut read).await, Some(101));
        assert_eq!(read, b"\x81\x01");
    }

    #[test]
    fn a_frame_is_read_when_it_is_all_there() {
        for length in [0, 1, 125, 126, 65_535] {
            let payload = vec![b'x'; length];
            let mut bytes = frame(TEXT, &payload);
            // As a server sends it: without the mask.
            bytes[1] &= 0x7f;
            let mask = bytes.len() - length - 4;
            bytes.drain(mask..mask + 4);
            let (head, read, end) = first(&bytes).unwrap();
            assert_eq!((head, read.len(), end), (TEXT, length, bytes.len()));
            assert_eq!(first(&bytes[..bytes.len() - 1]), None);
        }
    }
}
