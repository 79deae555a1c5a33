//! `check --live` against an AWS emulator: a stack that fits, then changed behind its back.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::types::{Capability, StackStatus};

use testkit::port::free_port;

use crate::{Run, directory, project};

/// The account of the shipped environments.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The emulator, which ends with the test.
pub(crate) struct Emulator {
    process: Child,
    pub(crate) url: String,
}

impl Emulator {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// One with settings of its own.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let process = Command::new(project().join(".cache/venv/bin/python"))
            .arg(project().join("tools/emulator.py"))
            .envs([
                ("BIND_HOST", "127.0.0.1"),
                ("GATEWAY_PORT", &port.to_string()),
                ("MINISTACK_REGION", "eu-west-1"),
                ("MINISTACK_ACCOUNT_ID", ACCOUNT),
            ])
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`make tools` installs the emulator");
        let emulator = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        };
        let address = ([127, 0, 0, 1], port).into();
        let give_up = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            assert!(Instant::now() < give_up, "MiniStack does not listen");
            std::thread::yield_now();
        }
        emulator
    }

    /// What makes this the AWS of a process.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 4] {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "eu-west-1"),
        ]
    }

    /// Runs the deployer with this as its AWS.
    pub(crate) fn deployer(&self, arguments: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_deployer"))
            .args(arguments)
            .current_dir(project())
            .stdin(Stdio::null())
            .envs(self.environment())
            .output()
            .expect("the binary runs");
        Run {
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("it writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
        }
    }

    /// Applies a template, as CloudFormation would.
    pub(crate) async fn create(&self, stack: &str, template: &str) {
        let config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.url)
            .build();
        let client = aws_sdk_cloudformation::Client::from_conf(config);
        let request = client
            .create_stack()
            .stack_name(stack)
            .template_body(template)
            .capabilities(Capability::CapabilityIam);
        request.send().await.expect("a stack");
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = client
                .describe_stacks()
                .stack_name(stack)
                .send()
                .await
                .expect("the stack");
            let found = answer.stacks().first().expect("the stack");
            match found.stack_status() {
                Some(StackStatus::CreateComplete) => return,
                Some(StackStatus::CreateInProgress) => {}
                status => panic!("{status:?}: {:?}", found.stack_status_reason()),
            }
            assert!(Instant::now() < give_up, "the stack is not created");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The ARN of the only service.
    async fn service(&self, cluster: &str) -> String {
        let config = aws_sdk_ecs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.url)
            .build();
        let client = aws_sdk_ecs::Client::from_conf(config);
        let answer = client.list_services().cluster(cluster).send().await;
        let arns = answer.expect("services").service_arns.expect("a list");
        arns.first().expect("one").clone()
    }

    /// Changes the load balancer's idle timeout, as someone would in the console.
    pub(crate) async fn set_idle_timeout(&self, seconds: &str) {
        use aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute;
        let config = aws_sdk_elasticloadbalancingv2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.url)
            .build();
        let client = aws_sdk_elasticloadbalancingv2::Client::from_conf(config);
        let balancers = client
            .describe_load_balancers()
            .send()
            .await
            .expect("load balancers");
        let arn = balancers
            .load_balancers()
            .first()
            .and_then(|balancer| balancer.load_balancer_arn())
            .expect("one");
        let attribute = LoadBalancerAttribute::builder()
            .key("idle_timeout.timeout_seconds")
            .value(seconds)
            .build();
        client
            .modify_load_balancer_attributes()
            .load_balancer_arn(arn)
            .attributes(attribute)
            .send()
            .await
            .expect("a change");
    }
}

/// The shipped staging, without the grace period that the emulator forgets.
pub(crate) fn environment() -> String {
    // Tests run at the same time: each reads files of its own.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = directory(&format!("live-{count}"));
    for (from, to) in [
        ("defaults.yaml", "defaults.yaml"),
        ("staging.yaml", "base.yaml"),
    ] {
        std::fs::copy(
            project().join("environments").join(from),
            directory.join(to),
        )
        .expect("a copy");
    }
    let path = directory.join("staging.yaml");
    std::fs::write(
        &path,
        "extends: base\nservice: { health_check_grace_period: 0s }\n",
    )
    .expect("a file");
    path.display().to_string()
}

