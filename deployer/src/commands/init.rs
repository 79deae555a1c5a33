//! `deployer init`: a first environment file, from flags or from questions on a terminal.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use deployer::environment::{self, Answers, check_answer, parse, schema};
use dialoguer::Input;
use serde_json::json;

use deployer::terminal::{Exit, Output, line, print, say};

/// Write a commented environment file, which is accepted as it is.
///
/// On a terminal, what no flag says is asked for.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The environment's name; the file is called after it.
    #[arg(default_value = "prod", value_parser = environment_name)]
    environment: String,
    /// The directory of environment files.
    #[arg(long, value_name = "DIR", default_value = "environments")]
    environments: PathBuf,
    /// Where it runs; on this machine where the environment's name is `local`, else on AWS.
    #[arg(long, value_enum)]
    target: Option<Target>,
    /// The AWS region.
    #[arg(long)]
    region: Option<String>,
    /// The first part of every name.
    #[arg(long)]
    prefix: Option<String>,
    /// The second part of every name.
    #[arg(long)]
    name: Option<String>,
    /// The server's image, with its tag or digest.
    #[arg(long)]
    image: Option<String>,
    /// The host name that clients use.
    #[arg(long)]
    domain: Option<String>,
    /// The VPC.
    #[arg(long)]
    vpc: Option<String>,
    /// The load balancer's subnets, comma-separated.
    #[arg(long, value_delimiter = ',')]
    subnets: Vec<String>,
    /// The tasks' subnets, comma-separated; the load balancer's unless given.
    #[arg(long, value_delimiter = ',')]
    task_subnets: Vec<String>,
    /// The ARN of the certificate for HTTPS.
    #[arg(long)]
    certificate: Option<String>,
    /// Where messages are kept: `memory`, `redis` for one of the stack's own, or the URL of one
    /// that is there.
    #[arg(long)]
    store: Option<String>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// On AWS.
    Aws,
    /// On this machine.
    Local,
}

fn environment_name(text: &str) -> Result<String, String> {
    check_answer("name", text).map(|()| text.to_owned())
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let path = args.environments.join(format!("{}.yaml", args.environment));
    if path.exists() && !args.force {
        bail!("{} exists already; --force replaces it", path.display());
    }
    let text = args.answers()?.text(&args.environment);
    parse(&path, &text)?;
    std::fs::create_dir_all(&args.environments)
        .with_context(|| format!("cannot make {}", args.environments.display()))?;
    write(&path, &text)?;
    let schema_path = args.environments.join("schema.json");
    write(&schema_path, &format!("{:#}\n", schema()))?;
    let written = [
        path.display().to_string(),
        schema_path.display().to_string(),
    ];
    match output {
        Output::Json => print(&line(&json!({ "schema": 1, "written": written })))?,
        Output::Text => {
            say(&format!(
                "wrote {}, and for editors {}",
                written[0], written[1]
            ))?;
            let verb = if args.is_local() { "up" } else { "render" };
            say(&format!("next: deployer {verb} --env {}", args.environment))?;
        }
    }
    Ok(Exit::Well)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

impl Args {
    fn is_local(&self) -> bool {
        match self.target {
            Some(target) => target == Target::Local,
            None => self.environment == "local",
        }
    }

    /// What the flags say, and what is asked for.
    fn answers(&self) -> anyhow::Result<Answers> {
        let local = self.is_local();
        let mut asker = Asker {
            // What runs here needs no answers.
            terminal: !local && std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            missing: Vec::new(),
        };
        let here = |value: &'static str| if local { Some(value) } else { None };
        let region = asker.ask(
            "region",
            "AWS region",
            self.region.as_deref(),
            here("eu-west-1"),
        )?;
        let prefix = asker.ask(
            "prefix",
            "Prefix of every name",
            self.prefix.as_deref(),
            here("local"),
        )?;
        let name = asker.ask(
            "name",
            "Name of the service",
            self.name.as_deref(),
            here("drops"),
        )?;
        let image = asker.ask(
            "image",
            "Image of the server",
            self.image.as_deref(),
            here("holdfast:local"),
        )?;
        let domain = asker.ask(
            "domain",
            "Host name for clients (empty: none)",
            self.domain.as_deref(),
            Some(""),
        )?;
        let vpc = asker.ask(
            "vpc",
            "VPC",
            self.vpc.as_deref(),
            here("vpc-00000000000000000"),
        )?;
        let own = |items: &[String]| (!items.is_empty()).then(|| items.join(","));
        let subnets = own(&self.subnets);
        let local_subnets = here("subnet-0000000000000000a,subnet-0000000000000000b");
        let subnets = asker.ask(
            "subnets",
            "Public subnets of the load balancer, comma-separated",
            subnets.as_deref(),
            local_subnets,
        )?;
        let task_subnets = own(&self.task_subnets);
        let task_subnets = asker.ask(
            "task-subnets",
            "Subnets of the tasks (empty: the same)",
            task_subnets.as_deref(),
            Some(""),
        )?;
        let certificate = asker.ask(
            "certificate",
            "ARN of the certificate (empty: HTTP alone)",
            self.certificate.as_deref(),
            Some(""),
        )?;
        let store = asker.ask(
            "store",
            "Store: memory, redis for one of the stack's own, or the URL of one that is there",
            self.store.as_deref(),
            Some("memory"),
        )?;
        asker.done()?;
        let split = |text: &str| {
            text.split(',')
                .map(|item| item.trim().to_owned())
                .filter(|item| !item.is_empty())
                .collect()
        };
        Ok(Answers {
            target: if local {
                environment::Target::Local
            } else {
                environment::Target::Aws
            },
            region,
            prefix,
            name,
            image,
            domain,
            vpc,
            subnets: split(&subnets),
            task_subnets: split(&task_subnets),
            certificate,
            store,
        })
    }
}

/// Asks on a terminal; without one, remembers what could not be asked.
struct Asker {
    terminal: bool,
    missing: Vec<&'static str>,
}

impl Asker {
    fn ask(
        &mut self,
        flag: &'static str,
        question: &str,
        given: Option<&str>,
        default: Option<&str>,
    ) -> anyhow::Result<String> {
        if let Some(given) = given {
            return Ok(given.to_owned());
        }
        if !self.terminal {
            if default.is_none() {
                self.missing.push(flag);
            }
            return Ok(default.unwrap_or_default().to_owned());
        }
        let mut input = Input::<String>::new()
            .with_prompt(question)
            .validate_with(|answer: &String| check_answer(flag, answer));
        if let Some(default) = default {
            input = input
                .default(default.to_owned())
                .show_default(!default.is_empty())
                .allow_empty(true);
        }
        input.interact_text().context("no answer")
    }

    /// One error for all that could not be asked.
    fn done(self) -> anyhow::Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let flags: Vec<_> = self
            .missing
            .iter()
            .map(|flag| format!("--{flag}"))
            .collect();
        bail!(
            "there is no terminal to ask on; give these flags: {}",
            flags.join(", ")
        )
    }
}
