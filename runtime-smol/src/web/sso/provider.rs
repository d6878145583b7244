//! The OpenID provider: its discovery document (OpenID Connect Discovery 1.0), its keys, and what it is asked at the end of a login. Asked from pool threads, with
//! limits on size and time; documents are kept for an hour, failures for some seconds, so that a crowd of workers asks a sick provider once.
use super::tame;
use super::token::{self, Key};
use crate::fetch::{self, Answer, Silence, Url, Within};
use crate::say;
use crate::settings::{SsoSettings, TlsProfile, TlsSettings};
use crate::web::form::encoded;
use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use smol::Timer;
use smol::future::or;
use smol::lock::{Mutex, Semaphore};
use std::rc::Rc;
use std::sync::Arc;
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

/// The look-up of a name cannot be cut short; nobody waits for it longer than this after the time is over.
const GRACE: Duration = Duration::from_millis(500);

/// Why the provider is of no use, one sentence for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It does not answer now.
    Down(String),
    /// It answers something we cannot use; waiting does not help.
    Wrong(String),
}

/// Does something in time.
///
/// # Errors
/// See [`Trouble`].
pub(super) async fn in_time<T>(within: Within, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let over = async {
        Timer::after(within.left().unwrap_or_default() + GRACE).await;
        Err(Trouble::Down(within.over()))
    };
    or(work, over).await
}

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
    failed: Option<(Instant, Trouble)>,
}

impl Known {
    /// What it said an hour ago is better than nothing.
    fn stale(&self) -> Option<(Rc<Document>, Rc<Vec<Key>>)> {
        self.document.as_ref().map(|(document, _)| (Rc::clone(document), Rc::clone(&self.keys)))
    }
}

/// The provider.
pub(super) struct Provider {
    /// One asks at a time; the others then find what it got.
    known: Mutex<Known>,
    exchanging: Arc<Semaphore>,
}

impl Default for Provider {
    fn default() -> Self {
        Self { known: Mutex::default(), exchanging: Arc::new(Semaphore::new(AT_ONCE)) }
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
    /// See [`Trouble`].
    pub(super) async fn document(&self, settings: &SsoSettings, within: Within) -> Result<(Rc<Document>, Rc<Vec<Key>>), Trouble> {
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
            return known.stale().ok_or_else(|| why.clone());
        }
        // Whoever waits for it may go away, and others must not ask again and again.
        known.failed = Some((Instant::now(), Trouble::Down("it was asked a moment ago and has not answered".into())));
        let own = settings.clone();
        let fetched = smol::unblock(move || {
            let document = discover(&own, within)?;
            let keys = fetch_keys(&document.jwks, &own, within)?;
            Ok::<_, Trouble>((document, keys))
        });
        match in_time(within, fetched).await {
            Ok((document, keys)) => {
                let (document, now) = (Rc::new(document), Instant::now());
                known.document = Some((Rc::clone(&document), now));
                (known.keys, known.keys_at, known.failed) = (Rc::new(keys), Some(now), None);
                Ok((document, Rc::clone(&known.keys)))
            }
            Err(why) => {
                known.failed = Some((Instant::now(), why.clone()));
                known.stale().ok_or(why)
            }
        }
    }

    /// Newer keys than those `held`, because a token is signed by none of them; `None`: they were asked for a moment ago.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub(super) async fn newer_keys(
        &self,
        document: &Document,
        settings: &SsoSettings,
        held: &Rc<Vec<Key>>,
        within: Within,
    ) -> Result<Option<Rc<Vec<Key>>>, Trouble> {
        let mut known = self.known.lock().await;
        // Somebody else has asked meanwhile.
        if !Rc::ptr_eq(&known.keys, held) {
            return Ok(Some(Rc::clone(&known.keys)));
        }
        if known.keys_at.is_some_and(|at| at.elapsed() < BREATH) {
            return Ok(None);
        }
        known.keys_at = Some(Instant::now());
        let (jwks, own) = (document.jwks.clone(), settings.clone());
        known.keys = Rc::new(in_time(within, smol::unblock(move || fetch_keys(&jwks, &own, within))).await?);
        Ok(Some(Rc::clone(&known.keys)))
    }

    /// Exchanges the code of a login for its tokens.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub(super) async fn exchange(&self, document: &Document, settings: &SsoSettings, code: &str, verifier: &str, within: Within) -> Result<Tokens, Trouble> {
        let form = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&");
        let mut body = form(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &settings.redirect_url), ("code_verifier", verifier)]);
        let secret = settings
            .secret_ref
            .as_deref()
            .map(crate::secrets::resolve)
            .transpose()
            .map_err(|why| Trouble::Wrong(format!("the client secret cannot be read: {why}")))?;
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
        let answer = self.ask(&document.token, settings, "POST", fields, body, within).await?;
        if matches!(answer.status, 400..=499) && answer.status != 429 {
            let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let words: Vec<&str> = ["error", "error_description"].iter().filter_map(|name| told[name].as_str()).collect();
            let why: String = words.join(": ").chars().take(200).collect();
            return Err(Trouble::Wrong(format!("it refuses the code of a login with status {}: {why}", answer.status)));
        }
        let answer = json(&document.token, &answer)?;
        let text = |name: &str| answer[name].as_str();
        let id = text("id_token").ok_or_else(|| Trouble::Wrong("it gave no ID token; does the client there have the scope `openid`?".into()))?.to_owned();
        Ok(Tokens { id, access: text("access_token").filter(|token| token.bytes().all(|b| b.is_ascii_graphic())).map(str::to_owned) })
    }

    /// What it tells about who logged in, beyond the ID token; null when it tells nothing.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub(super) async fn userinfo(&self, document: &Document, settings: &SsoSettings, tokens: &Tokens, within: Within) -> Result<Value, Trouble> {
        let (Some(url), Some(access)) = (&document.userinfo, &tokens.access) else { return Ok(Value::Null) };
        let fields = format!("Authorization: Bearer {access}\r\nAccept: application/json\r\n");
        json(url, &self.ask(url, settings, "GET", fields, String::new(), within).await?)
    }

    /// Asks one of the endpoints of a login; some at once, the others wait.
    async fn ask(&self, url: &Url, settings: &SsoSettings, method: &'static str, fields: String, body: String, within: Within) -> Result<Answer, Trouble> {
        let (url, tls) = (url.clone(), tls(settings));
        let permit = self.exchanging.acquire_arc().await;
        let asked = smol::unblock(move || {
            // Held until the thread is done, also when nobody waits any more.
            let _permit = permit;
            fetch::ask(&url, &tls, (method, &fields, &body), DOCUMENT_BYTES_MAX, within).map_err(|silence| told(&url, silence))
        });
        asked.await
    }
}