/// Our template for staging, with numbers where the emulator takes no text for them.
pub(crate) fn template(aws: &Emulator, environment: &str) -> String {
    let run = aws.deployer(&["render", "--env", environment, "--format", "json"]);
    let mut template: serde_json::Value = serde_json::from_str(&run.stdout).expect("a template");
    for resource in ["BackendKeys", "Service", "TaskDefinition"] {
        numbers(&mut template["Resources"][resource]["Properties"]);
    }
    // The emulator hands this list back as it was written, so it is written as the API of ECS has
    // it.
    let limits = &mut template["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
        [0]["Ulimits"];
    *limits = serde_json::json!([{ "name": "nofile", "softLimit": limits[0]["SoftLimit"], "hardLimit": limits[0]["HardLimit"] }]);
    template.to_string()
}

/// Makes numbers of texts that are numbers, and texts of the numbers that ECS has as text;
/// CloudFormation does so by the type of each property, and the emulator does not.
fn numbers(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::Number(number) if TEXTS.contains(&key.as_str()) => {
                        *value = number.to_string().into();
                    }
                    Value::String(_) if TEXTS.contains(&key.as_str()) => {}
                    _ => numbers(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(numbers),
        Value::String(text) => {
            if let Ok(number) = text.parse::<u64>() {
                *value = number.into();
            }
        }
        _ => {}
    }
}

/// Properties that ECS has as text, whatever they look like.
const TEXTS: [&str; 4] = ["Value", "Cpu", "Memory", "connections-per-task"];

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_change_behind_the_stacks_back_is_drift_and_a_violation() {
    let aws = Emulator::start();
    let environment = environment();
    let absent = aws.deployer(&["check", "--env", &environment, "--live"]);
    assert_eq!(absent.code, 2);
    assert!(
        absent
            .stderr
            .contains("there is no stack `acme-drops-staging`"),
        "{absent}"
    );

    aws.create("acme-drops-staging", &template(&aws, &environment))
        .await;
    // The emulator puts all subnets into one zone.
    let check = [
        "check",
        "--env",
        &environment,
        "--live",
        "--ignore",
        "too-few-zones",
    ];
    let fits = aws.deployer(&check);
    assert_eq!(fits.code, 0, "{fits}");

    aws.set_idle_timeout("60").await;
    let changed = aws.deployer(&check);
    assert_eq!(changed.code, 1, "{changed}");
    assert!(
        changed.stdout.contains(
            "error[drift]: load_balancer.idle_timeout is 60s on AWS, and 310s in the template"
        ),
        "{changed}"
    );
    assert!(
        changed
            .stdout
            .contains("error[idle-timeout-not-above-ping-interval]"),
        "{changed}"
    );
    assert!(
        changed
            .stdout
            .contains("load_balancer.idle_timeout = 60s, arn:aws:elasticloadbalancing:eu-west-1:"),
        "{changed}"
    );

    let annotations = aws.deployer(&[&check[..], &["--format", "github"]].concat());
    assert!(
        annotations
            .stdout
            .contains("title=drift::load_balancer.idle_timeout is 60s on AWS"),
        "{annotations}"
    );
    let sarif = aws.deployer(&[&check[..], &["--format", "sarif"]].concat());
    assert!(sarif.stdout.contains("\"ruleId\": \"drift\""), "{sarif}");

    // Alone, the stack is checked as anyone's would be: the violation stays, and there is nothing
    // to drift from.
    let alone = aws.deployer(&["check", "--stack", "acme-drops-staging", "--output", "json"]);
    assert_eq!(alone.code, 1, "{alone}");
    let document: serde_json::Value = serde_json::from_str(&alone.stdout).expect("a document");
    assert_eq!(
        document["findings"][0]["rule"],
        "idle-timeout-not-above-ping-interval"
    );
    assert_eq!(document["drifts"], serde_json::json!([]));

    // So is what runs without a stack's help: by the load balancer, and by the service.
    let places = document["findings"][0]["settings"].to_string();
    let arn = places
        .split('"')
        .find(|text| text.contains(":loadbalancer/"));
    let balancer = ["--load-balancer", arn.expect("an ARN")];
    let name = aws.service("acme-drops-staging").await;
    let service = ["--cluster", "acme-drops-staging", "--service", &name];
    let read = |way: &[&str]| {
        let server = ["--server", "holdfast", "--format", "json"];
        let found = aws.deployer(&[&["check", "--live"], way, &server].concat());
        let document: Result<serde_json::Value, _> = serde_json::from_str(&found.stdout);
        (found.code, document.expect("a document"))
    };
    let (code, document) = read(&balancer);
    let rule = &document["findings"][0]["rule"];
    assert_eq!(
        (code, rule),
        (1, &"idle-timeout-not-above-ping-interval".into())
    );
    // The emulator does not say which load balancer is in front of a target group.
    let (code, document) = read(&service);
    let subject = document["subjects"][0].as_str().expect("one");
    assert!(
        subject.contains("targetgroup/") && subject.contains("service/"),
        "{subject}"
    );
    assert_eq!(code, 0, "{document}");
    let absent = aws.deployer(&["check", "--live", "--load-balancer", "none"]);
    assert_eq!(absent.code, 2, "{absent}");
}
