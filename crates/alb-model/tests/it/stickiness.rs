//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html>

use std::time::{Duration, SystemTime};

use alb_model::{Action, Forward, Group, Weighted};

use testkit::backend::{echo, get};
use testkit::balancer::{Stack, config, group};
use testkit::stall::unless_stalled;

const HOUR: Duration = Duration::from_secs(3600);

fn sticky(duration: Duration) -> Group {
    Group {
        stickiness: Some(duration),
        ..group()
    }
}

/// "By default, an Application Load Balancer routes each request independently to a registered
/// target."
#[tokio::test]
async fn without_stickiness_requests_go_round() {
    let (a, b) = (echo().await, echo().await);
    let stack = Stack::start(config(group()), &[a.address, b.address]).await;
    let mut targets = vec![];
    for _ in 0..4 {
        let reply = get(stack.address, "/", &[]).await;
        assert_eq!(reply.cookies(), Vec::<String>::new());
        targets.push(reply.seen().target);
    }
    assert_ne!(targets[0], targets[1]);
    assert_eq!(targets[..2], targets[2..]);
}

/// "generates a cookie named AWSALB … routes the request to the same target."
#[tokio::test]
async fn the_cookie_leads_to_the_same_target() {
    let (a, b) = (echo().await, echo().await);
    let stack = Stack::start(config(sticky(HOUR)), &[a.address, b.address]).await;
    let first = get(stack.address, "/", &[]).await;
    for _ in 0..5 {
        let next = get(stack.address, "/", &[("cookie", &first.cookie("AWSALB"))]).await;
        assert_eq!(next.seen().target, first.seen().target);
    }
    let twin = get(
        stack.address,
        "/",
        &[("cookie", &first.cookie("AWSALBCORS"))],
    )
    .await;
    assert_eq!(twin.seen().target, first.seen().target);
}

/// "has its own expiry of 7 days which is non-configurable"; "use the Expires attribute … instead
/// of Max-Age"; AWSALBCORS "includes the same information … plus the SameSite attribute".
#[tokio::test]
async fn both_cookies_have_awss_attributes() {
    let a = echo().await;
    for (https, secure) in [(false, ""), (true, "; Secure")] {
        let mut config = config(sticky(Duration::from_secs(1)));
        config.listeners[0].https = https;
        let stack = Stack::start(config, &[a.address]).await;
        let cookies = get(stack.address, "/", &[]).await.cookies();
        let [plain, cors] = &cookies[..] else {
            panic!("{cookies:?}")
        };
        let value = plain
            .strip_prefix("AWSALB=")
            .unwrap()
            .split(';')
            .next()
            .unwrap();
        let expires = plain
            .split("; Expires=")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap();
        let days = httpdate::parse_http_date(expires)
            .unwrap()
            .duration_since(SystemTime::now())
            .unwrap();
        assert!(
            (7 * 86_400 - 60..=7 * 86_400).contains(&days.as_secs()),
            "{expires}"
        );
        assert_eq!(*plain, format!("AWSALB={value}; Expires={expires}; Path=/"));
        assert_eq!(
            *cors,
            format!("AWSALBCORS={value}; Expires={expires}; Path=/; SameSite=None{secure}")
        );
    }
}

/// "resets the expiry of the cookies it generates after every request", and a cookie older than the
/// stickiness duration is stale, whatever its Expires says.
#[tokio::test]
async fn the_balancer_enforces_the_duration_and_renews_it() {
    unless_stalled(|| async {
        let (a, b) = (echo().await, echo().await);
        let duration = Duration::from_millis(400);
        let stack = Stack::start(config(sticky(duration)), &[a.address, b.address]).await;
        let first = get(stack.address, "/", &[]).await;
        let mut newest = first.cookie("AWSALB");
        let began = std::time::Instant::now();
        // Renewed at each answer, the stickiness outlives its duration …
        while began.elapsed() < duration * 2 {
            tokio::time::sleep(duration / 4).await;
            let reply = get(stack.address, "/", &[("cookie", &newest)]).await;
            assert_eq!(reply.seen().target, first.seen().target);
            newest = reply.cookie("AWSALB");
        }
        // … while the first cookie has none left: both targets get their turn again.
        let stale = first.cookie("AWSALB");
        let one = get(stack.address, "/", &[("cookie", &stale)])
            .await
            .seen()
            .target;
        let two = get(stack.address, "/", &[("cookie", &stale)])
            .await
            .seen()
            .target;
        assert_ne!(one, two);
    })
    .await;
}

