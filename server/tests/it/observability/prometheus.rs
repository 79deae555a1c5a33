//! A real Prometheus: it takes the alerts, which fire and stay silent as they must; it fetches a
//! running server, and answers every expression of the dashboard and of the alerts.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use server::metrics::VALID_KEYS;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{run, shipped, traffic};
use crate::harness::{Server, eventually, free_port};

const DASHBOARD: &str = "grafana/holdfast.json";
const ALERTS: &str = "prometheus/alerts.yaml";

#[tokio::test]
async fn alerts_fire_and_stay_silent() {
    let directory = shipped("prometheus");
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
    ] {
        let mut promtool = Command::new("promtool");
        run(promtool.args(arguments).current_dir(&directory)).await;
    }
    let alerts = fs::read_to_string(shipped(ALERTS)).unwrap();
    assert!(alerts.contains(&format!("reason=~\"{}\"", VALID_KEYS.join("|"))));
    // Each of them, both ways.
    let tests = fs::read_to_string(directory.join("alerts_test.yaml")).unwrap();
    let names: Vec<_> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        for way in ["fires", "is silent"] {
            assert!(
                tests.contains(&format!("- name: {name} {way}\n")),
                "{name} {way}"
            );
        }
    }
}

#[tokio::test]
async fn a_prometheus_answers_every_expression_of_dashboard_and_alerts() {
    let server = Server::start(&[]).await;
    let (_, key) = server.key("c").await;
    let _client = traffic(&server, &key).await;
    let prometheus = Prometheus::start(&server).await;
    let names = eventually("two fetches", async || {
        let count = prometheus
            .query("count_over_time(up{job=\"holdfast\"}[1m])")
            .await;
        let count = count["result"][0]["value"][1].as_str()?.parse::<u32>();
        (count.unwrap() >= 2).then_some(())?;
        Some(prometheus.names().await)
    })
    .await;
    let up = prometheus.query("up{job=\"holdfast\"}").await;
    assert_eq!(up["result"][0]["value"][1], "1", "{up}");

    let dashboard = fs::read_to_string(shipped(DASHBOARD)).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            check_names(expression, &names);
            let concrete = expression
                .replace("$__rate_interval", "1m")
                .replace("$job", ".+")
                .replace("$instance", ".+");
            assert!(!concrete.contains('$'), "an unknown variable: {expression}");
            let answer = prometheus.query(&concrete).await;
            let series = answer["result"].as_array().unwrap();
            assert!(
                !series.is_empty(),
                "{}: nothing for {concrete}",
                panel["title"]
            );
            asked += 1;
        }
    }
    assert!(asked >= 15, "{asked} expressions");

    let rules = prometheus.get("/api/v1/rules", &[]).await;
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    assert!(rules.len() >= 7, "{rules:?}");
    for rule in rules {
        let expression = rule["query"].as_str().unwrap();
        check_names(expression, &names);
        prometheus.query(expression).await;
        assert_ne!(rule["health"], "err", "{rule}");
        assert_eq!(rule["state"], "inactive", "nothing is wrong: {rule}");
    }
}

/// Every metric in the expression is one that the server shows.
fn check_names(expression: &str, shown: &BTreeSet<String>) {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for name in words.filter(|word| word.starts_with("holdfast_")) {
        assert!(
            shown.contains(name),
            "the server shows no {name}: {expression}"
        );
    }
}

/// A Prometheus of its own. Killed when dropped.
struct Prometheus {
    url: String,
    http: reqwest::Client,
    _child: Child,
    _directory: TempDir,
}

impl Prometheus {
    /// One that fetches this server, with the alerts.
    async fn start(server: &Server) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  - job_name: holdfast\n    \
             static_configs: [{{ targets: ['{}'] }}]\n",
            shipped(ALERTS).display(),
            server.admin,
        );
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .kill_on_drop(true)
            .spawn()
            .expect("`make tools` installs Prometheus");
        let prometheus = Self {
            url: format!("http://{address}"),
            http: reqwest::Client::new(),
            _child: child,
            _directory: directory,
        };
        eventually("Prometheus answers", async || {
            let ready = prometheus.http.get(format!("{}/-/ready", prometheus.url));
            ready.send().await.ok()?.status().is_success().then_some(())
        })
        .await;
        prometheus
    }

    /// The names of all series.
    async fn names(&self) -> BTreeSet<String> {
        let names = self.get("/api/v1/label/__name__/values", &[]).await;
        serde_json::from_value(names).unwrap()
    }

    /// The answer to an expression; panics when that is wrong.
    async fn query(&self, expression: &str) -> Value {
        self.get("/api/v1/query", &[("query", expression)]).await
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.url), query).unwrap();
        let answer = self.http.get(url).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], "success", "{path} {query:?}: {answer}");
        answer["data"].take()
    }
}
