//! The probe that ends a deployment: real sessions to a real server, with a key that is issued for
//! it from the stack's secret, and revoked.

use serde_json::Value;

use super::{STACK, Site, in_order};
use crate::trials::participants::{BACKEND_KEY, Server};

#[tokio::test]
async fn a_deployment_ends_with_real_sessions() {
    // Plain HTTP to a server of this machine stands for the domain.
    let unlike_aws = "ignore:\n  - { rule: no-tls, reason: nothing leaves this machine }\n  - { \
                      rule: too-few-zones, reason: the emulator has one zone }\n";
    let site = Site::new("probed", "");
    let environment = |domain: &str| {
        let text = format!(
            "extends: base\n{unlike_aws}domain: {domain}\nload_balancer: {{ certificate: ~ }}\n"
        );
        crate::write(&site.directory.join("environments/staging.yaml"), &text);
    };
    environment("127.0.0.1:1");
    let first = site.up(&[]).await;
    assert_eq!(first.code, 0, "{first}");
    let stack = site.stack().await.expect("the stack");
    let secret = stack
        .outputs()
        .iter()
        .find(|output| output.output_key() == Some("BackendKeys"));
    let secret = secret
        .and_then(|output| output.output_value())
        .expect("a secret");
    let key = secret_value(&site, secret).await;

    let heartbeat = [
        ("PING_INTERVAL", "1s"),
        ("PING_TIMEOUT", "2s"),
        ("S2S_KEYS", key.as_str()),
    ];
    let server = Server::start(&heartbeat).await;
    let address = server.address.to_string();
    environment(&address);
    let probed = site.run(&["up", "--env", "staging", "--yes"]).await;
    assert_eq!(probed.code, 0, "{probed}");
    assert!(
        in_order(
            &probed.stderr,
            &[
                &format!("probing http://{address}"),
                "ok    polling handshake",
                "ok    upgrade",
                "ok    quiet poll"
            ]
        ),
        "{probed}"
    );
    let facts = ["connections", "of ", " connections ("];
    assert!(in_order(&probed.stdout, &facts), "{probed}");
    let api = deployer::local::api::Api {
        address: format!("http://{address}").parse().expect("an address"),
        backend_key: key,
    };
    let (id, _) = api
        .create_passing_key("another", "dropcodes", std::time::Duration::from_secs(60))
        .await
        .expect("a key");
    assert_eq!(
        keys(&api).await,
        vec![id],
        "the probe's key is left behind on {STACK}"
    );

    let file = site.directory.join("wrong-key");
    crate::write(&file, "a-backend-key-that-nobody-has-given-out");
    environment("127.0.0.1:1");
    site.up(&[]).await;
    environment(&address);
    let refused = site
        .run(&[
            "up",
            "--env",
            "staging",
            "--yes",
            "--backend-key-file",
            "wrong-key",
        ])
        .await;
    assert_eq!(refused.code, 1, "{refused}");
    assert!(
        in_order(
            &refused.stderr,
            &[
                "FAIL  key",
                "no key could be issued: the server answered 401",
                "backend key is current"
            ]
        ),
        "{refused}"
    );
}

/// Plain HTTP to a server of this machine stands for the domain.
#[tokio::test]
async fn a_deployment_of_one_transport_ends_well() {
    let site = Site::new("probed-transports", "");
    let environment = |transports: &str, domain: &str| {
        let text = format!(
            "extends: base\nignore:\n  - {{ rule: no-tls, reason: nothing leaves this machine }}\n  \
             - {{ rule: too-few-zones, reason: the emulator has one zone }}\ndomain: \
             {domain}\nload_balancer: {{ certificate: ~ }}\nserver: {{ transports: {transports} }}\n"
        );
        crate::write(&site.directory.join("environments/staging.yaml"), &text);
    };
    let key = site.directory.join("key");
    crate::write(&key, BACKEND_KEY);
    for (transports, file) in [("polling", "[polling]"), ("websocket", "[websocket]")] {
        let settings = [
            ("PING_INTERVAL", "1s"),
            ("PING_TIMEOUT", "2s"),
            ("TRANSPORTS", transports),
        ];
        let server = Server::start(&settings).await;
        environment(file, &server.address.to_string());
        let up = [
            "up",
            "--env",
            "staging",
            "--yes",
            "--backend-key-file",
            "key",
        ];
        let up = site.run(&up).await;
        assert_eq!(up.code, 0, "{transports}: {up}");
        assert!(up.stderr.contains("probing http://127.0.0.1"), "{up}");
        assert!(!up.stderr.contains("FAIL"), "{transports}: {up}");
    }
}

async fn secret_value(site: &Site, id: &str) -> String {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
        .region(aws_sdk_secretsmanager::config::Region::new("eu-west-1"))
        .credentials_provider(aws_sdk_secretsmanager::config::Credentials::new(
            "test", "test", None, None, "test",
        ))
        .endpoint_url(&site.aws.url)
        .build();
    let client = aws_sdk_secretsmanager::Client::from_conf(config);
    let answer = client
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .expect("the secret");
    answer.secret_string.expect("text")
}

/// The ids of the keys that are good now.
async fn keys(api: &deployer::local::api::Api) -> Vec<String> {
    let mut headers = http::HeaderMap::new();
    headers.insert(
        "authorization",
        format!("ApiKey {}", api.backend_key)
            .parse()
            .expect("a header"),
    );
    let within = std::time::Duration::from_secs(10);
    let reply = socketio_client::request(
        &api.address,
        (http::Method::GET, "/v1/keys"),
        &headers,
        bytes::Bytes::new(),
        within,
    );
    let reply = reply.await.expect("an answer");
    let list: Value = serde_json::from_slice(&reply.body).expect("JSON");
    let items = list["items"].as_array().expect("items").iter();
    items
        .filter(|key| key["revoked_at"].is_null())
        .map(|key| key["id"].as_str().expect("an id").to_owned())
        .collect()
}
