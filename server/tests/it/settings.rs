//! Settings: every mistake at once with exit code 2, and what cannot be had at start.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{BACKEND_KEY, Server, eventually, free_port, signal};

/// Runs a server that must refuse to start; returns what it printed.
/// What a server says that refuses to start.
pub(crate) async fn refused(command: &mut Command) -> String {
    let run = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let Output {
        status,
        stdout,
        stderr,
    } = timeout(Duration::from_secs(20), run)
        .await
        .expect("it ends by itself")
        .unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{text}");
    assert!(stdout.is_empty() && !text.contains("panicked"), "{text}");
    text
}

/// A server with these settings beside those that it must have.
pub(crate) fn server(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command
        .env_clear()
        .env("BIND", "127.0.0.1:0")
        .env("ADMIN_BIND", "127.0.0.1:0")
        .env("S2S_KEYS", BACKEND_KEY)
        .envs(settings.iter().copied());
    command
}

#[tokio::test]
async fn all_mistakes_are_told_at_once() {
    let text = refused(&mut server(&[
        ("BIND", "localhost:8080"),
        ("ADMIN_BIND", "9100"),
        ("SOCKET_PATH", "websockets"),
        ("NAMESPACES", "a,b c"),
        ("PING_INTERVAL", "60"),
        ("PING_TIMEOUT", "2h"),
        ("MAX_PAYLOAD", "1k"),
        ("MAX_MESSAGE", "1048577"),
        ("TRANSPORTS", "polling,webtransport"),
        ("KEEP_ALIVE", "0s"),
        ("JOIN_TIMEOUT", "-1s"),
        ("DRAIN", "soon"),
        ("STORE", "redis://user:hunter2@cache:6379"),
        ("S2S_KEYS", "too-short-to-be-a-key"),
        ("CORS_ORIGINS", "*"),
        ("IDLE_TIMEOUT", "5000s"),
        ("ALLOW_RULE_VIOLATIONS", "yes"),
        ("NODE_ID", "node one"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "inof"),
    ]))
    .await;
    let name = "expected 1 to 128 of the characters A-Z a-z 0-9 . _ : -";
    let duration = "expected a duration with a unit, such as 60s or 4m, from";
    let bytes = "expected a number of bytes, such as 1024 or 1KiB, from";
    assert_eq!(text, format!("server: 20 mistakes in the settings:
  BIND=localhost:8080: expected an address and port such as 0.0.0.0:8080
  ADMIN_BIND=9100: expected an address and port such as 0.0.0.0:8080
  SOCKET_PATH=websockets: expected a path such as /websockets
  NAMESPACES=a,b c: `b c` is not a name: {name}
  PING_INTERVAL=60: {duration} 100ms to 3600s
  PING_TIMEOUT=2h: {duration} 100ms to 3600s
  MAX_PAYLOAD=1k: {bytes} 256 to 1048576
  MAX_MESSAGE=1048577: {bytes} 1 to 1048576
  TRANSPORTS=polling,webtransport: `webtransport` is not one of polling, websocket
  KEEP_ALIVE=0s: {duration} 1s to 86400s
  JOIN_TIMEOUT=-1s: {duration} 100ms to 600s
  DRAIN=soon: {duration} 1s to 600s
  STORE=redis://***@cache:6379: a URL may hold no credentials: task definitions and logs show it
  S2S_KEYS: key 1 has 21 characters; 32 at least are needed
  CORS_ORIGINS=*: `*` with credentials is refused by every browser; list exact origins
  IDLE_TIMEOUT=5000s: {duration} 1s to 4000s
  ALLOW_RULE_VIOLATIONS=yes: expected true or false
  NODE_ID=node one: `node one` is not a name: {name}
  LOG_FORMAT=xml: expected one of json, text
  LOG_LEVEL=inof: expected error, warn, info, debug or trace, or directives such as info,server=debug
"));
}

#[tokio::test]
async fn each_wrong_value_is_refused_by_name() {
    let secret = "s".repeat(31);
    for (name, value, said) in [
        ("SOCKET_PATH", "/", "expected a path"),
        ("SOCKET_PATH", "/v1/x", "belongs to the HTTP interface"),
        ("SOCKET_PATH", "/a{b}", "expected a path"),
        ("NAMESPACES", ",", "at least one name"),
        ("NAMESPACES", "a,/a", "`a` is named twice"),
        (
            "UNACKNOWLEDGED_NAMESPACES",
            "dropcodes,alerts",
            "`alerts` is not among the NAMESPACES: dropcodes, donations",
        ),
        ("TRANSPORTS", ",", "at least one of polling, websocket"),
        ("STORE", "file:", "expected memory, file:DIR, redis://"),
        (
            "STORE",
            "postgres://x",
            "redis://host:port or rediss://host:port",
        ),
        ("STORE", "redis://", "expected a URL such as rediss://"),
        (
            "STORE",
            "redis://cache/0?protocol=resp3",
            "no query or fragment",
        ),
        ("STORE", "redis://cache/abc", "expected database 0"),
        ("STORE", "redis://cache/1", "expected database 0"),
        ("STORE_PASSWORD_FILE", "/nowhere/password", "No such file"),
        ("S2S_KEYS", &secret, "key 1 has 31 characters"),
        ("S2S_KEYS", " , ", "holds no key"),
        (
            "S2S_KEYS",
            &format!("{BACKEND_KEY},{secret}é"),
            "key 2 holds a character",
        ),
        ("S2S_KEYS_FILE", "/nowhere/keys", "are both set; keep one"),
        ("CORS_ORIGINS", "https://a.example/path", "is not an origin"),
        ("CORS_ORIGINS", "a.example", "is not an origin"),
        ("MAX_PAYLOAD", "255", "from 256 to 1048576"),
        ("MAX_MESSAGE", "0", "from 1 to 1048576"),
    ] {
        let text = refused(&mut server(&[(name, value)])).await;
        assert!(
            text.starts_with("server: 1 mistake in the settings:\n  "),
            "{text}"
        );
        assert!(
            text.contains(name) && text.contains(said),
            "{name}={value}: {text}"
        );
        assert!(
            !text.contains(&secret) && !text.contains(BACKEND_KEY),
            "{text}"
        );
    }
    let missing = refused(server(&[]).env_remove("S2S_KEYS")).await;
    assert!(missing.contains("S2S_KEYS is required"), "{missing}");
    let no_file = refused(&mut server(&[
        ("S2S_KEYS", ""),
        ("S2S_KEYS_FILE", "/nowhere/keys"),
    ]))
    .await;
    assert!(
        no_file.contains("S2S_KEYS_FILE=/nowhere/keys: No such file"),
        "{no_file}"
    );
}

#[tokio::test]
async fn what_cannot_be_had_is_named_by_its_setting() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("file:{}", directory.path().display());
    let first = Server::start(&[("STORE", &store)]).await;
    let address = first.address.to_string();
    let (file, few) = (
        tempfile::NamedTempFile::new().unwrap(),
        "ulimit -n 150; exec \"$0\"",
    );
    let no_directory = format!("file:{}/x", file.path().display());
    for (name, value) in [
        ("BIND", address.as_str()),
        ("ADMIN_BIND", &address),
        ("STORE", &store),
        ("STORE", &no_directory),
        ("BIND", "192.0.2.1:80"),
    ] {
        let text = refused(&mut server(&[(name, value)])).await;
        assert!(
            text.starts_with(&format!("server: {name}={value}: ")),
            "{text}"
        );
    }
    let mut shell = Command::new("sh");
    shell
        .args(["-c", few, env!("CARGO_BIN_EXE_server")])
        .env("S2S_KEYS", BACKEND_KEY);
    let text = refused(
        shell
            .env("BIND", "127.0.0.1:0")
            .env("ADMIN_BIND", "127.0.0.1:0"),
    )
    .await;
    assert!(text.contains("ulimit -n"), "{text}");
}

#[tokio::test]
async fn a_silent_server_lives_as_long_as_any() {
    for level in ["off", "error", "warn"] {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = server(&[("BIND", &address), ("LOG_LEVEL", level)]);
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let url = format!("http://{address}/healthcheck");
        eventually("it answers", async || reqwest::get(&url).await.ok()).await;
        assert!(child.try_wait().unwrap().is_none(), "{level}");
        signal(child.id().unwrap(), "TERM");
        assert!(child.wait().await.unwrap().success());
    }
}
