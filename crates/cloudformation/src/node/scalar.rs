//! A scalar keeps the text as it was written: CloudFormation passes all of them as strings, and
//! `012` is an account's start to one reader and ten to another.

/// A scalar: its text, and what a YAML reader takes it for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scalar {
    /// The text as written, without quotes.
    pub text: String,
    /// What it is.
    pub kind: Kind,
}

/// What a scalar is by YAML's core schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A string, quoted or not.
    Text,
    /// A whole or decimal number.
    Number,
    /// `true` or `false`.
    Bool,
    /// Nothing, `~` or `null`.
    Null,
}

impl Kind {
    /// What a person calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Null => "nothing",
        }
    }
}

impl Scalar {
    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            kind: Kind::Text,
        }
    }

    /// What an unquoted scalar of a template is taken for: CloudFormation reads YAML 1.1, which has
    /// more truth values.
    #[must_use]
    pub fn plain_in_template(text: &str) -> Self {
        match text {
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Self::plain("true"),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" => Self::plain("false"),
            _ => Self::plain(text),
        }
    }

    /// What an unquoted scalar is taken for.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        let kind = match text {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Kind::Bool,
            _ if is_number(text) => Kind::Number,
            _ => Kind::Text,
        };
        Self {
            text: text.to_owned(),
            kind,
        }
    }
}

/// Whether JSON has this number too. `1_000`, `0x10`, `+1`, `.5`, `012` and `1:30` are numbers to
/// some YAML reader or other; they stay text, which is how CloudFormation passes them on.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    numeric && !leading_zero && serde_json::from_str::<serde_json::Number>(text).is_ok()
}
