//! `[web.sso]`: single sign-on to the workers' pages.
use super::checks::readable;
use super::finding::{Findings, Place};
use super::options::{Draft, Opt, maybe, num, opt};
use super::slot::Slot;
use crate::fetch::Url;
use crate::settings::{SsoKind, SsoSettings};
use std::net::IpAddr;

/// `[web.sso]`
pub(crate) const SSO: &[Opt<Draft>] = &[
    opt(
        "kind",
        |d| Slot::Word(&mut d.web.sso.kind),
        "Who says who a worker is: `off`, nobody; `header`, a proxy in front that has asked them; `oidc`, an OpenID provider.",
    ),
    opt(
        "match",
        |d| Slot::Word(&mut d.web.sso.column),
        "Column of the people file that the told name is compared with, in any case of letters. `sip_uri` is compared without `sip:`: use it for e-mail addresses.",
    ),
    opt("passwords", |d| Slot::Bool(&mut d.web.sso.passwords), "Passwords are taken as well. Without single sign-on they always are."),
    num("header", 1, 64, |d| Slot::Text(&mut d.web.sso.header), "With `kind` header: the header that carries the name."),
    maybe(
        "proxies",
        "[\"10.0.0.5\", \"10.1.0.0/24\"]",
        |d| Slot::Networks(&mut d.web.sso.proxies),
        "With `kind` header: addresses or networks of the proxies that may set it; required. They must remove the header from what browsers send.",
    ),
    num(
        "issuer",
        0,
        255,
        |d| Slot::Text(&mut d.web.sso.issuer),
        "With `kind` oidc: URL of the provider as it calls itself; below it is `/.well-known/openid-configuration`. Required.",
    ),
    num("client_id", 0, 255, |d| Slot::Text(&mut d.web.sso.client_id), "With `kind` oidc: our name at the provider. Required."),
    maybe(
        "client_secret",
        "\"env:UC_SSO_SECRET\"",
        |d| Slot::Secret(&mut d.web.sso.secret_ref),
        "With `kind` oidc: where our secret at the provider is, `env:NAME` or `file:/path`. Default: none, a public client.",
    ),
    num(
        "redirect_url",
        0,
        255,
        |d| Slot::Text(&mut d.web.sso.redirect_url),
        "With `kind` oidc: where the provider sends browsers back, this page's address with `/sso/callback`, as registered there. Required.",
    ),
    num(
        "claim",
        1,
        64,
        |d| Slot::Text(&mut d.web.sso.claim),
        "With `kind` oidc: what of the provider's answer is the name, for example `preferred_username`, `email`, `sub`.",
    ),
    opt("scopes", |d| Slot::Texts(&mut d.web.sso.scopes), "With `kind` oidc: what the provider is asked for; `openid` must be among them."),
    num(
        "timeout_s",
        1,
        60,
        |d| Slot::U64(&mut d.web.sso.timeout_s),
        "With `kind` oidc: how long a worker waits for the provider on the way there, and again on the way back, seconds; then the login page says that it does not answer.",
    ),
    maybe(
        "ca",
        "\"/etc/uc-connector/sso-ca.pem\"",
        |d| Slot::Path(&mut d.web.sso.ca),
        "With `kind` oidc: PEM file with the CAs to trust there; default: the system's.",
    ),
];

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// `10.0.0.5`, `10.1.0.0/24`, `2001:db8::/32`
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))?;
        Some(Self { address, bits })
    }

    /// Whether it is one of them.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (ours.to_bits() ^ theirs.to_bits()).checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0,
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits() ^ theirs.to_bits()).checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0,
            _ => false,
        }
    }
}

/// What single options cannot say about themselves.
pub(crate) fn check(draft: &Draft, at: &impl Fn(&str) -> Place, findings: &mut Findings) {
    let sso = &draft.web.sso;
    match sso.kind {
        SsoKind::Off => {}
        SsoKind::Header => {
            if sso.proxies.is_empty() {
                findings.error(&at("web.sso"), "anybody could say who they are; write `proxies = [\"10.0.0.5\"]` in [web.sso], the addresses of the proxies");
            }
            if hyper::header::HeaderName::from_bytes(sso.header.as_bytes()).is_err() {
                findings.error(&at("web.sso.header"), format!("`{}` cannot be the name of a header", sso.header));
            }
        }
        SsoKind::Oidc => oidc(sso, at, findings),
    }
}

fn oidc(sso: &SsoSettings, at: &impl Fn(&str) -> Place, findings: &mut Findings) {
    for (name, text, sample) in
        [("issuer", &sso.issuer, "https://login.example.com"), ("redirect_url", &sso.redirect_url, "https://uc.example.com/sso/callback")]
    {
        let place = at(&format!("web.sso.{name}"));
        if text.is_empty() {
            findings.error(&place, format!("`{name}` is missing in [web.sso]; write `{name} = \"{sample}\"`"));
            continue;
        }
        match Url::parse(text).filter(|_| !text.contains(['?', '#'])) {
            None => findings.error(&place, format!("`{text}` is no URL; write `{name} = \"{sample}\"`")),
            Some(url) if url.is_far_in_clear() => findings.error(&place, format!("logins would travel in clear; `{text}` must begin with `https://`")),
            Some(_) => {}
        }
    }
    if !sso.redirect_url.is_empty() && !sso.redirect_url.ends_with("/sso/callback") {
        findings.error(&at("web.sso.redirect_url"), format!("`{}` must end with `/sso/callback`, where logins come back", sso.redirect_url));
    }
    if sso.client_id.is_empty() {
        findings.error(&at("web.sso.client_id"), "`client_id` is missing in [web.sso]; write `client_id = \"uc-connector\"`, as registered at the provider");
    }
    if !sso.scopes.iter().any(|scope| **scope == *"openid") {
        findings.error(&at("web.sso.scopes"), "`scopes` lacks \"openid\", without which there is no login");
    }
    if let Some(path) = &sso.ca {
        readable("ca", path, &at("web.sso.ca"), findings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, holds) in [
            ("10.0.0.5", "10.0.0.5", true),
            ("10.0.0.5", "10.0.0.6", false),
            ("10.1.0.0/24", "10.1.0.255", true),
            ("10.1.0.0/24", "10.1.1.0", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("10.0.0.5", "::ffff:10.0.0.5", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
        ] {
            assert_eq!(Network::parse(network).unwrap().contains(address.parse().unwrap()), holds, "{network} {address}");
        }
        for (url, far) in [
            ("http://127.0.0.1:8080/x", false),
            ("http://[::1]:1/", false),
            ("https://a.example.com", false),
            ("http://a.example.com/", true),
            ("http://10.0.0.1", true),
            ("http://127.0.0.1.example.com", true),
            ("http://[2001:db8::1]/", true),
        ] {
            assert_eq!(Url::parse(url).unwrap().is_far_in_clear(), far, "{url}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0", "::/129", "10.0.0.0/", "proxy", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
