//! What was seen of a system: each setting at its place, or not at all. Rules compare readings,
//! wherever they are from.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Setting;
use crate::place::Place;
use crate::setting::DefaultValue;
use crate::value::Value;

/// A setting that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Which.
    pub setting: Setting,
    /// What it was set to.
    pub value: Value,
    /// Where.
    pub place: Place,
}

/// A seen setting, its value in the type that a rule compares.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a, T> {
    /// The value.
    pub value: T,
    /// What was seen, for the report.
    pub seen: &'a Seen,
}

/// The settings that a rule would have needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSeen(pub Vec<Setting>);

/// What was seen of one load balancer and the service behind it.
///
/// ```
/// use std::time::Duration;
/// use timeouts::{Place, Reading, Setting};
///
/// let mut reading = Reading::new("this server");
/// reading.see(Setting::PingInterval, Duration::from_secs(60), Place::variable(Setting::PingInterval));
/// reading.see(Setting::IdleTimeout, Duration::from_secs(60), "arn:aws:elasticloadbalancing:…");
/// let report = timeouts::check(&reading);
/// assert_eq!(report.findings[0].rule.name, "idle-timeout-not-above-ping-interval");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    subject: String,
    seen: BTreeMap<Setting, Vec<Seen>>,
    hidden: BTreeMap<Setting, String>,
    partly: BTreeMap<Setting, String>,
}

