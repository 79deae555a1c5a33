//! The log: one line an event on stderr, JSON for machines or text for people, each with the node's
//! name.

use std::fmt::{self, Write as _};
use std::io;

use serde_json::{Map, Value};
use server::log_queue::LogQueue;
use server::settings::{LogFormat, Settings};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts the log. Settings have checked the level.
///
/// # Errors
/// When the thread that writes it cannot be started.
pub(crate) fn start(settings: &Settings) -> io::Result<LogQueue> {
    let queue = LogQueue::start(io::stderr(), settings.log_lines)?;
    let filter = EnvFilter::new(&settings.log_level);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(queue.clone());
    let node = settings.node_id.clone();
    match settings.log_format {
        LogFormat::Json => log.event_format(Json { node }).init(),
        LogFormat::Text => {
            let terminal = io::IsTerminal::is_terminal(&io::stderr());
            log.with_ansi(terminal)
                .with_target(false)
                .with_timer(Stamp { node })
                .init();
        }
    }
    Ok(queue)
}

/// Time and node, in front of a line for people.
struct Stamp {
    node: String,
}

impl FormatTime for Stamp {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:.3} {}", jiff::Timestamp::now(), self.node)
    }
}

/// A JSON object a line: timestamp, level, node, message and target first, then the event's own
/// fields.
struct Json {
    node: String,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_default();
        let first = [
            (
                "timestamp",
                Value::from(format!("{:.3}", jiff::Timestamp::now())),
            ),
            ("level", metadata.level().as_str().into()),
            ("node", self.node.as_str().into()),
            ("message", message),
            ("target", metadata.target().into()),
        ];
        let own = fields
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        for (index, (name, value)) in first.into_iter().chain(own).enumerate() {
            write!(
                writer,
                "{}\"{name}\":{value}",
                if index == 0 { '{' } else { ',' }
            )?;
        }
        writeln!(writer, "}}")
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value:?}");
        self.0.insert(field.name().to_owned(), text.into());
    }
}
