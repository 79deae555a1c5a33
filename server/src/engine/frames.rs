//! The frames of a WebSocket (RFC 6455): read from whatever bytes have arrived, within bounds, and
//! written. A connection on which nothing is half way keeps no buffer here.

use std::io::Cursor;
use std::ops::ControlFlow;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

pub(super) use tungstenite::protocol::frame::coding::Control;

/// Bytes of a control frame's payload (RFC 6455, section 5.5).
const LONGEST_CONTROL: u64 = 125;

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Text(&'a str),
    Binary,
    Ping(&'a [u8]),
    Pong,
    /// With the status and reason, which are sent back.
    Close(&'a [u8]),
}

/// What no client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("a frame breaks the WebSocket protocol")]
    Malformed,
    #[error("a message is too large")]
    TooLarge,
}

/// Reads frames.
#[derive(Debug)]
pub(super) struct Reader {
    /// Bytes that a message may have.
    most: usize,
    /// What has arrived of a frame that is not whole.
    partial: Vec<u8>,
    /// The fragments of a message that is not whole, and whether they are text.
    fragments: Option<(bool, Vec<u8>)>,
}

/// A frame whose payload is in the buffer, without its mask.
struct Frame<'a> {
    opcode: OpCode,
    is_final: bool,
    payload: &'a [u8],
}

impl Reader {
    /// Reads messages of up to `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            partial: Vec::new(),
            fragments: None,
        }
    }

    /// Whether something has begun that is not whole.
    pub(super) fn is_half_way(&self) -> bool {
        !self.partial.is_empty() || self.fragments.is_some()
    }

    /// Goes on with the bytes that came next, which it takes the masks off in place. Tells
    /// `hear` what they say until that breaks. Returns the number of frames.
    ///
    /// # Errors
    /// What was read is not what a client may send; the connection is of no more use.
    pub(super) fn read(
        &mut self,
        bytes: &mut [u8],
        hear: &mut impl FnMut(Said<'_>) -> ControlFlow<()>,
    ) -> Result<u64, Broken> {
        if self.partial.is_empty() {
            let (used, frames) = self.frames(bytes, hear)?;
            self.partial.extend_from_slice(&bytes[used..]);
            return Ok(frames);
        }
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(bytes);
        let (used, frames) = self.frames(&mut whole, hear)?;
        if used < whole.len() {
            whole.drain(..used);
            self.partial = whole;
        }
        Ok(frames)
    }

    /// Reads the whole frames of a buffer; returns how many bytes they have, and their number.
    fn frames(
        &mut self,
        mut buffer: &mut [u8],
        hear: &mut impl FnMut(Said<'_>) -> ControlFlow<()>,
    ) -> Result<(usize, u64), Broken> {
        let (mut used, mut frames) = (0, 0);
        while let Some((header, start, length)) = self.header(buffer)? {
            let Some((frame, rest)) = buffer.split_at_mut_checked(start + length) else {
                break;
            };
            let payload = &mut frame[start..];
            unmask(payload, header.mask.unwrap_or_default());
            let frame = Frame {
                opcode: header.opcode,
                is_final: header.is_final,
                payload,
            };
            (used, frames) = (used + start + length, frames + 1);
            buffer = rest;
            if self.take(&frame, hear)?.is_break() {
                // Nobody listens any more: what follows is dropped.
                used += buffer.len();
                break;
            }
        }
        Ok((used, frames))
    }

    /// The header at the front, with its length and that of the payload; none if it is not whole.
    fn header(&self, buffer: &[u8]) -> Result<Option<(FrameHeader, usize, usize)>, Broken> {
        let mut cursor = Cursor::new(buffer);
        let header = FrameHeader::parse(&mut cursor).map_err(|_| Broken::Malformed)?;
        let Some((header, length)) = header else {
            return Ok(None);
        };
        let reserved = header.rsv1 || header.rsv2 || header.rsv3;
        let is_control = matches!(header.opcode, OpCode::Control(_));
        let bad_control = is_control && (length > LONGEST_CONTROL || !header.is_final);
        // A client masks each frame (section 5.1).
        if reserved || bad_control || header.mask.is_none() {
            return Err(Broken::Malformed);
        }
        let before = self.fragments.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let room = if is_control {
            usize::MAX
        } else {
            self.most - before
        };
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= room);
        let length = length.ok_or(Broken::TooLarge)?;
        // A cursor's position within a buffer is within its length.
        Ok(Some((header, cursor.position() as usize, length)))
    }

    fn take(
        &mut self,
        frame: &Frame<'_>,
        hear: &mut impl FnMut(Said<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Broken> {
        let data = match frame.opcode {
            OpCode::Control(Control::Ping) => return Ok(hear(Said::Ping(frame.payload))),
            OpCode::Control(Control::Pong) => return Ok(hear(Said::Pong)),
            OpCode::Control(Control::Close) => return Ok(hear(Said::Close(frame.payload))),
            OpCode::Control(Control::Reserved(_)) => return Err(Broken::Malformed),
            OpCode::Data(data) => data,
        };
        match (data, &mut self.fragments) {
            (Data::Text | Data::Binary, None) if frame.is_final => {
                said(data == Data::Text, frame.payload, hear)
            }
            (Data::Text | Data::Binary, None) => {
                self.fragments = Some((data == Data::Text, frame.payload.to_vec()));
                Ok(ControlFlow::Continue(()))
            }
            (Data::Continue, Some((_, message))) => {
                message.extend_from_slice(frame.payload);
                match self.fragments.take_if(|_| frame.is_final) {
                    Some((is_text, message)) => said(is_text, &message, hear),
                    None => Ok(ControlFlow::Continue(())),
                }
            }
            _ => Err(Broken::Malformed),
        }
    }
}

fn said(
    is_text: bool,
    message: &[u8],
    hear: &mut impl FnMut(Said<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Broken> {
    if !is_text {
        return Ok(hear(Said::Binary));
    }
    let text = std::str::from_utf8(message).map_err(|_| Broken::Malformed)?;
    Ok(hear(Said::Text(text)))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// Writes a text frame with one packet: what stands in front of its data, and the data's parts.
pub(super) fn write(front: &str, parts: &[&str], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    begin(OpCode::Data(Data::Text), front.len() + length, out);
    out.extend_from_slice(front.as_bytes());
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes a control frame.
pub(super) fn write_control(kind: Control, payload: &[u8], out: &mut Vec<u8>) {
    begin(OpCode::Control(kind), payload.len(), out);
    out.extend_from_slice(payload);
}

fn begin(opcode: OpCode, length: usize, out: &mut Vec<u8>) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    // Writing to memory cannot fail.
    let _ = header.format(length as u64, out);
}

#[cfg(test)]
mod tests;
