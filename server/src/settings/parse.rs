//! Readers of single settings: each notes what is wrong, says what was expected, and goes on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use timeouts::grammar::Store;
use timeouts::{Setting, Value};

use super::{
    Environment, LogFormat, Mistakes, OtlpSettings, RedisSettings, StoreSettings, Telemetry,
    Transports,
};
use crate::backends::{BACKEND_KEY_MIN, BackendKeys};

pub(super) struct Reader<'a> {
    environment: &'a dyn Environment,
    mistakes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Environment) -> Self {
        Self {
            environment,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, Mistakes> {
        if self.mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(Mistakes(self.mistakes))
        }
    }

    /// The variable's value through `parse`; after a mistake, the value that stands in until the
    /// end.
    fn value<T>(
        &mut self,
        name: &str,
        default: &str,
        stand_in: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let text = self
            .environment
            .get(name)
            .unwrap_or_else(|| default.to_owned());
        parse(text.trim()).unwrap_or_else(|expected| {
            self.mistakes
                .push(format!("{name}={}: {expected}", shown(&text)));
            stand_in
        })
    }

    /// The setting's value, by the grammar that environment files share; after a mistake, its
    /// default.
    pub(super) fn setting<T>(
        &mut self,
        setting: Setting,
        stand_in: T,
        convert: impl FnOnce(&str, Value) -> Option<T>,
    ) -> T {
        let default = setting.spec().default.unwrap_or_default();
        self.value(variable(setting), default, stand_in, |text| {
            let value = setting.parse(text)?;
            convert(text, value).ok_or_else(|| "this value has no meaning here".to_owned())
        })
    }

    pub(super) fn address(&mut self, setting: Setting) -> SocketAddr {
        let none = SocketAddr::from(([0, 0, 0, 0], 0));
        self.setting(setting, none, |text, _| text.parse().ok())
    }

    pub(super) fn duration(&mut self, setting: Setting) -> Duration {
        self.setting(setting, Duration::ZERO, |_, value| value.as_duration())
    }

    /// A number; nothing where the text is `none`.
    pub(super) fn limit(&mut self, setting: Setting) -> Option<u32> {
        self.setting(setting, None, |text, _| match text {
            "none" => Some(None),
            _ => text.parse().ok().map(Some),
        })
    }

    pub(super) fn optional_duration(&mut self, setting: Setting) -> Option<Duration> {
        self.environment.get(variable(setting))?;
        Some(self.duration(setting))
    }

    pub(super) fn number(&mut self, setting: Setting) -> usize {
        self.setting(setting, 0, |_, value| {
            usize::try_from(value.as_count()?).ok()
        })
    }

    /// The variable as it is, if it is set.
    pub(super) fn variable(&self, setting: Setting) -> Option<String> {
        self.environment.get(variable(setting))
    }

    pub(super) fn flag(&mut self, setting: Setting) -> bool {
        self.setting(setting, false, |_, value| value.as_flag())
    }

    pub(super) fn text(&mut self, setting: Setting) -> String {
        self.setting(setting, String::new(), |_, value| Some(value.to_string()))
    }

    pub(super) fn list(&mut self, setting: Setting) -> Vec<String> {
        self.setting(setting, Vec::new(), |_, value| match value {
            Value::List(items) => Some(items),
            _ => None,
        })
    }

    /// Items, each one of `known`.
    pub(super) fn some_of(&mut self, setting: Setting, known: &[String]) -> Vec<String> {
        let items = self.list(setting);
        // Where nothing is known, that is told already.
        let unknown = items.iter().find(|item| !known.contains(item));
        if let Some(item) = unknown.filter(|_| !known.is_empty()) {
            self.mistakes.push(format!(
                "{}: `{item}` is not among the NAMESPACES: {}",
                variable(setting),
                known.join(", ")
            ));
        }
        items
    }

    pub(super) fn transports(&mut self) -> Transports {
        let names = self.list(Setting::Transports);
        let has = |name| names.iter().any(|other| other == name);
        Transports {
            polling: has("polling"),
            websocket: has("websocket"),
        }
    }

    pub(super) fn origins(&mut self) -> Vec<HeaderValue> {
        let origins = self.list(Setting::CorsOrigins);
        let values = origins.iter().map(|origin| HeaderValue::from_str(origin));
        values.filter_map(Result::ok).collect()
    }

    pub(super) fn store(&mut self) -> StoreSettings {
        let username = self.environment.get(variable(Setting::StoreUsername));
        let password = self.secret(Setting::StorePassword, Setting::StorePasswordFile);
        let sentinel_username = self.environment.get(variable(Setting::SentinelUsername));
        let sentinel_password =
            self.secret(Setting::SentinelPassword, Setting::SentinelPasswordFile);
        self.setting(Setting::Store, StoreSettings::Memory, |text, _| {
            Some(match Store::parse(text).ok()? {
                Store::Memory => StoreSettings::Memory,
                Store::File(directory) => StoreSettings::File(PathBuf::from(directory)),
                Store::Redis(redis) => StoreSettings::Redis(RedisSettings {
                    url: redis.url.to_owned(),
                    username,
                    password,
                    sentinel_username,
                    sentinel_password,
                }),
            })
        })
    }

    /// A secret as it is, but for the end of a file's last line.
    fn secret(&mut self, secret: Setting, file: Setting) -> Option<String> {
        let found = self.text_or_file(variable(secret), variable(file));
        let found = found
            .map(|found| found.map(|(_, text)| text.trim_end_matches(['\r', '\n']).to_owned()));
        self.noted(found)
    }

    pub(super) fn backend_keys(&mut self) -> BackendKeys {
        let (name, file_name) = (
            variable(Setting::BackendKeys),
            variable(Setting::BackendKeysFile),
        );
        let file = self.environment.get(file_name);
        let found = self.text_or_file(name, file_name).and_then(|found| {
            found.ok_or_else(|| {
                format!(
                    "{name} is required: the keys that backends authenticate with, \
                    {BACKEND_KEY_MIN} characters at least, comma-separated"
                )
            })
        });
        // The value itself is a secret: a mistake names its place in the list only.
        let parsed = found.and_then(|(source, text)| {
            let keys =
                BackendKeys::parse(&text).map_err(|mistake| format!("{source}: {mistake}"))?;
            Ok(match file.filter(|_| source == file_name) {
                Some(file) => keys.from_file(file.into()),
                None => keys,
            })
        });
        self.noted(parsed)
    }

    /// What a variable holds, or the file that another one names, with the name of the one that
    /// counts.
    fn text_or_file<'n>(
        &self,
        name: &'n str,
        file_name: &'n str,
    ) -> Result<Option<(&'n str, String)>, String> {
        match (self.environment.get(name), self.environment.get(file_name)) {
            (Some(_), Some(_)) => Err(format!("{name} and {file_name} are both set; keep one")),
            (Some(text), None) => Ok(Some((name, text))),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Ok(Some((file_name, text))),
                Err(error) => Err(format!("{file_name}={path}: {error}")),
            },
            (None, None) => Ok(None),
        }
    }

    /// What was found; after a mistake, which is noted, what stands in until the end.
    pub(super) fn noted<T: Default>(&mut self, found: Result<T, String>) -> T {
        found.unwrap_or_else(|mistake| {
            self.mistakes.push(mistake);
            T::default()
        })
    }

    pub(super) fn node_id(&mut self) -> String {
        if self.environment.get(variable(Setting::NodeId)).is_some() {
            return self.text(Setting::NodeId);
        }
        let random = ulid::Ulid::generate().to_string().to_lowercase();
        format!("node-{}", &random[random.len() - 8..])
    }

    pub(super) fn address_of(&mut self, name: &str) -> Option<Uri> {
        self.value(name, "", None, |text| match text.parse::<Uri>() {
            _ if text.is_empty() => Ok(None),
            Ok(uri) if uri.host().is_some() => Ok(Some(uri)),
            _ => Err("expected a URL such as http://169.254.170.2/v4/…".into()),
        })
    }

    pub(super) fn telemetry(&mut self) -> Telemetry {
        let url = self.setting(Setting::OtlpEndpoint, Uri::default(), |text, _| {
            let base = text.trim_end_matches('/');
            format!("{base}/v1/metrics").parse().ok()
        });
        let interval = self.duration(Setting::OtlpInterval);
        self.setting(Setting::Telemetry, Telemetry::Prometheus, |text, _| {
            Some(match text {
                "emf" => Telemetry::Emf,
                "otlp" => Telemetry::Otlp(OtlpSettings { url, interval }),
                _ => Telemetry::Prometheus,
            })
        })
    }

    pub(super) fn log_format(&mut self) -> LogFormat {
        self.setting(Setting::LogFormat, LogFormat::Json, |text, _| {
            Some(match text {
                "text" => LogFormat::Text,
                _ => LogFormat::Json,
            })
        })
    }
}

/// The variable that a setting is read from.
pub(super) fn variable(setting: Setting) -> &'static str {
    setting.spec().variable.unwrap_or(setting.key())
}

/// A value as a mistake shows it: on one line, and without what a URL says before its `@`.
fn shown(text: &str) -> String {
    let text = match text.split_once("://").zip(text.rsplit_once('@')) {
        Some(((scheme, _), (_, host))) => format!("{scheme}://***@{host}"),
        None => text.to_owned(),
    };
    text.replace(char::is_control, "\u{fffd}")
}
