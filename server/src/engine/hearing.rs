//! What a client says on a WebSocket, and what it means for the session.

use std::ops::ControlFlow;

use tokio::net::tcp::OwnedWriteHalf;

use super::frames::{Control, Said};
use super::machine::{How, ProbeId};
use super::protocol::Packet;
use super::session::Session;

/// The try of a WebSocket, and its end that is written to, until the session has that.
pub(super) type Probe = (ProbeId, Option<OwnedWriteHalf>);

/// Takes what a client says whose session the WebSocket carries.
pub(super) fn take(session: &Session, said: &Said<'_>) -> ControlFlow<()> {
    match said {
        Said::Text(text) => {
            let packet = Packet::read(text);
            if packet.is_none_or(|packet| session.received(packet).is_err()) {
                session.refuse("malformed_packet");
            }
        }
        Said::Binary => {
            if let Some(upper) = session.upper() {
                upper.received_binary();
            }
        }
        // Where writes wait, the answers of more pings than one are not missed.
        Said::Ping(payload) => session.lock().control(Control::Pong, payload),
        Said::Pong => {}
        Said::Close(reason) => {
            session.lock().control(Control::Close, reason);
            session.end(How::Left, "client_left");
        }
    }
    match session.lock().machine.ended() {
        Some(_) => ControlFlow::Break(()),
        None => ControlFlow::Continue(()),
    }
}

/// Takes what a client says that tries the WebSocket.
pub(super) fn try_out(
    session: &Session,
    probe: &mut Option<Probe>,
    said: &Said<'_>,
) -> ControlFlow<()> {
    let Some((id, socket)) = probe else {
        return ControlFlow::Break(());
    };
    let packet = match said {
        Said::Text(text) => Packet::read(text),
        Said::Ping(_) | Said::Pong => return ControlFlow::Continue(()),
        Said::Binary | Said::Close(_) => None,
    };
    let taken = packet.map(|packet| session.probed(*id, packet, socket));
    if !matches!(taken, Some(Ok(()))) {
        return ControlFlow::Break(());
    }
    if socket.is_none() {
        *probe = None;
    }
    ControlFlow::Continue(())
}
