//! A first environment file: what was answered, and every default as a comment that says what it is
//! for.

use super::file::DEFAULTS;
use super::{Region, Slug, Target};
use crate::environment::field::FromNode;
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::{Node, Origin, Scalar, Value, yaml};

/// What a first file is made of. Empty text and lists are what nobody answered.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Where it runs.
    pub target: Target,
    /// The AWS region.
    pub region: String,
    /// The first part of every name.
    pub prefix: String,
    /// The second part of every name.
    pub name: String,
    /// The server's image.
    pub image: String,
    /// The host name that clients use.
    pub domain: String,
    /// The VPC.
    pub vpc: String,
    /// The load balancer's subnets.
    pub subnets: Vec<String>,
    /// The tasks' subnets.
    pub task_subnets: Vec<String>,
    /// The certificate for HTTPS.
    pub certificate: String,
    /// `memory`, `redis` for one of the stack's own, or the URL of one that is there.
    pub store: String,
}

/// What is wrong with the answer for a name or a region, if anything: for asking again at once.
///
/// # Errors
/// What was expected.
pub fn check_answer(setting: &str, answer: &str) -> Result<(), String> {
    let node = Node {
        value: Value::Scalar(Scalar::text(answer)),
        origin: Origin::default(),
    };
    let mut mistakes = Mistakes::default();
    match setting {
        "region" => _ = Region::from_node(&node, &mut mistakes),
        "prefix" | "name" => _ = Slug::from_node(&node, &mut mistakes),
        _ => {}
    }
    mistakes
        .iter()
        .next()
        .map_or(Ok(()), |mistake| Err(mistake.message.clone()))
}

impl Answers {
    /// The file's text; `environment` is its name.
    #[must_use]
    pub fn text(&self, environment: &str) -> String {
        let mut page = Page(format!(
            "# yaml-language-server: $schema=schema.json\n\
             # The environment `{environment}`. A setting behind a # is a default, which holds until the # is taken away.\n\
             extends: defaults\n"
        ));
        page.setting(
            "target",
            self.target.word(),
            "aws, or local for this machine",
        );
        page.setting("region", &plain(&self.region), "");
        page.setting(
            "prefix",
            &plain(&self.prefix),
            "names are prefix-name-environment",
        );
        page.setting("name", &plain(&self.name), "");
        page.setting(
            "image",
            &plain(&self.image),
            "with its tag or digest; --image overrides it",
        );
        page.setting(
            "domain",
            &plain(&self.domain),
            "what clients connect to; the certificate is for it",
        );
        page.setting(
            "hosted_zone",
            "",
            "the Route 53 zone in which the domain is made",
        );
        page.setting(
            "api",
            "",
            "public; production wants internal, where /v1 is within the VPC alone",
        );
        page.setting(
            "api_domain",
            "",
            "where api is internal, the host name that backends use",
        );
        page.text("network:");
        page.setting("  vpc", &plain(&self.vpc), "");
        page.setting(
            "  subnets",
            &list(&self.subnets),
            "the load balancer's, public, in two zones at least",
        );
        page.setting(
            "  task_subnets",
            &list(&self.task_subnets),
            "the tasks'; the load balancer's unless given",
        );
        page.defaults("network", &[]);
        page.text("load_balancer:");
        page.setting(
            "  certificate",
            &plain(&self.certificate),
            "its ARN; HTTP alone without one",
        );
        if self.target == Target::Local {
            page.setting("  deletion_protection", "false", "");
            page.defaults("load_balancer", &["deletion_protection"]);
        } else {
            page.defaults("load_balancer", &[]);
        }
        page.text("server:");
        page.defaults("server", &[]);
        if self.store == "memory" {
            page.text("service:");
            page.text(
                "  # Messages in a task's own memory allow one task, and no second one \
                       during a deployment.",
            );
            page.setting("  tasks", "{ min: 1, max: 1 }", "");
            page.setting(
                "  deployment",
                "{ maximum_percent: 100, minimum_healthy_percent: 0 }",
                "",
            );
            page.defaults("service", &["tasks", "deployment"]);
            page.setting(
                "store",
                "memory",
                "or redis, { url: rediss://… }, { file: DIR }",
            );
        } else {
            page.text("service:");
            page.defaults("service", &[]);
            if self.store == "redis" {
                page.setting(
                    "store",
                    "{ redis: { node_type: cache.t4g.small, shards: 1, replicas: 1 } }",
                    "ElastiCache for Valkey; one shard gets no more later. Or memory, \
                     { url: rediss://… }, { file: DIR }",
                );
            } else {
                page.setting(
                    "store",
                    &format!("{{ url: {} }}", quoted(&self.store)),
                    "or redis for one of the stack's own, memory, { file: DIR }",
                );
            }
        }
        page.0
    }
}

/// The file while it is written.
struct Page(String);

impl Page {
    fn text(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A setting with its comment; behind a `#` where it has no value.
    fn setting(&mut self, key: &str, value: &str, about: &str) {
        let name = key.trim_start();
        let indent = &key[..key.len() - name.len()];
        let (hidden, value) = if value.is_empty() {
            ("# ", "…")
        } else {
            ("", value)
        };
        let setting = format!("{indent}{hidden}{name}: {value}");
        self.text(&if about.is_empty() {
            setting
        } else {
            format!("{setting:<32} # {about}")
        });
    }

    /// The default settings of a section, each behind a `#`, without those that the file sets
    /// itself.
    fn defaults(&mut self, section: &str, set: &[&str]) {
        let heading = format!("{section}:");
        let lines = DEFAULTS.lines().skip_while(|line| *line != heading).skip(1);
        for line in lines
            .take_while(|line| line.starts_with(' '))
            .map(str::trim_start)
        {
            if !set.iter().any(|key| line.starts_with(&format!("{key}:"))) {
                self.text(&format!("  # {line}"));
            }
        }
    }
}

/// A value as YAML writes it, quoted where it must be.
fn plain(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let node = Node {
        value: Value::Scalar(Scalar::text(text)),
        origin: Origin::default(),
    };
    yaml(&node).trim().to_owned()
}

/// A value in double quotes, as it must be within `{ … }` where it holds a colon.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    format!(
        "[{}]",
        items
            .iter()
            .map(|item| plain(item))
            .collect::<Vec<_>>()
            .join(", ")
    )
}
