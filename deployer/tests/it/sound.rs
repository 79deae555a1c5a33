//! A template in which no rule finds anything, to be changed one thing at a time.

use std::time::Duration;

use cloudformation::diagnostic::Mistakes;
use cloudformation::template::{Inputs, Template};
use deployer::reading::{Flags, read};
use deployer::report::Report;
use timeouts::Setting::{self, *};
use timeouts::Value;

/// A template in which no rule finds anything.
pub(crate) const SOUND: &str = include_str!("templates/sound.yaml");

/// What is changed: lines of the template, and what is said about the server.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) rule: &'static str,
    lines: Vec<(&'static str, &'static str)>,
    server: Vec<(Setting, Value)>,
}

pub(crate) fn on(rule: &'static str) -> Change {
    Change {
        rule,
        ..Change::default()
    }
}

impl Change {
    pub(crate) fn line(mut self, from: &'static str, to: &'static str) -> Self {
        self.lines.push((from, to));
        self
    }

    pub(crate) fn server(mut self, setting: Setting, value: impl Into<Value>) -> Self {
        self.server.push((setting, value.into()));
        self
    }

    pub(crate) fn report(&self) -> Report {
        let mut text = SOUND.to_owned();
        for (from, to) in &self.lines {
            assert_eq!(
                text.matches(from).count(),
                1,
                "{}: `{from}` is one line of the template",
                self.rule
            );
            text = text.replace(from, to);
        }
        report_of(&text, &self.server).expect("a report")
    }
}

/// The report of a template, for a server that fits the sound one but for some settings.
pub(crate) fn report_of(text: &str, server: &[(Setting, Value)]) -> Result<Report, Mistakes> {
    let rendered = Template::parse("template.yaml", text)?.render(&Inputs::default())?;
    let mut given = fitting();
    for (setting, value) in server {
        given.set(*setting, value.clone(), format!("the flag --{setting}"));
    }
    given.about("Service");
    Ok(Report::new(read(&rendered, &given)?, &[]))
}

pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server that fits the sound template.
pub(crate) fn fitting() -> Flags {
    let mut given = Flags::default();
    let mut set = |setting, value: Value| given.set(setting, value, "the command line");
    set(PingInterval, s(25).into());
    set(PingTimeout, s(20).into());
    set(UpgradeTimeout, s(10).into());
    set(KeepAlive, s(130).into());
    set(Drain, s(20).into());
    set(StartUp, s(10).into());
    set(Transports, ["polling", "websocket"].as_slice().into());
    set(SocketPath, "/socket.io".into());
    set(CorsOrigins, Value::List(Vec::new()));
    set(ConnectionsPerTask, 10_000.into());
    set(Store, "redis".into());
    set(StoreProtocol, "single".into());
    given
}
