//! The text of backend keys, as `S2S_KEYS` and `S2S_KEYS_FILE` hold it: one a line or separated by
//! commas, each with words behind it. What the server makes of them is its own business.

use anyhow::{Context as _, bail};
use timeouts::grammar::NAME_MAX;

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

    fn entry(&self) -> String {
        let limits = self.limits();
        let words = [&*self.key, &format!("name={}", self.name), &*limits];
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }

    /// Whether it came in a rotation of the other one.
    fn is_successor_of(&self, other: &Self) -> bool {
        let own = stem(&self.name);
        own != self.name && own == shortened(stem(&other.name))
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
    let lines = text.lines().filter(|line| !is_comment(line));
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

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line == "#" || line.starts_with("# ")
}

/// The first key of a text.
#[must_use]
pub fn first(text: &str) -> Option<String> {
    parse(text).into_iter().next().map(|found| found.key)
}

/// The text `old` with these keys instead of its own. Comments stay where they are. Each key states
/// its name, which must not change with its place. A key that is new stands last: behind a comma in
/// a text of one line, or else on a line of its own.
#[must_use]
pub fn rewrite(old: &str, keys: &[BackendKey]) -> String {
    let mut rest: Vec<&BackendKey> = keys.iter().collect();
    let mut lines = Vec::new();
    for line in old.lines() {
        if line.trim().is_empty() || is_comment(line) {
            lines.push(line.to_owned());
            continue;
        }
        let known = line.split(',').filter_map(|entry| {
            let key = entry.split_whitespace().next()?;
            let at = rest.iter().position(|one| one.key == key)?;
            Some(rest.remove(at).entry())
        });
        let known: Vec<_> = known.collect();
        if !known.is_empty() {
            lines.push(known.join(","));
        }
    }
    lines.extend(rest.into_iter().map(BackendKey::entry));
    match old.contains('\n') {
        true => lines.join("\n") + if old.ends_with('\n') { "\n" } else { "" },
        false => lines.join(","),
    }
}

/// The end of a successor's name: `-2026-05-01-9f3a`, with `d` for a digit and `x` for a
/// hexadecimal one.
const SUFFIX: &[u8] = b"-dddd-dd-dd-xxxx";

/// A key's name without the end that a rotation gave it.
fn stem(name: &str) -> &str {
    let is_like = |(byte, like): (u8, &u8)| match like {
        b'd' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_hexdigit(),
        other => byte == *other,
    };
    match name.len().checked_sub(SUFFIX.len()) {
        Some(at) if at > 0 && name.is_char_boundary(at) => {
            let (stem, end) = name.split_at(at);
            let is_suffix = end.bytes().zip(SUFFIX).all(is_like);
            if is_suffix { stem } else { name }
        }
        _ => name,
    }
}

/// As much of a stem as leaves a name room for its end.
fn shortened(stem: &str) -> &str {
    let most = NAME_MAX - SUFFIX.len();
    stem.get(..most).unwrap_or(stem)
}

/// Puts a successor of a key behind all others: nodes that do not know it yet share the first ones
/// with those that do. `end` ends the successor's name: `-2026-05-01-9f3a`.
///
/// # Errors
/// It is not clear which key is meant, there is none of that name, or its rotation is under way.
pub fn succeed(
    keys: &mut Vec<BackendKey>,
    name: Option<&str>,
    (key, end): (String, &str),
) -> anyhow::Result<()> {
    let at = match (name, keys.len()) {
        (_, 0) => bail!("there is no key to rotate"),
        (Some(name), _) => find(keys, name)?,
        (None, 1) => 0,
        (None, several) => bail!(
            "there are {several} keys ({}): name the one to rotate with --key. Where a rotation is \
             under way, `--finish` ends it",
            names(keys)
        ),
    };
    let old = keys[at].clone();
    let mut others = keys.iter().filter(|other| other.name != old.name);
    let relates = |other: &&BackendKey| other.is_successor_of(&old) || old.is_successor_of(other);
    if let Some(other) = others.find(relates) {
        bail!(
            "a rotation of {} is under way, beside {}: `--finish --key NAME` takes one of them out",
            old.name,
            other.name
        );
    }
    keys.push(BackendKey {
        key,
        name: format!("{}{end}", shortened(stem(&old.name))),
        words: old.words,
    });
    Ok(())
}

