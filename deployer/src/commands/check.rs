//! `deployer check`: the rules over the template as it would be applied.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use cloudformation::diagnostic::{Mistake, Mistakes};
use deployer::aws::{Clients, read_balancer, read_service, read_stack};
use deployer::reading::{Flags, Readings, read, read_live, read_terraform};
use deployer::report::{Ignore, Report, mistakes};
use timeouts::{Setting, Value, rule};

use super::{environment, explain, stack};
use deployer::terminal::say_waiting;
use deployer::terminal::{Ended, Exit, Output, error_document, line, print, say};

/// Find the settings that break long-lived connections, before anything is deployed.
///
/// Exit code 1 when a rule is violated, or what is live differs from the template. Warnings, and
/// rules whose settings were not seen, are 0 unless --strict.
#[derive(clap::Args)]
#[command(mut_arg("env", |env| env.required_unless_present_any(["templates", "stack", "terraform", "load_balancer", "cluster"])))]
pub(crate) struct Args {
    #[command(flatten)]
    environment: environment::Args,
    /// Pass over a rule; repeat it for several. An environment file has `ignore:` for this, with a
    /// reason.
    #[arg(long, value_name = "RULE")]
    ignore: Vec<String>,
    /// Check what is live on AWS too, and show where it differs from the template.
    #[arg(long)]
    live: bool,
    /// The live stack; alone, a stack that was deployed by other means.
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// A live load balancer, by name or ARN, with its target groups, whoever made it.
    #[arg(long, value_name = "NAME|ARN", conflicts_with_all = ["env", "templates", "stack", "cluster"])]
    load_balancer: Option<String>,
    /// The cluster of the live --service, with what is in front of it, whoever made it.
    #[arg(long, value_name = "NAME", requires = "service", conflicts_with_all = ["env", "templates", "stack"])]
    cluster: Option<String>,
    /// A plan or a state of Terraform or OpenTofu, as `show -json` writes it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["env", "templates", "stack", "live", "parameters", "region"])]
    terraform: Option<PathBuf>,
    /// Exit with 1 for warnings and for rules whose settings were not seen, too.
    #[arg(long)]
    strict: bool,
    /// How the report is written.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The service that the flags below describe, where there are several: its logical id. With
    /// --cluster, its name.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// What the server is: what its library does by itself counts where neither a flag nor the
    /// template says otherwise.
    #[arg(long, value_name = "LIBRARY", value_parser = clap::builder::PossibleValuesParser::new(preset_names()), help_heading = HEADING)]
    server: Option<String>,
    #[command(flatten)]
    told: Told,
}

