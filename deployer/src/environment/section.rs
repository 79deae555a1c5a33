//! The settings of an environment file. These doc comments are also what an editor shows, through
//! the schema.
//!
//! Ranges are checked here where no rule speaks of them: a rule says more about what would break.

use super::arn::{KeyArn, PolicyArn, RoleArn, SecretArn};
use super::choice::{Api, Architecture, IpAddressType, Retention, Scheme, Switch, Target};
use super::duration::{Seconds, Sticky};
use super::field::{Setting, section};
use super::image::Image;
use super::metrics::Metrics;
use super::server::Server;
use super::size::Mebibytes;
use super::store::Store;
use super::tags::{Tags, Topics};
use super::text::{Account, Bucket, Path, Region, Slug, Text};
use super::unit::{NonEmpty, Number};
use cloudformation::diagnostic::{Mistake, Mistakes, nearest};

section! {
    /// All that differs between environments.
    Environment {
        /// Where it runs: `aws`, or `local` for this machine.
        target: Setting<Target>,
        /// The AWS region, `eu-west-1` for instance.
        region: Setting<Region>,
        /// The AWS account, twelve digits: `plan` and `up` refuse credentials of another one.
        account: Option<Setting<Account>>,
        /// Names are `{prefix}-{name}-{environment}`; the environment is the file's name.
        prefix: Setting<Slug>,
        /// Names are `{prefix}-{name}-{environment}`; the environment is the file's name.
        name: Setting<Slug>,
        /// The server's image, with its tag or digest; `--image` overrides it.
        image: Setting<Image>,
        /// The host name that clients use; the certificate is for it.
        domain: Option<Setting<Text>>,
        /// The Route 53 hosted zone in which the domain becomes an alias of the load balancer.
        hosted_zone: Option<Setting<Text>>,
        /// Who reaches the backends' interface, `/v1`: everyone who reaches the load balancer
        /// (`public`, unless given), or those within the networks that reach the VPC (`internal`),
        /// through a load balancer of its own. Production wants `internal`; `both` is for the time in
        /// which backends move there.
        api: Option<Setting<Api>>,
        /// The host name that backends use where `api` is not `public`. The certificate covers it too,
        /// and the hosted zone has it as an alias. Without it they use the internal load balancer's
        /// own name, by HTTP.
        api_domain: Option<Setting<Text>>,
        /// Where in the network it runs.
        network: Network,
        /// The Application Load Balancer and its target group.
        load_balancer: LoadBalancer,
        /// A web application firewall in front of the load balancer; none unless it is here.
        waf: Option<Setting<Waf>>,
        /// What the server is told by its environment variables.
        server: Server,
        /// The ECS service and its tasks, on Fargate.
        service: Service,
        /// Who fetches the metrics of the tasks, and where their collector writes them.
        metrics: Option<Metrics>,
        /// Where messages are kept: `memory`, `redis` or `{ redis: { node_type: … } }`, `{ url:
        /// rediss://… }`, `{ file: DIR }`.
        store: Setting<Store>,
        /// The team's own tags, on the stack and everything in it. Where they are stated, the stack
        /// has these and no others.
        tags: Option<Setting<Tags>>,
        /// The role with which CloudFormation works, instead of the caller's own permissions;
        /// `--role-arn` overrides it.
        role_arn: Option<Setting<RoleArn>>,
        /// The permissions boundary of the roles that the stack makes.
        permissions_boundary: Option<Setting<PolicyArn>>,
        /// The KMS key that encrypts the log, the stack's own secrets and its Valkey, instead of keys
        /// of AWS's. A Valkey that is there keeps its key: AWS cannot give it another.
        kms_key: Option<Setting<KeyArn>>,
        /// Where templates lie that are too long for CloudFormation's call.
        artifacts: Option<Artifacts>,
        /// SNS topics to which CloudFormation tells what happens to the stack, five at most.
        notification_arns: Option<Setting<Topics>>,
        /// Rules that `check` and `up` pass over here, each with a reason.
        ignore: Option<Vec<Ignore>>,
    }
}

