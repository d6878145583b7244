//! Digest authentication as the client sees it (RFC 7616, RFC 8760; RFC 2617 for servers without `qop`): reading challenges, printing credentials.
//!
//! The core says who answers which challenge and counts the uses of a nonce; the password is known to the driver alone, so the answer is computed where the
//! request is printed. Quoted values are kept as written, escapes included, and printed back the same way.
//!
//! Not done: `auth-int`, `userhash`, `Authentication-Info`.
use super::head::{is_token, trim};
use super::values::{Items, Params};
use crate::uc_event::{Authorization, Challenge, DigestAlgorithm};
use alloc::string::String;
use core::fmt::Write;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// Reads the value of `WWW-Authenticate` or `Proxy-Authenticate`. `None`: another scheme, or one that this version cannot answer.
pub(super) fn challenge(value: &[u8], proxy: bool) -> Option<Challenge<'_>> {
    let value = trim(value);
    let end = value.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))?;
    let (scheme, rest) = value.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"Digest") {
        return None;
    }
    let (mut realm, mut nonce, mut opaque) = (None, None, None);
    let (mut algorithm, mut session, mut qop, mut stale) = (DigestAlgorithm::Md5, false, None, false);
    for item in Items(rest) {
        let (name, value) = Params(item).next().flatten()?;
        let text = core::str::from_utf8(value).ok()?;
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("realm") {
            realm = Some(text);
        } else if is("nonce") {
            nonce = Some(text);
        } else if is("opaque") {
            opaque = Some(text);
        } else if is("stale") {
            stale = text.eq_ignore_ascii_case("true");
        } else if is("algorithm") {
            (algorithm, session) = algorithm_of(text)?;
        } else if is("qop") {
            qop = Some(text.split(',').any(|option| option.trim().eq_ignore_ascii_case("auth")));
        }
    }
    if qop == Some(false) {
        return None;
    }
    Some(Challenge { proxy, realm: realm?, nonce: nonce?, opaque, algorithm, session, qop: qop.is_some(), stale })
}

fn algorithm_of(text: &str) -> Option<(DigestAlgorithm, bool)> {
    let (name, session) = match text.len().checked_sub(5).and_then(|at| text.split_at_checked(at)) {
        Some((name, tail)) if tail.eq_ignore_ascii_case("-sess") => (name, true),
        _ => (text, false),
    };
    let known = [DigestAlgorithm::Md5, DigestAlgorithm::Sha256, DigestAlgorithm::Sha512_256];
    known.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name)).map(|algorithm| (algorithm, session))
}

/// Prints the header line that answers a challenge.
pub(super) fn print(auth: &Authorization, method: &str, uri: &str, password: &str, out: &mut String) {
    let Authorization { proxy, user, realm, nonce, opaque, algorithm, session, qop, cnonce, nc, .. } = auth;
    let response = response(auth, method, uri, password);
    let name = if *proxy { "Proxy-Authorization" } else { "Authorization" };
    let sess = if *session { "-sess" } else { "" };
    // Writing to a String cannot fail.
    let _ = write!(out, "{name}: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\"");
    let _ = write!(out, ", algorithm={}{sess}", algorithm.as_str());
    if let Some(opaque) = opaque {
        let _ = write!(out, ", opaque=\"{opaque}\"");
    }
    if *qop {
        let _ = write!(out, ", qop=auth, cnonce=\"{cnonce}\", nc={nc:08x}");
    } else if *session {
        let _ = write!(out, ", cnonce=\"{cnonce}\"");
    }
}

/// `response` (RFC 7616 §3.4.1).
fn response(auth: &Authorization, method: &str, uri: &str, password: &str) -> String {
    let Authorization { user, realm, nonce, cnonce, nc, .. } = auth;
    let hash = |parts: &[&str]| hash(auth.algorithm, parts);
    let mut a1 = hash(&[user, ":", realm, ":", password]);
    if auth.session {
        a1 = hash(&[&a1, ":", nonce, ":", cnonce]);
    }
    let a2 = hash(&[method, ":", uri]);
    if auth.qop {
        let mut count = String::new();
        let _ = write!(count, "{nc:08x}");
        hash(&[&a1, ":", nonce, ":", &count, ":", cnonce, ":auth:", &a2])
    } else {
        hash(&[&a1, ":", nonce, ":", &a2])
    }
}