fn tls(settings: &SsoSettings) -> TlsSettings {
    TlsSettings { profile: TlsProfile::Rustls, ca: settings.ca.clone(), identity: None, server_name: None }
}

fn told(url: &Url, silence: Silence) -> Trouble {
    match silence {
        Silence::Down(why) => Trouble::Down(format!("{url}: {why}")),
        Silence::Wrong(why) => Trouble::Wrong(format!("{url}: {why}")),
    }
}

/// What an answer says when it is a good one.
fn json(url: &Url, answer: &Answer) -> Result<Value, Trouble> {
    match answer.status {
        200 => serde_json::from_slice(&answer.body).map_err(|why| {
            let kind: String = answer.content_type.chars().take(80).collect();
            Trouble::Wrong(format!("{url} is not JSON (`{kind}`): {why}; does something between us and the provider answer for it?"))
        }),
        status @ (429 | 500..) => Err(Trouble::Down(format!("{url} answers {status}"))),
        status @ 300..=399 => Err(Trouble::Wrong(format!("{url} answers {status}, a redirect, which is not followed (option `web.sso.issuer`)"))),
        status => Err(Trouble::Wrong(format!("{url} answers {status}"))),
    }
}

fn discover(settings: &SsoSettings, within: Within) -> Result<Document, Trouble> {
    let issuer = settings.issuer.trim_end_matches('/');
    let document = get(&url(&format!("{issuer}/.well-known/openid-configuration"), settings)?, settings, within)?;
    let text = |name: &str| document[name].as_str();
    let must = |name: &str| text(name).ok_or_else(|| Trouble::Wrong(format!("its discovery document lacks `{name}`")));
    if must("issuer")? != &*settings.issuer {
        return Err(Trouble::Wrong(format!("it calls itself `{}` (option `web.sso.issuer`)", must("issuer")?.chars().take(200).collect::<String>())));
    }
    let authorization = must("authorization_endpoint")?;
    url(authorization, settings)?;
    // RFC 6749 section 3.1; what we append would be lost behind it.
    if authorization.contains('#') {
        return Err(Trouble::Wrong("its `authorization_endpoint` has a fragment (#)".into()));
    }
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

/// A URL of the provider; one in clear only when the issuer is, too, and on this machine only.
fn url(text: &str, settings: &SsoSettings) -> Result<Url, Trouble> {
    let wrong = |what: &str| Trouble::Wrong(format!("its endpoint `{}` {what}", text.chars().take(200).collect::<String>()));
    let url = Url::parse(text).ok_or_else(|| wrong("is no URL"))?;
    if !text.starts_with("https://") && settings.issuer.starts_with("https://") {
        return Err(wrong("is not https"));
    }
    if url.is_far_in_clear() {
        return Err(wrong("is in clear and on another machine: it must be https"));
    }
    Ok(url)
}

fn fetch_keys(url: &Url, settings: &SsoSettings, within: Within) -> Result<Vec<Key>, Trouble> {
    let keys = token::keys(&get(url, settings, within)?);
    if keys.is_empty() {
        say::failing(NoteLevel::Warn, &tame(&format!("single sign-on: {url} has no key that can check signatures")));
    }
    Ok(keys)
}

fn get(url: &Url, settings: &SsoSettings, within: Within) -> Result<Value, Trouble> {
    let request = ("GET", "Accept: application/json\r\n", "");
    json(url, &fetch::ask(url, &tls(settings), request, DOCUMENT_BYTES_MAX, within).map_err(|silence| told(url, silence))?)
}
