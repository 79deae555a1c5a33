//! What must hold for every reading, however odd.

use std::time::Duration;

use proptest::prelude::*;
use timeouts::{Kind, RULES, Reading, Setting, Value, rule};

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("polling".to_owned()),
        Just("websocket".to_owned()),
        Just("FARGATE".to_owned()),
        Just("awsvpc".to_owned()),
        Just("redis".to_owned()),
        Just("ENABLED".to_owned()),
        Just("*".to_owned()),
        "\\PC{0,40}",
    ]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..400u64, Just(u64::MAX), any::<u64>()]
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    let set = match kind {
        Kind::Duration => prop_oneof![(0..400u64).prop_map(Duration::from_secs), any::<Duration>()]
            .prop_map(Value::from)
            .boxed(),
        Kind::Count | Kind::Bytes | Kind::Mebibytes => number().prop_map(Value::from).boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Text => word().prop_map(Value::from).boxed(),
        Kind::List => prop::collection::vec(word(), 0..4)
            .prop_map(Value::from)
            .boxed(),
        Kind::Ports => prop::collection::vec(any::<(u16, u16)>(), 0..3)
            .prop_map(Value::Ports)
            .boxed(),
    };
    prop_oneof![9 => set, 1 => Just(Value::Unset)].boxed()
}

/// Any settings, each not seen, seen, or (attributes) seen several times.
fn reading() -> impl Strategy<Value = Reading> {
    let settings: Vec<_> = Setting::ALL
        .iter()
        .map(|setting| {
            prop::collection::vec(value(setting.spec().kind), 0..3)
                .prop_map(move |values| (*setting, values))
        })
        .collect();
    settings.prop_map(|settings| {
        let mut reading = Reading::new("any");
        for (setting, value) in settings
            .into_iter()
            .flat_map(|(setting, values)| values.into_iter().map(move |value| (setting, value)))
        {
            reading.also(setting, value, "anywhere");
        }
        reading
    })
}

/// Rules that compare durations, with what they want more of and less of.
const MARGINS: &[(&str, &[Setting], &[Setting])] = {
    use Setting::*;
    &[
        (
            "idle-timeout-not-above-ping-interval",
            &[IdleTimeout],
            &[PingInterval],
        ),
        (
            "idle-timeout-below-ping-timeout",
            &[IdleTimeout],
            &[PingInterval, PingTimeout],
        ),
        (
            "keep-alive-not-above-idle-timeout",
            &[KeepAlive],
            &[IdleTimeout],
        ),
        (
            "upgrade-timeout-above-idle-timeout",
            &[IdleTimeout],
            &[UpgradeTimeout],
        ),
        (
            "slow-dead-peer-detection",
            &[],
            &[PingInterval, PingTimeout],
        ),
        (
            "proxy-in-front-shorter-than-ping",
            &[CloudFrontTimeout, NlbIdleTimeout],
            &[PingInterval],
        ),
        (
            "stickiness-shorter-than-poll",
            &[Stickiness],
            &[PingInterval, PingTimeout],
        ),
        ("stickiness-too-long", &[], &[Stickiness]),
        ("stop-timeout-not-above-drain", &[StopTimeout], &[Drain]),
        (
            "deregistration-delay-too-short",
            &[DeregistrationDelay],
            &[],
        ),
        (
            "deploy-longer-than-its-limit",
            &[],
            &[
                DeregistrationDelay,
                StopTimeout,
                HealthCheckInterval,
                StartUp,
            ],
        ),
        (
            "health-check-timeout-not-below-interval",
            &[HealthCheckInterval],
            &[HealthCheckTimeout],
        ),
        ("grace-period-too-short", &[GracePeriod], &[StartUp]),
        ("slow-ejection", &[], &[HealthCheckInterval]),
        ("hasty-ejection", &[HealthCheckInterval], &[]),
        (
            "too-many-connections-for-nofile",
            &[Nofile],
            &[ConnectionsPerTask],
        ),
        (
            "too-many-connections-for-memory",
            &[Memory],
            &[ConnectionsPerTask],
        ),
    ]
};

fn widened(reading: &Reading, more: &[Setting], less: &[Setting], by: u64) -> Reading {
    let mut wide = reading.clone();
    let shift = |value: &Value, up: bool| match (value, up) {
        (Value::Duration(d), true) => d.saturating_add(Duration::from_secs(by)).into(),
        (Value::Duration(d), false) => d.saturating_sub(Duration::from_secs(by)).into(),
        (Value::Count(n), true) => n.saturating_add(by).into(),
        (Value::Count(n), false) => n.saturating_sub(by).into(),
        (other, _) => other.clone(),
    };
    for (settings, up) in [(more, true), (less, false)] {
        for seen in settings
            .iter()
            .filter_map(|setting| reading.get(*setting).ok())
        {
            wide.see(seen.setting, shift(&seen.value, up), "wider");
        }
    }
    wide
}

#[expect(
    clippy::expect_used,
    reason = "a wrong name in the table must fail the test"
)]
/// How bad a rule's outcome is: nothing, so many warnings, so many errors.
fn badness(name: &str, reading: &Reading) -> usize {
    let rule = rule(name).expect("the table names rules");
    let found = (rule.check)(reading).unwrap_or_default();
    found
        .iter()
        .map(|violation| 1 + violation.level as usize)
        .sum()
}

proptest! {
    #[test]
    fn no_reading_makes_a_rule_panic(reading in reading()) {
        let report = timeouts::check(&reading);
        let undecided = report.not_seen.len() + report.held.len();
        prop_assert!(undecided <= RULES.len());
        for finding in &report.findings {
            prop_assert!(!finding.to_string().is_empty());
            prop_assert!(finding.rule.levels.contains(&finding.level()));
        }
        for (rule, missing) in &report.not_seen {
            prop_assert!(missing.iter().all(|setting| rule.settings.contains(setting)), "{}: {missing:?}", rule.name);
        }
    }

    #[test]
    fn what_is_hidden_never_makes_a_rule_hold(reading in reading(), which in any::<prop::sample::Index>()) {
        let settings: Vec<_> = reading.iter().map(|seen| seen.setting).collect();
        if settings.is_empty() {
            return Ok(());
        }
        let hidden = *which.get(&settings);
        let mut less = reading.clone();
        less.hide(hidden, "nobody can see it");
        for rule in RULES {
            let held = (rule.check)(&reading).is_ok_and(|found| found.is_empty());
            let holds = (rule.check)(&less).is_ok_and(|found| found.is_empty());
            prop_assert!(held || !holds, "{} without {hidden}: {reading:#?}", rule.name);
        }
    }

    #[test]
    fn widening_a_margin_never_adds_a_finding(reading in reading(), by in 0..10_000u64) {
        for (name, more, less) in MARGINS {
            let wide = widened(&reading, more, less, by);
            prop_assert!(badness(name, &wide) <= badness(name, &reading), "{name}: {reading:#?}");
        }
    }
}
