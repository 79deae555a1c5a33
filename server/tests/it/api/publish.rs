//! Publishing one message: ids, times, and every mistake by its field.

use serde_json::{Value, json};

use super::*;

const DAY: i64 = 24 * 3600 * 1000;

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// The time this many milliseconds from now, as text.
fn from_now(ms: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(ms)).to_string()
}

/// Milliseconds from one time of a message to another.
fn between(message: &Value, from: &str, to: &str) -> i64 {
    time(&message[to]).as_millisecond() - time(&message[from]).as_millisecond()
}

#[tokio::test]
async fn the_same_id_is_one_message() {
    let server = Server::start(&[]).await;
    server.key("c").await;
    let body =
        json!({ "id": "order-1", "event": "drop", "data": [1], "ttl": 60000, "deliver_in": 60000 });
    let first = post(&server, MESSAGES, &body).await;
    assert_eq!(first.status, 202);
    let message = first.json();
    assert_eq!(message["id"], "order-1");
    assert_eq!(message["namespace"], "dropcodes");
    assert_eq!(message["channel"], "c");
    assert_eq!(message["state"], "scheduled");
    assert_eq!(
        message["keys"],
        json!({ "delivered": 0, "acknowledged": 0 })
    );
    assert_eq!(between(&message, "created_at", "deliver_at"), 60000);
    assert_eq!(between(&message, "deliver_at", "expires_at"), 60000);

    let again = post(&server, MESSAGES, &body).await;
    assert_eq!((again.status, again.json()), (200, message.clone()));
    for (field, value) in [
        ("data", json!([2])),
        ("event", json!("other")),
        ("ttl", json!(60001)),
        ("deliver_in", json!(60001)),
    ] {
        let mut other = body.clone();
        other[field] = value;
        let answer = post(&server, MESSAGES, other).await;
        assert_eq!(answer.status, 409, "{field}");
        assert_eq!(answer.json()["id"], "order-1");
    }
    assert_eq!(
        get(&server, MESSAGES).await,
        json!({ "items": [message], "next": null })
    );
    // Another mailbox, another message.
    assert_eq!(
        post(&server, &MESSAGES.replace("/c/", "/d/"), &body)
            .await
            .status,
        202
    );
    assert_eq!(
        post(&server, &MESSAGES.replace("dropcodes", "donations"), &body)
            .await
            .status,
        202
    );
    assert_eq!(post(&server, EVERYONE, &body).await.status, 202);
}

#[tokio::test]
async fn without_an_id_each_request_is_a_message() {
    let server = Server::start(&[]).await;
    let body = json!({ "event": "drop", "data": null });
    let (one, two) = (
        post(&server, MESSAGES, &body).await,
        post(&server, MESSAGES, &body).await,
    );
    assert_eq!((one.status, two.status), (202, 202));
    assert_ne!(one.json()["id"], two.json()["id"]);
    assert_eq!(one.json()["state"], "pending");
    assert_eq!(between(&one.json(), "created_at", "deliver_at"), 0);
    assert_eq!(between(&one.json(), "deliver_at", "expires_at"), 3_600_000);
}

