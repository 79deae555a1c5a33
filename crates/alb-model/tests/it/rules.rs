//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html>

use alb_model::{
    Action, Balancer, Condition, Config, Error, Fixed, Forward, Listener, QueryPair, Redirect, Rule,
};

use testkit::backend::get;
use testkit::balancer::{Stack, config, group};

fn answer(body: &str) -> Action {
    Action::Fixed(Fixed {
        status: 200,
        content_type: "text/plain".into(),
        body: body.into(),
    })
}

async fn stack(rules: Vec<Rule>, default: Action) -> Stack {
    let listener = Listener {
        https: false,
        rules,
        default,
    };
    Stack::start(
        Config {
            listeners: vec![listener],
            ..config(group())
        },
        &[],
    )
    .await
}

fn rule(priority: u32, conditions: Vec<Condition>) -> Rule {
    Rule {
        priority,
        conditions,
        action: answer(&priority.to_string()),
    }
}

/// "Rules are evaluated in priority order, from the lowest value to the highest value. The default
/// rule is evaluated last."
#[tokio::test]
async fn the_lowest_priority_number_wins() {
    let path = |pattern: &str| vec![Condition::Path(vec![pattern.into()])];
    let rules = vec![
        rule(20, path("/a/*")),
        rule(3, path("/a/b")),
        rule(100, path("/a/*")),
    ];
    let stack = stack(rules, answer("default")).await;
    for (path, expected) in [
        ("/a/b", "3"),
        ("/a/c?x=/a/b", "20"),
        ("/A/b", "default"),
        ("/", "default"),
    ] {
        assert_eq!(get(stack.address, path, &[]).await.body, expected, "{path}");
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>
#[tokio::test]
async fn every_condition_of_a_rule_must_hold() {
    let conditions = vec![
        Condition::Host(vec!["*.Example.com".into()]),
        Condition::Method(vec!["GET".into(), "POST".into()]),
        Condition::Header {
            name: "User-Agent".into(),
            values: vec!["*plugin*".into()],
        },
        Condition::Query(vec![QueryPair {
            key: Some("version".into()),
            value: "v1".into(),
        }]),
        Condition::SourceIp(vec!["127.0.0.0/8".parse().unwrap()]),
    ];
    let stack = stack(vec![rule(1, conditions)], answer("default")).await;
    let asks = |host: &'static str, agent: &'static str| [("host", host), ("user-agent", agent)];
    for (path, headers, expected) in [
        (
            "/?a=b&Version=V1",
            asks("drops.example.COM:8080", "OBS Plugin/1"),
            "1",
        ),
        (
            "/?version=v2",
            asks("drops.example.com", "plugin"),
            "default",
        ),
        ("/?version=v1", asks("example.com", "plugin"), "default"),
        ("/?version=v1", asks("drops.example.com", "curl"), "default"),
    ] {
        assert_eq!(
            get(stack.address, path, &headers).await.body,
            expected,
            "{path} {headers:?}"
        );
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#redirect-actions>
#[tokio::test]
async fn redirects_keep_what_they_do_not_change() {
    let https = Redirect {
        protocol: "HTTPS".into(),
        port: "443".into(),
        ..Redirect::default()
    };
    let moved = Redirect {
        permanent: false,
        host: "new.#{host}".into(),
        path: "/v2/#{path}".into(),
        query: "a=#{query}".into(),
        ..Redirect::default()
    };
    let moves = Rule {
        priority: 1,
        conditions: vec![Condition::Path(vec!["/old/*".into()])],
        action: Action::Redirect(moved),
    };
    let stack = stack(vec![moves], Action::Redirect(https)).await;
    let reply = get(stack.address, "/x/y?q=1", &[("host", "drops.example.com")]).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (301, "https://drops.example.com:443/x/y?q=1")
    );
    let reply = get(stack.address, "/old/y?q=1", &[("host", "example.com")]).await;
    let port = stack.address.port();
    assert_eq!(
        (reply.status, reply.header("location")),
        (
            302,
            &*format!("http://new.example.com:{port}/v2/old/y?a=q=1")
        )
    );
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#fixed-response-actions>
#[tokio::test]
async fn a_fixed_response_is_given_as_it_is() {
    let fixed = Fixed {
        status: 404,
        content_type: "application/json".into(),
        body: "{}".into(),
    };
    let stack = stack(vec![], Action::Fixed(fixed)).await;
    let reply = get(stack.address, "/", &[]).await;
    assert_eq!(
        (reply.status, reply.header("content-type"), &*reply.body),
        (404, "application/json", "{}")
    );
}

#[test]
fn an_action_to_an_unknown_group_is_refused() {
    let mut config = config(group());
    config.listeners[0].default = Action::Forward(Forward::to("missing"));
    assert_eq!(
        Balancer::new(config).err(),
        Some(Error::UnknownGroup("missing".into()))
    );
}