/// Takes a key out: the named one, or of two the one whose successor the other is. Gives it back.
///
/// # Errors
/// It is not clear which key is meant, or none would be left.
pub fn retire(keys: &mut Vec<BackendKey>, name: Option<&str>) -> anyhow::Result<BackendKey> {
    let at = match (name, keys.as_slice()) {
        (_, [] | [_]) => {
            bail!("there is one key, and no rotation to finish; `keys rotate` begins one")
        }
        (Some(name), _) => find(keys, name)?,
        (None, [old, new]) if new.is_successor_of(old) => 0,
        (None, several) => bail!(
            "there are {} keys ({}), and it is not clear which one goes: name it with --key",
            several.len(),
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

    fn successor(n: u8) -> (String, &'static str) {
        (format!("new{n}"), "-2026-05-01-9f3a")
    }

    fn rotated(text: &str, name: Option<&str>) -> Vec<BackendKey> {
        let mut keys = parse(text);
        succeed(&mut keys, name, successor(1)).expect("it is clear");
        keys
    }

    #[test]
    fn a_successor_may_do_what_the_old_one_may_and_comes_last() {
        let mut keys = rotated(TEXT, None);
        assert_eq!(
            rewrite(TEXT, &keys),
            "# from May\naaaa name=key-1 scopes=publish+read namespaces=dropcodes\n\
             new1 name=key-1-2026-05-01-9f3a scopes=publish+read namespaces=dropcodes\n"
        );
        for name in [None, Some("key-1"), Some("key-1-2026-05-01-9f3a")] {
            let again = succeed(&mut keys, name, successor(2));
            let again = again.expect_err("a rotation is under way").to_string();
            assert!(again.contains("is under way"), "{again}");
        }
        let gone = retire(&mut keys, None).expect("it is clear");
        assert_eq!((&*gone.key, keys.len()), ("aaaa", 1));
        assert!(retire(&mut keys, None).is_err());
        // The next one's name does not grow.
        let end = "-2026-06-01-0000";
        succeed(&mut keys, None, ("new3".to_owned(), end)).expect("it is the only one");
        assert_eq!(keys[1].name, "key-1-2026-06-01-0000");
        assert_eq!(retire(&mut keys, None).expect("it is clear").key, "new1");
    }

    #[test]
    fn no_live_key_goes_where_no_rotation_is_under_way() {
        for text in [
            "aaaa name=shop\nbbbb name=game",
            "aaaa\nbbbb",
            "aaaa name=shop-2026-05-01-9f3a,bbbb name=game-2026-05-01-9f3a",
            "aaaa name=shop,bbbb name=game,new1 name=shop-2026-05-01-9f3a",
        ] {
            let mut keys = parse(text);
            let refused = retire(&mut keys, None).expect_err("it is not clear");
            assert!(refused.to_string().contains("name it with --key"), "{text}");
            assert_eq!(keys, parse(text));
        }
        let mut keys = rotated("aaaa name=shop,bbbb name=game", Some("shop"));
        assert!(succeed(&mut keys, Some("shop"), successor(2)).is_err());
        succeed(&mut keys, Some("game"), successor(2)).expect("the other one is not rotated");
        assert_eq!(retire(&mut keys, Some("shop")).expect("named").key, "aaaa");
    }

    #[test]
    fn a_successor_has_a_name_that_the_server_takes() {
        let long = "n".repeat(NAME_MAX);
        let mut keys = rotated(&format!("aaaa name={long}"), None);
        assert!(timeouts::grammar::is_name(&keys[1].name), "{keys:?}");
        assert_eq!(retire(&mut keys, None).expect("it is clear").name, long);
    }

    #[test]
    fn comments_stay_where_they_are() {
        let text = "# all, of them\naaaa name=shop, bbbb name=game\n\n# the end\n";
        let mut keys = rotated(text, Some("shop"));
        let both = rewrite(text, &keys);
        assert_eq!(
            both,
            "# all, of them\naaaa name=shop,bbbb name=game\n\n# the end\n\
             new1 name=shop-2026-05-01-9f3a\n"
        );
        retire(&mut keys, Some("shop")).expect("named");
        retire(&mut keys, Some("game")).expect("named");
        assert_eq!(
            rewrite(&both, &keys),
            "# all, of them\n\n# the end\nnew1 name=shop-2026-05-01-9f3a\n"
        );
        let single = rewrite("aaaa", &rotated("aaaa", None));
        assert_eq!(single, "aaaa name=key-1,new1 name=key-1-2026-05-01-9f3a");
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
