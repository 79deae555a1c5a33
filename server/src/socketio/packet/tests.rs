use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::message::Mailbox;

fn read(text: &str) -> Option<(String, Incoming)> {
    decode(text)
}

#[test]
fn what_clients_send() {
    let ns = |incoming| Some(("dropcodes".to_owned(), incoming));
    assert_eq!(read("0/dropcodes"), ns(Incoming::Connect(None)));
    assert_eq!(
        read(r#"0/dropcodes,{"key":"k"}"#),
        ns(Incoming::Connect(Some(r#"{"key":"k"}"#.into())))
    );
    assert_eq!(read("1/dropcodes,"), ns(Incoming::Disconnect));
    assert_eq!(
        read(r#"3/dropcodes,7["id"]"#),
        ns(Incoming::Acknowledgement(
            7,
            Some(("id".into(), Outcome::Received))
        ))
    );
    assert_eq!(
        read(r#"2/dropcodes,["hello"]"#),
        ns(Incoming::Event(r#"["hello"]"#.into(), None))
    );
    assert_eq!(
        read(r#"2/dropcodes,7["ack","m"]"#),
        ns(Incoming::Event(r#"["ack","m"]"#.into(), Some(7)))
    );
    assert_eq!(read("0"), Some((String::new(), Incoming::Connect(None))));
    assert_eq!(
        read("0/dropcodes?key=k"),
        Some(("dropcodes?key=k".into(), Incoming::Connect(None)))
    );
}

#[test]
fn binary_and_broken_packets_are_nothing() {
    for text in [
        "",
        "9",
        "x",
        r#"50-["e"]"#,
        r#"51-["e",{"_placeholder":true,"num":0}]"#,
        r#"60-/n,1["i"]"#,
        "3/n,[]",
        "3/n,1{}",
        "3/n,1\"i\"",
        "2{}",
        "2/n,{}",
        "2[]",
        "2[{}]",
        "2[null]",
        "2abc[\"e\"]",
        "2/n,[\"e\"",
        "é",
        "4/n,{}",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn an_acknowledgement_names_its_message() {
    let received = |id: &str| Some(Some((id.to_owned(), Outcome::Received)));
    assert_eq!(acknowledged(r#"["a","b"]"#), received("a"));
    for (status, outcome) in [
        ("shown", Outcome::Shown),
        ("skipped", Outcome::Skipped),
        ("failed", Outcome::Failed),
        ("expired", Outcome::Expired),
        ("of a later release", Outcome::Received),
    ] {
        let said = format!(r#"["a",{{"status":"{status}","reason":1}}]"#);
        assert_eq!(acknowledged(&said), Some(Some(("a".to_owned(), outcome))));
    }
    for empty in ["[]", "[null]", "[1]"] {
        assert_eq!(acknowledged(empty), Some(None), "{empty}");
    }
    for broken in ["{}", "", "[\"a\""] {
        assert_eq!(acknowledged(broken), None, "{broken}");
    }
}

#[test]
fn an_event_acknowledges_by_its_name_and_an_id() {
    let id = acknowledged_by_event(r#"["ack","m-1"]"#);
    assert_eq!(id, Some(("m-1".to_owned(), Outcome::Received)));
    let shown = acknowledged_by_event(r#"["ack","m-1",{"status":"shown"}]"#);
    assert_eq!(shown, Some(("m-1".to_owned(), Outcome::Shown)));
    for other in [r#"["ack"]"#, r#"["ack",1]"#, r#"["nack","a"]"#, "[", ""] {
        assert_eq!(acknowledged_by_event(other), None, "{other}");
    }
    let id = in_progress_by_event(r#"["in_progress","m-1"]"#);
    assert_eq!(id.as_deref(), Some("m-1"));
    assert_eq!(in_progress_by_event(r#"["ack","m-1"]"#), None);
    assert_eq!(answer("n", 7, "acknowledged"), r#"3/n,7["acknowledged"]"#);
}

#[test]
fn astral_characters_are_escaped_and_mean_the_same() {
    let json = r#"["a\\😀","é☃",{"𝄞":1}]"#;
    let escaped = escape_astral(json.to_owned());
    assert!(escaped.chars().all(|c| c <= '\u{ffff}'), "{escaped}");
    let value = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&escaped), value(json));
}

#[test]
fn an_event_is_what_the_protocol_says() {
    let message = Message {
        mailbox: Mailbox::channel("n", "c"),
        id: "id-1".into(),
        seq: 1,
        event: "say \"hi\"".into(),
        data: RawValue::from_string(r#"{"code": "X"}"#.into()).unwrap(),
        created_at: Millis(0),
        deliver_at: Millis(1000),
        expires_at: Millis(61_000),
        digest: [0; 32],
        packet_body: OnceLock::new(),
    };
    let emission = Emission {
        message: &message,
        number: Some(3),
        sent_at: Millis(1500),
        expires_in: Duration::from_secs(60),
        redelivered: true,
    };
    let packet = with_event(&emission, |parts| parts.concat());
    let json: serde_json::Value =
        serde_json::from_str(packet.strip_prefix("2/n,3").unwrap()).unwrap();
    assert_eq!(
        json,
        json!(["say \"hi\"", { "code": "X" }, {
            "id": "id-1", "deliver_at": "1970-01-01T00:00:01.000Z", "expires_at": "1970-01-01T00:01:01.000Z",
            "sent_at": "1970-01-01T00:00:01.500Z", "expires_in": 60000, "redelivered": true,
        }])
    );
    let unasked = Emission {
        number: None,
        ..emission
    };
    let packet = with_event(&unasked, |parts| parts.concat());
    assert!(packet.starts_with("2/n,["), "{packet}");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[0-6]?[0-9]{0,3}-?(/[a-zé?=]{0,8},?)?[0-9]{0,20}.{0,40}") {
        let _ = read(&text);
    }
}
