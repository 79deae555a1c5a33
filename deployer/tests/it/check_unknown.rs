//! What nobody can see never makes a rule hold that did not hold before: each value of some
//! templates is hidden, one at a time.

use std::collections::BTreeSet;

use cloudformation::node::{Call, Function, Node, Scalar, Value};
use cloudformation::template::{Inputs, Rendered, Template};
use deployer::reading::{Flags, read};

use crate::sound::{SOUND, fitting};

const PLAIN: &str = include_str!("templates/plain.yaml");

/// The rules that hold in every way that a template shows; none where nothing can be checked.
fn held(rendered: &Rendered, flags: &Flags) -> BTreeSet<&'static str> {
    let Ok(readings) = read(rendered, flags) else {
        return BTreeSet::new();
    };
    let held = readings.readings.iter().map(|reading| {
        let report = timeouts::check(reading);
        report
            .held
            .iter()
            .map(|rule| rule.name)
            .collect::<BTreeSet<_>>()
    });
    held.reduce(|all, some| &all & &some).unwrap_or_default()
}

fn hidden(node: &Node) -> Node {
    let argument = Node {
        value: Value::Scalar(Scalar::text("elsewhere")),
        origin: node.origin.clone(),
    };
    Node {
        value: Value::Call(Call {
            function: Function::ImportValue,
            argument: Box::new(argument),
        }),
        origin: node.origin.clone(),
    }
}

/// How many values a node holds, itself included.
fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(map) => map.values().map(|entry| count(&entry.node)).sum(),
        Value::Scalar(_) | Value::Call(_) => 0,
    }
}

/// Hides the value of this number, counted from the outside in.
fn hide(node: &mut Node, left: &mut usize) -> bool {
    if *left == 0 {
        *node = hidden(node);
        return true;
    }
    *left -= 1;
    match &mut node.value {
        Value::List(items) => items.iter_mut().any(|item| hide(item, left)),
        Value::Map(map) => map.values_mut().any(|entry| hide(&mut entry.node, left)),
        Value::Scalar(_) | Value::Call(_) => false,
    }
}

fn assert_hiding_is_honest(name: &str, text: &str) {
    let template = Template::parse("template.yaml", text).expect("a template");
    let rendered = template.render(&Inputs::default()).expect("it renders");
    let flags = fitting();
    let before = held(&rendered, &flags);
    for id in rendered.resources.keys() {
        let values = count(&rendered.resources[id].properties);
        for number in 0..values {
            let mut less = rendered.clone();
            let properties = &mut less.resources[id].properties;
            assert!(hide(properties, &mut number.clone()), "{id} {number}");
            let after = held(&less, &flags);
            let new: Vec<_> = after.difference(&before).collect();
            assert!(
                new.is_empty(),
                "{name}, value {number} of {id}: {new:?} hold"
            );
        }
    }
}

#[test]
fn nothing_holds_because_it_was_hidden() {
    let broken = [
        ("sound", SOUND.to_owned()),
        ("plain", PLAIN.to_owned()),
        ("idle", SOUND.replace("Value: \"120\"", "Value: \"20\"")),
        (
            "idle-range",
            SOUND.replace("Value: \"120\"", "Value: \"5000\""),
        ),
        (
            "not-sticky",
            PLAIN.replace(
                "stickiness.enabled, Value: \"true\"",
                "stickiness.enabled, Value: \"false\"",
            ),
        ),
        (
            "stuck",
            PLAIN.replace("MaximumPercent: 200", "MaximumPercent: 100"),
        ),
        (
            "port",
            SOUND.replace("ContainerPort: 3000, Target", "ContainerPort: 80, Target"),
        ),
        (
            "closed",
            SOUND.replace("FromPort: 3000, ToPort: 3000", "FromPort: 80, ToPort: 80"),
        ),
        ("size", PLAIN.replace("Memory: 512", "Memory: 4096")),
        ("stop", SOUND.replace("StopTimeout: 30", "StopTimeout: 200")),
        (
            "zones",
            PLAIN.replace(
                "Subnets: [subnet-a, subnet-b]\n      LoadB",
                "Subnets: [subnet-a]\n      LoadB",
            ),
        ),
        (
            "grpc",
            PLAIN.replace(
                "TargetType: ip",
                "TargetType: ip\n      ProtocolVersion: GRPC",
            ),
        ),
        (
            "front",
            SOUND.replace("OriginReadTimeout: 60", "OriginReadTimeout: 20"),
        ),
        (
            "store",
            SOUND.replace(
                "maxmemory-policy: noeviction",
                "maxmemory-policy: allkeys-lru",
            ),
        ),
        (
            "canary",
            PLAIN.replace(
                "DeploymentConfiguration: { Max",
                "DeploymentConfiguration: { Strategy: CANARY, BakeTimeInMinutes: 10, Max",
            ),
        ),
    ];
    for (name, text) in broken {
        assert_hiding_is_honest(name, &text);
    }
}
