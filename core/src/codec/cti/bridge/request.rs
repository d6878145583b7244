//! What each outgoing request carries, in order: the one place that knows it, for the wire and for the debug log.
//!
//! Orders and values are those of the transcripts in `corpus/bridge` and of `spec/genesys-protocols.md` 1.6 and 1.7.
use super::PROTO;
use crate::Connector;
use crate::action::{CtiOut, CtiReq};
use crate::codec::cti::catalogue::{
    AddressType, REQUEST_AGENT_LOGIN, REQUEST_AGENT_LOGOUT, REQUEST_AGENT_NOT_READY, REQUEST_AGENT_READY, REQUEST_DISTRIBUTE_USER_EVENT, REQUEST_QUERY_ADDRESS,
    REQUEST_REGISTER_ADDRESS, REQUEST_UNREGISTER_ADDRESS, RegisterMode,
};
use crate::codec::cti::message::{KvList, Message, Value};
use crate::config::{Config, Redundancy};
use crate::id::{CtiLinkId, DnId};
use crate::offer::{ReportView, conn_number};
use crate::presence::{Class, StateRequest, Why};
use alloc::string::String;

/// Control mode "default"; the numbers of the others are unverified.
const CONTROL_MODE_DEFAULT: i32 = 0;
/// Text of our `bye`.
pub(super) const BYE_TEXT: &str = "stopping";

/// Everything textual a request may need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts<'a> {
    pub(super) dn: &'a str,
    pub(super) agent_login: &'a str,
    pub(super) login_queue: &'a str,
    pub(super) password: Option<&'a str>,
    pub(super) status_key: &'a str,
    pub(super) note_key: &'a str,
    pub(super) note: &'a str,
    /// `KW_UC_STATUS` of requests that presence caused.
    pub(super) class: Option<Class>,
    /// Key, value, and whether it goes into the extensions: the reason of a state chosen by hand.
    pub(super) reason: Option<(&'a str, &'a str, bool)>,
}

/// Value of an attribute to be printed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attr<'a> {
    Int(i32),
    Str(&'a str),
    /// Pairs of texts.
    Pairs([(&'a str, &'a str); 2]),
    /// One pair of texts.
    Pair([(&'a str, &'a str); 1]),
    /// A connection id.
    Conn(u64),
    /// The first so many pairs of texts.
    Report([(&'a str, &'a str); 5], usize),
}

/// The texts for a request about `dn`; `None` when the DN is no longer in the directory. Of one that the last re-configuration removed the number is left,
/// which is all it takes to un-register it. `password` is the resolved secret.
pub(super) fn texts<'a>(connector: &'a Connector, dn: DnId, req: CtiReq, password: Option<&'a str>) -> Option<Texts<'a>> {
    let directory = connector.directory();
    let presence = &directory.config().presence;
    let bare = Texts {
        dn: directory.number_if_known(dn)?,
        agent_login: "",
        login_queue: "",
        password,
        status_key: &presence.status_key,
        note_key: &presence.note_key,
        note: "",
        class: None,
        reason: None,
    };
    if !directory.has_dn(dn) {
        return matches!(req, CtiReq::UnregisterAddress).then_some(bare);
    }
    let Some(user) = connector.user_of(dn) else { return Some(bare) };
    let person = directory.person(user);
    let (class, reason) = match req {
        CtiReq::State(StateRequest { why: Why::Presence(class), .. }) => (Some(class), None),
        CtiReq::State(StateRequest { why: Why::Choice(row), .. }) => (None, reason_of(directory.config(), row)),
        // A logout by hand has no reason of ours.
        CtiReq::AgentLogout => (connector.worker(user).filter(|worker| worker.choice.is_none()).map(|worker| worker.class), None),
        _ => (None, None),
    };
    Some(Texts { agent_login: &person.agent_login, login_queue: &person.login_queue, note: connector.note_of(dn), class, reason, ..bare })
}

fn reason_of(config: &Config, row: u16) -> Option<(&str, &str, bool)> {
    let state = config.choice.states.get(usize::from(row))?;
    Some((&config.choice.reason_key, state.reason.as_deref()?, state.reason_ext))
}

