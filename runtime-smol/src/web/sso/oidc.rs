//! OpenID Connect: the authorization code flow (OpenID Connect Core 1.0 section 3.1) with PKCE (RFC 7636), `state` and `nonce`. A login belongs to the browser that began it.
use super::pending::{Pending, WITHIN};
use super::provider::{Document, Provider, Trouble, in_time};
use super::token::{self, Expected, Fault};
use super::{Why, back, enter, tame, unknown, worker};
use crate::fetch::Within;
use crate::history::now_ms;
use crate::say;
use crate::settings::SsoSettings;
use crate::web::answer::{Reply, json_error};
use crate::web::api::secure;
use crate::web::assets::hex;
use crate::web::form::encoded;
use crate::web::request::Asked;
use crate::web::session::is_same_secret;
use crate::web::site::Site;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use hyper::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::rc::Rc;
use std::time::{Duration, Instant};
use uc_core::config::NoteLevel;

/// The cookie of a login under way.
const COOKIE: &str = "uc_sso";

/// What the web thread knows of single sign-on.
#[derive(Default)]
pub(in crate::web) struct Oidc {
    pending: std::cell::RefCell<super::pending::Store>,
    provider: Provider,
}

/// Why a login did not work: what the worker reads, and what the operator does.
struct Refusal(Why, String);

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Down(why) => Self(Why::Down, why),
            Trouble::Wrong(why) => Self(Why::Failed, why),
        }
    }
}

/// Sends the browser to the provider.
pub(super) async fn begin(site: &Rc<Site>, asked: &Asked) -> Reply {
    let settings = site.settings();
    let sso = &settings.web.sso;
    let within = within(sso);
    let document = match in_time(within, site.oidc.provider.document(sso, within)).await {
        Ok((document, _)) => document,
        Err(trouble) => return refused(sso, trouble.into()),
    };
    let random = SystemRandom::new();
    let secret = || {
        let mut bytes = [0; 32];
        random.fill(&mut bytes).ok().map(|()| hex(&bytes))
    };
    let (Some(state), Some(nonce), Some(verifier), Some(browser)) = (secret(), secret(), secret(), secret()) else { return back(Why::Failed) };
    let location = authorization(&document, sso, &state, &nonce, &verifier);
    let cookie = cookie(site, &browser, WITHIN.as_secs());
    if !site.oidc.pending.borrow_mut().add(state, Pending { nonce, verifier, browser }, asked.address, Instant::now()) {
        return json_error(429, "rate-limited", "too many logins have been begun from this address").header(RETRY_AFTER, "60");
    }
    Reply::new(303).header(LOCATION, location).header(SET_COOKIE, cookie)
}

/// One way of a login.
fn within(sso: &SsoSettings) -> Within {
    Within::new(Duration::from_secs(sso.timeout_s))
}

/// Where the browser is sent.
fn authorization(document: &Document, sso: &SsoSettings, state: &str, nonce: &str, verifier: &str) -> String {
    let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(verifier));
    let scopes = sso.scopes.join(" ");
    let pairs = [
        ("response_type", "code"),
        ("client_id", &*sso.client_id),
        ("redirect_uri", &*sso.redirect_url),
        ("scope", &*scopes),
        ("state", state),
        ("nonce", nonce),
        ("code_challenge", &*challenge),
        ("code_challenge_method", "S256"),
    ];
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let joint = if document.authorization.contains('?') { '&' } else { '?' };
    format!("{}{joint}{}", document.authorization, query.join("&"))
}

/// The browser is back from the provider.
pub(super) async fn finish(site: &Rc<Site>, asked: &Asked) -> Reply {
    let settings = site.settings();
    let reply = match identify(site, &settings.web.sso, asked).await {
        Ok(name) => match worker(&settings, &name) {
            Some(who) => enter(site, &who),
            None => unknown(&name),
        },
        Err(refusal) => refused(&settings.web.sso, refusal),
    };
    reply.header(SET_COOKIE, cookie(site, "", 0))
}

/// Only `/sso/` sees it; a page of the provider may send the browser here, so it is not `Strict`.
fn cookie(site: &Site, value: &str, seconds: u64) -> String {
    format!("{COOKIE}={value}; Path=/sso/; Max-Age={seconds}; HttpOnly; SameSite=Lax{}", secure(site))
}

