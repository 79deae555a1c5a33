//! What a setting is: its key, its names elsewhere, its legal range and what it is when nobody sets
//! it. The list of all settings is in [`crate::settings`].

use std::fmt;
use std::time::Duration;

use crate::Setting;
use crate::grammar::Grammar;
use crate::value::{Kind, Value, seconds};

/// A default that is known without looking anything up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// A length of time in seconds.
    Seconds(u64),
    /// A number.
    Count(u64),
    /// On or off.
    Flag(bool),
    /// A word.
    Text(&'static str),
    /// Several words.
    List(&'static [&'static str]),
    /// Nothing.
    Unset,
}

impl DefaultValue {
    /// The default as a value.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Self::Seconds(n) => Duration::from_secs(n).into(),
            Self::Count(n) => n.into(),
            Self::Flag(on) => on.into(),
            Self::Text(text) => text.into(),
            Self::List(items) => items.into(),
            Self::Unset => Value::Unset,
        }
    }
}

/// The facts about one setting.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The name that findings, flags and environment files use.
    pub key: &'static str,
    /// The name in prose.
    pub title: &'static str,
    /// The kind of value.
    pub kind: Kind,
    /// Whether an environment file has this key; the others are seen in templates and on AWS alone.
    pub in_environment_file: bool,
    /// What it means, in a sentence or two.
    pub meaning: &'static str,
    /// The server's environment variable.
    pub variable: Option<&'static str>,
    /// How the variable is written; the environment file's key is written alike.
    pub grammar: Grammar,
    /// What the server takes when its variable is not set, as it would be written; none where it
    /// then has none.
    pub default: Option<&'static str>,
    /// The attribute or property that carries it on AWS.
    pub aws: Option<&'static str>,
    /// Legal values, both ends included; milliseconds for durations.
    pub range: Option<(u64, u64)>,
    /// What AWS takes when a template says nothing.
    pub aws_default: Option<DefaultValue>,
    /// What the Socket.IO server for Node takes when it is not told.
    pub socket_io_default: Option<DefaultValue>,
}

impl Spec {
    pub(crate) const fn new(
        kind: Kind,
        key: &'static str,
        title: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            key,
            title,
            kind,
            in_environment_file: true,
            meaning,
            variable: None,
            grammar: match kind {
                Kind::Duration => Grammar::Duration,
                Kind::Bytes => Grammar::Bytes,
                Kind::Count | Kind::Mebibytes => Grammar::Count,
                Kind::Flag => Grammar::Flag,
                Kind::Text | Kind::List | Kind::Ports => Grammar::Text,
            },
            default: None,
            aws: None,
            range: None,
            aws_default: None,
            socket_io_default: None,
        }
    }

    pub(crate) const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    /// How it is written, where its kind does not say it.
    pub(crate) const fn grammar(mut self, grammar: Grammar) -> Self {
        self.grammar = grammar;
        self
    }

    /// What the server takes when its variable is not set.
    pub(crate) const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    pub(crate) const fn aws(mut self, name: &'static str) -> Self {
        self.aws = Some(name);
        self
    }

    /// A legal range in seconds.
    pub(crate) const fn seconds(mut self, low: u64, high: u64) -> Self {
        self.range = Some((low * 1000, high * 1000));
        self
    }

    /// A legal range in the setting's own unit, milliseconds for durations.
    pub(crate) const fn range(mut self, low: u64, high: u64) -> Self {
        self.range = Some((low, high));
        self
    }

    pub(crate) const fn aws_default(mut self, default: DefaultValue) -> Self {
        self.aws_default = Some(default);
        self
    }

    pub(crate) const fn socket_io(mut self, default: DefaultValue) -> Self {
        self.socket_io_default = Some(default);
        self
    }

    pub(crate) const fn not_in_file(mut self) -> Self {
        self.in_environment_file = false;
        self
    }
}

/// A value outside its setting's legal range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfRange {
    /// The setting.
    pub setting: Setting,
    /// What it was set to.
    pub value: Value,
    /// The legal values, as text: `1s to 4000s`.
    pub legal: String,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} must be {}, and is {}",
            self.setting.title(),
            self.legal,
            self.value
        )
    }
}

impl std::error::Error for OutOfRange {}

impl Setting {
    /// The name that findings, flags and environment files use: `server.ping_interval`.
    #[must_use]
    pub fn key(self) -> &'static str {
        self.spec().key
    }

    /// The name in prose: `ping interval`.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.spec().title
    }

    /// The setting with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|setting| setting.key() == key)
    }

    /// The setting that the server reads from this environment variable.
    #[must_use]
    pub fn from_variable(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|setting| setting.spec().variable == Some(name))
    }

    /// What it means, in a sentence or two.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.spec().meaning.trim()
    }

    /// The settings that the server reads from its environment, in the order of its reference.
    pub fn of_server() -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|setting| setting.spec().variable.is_some())
    }

    /// Reads the setting as the server's variable and the environment file write it.
    ///
    /// # Errors
    /// What was expected, its range included.
    ///
    /// ```
    /// use timeouts::Setting;
    /// assert!(Setting::Drain.parse("25s").is_ok());
    /// let error = Setting::Drain.parse("500ms").unwrap_err();
    /// assert_eq!(error, "expected a duration with a unit, such as 60s or 4m, from 1s to 600s");
    /// ```
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let grammar = self.spec().grammar;
        let value = grammar.parse(text);
        let what = match grammar {
            Grammar::Duration => "a duration with a unit, such as 60s or 4m,",
            Grammar::Bytes => "a number of bytes, such as 1024 or 1KiB,",
            Grammar::Count => "a whole number",
            _ => return value,
        };
        let legal = match (value, self.legal()) {
            (value, None) => return value,
            (Ok(value), _) if self.admits(value.clone()).is_ok() => return Ok(value),
            (_, Some(legal)) => legal,
        };
        Err(format!("expected {what} from {legal}"))
    }

    /// What the server takes when nothing is set, as a value.
    #[must_use]
    pub fn default_value(self) -> Option<Value> {
        self.parse(self.spec().default?).ok()
    }

    /// The legal values as text (`1s to 4000s`), where the setting has a range.
    #[must_use]
    pub fn legal(self) -> Option<String> {
        let (low, high) = self.spec().range?;
        let text = |n: u64| match self.spec().kind {
            Kind::Duration => seconds(Duration::from_millis(n)),
            _ => n.to_string(),
        };
        Some(format!("{} to {}", text(low), text(high)))
    }

    /// Checks a value against the setting's legal range.
    ///
    /// # Errors
    /// The value is outside of it. Values without an order (words, flags) are never refused.
    ///
    /// ```
    /// use std::time::Duration;
    /// use timeouts::Setting;
    /// let error = Setting::IdleTimeout.admits(Duration::from_secs(5000)).unwrap_err();
    /// assert_eq!(error.to_string(), "idle timeout must be 1s to 4000s, and is 5000s");
    /// ```
    pub fn admits(self, value: impl Into<Value>) -> Result<(), OutOfRange> {
        let value = value.into();
        let number = match &value {
            Value::Duration(d) => d.as_millis(),
            Value::Count(n) => u128::from(*n),
            _ => return Ok(()),
        };
        match self.spec().range {
            Some((low, high)) if number < u128::from(low) || number > u128::from(high) => {
                Err(OutOfRange {
                    setting: self,
                    value,
                    legal: self.legal().unwrap_or_default(),
                })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
