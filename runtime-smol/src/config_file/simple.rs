//! Standard presence servers (`[uc] kind = "simple"`): the options of `[uc.simple]` and `[[uc.credential]]`, and what must fit together (`spec/ms-pres.md` 9).
use super::finding::{Findings, Place};
use super::options::{DAY_MS, Draft, Opt, maybe, must, num, opt};
use super::slot::{Profile, Slot, Transport};
use crate::people::sip_uri;
use toml::de::DeTable;
use uc_core::config::{Credential, PublishConfig, PublishWay, SimpleConfig, UcKind, UcPace, UserActionRule};

/// The kinds of UC platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lync, Skype for Business.
    #[default]
    Microsoft,
    /// Standard SIMPLE.
    Simple,
}

/// `[[uc.credential]]`
#[derive(Clone, Debug, Default)]
pub(crate) struct CredentialDraft {
    realm: Box<str>,
    user: Box<str>,
    password: Option<String>,
}

/// `[uc.simple]`
pub(crate) const SIMPLE: &[Opt<Draft>] = &[
    maybe(
        "list",
        "\"sip:team@example.com\"",
        |d| Slot::OptText(&mut d.simple_list),
        "SIP URI of a list of all workers that the server keeps (RFC 4662): one subscription instead of one each. Whom it does not name is subscribed alone.",
    ),
    opt(
        "calls",
        |d| Slot::Word(&mut d.simple.calls),
        "Calls (event package `dialog`) that make a worker busy on the phone; one more subscription each. `early`: ringing counts, too.",
    ),
    opt("publish_as_worker", |d| Slot::Bool(&mut d.simple.publish_as_worker), "`From` of a PUBLISH is the worker instead of the watcher."),
    num(
        "t1_ms",
        10,
        DAY_MS,
        |d| Slot::U64(&mut d.simple.t1_ms),
        "UDP: first interval between two transmissions of a request; doubled up to `t2_ms`. Everywhere: 64 times this without a NOTIFY end a new subscription.",
    ),
    num("t2_ms", 10, DAY_MS, |d| Slot::U64(&mut d.simple.t2_ms), "UDP: longest such interval."),
    num("udp_outstanding_max", 0, 100_000, |d| Slot::U32(&mut d.simple.udp_outstanding_max), "UDP: unanswered requests; 0: no limit."),
    num("udp_request_bytes_max", 200, 65_000, |d| Slot::U32(&mut d.simple.udp_request_bytes_max), "UDP: a longer request is `oversize`."),
    opt(
        "oversize",
        |d| Slot::Word(&mut d.simple.oversize),
        "UDP: a request that is too long goes by `tcp` to the same address and port, or as a datagram all the same (`send`).",
    ),
];

/// `[[uc.credential]]`
pub(crate) const CREDENTIAL: &[Opt<CredentialDraft>] = &[
    must("user", "\"connector\"", |c| Slot::Text(&mut c.user), "User name."),
    Opt { required: true, ..maybe("password", "\"env:UC_PASSWORD\"", |c: &mut CredentialDraft| Slot::Secret(&mut c.password), "Its password.") },
    num("realm", 0, 255, |c| Slot::Text(&mut c.realm), "Realm it is for; empty: every realm without one of its own."),
];

/// Before anything else is read: other kinds start from other values.
pub(crate) fn begin(document: &DeTable<'_>, draft: &mut Draft) {
    let kind = document.get("uc").and_then(|uc| uc.get_ref().get("kind")).and_then(|kind| kind.get_ref().as_str());
    if kind != Some("simple") {
        return;
    }
    draft.kind = Kind::Simple;
    draft.uc.register = false;
    draft.uc.pace = UcPace::open();
    draft.publish = publish_default();
}

/// How publications begin with a standard server: there is no other way than PUBLISH, and nobody tells whose publication is whose.
fn publish_default() -> PublishConfig {
    PublishConfig { way: PublishWay::Pidf, user_action: UserActionRule::Aggregate, ..PublishConfig::default() }
}

/// What nobody asked for.
pub(crate) fn default_publications(draft: &Draft) -> PublishConfig {
    match draft.kind {
        Kind::Microsoft => PublishConfig::default(),
        Kind::Simple => publish_default(),
    }
}

/// The checked kind.
pub(crate) fn kind(draft: &Draft, credentials: Vec<CredentialDraft>) -> UcKind {
    if draft.kind == Kind::Microsoft {
        return UcKind::Microsoft;
    }
    let credential = |c: CredentialDraft| Credential { realm: c.realm, user: c.user, password_ref: c.password.unwrap_or_default().into() };
    UcKind::Simple(Box::new(SimpleConfig {
        udp: draft.uc_transport == Transport::Udp,
        list_uri: draft.simple_list.clone().map(Into::into),
        credentials: credentials.into_iter().map(credential).collect(),
        ..draft.simple.clone()
    }))
}

/// What must fit together.
pub(crate) fn check(
    document: &DeTable<'_>,
    draft: &Draft,
    watchers: usize,
    credentials: &[(CredentialDraft, Place)],
    at: impl Fn(&str) -> Place,
    findings: &mut Findings,
) {
    let uc = document.get("uc").map(|uc| uc.get_ref());
    let given = |name: &str| uc.is_some_and(|uc| uc.get(name).is_some());
    if draft.kind == Kind::Microsoft {
        for section in ["simple", "credential"].into_iter().filter(|section| given(section)) {
            findings.warning(&at(&format!("uc.{section}")), format!("[uc.{section}] has no effect; write `kind = \"simple\"` in [uc], or remove it"));
        }
        if draft.uc_transport == Transport::Udp {
            findings.error(
                &at("uc.transport"),
                "Lync and Skype for Business do not speak UDP; write `transport = \"tls\"`, or `kind = \"simple\"` for a standard server",
            );
        }
        return;
    }
    for option in ["benotify", "piggyback", "categories"].into_iter().filter(|option| given(option)) {
        findings.warning(&at(&format!("uc.{option}")), format!("`{option}` has no effect with a standard server"));
    }
    if draft.profile == Profile::Lync && document.get("connector").is_some_and(|c| c.get_ref().get("profile").is_some()) {
        findings.warning(&at("connector.profile"), "the limits of profile `lync` are not those of a standard server: [uc.pace] starts without limits");
    }
    if let Some(list) = &draft.simple_list {
        if let Err(instead) = sip_uri(list) {
            findings.error(&at("uc.simple.list"), format!("`{list}` is not a SIP URI; {instead}"));
        }
        if watchers > 1 {
            findings.error(&at("uc.simple.list"), format!("a list is subscribed to once, but there are {watchers} watchers; leave one"));
        }
    }
    if draft.simple.t1_ms > draft.simple.t2_ms {
        findings.error(&at("uc.simple.t1_ms"), format!("`t1_ms` is {}, more than `t2_ms`, which is {}", draft.simple.t1_ms, draft.simple.t2_ms));
    }
    for (nth, (credential, place)) in credentials.iter().enumerate() {
        let bad = |text: &str| text.contains(['"', '\\']);
        if bad(&credential.user) || bad(&credential.realm) {
            findings.error(place, "a user name or realm with quotation marks or backslashes cannot be sent");
        }
        if let Some((_, first)) = credentials[..nth].iter().find(|(c, _)| c.realm == credential.realm) {
            findings.error(place, format!("a credential for the same realm is already there in {first}"));
        }
    }
    if draft.mode.pushes() && draft.publish.user_action == UserActionRule::RoamingSelf {
        findings.error(&at("publish.user_action"), "a standard server does not tell whose publication is whose; write `user_action = \"aggregate\"`");
    }
}
