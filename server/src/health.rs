//! `server --health`: asks the server of the same environment whether it serves, for images that
//! hold nothing else that could ask. What the answer says is `/healthcheck`'s own matter.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long each of connecting, asking and answering may take; below the patience of those who run
/// this.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than the answer ever has, in bytes.
const LIMIT: u64 = 4096;

/// The body of `/healthcheck` on the listener that is bound to `bind`.
///
/// # Errors
/// Nobody answers there in time, or another status than 200 was the answer.
pub(super) fn ask(bind: SocketAddr) -> io::Result<String> {
    let address = SocketAddr::new(reachable(bind.ip()), bind.port());
    let answer = exchange(address).map_err(|error| {
        io::Error::new(error.kind(), format!("no answer from {address}: {error}"))
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") {
        return Ok(body.to_owned());
    }
    let status = head.lines().next().unwrap_or_default();
    Err(io::Error::other(format!("{address}: {status}: {body}")))
}

/// An address of this machine that leads to a listener bound to `ip`.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

fn exchange(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request =
        format!("GET /healthcheck HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(LIMIT).read_to_string(&mut answer)?;
    Ok(answer)
}
