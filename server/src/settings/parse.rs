//! Readers of single settings: each notes what is wrong, says what was expected, and goes on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use timeouts::Setting;
use tracing_subscriber::EnvFilter;

use super::texts::{duration, list, origin, redis_url, shown};
use super::{Environment, LogFormat, Mistakes, RedisSettings, StoreSettings, Transports};
use crate::keys::{self, BackendKeys};
use crate::names;

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

    /// The variable's value through `parse`; after a mistake, the value that stands in until the end.
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

    pub(super) fn address(&mut self, name: &str, default: &str) -> SocketAddr {
        self.value(name, default, SocketAddr::from(([0, 0, 0, 0], 0)), |text| {
            text.parse()
                .map_err(|_| "expected an address and port such as 0.0.0.0:8080".into())
        })
    }

    pub(super) fn duration(&mut self, setting: Setting, default: &str) -> Duration {
        self.value(name(setting), default, Duration::ZERO, |text| {
            duration(text, setting)
        })
    }

    pub(super) fn optional_duration(&mut self, setting: Setting) -> Option<Duration> {
        self.value(name(setting), "", None, |text| match text {
            "" => Ok(None),
            _ => duration(text, setting).map(Some),
        })
    }

    pub(super) fn number(&mut self, setting: Setting, default: usize) -> usize {
        self.value(name(setting), &default.to_string(), default, |text| {
            let number = text.parse().ok().filter(|n| setting.admits(*n).is_ok());
            let legal = setting.legal().unwrap_or_default();
            let number = number.and_then(|n: u64| usize::try_from(n).ok());
            number.ok_or_else(|| format!("expected a whole number from {legal}"))
        })
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.value(name, "false", false, |text| {
            text.parse().map_err(|_| "expected true or false".into())
        })
    }

    pub(super) fn socket_path(&mut self, name: &str, default: &str) -> String {
        const TAKEN: [&str; 3] = ["/v1", "/healthcheck", "/openapi.json"];
        self.value(name, default, String::new(), |text| {
            let path = text.trim_end_matches('/');
            let sound = path.len() > 1
                && path.starts_with('/')
                && !path.contains("//")
                && path
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b));
            let taken = TAKEN
                .iter()
                .any(|t| path == *t || path.starts_with(&format!("{t}/")));
            match (sound, taken) {
                (true, false) => Ok(path.to_owned()),
                (true, true) => {
                    Err("this path belongs to the HTTP interface; choose another".into())
                }
                (false, _) => Err("expected a path such as /websockets".into()),
            }
        })
    }

    pub(super) fn namespaces(&mut self, name: &str, default: &str) -> Vec<String> {
        self.value(name, default, Vec::new(), |text| {
            let list: Vec<_> = list(text)
                .map(|item| item.trim_start_matches('/').to_owned())
                .collect();
            for (index, item) in list.iter().enumerate() {
                if !names::is_name(item) {
                    return Err(format!("`{item}` is no namespace: {}", names::EXPECTED));
                } else if list[..index].contains(item) {
                    return Err(format!("`{item}` is named twice"));
                }
            }
            if list.is_empty() {
                return Err("expected one namespace at least".into());
            }
            Ok(list)
        })
    }

    /// Namespaces, each one of `known`; none unless given.
    pub(super) fn some_of(&mut self, name: &str, known: &[String]) -> Vec<String> {
        self.value(name, "", Vec::new(), |text| {
            let named = list(text).map(|item| item.trim_start_matches('/').to_owned());
            let named: Vec<String> = named.collect();
            match named.iter().find(|item| !known.contains(item)) {
                // NAMESPACES itself is wrong, which is told already.
                Some(_) if known.is_empty() => Ok(Vec::new()),
                Some(item) => Err(format!("`{item}` is not among the NAMESPACES")),
                None => Ok(named),
            }
        })
    }

    pub(super) fn transports(&mut self, name: &str, default: &str) -> Transports {
        let none = Transports {
            polling: false,
            websocket: false,
        };
        self.value(name, default, none, |text| {
            let found = list(text).try_fold(none, |found, item| match item {
                "polling" => Ok(Transports {
                    polling: true,
                    ..found
                }),
                "websocket" => Ok(Transports {
                    websocket: true,
                    ..found
                }),
                _ => Err(format!(
                    "`{item}` is no transport; expected polling, websocket or both"
                )),
            })?;
            if found == none {
                return Err("expected polling, websocket or both".into());
            }
            Ok(found)
        })
    }

    pub(super) fn store(&mut self, name: &str) -> StoreSettings {
        let username = self.environment.get("STORE_USERNAME");
        let password = self.secret("STORE_PASSWORD", "STORE_PASSWORD_FILE");
        self.value(name, "memory", StoreSettings::Memory, |text| {
            match text.split_once(':') {
                None if text == "memory" => Ok(StoreSettings::Memory),
                Some(("file", dir)) if !dir.is_empty() => {
                    Ok(StoreSettings::File(PathBuf::from(dir)))
                }
                Some(("redis" | "rediss", _)) => Ok(StoreSettings::Redis(RedisSettings {
                    url: redis_url(text)?,
                    username,
                    password,
                })),
                _ => {
                    Err("expected memory, file:DIR, redis://host:port or rediss://host:port".into())
                }
            }
        })
    }

    /// A secret as it is, but for the end of a file's last line.
    fn secret(&mut self, name: &str, file_name: &str) -> Option<String> {
        let found = self.text_or_file(name, file_name);
        let found = found
            .map(|found| found.map(|(_, text)| text.trim_end_matches(['\r', '\n']).to_owned()));
        self.noted(found)
    }

    pub(super) fn backend_keys(&mut self, name: &str, file_name: &str) -> BackendKeys {
        let found = self.text_or_file(name, file_name).and_then(|found| {
            found.ok_or_else(|| {
                format!(
                    "{name} is required: the keys that backends authenticate with, \
                    {} characters at least, comma-separated",
                    keys::BACKEND_KEY_MIN
                )
            })
        });
        // The value itself is a secret: a mistake names its place in the list only.
        let parsed = found.and_then(|(source, text)| {
            let keys = text.lines().flat_map(list);
            BackendKeys::new(keys).map_err(|mistake| format!("{source}: {mistake}"))
        });
        self.noted(parsed)
    }

    /// What a variable holds, or the file that another one names, with the name of the one that counts.
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
    fn noted<T: Default>(&mut self, found: Result<T, String>) -> T {
        found.unwrap_or_else(|mistake| {
            self.mistakes.push(mistake);
            T::default()
        })
    }

    pub(super) fn origins(&mut self, name: &str) -> Vec<HeaderValue> {
        self.value(name, "", Vec::new(), |text| {
            list(text).map(origin).collect()
        })
    }

    pub(super) fn node_id(&mut self, name: &str) -> String {
        let random = ulid::Ulid::generate().to_string().to_lowercase();
        let default = format!("node-{}", &random[random.len() - 8..]);
        self.value(name, &default, String::new(), |text| {
            match names::is_name(text) {
                true => Ok(text.to_owned()),
                false => Err(names::EXPECTED.into()),
            }
        })
    }

    pub(super) fn address_of(&mut self, name: &str) -> Option<Uri> {
        self.value(name, "", None, |text| match text.parse::<Uri>() {
            _ if text.is_empty() => Ok(None),
            Ok(uri) if uri.host().is_some() => Ok(Some(uri)),
            _ => Err("expected a URL such as http://169.254.170.2/v4/…".into()),
        })
    }

    pub(super) fn log_format(&mut self, name: &str) -> LogFormat {
        self.value(name, "json", LogFormat::Json, |text| match text {
            "json" => Ok(LogFormat::Json),
            "text" => Ok(LogFormat::Text),
            _ => Err("expected json or text".into()),
        })
    }

    pub(super) fn log_level(&mut self, name: &str, default: &str) -> String {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        self.value(name, default, String::new(), |text| {
            // A bare word that is no level would be taken for a module's name, and silence all others.
            let misspelt = list(text).find(|part| {
                part.bytes().all(|b| b.is_ascii_alphanumeric())
                    && !LEVELS.contains(&part.to_lowercase().as_str())
            });
            match EnvFilter::try_new(text) {
                Ok(_) if misspelt.is_none() => Ok(text.to_owned()),
                _ => Err(
                    "expected error, warn, info, debug or trace, or such as info,server=debug"
                        .into(),
                ),
            }
        })
    }
}

/// The variable that a setting is read from.
fn name(setting: Setting) -> &'static str {
    setting.spec().variable.unwrap_or(setting.key())
}
