//! Names and other text in an environment file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::FromNode;
use super::unit::{inline_schema, parsed};
use cloudformation::diagnostic::Mistakes;
use cloudformation::node::Node;

/// Text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl FromNode for Text {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(node, "some text", mistakes, |text| {
            (!text.trim().is_empty()).then(|| Self(text.to_owned()))
        })
    }
}

inline_schema!([] Text, "Text", json_schema!({ "type": "string", "minLength": 1 }));

/// A part of a name: lower-case letters, digits and inner hyphens, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slug(pub String);

impl FromNode for Slug {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let expected = "lower-case letters, digits and inner hyphens, starting with a letter";
        parsed(node, expected, mistakes, |text| {
            is_slug(text).then(|| Self(text.to_owned()))
        })
    }
}

/// Whether a text can be part of a name.
pub(super) fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

inline_schema!([] Slug, "Slug", json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$" }));

/// An AWS region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(pub String);

impl FromNode for Region {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(
            node,
            "an AWS region, `eu-west-1` for instance",
            mistakes,
            |text| {
                let number = text
                    .rsplit_once('-')
                    .filter(|(area, _)| area.contains('-'))
                    .map(|(_, number)| number);
                let is_region =
                    is_slug(text) && number.is_some_and(|number| number.parse::<u8>().is_ok());
                is_region.then(|| Self(text.to_owned()))
            },
        )
    }
}

inline_schema!([] Region, "Region", json_schema!({ "type": "string", "pattern": "^[a-z]+(-[a-z]+)+-[0-9]+$" }));

/// An AWS account: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(pub String);

impl FromNode for Account {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(node, "an AWS account, twelve digits", mistakes, |text| {
            let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_account.then(|| Self(text.to_owned()))
        })
    }
}

inline_schema!([] Account, "Account", json_schema!({
    "anyOf": [
        { "type": "string", "pattern": "^[0-9]{12}$" },
        { "type": "integer", "minimum": 0, "maximum": 999_999_999_999_u64 },
    ]
}));

/// A bucket of S3's: 3 to 63 lower-case letters, digits, dots and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket(pub String);

impl FromNode for Bucket {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let expected = "the name of an S3 bucket: 3 to 63 lower-case letters, digits, `.` and `-`";
        parsed(node, expected, mistakes, |text| {
            let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            let fits = (3..=63).contains(&text.len())
                && text.chars().all(inner)
                && edge(text.chars().next())
                && edge(text.chars().next_back());
            fits.then(|| Self(text.to_owned()))
        })
    }
}

inline_schema!([] Bucket, "Bucket", json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$" }));

/// A path of a URL, without pattern or query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub String);

impl FromNode for Path {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        parsed(
            node,
            "a path that begins with `/`, of letters, digits and `/-_.~`",
            mistakes,
            |text| {
                let fits = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
                (text.len() > 1
                    && text.starts_with('/')
                    && !text.ends_with('/')
                    && text.chars().all(fits))
                .then(|| Self(text.to_owned()))
            },
        )
    }
}

inline_schema!([] Path, "Path", json_schema!({ "type": "string", "pattern": "^/[A-Za-z0-9/_.~-]*[A-Za-z0-9_.~-]$" }));
