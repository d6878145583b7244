//! The OpenID provider: its discovery document (OpenID Connect Discovery 1.0), its keys, and what it is asked at the end of a login. Asked from pool threads, with
//! limits on size and time; documents are kept for an hour, failures for some seconds, so that a crowd of workers asks a sick provider once.
use super::token::{self, Key};
use crate::fetch::{self, Url};
use crate::say;
use crate::settings::{SsoSettings, TlsProfile, TlsSettings};
use crate::web::form::encoded;
use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use smol::lock::{Mutex, Semaphore};
use std::rc::Rc;
use std::time::{Duration, Instant};
use uc_core::config::NoteLevel;

/// Longest document.
const DOCUMENT_BYTES_MAX: usize = 256 << 10;
/// How long documents are kept.
const KEPT: Duration = Duration::from_secs(3_600);
/// After a failure, and after keys were asked for because of one that is unknown, it is not asked again for so long.
const BREATH: Duration = Duration::from_secs(5);
/// Logins at once whose code is being exchanged.
const AT_ONCE: usize = 8;

/// What the discovery document says.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Where workers log in.
    pub(super) authorization: String,
    token: Url,
    userinfo: Option<Url>,
    jwks: Url,
    /// The secret goes into the body, not into a header.
    secret_in_body: bool,
}

#[derive(Default)]
struct Known {
    settings: SsoSettings,
    document: Option<(Rc<Document>, Instant)>,
    keys: Rc<Vec<Key>>,
    /// When keys were asked for last.
    keys_at: Option<Instant>,
    failed: Option<(Instant, String)>,
}

/// The provider.
pub(super) struct Provider {
    /// One asks at a time; the others then find what it got.
    known: Mutex<Known>,
    exchanging: Semaphore,
}

impl Default for Provider {
    fn default() -> Self {
        Self { known: Mutex::default(), exchanging: Semaphore::new(AT_ONCE) }
    }
}

/// What the provider gave for a code.
pub(super) struct Tokens {
    /// The ID token.
    pub(super) id: String,
    access: Option<String>,
}

impl Provider {
    /// What it says of itself, and its keys.
    ///
    /// # Errors
    /// One sentence.
    pub(super) async fn document(&self, settings: &SsoSettings) -> Result<(Rc<Document>, Rc<Vec<Key>>), String> {
        let mut known = self.known.lock().await;
        if known.settings != *settings {
            *known = Known { settings: settings.clone(), ..Known::default() };
        }
        if let Some((document, at)) = &known.document
            && at.elapsed() < KEPT
        {
            return Ok((Rc::clone(document), Rc::clone(&known.keys)));
        }
        if let Some((at, why)) = &known.failed
            && at.elapsed() < BREATH
        {
            return Err(why.clone());
        }
        let own = settings.clone();
        let fetched = smol::unblock(move || {
            let document = discover(&own)?;
            let keys = fetch_keys(&document.jwks, &own)?;
            Ok::<_, String>((document, keys))
        });
        match fetched.await {
            Ok((document, keys)) => {
                let (document, now) = (Rc::new(document), Instant::now());
                known.document = Some((Rc::clone(&document), now));
                (known.keys, known.keys_at, known.failed) = (Rc::new(keys), Some(now), None);
                Ok((document, Rc::clone(&known.keys)))
            }
            Err(why) => {
                known.failed = Some((Instant::now(), why.clone()));
                // What it said an hour ago is better than nothing.
                known.document.as_ref().map(|(document, _)| (Rc::clone(document), Rc::clone(&known.keys))).ok_or(why)
            }
        }
    }

    /// Its keys anew, because a token names one we do not know; `None`: they were asked for a moment ago.
    ///
    /// # Errors
    /// One sentence.
    pub(super) async fn newer_keys(&self, document: &Document, settings: &SsoSettings) -> Result<Option<Rc<Vec<Key>>>, String> {
        let mut known = self.known.lock().await;
        if known.keys_at.is_some_and(|at| at.elapsed() < BREATH) {
            return Ok(None);
        }
        known.keys_at = Some(Instant::now());
        let (jwks, own) = (document.jwks.clone(), settings.clone());
        known.keys = Rc::new(smol::unblock(move || fetch_keys(&jwks, &own)).await?);
        Ok(Some(Rc::clone(&known.keys)))
    }

