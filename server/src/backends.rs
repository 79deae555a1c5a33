//! The keys that backends authenticate with: their names, what each may do, and their replacement
//! while the server runs. Only hashes of the keys stay in memory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use subtle::{Choice, ConstantTimeEq};

use crate::keys::{hmac, sha256};
use crate::names;

/// The fewest characters of a backend key.
pub const BACKEND_KEY_MIN: usize = 32;

/// What a backend may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Publish and cancel messages.
    Publish,
    /// Look at messages and channels.
    Read,
    /// Issue, list and revoke keys of plugins.
    Keys,
}

impl Scope {
    const ALL: [Self; 3] = [Self::Publish, Self::Read, Self::Keys];

    /// The name in `S2S_KEYS_FILE`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Read => "read",
            Self::Keys => "keys",
        }
    }
}

/// A backend, as its key tells it.
#[derive(Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its name in log lines.
    pub name: String,
    scopes: Vec<Scope>,
    /// The namespaces that it may use; all if none are named.
    namespaces: Option<Vec<String>>,
    hash: [u8; 32],
}

impl Backend {
    /// Whether it may do this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether it may use every namespace.
    #[must_use]
    pub fn may_use_all(&self) -> bool {
        self.namespaces.is_none()
    }

    /// Whether it may do anything in this namespace.
    #[must_use]
    pub fn may_use(&self, namespace: &str) -> bool {
        let named = self.namespaces.as_ref();
        named.is_none_or(|named| named.iter().any(|known| known == namespace))
    }

    /// Whether there are namespaces that it may not use.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.namespaces.is_some()
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("name", &self.name)
            .field("scopes", &self.scopes)
            .field("namespaces", &self.namespaces)
            .finish_non_exhaustive()
    }
}

/// The backend keys. Clones share what is replaced.
#[derive(Clone, Default)]
pub struct BackendKeys {
    backends: Arc<RwLock<Vec<Arc<Backend>>>>,
    file: Option<PathBuf>,
}

impl BackendKeys {
    /// Takes keys, one a line or separated by commas. Behind a key may stand `name=…`,
    /// `scopes=publish+read+keys` and `namespaces=a+b`; lines that begin with `# ` are comments.
    ///
    /// # Errors
    /// When there is none, or one is too short, can stand in no header or says what cannot be
    /// understood; says which, not what it is.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self {
            backends: Arc::new(RwLock::new(parse(text)?)),
            file: None,
        })
    }

    /// The same, from a file that is read again when it changes.
    #[must_use]
    pub fn from_file(self, file: PathBuf) -> Self {
        Self {
            file: Some(file),
            ..self
        }
    }

    /// The file that holds the keys, if one does.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Puts other keys in the place of those there are; returns the number of keys.
    ///
    /// # Errors
    /// As for [`BackendKeys::parse`]; then all stays as it is.
    pub fn replace(&self, text: &str) -> Result<usize, String> {
        let backends = parse(text)?;
        let count = backends.len();
        *self
            .backends
            .write()
            .unwrap_or_else(PoisonError::into_inner) = backends;
        Ok(count)
    }

    /// The backend whose key this is. Takes the same time for each wrong key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Arc<Backend>> {
        let hash = sha256(key);
        let backends = self.backends.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for backend in backends.iter() {
            let same: Choice = backend.hash.ct_eq(&hash);
            if bool::from(same) {
                found = Some(backend.clone());
            }
        }
        found
    }

    /// A secret for `purpose` from each key, in their order: nodes that share a key share it, and
    /// nobody who has not seen the keys does.
    pub(crate) fn secrets(&self, purpose: &str) -> Vec<[u8; 32]> {
        let backends = self.backends.read().unwrap_or_else(PoisonError::into_inner);
        let secrets = backends
            .iter()
            .map(|backend| hmac(&backend.hash, [purpose]));
        secrets.collect()
    }

    fn names(&self) -> Vec<String> {
        let backends = self.backends.read().unwrap_or_else(PoisonError::into_inner);
        backends
            .iter()
            .map(|backend| backend.name.clone())
            .collect()
    }
}

impl fmt::Debug for BackendKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend keys {:?}", self.names())
    }
}

fn parse(text: &str) -> Result<Vec<Arc<Backend>>, String> {
    let mut backends: Vec<Arc<Backend>> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line == "#" || line.starts_with("# ") {
            continue;
        }
        for entry in line
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let place = backends.len() + 1;
            let backend = backend(entry, place).map_err(|what| format!("key {place} {what}"))?;
            if backends.iter().any(|known| known.name == backend.name) {
                return Err(format!(
                    "key {place} has the name `{}`, which another has",
                    backend.name
                ));
            }
            backends.push(Arc::new(backend));
        }
    }
    match backends.is_empty() {
        true => Err("holds no key".into()),
        false => Ok(backends),
    }
}

