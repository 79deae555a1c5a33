//! Files of other tools that are taken for templates: what they are, and how to check them.

use cloudformation::diagnostic::Mistake;

/// A kind of file: what it is called, the keys that it begins lines with, and what to do.
struct Kind {
    what: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        what: "a plan or a state of Terraform",
        keys: &["terraform_version", "format_version"],
        help: "give it as --terraform",
    },
    Kind {
        what: "a manifest of Kubernetes",
        keys: &["apiVersion", "kind"],
        help: "`deployer probe URL` finds out what the load balancer in front does",
    },
    Kind {
        what: "a file of the Serverless Framework",
        keys: &["service", "provider"],
        help: "`serverless package` writes a template: give .serverless/\
               cloudformation-template-update-stack.json",
    },
    Kind {
        what: "a file of Docker Compose",
        keys: &["services"],
        help: "it shows no load balancer; give the template that does",
    },
];

/// What a text is, where it is no template but a file of another tool.
#[must_use]
pub fn recognise(name: &str, text: &str) -> Option<Mistake> {
    let has = |key: &str| {
        let json = format!("\"{key}\":");
        let begins = |line: &str| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(':'))
        };
        text.lines().any(begins) || (text.starts_with('{') && text.contains(&json))
    };
    if name.ends_with(".tf") || name.ends_with(".tofu") {
        return Some(mistake(
            name,
            "a configuration of Terraform",
            "give a plan of it as \
            --terraform: `terraform plan -out plan.bin`, then `terraform show -json plan.bin`",
        ));
    }
    if has("Resources") {
        return None;
    }
    let kind = KINDS
        .iter()
        .find(|kind| kind.keys.iter().all(|key| has(key)))?;
    Some(mistake(name, kind.what, kind.help))
}

fn mistake(name: &str, what: &str, help: &str) -> Mistake {
    Mistake::nowhere(format!("{name} is {what}, not a CloudFormation template")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_tools_are_named() {
        let cases = [
            (
                "main.tf",
                "resource \"aws_lb\" \"a\" {}",
                "a configuration of Terraform",
            ),
            (
                "plan.json",
                "{\"format_version\":\"1\",\"terraform_version\":\"1\"}",
                "a plan",
            ),
            ("k.yaml", "apiVersion: v1\nkind: Service\n", "Kubernetes"),
            (
                "serverless.yml",
                "service: a\nprovider:\n  name: aws\n",
                "Serverless",
            ),
            ("compose.yaml", "services:\n  web: {}\n", "Docker Compose"),
        ];
        for (name, text, what) in cases {
            let mistake = recognise(name, text).map(|mistake| mistake.message);
            assert!(
                mistake.as_ref().is_some_and(|text| text.contains(what)),
                "{mistake:?}"
            );
        }
        assert_eq!(recognise("a.yaml", "Resources: {}\nservices: {}\n"), None);
        assert_eq!(recognise("a.yaml", "words\n"), None);
    }
}
