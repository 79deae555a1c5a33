//! Batches, lists, cancelling, and a channel at a glance.

use serde_json::{Value, json};

use super::*;
use crate::harness::{Client, Options, eventually};

#[tokio::test]
async fn a_batch_is_answered_message_by_message() {
    let server = Server::start(&[]).await;
    let drop = |channel: &str, id: &str, data: u32| json!({ "channel": channel, "id": id, "event": "drop", "data": data });
    let answers = post(
        &server,
        BATCH,
        json!([
            drop("c", "a", 1),
            { "channel": "c", "event": "connect", "data": 1 },
            drop("d", "a", 2),
            drop("c", "a", 1),
            drop("c", "a", 9),
            { "event": "drop", "data": 1 },
            "no object",
            drop("a/b", "a", 1),
            { "channel": "c", "event": "drop", "data": "x".repeat(16384) },
            drop("c", "b", 3),
        ]),
    )
    .await;
    assert_eq!(answers.status, 200);
    let answers = answers.json();
    let answers = answers.as_array().unwrap();
    let statuses: Vec<_> = answers
        .iter()
        .map(|answer| answer["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [202, 422, 202, 200, 409, 422, 422, 422, 413, 202]);
    for answer in answers {
        let stored = answer["status"].as_u64().unwrap() < 300;
        assert_eq!(
            (
                answer.get("message").is_some(),
                answer.get("error").is_some()
            ),
            (stored, !stored)
        );
    }
    assert_eq!(answers[1]["error"]["errors"][0]["field"], "event");
    assert_eq!(answers[5]["error"]["errors"][0]["field"], "channel");
    assert_eq!(answers[2]["message"]["channel"], "d");
    assert_eq!(answers[4]["error"]["id"], "a");
    let stored = get(&server, MESSAGES).await;
    let ids: Vec<_> = stored["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["id"])
        .collect();
    assert_eq!(ids, ["b", "a"], "the latest first");

    for count in [0, 101] {
        let items: Vec<_> = (0..count).map(|n| drop("e", &n.to_string(), 1)).collect();
        assert_eq!(
            fields(&post(&server, BATCH, Value::from(items)).await),
            [""]
        );
    }
    assert_eq!(
        get(&server, &MESSAGES.replace("/c/", "/e/")).await["items"],
        json!([])
    );
    assert_eq!(fields(&post(&server, BATCH, drop("c", "z", 1)).await), [""]);
    assert_eq!(post(&server, BATCH, "[{}").await.status, 400);
    assert_eq!(
        post(&server, &BATCH.replace("dropcodes", "other"), "[]")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn pages_hold_each_message_once() {
    let server = Server::start(&[]).await;
    // Several at the same moment, so that a page ends among them.
    let items: Vec<_> = (0..55).map(|n| json!({
        "channel": "c", "id": format!("m{n}"), "event": "drop", "data": n, "deliver_in": 60_000 + n / 10,
    })).collect();
    assert_eq!(post(&server, BATCH, Value::from(items)).await.status, 200);
    for limit in [1, 7, 11, 100] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = get(&server, &format!("{MESSAGES}?limit={limit}{cursor}")).await;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            seen.extend(
                items
                    .iter()
                    .map(|item| item["id"].as_str().unwrap().to_owned()),
            );
            pages += 1;
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(pages >= 55_usize.div_ceil(limit));
        let newest_first: Vec<_> = (0..55).rev().map(|n| format!("m{n}")).collect();
        assert_eq!(seen, newest_first, "limit {limit}");
    }
    assert_eq!(
        get(&server, MESSAGES).await["items"]
            .as_array()
            .unwrap()
            .len(),
        50,
        "unless told otherwise"
    );
    for (query, wrong) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=%2B5", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=MQ", "cursor"),
        ("offset=5", "offset"),
    ] {
        let (status, problem) = server
            .call(Method::GET, &format!("{MESSAGES}?{query}"), None)
            .await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(wrong)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_is_not_due_can_be_cancelled() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    let later = json!({ "id": "later", "event": "drop", "data": 1, "deliver_in": 5_000 });
    server.publish("c", later.clone()).await;
    server
        .publish(
            "c",
            json!({ "id": "after", "event": "drop", "data": 2, "deliver_in": 5_100 }),
        )
        .await;
    let path = format!("{MESSAGES}/later");
    assert_eq!(delete(&server, &path).await, 204);
    assert_eq!(delete(&server, &path).await, 204, "a retry is safe");
    let cancelled = get(&server, &path).await;
    assert_eq!(cancelled["state"], "cancelled");
    // Its id stays taken: nothing is delivered by a late retry of the publisher.
    let retried = post(&server, MESSAGES, &later).await;
    assert_eq!(
        (retried.status, &retried.json()["state"]),
        (200, &json!("cancelled"))
    );
    assert_eq!(client.messages(1).await, ["after"]);
    assert_eq!(
        delete(&server, &format!("{MESSAGES}/after")).await,
        409,
        "it was delivered"
    );
    assert_eq!(delete(&server, &format!("{MESSAGES}/nothing")).await, 404);
    assert_eq!(
        delete(&server, &format!("{EVERYONE}/later")).await,
        404,
        "another mailbox"
    );
    assert_eq!(delete(&server, &format!("{MESSAGES}/a%2Fb")).await, 422);
    assert_eq!(
        server
            .call(Method::GET, &format!("{MESSAGES}/nothing"), None)
            .await
            .0,
        404
    );

    let everyone = json!({ "id": "all", "event": "drop", "data": 1, "deliver_in": 60000 });
    assert_eq!(
        post(&server, EVERYONE, everyone).await.json()["channel"],
        json!(null)
    );
    assert_eq!(delete(&server, &format!("{EVERYONE}/all")).await, 204);
    assert_eq!(
        get(&server, &format!("{EVERYONE}/all")).await["state"],
        "cancelled"
    );
}

#[tokio::test]
async fn a_channel_shows_who_is_there_and_what_waits() {
    let server = Server::start(&[]).await;
    let empty = json!({ "scheduled": 0, "pending": 0, "delivered": 0, "acknowledged": 0 });
    assert_eq!(
        get(&server, CHANNEL).await,
        json!({ "namespace": "dropcodes", "channel": "c", "sockets": 0, "messages": empty })
    );
    server
        .publish("c", json!({ "event": "drop", "data": 1 }))
        .await;
    server
        .publish(
            "c",
            json!({ "event": "drop", "data": 2, "deliver_in": 60000 }),
        )
        .await;
    let cancelled = server
        .publish(
            "c",
            json!({ "event": "drop", "data": 3, "deliver_in": 60000 }),
        )
        .await;
    assert_eq!(
        delete(
            &server,
            &format!("{MESSAGES}/{}", cancelled["id"].as_str().unwrap())
        )
        .await,
        204
    );
    let waiting = json!({ "scheduled": 1, "pending": 1, "delivered": 0, "acknowledged": 0 });
    assert_eq!(get(&server, CHANNEL).await["messages"], waiting);

    let (_, key) = server.key("c").await;
    // The end of a WebSocket is seen at once, that of a polling client after the ping timeout.
    let options = Options::new(&key).transports(&["websocket"]);
    let mut client = Client::start(&server, &options);
    client.wait_for("message").await;
    let seen = json!({
        "namespace": "dropcodes", "channel": "c", "sockets": 1,
        "messages": { "scheduled": 1, "pending": 0, "delivered": 0, "acknowledged": 1 },
    });
    eventually("the client is seen", async || {
        (get(&server, CHANNEL).await == seen).then_some(())
    })
    .await;
    drop(client);
    eventually("its end is seen", async || {
        (get(&server, CHANNEL).await["sockets"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_message_tells_what_became_of_it() {
    let server = Server::start(&[]).await;
    let short = server
        .publish("d", json!({ "event": "drop", "data": 1, "ttl": 1 }))
        .await;
    let id = short["id"].as_str().unwrap();
    server.becomes("d", id, "expired").await;
    let message = server
        .publish("d", json!({ "event": "drop", "data": 1 }))
        .await;
    let id = message["id"].as_str().unwrap();
    assert_eq!(server.state("d", id).await, "pending");
    let (_, key) = server.key("d").await;
    let mut silent = Client::start(
        &server,
        &Options {
            acknowledge: false,
            ..Options::new(&key)
        },
    );
    assert_eq!(
        silent.messages(1).await,
        [id],
        "the expired one is not delivered"
    );
    server.becomes("d", id, "delivered").await;
    drop(silent);
    let (_, other) = server.key("d").await;
    let mut client = Client::start(&server, &Options::new(&other));
    assert_eq!(client.messages(1).await, [id]);
    let counts = json!({ "delivered": 2, "acknowledged": 1 });
    let path = format!("{}/{id}", MESSAGES.replace("/c/", "/d/"));
    eventually("one key of two has it", async || {
        let message = get(&server, &path).await;
        (message["state"] == "acknowledged" && message["keys"] == counts).then_some(())
    })
    .await;
}
