//! ID tokens (OpenID Connect Core 1.0 section 3.1.3.7): a JSON Web Token signed by one of the provider's keys (RFC 7515, 7517, 7518).
//!
//! Signatures are checked by ring, which is here for TLS anyway. Only asymmetric algorithms are known, so neither `none` nor a secret that is really a public key is
//! ever taken; and a key fits one family of algorithms only. Encrypted tokens are not known.
use crate::web::is_same_secret;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Map, Value};
use std::fmt;

/// Longest token.
const BYTES_MAX: usize = 32 << 10;
/// Keys of a provider; more are not looked at.
const KEYS_MAX: usize = 64;
/// How far the clocks may differ, seconds.
const LEEWAY_S: u64 = 60;

/// A public key of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    kid: Option<String>,
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
}

/// Keys of a document (JWKS) that can check signatures; others in it are left out.
pub(super) fn keys(document: &Value) -> Vec<Key> {
    document["keys"].as_array().into_iter().flatten().filter_map(key).take(KEYS_MAX).collect()
}

fn key(jwk: &Value) -> Option<Key> {
    let text = |name: &str| jwk[name].as_str();
    let bytes = |name: &str| text(name).and_then(decoded);
    let point = |size: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        (x.len() == size && y.len() == size).then(|| [&[4], &*x, &*y].concat())
    };
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let material = match (text("kty")?, text("crv")) {
        ("RSA", _) => Material::Rsa { modulus: bytes("n")?, exponent: bytes("e")? },
        ("EC", Some("P-256")) => Material::P256(point(32)?),
        ("EC", Some("P-384")) => Material::P384(point(48)?),
        _ => return None,
    };
    Some(Key { kid: text("kid").map(str::to_owned), algorithm: text("alg").map(str::to_owned), material })
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// Who made it.
    pub(super) issuer: &'a str,
    /// For whom: our client id.
    pub(super) audience: &'a str,
    /// Of the request it answers.
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) now_s: u64,
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not a signed token.
    Form(&'static str),
    /// Signed in a way we do not take.
    Algorithm(String),
    /// None of the keys is the one it names, or fits when it names none (empty).
    NoKey(String),
    /// The signature is wrong.
    Signature,
    /// Somebody else made it.
    Issuer(String),
    /// It is for somebody else.
    Audience(String),
    /// Its time is over, seconds ago.
    Expired(u64),
    /// It is from the future, by seconds.
    Early(u64),
    /// It answers another request.
    Nonce,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => write!(f, "the ID token {what}"),
            Self::Algorithm(name) => {
                write!(f, "the ID token is signed by `{name}`; RS, PS 256, 384, 512, ES256 and ES384 are taken (option of the client at the provider)")
            }
            Self::NoKey(kid) if kid.is_empty() => f.write_str("the ID token is signed by a key without a name, which the provider does not publish"),
            Self::NoKey(kid) => write!(f, "the ID token is signed by the key `{kid}`, which the provider does not publish"),
            Self::Signature => f.write_str("the signature of the ID token is wrong"),
            Self::Issuer(issuer) => write!(f, "the ID token is of `{issuer}`, not of the provider (option `web.sso.issuer`)"),
            Self::Audience(audience) => write!(f, "the ID token is for {audience}, not for us (option `web.sso.client_id`)"),
            Self::Expired(ago) => write!(f, "the ID token expired {ago} s ago; is the clock right?"),
            Self::Early(by) => write!(f, "the ID token is {by} s from the future; is the clock right?"),
            Self::Nonce => f.write_str("the ID token answers another login (nonce)"),
        }
    }
}

