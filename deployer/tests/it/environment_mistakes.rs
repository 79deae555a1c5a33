//! Every mistake that an environment file can hold has its message here, as the user sees it.

use super::{deployer, directory, write};

/// An environment that is right, to make one mistake in.
const RIGHT: &str = "\
extends: defaults
region: eu-west-1
prefix: acme
name: drops
image: example.com/drops:1
network:
  vpc: vpc-1
  subnets: [subnet-1, subnet-2]
store: memory
";

/// What `render` says of an environment file.
fn said(test: &str, text: &str) -> String {
    let directory = directory(&format!("environment-{test}"));
    write(&directory.join("environments/prod.yaml"), text);
    let run = deployer(&directory, &["render", "--env", "prod"]);
    assert_eq!(
        run.stdout, "",
        "nothing is rendered where something is wrong"
    );
    run.to_string()
}

/// What `render` says once the right environment has something more.
fn said_with(test: &str, more: &str) -> String {
    said(test, &format!("{RIGHT}{more}"))
}

#[test]
fn the_right_one_is_accepted() {
    let directory = directory("environment-right");
    write(&directory.join("environments/prod.yaml"), RIGHT);
    let run = deployer(&directory, &["render", "--env", "prod"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn an_unknown_key_names_the_nearest() {
    insta::assert_snapshot!(said_with("key", "load_balancer:\n  idle_timout: 310s\n"));
    insta::assert_snapshot!(said_with("far-key", "colour: red\n"));
}

#[test]
fn a_value_of_another_type_or_range_says_what_is_expected() {
    let server = "server:
  ping_interval: 60
  ping_timeout: 4 parsecs
  max_payload: 1KB
  drain: 20m
  path: websockets
  namespaces: dropcodes
  transports: [polling, websockets]
  log_level: loud
";
    insta::assert_snapshot!(said_with("server", server));
    let service = "service:
  cpu: lots
  memory: 512KiB
  tasks: { min: 0, max: many }
  stop_timeout: 1500ms
  log_retention_days: 31
load_balancer:
  stickiness: sometimes
  deletion_protection: 'on'
  health_check: /healthcheck
";
    insta::assert_snapshot!(said_with("service", service));
    insta::assert_snapshot!(said_with(
        "tasks",
        "service: { tasks: { min: 3, max: 2 } }\n"
    ));
}

/// The server would end with exit code 2 on each of these: in tasks that crash, on AWS.
#[test]
fn what_the_server_refuses_is_refused_before() {
    for (key, value) in [
        ("drain", "500ms"),
        ("path", "/v1/x"),
        ("namespaces", "[\"a b\"]"),
        ("namespaces", "[a, a]"),
        ("namespaces", "[\"a,b\"]"),
        ("unacknowledged_namespaces", "[alerts]"),
        ("unacknowledged_namespaces", "[donations, donations]"),
        ("cors_origins", "[example.com]"),
        ("cors_origins", "[\"https://example.com/\"]"),
        ("cors_origins", "[\"https://Example.com\"]"),
        ("cors_origins", "[\"https://example.com:443\"]"),
        ("log_level", "inof"),
    ] {
        let said = said_with("server-refuses", &format!("server:\n  {key}: {value}\n"));
        assert!(
            said.starts_with("exit 2\nerror: "),
            "{key}: {value}: {said}"
        );
        assert!(said.contains("environments/prod.yaml:11:"), "{said}");
    }
}

#[test]
fn names_are_looked_at() {
    let names = RIGHT
        .replace("acme", "Acme")
        .replace("drops\n", "drops-\n")
        .replace("eu-west-1", "Ireland");
    insta::assert_snapshot!(said("names", &names));
}

#[test]
fn an_image_is_a_reference() {
    let image = |text: &str| RIGHT.replace("example.com/drops:1", text);
    insta::assert_snapshot!(said("image-words", &image("UPPER CASE:bad tag")));
    insta::assert_snapshot!(said("image-empty", &image("\"\"")));
    let directory = directory("environment-image-flag");
    write(&directory.join("environments/prod.yaml"), RIGHT);
    for flag in ["", "UPPER CASE:bad tag"] {
        let run = deployer(&directory, &["render", "--env", "prod", "--image", flag]);
        insta::assert_snapshot!(run.to_string());
    }
}

#[test]
fn what_is_missing_is_named_all_at_once() {
    insta::assert_snapshot!(said(
        "missing",
        "extends: defaults\nregion: eu-west-1\nnetwork:\n  subnets: []\n"
    ));
    insta::assert_snapshot!(said("empty", ""));
    insta::assert_snapshot!(said_with(
        "taken-back",
        "load_balancer: { idle_timeout: ~ }\n"
    ));
}

#[test]
fn a_store_is_one_of_four() {
    for (test, store) in [
        (
            "redis",
            "{ redis: { node_type: t4g.small, replicas: 6, replica: 1 } }",
        ),
        ("mixed", "{ redis: { replicas: 1 }, url: 'rediss://cache' }"),
        ("word", "disk"),
        ("both", "{ file: /data, url: 'redis://cache' }"),
        ("http", "{ url: 'https://cache' }"),
        ("password", "{ url: 'rediss://user:secret@cache:6379' }"),
        ("host", "{ url: 'rediss://' }"),
        ("shards", "{ redis: { shards: 0 } }"),
        ("nodes", "{ redis: { shards: 90, replicas: 5 } }"),
        ("ports", "{ url: 'rediss+cluster://a:6379,b:6380' }"),
        ("sentinels", "{ url: 'redis+sentinel://a,b' }"),
        (
            "primary",
            "{ url: 'rediss+cluster://cache', primary_port: 6380 }",
        ),
    ] {
        let said = said(
            &format!("store-{test}"),
            &RIGHT.replace("store: memory", &format!("store: {store}")),
        );
        insta::assert_snapshot!(format!("store_{test}"), said);
    }
}

#[test]
fn what_yaml_has_and_we_do_not_read_is_refused() {
    for (test, text) in [
        ("twice", format!("{RIGHT}name: other\n")),
        (
            "alias",
            RIGHT.replace(
                "subnets: [subnet-1, subnet-2]",
                "subnets: &s [subnet-1, subnet-2]\n  task_subnets: *s",
            ),
        ),
        (
            "merge",
            RIGHT.replace("network:\n", "network:\n  <<: { public_tasks: true }\n"),
        ),
        ("tag", RIGHT.replace("vpc-1", "!Ref Vpc")),
        ("two-documents", format!("{RIGHT}---\n{RIGHT}")),
        ("syntax", RIGHT.replace("network:\n", "network: [\n")),
        ("tab", RIGHT.replace("  vpc", "\tvpc")),
        ("list", "- a\n".to_owned()),
    ] {
        insta::assert_snapshot!(format!("yaml_{test}"), said(&format!("yaml-{test}"), &text));
    }
}

#[test]
fn the_file_itself_must_be_there_and_readable() {
    let directory = directory("environment-file");
    write(&directory.join("environments/prod.yaml"), RIGHT);
    write(&directory.join("environments/loop.yaml"), "extends: pool\n");
    write(&directory.join("environments/pool.yaml"), "extends: loop\n");
    write(
        &directory.join("environments/base.yaml"),
        "extends: nothing\n",
    );
    std::fs::write(
        directory.join("environments/latin.yaml"),
        b"name: caf\xe9\n",
    )
    .expect("it can be written");
    for name in ["prd", "elsewhere", "./prod.yaml", "loop", "base", "latin"] {
        let said = deployer(&directory, &["render", "--env", name]).to_string();
        insta::assert_snapshot!(format!("file_{}", name.replace("./", "path_")), said);
    }
    let nothing = super::directory("environment-nothing");
    insta::assert_snapshot!(deployer(&nothing, &["render", "--env", "prod"]).to_string());
}

#[test]
fn a_program_reads_the_mistakes_as_json() {
    let directory = directory("environment-json");
    write(
        &directory.join("environments/prod.yaml"),
        &format!("{RIGHT}load_balancer: {{ idle_timout: 310, stickiness: no }}\n"),
    );
    insta::assert_snapshot!(
        deployer(&directory, &["render", "--env", "prod", "--output", "json"]).to_string()
    );
    insta::assert_snapshot!(
        deployer(&directory, &["render", "--evn", "prod", "--output", "json"]).to_string()
    );
}
