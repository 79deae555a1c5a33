//! Where the key set of signed tokens is: in a variable, in a file or behind a URL.

use timeouts::Setting;

use super::parse::{Reader, variable};
use crate::tokens::{Source, TokenKeys};

impl Reader<'_> {
    /// The keys, if one of the three variables is set.
    pub(super) fn token_keys(&mut self) -> Option<TokenKeys> {
        let url = self.text(Setting::PluginTokenKeysUrl);
        let sources = [
            (
                Setting::PluginTokenKeys,
                self.variable(Setting::PluginTokenKeys),
            ),
            (
                Setting::PluginTokenKeysFile,
                self.variable(Setting::PluginTokenKeysFile),
            ),
            (
                Setting::PluginTokenKeysUrl,
                Some(url).filter(|url| !url.is_empty()),
            ),
        ];
        let mut set = sources
            .into_iter()
            .filter_map(|(setting, text)| Some((setting, text?)));
        let (setting, text) = set.next()?;
        let name = variable(setting);
        let found = match set.next() {
            Some((other, _)) => Err(format!(
                "{name} and {} are both set; keep one",
                variable(other)
            )),
            None => source(setting, text)
                .and_then(TokenKeys::new)
                .map(Some)
                .map_err(|mistake| format!("{name}: {mistake}")),
        };
        self.noted(found)
    }
}

fn source(setting: Setting, text: String) -> Result<Source, String> {
    Ok(match setting {
        Setting::PluginTokenKeys => Source::Text(text),
        Setting::PluginTokenKeysFile => Source::File(text.into()),
        _ => Source::Url(text.parse().map_err(|_| "is no URL".to_owned())?),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::{Environment, Settings};

    struct Variables(HashMap<&'static str, &'static str>);

    impl Environment for Variables {
        fn get(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|value| (*value).to_owned())
        }
    }

    fn read(settings: &[(&'static str, &'static str)]) -> Result<Option<String>, Vec<String>> {
        let mut variables: HashMap<_, _> = settings.iter().copied().collect();
        variables.insert("S2S_KEYS", "test-backend-key-of-32-characters");
        let read = Settings::read(&Variables(variables));
        read.map(|settings| settings.token_keys.map(|keys| format!("{keys:?}")))
            .map_err(|mistakes| mistakes.0)
    }

    #[test]
    fn one_source_counts_and_its_mistakes_show_no_secret() {
        assert_eq!(read(&[]), Ok(None));
        let url = "https://id.example.com/jwks.json?v=1";
        let keys = read(&[("PLUGIN_TOKEN_KEYS_URL", url)]).unwrap().unwrap();
        assert_eq!(keys, format!("token keys from {url}"));
        for (settings, said) in [
            (
                vec![("PLUGIN_TOKEN_KEYS", "hunter2")],
                "PLUGIN_TOKEN_KEYS: is no key set",
            ),
            (
                vec![("PLUGIN_TOKEN_KEYS_FILE", "/nowhere")],
                "PLUGIN_TOKEN_KEYS_FILE: /nowhere: ",
            ),
            (
                vec![("PLUGIN_TOKEN_KEYS_URL", "http://id.example.com/")],
                "PLUGIN_TOKEN_KEYS_URL=http://id.example.com/: expected a URL",
            ),
            (
                vec![
                    ("PLUGIN_TOKEN_KEYS", "hunter2"),
                    ("PLUGIN_TOKEN_KEYS_URL", url),
                ],
                "PLUGIN_TOKEN_KEYS and PLUGIN_TOKEN_KEYS_URL are both set",
            ),
        ] {
            let mistakes = read(&settings).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            assert!(mistakes[0].starts_with(said), "{mistakes:?}");
            assert!(!mistakes[0].contains("hunter2"), "{mistakes:?}");
        }
    }
}
