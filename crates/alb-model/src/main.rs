//! `alb-model CONFIG.yaml`: a load balancer as AWS's behaves, in front of servers on this machine.
//! It prints what happens on stdout, a line each, until Ctrl-C.

mod file;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use alb_model::{Balancer, Event};
use tokio::net::TcpListener;

use file::File;

/// The configuration or a listener's address is wrong.
const CANNOT_RUN: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments[..] {
        [path] if !path.starts_with('-') => run(Path::new(path)).await,
        _ => Err("usage: alb-model CONFIG.yaml".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nothing can be done about a closed stderr.
            let _ = writeln!(std::io::stderr(), "alb-model: {why}");
            ExitCode::from(CANNOT_RUN)
        }
    }
}

async fn run(path: &Path) -> Result<(), String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let file: File = serde_saphyr::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    let (balancer, mut events) =
        Balancer::new(file.config()).map_err(|error| format!("{name}: {error}"))?;
    for (number, listener) in file.listeners.iter().enumerate() {
        let address = listener.address;
        let socket = TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        let address = socket.local_addr().map_err(|error| error.to_string())?;
        let serving = balancer
            .serve(number, socket, std::future::pending())
            .map_err(|error| error.to_string())?;
        tokio::spawn(serving);
        say(&format!("listener {number} on {address}"));
    }
    for group in &file.groups {
        for target in &group.targets {
            balancer
                .register(&group.name, *target)
                .map_err(|error| error.to_string())?;
        }
    }
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => say(&line(&event)),
                None => return Ok(()),
            },
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

fn line(event: &Event) -> String {
    match event {
        Event::Health {
            group,
            target,
            health,
            reason,
        } => {
            let because = if reason.is_empty() { "" } else { ": " };
            format!("{group}: {target} is {health}{because}{reason}")
        }
        Event::Failed {
            status,
            cause,
            target,
            path,
        } => {
            let target = target.map_or_else(String::new, |target| format!(" (target {target})"));
            format!("{status} for {path}{target}: {cause}")
        }
        Event::Cut { target, cause } => format!("cut a connection to {target}: {cause}"),
    }
}

fn say(line: &str) {
    // Nothing can be done about a closed stdout.
    let _ = writeln!(std::io::stdout(), "{line}");
}
