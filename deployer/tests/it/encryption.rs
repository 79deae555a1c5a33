//! What the template makes of a KMS key and of credentials for a registry, and that it stays as it
//! was without them.

use serde_json::{Value, json};

use super::{deployer, directory, lint, project, write};

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const REGISTRY: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry-a1B2c3";

/// The shipped staging with a store of its own and these lines, rendered; and its file.
fn rendered(test: &str, more: &str) -> (Value, std::path::PathBuf) {
    let directory = directory(test);
    for (from, to) in [("defaults", "defaults"), ("staging", "base")] {
        let path = project().join(format!("environments/{from}.yaml"));
        let text = std::fs::read_to_string(path).expect("it is there");
        write(&directory.join(format!("environments/{to}.yaml")), &text);
    }
    let text = format!("extends: base\nstore: redis\n{more}\n");
    write(&directory.join("environments/team.yaml"), &text);
    let arguments = ["render", "--env", "team", "--format", "json"];
    let run = deployer(&directory, &arguments);
    assert_eq!(run.code, 0, "{run}");
    let path = directory.join("rendered.json");
    write(&path, &run.stdout);
    let template = serde_json::from_str(&run.stdout).expect("a template");
    (template, path)
}

/// The statements of the role with which ECS starts tasks.
fn statements(template: &Value) -> Vec<Value> {
    let role = &template["Resources"]["ExecutionRole"]["Properties"];
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array();
    statements.expect("statements").clone()
}

/// The secrets that this role reads.
fn secrets(template: &Value) -> Value {
    let statements = statements(template).into_iter();
    let mut reads = statements.filter(|one| one["Action"] == "secretsmanager:GetSecretValue");
    reads.next().expect("one")["Resource"].clone()
}

#[test]
fn without_either_nothing_speaks_of_keys_or_registries() {
    let (template, _) = rendered("encryption-none", "");
    let text = template["Resources"].to_string();
    assert!(
        !text.contains("KmsKeyId") && !text.contains("kms:"),
        "{text}"
    );
    assert!(!text.contains("RepositoryCredentials"), "{text}");
}

#[test]
fn the_key_encrypts_what_the_stack_keeps_and_ecs_uses_it() {
    let (template, path) = rendered("encryption-key", &format!("kms_key: {KEY}"));
    for resource in ["BackendKeys", "LogGroup", "StoreUserSecret", "StoreGroup"] {
        let key = &template["Resources"][resource]["Properties"]["KmsKeyId"];
        assert_eq!(key, KEY, "{resource}");
    }
    let store = &template["Resources"]["StoreGroup"]["Properties"];
    assert_eq!(store["AtRestEncryptionEnabled"], json!(true));
    let of_key = |one: &Value| one.to_string().contains("kms:");
    let of_key: Vec<_> = statements(&template).into_iter().filter(of_key).collect();
    let services = [
        "secretsmanager.eu-west-1.amazonaws.com",
        "logs.eu-west-1.amazonaws.com",
    ];
    let expected = json!({
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": KEY,
        "Condition": { "StringEquals": { "kms:ViaService": services } },
    });
    assert_eq!(of_key, [expected]);
    // The task's own role has no use of it.
    let task_role = template["Resources"]["TaskRole"].to_string();
    assert!(!task_role.contains("kms:"), "{task_role}");
    lint::accepted(&[path]);
}

#[test]
fn the_image_is_pulled_with_the_credentials_and_ecs_reads_them() {
    let more = format!("kms_key: {KEY}\nservice: {{ registry_credentials: '{REGISTRY}' }}");
    let (template, path) = rendered("encryption-registry", &more);
    let definition = &template["Resources"]["TaskDefinition"]["Properties"];
    let credentials = &definition["ContainerDefinitions"][0]["RepositoryCredentials"];
    assert_eq!(credentials, &json!({ "CredentialsParameter": REGISTRY }));
    let read = secrets(&template);
    assert!(
        read.as_array().expect("a list").contains(&json!(REGISTRY)),
        "{read:#}"
    );
    lint::accepted(&[path]);
}

#[test]
fn the_set_of_token_keys_may_be_a_secret() {
    const SET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:jwks-a1B2c3";
    let more = format!("service: {{ plugin_token_keys: '{SET}' }}");
    let (template, path) = rendered("encryption-token-keys", &more);
    let definition = &template["Resources"]["TaskDefinition"]["Properties"];
    let container = &definition["ContainerDefinitions"][0];
    let given = json!({ "Name": "PLUGIN_TOKEN_KEYS", "ValueFrom": SET });
    let list = |of: &Value| of.as_array().expect("a list").clone();
    assert!(
        list(&container["Secrets"]).contains(&given),
        "{container:#}"
    );
    assert!(list(&secrets(&template)).contains(&json!(SET)));
    lint::accepted(&[path]);
}
