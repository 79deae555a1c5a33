//! The image: a reference as registries and container runtimes read it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::FromNode;
use super::unit::{inline_schema, parsed};
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

/// What a reference is, by <https://github.com/distribution/reference>: a registry where there is
/// one, a path of small letters, a tag, a digest.
const REFERENCE: &str = concat!(
    "^",
    r"(?:(?:[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*(?:\.[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?/)?",
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*",
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?",
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    "$",
);

static IS_REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(REFERENCE).ok());

/// An image, with its tag or digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(pub String);

impl FromNode for Image {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let expected =
            "an image whose path is in lower case, `example.com/drops:1.4.2` for instance";
        parsed(node, expected, mistakes, |text| {
            let fits = IS_REFERENCE.as_ref()?.is_match(text);
            fits.then(|| Self(text.to_owned()))
        })
    }
}

inline_schema!([] Image, "Image", json_schema!({ "type": "string", "pattern": REFERENCE }));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_takes_is_an_image() {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let is_image = |text: &str| IS_REFERENCE.as_ref().expect("it compiles").is_match(text);
        for image in [
            "drops",
            "drops:1.4.2",
            "library/my_drops__x/a--b.c:V1.0_rc-2",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/drops:1",
            "localhost:5000/drops",
            "Registry.Example.com:443/drops:latest",
            "UPPER/drops",
            "[2001:db8::1]:5000/drops",
            &format!("drops@{digest}"),
            &format!("example.com/drops:1.4.2@{digest}"),
        ] {
            assert!(is_image(image), "{image}");
        }
        for other in [
            "",
            "UPPER CASE:bad tag",
            "Drops:1",
            "example.com/Drops:1",
            "example.com/drops:",
            "example.com/drops:-1",
            "drops :1",
            "drops:1 ",
            "drops\n",
            "-drops",
            "a//b",
            "https://example.com/drops:1",
            "drops@sha256:1234",
            &format!("drops:{}", "x".repeat(129)),
        ] {
            assert!(!is_image(other), "{other}");
        }
    }
}
