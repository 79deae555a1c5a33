//! Settings that are one of a few words.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::field::{FromNode, wrong};
use super::unit::inline_schema;
use cloudformation::diagnostic::{Mistakes, nearest};
use cloudformation::node::Node;

/// Declares an enum whose variants are words of the file.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl $name {
            /// The word for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromNode for $name {
            fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
                match node.as_text() {
                    $(Some($word) => Some(Self::$variant),)*
                    _ => { mistakes.push(not_among(node, &[$($word),*])); None }
                }
            }
        }

        inline_schema!([] $name, "Choice", json_schema!({ "enum": [$($word),*] }));
    };
}

fn not_among(node: &Node, words: &[&str]) -> cloudformation::diagnostic::Mistake {
    let mistake = wrong(node, &format!("one of {}", words.join(", ")));
    match node
        .as_text()
        .and_then(|text| nearest(text, words.iter().copied()))
    {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake,
    }
}

choice! {
    /// Where an environment runs.
    Target {
        /// On AWS.
        Aws = "aws",
        /// On this machine.
        Local = "local",
    }
}

choice! {
    /// A processor architecture, by ECS's name.
    Architecture {
        /// Intel and AMD, 64 bits.
        X86 = "X86_64",
        /// ARM, 64 bits.
        Arm = "ARM64",
    }
}

choice! {
    /// Who reaches a load balancer.
    Scheme {
        /// Clients on the internet.
        InternetFacing = "internet-facing",
        /// Clients within the networks that reach the VPC.
        Internal = "internal",
    }
}

choice! {
    /// Who reaches the backends' interface.
    Api {
        /// Whoever reaches the load balancer that clients use.
        Public = "public",
        /// Both of them, each by a load balancer of its own, while backends move.
        Both = "both",
        /// Those within the networks that reach the VPC.
        Internal = "internal",
    }
}

choice! {
    /// The addresses that a load balancer has for its clients.
    IpAddressType {
        /// IPv4 alone.
        Ipv4 = "ipv4",
        /// IPv4 and IPv6.
        DualStack = "dualstack",
    }
}

/// On or off: `true` and `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(pub bool);

impl FromNode for Switch {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match node.as_text() {
            Some("true") => Some(Self(true)),
            Some("false") => Some(Self(false)),
            _ => {
                mistakes.push(wrong(node, "true or false"));
                None
            }
        }
    }
}

inline_schema!([] Switch, "Switch", json_schema!({ "type": "boolean" }));

/// The days that CloudWatch Logs offers (`RetentionInDays` of `AWS::Logs::LogGroup`).
const DAYS: [u64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// A number of days for which CloudWatch Logs can keep a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention(pub u64);

impl FromNode for Retention {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let value = node.as_u64().filter(|days| DAYS.contains(days)).map(Self);
        if value.is_none() {
            mistakes.push(wrong(
                node,
                "days that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, \
                                       90, 120, 150, 180, 365, 400, 545, 731 …",
            ));
        }
        value
    }
}

inline_schema!([] Retention, "Retention", json_schema!({ "enum": DAYS }));
