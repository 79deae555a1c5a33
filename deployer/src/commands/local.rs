//! `deployer local`: does to the running local stack, from another terminal, what happens to stacks
//! on AWS.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use deployer::connections::Connections;
use deployer::local::api::Api;
use deployer::local::control::{Answer, Command, Order, RedisAction, Rollout, call};
use deployer::local::state::{self, Local};
use serde_json::{Value, json};
use tokio::time::timeout;

use deployer::server_target::local;
use deployer::terminal::{Ended, Exit, Output, error_document, line, print, say};
use deployer::terminal::{Signals, runtime};

/// Look at the running local stack and do to it what happens on AWS: kill and stop nodes, replace
/// them, take Redis away.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The local stack's URL, where several run.
    #[arg(long, global = true)]
    url: Option<String>,
    /// How long to wait until it is done; what has been begun goes on after it.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "10m", global = true)]
    timeout: Duration,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show the nodes: address, process, health, state and connections.
    Status {
        /// Wait until every node is healthy and nothing is being replaced.
        #[arg(long)]
        wait: bool,
    },
    /// Kill a node (SIGKILL); a replacement starts.
    Kill {
        /// The node.
        node: String,
    },
    /// Stop a node (SIGSTOP): its connections stay, and nothing answers.
    Stop {
        /// The node.
        node: String,
    },
    /// Let a stopped node go on (SIGCONT).
    Continue {
        /// The node.
        node: String,
    },
    /// Replace one node as a rolling deployment does.
    Replace {
        /// The node.
        node: String,
        #[command(flatten)]
        how: How,
    },
    /// Replace all nodes in a rolling deployment, within the service's limits.
    Deploy {
        #[command(flatten)]
        how: How,
    },
    /// Take the stack's Redis away, and bring it back.
    Redis {
        #[command(subcommand)]
        action: Redis,
    },
}

#[derive(clap::Args)]
struct How {
    /// What a node that leaves sees first.
    #[arg(long, value_enum, default_value_t)]
    order: OrderName,
    /// Another server binary for the new nodes.
    #[arg(long, value_name = "FILE")]
    server_bin: Option<PathBuf>,
    /// Another deregistration delay than the target group's.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    deregistration_delay: Option<Duration>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum OrderName {
    /// The balancer cuts at the end of the deregistration delay, then comes SIGTERM.
    #[default]
    CutFirst,
    /// SIGTERM comes as soon as the node is deregistered.
    SigtermFirst,
}