/// "if it refers to a target that was deregistered …, the load balancer selects a new target and
/// updates the cookie".
#[tokio::test]
async fn a_cookie_to_a_deregistered_target_gets_another() {
    let (a, b) = (echo().await, echo().await);
    let stack = Stack::start(config(sticky(HOUR)), &[a.address, b.address]).await;
    let first = get(stack.address, "/", &[]).await;
    drop(
        stack
            .balancer
            .deregister("tg", first.seen().target)
            .unwrap(),
    );
    let second = get(stack.address, "/", &[("cookie", &first.cookie("AWSALB"))]).await;
    assert_ne!(second.seen().target, first.seen().target);
    let third = get(stack.address, "/", &[("cookie", &second.cookie("AWSALB"))]).await;
    assert_eq!(third.seen().target, second.seen().target);
}

/// "If the cookie is present but cannot be decoded … the load balancer selects a new target and
/// updates the cookie".
#[tokio::test]
async fn a_cookie_of_nobodys_is_replaced() {
    let a = echo().await;
    let stack = Stack::start(config(sticky(HOUR)), &[a.address]).await;
    let reply = get(
        stack.address,
        "/",
        &[("cookie", "AWSALB=garbage; other=kept")],
    )
    .await;
    assert_eq!(reply.status, 200);
    assert_ne!(reply.cookie("AWSALB"), "");
    assert_eq!(reply.seen().headers["cookie"], "AWSALB=garbage; other=kept");
}

/// Some HTTP libraries put a value with `=` or `/` in quotes. AWS does not say what becomes of it;
/// here it cannot be decoded, the worse of the two for a client.
#[tokio::test]
async fn a_cookie_in_quotes_is_not_honoured() {
    let (a, b) = (echo().await, echo().await);
    let stack = Stack::start(config(sticky(HOUR)), &[a.address, b.address]).await;
    let first = get(stack.address, "/", &[]).await;
    let quoted = first.cookie("AWSALB").replacen('=', "=\"", 1) + "\"";
    let mut targets = vec![];
    for _ in 0..2 {
        let reply = get(stack.address, "/", &[("cookie", &quoted)]).await;
        targets.push(reply.seen().target);
    }
    assert_ne!(targets[0], targets[1]);
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#forward-actions>:
/// weights; "the load balancer … generates a cookie named AWSALBTG".
#[tokio::test]
async fn weighted_groups_share_and_stick() {
    let (a, b) = (echo().await, echo().await);
    let mut config = config(group());
    config.groups.push(Group {
        name: "other".into(),
        ..group()
    });
    let weighted = |name: &str, weight| Weighted {
        group: name.into(),
        weight,
    };
    config.listeners[0].default = Action::Forward(Forward {
        groups: vec![weighted("tg", 3), weighted("other", 1)],
        stickiness: Some(HOUR),
    });
    let mut stack = Stack::start(config, &[a.address]).await;
    stack.balancer.register("other", b.address).unwrap();
    stack
        .event(|event| format!("{event:?}").contains("Healthy"))
        .await;
    let mut to_b = vec![];
    for _ in 0..8 {
        let reply = get(stack.address, "/", &[]).await;
        if reply.seen().target == b.address {
            to_b.push(reply.cookie("AWSALBTG"));
        }
    }
    assert_eq!(to_b.len(), 2);
    for _ in 0..4 {
        let reply = get(stack.address, "/", &[("cookie", &to_b[0])]).await;
        assert_eq!(reply.seen().target, b.address);
    }
}
