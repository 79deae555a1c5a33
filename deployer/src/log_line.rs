//! A line of the server's log on AWS, its task and its node.

use std::time::SystemTime;

/// A line as CloudWatch has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// CloudWatch's id of it: no other line has the same.
    pub id: String,
    /// The stream, one for each task: `server/server/0123…`.
    pub stream: String,
    /// When it was written, in milliseconds since 1970.
    pub time: i64,
    /// The text.
    pub text: String,
}

impl LogLine {
    /// The task that wrote it: the last part of the stream's name.
    #[must_use]
    pub fn task(&self) -> &str {
        task_of(&self.stream)
    }

    /// When it was written.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        let since = std::time::Duration::from_millis(self.time.unsigned_abs());
        if self.time < 0 {
            SystemTime::UNIX_EPOCH - since
        } else {
            SystemTime::UNIX_EPOCH + since
        }
    }
}

/// The task that a log stream belongs to.
#[must_use]
pub fn task_of(stream: &str) -> &str {
    stream.rsplit('/').next().unwrap_or(stream)
}

/// The node that wrote a line, as the server names itself in `x-node-id`; none where it is not the
/// server's.
#[must_use]
pub fn node_of(text: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(text).ok()?;
    line.get("node")?.as_str().map(str::to_owned)
}
