//! `deployer render` for the environments that the project ships.

use super::{deployer, directory, project, write};

#[test]
fn the_template_that_was_chosen_is_named() {
    let directory = directory("render-chosen");
    let shipped = |name: &str| std::fs::read_to_string(project().join(name)).expect("it is there");
    for name in ["environments/prod.yaml", "environments/defaults.yaml"] {
        write(&directory.join(name), &shipped(name));
    }
    let check = || deployer(&directory, &["check", "--env", "prod"]).stderr;
    assert_eq!(
        check(),
        "template: cloudformation/service.yaml (built in)\n"
    );
    let own = "cloudformation/service.yaml";
    write(&directory.join(own), &shipped(own));
    assert_eq!(check(), "template: cloudformation/service.yaml\n");
    let named = deployer(&directory, &["check", "--env", "prod", "--template", own]);
    assert_eq!(named.stderr, "");
}

#[test]
fn each_environment() {
    for environment in ["local", "staging", "prod"] {
        let run = deployer(&project(), &["render", "--env", environment]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{environment}");
        insta::assert_snapshot!(environment, run.stdout);
    }
}

#[test]
fn both_formats_say_the_same_again_and_again() {
    let yaml = || deployer(&project(), &["render", "--env", "prod"]).stdout;
    assert_eq!(yaml(), yaml());
    let json = deployer(&project(), &["render", "--env", "prod", "--format", "json"]).stdout;
    let directory = directory("render-formats");
    write(&directory.join("prod.json"), &json);
    write(&directory.join("prod.yaml"), &yaml());
    let again = |file| {
        deployer(
            &directory,
            &["render", "--template", file, "--format", "json"],
        )
        .stdout
    };
    assert_eq!(
        again("prod.json"),
        json,
        "a rendered template renders to itself"
    );
    assert_eq!(
        again("prod.yaml"),
        json,
        "YAML and JSON are the same template"
    );
}

#[test]
fn output_json_is_one_document() {
    let run = deployer(&project(), &["render", "--env", "prod", "--output", "json"]);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("it is JSON");
    assert_eq!(
        (run.code, &document["schema"], &document["environment"]),
        (0, &1.into(), &"prod".into())
    );
    assert_eq!(
        document["template"]["Resources"]["ECSALB"]["Properties"]["Scheme"],
        "internet-facing"
    );
}

#[test]
fn an_image_and_a_template_may_be_given() {
    let run = deployer(
        &project(),
        &["render", "--env", "prod", "--image", "example.com/drops:2"],
    );
    assert!(run.stdout.contains("Image: example.com/drops:2"), "{run}");
    let run = deployer(
        &project(),
        &[
            "render",
            "--template",
            "cloudformation/service.yaml",
            "--region",
            "eu-north-1",
        ],
    );
    assert!(
        run.stderr
            .contains("`Prefix` has no value and stays `!Ref Prefix`"),
        "{run}"
    );
    assert!(run.stdout.contains("awslogs-region: eu-north-1"), "{run}");
    let run = deployer(
        &project(),
        &["render", "--env", "prod", "--parameter", "Prefix=x"],
    );
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run}");
}
