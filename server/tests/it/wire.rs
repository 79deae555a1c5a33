//! The schema from which the packages' types are made says what the server sends and takes.

use std::path::Path;

use serde_json::{Value, json};
use server::clock::Millis;

use crate::harness::{Client, Options, Server};

fn schema() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/wire.schema.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn words(schema: &Value, name: &str) -> Vec<String> {
    serde_json::from_value(schema["$defs"][name]["enum"].clone()).unwrap()
}

#[tokio::test]
async fn a_message_has_the_fields_of_the_schema_and_each_status_is_kept() {
    let schema = schema();
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key).unacknowledging());
    client.wait_for("connected").await;
    let statuses = words(&schema, "Status");
    assert_eq!(statuses.len(), 4);
    for status in statuses {
        let body = json!({ "event": "e", "data": 1, "id": status });
        server.publish("c", body).await;
        let got = client.wait_for("message").await;
        let message = got["message"].as_object().unwrap();
        let shape = &schema["$defs"]["Message"];
        let properties = shape["properties"].as_object().unwrap();
        for (field, property) in properties {
            let value = &message[field];
            let fits = match property["type"].as_str().unwrap() {
                "string" => value.is_string(),
                "integer" => value.is_u64(),
                "boolean" => value.is_boolean(),
                other => panic!("{other}"),
            };
            let time = property["format"] == "date-time";
            let is_time = |text: &str| text.parse::<Millis>().is_ok();
            assert!(fits && (!time || is_time(value.as_str().unwrap())), "{got}");
        }
        assert_eq!(message.len(), properties.len(), "{got}");
        assert_eq!(message.len(), shape["required"].as_array().unwrap().len());
        let said = json!(["ack", status, { "status": status }]);
        client.tell(json!({ "do": "ask", "arguments": said })).await;
        assert_eq!(client.wait_for("answer").await["answer"], "acknowledged");
        server.becomes("c", &status, "acknowledged").await;
        let stored = server.message("c", &status).await;
        assert_eq!(stored["receipts"][0]["status"], *status, "{stored}");
    }
}

#[tokio::test]
async fn events_of_clients_are_answered_with_words_of_the_schema() {
    let schema = schema();
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let mut client = Client::start(&server, &Options::new(&key));
    client.wait_for("connected").await;
    for (event, answers) in [("ack", "Acknowledged"), ("refresh", "Refreshed")] {
        let said = json!([event, "nobody-knows-it"]);
        client.tell(json!({ "do": "ask", "arguments": said })).await;
        let told = client.wait_for("answer").await;
        let word = told["answer"].as_str().unwrap().to_owned();
        assert!(words(&schema, answers).contains(&word), "{told}");
    }
}