/// The message number of a request.
pub(super) const fn number(req: CtiReq) -> u32 {
    match req {
        CtiReq::QueryAddress => REQUEST_QUERY_ADDRESS,
        CtiReq::RegisterAddress => REQUEST_REGISTER_ADDRESS,
        CtiReq::UnregisterAddress => REQUEST_UNREGISTER_ADDRESS,
        CtiReq::AgentLogin => REQUEST_AGENT_LOGIN,
        CtiReq::AgentLogout => REQUEST_AGENT_LOGOUT,
        CtiReq::State(state) if state.ready => REQUEST_AGENT_READY,
        CtiReq::State(_) => REQUEST_AGENT_NOT_READY,
    }
}

/// Calls `attr` for each attribute of a request, in order.
pub(super) fn attributes<'a>(ref_id: u32, req: CtiReq, texts: &Texts<'a>, mut attr: impl FnMut(&'static str, Attr<'a>)) {
    // The wire type is a signed int; a connection that asked two thousand million questions goes on with negative numbers, as the answer will.
    attr("AttributeReferenceID", Attr::Int(ref_id as i32));
    attr("AttributeThisDN", Attr::Str(texts.dn));
    match req {
        CtiReq::QueryAddress => attr("AttributeAddressType", Attr::Int(AddressType::Dn as i32)),
        CtiReq::RegisterAddress => {
            attr("AttributeRegisterMode", Attr::Int(RegisterMode::Share as i32));
            attr("AttributeControlMode", Attr::Int(CONTROL_MODE_DEFAULT));
            attr("AttributeAddressType", Attr::Int(AddressType::Dn as i32));
        }
        CtiReq::UnregisterAddress => attr("AttributeControlMode", Attr::Int(CONTROL_MODE_DEFAULT)),
        CtiReq::AgentLogin => {
            if !texts.login_queue.is_empty() {
                attr("AttributeThisQueue", Attr::Str(texts.login_queue));
            }
            attr("AttributeAgentID", Attr::Str(texts.agent_login));
            if let Some(password) = texts.password {
                attr("AttributePassword", Attr::Str(password));
            }
        }
        CtiReq::AgentLogout => reasons(texts, attr),
        CtiReq::State(state) => {
            if let Some(work_mode) = state.work_mode {
                attr("AttributeAgentWorkMode", Attr::Int(i32::from(work_mode)));
            }
            reasons(texts, attr);
        }
    }
}

/// Calls `attr` for each attribute of a report, in the order of `spec/genesys-protocols.md` 10.3. `AttributeConnID` is left out when the router's id is none of
/// T-Library's 64-bit ids, for example that of a chat; `UCC_ConnID` always names it.
pub(super) fn user_event<'a>(ref_id: u32, report: &ReportView<'a>, attr: &mut dyn FnMut(&'static str, Attr<'a>)) {
    attr("AttributeReferenceID", Attr::Int(ref_id as i32));
    attr("AttributeThisDN", Attr::Str(report.this_dn));
    if let Some(conn) = conn_number(report.conn) {
        attr("AttributeConnID", Attr::Conn(conn));
    }
    if !report.agent.is_empty() {
        attr("AttributeAgentID", Attr::Str(report.agent));
    }
    let sign = if report.reason.is_some() { "-" } else { "+" };
    let pairs = [
        (report.state_name, sign),
        ("UCC_ConnID", report.conn),
        ("UCC_UserId", report.user),
        ("UCC_AgentId", report.agent),
        ("UCC_Reason", report.reason.unwrap_or_default()),
    ];
    attr("AttributeUserData", Attr::Report(pairs, if report.reason.is_some() { 5 } else { 4 }));
}

/// Of presence both reasons, always (`decisions.md` 18); of a state chosen by hand its own, where it has one.
fn reasons<'a>(texts: &Texts<'a>, mut attr: impl FnMut(&'static str, Attr<'a>)) {
    if let Some(class) = texts.class {
        attr("AttributeReasons", Attr::Pairs([(texts.status_key, class.token()), (texts.note_key, texts.note)]));
    }
    if let Some((key, value, ext)) = texts.reason {
        attr(if ext { "AttributeExtensions" } else { "AttributeReasons" }, Attr::Pair([(key, value)]));
    }
}

