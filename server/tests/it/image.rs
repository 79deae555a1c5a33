//! The image as an engine runs it: built from the project's Dockerfile by `tools/test-image`, which
//! says what it substitutes, and run by podman as ECS would: as nobody, without capabilities, on a
//! read-only root.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{BACKEND_KEY, Client, Options, eventually, free_port};

const IMAGE: &str = "holdfast:test";
/// The user of the image, and its group.
const NOBODY: &str = "65532\t65532\t65532\t65532";
/// For what the machine may be late with.
const SLACK: Duration = Duration::from_secs(2);

/// Builds the image, once for all tests.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let output = Command::new(project().join("tools/test-image")).output();
        let output = output.expect("it is in the project");
        assert!(
            output.status.success(),
            "the image does not build: {output:?}"
        );
    });
}

fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Runs podman on the store of the tests' images.
fn podman(arguments: &[&str]) -> Output {
    let store = project().join("target/image");
    Command::new("podman")
        .arg("--root")
        .arg(store.join("storage"))
        .arg("--runroot")
        .arg(store.join("run"))
        .args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"])
        .args(arguments)
        .output()
        .expect("`make tools` installs podman")
}

/// What podman prints; panics if it fails.
fn said(arguments: &[&str]) -> String {
    let output = podman(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// How ECS would run it, less the machine's own limits; the network is this machine's.
const LIKE_ECS: [&str; 7] = [
    "--network=host",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--ulimit=nofile=20000:20000",
    "--ulimit=nproc=4096:4096",
    "--pull=never",
];

/// A running container; removed when dropped.
pub(crate) struct Container {
    name: String,
    address: SocketAddr,
}

impl Container {
    /// Starts one with these settings and options of podman, and waits until it serves.
    pub(crate) async fn start(settings: &[(&str, &str)], options: &[&str]) -> Self {
        build();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let name = format!("holdfast-{}", address.port());
        let mut environment = vec![
            format!("--env=BIND={address}"),
            "--env=ADMIN_BIND=127.0.0.1:0".to_owned(),
            format!("--env=S2S_KEYS={BACKEND_KEY}"),
        ];
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| format!("--env={name}={value}")),
        );
        let mut arguments = vec!["run", "--detach", "--name", &name];
        arguments.extend(LIKE_ECS);
        arguments.extend(options);
        arguments.extend(environment.iter().map(String::as_str));
        arguments.push(IMAGE);
        said(&arguments);
        let container = Self { name, address };
        eventually("the container serves", async || {
            let answer = reqwest::get(container.url("/healthcheck")).await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
        container
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A field of what podman knows of it.
    fn inspect(&self, field: &str) -> String {
        said(&["inspect", &self.name, "--format", field])
    }

    /// A file that the kernel keeps about the server's process.
    fn kernel_says(&self, file: &str) -> String {
        let pid = self.inspect("{{.State.Pid}}");
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
    }

    /// Calls the API with the backend key.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new().post(self.url(path)).json(&body);
        let request = request.header("authorization", format!("ApiKey {BACKEND_KEY}"));
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        answer.json().await.unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        podman(&["rm", "--force", "--time=0", &self.name]);
    }
}

#[tokio::test]
async fn it_holds_the_server_and_nothing_else() {
    build();
    let image: Value = serde_json::from_str(&said(&["image", "inspect", IMAGE])).unwrap();
    let config = &image[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(
        config["Entrypoint"],
        json!(["/server"]),
        "without a shell, which would keep SIGTERM to itself"
    );
    assert_eq!(
        image[0]["Healthcheck"]["Test"],
        json!(["CMD", "/server", "--health"])
    );
    let size = image[0]["Size"].as_u64().unwrap();
    assert!(size < 40 << 20, "{size} bytes, without the optimiser");
    let mounted = said(&["create", "--pull=never", IMAGE]);
    let files = Command::new("sh")
        .args(["-c", "exec find \"$0\" -type f -printf '%P\\n'"])
        .arg(said(&["mount", &mounted]))
        .output()
        .unwrap();
    said(&["rm", &mounted]);
    let mut files: Vec<_> = std::str::from_utf8(&files.stdout)
        .unwrap()
        .lines()
        .collect();
    files.sort_unstable();
    assert_eq!(files, ["etc/ssl/certs/ca-certificates.crt", "server"]);
}

#[tokio::test]
async fn it_serves_as_nobody_on_a_read_only_root() {
    let container = Container::start(&[], &[]).await;
    let status = container.kernel_says("status");
    for line in [
        format!("Uid:\t{NOBODY}"),
        format!("Gid:\t{NOBODY}"),
        "CapEff:\t0000000000000000".to_owned(),
    ] {
        assert!(
            status.lines().any(|found| found == line),
            "{line}: {status}"
        );
    }
    let mounts = container.kernel_says("mountinfo");
    let root = mounts
        .lines()
        .find(|line| line.split(' ').nth(4) == Some("/"))
        .unwrap();
    assert!(root.split(' ').nth(5).unwrap().starts_with("ro,"), "{root}");
    let asked = said(&["exec", &container.name, "/server", "--health"]);
    let health: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(health["status"], "ok");
}

#[tokio::test]
async fn its_health_check_fails_where_nobody_serves() {
    build();
    let key = format!("--env=S2S_KEYS={BACKEND_KEY}");
    let mut arguments = vec!["run", "--rm", &key, "--env=BIND=127.0.0.1:1"];
    arguments.extend(LIKE_ECS);
    arguments.extend([IMAGE, "--health"]);
    let output = podman(&arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(
        complaint.contains("no answer from 127.0.0.1:1: Connection refused"),
        "{complaint}"
    );
}

#[tokio::test]
async fn sigterm_drains_it() {
    let container = Container::start(&[("DRAIN", "5s")], &[]).await;
    let issued = container
        .post(
            "/v1/keys",
            json!({ "channel": "c", "namespaces": ["dropcodes"] }),
        )
        .await;
    let mut client = Client::connect(
        &container.url(""),
        &Options::new(issued["key"].as_str().unwrap()),
    );
    client.wait_for("connected").await;
    let message = json!({ "event": "e", "data": null, "id": "m" });
    container
        .post("/v1/namespaces/dropcodes/channels/c/messages", message)
        .await;
    assert_eq!(client.messages(1).await, ["m"]);
    let start = Instant::now();
    // SIGTERM now, SIGKILL in a minute: as ECS does with its stop timeout.
    let stopping = tokio::task::spawn_blocking({
        let name = container.name.clone();
        move || said(&["stop", "--time=60", &name])
    });
    let reason = client.wait_for("disconnected").await["reason"].clone();
    assert!(
        reason == "transport close" || reason == "transport error",
        "it would not come back: {reason}"
    );
    stopping.await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5) + SLACK,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0");
    let output = podman(&["logs", &container.name]);
    let log = String::from_utf8(output.stderr).unwrap();
    let told = |message: &str| {
        log.lines()
            .any(|line| line.contains(&format!("\"message\":\"{message}\"")))
    };
    assert!(told("asked to leave") && told("drained"), "{log}");
}
