//! ID tokens made here with keys of our own: each claim wrong once, each algorithm, forged signatures.
use super::*;
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;

const NOW: u64 = 1_800_000_000;

fn expected() -> Expected<'static> {
    Expected { issuer: "https://id.example.com", audience: "uc", nonce: "n-1", now_s: NOW }
}

fn claims() -> Value {
    json!({ "iss": "https://id.example.com", "aud": "uc", "sub": "7", "nonce": "n-1", "exp": NOW + 300, "iat": NOW - 1 })
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// Somebody who signs with a key of their own.
struct Provider(EcdsaKeyPair);

impl Provider {
    fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap())
    }

    fn jwk(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encoded(signature))
    }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

#[test]
fn every_claim_is_held_against_the_request() {
    let provider = Provider::new();
    let keys = keys(&json!({ "keys": [provider.jwk("a")] }));
    let header = json!({ "alg": "ES256", "kid": "a" });
    let told = |claims: &Value| verify(&provider.sign(&header, claims), &keys, &expected()).map(|claims| claims["sub"].clone());
    assert_eq!(told(&claims()), Ok(json!("7")));
    for good in [with("aud", json!(["uc"])), with("exp", json!(NOW - 59)), with("iat", json!(NOW + 60)), with("azp", json!("uc")), with("exp", json!(1.9e9))] {
        assert_eq!(told(&good), Ok(json!("7")), "{good}");
    }
    let mut several = with("aud", json!(["uc", "other"]));
    assert_eq!(told(&several), Err(Fault::Audience("[\"uc\",\"other\"]".into())), "two audiences need a party");
    several["azp"] = json!("uc");
    assert_eq!(told(&several), Ok(json!("7")));
    for (name, value, fault) in [
        ("nonce", json!("n-2"), Fault::Nonce),
        ("nonce", Value::Null, Fault::Nonce),
        ("exp", json!(NOW - 61), Fault::Expired(61)),
        ("iat", json!(NOW + 61), Fault::Early(61)),
        ("nbf", json!(NOW + 100), Fault::Early(100)),
        ("aud", json!("other"), Fault::Audience("\"other\"".into())),
        ("aud", json!(["other"]), Fault::Audience("[\"other\"]".into())),
        ("azp", json!("other"), Fault::Audience("\"uc\"".into())),
        ("iss", json!("https://id.example.com/"), Fault::Issuer("https://id.example.com/".into())),
        ("exp", Value::Null, Fault::Form("does not say when it was issued and when it expires")),
        ("iat", json!("yesterday"), Fault::Form("does not say when it was issued and when it expires")),
        ("sub", json!(""), Fault::Form("does not say whom it is about")),
    ] {
        assert_eq!(told(&with(name, value.clone())), Err(fault), "{name} {value}");
    }
}

#[test]
fn only_the_providers_own_signature_counts() {
    let (provider, other) = (Provider::new(), Provider::new());
    let keys = keys(&json!({ "keys": [{ "kty": "oct", "k": "AA" }, "?", provider.jwk("a")] }));
    assert_eq!(keys.len(), 1);
    let told = |token: &str| verify(token, &keys, &expected()).map(drop);
    let header = json!({ "alg": "ES256", "kid": "a" });
    let right = provider.sign(&header, &claims());
    assert_eq!(told(&right), Ok(()));
    assert_eq!(told(&provider.sign(&json!({ "alg": "ES256" }), &claims())), Ok(()), "without a name any key may fit");
    assert_eq!(told(&other.sign(&header, &claims())), Err(Fault::Signature));
    assert_eq!(told(&other.sign(&json!({ "alg": "ES256" }), &claims())), Err(Fault::NoKey(String::new())), "a key without a name was changed");
    assert_eq!(told(&provider.sign(&json!({ "alg": "ES256", "kid": "b" }), &claims())), Err(Fault::NoKey("b".into())), "the key was changed");
    for name in ["none", "HS256", "es256", ""] {
        assert_eq!(told(&provider.sign(&json!({ "alg": name, "kid": "a" }), &claims())), Err(Fault::Algorithm(name.into())));
    }
    assert_eq!(told(&provider.sign(&json!({ "alg": "RS256", "kid": "a" }), &claims())), Err(Fault::NoKey("a".into())), "a key of another kind");
    let forged = with("sub", json!("8"));
    let parts: Vec<&str> = right.split('.').collect();
    assert_eq!(told(&format!("{}.{}.{}", parts[0], encoded(forged.to_string()), parts[2])), Err(Fault::Signature));
    assert!(matches!(told(&provider.sign(&json!({ "alg": "ES256", "kid": "a", "crit": ["x"] }), &claims())), Err(Fault::Form(_))));
    for broken in ["", "a.b", "a.b.c.d", "..", "!.!.!", &right[..right.len() / 2], &"a".repeat(40_000)] {
        assert!(told(broken).is_err(), "{broken}");
    }
}

#[test]
fn rsa_signs_too() {
    let rsa = Rsa::generate(2048).unwrap();
    let jwk = json!({ "kty": "RSA", "alg": "RS256", "kid": "r", "n": encoded(rsa.n().to_vec()), "e": encoded(rsa.e().to_vec()) });
    let private = openssl::pkey::PKey::from_rsa(rsa).unwrap();
    let message = format!("{}.{}", encoded(json!({ "alg": "RS256", "kid": "r" }).to_string()), encoded(claims().to_string()));
    let mut signer = Signer::new(openssl::hash::MessageDigest::sha256(), &private).unwrap();
    let token = format!("{message}.{}", encoded(signer.sign_oneshot_to_vec(message.as_bytes()).unwrap()));
    let of = |jwk: Value| verify(&token, &keys(&json!({ "keys": [jwk] })), &expected()).map(drop);
    assert_eq!(of(jwk.clone()), Ok(()));
    for (name, value) in [("alg", "PS256"), ("use", "enc"), ("kid", "s"), ("n", "")] {
        let mut other = jwk.clone();
        other[name] = json!(value);
        assert!(of(other).is_err(), "{name} {value}");
    }
}