fn backend(entry: &str, place: usize) -> Result<Backend, String> {
    let mut words = entry.split_whitespace();
    let key = words.next().unwrap_or_default();
    if key.len() < BACKEND_KEY_MIN {
        let length = key.len();
        return Err(format!(
            "has {length} characters; {BACKEND_KEY_MIN} at least are needed"
        ));
    }
    if !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("holds a character that a header cannot carry".into());
    }
    let mut backend = Backend {
        name: format!("key-{place}"),
        scopes: Scope::ALL.to_vec(),
        namespaces: None,
        hash: sha256(key),
    };
    for word in words {
        match word.split_once('=') {
            Some(("name", name)) if names::is_name(name) => backend.name = name.to_owned(),
            Some(("name", _)) => return Err(format!("has an invalid name: {}", names::EXPECTED)),
            Some(("scopes", list)) => backend.scopes = scopes(list)?,
            Some(("namespaces", list)) if list.split('+').all(names::is_name) => {
                backend.namespaces = Some(list.split('+').map(str::to_owned).collect());
            }
            // What it is may be the rest of a key.
            _ => {
                return Err("may be followed only by name=, scopes= and namespaces=".into());
            }
        }
    }
    Ok(backend)
}

fn scopes(list: &str) -> Result<Vec<Scope>, String> {
    let scope = |name| Scope::ALL.into_iter().find(|scope| scope.name() == name);
    let found: Option<Vec<_>> = list.split('+').map(scope).collect();
    found.ok_or_else(|| "has an unknown scope; there are publish, read and keys".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: char) -> String {
        letter.to_string().repeat(BACKEND_KEY_MIN)
    }

    #[test]
    fn keys_are_refused_by_place_and_never_shown() {
        let keys = BackendKeys::parse(&format!("{},{}", key('k'), key('j'))).unwrap();
        assert!(keys.find(&key('k')).is_some() && keys.find(&key('j')).is_some());
        assert!(keys.find(&"k".repeat(33)).is_none() && keys.find("").is_none());
        assert_eq!(format!("{keys:?}"), r#"backend keys ["key-1", "key-2"]"#);
        let secret = "hunter2-and-more-than-32-characters";
        for (text, mistake) in [
            (format!("{}, short", key('k')), "key 2 has 5 characters"),
            (
                format!("{} {secret}", key('k')),
                "key 1 may be followed only by",
            ),
            (format!("{secret} scopes=all"), "key 1 has an unknown scope"),
            (format!("{secret} name=a/b"), "key 1 has an invalid name"),
            (
                format!("{secret} name=a\n{} name=a", key('k')),
                "key 2 has the name `a`",
            ),
            (format!("é{secret}"), "key 1 holds a character"),
            (" \n# nothing\n".to_owned(), "holds no key"),
        ] {
            let said = BackendKeys::parse(&text).unwrap_err();
            assert!(said.starts_with(mistake), "{said}");
            assert!(
                !said.contains("hunter2") && !said.contains("short"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_line_tells_name_scopes_and_namespaces() {
        let text = format!(
            "# rotated in May\n{} name=shop scopes=publish+read namespaces=dropcodes\n{}\n",
            key('a'),
            key('b')
        );
        let keys = BackendKeys::parse(&text).unwrap();
        let shop = keys.find(&key('a')).unwrap();
        assert_eq!(shop.name, "shop");
        assert!(shop.may(Scope::Publish) && shop.may(Scope::Read) && !shop.may(Scope::Keys));
        assert!(shop.may_use("dropcodes") && !shop.may_use("donations"));
        let all = keys.find(&key('b')).unwrap();
        assert_eq!(all.name, "key-2");
        assert!(all.may(Scope::Keys) && all.may_use("donations"));
    }

    #[test]
    fn replaced_keys_are_replaced_for_all_clones_and_mistakes_change_nothing() {
        let keys = BackendKeys::parse(&key('a')).unwrap();
        let clone = keys.clone();
        assert!(keys.replace("short").is_err());
        assert!(clone.find(&key('a')).is_some());
        assert_eq!(keys.replace(&format!("{}\n{}", key('b'), key('c'))), Ok(2));
        assert!(clone.find(&key('a')).is_none() && clone.find(&key('c')).is_some());
    }
}
