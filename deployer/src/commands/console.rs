//! `deployer console`: a page about the server and its stack.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use cloudformation::node::Node;
use deployer::aws::Clients;
use deployer::console::{self, Console, Door, Guard, Load};
use deployer::loaded_environment::Loaded;
use deployer::local::api::Api;
use deployer::local::state;
use deployer::named_stack::Named;
use deployer::server_target::{api_url, backend_key, local, path};
use deployer::terminal::{Exit, Output, Signals, line, print, runtime, say};
use serde_json::json;
use tokio::net::TcpListener;

use super::{environment, stack};

/// The path of Socket.IO where nothing says another.
const SOCKET_PATH: &str = "/websockets";

/// Show the nodes, the channels and the messages of a server, and the stack that they run in, as a
/// page in a browser. Without --env and --url, those of the local stack that is running.
///
/// The page is served on 127.0.0.1 until Ctrl-C. Its address carries a token; the page gets neither
/// the backend key nor credentials of AWS.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The environment whose timeouts and rules are shown; on AWS, also its stack. A name in the
    /// directory of environments, or a path.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The directory of environment files.
    #[arg(long, value_name = "DIR", default_value = "environments")]
    environments: PathBuf,
    /// The server; the local stack that is running, or the stack's output Url on AWS, unless given.
    #[arg(long)]
    url: Option<String>,
    /// A file with the backend's key, for a server that is not the local stack. It needs the scope
    /// read; to send, to look at keys and to issue them, also publish and keys.
    #[arg(long, value_name = "FILE")]
    backend_key_file: Option<PathBuf>,
    /// The page's port on 127.0.0.1; 0 for any.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Print the page's address, and open no browser.
    #[arg(long)]
    no_open: bool,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let stack = args.stack()?;
    let server = match (&args.url, &stack) {
        (Some(url), _) => Server::at(url.clone()),
        (None, Some(named)) => runtime()?.block_on(server_of(named))?,
        (None, None) => Server::at(local(None)?.url),
    };
    let console = args.console(&server, stack)?;
    runtime()?.block_on(serve(args, console, output))
}

/// The addresses of a server, which may be the same.
struct Server {
    /// Where clients connect.
    clients: String,
    /// Where backends call.
    backends: String,
}

impl Server {
    fn at(url: String) -> Self {
        Self {
            backends: api_url(&url),
            clients: url,
        }
    }
}

impl Args {
    /// The stack on AWS, where the environment is one.
    fn stack(&self) -> anyhow::Result<Option<Named>> {
        let Some(env) = &self.env else {
            return Ok(None);
        };
        let which = stack::Args::of_environment(env, &self.environments);
        match which.is_local()? {
            true => Ok(None),
            false => which.named().map(Some),
        }
    }

    fn console(&self, server: &Server, stack: Option<Named>) -> anyhow::Result<Console> {
        let url = server.clients.as_str();
        let here = local(Some(url)).ok();
        let which = self
            .env
            .as_ref()
            .map(|env| environment::Args::of(env, &self.environments));
        let (namespaces, path) = match (&here, &which) {
            (Some(here), _) => (here.namespaces.clone(), here.path.clone()),
            (None, Some(which)) => {
                let loaded = which.load()?;
                (namespaces(&loaded), socket_path(&loaded))
            }
            (None, None) => (Vec::new(), SOCKET_PATH.to_owned()),
        };
        Ok(Console {
            door: Door {
                address: url.parse()?,
                path,
            },
            api: Api {
                backend_key: backend_key(self.backend_key_file.as_ref(), Some(url))?,
                address: server.backends.parse()?,
            },
            name: self.env.clone(),
            namespaces,
            control: here.map(|here| state::socket(&state::directory(), here.pid)),
            environment: which.map(|which| Box::new(move || which.load()) as Load),
            stack,
        })
    }
}

/// The path of Socket.IO that a template gives the server.
fn socket_path(loaded: &Loaded) -> String {
    let given = loaded.rendered.parameters.get("SocketPath");
    let given = given.and_then(Node::as_text).unwrap_or(SOCKET_PATH);
    path(given)
}

/// The namespaces that a template gives the server.
fn namespaces(loaded: &Loaded) -> Vec<String> {
    let given = loaded.rendered.parameters.get("Namespaces");
    let names = given.and_then(Node::as_list).unwrap_or_default().iter();
    let names = names.filter_map(Node::as_text);
    names.map(str::to_owned).collect()
}

/// The addresses of a stack's server.
async fn server_of(named: &Named) -> anyhow::Result<Server> {
    let clients = Clients::new(named.region.clone()).await;
    let Some(stack) = clients.stack(&named.name).await? else {
        bail!("{}", named.absent());
    };
    let url = stack.outputs.get("Url").cloned();
    let url = url.context("the stack has no output Url: give --url")?;
    Ok(Server {
        backends: stack.api_url().unwrap_or(&url).to_owned(),
        clients: url,
    })
}

/// Opens a browser, where there is one.
fn opened(address: &str, directory: &Path) -> anyhow::Result<Option<console::Redirect>> {
    state::open(directory)?;
    Ok(console::open(address, directory)?)
}

async fn serve(args: &Args, console: Console, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::take()?;
    let place = (Ipv4Addr::LOCALHOST, args.port);
    let listener = TcpListener::bind(place).await;
    let listener = listener.with_context(|| format!("cannot listen on 127.0.0.1:{}", args.port))?;
    let guard = Guard::new(listener.local_addr()?.port())?;
    let (address, server) = (guard.address(), console.api.address.to_string());
    print(&match output {
        Output::Json => {
            line(&json!({ "schema": 1, "type": "console", "url": address, "server": server }))
        }
        Output::Text => format!("{address}\n"),
    })?;
    let directory = state::directory();
    let opened = match args.no_open {
        true => None,
        false => match opened(&address, &directory) {
            Ok(opened) => opened,
            Err(error) => {
                say(&format!("cannot open a browser: {error:#}"))?;
                None
            }
        },
    };
    say(match opened {
        Some(_) => "The console opens in your browser, or open the address above. Ctrl-C ends it.",
        None => "Open the address above in a browser on this machine. Ctrl-C ends it.",
    })?;
    let served = console::serve(listener, guard, console, signals.next()).await;
    served.context("the console broke")?;
    Ok(Exit::Well)
}
