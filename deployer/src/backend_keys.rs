//! The text of backend keys, as `S2S_KEYS` and `S2S_KEYS_FILE` hold it: one a line or separated by
//! commas, each with words behind it. What the server makes of them is its own business.

use anyhow::{Context as _, bail};

/// A backend key with what stands behind it.
#[derive(Clone, PartialEq, Eq)]
pub struct BackendKey {
    /// The key.
    pub key: String,
    /// Its name: the one that it states, or `key-N` by its place.
    pub name: String,
    /// `name=…`, `scopes=…` and `namespaces=…`, as they were written.
    words: Vec<String>,
}

/// Not the key itself: errors and logs are read by others.
impl std::fmt::Debug for BackendKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendKey")
            .field("name", &self.name)
            .field("words", &self.words)
            .finish_non_exhaustive()
    }
}

impl BackendKey {
    /// What it may do, as it was written; empty where it may do everything.
    #[must_use]
    pub fn limits(&self) -> String {
        let words = self.words.iter();
        let limits: Vec<_> = words
            .filter(|word| !word.starts_with("name="))
            .map(String::as_str)
            .collect();
        limits.join(" ")
    }

    /// As much of it as people need to tell it from others.
    #[must_use]
    pub fn hint(&self) -> String {
        let begin: String = self.key.chars().take(4).collect();
        format!("{begin}…")
    }
}

/// Reads the text of backend keys.
#[must_use]
pub fn parse(text: &str) -> Vec<BackendKey> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| *line != "#" && !line.starts_with("# "));
    let mut keys: Vec<BackendKey> = Vec::new();
    for entry in lines.flat_map(|line| line.split(',')) {
        let mut words = entry.split_whitespace().map(str::to_owned);
        let Some(key) = words.next() else {
            continue;
        };
        let words: Vec<_> = words.collect();
        let stated = words.iter().find_map(|word| word.strip_prefix("name="));
        let name = stated.map_or_else(|| format!("key-{}", keys.len() + 1), str::to_owned);
        keys.push(BackendKey { key, name, words });
    }
    keys
}

/// The first key of a text.
#[must_use]
pub fn first(text: &str) -> Option<String> {
    parse(text).into_iter().next().map(|found| found.key)
}

/// The text of backend keys. Each states its name, which must not change with its place.
#[must_use]
pub fn text(keys: &[BackendKey]) -> String {
    let entry = |key: &BackendKey| {
        let limits = key.limits();
        let words = [&*key.key, &format!("name={}", key.name), &*limits];
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        words.join(" ")
    };
    let entries: Vec<_> = keys.iter().map(entry).collect();
    entries.join(",")
}

/// Puts a successor of a key behind all others: nodes that do not know it yet share the first ones
/// with those that do. Gives the successor's name.
///
/// # Errors
/// It is not clear which key is meant, or there is none of that name.
pub fn succeed(
    keys: &mut Vec<BackendKey>,
    name: Option<&str>,
    (key, successor): (String, String),
) -> anyhow::Result<()> {
    let old = match (name, keys.as_slice()) {
        (None, [only]) => only.clone(),
        (None, []) => bail!("there is no key to rotate"),
        (None, several) => bail!(
            "there are {} keys ({}): name the one to rotate with --key. Where a rotation is under \
             way, `--finish` ends it",
            several.len(),
            names(several)
        ),
        (Some(name), _) => keys[find(keys, name)?].clone(),
    };
    keys.push(BackendKey {
        key,
        name: successor,
        words: old.words,
    });
    Ok(())
}

/// Takes a key out: the named one, or the older of two. Gives it back.
///
/// # Errors
/// It is not clear which key is meant, or none would be left.
pub fn retire(keys: &mut Vec<BackendKey>, name: Option<&str>) -> anyhow::Result<BackendKey> {
    if keys.len() < 2 {
        bail!("there is one key, and no rotation to finish; `keys rotate` begins one");
    }
    let at = match name {
        Some(name) => find(keys, name)?,
        None if keys.len() == 2 => 0,
        None => bail!(
            "there are {} keys ({}): name the one that goes with --key",
            keys.len(),
            names(keys)
        ),
    };
    Ok(keys.remove(at))
}

fn find(keys: &[BackendKey], name: &str) -> anyhow::Result<usize> {
    keys.iter()
        .position(|key| key.name == name)
        .with_context(|| format!("there is no key `{name}`; there are {}", names(keys)))
}

fn names(keys: &[BackendKey]) -> String {
    let names: Vec<_> = keys.iter().map(|key| &*key.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# from May\naaaa scopes=publish+read namespaces=dropcodes\n";

    fn successor(n: u8) -> (String, String) {
        (format!("new{n}"), format!("next-{n}"))
    }

    #[test]
    fn a_successor_may_do_what_the_old_one_may_and_comes_last() {
        let mut keys = parse(TEXT);
        succeed(&mut keys, None, successor(1)).expect("it is clear");
        assert_eq!(
            text(&keys),
            "aaaa name=key-1 scopes=publish+read namespaces=dropcodes,new1 name=next-1 \
             scopes=publish+read namespaces=dropcodes"
        );
        assert_eq!(parse(&text(&keys))[1].name, "next-1");
        let again = succeed(&mut keys, None, successor(2)).expect_err("a rotation is under way");
        assert!(again.to_string().contains("(key-1, next-1)"), "{again}");
        let gone = retire(&mut keys, None).expect("it is clear");
        assert_eq!((&*gone.key, keys.len()), ("aaaa", 1));
        assert!(retire(&mut keys, None).is_err());
        succeed(&mut keys, Some("next-1"), successor(2)).expect("it is named");
        assert!(retire(&mut keys, Some("key-1")).is_err());
    }

    #[test]
    fn the_first_key_is_without_its_words() {
        assert_eq!(
            first("# a comment\n aaaa name=shop , bbbb"),
            Some("aaaa".to_owned())
        );
        assert_eq!(first(" \n# nothing\n"), None);
        let debug = format!("{:?}", parse("aaaa name=shop"));
        assert!(debug.contains("shop") && !debug.contains("aaaa"), "{debug}");
    }
}
