//! `api: internal`: backends have a load balancer of their own within the VPC, and the one that
//! clients use refuses their interface.

use serde_json::{Value, json};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use crate::deploy::{PATIENCE, Site};
use crate::local::stack::Stack;
use crate::running::command;
use crate::{deployer, directory, lint, project, write};

const INTERNAL: &str = "api: internal";
const WITH_NAME: &str = "api: internal\napi_domain: api.staging.example.com\n\
                         hosted_zone: Z0123456789EXAMPLE";

/// A directory with the shipped environments, and `test` on top of one of them.
fn environments(name: &str, base: &str, more: &str) -> std::path::PathBuf {
    let directory = directory(name);
    for file in ["defaults", "staging", "prod"] {
        let path = project().join(format!("environments/{file}.yaml"));
        let text = std::fs::read_to_string(path).expect("it is there");
        write(&directory.join(format!("environments/{file}.yaml")), &text);
    }
    let text = format!("extends: {base}\n{more}\n");
    write(&directory.join("environments/test.yaml"), &text);
    directory
}

fn rendered(name: &str, base: &str, more: &str) -> (Value, std::path::PathBuf) {
    let directory = environments(name, base, more);
    let run = deployer(&directory, &["render", "--env", "test", "--format", "json"]);
    assert_eq!(run.code, 0, "{run}");
    let path = directory.join("rendered.json");
    write(&path, &run.stdout);
    (serde_json::from_str(&run.stdout).expect("JSON"), path)
}

#[test]
fn backends_have_a_way_of_their_own() {
    let (plain, _) = rendered("api-plain", "staging", INTERNAL);
    let (named, _) = rendered("api-named", "staging", WITH_NAME);
    let (public, _) = rendered("api-public", "staging", "api: public");
    let properties = |of: &Value, name: &str| of["Resources"][name]["Properties"].clone();
    assert_eq!(properties(&plain, "ApiALB")["Scheme"], "internal");
    let listener = properties(&plain, "ApiListener");
    assert_eq!(
        (&listener["Port"], &listener["Protocol"]),
        (&json!(80), &json!("HTTP"))
    );
    let listener = properties(&named, "ApiListener");
    assert_eq!(
        (&listener["Port"], &listener["Protocol"]),
        (&json!(443), &json!("HTTPS"))
    );
    assert!(listener["Certificates"].is_array(), "{listener:#}");
    assert_eq!(
        named["Outputs"]["ApiUrl"]["Value"],
        "https://api.staging.example.com"
    );
    assert_eq!(
        properties(&named, "ApiAlias")["Name"],
        "api.staging.example.com"
    );
    for template in [&plain, &named] {
        let refusal = properties(template, "ApiRefusal");
        let paths = &refusal["Conditions"][0]["PathPatternConfig"]["Values"];
        assert_eq!(paths, &json!(["/v1", "/v1/*", "/openapi.json"]));
        assert_eq!(refusal["Actions"][0]["Type"], "fixed-response");
        let service = properties(template, "ServiceRule")["Priority"].as_u64();
        assert!(refusal["Priority"].as_u64() < service, "it comes first");
        let targets = properties(template, "Service")["LoadBalancers"].clone();
        assert_eq!(targets.as_array().map(Vec::len), Some(2), "{targets}");
        let [clients, backends] = ["ECSTG", "ApiTG"].map(|name| properties(template, name));
        assert_ne!(clients["Name"], backends["Name"]);
    }
    // While backends move, both are there.
    let (both, _) = rendered("api-both", "staging", "api: both");
    assert!(both["Resources"]["ApiALB"].is_object() && both["Resources"]["ApiRefusal"].is_null());
    // Whoever has it public keeps what he has.
    let names = public["Resources"].as_object().expect("resources").keys();
    let own: Vec<_> = names.filter(|name| name.starts_with("Api")).collect();
    assert!(own.is_empty(), "{own:?}");
    assert_eq!(public["Outputs"]["ApiUrl"], Value::Null);
}

#[test]
fn the_linters_accept_it() {
    let cases = [
        ("api-lint-plain", "staging", INTERNAL),
        (
            "api-lint-named",
            "prod",
            "api: internal\napi_domain: api.example.com",
        ),
    ];
    let paths = cases.map(|(name, base, more)| rendered(name, base, more).1);
    lint::accepted(&paths);
}

