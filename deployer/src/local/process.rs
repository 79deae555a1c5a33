//! One process of the stack, supervised: it gets signals as a group, and dies with the deployer.

use std::collections::VecDeque;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

pub use rustix::process::Signal;
use rustix::process::{Pid, getppid, kill_process_group};
use timeouts::Setting;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

/// Signals that may wait for the task that passes them on, which does nothing else.
const SIGNALS: usize = 16;

/// Lines kept of what a process said last, for the error when it dies.
const LAST_LINES: usize = 20;

/// Variables that the server takes beside its settings. Those that the template does not set must
/// not come from the user's own environment.
const OTHER_VARIABLES: [&str; 2] = ["RUST_LOG", "ECS_CONTAINER_METADATA_URI_V4"];

/// What to start.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name in output.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, beside the user's.
    pub environment: Vec<(String, String)>,
}

/// A line that a process wrote.
#[derive(Debug, Clone)]
pub struct Line {
    /// The process's name.
    pub process: String,
    /// The line, without its end.
    pub text: String,
}

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    /// Its id, which is its group's too.
    pub pid: u32,
    /// What can be known of it, also by those who do not hold it.
    pub life: Life,
    signals: mpsc::Sender<Signal>,
}

/// A process's name, its last words and its end.
#[derive(Debug, Clone)]
pub struct Life {
    /// The process's name.
    pub name: String,
    exit: watch::Receiver<Option<String>>,
    said: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    /// Starts a process by way of `supervisor`, the deployer's own program (see
    /// [`exec_dying_with_parent`]); its lines go to `lines`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start(supervisor: &Path, spec: &Spec, lines: mpsc::Sender<Line>) -> io::Result<Self> {
        let mut command = Command::new(supervisor);
        command
            .arg("supervised")
            .arg(std::process::id().to_string())
            .arg(&spec.program)
            .arg("--")
            .args(&spec.arguments);
        let settings = Setting::of_server().filter_map(|setting| setting.spec().variable);
        for name in settings.chain(OTHER_VARIABLES) {
            command.env_remove(name);
        }
        command.envs(spec.environment.iter().map(|(name, value)| (name, value)));
        // A group of its own: Ctrl-C in the terminal is for the deployer, which then drains.
        command.process_group(0).kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pid = child
            .id()
            .ok_or_else(|| io::Error::other("the process ended at once"))?;
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let readers = [
            child
                .stdout
                .take()
                .map(|out| tokio::spawn(read(spec.name.clone(), out, said.clone(), lines.clone()))),
            child
                .stderr
                .take()
                .map(|err| tokio::spawn(read(spec.name.clone(), err, said.clone(), lines))),
        ];
        let (signals, received) = mpsc::channel(SIGNALS);
        let (ended, exit) = watch::channel(None);
        tokio::spawn(async move {
            let status = keep(child, pid, received).await;
            // What it said last has been read before its end is told.
            for reader in readers.into_iter().flatten() {
                let _ = reader.await;
            }
            ended.send_replace(Some(
                status.map_or_else(|error| error.to_string(), |status| describe(&status)),
            ));
        });
        let name = spec.name.clone();
        Ok(Self {
            pid,
            life: Life { name, exit, said },
            signals,
        })
    }

    /// Sends a signal to it and whatever it has started.
    pub fn signal(&self, signal: Signal) {
        // Full only while it ends, when no signal matters any more.
        let _ = self.signals.try_send(signal);
    }
}

impl Life {
    /// Ends when the process has; says how.
    pub async fn exited(&self) -> String {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "lost".to_owned(),
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<String> {
        self.exit.borrow().clone()
    }

    /// The last lines that it wrote.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

/// Passes signals on to the process's group until the process has ended. Holding the child unreaped
/// keeps its id from being given to another process meanwhile.
async fn keep(
    mut child: Child,
    pid: u32,
    mut signals: mpsc::Receiver<Signal>,
) -> io::Result<ExitStatus> {
    let group = i32::try_from(pid).ok().and_then(Pid::from_raw);
    loop {
        tokio::select! {
            status = child.wait() => {
                // Whatever it started and left behind goes with it.
                signal(group, Signal::KILL);
                return status;
            }
            received = signals.recv() => match received {
                Some(received) => signal(group, received),
                None => {
                    // Nobody holds the process any more.
                    signal(group, Signal::KILL);
                    return child.wait().await;
                }
            },
        }
    }
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // A group that has ended already is as it should be.
        let _ = kill_process_group(group, signal);
    }
}

fn describe(status: &ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

async fn read(
    process: String,
    from: impl AsyncRead + Unpin,
    said: Arc<Mutex<VecDeque<String>>>,
    to: mpsc::Sender<Line>,
) {
    let mut reader = BufReader::new(from);
    let mut bytes = Vec::new();
    while matches!(reader.read_until(b'\n', &mut bytes).await, Ok(n) if n > 0) {
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() == LAST_LINES {
                said.pop_front();
            }
            said.push_back(text.clone());
        }
        // Nobody reads any more when the stack has been given up.
        let _ = to
            .send(Line {
                process: process.clone(),
                text,
            })
            .await;
    }
}

/// Becomes `program`, with SIGKILL to come when the deployer `parent` dies, however it does.
/// Returns only when that failed. A process of its own does this because between fork and exec
/// nothing safe can be run.
#[must_use]
pub fn exec_dying_with_parent(parent: u32, program: &Path, arguments: &[String]) -> io::Error {
    // Linux alone has it. Elsewhere a deployer that is killed by SIGKILL leaves its nodes behind.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // The deployer may have died before the line above.
    if getppid()
        .map(Pid::as_raw_nonzero)
        .map(std::num::NonZero::get)
        != i32::try_from(parent).ok()
    {
        return io::Error::other("the deployer is gone");
    }
    std::process::Command::new(program).args(arguments).exec()
}
