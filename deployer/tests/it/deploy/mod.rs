//! `deployer plan` and `deployer up` onto AWS, as their user meets them: the real binary against an
//! AWS emulator.

mod artifacts;
mod encryption;
pub(crate) mod failures;
mod fault_proxy;
mod first_deployment;
mod fresh_tasks;
pub(crate) mod interrupted;
mod misleading;
mod preflight;
mod probed;
mod shards;
mod team;
mod terminal;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::types::Stack;
use tokio::process::{Child, Command};

use crate::check_live::Emulator;
use crate::{Run, directory, project, write};

/// Bound of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
pub(crate) const STACK: &str = "acme-drops-staging";

/// An account of AWS's, and a directory with an environment for it.
pub(crate) struct Site {
    pub(crate) aws: Emulator,
    pub(crate) directory: PathBuf,
    pub(crate) stacks: aws_sdk_cloudformation::Client,
}

impl Site {
    /// The shipped staging, with the lines of `more`.
    pub(crate) fn new(test: &str, more: &str) -> Self {
        let aws = Emulator::start();
        let directory = directory(&format!("deploy-{test}"));
        let shipped = |name: &str| {
            let path = project().join("environments").join(name);
            std::fs::read_to_string(path).expect("it is there")
        };
        let environments = directory.join("environments");
        write(
            &environments.join("defaults.yaml"),
            &shipped("defaults.yaml"),
        );
        write(&environments.join("base.yaml"), &shipped("staging.yaml"));
        let config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&aws.url)
            .build();
        let site = Self {
            aws,
            directory,
            stacks: aws_sdk_cloudformation::Client::from_conf(config),
        };
        site.environment(more);
        site.template("");
        site
    }

    /// Writes the environment file anew.
    pub(crate) fn environment(&self, more: &str) {
        let text = format!(
            "extends: base\nignore:\n  - {{ rule: too-few-zones, reason: the emulator has one \
             zone }}\n{more}\n"
        );
        write(&self.directory.join("environments/staging.yaml"), &text);
    }

    /// Writes the template anew, with these resources besides its own.
    pub(crate) fn template(&self, more: &str) {
        let shipped = std::fs::read_to_string(project().join("cloudformation/service.yaml"));
        let text = shipped
            .expect("it is there")
            .replace("\nResources:\n", &format!("\nResources:\n{more}\n"));
        write(&self.directory.join("cloudformation/service.yaml"), &text);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .envs(self.aws.environment())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output();
        let output = tokio::time::timeout(PATIENCE, output).await;
        let output = output.expect("it ends in time").expect("the binary runs");
        Run {
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("it writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
        }
    }

    /// Deploys without a question and without a probe.
    pub(crate) async fn up(&self, more: &[&str]) -> Run {
        self.run(&[&["up", "--env", "staging", "--yes", "--no-probe"], more].concat())
            .await
    }

    /// Starts to deploy, and leaves it to the test.
    pub(crate) fn start(&self, more: &[&str]) -> Child {
        let arguments = [&["up", "--env", "staging", "--yes", "--no-probe"], more].concat();
        let mut command = self.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the binary runs")
    }

    /// The stack, if there is one.
    pub(crate) async fn stack(&self) -> Option<Stack> {
        let answer = self.stacks.describe_stacks().stack_name(STACK).send().await;
        answer.ok()?.stacks.unwrap_or_default().pop()
    }

    /// A client of ELB's, which the tests read and write behind the deployer's back.
    pub(crate) fn balancers(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        let config = aws_sdk_elasticloadbalancingv2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.aws.url)
            .build();
        aws_sdk_elasticloadbalancingv2::Client::from_conf(config)
    }

    /// The ARN of the stack's load balancer.
    async fn balancer(&self) -> String {
        let found = self.balancers().describe_load_balancers().send().await;
        let found = found.expect("load balancers");
        let arn = found.load_balancers()[0].load_balancer_arn();
        arn.expect("an ARN").to_owned()
    }

    /// Changes an attribute of the stack's load balancer by hand.
    async fn set_attribute(&self, key: &str, value: &str) {
        let attribute = aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute::builder()
            .key(key)
            .value(value);
        let client = self.balancers();
        let request = client
            .modify_load_balancer_attributes()
            .load_balancer_arn(self.balancer().await)
            .attributes(attribute.build());
        request.send().await.expect("it is changed");
    }

    /// An attribute of the stack's load balancer, as ELB has it.
    pub(crate) async fn attribute(&self, key: &str) -> String {
        let client = self.balancers();
        let answer = client
            .describe_load_balancer_attributes()
            .load_balancer_arn(self.balancer().await)
            .send()
            .await
            .expect("its attributes");
        let mut attributes = answer.attributes().iter();
        let found = attributes.find(|attribute| attribute.key() == Some(key));
        found
            .and_then(|found| found.value())
            .unwrap_or_default()
            .to_owned()
    }
}

/// Whether each of these stands in a text, in this order.
pub(crate) fn in_order(text: &str, words: &[&str]) -> bool {
    let mut rest = text;
    words.iter().all(|word| match rest.split_once(word) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}