fn refused(sso: &SsoSettings, Refusal(why, sentence): Refusal) -> Reply {
    say::failing(NoteLevel::Warn, &tame(&format!("single sign-on by {}: {sentence}", sso.issuer)));
    back(why)
}

/// The name of who logged in at the provider.
async fn identify(site: &Rc<Site>, sso: &SsoSettings, asked: &Asked) -> Result<String, Refusal> {
    let failed = |why: String| Refusal(Why::Failed, why);
    let state = asked.parameter("state").unwrap_or_default();
    let pending = site.oidc.pending.borrow_mut().take(&state, Instant::now());
    let pending = pending.ok_or_else(|| Refusal(Why::Late, "somebody came back from it whose login had not begun here, or too long ago".into()))?;
    if !asked.cookie(COOKIE).is_some_and(|browser| is_same_secret(browser, &pending.browser)) {
        return Err(Refusal(Why::Late, "somebody came back from it with the login of another browser or window".into()));
    }
    if let Some(error) = asked.parameter("error") {
        let more = asked.parameter("error_description").unwrap_or_default();
        // RFC 6749 section 4.1.2.1
        let why = match &*error {
            "access_denied" => Why::Refused,
            "server_error" | "temporarily_unavailable" => Why::Down,
            _ => Why::Failed,
        };
        return Err(Refusal(why, format!("it refused a login: {:?}", format!("{error} {more}").chars().take(200).collect::<String>())));
    }
    // RFC 9207
    if asked.parameter("iss").is_some_and(|issuer| *issuer != *sso.issuer) {
        return Err(failed("the answer to a login says that it is of another provider".into()));
    }
    let code = asked.parameter("code").ok_or_else(|| failed("the answer to a login has no code".into()))?;
    let within = within(sso);
    Ok(in_time(within, told(&site.oidc.provider, sso, &code, &pending, within)).await?)
}

/// The name the provider tells for a code.
async fn told(provider: &Provider, sso: &SsoSettings, code: &str, pending: &Pending, within: Within) -> Result<String, Trouble> {
    let (document, keys) = provider.document(sso, within).await?;
    let tokens = provider.exchange(&document, sso, code, &pending.verifier, within).await?;
    let expected = Expected { issuer: &sso.issuer, audience: &sso.client_id, nonce: &pending.nonce, now_s: now_ms() / 1000 };
    // Keys change: for one that is unknown they are asked for again, now and then.
    let claims = match token::verify(&tokens.id, &keys, &expected) {
        Err(Fault::NoKey(kid)) => match provider.newer_keys(&document, sso, &keys, within).await? {
            Some(newer) => token::verify(&tokens.id, &newer, &expected),
            None => Err(Fault::NoKey(kid)),
        },
        outcome => outcome,
    };
    let claims = claims.map_err(|fault| Trouble::Wrong(fault.to_string()))?;
    let more = if claims.contains_key(&*sso.claim) { Value::Null } else { provider.userinfo(&document, sso, &tokens, within).await? };
    name(sso, &claims, &more).map_err(Trouble::Wrong)
}

/// The claim that names the worker: in the ID token, else in `more` (userinfo, or null).
fn name(sso: &SsoSettings, claims: &Map<String, Value>, more: &Value) -> Result<String, String> {
    if !more.is_null() && more.get("sub") != claims.get("sub") {
        return Err("its userinfo is about somebody else".into());
    }
    // Some providers never say, others say it as a text; whatever else they say is no "yes".
    let is_yes = |verified: &Value| *verified == Value::Bool(true) || verified.as_str() == Some("true");
    if &*sso.claim == "email" && [claims.get("email_verified"), more.get("email_verified")].into_iter().flatten().any(|verified| !is_yes(verified)) {
        return Err("it has not verified an e-mail address".into());
    }
    claims
        .get(&*sso.claim)
        .or_else(|| more.get(&*sso.claim))
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| format!("it does not tell the claim `{}` (options `web.sso.claim`, `web.sso.scopes`)", sso.claim))
}