impl Reading {
    /// An empty reading of something, named as a person would (`service ECSService behind ECSALB`).
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            seen: BTreeMap::new(),
            hidden: BTreeMap::new(),
            partly: BTreeMap::new(),
        }
    }

    /// What was read.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Gives what was read another name.
    pub fn rename(&mut self, subject: impl Into<String>) {
        self.subject = subject.into();
    }

    /// Records a setting. `None` and [`Value::Unset`] record that it is known to be unset. A second
    /// value replaces the first; a value of another kind than the setting's counts as not seen.
    pub fn see(
        &mut self,
        setting: Setting,
        value: impl Into<Value>,
        place: impl Into<Place>,
    ) -> &mut Self {
        self.seen.remove(&setting);
        self.also(setting, value, place)
    }

    /// Records one more value of a setting that is seen several times, such as attribute keys.
    pub fn also(
        &mut self,
        setting: Setting,
        value: impl Into<Value>,
        place: impl Into<Place>,
    ) -> &mut Self {
        let (value, place) = (value.into(), place.into());
        if value.is(setting.spec().kind) {
            self.hidden.remove(&setting);
            self.seen.entry(setting).or_default().push(Seen {
                setting,
                value,
                place,
            });
        } else {
            self.hide(setting, format!("{value} is no {:?}", setting.spec().kind));
        }
        self
    }

    /// Records what AWS takes where nothing is said; settings without such a default stay not seen.
    pub fn see_aws_default(&mut self, setting: Setting, place: impl Into<Place>) -> &mut Self {
        if let Some(value) = setting.spec().aws_default.map(DefaultValue::value) {
            self.see(setting, value, place);
        }
        self
    }

    /// Says why a setting could not be seen.
    pub fn hide(&mut self, setting: Setting, why: impl Into<String>) -> &mut Self {
        self.seen.remove(&setting);
        self.hidden.insert(setting, why.into());
        self
    }

    /// Says why a setting that is seen several times may have more values than those seen.
    pub fn partly(&mut self, setting: Setting, why: impl Into<String>) -> &mut Self {
        self.partly.insert(setting, why.into());
        self
    }

    /// Whether all values of a setting were seen.
    ///
    /// # Errors
    /// There may be more of them.
    pub fn whole(&self, setting: Setting) -> Result<(), NotSeen> {
        match self.partly.contains_key(&setting) {
            true => Err(NotSeen(vec![setting])),
            false => Ok(()),
        }
    }

    /// Whether a setting that need not exist was seen, or is not there. Nobody said that it is there
    /// and cannot be read.
    ///
    /// # Errors
    /// It may be there.
    pub fn settled(&self, setting: Setting) -> Result<(), NotSeen> {
        match self.hidden.contains_key(&setting) {
            true => Err(NotSeen(vec![setting])),
            false => self.whole(setting),
        }
    }

    /// Why a setting was not seen, where the reader said so.
    #[must_use]
    pub fn why_not_seen(&self, setting: Setting) -> Option<&str> {
        let why = self.hidden.get(&setting).or(self.partly.get(&setting));
        why.map(String::as_str)
    }

    /// Everything that was seen, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.seen.values().flatten()
    }

    /// All values of a setting; empty when it was not seen.
    #[must_use]
    pub fn all(&self, setting: Setting) -> &[Seen] {
        self.seen.get(&setting).map_or(&[], Vec::as_slice)
    }

    /// A setting as it was seen.
    ///
    /// # Errors
    /// It was not seen.
    pub fn get(&self, setting: Setting) -> Result<&Seen, NotSeen> {
        self.all(setting)
            .first()
            .ok_or_else(|| NotSeen(vec![setting]))
    }

    fn pick<'a, T>(
        &'a self,
        setting: Setting,
        pick: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Sight<'a, T>, NotSeen> {
        let seen = self.get(setting)?;
        let value = pick(&seen.value).ok_or_else(|| NotSeen(vec![setting]))?;
        Ok(Sight { value, seen })
    }

    /// A length of time.
    ///
    /// # Errors
    /// It was not seen, or is unset.
    pub fn duration(&self, setting: Setting) -> Result<Sight<'_, Duration>, NotSeen> {
        self.pick(setting, |value| match value {
            Value::Duration(duration) => Some(*duration),
            _ => None,
        })
    }

    /// A number.
    ///
    /// # Errors
    /// It was not seen, or is unset.
    pub fn count(&self, setting: Setting) -> Result<Sight<'_, u64>, NotSeen> {
        self.pick(setting, |value| match value {
            Value::Count(count) => Some(*count),
            _ => None,
        })
    }

    /// A flag; unset is off.
    ///
    /// # Errors
    /// It was not seen.
    pub fn flag(&self, setting: Setting) -> Result<Sight<'_, bool>, NotSeen> {
        self.pick(setting, |value| match value {
            Value::Flag(flag) => Some(*flag),
            Value::Unset => Some(false),
            _ => None,
        })
    }

    /// A word.
    ///
    /// # Errors
    /// It was not seen, or is unset.
    pub fn text(&self, setting: Setting) -> Result<Sight<'_, &str>, NotSeen> {
        self.pick(setting, |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Several words; unset is none.
    ///
    /// # Errors
    /// It was not seen.
    pub fn list(&self, setting: Setting) -> Result<Sight<'_, &[String]>, NotSeen> {
        self.pick(setting, |value| match value {
            Value::List(items) => Some(items.as_slice()),
            Value::Unset => Some(&[]),
            _ => None,
        })
    }

    /// Ranges of ports; unset is none.
    ///
    /// # Errors
    /// It was not seen.
    pub fn ports(&self, setting: Setting) -> Result<Sight<'_, &[(u16, u16)]>, NotSeen> {
        self.pick(setting, |value| match value {
            Value::Ports(ranges) => Some(ranges.as_slice()),
            Value::Unset => Some(&[]),
            _ => None,
        })
    }

    /// Whether a setting is known to be unset.
    ///
    /// # Errors
    /// It was not seen.
    pub fn is_unset(&self, setting: Setting) -> Result<bool, NotSeen> {
        self.get(setting).map(|seen| seen.value == Value::Unset)
    }
}

impl Place {
    /// The server's environment variable for a setting; its key where there is none.
    #[must_use]
    pub fn variable(setting: Setting) -> Self {
        setting.spec().variable.map_or_else(
            || Self::named(setting.key()),
            |name| Self::named(format!("environment variable {name}")),
        )
    }
}
