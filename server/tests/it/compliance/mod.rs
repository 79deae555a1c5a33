//! The cases of the official Engine.IO and Socket.IO protocol suites, and the older protocols' own.
//!
//! Each case runs against a real server process. The adapter is thin: a namespace and a key of ours.

mod engine;
mod heartbeat;
mod peer;
mod socket;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use crate::harness::Server;
use peer::Peer;

/// The heartbeat of the server that the heartbeat's cases run against, and how it is set.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const HEARTBEAT: &[(&str, &str)] = &[("PING_INTERVAL", "5s"), ("PING_TIMEOUT", "1s")];

type Case = fn(Peer) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Cases that a later engine must pass, by Engine.IO protocol and name. The test asserts the list
/// exactly: a case that starts to pass must leave it.
const EXPECTED_TO_FAIL: &[&str] = &[];

/// Cases of the official suites that cannot pass by contract, each with its reason.
const OUT_OF_CONTRACT: &[(&str, &str)] = &[
    (
        "message: text is echoed",
        "a client's events are not echoed: backends publish over HTTP",
    ),
    (
        "message: binary is echoed",
        "binary attachments and binary frames are refused",
    ),
    (
        "message: acknowledgement by the server",
        "clients emit no event that is acknowledged",
    ),
    (
        "connect: an `auth` event with the payload",
        "the payload holds the key: it is not sent back",
    ),
];

/// Names the cases by their functions.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        vec![$((stringify!($case), (|peer| Box::pin($case(peer))) as crate::compliance::Case)),*]
    };
}
use cases;

#[tokio::test]
async fn the_protocols_are_kept() {
    let server = Server::start(&[]).await;
    let quick = Server::start(HEARTBEAT).await;
    let mut running = Vec::new();
    for (server, version, cases) in [
        (&server, 3, engine::cases()),
        (&server, 4, engine::cases()),
        (&server, 4, socket::cases()),
        (&quick, 3, heartbeat::cases()),
        (&quick, 4, heartbeat::cases()),
    ] {
        let (_, key) = server.key("suite").await;
        for (name, case) in cases {
            let peer = Peer::new(server.address, version, &key);
            running.push((format!("v{version} {name}"), tokio::spawn(case(peer))));
        }
    }
    let mut failed = BTreeSet::new();
    for (name, case) in running {
        if case.await.is_err() {
            failed.insert(name);
        }
    }
    let expected = EXPECTED_TO_FAIL.iter().map(|name| (*name).to_owned());
    assert_eq!(failed, expected.collect(), "failed, and expected to fail");
    for (case, reason) in OUT_OF_CONTRACT {
        println!("left out by contract: {case}: {reason}");
    }
}
