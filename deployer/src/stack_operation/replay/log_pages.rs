//! A log in pages, as CloudWatch gives it: some of them empty, lines seen before among them.

use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_smithy_mocks::mock;
use serde_json::{Value, json};

use super::Answers;
use crate::aws::Error;
use crate::logs::{Log, Tail, read_new};

fn event(id: &str, time: i64) -> Value {
    json!({ "eventId": id, "logStreamName": "server/server/task", "timestamp": time, "message": id, "ingestionTime": time })
}

fn page(events: &[Value], next: Option<&str>) -> Option<String> {
    Some(json!({ "events": events, "nextToken": next, "searchedLogStreams": [] }).to_string())
}

#[tokio::test]
async fn every_page_is_read_and_no_line_shown_twice() {
    let pages = mock!(Logs::filter_log_events)
        .sequence()
        .http_status(
            200,
            page(&[event("a", 1_000), event("b", 2_000)], Some("1")),
        )
        // CloudWatch has searched a stretch, and found nothing.
        .http_status(200, page(&[], Some("2")))
        .http_status(200, page(&[event("c", 2_000)], None))
        // The next read_new.
        .http_status(
            200,
            page(
                &[event("b", 2_000), event("c", 2_000), event("late", 1_500)],
                None,
            ),
        )
        .build();
    let answers = Answers {
        logs: vec![&pages],
        ..Answers::default()
    };
    let log = Log {
        group: "/acme/drops/prod".to_owned(),
        streams: Vec::new(),
    };
    let (clients, mut tail) = (answers.clients(), Tail::new(0));
    let mut shown = Vec::new();
    for (looks, expected) in [(3, vec!["a", "b", "c"]), (4, vec!["a", "b", "c", "late"])] {
        let read = read_new(&clients, &log, &mut tail, |line| {
            shown.push(line.text.clone());
            Ok::<_, Error>(true)
        });
        assert!(read.await.expect("it can be read"));
        assert_eq!(
            (pages.num_calls(), &shown),
            (looks, &expected.into_iter().map(str::to_owned).collect())
        );
    }
}
