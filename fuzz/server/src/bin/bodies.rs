//! Any body for each call of a backend: an answer that is no failure of the server.

#![no_main]

use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use libfuzzer_sys::fuzz_target;
use server::admission::Permit;
use server::api;
use server::delivery::Tuning;
use server::node::{Node, open_store};
use server::settings::{Environment, Settings};
use server::socketio::Gate;
use server::tasks::Tasks;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const KEY: &str = "fuzzing-backend-key-of-32-characters";
const CALLS: [&str; 4] = [
    "/v1/namespaces/dropcodes/channels/c/messages",
    "/v1/namespaces/dropcodes/messages",
    "/v1/namespaces/dropcodes/batch",
    "/v1/keys",
];

struct Variables;

impl Environment for Variables {
    fn get(&self, name: &str) -> Option<String> {
        match name {
            "BIND" | "ADMIN_BIND" => Some("127.0.0.1:0".to_owned()),
            "S2S_KEYS" => Some(KEY.to_owned()),
            _ => None,
        }
    }
}

static SERVER: LazyLock<(Runtime, Arc<Permit>, Router)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime starts");
    let settings = Settings::read(&Variables).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let node = runtime.block_on(async {
        let tasks = Tasks::new();
        let store = open_store(&settings, &tasks)
            .await
            .expect("memory is there");
        let node = Node::start(settings, store, &tasks, Tuning::default());
        node.await.expect("it starts")
    });
    let router = api::router(node.handler(), Gate::new(node.handler().clone()));
    let place = node
        .handler()
        .admission
        .connection(Ipv4Addr::LOCALHOST.into());
    (runtime, Arc::new(place.expect("there is room")), router)
});

fuzz_target!(|data: &[u8]| {
    let Some((call, body)) = data.split_first() else {
        return;
    };
    let (runtime, place, router) = &*SERVER;
    let request = Request::post(CALLS[usize::from(*call) % CALLS.len()])
        .header("authorization", format!("ApiKey {KEY}"))
        .header("content-type", "application/json")
        .extension(place.clone())
        .body(Body::from(body.to_vec()))
        .expect("the request is well formed");
    let answer = runtime.block_on(router.clone().oneshot(request));
    let Ok(answer) = answer;
    let status = answer.status();
    assert!(
        !status.is_server_error(),
        "{status}: {}",
        String::from_utf8_lossy(body)
    );
});