const HEADING: &str = "What a template does not show of its server";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document, as with --output json.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// Declares the flags for what a template does not show, each named like its key.
macro_rules! server_flags {
    ($($(#[$doc:meta])+ $field:ident: $type:ty = $setting:ident, $parse:expr;)+) => {
        #[derive(clap::Args)]
        #[command(next_help_heading = HEADING)]
        struct Told {
            $($(#[$doc])+ #[arg(long, value_parser = $parse)] $field: Option<$type>,)+
        }

        impl Told {
            fn given(&self) -> Flags {
                let mut given = Flags::default();
                $(if let Some(value) = &self.$field {
                    let flag = stringify!($field).replace('_', "-");
                    given.set(Setting::$setting, Value::from(value.clone()), format!("the flag \
                        --{flag}"));
                })+
                given
            }
        }
    };
}

server_flags! {
    /// How often it pings, `25s` for instance.
    ping_interval: Duration = PingInterval, timeouts::grammar::duration;
    /// How long it waits for the answer to a ping.
    ping_timeout: Duration = PingTimeout, timeouts::grammar::duration;
    /// How long an upgrade to WebSocket may take.
    upgrade_timeout: Duration = UpgradeTimeout, timeouts::grammar::duration;
    /// How long it keeps an idle HTTP connection.
    keep_alive: Duration = KeepAlive, timeouts::grammar::duration;
    /// How long the headers of a request may take, which is Node's `headersTimeout`.
    headers_timeout: Duration = HeadersTimeout, timeouts::grammar::duration;
    /// From SIGTERM to exit.
    drain: Duration = Drain, timeouts::grammar::duration;
    /// From its start to the first passing health check.
    start_up: Duration = StartUp, timeouts::grammar::duration;
    /// `polling`, `websocket` or both, with a comma.
    transports: Words = Transports, transports;
    /// The Socket.IO protocols that it speaks: `4` (client v2), `5` (v3 and v4) or both, with a
    /// comma.
    protocols: Words = Protocols, words;
    /// The Socket.IO path.
    path: String = SocketPath, clap::builder::NonEmptyStringValueParser::new();
    /// Origins of pages that may connect, with commas.
    cors_origins: Words = CorsOrigins, words;
    /// The connections that one task must carry.
    connections_per_task: u64 = ConnectionsPerTask, clap::value_parser!(u64);
    /// `memory`, `file` or `redis`.
    store: String = Store, ["memory", "file", "redis"];
}

/// Words with commas between them.
#[derive(Clone)]
struct Words(Vec<String>);

impl From<Words> for Value {
    fn from(words: Words) -> Self {
        words.0.into()
    }
}

fn words(text: &str) -> Result<Words, std::convert::Infallible> {
    Ok(Words(
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    ))
}

fn preset_names() -> Vec<&'static str> {
    timeouts::PRESETS.iter().map(|preset| preset.name).collect()
}

fn transports(text: &str) -> Result<Words, String> {
    let Ok(words) = words(text);
    match words
        .0
        .iter()
        .find(|word| !["polling", "websocket"].contains(&word.as_str()))
    {
        Some(other) => Err(format!("`{other}` is neither polling nor websocket")),
        None => Ok(words),
    }
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let default = match output {
        Output::Json => Format::Json,
        Output::Text => Format::Text,
    };
    let format = args.format.unwrap_or(default);
    let report = match report(args) {
        Ok(report) => report,
        Err(error) => return could_not(error, format, output),
    };
    print(&match format {
        Format::Text => report.text(std::io::stdout().is_terminal()),
        Format::Json => line(&report.json()),
        Format::Sarif => format!("{:#}\n", report.sarif()),
        Format::Github => report.github(),
    })?;
    let well = report.errors() == 0 && report.drifts.is_empty();
    let spotless = report.warnings() == 0 && report.undecided.is_empty();
    Ok(if well && (spotless || !args.strict) {
        Exit::Well
    } else {
        Exit::Failed
    })
}

/// A program that asked for a document gets one, whatever went wrong; people read the error.
fn could_not(error: anyhow::Error, format: Format, output: Output) -> anyhow::Result<Exit> {
    let mistakes: Vec<_> = match error.downcast_ref::<Mistakes>() {
        Some(mistakes) => mistakes.iter().cloned().collect(),
        None => vec![Mistake::nowhere(format!("{error:#}"))],
    };
    match format {
        Format::Json if output == Output::Text => {
            let list: Vec<_> = mistakes.iter().map(Mistake::json).collect();
            let message = mistakes.first().map_or("", |mistake| &mistake.message);
            print(&line(&error_document("mistakes", message, &list)))?;
        }
        Format::Sarif => print(&format!("{:#}\n", mistakes::sarif(&mistakes)))?,
        Format::Github => print(&mistakes::github(&mistakes))?,
        Format::Text | Format::Json => {}
    }
    Err(error)
}

fn report(args: &Args) -> anyhow::Result<Report> {
    let mut ignores = args
        .ignore
        .iter()
        .map(|name| ignore(name))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut given = args.told.given();
    if let (Some(service), None) = (&args.service, &args.cluster) {
        given.about(service);
    }
    if let Some(preset) = args.server.as_deref().and_then(timeouts::preset) {
        given.library(preset);
    }
    if let Some(rendered) = args.environment.whole() {
        anyhow::ensure!(
            !args.live && args.stack.is_none(),
            "what is live can be compared with one template only, which nests no stack"
        );
        return Ok(Report::new(read(&rendered?, &given)?, &ignores));
    }
    if args.environment.is_given() {
        let mut loaded = args.environment.load()?;
        args.environment.say_chosen(&loaded)?;
        ignores.append(&mut loaded.ignores);
        for warning in loaded.template.warnings() {
            say(&warning.warning(false))?;
        }
        let mut readings = read(&loaded.rendered, &given)?;
        let mut drifts = Vec::new();
        if args.live || args.stack.is_some() {
            let stack = args
                .stack
                .clone()
                .or_else(|| loaded.stack_name())
                .context("say which stack with --stack")?;
            drifts = readings.add_live(live(Live::Stack(&stack), loaded.region, &given)?);
        }
        return Ok(Report::new(readings, &ignores).with_drifts(drifts));
    }
    if let Some(plan) = &args.terraform {
        let readings = read_terraform(&deployer::terraform::read(plan)?, &given)?;
        return Ok(Report::new(readings, &ignores));
    }
    let live_way = match (
        &args.load_balancer,
        &args.cluster,
        &args.service,
        &args.stack,
    ) {
        (Some(balancer), ..) => Live::Balancer(balancer),
        (_, Some(cluster), Some(service), _) => Live::Service(cluster, service),
        (.., Some(stack)) => Live::Stack(stack),
        _ => anyhow::bail!("say what to check: --env, --template, --terraform or --stack"),
    };
    let readings = live(live_way, args.environment.region(), &given)?;
    Ok(Report::new(readings, &ignores))
}

/// What to read of AWS.
#[derive(Clone, Copy)]
enum Live<'a> {
    Stack(&'a str),
    Balancer(&'a str),
    Service(&'a str, &'a str),
}

fn live(what: Live<'_>, region: Option<String>, given: &Flags) -> anyhow::Result<Readings> {
    let region = stack::region(region)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let found = runtime.block_on(async {
        let clients = Clients::new(Some(region)).await;
        match what {
            Live::Stack(name) => say_waiting(read_stack(&clients, name)).await,
            Live::Balancer(name) => say_waiting(read_balancer(&clients, name)).await,
            Live::Service(cluster, name) => {
                say_waiting(read_service(&clients, cluster, name)).await
            }
        }
    });
    let found = found.map_err(|error| {
        let is_drift = error.is_drift();
        let error = anyhow::Error::new(error);
        if is_drift {
            return error.context(Ended(Exit::Failed));
        }
        error
    })?;
    Ok(read_live(&found, given)?)
}

fn ignore(name: &str) -> anyhow::Result<Ignore> {
    let found = rule(name).ok_or_else(|| explain::unknown(name))?;
    Ok(Ignore {
        rule: found.name.to_owned(),
        reason: "--ignore".to_owned(),
    })
}