/// What `check` finds, without the names of resources and places.
fn findings(name: &str, base: &str, more: &str) -> (i32, Value) {
    let directory = environments(name, base, more);
    let run = deployer(&directory, &["check", "--env", "test", "--output", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let found = report["findings"].as_array().expect("findings").iter();
    let found = found.map(|one| json!([one["rule"], one["level"], one["message"]]));
    (
        run.code,
        json!([
            found.collect::<Vec<_>>(),
            report["held"],
            report["not_seen"]
        ]),
    )
}

#[test]
fn every_rule_finds_the_same_with_two_load_balancers() {
    let defects = [
        ("sound", ""),
        ("idle", "load_balancer: { idle_timeout: 50s }"),
        ("sticky", "load_balancer: { stickiness: off }"),
        ("tls", "load_balancer: { certificate: ~ }"),
        ("keep-alive", "server: { keep_alive: 100s }"),
        (
            "drain",
            "server: { drain: 90s }\nload_balancer: { deregistration_delay: 5s }",
        ),
        (
            "path",
            "load_balancer: { health_check: { path: /nowhere } }",
        ),
        (
            "files",
            "service: { memory: 512, connections_per_task: 60000 }",
        ),
    ];
    let mut sound = Vec::new();
    for (name, defect) in defects {
        let each = ["staging", "prod"].map(|base| {
            let with = |api: &str| {
                let test = format!("api-check-{api}-{base}-{name}");
                findings(&test, base, &format!("api: {api}\n{defect}"))
            };
            let (public, internal) = (with("public"), with("internal"));
            assert_eq!(public, internal, "{base}, {name}");
            public
        });
        match name {
            "sound" => sound = each.to_vec(),
            _ => assert_ne!(each.to_vec(), sound, "{name} is no defect"),
        }
    }
}

#[tokio::test]
async fn it_is_deployed_and_live_fits() {
    let site = Site::new("api-internal", INTERNAL);
    let up = site.up(&[]).await;
    assert_eq!(up.code, 0, "{up}");
    assert!(
        up.stderr.contains("nothing differs from the template"),
        "{up}"
    );
    let stack = site.stack().await.expect("a stack");
    let outputs = stack.outputs().iter();
    let mut urls = outputs.filter(|output| output.output_key() == Some("ApiUrl"));
    let url = urls.next().and_then(|output| output.output_value());
    assert!(url.is_some_and(|url| url.starts_with("http://")), "{url:?}");
    let again = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(again.code, 0, "{again}");

    // And back.
    site.environment("api: public");
    let back = site.up(&[]).await;
    assert_eq!(back.code, 0, "{back}");
    let groups = site.balancers().describe_target_groups().send().await;
    assert_eq!(groups.expect("groups").target_groups().len(), 1);
}

#[tokio::test]
async fn the_certificate_and_the_zone_must_cover_its_name() {
    let named = "api: internal\napi_domain: api.example.org\nhosted_zone: Z0123456789EXAMPLE";
    let site = Site::new("api-name", named);
    let plan = site.run(&["plan", "--env", "staging"]).await;
    for words in [
        "the certificate is for drops.staging.example.com, and not for api.example.org",
        "api.example.org is not within the hosted zone",
        "or correct `api_domain`",
    ] {
        assert!(
            plan.stdout.contains(words) || plan.stderr.contains(words),
            "{words}: {plan}"
        );
    }
}

async fn status_of(url: &str, path: &str) -> u16 {
    let address = url.parse().expect("an address");
    let (headers, body) = (http::HeaderMap::new(), bytes::Bytes::new());
    let what = (http::Method::GET, path);
    let reply = socketio_client::request(&address, what, &headers, body, PATIENCE).await;
    reply.expect("an answer").status
}

#[tokio::test]
async fn the_local_stack_serves_both() {
    let stack = Stack::start("extends: local\napi: internal\n").await;
    let text = |name: &str| stack.ready[name].as_str().expect("a URL").to_owned();
    let (clients, backends) = (text("url"), text("api_url"));
    assert_ne!(clients, backends);
    let handshake = "/websockets/?EIO=4&transport=polling";
    for (path, at_clients, at_backends) in [
        ("/v1/keys", 404, 401),
        ("/openapi.json", 404, 200),
        ("/healthcheck", 200, 200),
        (handshake, 200, 404),
    ] {
        assert_eq!(
            status_of(&clients, path).await,
            at_clients,
            "{path} for clients"
        );
        assert_eq!(
            status_of(&backends, path).await,
            at_backends,
            "{path} for backends"
        );
    }
    // Each verb finds the address that it needs, by either.
    let base = stack.directory.path();
    for url in [&clients, &backends] {
        let mut watch = command(base);
        watch.args(["listen", "--url", url, "--channel", "demo", "--count", "1"]);
        let mut watch = watch
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(watch.stderr.take().expect("it is piped")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time");
        let line = line.expect("it is text").expect("it goes on");
        assert!(line.contains(&format!("connected to {clients}")), "{line}");
        for verb in [
            &["send", "--url", url, "hello"][..],
            &["why", "demo", "--url", url],
        ] {
            let run = command(base).args(verb).kill_on_drop(true).output();
            let run = timeout(PATIENCE, run).await.expect("it ends");
            let run = run.expect("the binary runs");
            let said = String::from_utf8_lossy(&run.stderr);
            assert_eq!(run.status.code(), Some(0), "{verb:?}: {said}");
        }
        let ended = timeout(PATIENCE, watch.wait()).await.expect("it ends");
        assert!(ended.expect("it ran").success());
    }
}