/// The hash of the joined parts in lower-case hexadecimal digits.
fn hash(algorithm: DigestAlgorithm, parts: &[&str]) -> String {
    fn of<D: Digest>(parts: &[&str]) -> String {
        let mut state = D::new();
        parts.iter().for_each(|part| state.update(part));
        let mut text = String::with_capacity(64);
        for byte in state.finalize().as_slice() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
    match algorithm {
        DigestAlgorithm::Md5 => of::<Md5>(parts),
        DigestAlgorithm::Sha256 => of::<Sha256>(parts),
        DigestAlgorithm::Sha512_256 => of::<Sha512_256>(parts),
    }
}

/// An entity tag (RFC 3903 §11.3.1), if it is one.
pub(super) fn entity_tag(value: &[u8]) -> Option<&str> {
    is_token(value).then(|| core::str::from_utf8(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;

    fn authorization(algorithm: DigestAlgorithm) -> Authorization {
        Authorization {
            proxy: false,
            user: "Mufasa".into(),
            password_ref: "env:X".into(),
            realm: "http-auth@example.org".into(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
            opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS".into()),
            algorithm,
            session: false,
            qop: true,
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".into(),
            nc: 1,
        }
    }

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_published_examples() {
        let print = |auth: &Authorization, user: &str, password: &str, uri: &str| {
            let mut out = String::new();
            super::print(&Authorization { user: user.into(), ..auth.clone() }, "GET", uri, password, &mut out);
            out
        };
        let text = print(&authorization(DigestAlgorithm::Md5), "Mufasa", "Circle of Life", "/dir/index.html");
        assert!(text.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\", algorithm=MD5, ") && text.ends_with("nc=00000001"), "{text}");
        let text = print(&authorization(DigestAlgorithm::Sha256), "Mufasa", "Circle of Life", "/dir/index.html");
        assert!(text.contains("response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", algorithm=SHA-256, "), "{text}");
    }

    /// RFC 2617 §3.5 with and without `qop`.
    #[test]
    fn servers_of_the_first_generation() {
        let auth = Authorization {
            realm: "testrealm@host.com".into(),
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093".into(),
            opaque: None,
            cnonce: "0a4f113b".into(),
            ..authorization(DigestAlgorithm::Md5)
        };
        assert_eq!(response(&auth, "GET", "/dir/index.html", "Circle Of Life"), "6629fae49393a05397450978507c4ef1");
        let old = Authorization { qop: false, ..auth };
        assert_eq!(response(&old, "GET", "/dir/index.html", "Circle Of Life"), "670fd8c2df070c60b045671b8b24ff02");
        let mut text = String::new();
        print(&Authorization { proxy: true, ..old }, "GET", "/", "x", &mut text);
        assert!(text.starts_with("Proxy-Authorization: Digest username=\"Mufasa\"") && !text.contains("nc=") && !text.contains("cnonce"), "{text}");
    }

    #[test]
    fn session_variants_depend_on_both_nonces() {
        let auth = Authorization { session: true, ..authorization(DigestAlgorithm::Sha512_256) };
        let other = Authorization { cnonce: Box::from("x"), ..auth.clone() };
        assert_ne!(response(&auth, "GET", "/", "p"), response(&other, "GET", "/", "p"));
        let mut text = String::new();
        print(&auth, "GET", "/", "p", &mut text);
        assert!(text.contains("algorithm=SHA-512-256-sess"), "{text}");
    }

    #[test]
    fn challenges() {
        let read = |text: &'static str| challenge(text.as_bytes(), true);
        let usual = read("Digest realm=\"example.com\", nonce=\"VtW8dlbV\", qop=\"auth\"").expect("usual");
        assert_eq!((usual.realm, usual.nonce, usual.qop, usual.stale, usual.proxy), ("example.com", "VtW8dlbV", true, false, true));
        let rich =
            read("digest  qop=\"auth-int, auth\" ,realm=\"a \\\"b\\\", c\",\r\n nonce=\"n,=\", stale=TRUE, algorithm=sha-256-SESS, opaque=\"\"").expect("rich");
        assert_eq!((rich.realm, rich.nonce, rich.stale, rich.session, rich.opaque), ("a \\\"b\\\", c", "n,=", true, true, Some("")));
        assert_eq!(rich.algorithm, DigestAlgorithm::Sha256);
        assert!(!read("Digest realm=\"a\", nonce=\"b\"").expect("old").qop);
        for other in ["", "Digest", "NTLM realm=\"a\", nonce=\"b\"", "Digest realm=\"a\"", "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\""] {
            assert!(read(other).is_none(), "{other}");
        }
        assert!(read("Digest realm=\"a\", nonce=\"b\", algorithm=AKAv1-MD5").is_none());
        assert!(read("Digest realm=\"a, nonce=\"b\"").is_none());
    }

    #[test]
    fn entity_tags() {
        assert_eq!(entity_tag(b"a.1795368522.24407.1.0"), Some("a.1795368522.24407.1.0"));
        assert_eq!(entity_tag(b"a b"), None);
        assert_eq!(entity_tag(b""), None);
    }
}
