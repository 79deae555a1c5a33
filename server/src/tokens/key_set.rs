//! A key set (JWKS, RFC 7517), and what it says of a token.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use super::{Claims, Refused};

/// The fewest bytes of a shared secret: as many as HMAC-SHA-256 gives (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;
/// Keys of one set.
const MOST_KEYS: usize = 64;
/// What `aud` must name in a token that has one.
const AUDIENCE: &str = "holdfast";

/// The public keys of a key set.
pub(super) struct KeySet(Vec<Key>);

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
    rules: Validation,
}

/// The set as it is written. Keys of kinds that are not used here may stand beside the others.
#[derive(Deserialize)]
struct Written {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// When it is none, holds no key that can be used, or a secret that is too short; shows nothing
    /// of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text)
            .map_err(|_| r#"is no key set: expected {"keys": […]} (RFC 7517)"#.to_owned())?;
        if written.keys.len() > MOST_KEYS {
            return Err(format!("holds more than {MOST_KEYS} keys"));
        }
        let mut keys = Vec::new();
        for (index, value) in written.keys.into_iter().enumerate() {
            // What this release does not know is passed over, as RFC 7517 has it.
            let Ok(jwk) = serde_json::from_value::<Jwk>(value) else {
                continue;
            };
            let key = key(&jwk).map_err(|what| format!("key {} {what}", index + 1))?;
            keys.extend(key);
        }
        match keys.is_empty() {
            true => Err("holds no key for EdDSA (Ed25519), ES256 or HS256".into()),
            false => Ok(Self(keys)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The claims of a token that one of the keys has signed. Times are not looked at.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, Refused> {
        let header = decode_header(token).map_err(|_| Refused::Signature)?;
        // Extensions that must be understood (RFC 7515, 4.1.11): none is.
        if header.crit.is_some() {
            return Err(Refused::Signature);
        }
        let mut signed = false;
        for key in &self.0 {
            let named = header.kid.is_none() || key.id.is_none() || key.id == header.kid;
            if key.algorithm != header.alg || !named {
                continue;
            }
            match decode::<Value>(token, &key.key, &key.rules) {
                Ok(data) => {
                    return serde_json::from_value(data.claims).map_err(|_| Refused::Claims);
                }
                Err(error) => signed |= is_about_claims(error.kind()),
            }
        }
        Err(if signed {
            Refused::Claims
        } else {
            Refused::Signature
        })
    }
}

/// Whether the signature was right.
fn is_about_claims(error: &jsonwebtoken::errors::ErrorKind) -> bool {
    use jsonwebtoken::errors::ErrorKind;
    matches!(
        error,
        ErrorKind::InvalidAudience | ErrorKind::MissingRequiredClaim(_)
    )
}

/// The key as it is used; none if it is for something else.
fn key(jwk: &Jwk) -> Result<Option<Key>, String> {
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
    {
        return Ok(None);
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        _ => return Ok(None),
    };
    if jwk.common.key_algorithm.is_some_and(|other| other != named) {
        return Ok(None);
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "cannot be read".to_owned())?;
    let secret = key.try_get_as_bytes().ok();
    if algorithm == Algorithm::HS256 && secret.is_none_or(|secret| secret.len() < SHORTEST_SECRET) {
        return Err(format!("is a secret of less than {SHORTEST_SECRET} bytes"));
    }
    let mut rules = Validation::new(algorithm);
    // Times are judged by the store's clock.
    rules.validate_exp = false;
    rules.required_spec_claims.clear();
    rules.set_audience(&[AUDIENCE]);
    Ok(Some(Key {
        id: jwk.common.key_id.clone(),
        algorithm,
        key,
        rules,
    }))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "a secret of thirty-two bytes or so";

    fn set(kid: Option<&str>, secret: &str) -> Result<KeySet, String> {
        let key = json!({ "kty": "oct", "kid": kid, "k": URL_SAFE_NO_PAD.encode(secret) });
        KeySet::parse(&json!({ "keys": [key] }).to_string())
    }

    fn token(header: &Header, secret: &str, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn claims() -> Value {
        json!({ "sub": "p", "channel": "c", "namespaces": ["n"], "exp": 1 })
    }

    #[test]
    fn a_token_is_signed_by_the_key_that_it_names() {
        let named = Header {
            kid: Some("a".into()),
            ..Header::default()
        };
        let token_a = token(&named, SECRET, &claims());
        assert_eq!(
            set(Some("a"), SECRET)
                .unwrap()
                .verify(&token_a)
                .unwrap()
                .sub,
            "p"
        );
        assert!(set(None, SECRET).unwrap().verify(&token_a).is_ok());
        let other = "another secret of thirty-two bytes";
        for set in [set(Some("b"), SECRET), set(Some("a"), other)] {
            assert_eq!(
                set.unwrap().verify(&token_a).err(),
                Some(Refused::Signature)
            );
        }
        let unnamed = token(&Header::default(), SECRET, &claims());
        assert!(set(Some("a"), SECRET).unwrap().verify(&unnamed).is_ok());
    }

    #[test]
    fn what_is_not_signed_as_it_must_be_is_refused() {
        let set = set(None, SECRET).unwrap();
        let plain = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let unsigned = format!(
            "{}.{}.",
            plain(r#"{"alg":"none"}"#),
            plain(&claims().to_string())
        );
        let longer = Header::new(Algorithm::HS512);
        let critical = Header {
            crit: Some(vec!["b64".into()]),
            ..Header::default()
        };
        let good = token(&Header::default(), SECRET, &claims());
        let (head, _) = good.rsplit_once('.').unwrap();
        for wrong in [
            unsigned,
            token(&longer, SECRET, &claims()),
            token(&critical, SECRET, &claims()),
            format!("{head}.{}", plain("nothing")),
            "eyJ.e30.".to_owned(),
        ] {
            assert_eq!(
                set.verify(&wrong).err(),
                Some(Refused::Signature),
                "{wrong}"
            );
        }
    }

    #[test]
    fn claims_must_be_there_and_meant_for_this_server() {
        let set = set(None, SECRET).unwrap();
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            token(&Header::default(), SECRET, &claims)
        };
        assert!(set.verify(&with("aud", json!(["holdfast", "x"]))).is_ok());
        for wrong in [
            with("aud", json!("mail")),
            with("exp", json!("soon")),
            with("namespaces", json!("n")),
            with("max_sockets", json!(-1)),
        ] {
            assert_eq!(set.verify(&wrong).err(), Some(Refused::Claims));
        }
    }

    #[test]
    fn a_set_is_refused_without_showing_it() {
        assert_eq!(
            set(None, "hunter2").err().unwrap(),
            "key 1 is a secret of less than 32 bytes"
        );
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
        let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB" });
        for text in [
            "",
            "[]",
            "{}",
            &json!({ "keys": [rsa, unknown] }).to_string(),
        ] {
            assert!(KeySet::parse(text).is_err(), "{text}");
        }
    }
}
