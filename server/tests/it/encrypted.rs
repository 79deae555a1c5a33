//! A store as the project's template makes it: TLS alone, and one user who may do what the template
//! says. What of ElastiCache no Redis has is left to AWS.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::redis::Redis;
use tokio::process::Command;

use crate::harness::{Client, Options, Server, eventually, free_port};
use crate::image::Container;

const PASSWORD: &str = "a-password-of-the-stores-user";

/// What the user of the store may do, as the template says it.
fn access() -> String {
    let template = include_str!("../../../cloudformation/service.yaml");
    let line = template
        .lines()
        .find_map(|line| line.trim().strip_prefix("AccessString: "));
    line.expect("the template has a user").to_owned()
}

/// A Redis that speaks TLS alone, with a certificate of an authority of its own. Killed when
/// dropped.
struct Encrypted {
    redis: Redis,
    directory: TempDir,
}

/// What ElastiCache's cluster mode has: its nodes are known by name.
const CLUSTER: [&str; 9] = [
    "--tls-cluster",
    "yes",
    "--cluster-enabled",
    "yes",
    "--cluster-announce-hostname",
    "localhost",
    "--cluster-preferred-endpoint-type",
    "hostname",
    "--cluster-port",
];

impl Encrypted {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A cluster of one shard.
    async fn cluster() -> Self {
        let bus = free_port().to_string();
        let cluster = Self::start_with(&[CLUSTER.as_slice(), &[&bus]].concat()).await;
        let all = ["CLUSTER", "ADDSLOTSRANGE", "0", "16383"];
        assert_eq!(cluster.ask_as_admin(&all).await, "OK\n");
        let info = async || cluster.ask_as_admin(&["CLUSTER", "INFO"]).await;
        let whole = async || info().await.contains("cluster_state:ok").then_some(());
        eventually("every slot is served", whole).await;
        cluster
    }

    async fn ask_as_admin(&self, command: &[&str]) -> String {
        let port = self.redis.address.port().to_string();
        let asked = Command::new("redis-cli")
            .args([
                "--tls",
                "--cacert",
                "ca.crt",
                "-h",
                "localhost",
                "-p",
                &port,
            ])
            .args(["--user", "admin", "--pass", PASSWORD, "--no-auth-warning"])
            .args(command)
            .current_dir(&self.directory)
            .output();
        String::from_utf8(asked.await.unwrap().stdout).unwrap()
    }

    async fn start_with(more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        certify(&directory).await;
        let mut redis = Redis::new(directory.path());
        let port = redis.address.port().to_string();
        let password = format!(">{PASSWORD}");
        let access = access();
        let mut options = vec!["--port", "0", "--tls-port", &port, "--save", ""];
        options.extend(["--tls-auth-clients", "no", "--tls-ca-cert-file", "ca.crt"]);
        options.extend([
            "--tls-cert-file",
            "redis.crt",
            "--tls-key-file",
            "redis.key",
        ]);
        options.extend(["--user", "default", "off", "--user", "server", &password]);
        options.extend(access.split_whitespace());
        options.extend(["--user", "admin", "on", &password, "~*", "&*", "+@all"]);
        options.extend(more);
        redis.start(&options).await.unwrap();
        Self { redis, directory }
    }

    /// By name, since a certificate is for a name.
    fn url(&self) -> String {
        format!("rediss://localhost:{}", self.redis.address.port())
    }

    fn authority(&self) -> PathBuf {
        self.directory.path().join("ca.crt")
    }
}

/// Makes an authority, and a certificate of its for `localhost`.
async fn certify(directory: &TempDir) {
    const STEPS: [&str; 3] = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt \
         -days 2 -subj /CN=authority",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout redis.key -out redis.csr \
         -subj /CN=localhost",
        "x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out redis.crt -days 2 \
         -extfile names",
    ];
    std::fs::write(
        directory.path().join("names"),
        "subjectAltName=DNS:localhost\n",
    )
    .unwrap();
    for step in STEPS {
        let made = Command::new("openssl")
            .args(step.split(' '))
            .current_dir(directory)
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "openssl {step}: {made:?}");
    }
}

