//! `deployer init`: what it writes is accepted as it is.

use super::{deployer, directory, project, write};

const AWS: [&str; 13] = [
    "init",
    "--region",
    "eu-west-1",
    "--prefix",
    "acme",
    "--name",
    "drops",
    "--image",
    "example.com/drops:1",
    "--vpc",
    "vpc-1",
    "--subnets",
    "subnet-1,subnet-2",
];

#[test]
fn what_it_writes_is_accepted_as_it_is() {
    let shared = [
        "--store",
        "rediss://cache.example.com:6379",
        "--certificate",
        "arn:aws:acm:eu-west-1:1:certificate/c",
    ];
    for (test, args) in [
        ("memory", AWS.to_vec()),
        ("shared", [AWS.as_slice(), &shared].concat()),
        ("redis", [AWS.as_slice(), &["--store", "redis"]].concat()),
        (
            "local",
            vec![
                "init", "--target", "local", "--prefix", "acme", "--name", "drops",
            ],
        ),
    ] {
        let directory = directory(&format!("init-{test}"));
        let run = deployer(&directory, &args);
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run}");
        let text = std::fs::read_to_string(directory.join("environments/prod.yaml"))
            .expect("it was written");
        insta::assert_snapshot!(format!("init_{test}"), text);
        let run = deployer(&directory, &["render", "--env", "prod"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run}");
    }
}

#[test]
fn every_default_can_be_taken_from_behind_its_mark() {
    let directory = directory("init-defaults");
    assert_eq!(deployer(&directory, &AWS).code, 0);
    let path = directory.join("environments/prod.yaml");
    let before = deployer(&directory, &["render", "--env", "prod"]).stdout;
    let text = std::fs::read_to_string(&path).expect("it was written");
    let open = |line: &str| match line
        .strip_prefix("  # ")
        .filter(|line| line.contains(": ") && !line.contains('…'))
    {
        Some(setting) => format!("  {setting}\n"),
        None => format!("{line}\n"),
    };
    let opened: String = text.lines().map(open).collect();
    assert!(
        opened.lines().count() == text.lines().count() && opened != text,
        "{opened}"
    );
    write(&path, &opened);
    let run = deployer(&directory, &["render", "--env", "prod"]);
    assert_eq!(
        (run.stdout, run.stderr),
        (before, String::new()),
        "defaults said aloud change nothing"
    );
}

#[test]
fn it_refuses_rather_than_ask_without_a_terminal_or_overwrite() {
    let directory = directory("init-refuses");
    insta::assert_snapshot!(
        "init_asks",
        deployer(&directory, &["init", "--region", "eu-west-1"]).to_string()
    );
    let wrong = AWS.map(|arg| if arg == "eu-west-1" { "Ireland" } else { arg });
    insta::assert_snapshot!("init_wrong", deployer(&directory, &wrong).to_string());
    assert!(
        !directory.join("environments").exists(),
        "nothing is left half done"
    );
    assert_eq!(deployer(&directory, &AWS).code, 0);
    insta::assert_snapshot!("init_again", deployer(&directory, &AWS).to_string());
    assert_eq!(
        deployer(&directory, &[AWS.as_slice(), &["--force"]].concat()).code,
        0
    );
}

#[test]
fn the_schema_in_the_project_is_the_one_it_writes() {
    let directory = directory("init-schema");
    let run = deployer(
        &directory,
        &[AWS.as_slice(), &["--output", "json"]].concat(),
    );
    assert_eq!(
        run.to_string(),
        "exit 0\n{\"schema\":1,\"written\":[\"environments/prod.yaml\",\"environments/schema.json\"]}\n"
    );
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).expect("it is there");
    let (written, kept) = (
        directory.join("environments/schema.json"),
        project().join("environments/schema.json"),
    );
    assert_eq!(
        read(written),
        read(kept),
        "`deployer init` in the project writes environments/schema.json anew"
    );
}
