//! Every pair of the environment's options renders, and cfn-lint accepts it: one process lints all
//! templates, since its start takes longer than a template.

use std::path::Path;
use std::process::Command;

use super::{deployer, directory, project, write};

/// Options with their values: lines of an environment file.
const OPTIONS: [&[&str]; 13] = [
    &["", "tags: { team: drops }"],
    &[
        "",
        "permissions_boundary: arn:aws:iam::123456789012:policy/boundary",
    ],
    &[
        "",
        "kms_key: arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ],
    &[
        "",
        "service: { registry_credentials: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry-a1B2c3', plugin_token_keys: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:jwks-a1B2c3' }",
    ],
    &["", "hosted_zone: Z0123456789EXAMPLE"],
    &[
        "",
        "api: both",
        "api: internal",
        "api: internal\napi_domain: api.example.com",
    ],
    &[
        "",
        "load_balancer: { scheme: internal }",
        "load_balancer: { ip_address_type: dualstack }",
    ],
    &[
        "",
        "load_balancer: { access_logs: logs }",
        "load_balancer: { certificate: null }",
    ],
    &["", "network: { public_tasks: true }"],
    &[
        "",
        "server: { telemetry: emf }",
        "server: { telemetry: otlp }",
        "server: { telemetry: otlp }\nmetrics: { remote_write: 'https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write' }",
        "server: { telemetry: otlp, otlp_endpoint: 'http://collector.internal:4318' }",
    ],
    &[
        "",
        "metrics: { fetched_from: 10.0.0.0/16 }",
        "metrics: { fetched_from: sg-0f1e2d3c4b5a69788 }",
    ],
    &[
        "",
        "service: { architecture: ARM64, tasks: { min: 3, max: 9 } }",
    ],
    &[
        "store: memory",
        "store: { redis: { node_type: cache.t4g.small, replicas: 0 } }",
        "store: { redis: { shards: 3 } }",
        "store: { url: 'redis+sentinel://10.0.0.1,10.0.0.2/primary', primary_port: 6400 }",
    ],
];

/// A choice of one value for each option.
type Choice = [usize; OPTIONS.len()];

/// Choices in which every pair of values of two options stands together at least once: each next one
/// takes the values that bring most pairs that are missing.
fn choices() -> Vec<Choice> {
    let values = OPTIONS.iter().enumerate();
    let values =
        values.flat_map(|(option, list)| (0..list.len()).map(move |value| (option, value)));
    let values: Vec<_> = values.collect();
    let pairs = values
        .iter()
        .flat_map(|one| values.iter().map(move |other| (*one, *other)));
    let mut missing: Vec<_> = pairs.filter(|(one, other)| one.0 < other.0).collect();
    let mut choices = Vec::new();
    while let Some(&((a, x), (b, y))) = missing.first() {
        let mut choice: [Option<usize>; OPTIONS.len()] = [None; OPTIONS.len()];
        (choice[a], choice[b]) = (Some(x), Some(y));
        while let Some(option) = choice.iter().position(Option::is_none) {
            let brings = |value: usize| {
                let is_met = |(other, wanted): (usize, usize)| choice[other] == Some(wanted);
                let pairs = missing.iter();
                pairs
                    .filter(|(one, two)| {
                        (*one == (option, value) && is_met(*two))
                            || (*two == (option, value) && is_met(*one))
                    })
                    .count()
            };
            choice[option] = (0..OPTIONS[option].len()).max_by_key(|value| brings(*value));
        }
        let choice = choice.map(|value| value.expect("each option has a value"));
        missing.retain(|((a, x), (b, y))| choice[*a] != *x || choice[*b] != *y);
        choices.push(choice);
    }
    choices
}

/// The environment file of a choice. Lines of one section are laid over each other by `extends`.
fn environments(place: &Path, number: usize, choice: Choice) {
    let mut below = "base".to_owned();
    for (option, value) in choice.into_iter().enumerate() {
        let name = match option + 1 == OPTIONS.len() {
            true => format!("pair{number}"),
            false => format!("pair{number}-{option}"),
        };
        let text = format!("extends: {below}\n{}\n", OPTIONS[option][value]);
        write(
            &place.join("environments").join(format!("{name}.yaml")),
            &text,
        );
        below = name;
    }
}

#[test]
fn every_pair_of_options_renders_and_passes_cfn_lint() {
    let place = directory("pairwise");
    for (from, to) in [("defaults", "defaults"), ("staging", "base")] {
        let text = std::fs::read_to_string(project().join(format!("environments/{from}.yaml")));
        let path = place.join("environments").join(format!("{to}.yaml"));
        write(&path, &text.expect("it is there"));
    }
    let choices = choices();
    assert!(
        (9..30).contains(&choices.len()),
        "{} choices",
        choices.len()
    );
    let mut templates = Vec::new();
    for (number, choice) in choices.into_iter().enumerate() {
        environments(&place, number, choice);
        let name = format!("pair{number}");
        let run = deployer(&place, &["render", "--env", &name, "--format", "json"]);
        assert_eq!(run.code, 0, "{choice:?}: {run}");
        let path = place.join(format!("{name}.json"));
        write(&path, &run.stdout);
        templates.push(path);
    }
    let output = Command::new(project().join(".cache/cfn/bin/cfn-lint"))
        .args([
            "--non-zero-exit-code",
            "error",
            "--regions",
            "eu-west-1",
            "--",
        ])
        .args(&templates)
        .output()
        .expect("`make tools` installs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