#[derive(Subcommand)]
enum Redis {
    /// Kill it (SIGKILL); it stays away until it is restarted.
    Kill(Which),
    /// Stop it (SIGSTOP): connections stay, and nothing answers.
    Stop(Which),
    /// Let it go on (SIGCONT).
    Continue(Which),
    /// Start it, after SIGTERM where it runs.
    Restart {
        /// Without the data that it had.
        #[arg(long)]
        empty: bool,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(clap::Args)]
struct Which {
    /// One shard of a cluster, redis-2 for instance; all unless given.
    shard: Option<String>,
}

impl Args {
    /// A rolling deployment of all nodes, as a service's fresh tasks come on AWS.
    pub(crate) fn deploy(timeout: Duration) -> Self {
        let how = How {
            order: OrderName::default(),
            server_bin: None,
            deregistration_delay: None,
        };
        Self {
            url: None,
            timeout,
            verb: Verb::Deploy { how },
        }
    }
}

impl Verb {
    fn command(&self) -> anyhow::Result<Command> {
        Ok(match self {
            Self::Status { wait } => Command::Status { wait: *wait },
            Self::Kill { node } => Command::Kill { node: node.clone() },
            Self::Stop { node } => Command::Stop { node: node.clone() },
            Self::Continue { node } => Command::Continue { node: node.clone() },
            Self::Replace { node, how } => Command::Replace {
                node: node.clone(),
                rollout: how.rollout()?,
            },
            Self::Deploy { how } => Command::Deploy {
                rollout: how.rollout()?,
            },
            Self::Redis { action } => action.command(),
        })
    }
}

impl Redis {
    fn command(&self) -> Command {
        let (action, which) = match self {
            Self::Kill(which) => (RedisAction::Kill, which),
            Self::Stop(which) => (RedisAction::Stop, which),
            Self::Continue(which) => (RedisAction::Continue, which),
            Self::Restart { empty, which } => (RedisAction::Restart { empty: *empty }, which),
        };
        let shard = which.shard.clone();
        Command::Redis { action, shard }
    }
}

impl How {
    fn rollout(&self) -> anyhow::Result<Rollout> {
        // The stack may run in another directory.
        let absolute = |file: &PathBuf| {
            std::path::absolute(file).with_context(|| format!("cannot use {}", file.display()))
        };
        Ok(Rollout {
            order: match self.order {
                OrderName::CutFirst => Order::CutFirst,
                OrderName::SigtermFirst => Order::SigtermFirst,
            },
            server: self.server_bin.as_ref().map(absolute).transpose()?,
            delay: self.deregistration_delay,
        })
    }
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let command = args.verb.command()?;
    let here = local(args.url.as_deref())?;
    let socket = state::socket(&state::directory(), here.pid);
    runtime()?.block_on(async {
        let mut signals = Signals::take()?;
        let mut answers = call(&socket, &command).await?;
        let mut steps = vec![];
        let last = async {
            loop {
                match answers.next().await? {
                    Answer::Step { text, document } if output == Output::Text => {
                        drop(document);
                        say(&text)?;
                    }
                    Answer::Step { document, .. } => steps.push(document),
                    last => return anyhow::Ok(last),
                }
            }
        };
        let last = tokio::select! {
            last = timeout(args.timeout, last) => last,
            () = signals.next() => return Err(goes_on(&command).context(Ended(Exit::Interrupted))),
        };
        match last {
            Ok(answer) => {
                let mut answer = answer?;
                if let (Command::Status { .. }, Answer::Done { text, status }) =
                    (&command, &mut answer)
                {
                    let connections = connections(&here, status).await;
                    status["connections"] = connections.json();
                    text.push_str(&format!("\n\nconnections\n{}", connections.text("")));
                    text.truncate(text.trim_end().len());
                }
                end(&command, answer, &steps, output)
            }
            Err(_) => Err(goes_on(&command).context(Ended(Exit::StillRunning))),
        }
    })
}

/// What each node that runs holds, asked at its own address.
async fn connections(here: &Local, status: &Value) -> Connections {
    let nodes = status["nodes"].as_array().into_iter().flatten();
    let running = nodes.filter(|node| node["state"] == "running");
    let addresses = running.filter_map(|node| node["address"].as_str());
    let apis = addresses.filter_map(|address| {
        Some(Api {
            address: format!("http://{address}").parse().ok()?,
            backend_key: here.backend_key.clone(),
        })
    });
    Connections::of_each(apis).await
}

/// What to say when nobody waits any more.
fn goes_on(command: &Command) -> anyhow::Error {
    match command {
        Command::Replace { .. } | Command::Deploy { .. } => anyhow::anyhow!(
            "the deployment continues; `deployer local status --wait` waits until it is finished"
        ),
        _ => anyhow::anyhow!("the stack keeps running; `deployer local status` shows it"),
    }
}

fn end(command: &Command, last: Answer, steps: &[Value], output: Output) -> anyhow::Result<Exit> {
    match last {
        Answer::Refused { message } => anyhow::bail!(message),
        Answer::Failed { message } if output == Output::Json => {
            let mut document = error_document("failed", &message, &[]);
            document["steps"] = json!(steps);
            print(&line(&document))?;
            Ok(Exit::NotDeployed)
        }
        Answer::Failed { message } => {
            say(&format!("error: {message}"))?;
            Ok(Exit::NotDeployed)
        }
        Answer::Done { text, .. } | Answer::Step { text, .. } if output == Output::Text => {
            print(&format!("{text}\n"))?;
            Ok(Exit::Well)
        }
        Answer::Done { status, .. }
        | Answer::Step {
            document: status, ..
        } => {
            let mut document =
                json!({ "schema": 1, "type": "local", "command": command.word(), "steps": steps });
            if let (Some(document), Value::Object(status)) = (document.as_object_mut(), status) {
                document.extend(status);
            }
            print(&line(&document))?;
            Ok(Exit::Well)
        }
    }
}
