//! A Redis or Valkey of this machine's, in place of ElastiCache.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::process::Spec;

/// Programs that can stand for it, the first one found counts.
const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];

/// The program, if one is installed.
pub(super) async fn installed() -> Option<PathBuf> {
    for program in PROGRAMS {
        let asked = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .await;
        if asked.is_ok_and(|output| output.status.success()) {
            return Some(program.into());
        }
    }
    None
}

/// How it is run: nothing on disk, and nothing evicted, as the rules demand of ElastiCache.
pub(super) fn spec(program: PathBuf, address: SocketAddr) -> Spec {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = [
        "--bind",
        &host,
        "--port",
        &port,
        "--save",
        "",
        "--maxmemory-policy",
        "noeviction",
    ];
    let arguments = arguments.map(str::to_owned).to_vec();
    Spec {
        name: "redis".to_owned(),
        program,
        arguments,
        environment: vec![],
    }
}