#[tokio::test]
async fn times_are_resolved_and_bounded() {
    let server = Server::start(&[]).await;
    let with = |fields: Value| {
        let mut body = json!({ "event": "drop", "data": 1 });
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        body
    };
    // The past means now.
    let past = post(
        &server,
        MESSAGES,
        with(json!({ "deliver_at": "2001-01-01T00:00:00Z" })),
    )
    .await;
    assert_eq!(past.status, 202);
    assert_eq!(between(&past.json(), "created_at", "deliver_at"), 0);
    // Any offset is understood, and answered in UTC.
    let offset = post(
        &server,
        MESSAGES,
        with(json!({ "deliver_at": "2001-01-01T00:00:00.5+02:00", "ttl": 1 })),
    )
    .await;
    assert_eq!(offset.status, 202);
    assert!(offset.json()["deliver_at"].as_str().unwrap().ends_with('Z'));
    // Nulls are as good as absent.
    let nulls = json!({ "id": null, "deliver_at": null, "deliver_in": null, "expires_at": null, "ttl": null });
    assert_eq!(post(&server, MESSAGES, with(nulls)).await.status, 202);

    let soon = from_now(60_000);
    for (path, fields) in [
        (MESSAGES, json!({ "deliver_in": 0 })),
        (MESSAGES, json!({ "deliver_in": 30 * DAY })),
        (MESSAGES, json!({ "deliver_at": from_now(30 * DAY - 5000) })),
        (MESSAGES, json!({ "ttl": 1 })),
        (MESSAGES, json!({ "ttl": 7 * DAY })),
        (MESSAGES, json!({ "ttl": 1000.0 })),
        (MESSAGES, json!({ "deliver_in": 30 * DAY, "ttl": 7 * DAY })),
        (
            MESSAGES,
            json!({ "deliver_at": soon, "expires_at": from_now(60_000 + 7 * DAY - 5000) }),
        ),
        (MESSAGES, json!({ "expires_at": from_now(5000) })),
        (EVERYONE, json!({ "ttl": 3_600_000 })),
        (
            EVERYONE,
            json!({ "deliver_in": 30 * DAY, "ttl": 3_600_000 }),
        ),
        (EVERYONE, json!({ "expires_at": from_now(3_595_000) })),
    ] {
        let answer = post(&server, path, with(fields.clone())).await;
        assert_eq!(answer.status, 202, "{fields}: {}", answer.text);
    }
    for (path, wrong, body) in [
        (
            MESSAGES,
            "deliver_in",
            json!({ "deliver_in": 30 * DAY + 1 }),
        ),
        (MESSAGES, "deliver_in", json!({ "deliver_in": -1 })),
        (MESSAGES, "deliver_in", json!({ "deliver_in": 0.5 })),
        (MESSAGES, "deliver_in", json!({ "deliver_in": "5s" })),
        (MESSAGES, "deliver_in", json!({ "deliver_in": u64::MAX })),
        (
            MESSAGES,
            "deliver_in",
            json!({ "deliver_in": 1, "deliver_at": soon }),
        ),
        (
            MESSAGES,
            "deliver_at",
            json!({ "deliver_at": from_now(30 * DAY + 5000) }),
        ),
        (
            MESSAGES,
            "deliver_at",
            json!({ "deliver_at": "9999-12-31T23:59:59Z" }),
        ),
        (
            MESSAGES,
            "deliver_at",
            json!({ "deliver_at": "2026-01-31T20:00:00" }),
        ),
        (
            MESSAGES,
            "deliver_at",
            json!({ "deliver_at": "2026-02-30T20:00:00Z" }),
        ),
        (MESSAGES, "deliver_at", json!({ "deliver_at": "tomorrow" })),
        (
            MESSAGES,
            "deliver_at",
            json!({ "deliver_at": 1_769_889_600 }),
        ),
        (MESSAGES, "ttl", json!({ "ttl": 0 })),
        (MESSAGES, "ttl", json!({ "ttl": 7 * DAY + 1 })),
        (MESSAGES, "ttl", json!({ "ttl": 1, "expires_at": soon })),
        (
            MESSAGES,
            "expires_at",
            json!({ "expires_at": from_now(-5000) }),
        ),
        (
            MESSAGES,
            "expires_at",
            json!({ "expires_at": from_now(7 * DAY + 5000) }),
        ),
        (
            MESSAGES,
            "expires_at",
            json!({ "deliver_at": soon, "expires_at": soon }),
        ),
        (EVERYONE, "ttl", json!({ "ttl": 3_600_001 })),
        (
            EVERYONE,
            "expires_at",
            json!({ "expires_at": from_now(3_605_000) }),
        ),
    ] {
        let answer = post(&server, path, with(body.clone())).await;
        assert_eq!(fields(&answer), [wrong], "{body}");
    }
}