    /// Exchanges the code of a login for its tokens.
    ///
    /// # Errors
    /// One sentence.
    pub(super) async fn exchange(&self, document: &Document, settings: &SsoSettings, code: &str, verifier: &str) -> Result<Tokens, String> {
        let _permit = self.exchanging.acquire().await;
        let form = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&");
        let mut body = form(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &settings.redirect_url), ("code_verifier", verifier)]);
        let secret =
            settings.secret_ref.as_deref().map(crate::secrets::resolve).transpose().map_err(|why| format!("the client secret cannot be read: {why}"))?;
        let mut fields = String::from("Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n");
        match &secret {
            Some(secret) if !document.secret_in_body => {
                let words = format!("{}:{}", encoded(&settings.client_id), encoded(secret));
                fields.push_str(&format!("Authorization: Basic {}\r\n", Base64::encode_string(words.as_bytes())));
            }
            Some(secret) => body.push_str(&format!("&{}", form(&[("client_id", &settings.client_id), ("client_secret", secret)]))),
            None => body.push_str(&format!("&{}", form(&[("client_id", &settings.client_id)]))),
        }
        fields.push_str(&format!("Content-Length: {}\r\n", body.len()));
        let (url, tls) = (document.token.clone(), tls(settings));
        let (status, answer) = smol::unblock(move || fetch::ask(&url, &tls, "POST", &fields, &body, DOCUMENT_BYTES_MAX)).await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let text = |name: &str| answer[name].as_str();
        if status != 200 {
            let why: String = [text("error"), text("error_description")].into_iter().flatten().collect::<Vec<_>>().join(": ").chars().take(200).collect();
            return Err(format!("it refuses the code of a login with status {status}: {why}"));
        }
        let id = text("id_token").ok_or("it gave no ID token; does the client there have the scope `openid`?")?.to_owned();
        Ok(Tokens { id, access: text("access_token").filter(|token| token.bytes().all(|b| b.is_ascii_graphic())).map(str::to_owned) })
    }

    /// What it tells about who logged in, beyond the ID token; null when it tells nothing.
    ///
    /// # Errors
    /// One sentence.
    pub(super) async fn userinfo(&self, document: &Document, settings: &SsoSettings, tokens: &Tokens) -> Result<Value, String> {
        let (Some(url), Some(access)) = (document.userinfo.clone(), &tokens.access) else { return Ok(Value::Null) };
        let _permit = self.exchanging.acquire().await;
        let (fields, tls) = (format!("Authorization: Bearer {access}\r\nAccept: application/json\r\n"), tls(settings));
        let (status, answer) = smol::unblock(move || fetch::ask(&url, &tls, "GET", &fields, "", DOCUMENT_BYTES_MAX)).await?;
        if status != 200 {
            return Err(format!("its userinfo endpoint answers {status}"));
        }
        serde_json::from_slice(&answer).map_err(|why| format!("its userinfo cannot be read: {why}"))
    }
}

fn tls(settings: &SsoSettings) -> TlsSettings {
    TlsSettings { profile: TlsProfile::Rustls, ca: settings.ca.clone(), identity: None, server_name: None }
}

fn discover(settings: &SsoSettings) -> Result<Document, String> {
    let issuer = settings.issuer.trim_end_matches('/');
    let document = get(&url(&format!("{issuer}/.well-known/openid-configuration"), settings)?, settings)?;
    let text = |name: &str| document[name].as_str();
    let must = |name: &str| text(name).ok_or_else(|| format!("its discovery document lacks `{name}`"));
    if must("issuer")? != &*settings.issuer {
        return Err(format!("it calls itself `{}` (option `web.sso.issuer`)", must("issuer")?.chars().take(200).collect::<String>()));
    }
    let authorization = must("authorization_endpoint")?;
    url(authorization, settings)?;
    let methods = document["token_endpoint_auth_methods_supported"].as_array();
    let supports = |name: &str| methods.is_some_and(|list| list.iter().any(|method| method == name));
    Ok(Document {
        authorization: authorization.to_owned(),
        token: url(must("token_endpoint")?, settings)?,
        userinfo: text("userinfo_endpoint").map(|endpoint| url(endpoint, settings)).transpose()?,
        jwks: url(must("jwks_uri")?, settings)?,
        secret_in_body: supports("client_secret_post") && !supports("client_secret_basic"),
    })
}

/// A URL of the provider; one in clear only when the issuer is, too.
fn url(text: &str, settings: &SsoSettings) -> Result<Url, String> {
    let told = || text.chars().take(200).collect::<String>();
    if !text.starts_with("https://") && settings.issuer.starts_with("https://") {
        return Err(format!("its endpoint `{}` is not https", told()));
    }
    Url::parse(text).ok_or_else(|| format!("its endpoint `{}` is no URL", told()))
}

fn fetch_keys(url: &Url, settings: &SsoSettings) -> Result<Vec<Key>, String> {
    let keys = token::keys(&get(url, settings)?);
    if keys.is_empty() {
        say::failing(NoteLevel::Warn, &format!("single sign-on: {url} has no key that can check signatures"));
    }
    Ok(keys)
}

fn get(url: &Url, settings: &SsoSettings) -> Result<Value, String> {
    let (status, body) =
        fetch::ask(url, &tls(settings), "GET", "Accept: application/json\r\n", "", DOCUMENT_BYTES_MAX).map_err(|why| format!("{url}: {why}"))?;
    if status != 200 {
        return Err(format!("{url} answers {status}"));
    }
    serde_json::from_slice(&body).map_err(|why| format!("{url} is not JSON: {why}"))
}
