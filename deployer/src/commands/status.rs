//! `deployer status`: how a deployed stack stands, once or for as long as one watches.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use console::Term;
use deployer::aws::{Clients, Error};
use deployer::connections::{Connections, Way};
use deployer::local::api::Api;
use deployer::status::{Names, Status, read};
use serde_json::{Value, json};

use super::stack;
use deployer::named_stack::Named;
use deployer::server_target::first_key;
use deployer::terminal::colour::is_able;
use deployer::terminal::say_waiting;
use deployer::terminal::{Exit, Output, line, print, print_unless_closed, say};
use deployer::terminal::{Signals, runtime};

/// How often it is looked at while it is watched; each look is about ten calls.
const PAUSE: Duration = Duration::from_secs(5);
/// How long AWS may be out of reach before that is an error.
const PATIENCE: Duration = Duration::from_secs(300);

/// Show how the stack stands: who deployed what, the service's deployments, its nodes and their
/// connections, alarms that ring, and what is wrong.
///
/// Exit code 0 when all is well, or on the way; 1 when something is wrong; 2 when there is no such
/// stack.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stack: stack::Args,
    /// Go on showing it, until Ctrl-C: in place on a terminal, else whenever it is another.
    #[arg(long, short)]
    watch: bool,
    /// Where the nodes are asked for their connections; the stack's own output unless given.
    #[arg(long)]
    url: Option<String>,
    /// A file with a backend's key that may read metrics; from the stack's secret unless given.
    #[arg(long, value_name = "FILE")]
    backend_key_file: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let named = args.stack.named()?;
    runtime()?.block_on(async {
        let mut signals = Signals::take()?;
        tokio::select! {
            outcome = show(args, &named, output) => outcome,
            () = signals.next() => Ok(Exit::Interrupted),
        }
    })
}

async fn show(args: &Args, named: &Named, output: Output) -> anyhow::Result<Exit> {
    let mut look = Look {
        clients: Clients::new(named.region.clone()).await,
        stack: &named.name,
        names: Names::default(),
        way: args.way()?,
        api: None,
    };
    if args.watch {
        return watch(look, named, output).await;
    }
    let Some(status) = say_waiting(look.again()).await? else {
        bail!("{}", named.absent());
    };
    print(&match output {
        Output::Text => text(&status),
        Output::Json => line(&document(&status, json!({ "schema": 1, "type": "status" }))),
    })?;
    Ok(if status.troubles().is_empty() {
        Exit::Well
    } else {
        Exit::Failed
    })
}

impl Args {
    fn way(&self) -> anyhow::Result<Way> {
        let key = self.backend_key_file.as_ref();
        Ok(Way {
            url: self.url.clone(),
            key: key.map(|file| first_key(file)).transpose()?,
        })
    }
}

/// What looks at a stack, once or again and again.
struct Look<'a> {
    clients: Clients,
    stack: &'a str,
    names: Names,
    way: Way,
    /// The way to the nodes: the secret is read once.
    api: Option<Result<Api, String>>,
}

impl Look<'_> {
    async fn again(&mut self) -> Result<Option<Status>, Error> {
        let status = read(&self.clients, self.stack, &mut self.names).await?;
        let Some(mut status) = status else {
            return Ok(None);
        };
        if status.services.is_empty() {
            return Ok(Some(status));
        }
        if self.api.is_none() {
            self.api = Some(self.way.to(&self.clients, &status.stack).await);
        }
        status.connections = match &self.api {
            Some(Ok(api)) => Some(Connections::ask(api, status.node_names()).await),
            Some(Err(why)) => Some(Connections::unseen(why.clone())),
            None => None,
        };
        Ok(Some(status))
    }
}

/// What a watch tells of: nodes gain and lose connections all the time.
fn without_connections(status: &Status) -> Status {
    Status {
        connections: None,
        ..status.clone()
    }
}

fn text(status: &Status) -> String {
    status.text(SystemTime::now(), std::io::stdout().is_terminal())
}

fn document(status: &Status, mut head: Value) -> Value {
    if let (Some(head), Value::Object(body)) = (head.as_object_mut(), status.json()) {
        head.extend(body);
    }
    head
}

async fn watch(mut look: Look<'_>, named: &Named, output: Output) -> anyhow::Result<Exit> {
    let terminal = Term::stdout();
    let in_place = output == Output::Text && is_able(terminal.is_term());
    let mut shown: Option<Status> = None;
    let mut rows = 0;
    let mut reached = SystemTime::now();
    loop {
        match look.again().await {
            Ok(Some(status)) => {
                reached = SystemTime::now();
                if in_place {
                    terminal.clear_last_lines(rows)?;
                    let text = fitting(&text(&status), terminal.size());
                    rows = text.lines().count();
                    terminal.write_str(&text)?;
                } else if shown.as_ref() != Some(&without_connections(&status))
                    && !print_unless_closed(&changed(&status, output))?
                {
                    return Ok(Exit::Well);
                }
                shown = Some(without_connections(&status));
            }
            Ok(None) => bail!("{}", named.absent()),
            Err(error)
                if error.kind().passes() && reached.elapsed().is_ok_and(|time| time < PATIENCE) =>
            {
                say(&format!("{error}; trying on"))?;
                rows = 0;
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What of a text fits onto the terminal: lines that wrap, or scroll away, could not be taken back.
fn fitting(text: &str, (rows, columns): (u16, u16)) -> String {
    let (rows, columns) = (
        usize::from(rows).max(3) - 1,
        usize::from(columns).max(20) - 1,
    );
    let lines = text.lines().take(rows);
    lines
        .map(|line| console::truncate_str(line, columns, "…").into_owned() + "\n")
        .collect()
}

fn changed(status: &Status, output: Output) -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    match output {
        Output::Text => format!("{now}\n{}\n", text(status)),
        Output::Json => line(&document(status, json!({ "type": "status", "at": now }))),
    }
}