section! {
    /// A rule that is passed over.
    Ignore {
        /// The rule's name; `deployer explain` lists them.
        rule: Setting<Text>,
        /// Why it does not matter here.
        reason: Setting<Text>,
    }
}

section! {
    /// Where templates lie that are too long for CloudFormation's call, 51,200 bytes.
    Artifacts {
        /// The S3 bucket, in the stack's region. Objects are named for the stack and the template's
        /// SHA-256; nothing removes them.
        bucket: Setting<Bucket>,
    }
}

section! {
    /// Where in the network it runs.
    Network {
        /// The VPC.
        vpc: Setting<Text>,
        /// The load balancer's subnets: public ones, in two zones at least.
        subnets: Setting<NonEmpty<Setting<Text>>>,
        /// The tasks' subnets, in the load balancer's zones; the load balancer's own unless given.
        task_subnets: Option<Setting<NonEmpty<Setting<Text>>>>,
        /// Whether tasks get a public address: needed to pull the image where their subnets have no
        /// NAT or endpoints.
        public_tasks: Setting<Switch>,
    }
}

section! {
    /// The Application Load Balancer and its target group.
    LoadBalancer {
        /// Who reaches it: clients on the internet (`internet-facing`, unless given), or those within
        /// the networks that reach the VPC (`internal`). A change makes another load balancer.
        scheme: Option<Setting<Scheme>>,
        /// `ipv4` unless given, or `dualstack` for clients with IPv6 too; the load balancer's subnets
        /// need an IPv6 block then.
        ip_address_type: Option<Setting<IpAddressType>>,
        /// The ARN of the certificate for HTTPS; without one, there is HTTP alone.
        certificate: Option<Setting<Text>>,
        /// After this long without a byte in either direction a connection is cut; above the
        /// server's heartbeat.
        idle_timeout: Setting<Seconds>,
        /// How long a client's HTTP connection may live in all.
        client_keep_alive: Setting<Seconds>,
        /// How long a client keeps its task: a duration, or `off`.
        stickiness: Setting<Sticky>,
        /// How long a task that leaves keeps its connections.
        deregistration_delay: Setting<Seconds>,
        /// Whether AWS refuses to delete the load balancer.
        deletion_protection: Setting<Switch>,
        /// The S3 bucket for access logs; it must allow the load balancer to write.
        access_logs: Option<Setting<Text>>,
        /// How the load balancer tells a healthy task.
        health_check: HealthCheck,
    }
}

section! {
    /// A web application firewall (AWS WAF): rates by address, and AWS's rules against known bad
    /// inputs, which leave the Socket.IO path alone. `{}` takes the defaults. `local` does without.
    Waf {
        /// The handshakes that one address may make in a minute; 6000 unless given. Polls do not
        /// count.
        handshakes_per_minute: Option<Setting<Number<10, 2_000_000_000>>>,
        /// The calls of `/v1` that one address may make in a minute; 12000 unless given.
        calls_per_minute: Option<Setting<Number<10, 2_000_000_000>>>,
    }
}

section! {
    /// How the load balancer tells a healthy task.
    HealthCheck {
        /// The path that is asked; it must answer 200.
        path: Setting<Path>,
        /// The time between two checks of one task.
        interval: Setting<Seconds>,
        /// How long an answer may take; below the interval.
        timeout: Setting<Seconds>,
        /// The passes after which an unhealthy task is healthy again. A new task needs one.
        healthy: Setting<Number<1, 100>>,
        /// The failures after which a task is unhealthy, and ECS replaces it.
        unhealthy: Setting<Number<1, 100>>,
    }
}

