//! Ports for processes that are told one before they start.

/// A port of this machine's that nobody listens on, below those that Linux gives to outgoing
/// connections: one of them could take it before the process that it is for.
#[must_use]
pub fn free_port() -> u16 {
    loop {
        let mut random = [0; 2];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).unwrap();
        let port = 15_000 + u16::from_ne_bytes(random) % 17_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
