//! A stack with a KMS key of the account's own and a private registry: made, changed, and refused
//! where AWS could not change it.

use aws_config::SdkConfig;
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_ecs::types::{RepositoryCredentials, TaskDefinition};

use super::{Site, in_order};

const OLD: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const NEW: &str = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const REGISTRY: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry/ci-a1B2c3";
const FAMILY: &str = "acme-drops-staging";
const LOG: &str = "/acme/drops/staging";
/// A store that the stack makes.
const REDIS: &str = "store: { redis: { node_type: cache.t4g.small, replicas: 0 } }
ignore:
  - { rule: too-few-zones, reason: the emulator has one zone }
  - { rule: store-loses-on-failover, reason: the emulator loses nothing }";

impl Site {
    fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&self.aws.url)
            .build()
    }

    /// The keys of the log and of the backend keys' secret.
    async fn kms_keys(&self) -> [Option<String>; 2] {
        let client = aws_sdk_cloudwatchlogs::Client::new(&self.config());
        let request = client.describe_log_groups().log_group_name_prefix(LOG);
        let groups = request.send().await.expect("log groups");
        let log = groups.log_groups()[0].kms_key_id().map(str::to_owned);
        let stack = self.stack().await.expect("a stack");
        let mut outputs = stack.outputs().iter();
        let secret = outputs.find(|output| output.output_key() == Some("BackendKeys"));
        let secret = secret.and_then(|output| output.output_value());
        let client = aws_sdk_secretsmanager::Client::new(&self.config());
        let request = client.describe_secret().secret_id(secret.expect("its ARN"));
        let secret = request.send().await.expect("the secret").kms_key_id;
        [log, secret]
    }

    async fn task_definition(&self) -> TaskDefinition {
        let client = aws_sdk_ecs::Client::new(&self.config());
        let request = client.describe_task_definition().task_definition(FAMILY);
        let answer = request.send().await.expect("a task definition");
        answer.task_definition.expect("one")
    }
}

fn both(key: &str) -> String {
    format!("kms_key: {key}\nservice: {{ registry_credentials: '{REGISTRY}' }}")
}

#[tokio::test]
async fn log_and_secrets_have_the_key_and_change_it_in_place() {
    let site = Site::new("encryption", &both(OLD));
    let deployed = site.up(&[]).await;
    assert_eq!(deployed.code, 0, "{deployed}");
    assert_eq!(
        site.kms_keys().await,
        [OLD, OLD].map(|key| Some(key.to_owned()))
    );
    let definition = site.task_definition().await;
    let credentials = definition.container_definitions()[0].repository_credentials();
    let secret = credentials.map(RepositoryCredentials::credentials_parameter);
    assert_eq!(secret, Some(REGISTRY));
    let again = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(again.code, 0, "{again}");

    site.environment(&both(NEW));
    let planned = site.run(&["plan", "--env", "staging"]).await;
    let lines = ["BackendKeys", "ExecutionRole", "LogGroup"];
    assert!(in_order(&planned.stdout, &lines), "{planned}");
    assert!(!planned.stdout.contains("REPLACED"), "{planned}");
    let both = format!("`KmsKeys={OLD},{NEW}`");
    let told = ["warning: `kms_key` changes", &both, "0 errors, 1 warning"];
    assert!(in_order(&planned.stderr, &told), "{planned}");
    let changed = site.up(&[]).await;
    assert_eq!(changed.code, 0, "{changed}");
    assert_eq!(
        site.kms_keys().await,
        [NEW, NEW].map(|key| Some(key.to_owned()))
    );

    site.environment("");
    let planned = site.run(&["plan", "--env", "staging"]).await;
    let told = [
        "warning: `kms_key` is taken out",
        NEW,
        "update-secret",
        "/backend-keys-",
    ];
    assert!(in_order(&planned.stderr, &told), "{planned}");
}

#[tokio::test]
async fn a_store_that_is_there_cannot_get_another_key() {
    let site = Site::new("encryption-store", "");
    let environment = |key: &str| {
        let text = format!("extends: base\n{REDIS}\n{key}\n");
        crate::write(&site.directory.join("environments/staging.yaml"), &text);
    };
    environment(&format!("kms_key: {OLD}"));
    let deployed = site.up(&[]).await;
    assert_eq!(deployed.code, 0, "{deployed}");
    let again = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(again.code, 0, "{again}");

    for (key, place) in [
        (format!("kms_key: {NEW}"), "environments/staging.yaml:"),
        (String::new(), ""),
    ] {
        environment(&key);
        let planned = site.run(&["plan", "--env", "staging"]).await;
        let line = ["StoreGroup", "IS REPLACED, for KmsKeyId"];
        assert!(in_order(&planned.stdout, &line), "{planned}");
        let keep = format!("keep `kms_key: {OLD}`");
        let told = [
            "error: the stack's Valkey is encrypted with arn:aws:kms",
            place,
            &keep,
        ];
        assert!(in_order(&planned.stderr, &told), "{planned}");
        let refused = site.up(&[]).await;
        assert_eq!(refused.code, 1, "{refused}");
        assert_eq!(site.kms_keys().await[0].as_deref(), Some(OLD));
    }
}