/// The settings of a server that uses it.
fn settings(url: &str) -> [(&str, &str); 3] {
    [
        ("STORE", url),
        ("STORE_USERNAME", "server"),
        ("STORE_PASSWORD", PASSWORD),
    ]
}

#[tokio::test]
async fn two_nodes_share_it_as_the_templates_user() {
    let redis = Encrypted::start().await;
    two_nodes_share(&redis, &redis.url(), &[]).await;
}

/// The configuration endpoint is one name for all of a cluster.
#[tokio::test]
async fn two_nodes_share_a_cluster_as_the_templates_user() {
    let redis = Encrypted::cluster().await;
    let url = redis.url().replace("rediss://", "rediss+cluster://");
    two_nodes_share(&redis, &url, &[]).await;
}

/// A sentinel that is known by name, as the primary is, and wants a password.
#[tokio::test]
async fn two_nodes_share_one_that_a_sentinel_names() {
    let redis = Encrypted::start().await;
    let directory = redis.directory.path().join("sentinel");
    std::fs::create_dir(&directory).unwrap();
    let mut sentinel = Redis::new(&directory);
    let (of_primary, port) = (redis.redis.address.port(), sentinel.address.port());
    let lines = format!(
        "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n\
         sentinel monitor drops localhost {of_primary} 1\n\
         sentinel auth-user drops admin\nsentinel auth-pass drops {PASSWORD}\n\
         port 0\ntls-port {port}\ntls-replication yes\ntls-auth-clients no\n\
         tls-ca-cert-file ../ca.crt\ntls-cert-file ../redis.crt\ntls-key-file ../redis.key\n\
         requirepass {PASSWORD}\n"
    );
    let file = directory.join("sentinel.conf");
    std::fs::write(&file, lines).unwrap();
    let options = ["--port", "0", "--sentinel"];
    sentinel.start_with(Some(&file), &options).await.unwrap();
    let url = format!("rediss+sentinel://localhost:{port}/drops");
    let password = ("STORE_SENTINEL_PASSWORD", PASSWORD);
    two_nodes_share(&redis, &url, &[password]).await;
}

async fn two_nodes_share(redis: &Encrypted, url: &str, more: &[(&str, &str)]) {
    let authority = redis.authority();
    let mut with = [&settings(url), more].concat();
    with.push(("SSL_CERT_FILE", authority.to_str().unwrap()));
    let (one, two) = (Server::start(&with).await, Server::start(&with).await);
    let (id, key) = one.key("c").await;
    let mut client = Client::start(&two, &Options::new(&key));
    client.wait_for("connected").await;
    one.publish("c", json!({ "event": "e", "data": null, "id": "m" }))
        .await;
    assert_eq!(client.messages(1).await, ["m"]);
    one.becomes("c", "m", "acknowledged").await;
    one.revoke(&id).await;
    client.wait_for("disconnected").await;
    let refused = |entry: &Value| entry.to_string().contains("NOPERM");
    for server in [one, two] {
        let log = server.log();
        assert!(!log.iter().any(refused), "{log:#?}");
    }
}

#[tokio::test]
async fn the_image_trusts_the_authorities_that_it_holds() {
    let redis = Encrypted::start().await;
    let url = redis.url();
    let mount = format!(
        "--volume={}:/etc/ssl/certs/ca-certificates.crt:ro",
        redis.authority().display()
    );
    let container = Container::start(&settings(&url), &[&mount]).await;
    let body = json!({ "channel": "c", "namespaces": ["dropcodes"] });
    let issued = container.post("/v1/keys", body).await;
    let key = issued["key"].as_str().unwrap();
    let mut client = Client::connect(&container.url(""), &Options::new(key));
    client.wait_for("connected").await;
    let message = json!({ "event": "e", "data": null, "id": "m" });
    let path = "/v1/namespaces/dropcodes/channels/c/messages";
    container.post(path, message).await;
    assert_eq!(client.messages(1).await, ["m"]);
}