#[tokio::test]
async fn mistakes_are_named_by_field() {
    let server = Server::start(&[]).await;
    let sound = json!({ "event": "drop", "data": 1 });
    let with = |field: &str, value: Value| {
        let mut body = sound.clone();
        body[field] = value;
        body
    };
    let (long, longest) = ("x".repeat(129), "x".repeat(128));
    for (body, wrong) in [
        (json!({ "event": "drop" }), vec!["data"]),
        (json!({ "data": 1 }), vec!["event"]),
        (json!([null, "drop", 1]), vec![""]),
        (json!("drop"), vec![""]),
        (with("delay", json!(5)), vec!["delay"]),
        (with("channel", json!("c")), vec!["channel"]),
        (with("event", json!(7)), vec!["event"]),
        (with("event", json!("")), vec!["event"]),
        (with("event", json!("connect_error")), vec!["event"]),
        (with("event", json!(long)), vec!["event"]),
        (with("event", json!("é".repeat(65))), vec!["event"]),
        (with("id", json!("")), vec!["id"]),
        (with("id", json!("a/b")), vec!["id"]),
        (with("id", json!("a\n")), vec!["id"]),
        (with("id", json!(long)), vec!["id"]),
        (
            json!({ "event": "", "data": 1, "id": "é", "deliver_in": 31 * DAY, "ttl": 0 }),
            vec!["event", "id", "deliver_in", "ttl"],
        ),
    ] {
        let answer = post(&server, MESSAGES, &body).await;
        assert_eq!(fields(&answer), wrong, "{body}");
    }
    for body in [
        with("event", json!(longest)),
        with("event", json!("é".repeat(64))),
        with("id", json!(longest)),
        with("id", json!("A.b_c:d-9")),
    ] {
        assert_eq!(post(&server, MESSAGES, &body).await.status, 202, "{body}");
    }
    for path in [
        format!("{}/{long}/messages", &CHANNEL[..CHANNEL.len() - 2]),
        MESSAGES.replace("/c/", "/a%2Fb/"),
        MESSAGES.replace("/c/", "/%C3%A9/"),
    ] {
        assert_eq!(
            fields(&post(&server, &path, &sound).await),
            ["channel"],
            "{path}"
        );
    }
    assert_eq!(
        post(&server, &MESSAGES.replace("/c/", "/%FF/"), &sound)
            .await
            .status,
        400
    );
    let unknown = post(&server, &MESSAGES.replace("dropcodes", "other"), &sound).await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.text.contains("dropcodes, donations"),
        "{}",
        unknown.text
    );
    for text in [
        "",
        "{",
        r#"{"event":"drop","data":1"#,
        r#"{"event":"drop","data":1} x"#,
        "event=drop",
        r#"{"event":"drop","data":01}"#,
        r#"{"event":"drop","data":NaN}"#,
    ] {
        assert_eq!(post(&server, MESSAGES, text).await.status, 400, "{text}");
    }
    let twice = r#"{"event":"drop","data":1,"data":2}"#;
    assert_eq!(fields(&post(&server, MESSAGES, twice).await), ["data"]);
    let key = format!("ApiKey {BACKEND_KEY}");
    let auth = ("authorization", key.as_str());
    assert_eq!(
        send(&server, "POST", MESSAGES, &[auth], sound.to_string())
            .await
            .status,
        415
    );
    for (media_type, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("Application/JSON; charset=utf-8", 202),
    ] {
        let headers = [auth, ("content-type", media_type)];
        assert_eq!(
            send(&server, "POST", MESSAGES, &headers, sound.to_string())
                .await
                .status,
            status,
            "{media_type}"
        );
    }
    let latin = [auth, ("content-type", "application/json")];
    let body = b"{\"event\":\"drop\",\"data\":\"\xE9\"}".to_vec();
    assert_eq!(
        send(&server, "POST", MESSAGES, &latin, body).await.status,
        400
    );
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let server = Server::start(&[]).await;
    let body = json!({ "event": "", "data": [1], "id": "a b", "deliver_in": "soon", "ttl": -1, "colour": "red" });
    let answer = post(&server, MESSAGES, body).await;
    assert_eq!(answer.status, 422);
    let mut named = fields(&answer);
    named.sort();
    assert_eq!(
        named,
        ["colour", "deliver_in", "event", "id", "ttl"],
        "{}",
        answer.json()
    );
    let answer = post(
        &server,
        MESSAGES,
        json!({ "id": 7, "channel": "c", "ttl": 0 }),
    )
    .await;
    let mut named = fields(&answer);
    named.sort();
    assert_eq!(
        named,
        ["channel", "data", "event", "id", "ttl"],
        "{}",
        answer.json()
    );
    let body = json!({ "channel": 7, "namespaces": ["dropcodes", 1], "ttl": "x", "max_sockets": 0, "id": "i" });
    let answer = post(&server, "/v1/keys", body).await;
    let mut named = fields(&answer);
    named.sort();
    assert_eq!(
        named,
        ["channel", "id", "max_sockets", "namespaces[1]", "ttl"],
        "{}",
        answer.json()
    );
}