section! {
    /// The ECS service and its tasks, on Fargate.
    Service {
        /// CPU units of a task; 1024 are one virtual CPU.
        cpu: Setting<Number<256, 32_768>>,
        /// The memory of a task, in MiB unless a unit is given.
        memory: Setting<Mebibytes<512, 249_856>>,
        /// The processor that the image is for: `X86_64` or `ARM64`.
        architecture: Setting<Architecture>,
        /// How many tasks run.
        tasks: Tasks,
        /// The connections that one task is sized for; open files and scaling follow from it.
        connections_per_task: Setting<Number<1, 1_000_000>>,
        /// How long a task may take from SIGTERM to exit; ECS kills it then.
        stop_timeout: Setting<Seconds>,
        /// How long a new task may fail its health checks.
        health_check_grace_period: Setting<Seconds>,
        /// How many tasks may run during a deployment.
        deployment: Deployment,
        /// The days that logs are kept: a number that CloudWatch Logs offers, 30 for instance.
        log_retention_days: Setting<Retention>,
        /// The secret with `username` and `password` for a private registry that is not ECR.
        registry_credentials: Option<Setting<SecretArn>>,
        /// The secret that is the key set (JWKS) of signed tokens, in place of a URL: a set with
        /// shared secrets (HS256) may not be public.
        plugin_token_keys: Option<Setting<SecretArn>>,
    }
}

section! {
    /// How many tasks run. With a maximum above the minimum, their number follows the connections.
    Tasks {
        /// The least.
        min: Setting<Number<1, 1_000>>,
        /// The most.
        max: Setting<Number<1, 1_000>>,
    }
}

section! {
    /// How many tasks may run during a deployment, in percent of those wanted.
    Deployment {
        /// The most; 100 means that old and new tasks never overlap.
        maximum_percent: Setting<Number<100, 200>>,
        /// The least.
        minimum_healthy_percent: Setting<Number<0, 100>>,
    }
}

impl Environment {
    /// Mistakes that no single value shows.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        for ignore in self.ignore.iter().flatten() {
            ignore.check(mistakes);
        }
        self.check_key(mistakes);
        self.store.value.check(mistakes);
        if let Some(metrics) = &self.metrics {
            metrics.check(&self.server, mistakes);
        }
        self.check_token_keys(mistakes);
        let tasks = &self.service.tasks;
        if tasks.min.value.0 > tasks.max.value.0 {
            let message = format!(
                "`max` is {}, below `min`, which is {}",
                tasks.max.value.0, tasks.min.value.0
            );
            mistakes.push(Mistake {
                message,
                place: tasks.max.origin.first().cloned(),
                help: None,
            });
        }
    }
}

impl Environment {
    /// Neither CloudWatch Logs nor ElastiCache takes a key of another region.
    fn check_key(&self, mistakes: &mut Mistakes) {
        let Some(key) = &self.kms_key else {
            return;
        };
        let (found, wanted) = (key.value.region(), &self.region.value.0);
        if found != wanted {
            mistakes.push(Mistake {
                message: format!("the key is in {found}, and the stack in {wanted}"),
                place: key.origin.first().cloned(),
                help: Some(format!(
                    "name a key of {wanted}; a multi-Region key has replicas"
                )),
            });
        }
    }
}

impl Environment {
    /// The server takes one source of token keys.
    fn check_token_keys(&self, mistakes: &mut Mistakes) {
        let Some(secret) = &self.service.plugin_token_keys else {
            return;
        };
        if self.server.has_token_keys_url() {
            mistakes.push(Mistake {
                message: "the token keys have a secret and a URL, \
                          `server.plugin_token_keys_url`"
                    .to_owned(),
                place: secret.origin.first().cloned(),
                help: Some("keep one of the two".to_owned()),
            });
        }
    }
}

impl Ignore {
    fn check(&self, mistakes: &mut Mistakes) {
        let mut mistake = |setting: &Setting<Text>, message: String, help: Option<String>| {
            mistakes.push(Mistake {
                message,
                place: setting.origin.first().cloned(),
                help,
            });
        };
        let name = &self.rule.value.0;
        if timeouts::rule(name).is_none() {
            let near = nearest(name, timeouts::RULES.iter().map(|rule| rule.name));
            let help = near.map_or_else(
                || "`deployer explain` lists the rules".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            mistake(&self.rule, format!("there is no rule `{name}`"), Some(help));
        }
        if self.reason.value.0.trim().is_empty() {
            mistake(
                &self.reason,
                format!("say why `{name}` does not matter here"),
                None,
            );
        }
    }
}
