//! `deployer probe` over TLS, through HAProxy and nginx with a certificate of an authority of our
//! own; on two targets of the official library.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::participants::{PATIENCE, Talker, Target};
use super::probe::probe_url;

/// A proxy that speaks TLS.
struct Proxy {
    url: String,
    authority: PathBuf,
    _targets: [Target; 2],
    _process: Talker,
    _directory: TempDir,
}

/// What nginx does with a request for a WebSocket.
const UPGRADE: &str =
    "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";

impl Proxy {
    async fn haproxy() -> Self {
        Self::start("haproxy", |directory, address, targets| {
            let [one, two] = targets;
            let pem = directory.join("server.pem");
            let file = directory.join("haproxy.cfg");
            let text = format!(
                "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  \
                 timeout server 60s\n\
                 frontend f\n  bind {address} ssl crt {}\n  default_backend b\n\
                 backend b\n  balance roundrobin\n  cookie node insert indirect\n  \
                 server one {one} cookie one\n  server two {two} cookie two\n",
                pem.display()
            );
            std::fs::write(&file, text).unwrap();
            let mut command = Command::new("haproxy");
            command.arg("-db").arg("-f").arg(&file);
            command
        })
        .await
    }

    /// `more` is what is said for each request to a target.
    async fn nginx(more: &str) -> Self {
        let more = more.to_owned();
        Self::start("nginx", move |directory, address, targets| {
            let [one, two] = targets;
            let place = directory.display();
            let file = directory.join("nginx.conf");
            let text = format!(
                "daemon off; pid {place}/pid; error_log stderr;\nevents {{}}\nhttp {{\n\
                 access_log off; client_body_temp_path {place}; proxy_temp_path {place};\n\
                 fastcgi_temp_path {place}; uwsgi_temp_path {place}; scgi_temp_path {place};\n\
                 upstream nodes {{ ip_hash; server {one}; server {two}; }}\n\
                 server {{ listen {address} ssl; ssl_certificate {place}/server.pem;\n\
                 ssl_certificate_key {place}/server.pem;\n\
                 location / {{ proxy_pass http://nodes; proxy_http_version 1.1; {more} }} }} }}\n"
            );
            std::fs::write(&file, text).unwrap();
            let mut command = Command::new("/usr/sbin/nginx");
            command.arg("-p").arg(directory).arg("-c").arg(&file);
            command
        })
        .await
    }

    async fn start(
        name: &str,
        command: impl FnOnce(&Path, SocketAddr, [SocketAddr; 2]) -> Command,
    ) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, testkit::port::free_port()));
        let directory = tempfile::tempdir().unwrap();
        certify(directory.path());
        let config = json!({ "pingInterval": 300 });
        let targets = [
            Target::start("one", config.clone()).await,
            Target::start("two", config).await,
        ];
        let addresses = [targets[0].address, targets[1].address];
        let mut command = command(directory.path(), address, addresses);
        command.stderr(Stdio::null());
        let process = Talker::start(command);
        let up = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let listens = tokio::time::timeout(PATIENCE, up).await;
        listens.unwrap_or_else(|_| panic!("{name} does not listen"));
        Self {
            // The name that the certificate was issued for.
            url: format!("https://localhost:{}", address.port()),
            authority: directory.path().join("authority.pem"),
            _targets: targets,
            _process: process,
            _directory: directory,
        }
    }

    async fn probe(&self, more: &[&str]) -> (i32, serde_json::Value) {
        let args = [&["--quiet-for", "800ms"], more].concat();
        let (code, _, report) = probe_url(&self.url, &args).await;
        (code, report)
    }
}

/// Makes an authority, and a certificate of its for `localhost`.
fn certify(directory: &Path) {
    let script = "
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=an authority of our own' \
          -keyout authority.key -out authority.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key -out request
        printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' > extensions
        openssl x509 -req -in request -CA authority.pem -CAkey authority.key -CAcreateserial \
          -days 1 -extfile extensions -out certificate
        cat certificate key > server.pem";
    let made = std::process::Command::new("sh")
        .args(["-ec", script])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// The step of that name.
fn step<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let steps = report["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["name"] == name);
    found.unwrap_or_else(|| panic!("no step {name}: {report:#}"))
}

#[tokio::test]
async fn haproxy_with_a_certificate_of_an_authority_that_is_named() {
    let proxy = Proxy::haproxy().await;
    let authority = proxy.authority.to_str().unwrap();
    let (code, report) = proxy.probe(&["--ca-file", authority]).await;
    assert_eq!(code, 0, "{report:#}");
    for name in ["upgrade", "quiet websocket", "quiet poll"] {
        assert_eq!(step(&report, name)["outcome"], "passed", "{report:#}");
    }
    let saw = step(&report, "stickiness")["saw"].as_str().unwrap();
    assert!(saw.contains("cookies node"), "{report:#}");
    assert_eq!(step(&report, "without the cookie")["outcome"], "noted");
}

#[tokio::test]
async fn nginx_with_a_certificate_of_an_authority_that_is_named() {
    let proxy = Proxy::nginx(UPGRADE).await;
    let authority = proxy.authority.to_str().unwrap();
    let (code, report) = proxy.probe(&["--ca-file", authority]).await;
    assert_eq!(code, 0, "{report:#}");
    for name in [
        "upgrade",
        "quiet websocket",
        "quiet poll",
        "without the cookie",
    ] {
        assert_eq!(step(&report, name)["outcome"], "passed", "{report:#}");
    }
}

#[tokio::test]
async fn nginx_that_drops_the_upgrade_is_found_and_told_what_to_set() {
    let proxy = Proxy::nginx("").await;
    let authority = proxy.authority.to_str().unwrap();
    let (code, report) = proxy.probe(&["--ca-file", authority]).await;
    assert_eq!(code, 1, "{report:#}");
    for name in ["upgrade", "websocket only"] {
        let step = step(&report, name);
        assert_eq!(step["outcome"], "failed", "{report:#}");
        let change = step["change"].as_str().unwrap_or_default();
        assert!(change.contains("proxy_set_header Upgrade"), "{report:#}");
    }
    assert_eq!(step(&report, "quiet poll")["outcome"], "passed");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_and_one_of_another_name_are_refused() {
    let proxy = Proxy::haproxy().await;
    let (code, report) = proxy.probe(&[]).await;
    assert_eq!(code, 1, "{report:#}");
    let first = &report["steps"][0];
    assert!(
        first["saw"].as_str().unwrap().contains("UnknownIssuer"),
        "{report:#}"
    );
    assert!(
        first["change"].as_str().unwrap().contains("--ca-file"),
        "{report:#}"
    );
    let other = proxy.url.replace("localhost", "127.0.0.1");
    let authority = proxy.authority.to_str().unwrap();
    let (code, _, report) = probe_url(&other, &["--ca-file", authority]).await;
    assert_eq!(code, 1, "{report:#}");
    let saw = report["steps"][0]["saw"].as_str().unwrap();
    assert!(saw.contains("not valid for name"), "{report:#}");
}
