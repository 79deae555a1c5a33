//! What nobody can see never makes a rule hold that did not hold before: each value of each shape
//! of the corpus is hidden, one at a time, and each resource may not exist.

use std::collections::BTreeSet;
use std::time::Duration;

use cloudformation::node::{Call, Function, Node, Scalar, Value};
use cloudformation::template::{Condition, Inputs, Rendered, Template, Truth};
use deployer::reading::{Flags, read};
use timeouts::Setting;

use crate::check_corpus::{node, shapes};
use crate::sound::{SOUND, fitting};

const PLAIN: &str = include_str!("templates/plain.yaml");
const OWN: &str = include_str!("../../../cloudformation/service.yaml");

/// The rules that hold in every way that a template shows; none where nothing can be checked.
fn held(rendered: &Rendered, flags: &Flags) -> BTreeSet<&'static str> {
    let Ok(readings) = read(rendered, flags) else {
        return BTreeSet::new();
    };
    let held = readings.readings.iter().map(|reading| {
        let report = timeouts::check(reading);
        let held = report.held.iter().map(|rule| rule.name);
        held.collect::<BTreeSet<_>>()
    });
    held.reduce(|all, some| &all & &some).unwrap_or_default()
}

fn call(function: Function, argument: Value, like: &Node) -> Node {
    let origin = || like.origin.clone();
    let argument = Box::new(Node::new(argument, origin()));
    Node::new(Value::Call(Call { function, argument }), origin())
}

fn text(text: &str) -> Value {
    Value::Scalar(Scalar::text(text))
}

/// What another stack knows.
fn elsewhere(node: &Node) -> Node {
    call(Function::ImportValue, text("elsewhere"), node)
}

/// The same where a condition holds that only AWS knows, and nothing otherwise.
fn perhaps(node: &Node) -> Node {
    let nothing = call(Function::Ref, text("AWS::NoValue"), node);
    let condition = Node::new(text("Unknown"), node.origin.clone());
    let branches = Value::List(vec![condition, node.clone(), nothing]);
    call(Function::If, branches, node)
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
fn hide(node: &mut Node, left: &mut usize, hidden: fn(&Node) -> Node) -> bool {
    if *left == 0 {
        *node = hidden(node);
        return true;
    }
    *left -= 1;
    match &mut node.value {
        Value::List(items) => items.iter_mut().any(|item| hide(item, left, hidden)),
        Value::Map(map) => {
            let mut nodes = map.values_mut().map(|entry| &mut entry.node);
            nodes.any(|node| hide(node, left, hidden))
        }
        Value::Scalar(_) | Value::Call(_) => false,
    }
}

/// Every template that knows one thing less, and what that is.
fn lesser(rendered: &Rendered) -> impl Iterator<Item = (String, Rendered)> {
    let forms: [fn(&Node) -> Node; 2] = [elsewhere, perhaps];
    let ids = rendered.resources.keys();
    let values = ids.clone().flat_map(move |id| {
        let numbers = 0..count(&rendered.resources[id].properties);
        let both = numbers.flat_map(move |number| forms.map(|form| (number, form)));
        both.map(move |(number, form)| {
            let mut less = rendered.clone();
            let properties = &mut less.resources[id].properties;
            assert!(hide(properties, &mut number.clone(), form), "{id} {number}");
            let what = format!("value {number} of {id}, {:?}", form(properties).kind_name());
            (what, less)
        })
    });
    let existence = ids.map(|id| {
        let mut less = rendered.clone();
        less.resources[id].condition = Some(Condition {
            name: "Unknown".to_owned(),
            truth: Truth::Unknown,
        });
        (format!("the existence of {id}"), less)
    });
    values.chain(existence)
}

/// What holds although it was hidden.
fn dishonest(name: &str, text: &str, flags: &Flags) -> Vec<String> {
    let template = Template::parse("template.yaml", text).expect("a template");
    let rendered = template.render(&Inputs::default()).expect("it renders");
    let before = held(&rendered, flags);
    let mut found = Vec::new();
    for (what, less) in lesser(&rendered) {
        let after = held(&less, flags);
        let new: Vec<_> = after.difference(&before).collect();
        if !new.is_empty() {
            found.push(format!("{name}, {what}: {new:?} hold"));
        }
    }
    found
}

/// A server that breaks what rules about it ask for.
fn unfit() -> Flags {
    let mut flags = fitting();
    for (setting, seconds) in [
        (Setting::PingInterval, 200),
        (Setting::KeepAlive, 20),
        (Setting::Drain, 100),
        (Setting::StartUp, 600),
    ] {
        flags.set(setting, Duration::from_secs(seconds), "the command line");
    }
    flags.set(Setting::ConnectionsPerTask, 2_000_000, "the command line");
    flags.set(Setting::Store, "memory", "the command line");
    flags
}

#[test]
fn nothing_holds_because_it_was_hidden() {
    let broken = [
        ("idle", SOUND.replace("Value: \"120\"", "Value: \"20\"")),
        (
            "port",
            SOUND.replace("ContainerPort: 3000, Target", "ContainerPort: 80, Target"),
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
        (
            "cookie of the application",
            PLAIN.replace(
                "stickiness.lb_cookie.duration_seconds, Value: \"3600\"",
                "stickiness.app_cookie.duration_seconds, Value: \"20\" }\n        \
                 - { Key: stickiness.type, Value: app_cookie",
            ),
        ),
        (
            "alarms that are off",
            PLAIN.replace("Alarms: { Enable: true", "Alarms: { Enable: false"),
        ),
        ("our own", OWN.to_owned()),
    ];
    let broken = broken.map(|(name, text)| (name, text, fitting()));
    let sound = [
        ("sound, unfit", SOUND.to_owned(), unfit()),
        ("plain, unfit", PLAIN.to_owned(), unfit()),
    ];
    let shapes = shapes().map(|(name, text)| (name, text, node()));
    let all = broken.into_iter().chain(sound).chain(shapes);
    let found: Vec<_> = all
        .flat_map(|(name, text, flags)| dishonest(name, &text, &flags))
        .collect();
    assert_eq!(found, [""; 0]);
}