/// What a token says, if it is right.
///
/// # Errors
/// See [`Fault`]; [`Fault::NoKey`] may be cured by newer keys.
pub(super) fn verify(token: &str, keys: &[Key], expected: &Expected<'_>) -> Result<Map<String, Value>, Fault> {
    let mut parts = token.split('.');
    let (Some(head), Some(body), Some(signed), None, true) = (parts.next(), parts.next(), parts.next(), parts.next(), token.len() <= BYTES_MAX) else {
        return Err(Fault::Form("is not three parts of at most 32 KiB"));
    };
    let json = |part: &str| decoded(part).and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
    let (Some(header), Some(signature)) = (json(head), decoded(signed)) else { return Err(Fault::Form("has no header or signature")) };
    if header.contains_key("crit") {
        return Err(Fault::Form("demands extensions (crit)"));
    }
    check_signature(&header, &token.as_bytes()[..head.len() + 1 + body.len()], &signature, keys)?;
    let claims = json(body).ok_or(Fault::Form("has no claims"))?;
    check_claims(&claims, expected)?;
    Ok(claims)
}

fn check_signature(header: &Map<String, Value>, message: &[u8], signature: &[u8], keys: &[Key]) -> Result<(), Fault> {
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let name = text("alg").unwrap_or_default();
    let is_known = matches!(name, "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" | "ES256" | "ES384");
    if !is_known {
        return Err(Fault::Algorithm(name.chars().take(20).collect()));
    }
    let mut is_there = false;
    for key in keys {
        let fits = text("kid").is_none_or(|kid| key.kid.as_deref() == Some(kid)) && key.algorithm.as_deref().is_none_or(|own| own == name);
        match fits.then(|| key.has_signed(name, message, signature)).flatten() {
            Some(true) => return Ok(()),
            Some(false) => is_there = true,
            None => {}
        }
    }
    // Without a name none of the keys is the one that should fit: it may be a newer one.
    Err(if is_there && text("kid").is_some() { Fault::Signature } else { Fault::NoKey(text("kid").unwrap_or_default().chars().take(80).collect()) })
}

impl Key {
    /// `None`: it is no key for this algorithm.
    fn has_signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        let is_right = match (&self.material, algorithm) {
            (Material::Rsa { modulus, exponent }, _) => {
                let parameters = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return None,
                };
                RsaPublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature)
            }
            (Material::P256(point), "ES256") => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            (Material::P384(point), "ES384") => UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point).verify(message, signature),
            _ => return None,
        };
        Some(is_right.is_ok())
    }
}

fn check_claims(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Fault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // Times may have fractions.
    let time = |name: &str| claims.get(name).and_then(|value| value.as_u64().or_else(|| value.as_f64().filter(|s| *s >= 0.0).map(|s| s as u64)));
    let issuer = text("iss").unwrap_or_default();
    if issuer != expected.issuer {
        return Err(Fault::Issuer(issuer.chars().take(200).collect()));
    }
    let audience = claims.get("aud").unwrap_or(&Value::Null);
    let several = audience.as_array().map_or(&[][..], |list| list);
    let is_ours = |value: &Value| value.as_str() == Some(expected.audience);
    let party_is_right = match text("azp") {
        Some(party) => party == expected.audience,
        None => several.len() < 2 && !claims.contains_key("azp"),
    };
    if !(is_ours(audience) || several.iter().any(is_ours)) || !party_is_right {
        return Err(Fault::Audience(audience.to_string().chars().take(200).collect()));
    }
    let (Some(expires), Some(issued)) = (time("exp"), time("iat")) else { return Err(Fault::Form("does not say when it was issued and when it expires")) };
    let now = expected.now_s;
    if now >= expires.saturating_add(LEEWAY_S) {
        return Err(Fault::Expired(now - expires));
    }
    let begins = time("nbf").unwrap_or(0).max(issued);
    if begins > now.saturating_add(LEEWAY_S) {
        return Err(Fault::Early(begins - now));
    }
    if !text("nonce").is_some_and(|nonce| is_same_secret(nonce, expected.nonce)) {
        return Err(Fault::Nonce);
    }
    if text("sub").is_none_or(str::is_empty) {
        return Err(Fault::Form("does not say whom it is about"));
    }
    Ok(())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

#[cfg(test)]
mod tests;
