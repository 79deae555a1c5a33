//! The server's log: its lines from a moment on, and which node wrote into which of its streams.

use aws_sdk_cloudwatchlogs::types::OrderBy;

use super::{Clients, Error, failed};
use crate::log_line::{LogLine, node_of};

/// Streams that one request may name ("FilterLogEvents", CloudWatch Logs API reference).
const STREAMS: usize = 100;
/// Lines at a stream's beginning among which its node is looked for: what a container says before
/// its server does is short.
const FIRST_LINES: i32 = 10;

/// A page of lines, and the token of the next.
type Page = (Vec<LogLine>, Option<String>);

impl Clients {
    /// One page of a log group's lines, of all streams or of some, from a moment on (milliseconds
    /// since 1970).
    ///
    /// # Errors
    /// There is no such log group or stream, or AWS refuses the call.
    pub async fn log_page(
        &self,
        group: &str,
        streams: &[String],
        from: i64,
        next: Option<String>,
    ) -> Result<Page, Error> {
        let request = self
            .logs
            .filter_log_events()
            .log_group_name(group)
            .set_log_stream_names((!streams.is_empty()).then(|| streams.to_vec()))
            .start_time(from.max(0))
            .set_next_token(next);
        let answer = request.send().await.map_err(failed("read the log"))?;
        let line = |event: &aws_sdk_cloudwatchlogs::types::FilteredLogEvent| LogLine {
            id: event.event_id().unwrap_or_default().to_owned(),
            stream: event.log_stream_name().unwrap_or_default().to_owned(),
            time: event.timestamp().unwrap_or_default(),
            text: event.message().unwrap_or_default().to_owned(),
        };
        let lines = answer.events().iter().map(line).collect();
        Ok((lines, answer.next_token))
    }

    /// The streams of a log group, one for each task, those written to last first; as many as one
    /// request may name.
    ///
    /// # Errors
    /// There is no such log group, or AWS refuses the call.
    pub async fn log_streams(&self, group: &str) -> Result<Vec<String>, Error> {
        let mut streams = Vec::new();
        let mut next = None;
        loop {
            let request = self
                .logs
                .describe_log_streams()
                .log_group_name(group)
                .order_by(OrderBy::LastEventTime)
                .descending(true)
                .set_next_token(next);
            let page = request
                .send()
                .await
                .map_err(failed("list the log's streams"))?;
            let names = page
                .log_streams()
                .iter()
                .filter_map(|stream| stream.log_stream_name());
            streams.extend(names.map(str::to_owned));
            next = page.next_token;
            if next.is_none() || streams.len() >= STREAMS {
                streams.truncate(STREAMS);
                return Ok(streams);
            }
        }
    }

    /// The node that writes into a stream, as it names itself; none where its first lines do not
    /// say.
    ///
    /// # Errors
    /// There is no such stream, or AWS refuses the call.
    pub async fn node_of_stream(&self, group: &str, stream: &str) -> Result<Option<String>, Error> {
        let request = self
            .logs
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .start_from_head(true)
            .limit(FIRST_LINES);
        let answer = request.send().await.map_err(failed("read the log"))?;
        let said = answer.events().iter().filter_map(|event| event.message());
        Ok(said.filter_map(node_of).next())
    }
}