/// The resolved login password, where one is configured and the request carries it.
pub(super) fn password(connector: &Connector, msg: &CtiOut, secrets: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let CtiOut::Request { dn, req: CtiReq::AgentLogin, .. } = msg else {
        return None;
    };
    let directory = connector.directory();
    let reference = &*directory.person(connector.user_of(*dn)?).password_ref;
    if reference.is_empty() { None } else { secrets(reference) }
}

/// The fields of an `open` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open<'a> {
    /// `None`: a router.
    pub(super) server: Option<&'a str>,
    pub(super) client: &'a str,
    pub(super) session: &'a str,
    pub(super) mode: &'static str,
    pub(super) linger_s: u16,
}

impl Open<'_> {
    /// Name of the channel.
    pub(super) fn channel(&self) -> String {
        self.server.map_or_else(|| "custom".into(), |server| alloc::format!("tserver:{server}"))
    }
}

/// The fields of the `open` line on `link`; `None` when there is no such server any more.
pub(super) fn open(config: &Config, link: CtiLinkId, linger_s: u16) -> Option<Open<'_>> {
    let (id, switch, server) = config.server(link)?;
    let server = (!config.cti.is_router(id)).then_some(&*server.name);
    let mode = match switch.redundancy {
        Redundancy::Single => "single",
        Redundancy::Warm => "warm",
        Redundancy::Hot => "hot",
    };
    Some(Open { server, client: &config.application, session: &switch.session, mode, linger_s })
}

/// An outgoing line as a whole message, for the debug log; control lines get number 0 and their operation as name. Secrets are left out: a password that
/// would be sent shows as `[output suppressed]`. `None` when the DN or the server is no longer configured.
#[must_use]
pub fn message_of(msg: &CtiOut, connector: &Connector, link: CtiLinkId) -> Option<Message> {
    let text = |text: &str| Value::Str(text.into());
    let control = |op: &str| Message { name: op.into(), ..Message::default() };
    Some(match *msg {
        CtiOut::Hello => control("hello").with("proto", text(PROTO)),
        CtiOut::Open { linger_s } => {
            let open = open(connector.directory().config(), link, linger_s)?;
            control("open")
                .with("ch", text(&open.channel()))
                .with("client", text(open.client))
                .with("session", text(open.session))
                .with("mode", text(open.mode))
                .with("linger_s", Value::Int(i32::from(open.linger_s)))
        }
        CtiOut::Ping { n } => control("ping").with("n", Value::Long(i64::from(n))),
        CtiOut::Pong { n } => control("pong").with("n", Value::Long(i64::from(n))),
        CtiOut::Unsupported { op } => control("error").with("code", text("unsupported")).with("text", text(op.as_str())),
        CtiOut::Bye => control("bye").with("text", text(BYE_TEXT)),
        CtiOut::Request { ref_id, dn, req } => {
            let hidden = password(connector, msg, &mut |_| Some(String::from("[output suppressed]")));
            let texts = texts(connector, dn, req, hidden.as_deref())?;
            let mut message = Message::new(number(req));
            attributes(ref_id, req, &texts, |name, value| message.attrs.push((name.into(), whole(value))));
            message
        }
        CtiOut::UserEvent { ref_id, report, .. } => {
            let report = connector.report(report)?;
            let mut message = Message::new(REQUEST_DISTRIBUTE_USER_EVENT);
            user_event(ref_id, &report, &mut |name, value| message.attrs.push((name.into(), whole(value))));
            message
        }
    })
}

fn whole(value: Attr<'_>) -> Value {
    match value {
        Attr::Int(value) => Value::Int(value),
        Attr::Str(value) => Value::Str(value.into()),
        Attr::Pairs(pairs) => kv(&pairs),
        Attr::Pair(pair) => kv(&pair),
        Attr::Conn(value) => Value::Conn(value),
        Attr::Report(pairs, count) => kv(&pairs[..count]),
    }
}

fn kv(pairs: &[(&str, &str)]) -> Value {
    Value::Kv(pairs.iter().fold(KvList::default(), |list, (key, value)| list.with_str(key, value)))
}
