//! Routers behind a bridge (`spec/bridge.md` 7): which request came from where, so that each is answered exactly once and on a connection that knows it.
//!
//! A router is a switch without DNs as far as connecting, keep-alive and standby go ([`super::switch`]). Its requests get numbers of the core's own and are then
//! like those of any other requester. When the connection is lost they are withdrawn (`spec/uc-connector-functional.md` 5.5, rule e), or wait `linger_s` for the
//! router to ask again: with the same `RequestID` about the same call it takes the old request, or its answer, over (`spec/genesys-protocols.md` 5.3).
use super::link::Phase;
use super::{CtiSide, CtiTimer};
use crate::action::Action;
use crate::config::NoteLevel;
use crate::cti_event::{RouterData, RouterMessage};
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::fact::Fact;
use crate::fingerprint::Fp;
use crate::id::{CtiLinkId, SwitchId};
use crate::note::Note;
use crate::offer::{BRIDGE_REQUESTS, PreviewAnswer, PreviewOp, PreviewRequest, RequestId, RouterEvent, Select, user_data};
use crate::time::Mono;
use crate::uc_event::CloseCause;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Requests of routers that wait for an answer, or whose answer waits for the router.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Requests {
    last: u64,
    asked: BTreeMap<RequestId, Asked>,
    /// By router and `RequestID`.
    by_number: BTreeMap<(SwitchId, i64), RequestId>,
    /// By router and [`same`]: the first one that said this.
    by_text: BTreeMap<(SwitchId, Box<str>), RequestId>,
}

/// One of them.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Asked {
    router: SwitchId,
    /// `RequestID`; `None`: a cancellation without, which is not answered.
    number: Option<i64>,
    /// The connection the answer goes to.
    to: To,
    text: Box<str>,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
enum To {
    /// It stands.
    Link(CtiLinkId),
    /// It was lost then; with the answer that was given since.
    Lost(Mono, Option<Box<PreviewAnswer>>),
}

/// A request to be handed to `offers`.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) id: RequestId,
    /// `None`: the message has a name nobody knows.
    pub(crate) op: Option<PreviewOp>,
    /// Idempotency key.
    pub(crate) key: String,
}

impl CtiSide {
    /// A message of a router. `None`: there is nothing to do about it any more.
    pub(crate) fn on_router(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, message: &RouterMessage<'_>) -> Option<Taken> {
        let it = self.links.get(link.index())?;
        let router = it.switch;
        if !it.is_connected() || !cx.config.cti.is_router(router) {
            return None;
        }
        if !matches!(it.phase, Phase::Up { .. }) {
            let text = format!("{} came before the session was open; the bridge must answer `open` first", message.name);
            cx.note(Note::Cti { level: NoteLevel::Warn, link, text: text.into() });
            self.give_up(cx, link, CloseCause::Local);
            return None;
        }
        self.routers.take(cx, router, link, message)
    }

    /// The answer goes to the router, or waits for it; it is dropped when nobody waits for it on a connection that stands.
    pub(crate) fn answer_router(&mut self, cx: &mut Cx<'_>, id: RequestId, answer: Box<PreviewAnswer>) {
        let Some(asked) = self.routers.asked.get_mut(&id) else { return };
        if let To::Lost(_, kept) = &mut asked.to {
            *kept = Some(answer);
            return;
        }
        if let Some(Asked { number: Some(request), to: To::Link(link), .. }) = self.routers.remove(id) {
            cx.act(Action::AnswerRouter { link, request, answer });
        }
    }

    /// Routers that have been away too long will not come back for their answers.
    pub(super) fn on_router_timer(&mut self, cx: &mut Cx<'_>, router: SwitchId) {
        self.routers.expire(cx, router);
    }
}

impl Requests {
    fn take(&mut self, cx: &mut Cx<'_>, router: SwitchId, link: CtiLinkId, message: &RouterMessage<'_>) -> Option<Taken> {
        let text = same(message);
        if let Some(before) = message.request.and_then(|number| self.by_number.get(&(router, number)).copied()) {
            match self.repeated(before, link, &text) {
                Repeat::Waits => return None,
                Repeat::Answered(number, answer) => {
                    cx.act(Action::AnswerRouter { link, request: number, answer });
                    return None;
                }
                // The number stands for something else now; nobody waits for the old request.
                Repeat::Other => {
                    let text = format!("RequestID {} is used again for another request while the first is open", message.request.unwrap_or_default());
                    cx.note(Note::Cti { level: NoteLevel::Warn, link, text: text.into() });
                    self.withdraw(cx, before);
                }
            }
        }
        self.last += 1;
        let id = RequestId(BRIDGE_REQUESTS + self.last);
        // What is said again while it is open joins the first; once that is answered its key is never used again.
        let first = *self.by_text.entry((router, text.clone())).or_insert(id);
        if let Some(number) = message.request {
            self.by_number.insert((router, number), id);
        }
        self.asked.insert(id, Asked { router, number: message.request, to: To::Link(link), text });
        Some(Taken { id, op: PreviewOp::from_name(&message.name), key: format!("ucc-bridge {}", first.0) })
    }

    /// The same number again.
    fn repeated(&mut self, id: RequestId, link: CtiLinkId, text: &str) -> Repeat {
        let Some(asked) = self.asked.get_mut(&id).filter(|asked| &*asked.text == text) else { return Repeat::Other };
        if let To::Lost(_, Some(_)) = asked.to
            && let Some(Asked { number: Some(number), to: To::Lost(_, Some(answer)), .. }) = self.remove(id)
        {
            return Repeat::Answered(number, answer);
        }
        if let Some(asked) = self.asked.get_mut(&id) {
            asked.to = To::Link(link);
        }
        Repeat::Waits
    }

    fn remove(&mut self, id: RequestId) -> Option<Asked> {
        let asked = self.asked.remove(&id)?;
        if let Some(number) = asked.number
            && self.by_number.get(&(asked.router, number)) == Some(&id)
        {
            self.by_number.remove(&(asked.router, number));
        }
        let text = (asked.router, asked.text);
        if self.by_text.get(&text) == Some(&id) {
            self.by_text.remove(&text);
        }
        Some(Asked { text: text.1, ..asked })
    }

    /// Nobody waits any more.
    fn withdraw(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        if self.remove(id).is_some() {
            cx.fact(Fact::RouterGone { id });
        }
    }

    /// The routers are configured anew.
    pub(super) fn withdraw_all(&mut self, cx: &mut Cx<'_>) {
        let all: Vec<RequestId> = self.asked.keys().copied().collect();
        all.into_iter().for_each(|id| self.withdraw(cx, id));
    }

    /// The connection is gone.
    pub(super) fn on_lost(&mut self, cx: &mut Cx<'_>, router: SwitchId, link: CtiLinkId) {
        if !cx.config.cti.is_router(router) {
            return;
        }
        let mut any = false;
        for asked in self.asked.values_mut().filter(|asked| matches!(asked.to, To::Link(at) if at == link)) {
            asked.to = To::Lost(cx.now.mono, None);
            any = true;
        }
        if any {
            self.expire(cx, router);
        }
    }

    fn expire(&mut self, cx: &mut Cx<'_>, router: SwitchId) {
        let linger_ms = cx.config.cti.get(router).map_or(0, |router| u64::from(router.linger_s) * 1000);
        let lost = |asked: &Asked| match asked.to {
            To::Lost(at, _) if asked.router == router => Some(at + linger_ms),
            _ => None,
        };
        let over: Vec<RequestId> = self.asked.iter().filter(|(_, asked)| lost(asked).is_some_and(|at| at <= cx.now.mono)).map(|(id, _)| *id).collect();
        over.into_iter().for_each(|id| self.withdraw(cx, id));
        match self.asked.values().filter_map(lost).min() {
            Some(at) => cx.set(TimerKey::Cti(CtiTimer::Router(router)), at),
            None => cx.clear(TimerKey::Cti(CtiTimer::Router(router))),
        }
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        for Asked { router, number, to, .. } in self.asked.values() {
            fp.debug(&(router, number));
            match to {
                To::Link(link) => fp.debug(link),
                To::Lost(at, answer) => {
                    fp.time(*at);
                    fp.num(u64::from(answer.is_some()));
                }
            }
        }
    }
}

/// What it means that a number comes again.
enum Repeat {
    /// The same request, which is open: its answer goes to this connection.
    Waits,
    /// The same request, which was answered while the router was away.
    Answered(i64, Box<PreviewAnswer>),
    /// Something else.
    Other,
}

/// What makes two messages the same (`spec/genesys-protocols.md` 5.3): what is asked, about which call, of whom.
fn same(message: &RouterMessage<'_>) -> Box<str> {
    let RouterMessage { name, agent, conn, dn, targets, .. } = message;
    format!("{}\n{conn}\n{agent}\n{dn}\n{targets}", name.to_ascii_lowercase()).into()
}

impl RouterMessage<'_> {
    /// Calls `hand` with this message as every requester's request.
    pub(crate) fn with_event(&self, op: PreviewOp, id: RequestId, key: &str, hand: impl FnOnce(&RouterEvent<'_>)) {
        let select = match op {
            PreviewOp::Cancel => return hand(&RouterEvent::Cancel { id, conn: &self.conn, text: &self.text }),
            PreviewOp::Request => Select::Single,
            PreviewOp::Multiple => Select::Broadcast,
            PreviewOp::RoundRobin => Select::RoundRobin,
            PreviewOp::LongestIdle => Select::LongestIdle,
        };
        let data = match &self.data {
            RouterData::Text(text) => user_data(text),
            RouterData::Pairs(pairs) => pairs.iter().map(|(key, value)| (&**key, &**value)).collect(),
        };
        let named: [&Cow<'_, str>; 3] = if op == PreviewOp::Request { [&self.agent, &self.targets, &self.dn] } else { [&self.targets, &self.agent, &self.dn] };
        let request = PreviewRequest {
            select,
            targets: named.into_iter().find(|names| !names.is_empty()).map_or("", |names| names),
            dn: &self.dn,
            switch: &self.switch,
            conn: &self.conn,
            media: &self.media,
            data: &data,
            timeout_ms: None,
            key: Some(key),
        };
        hand(&RouterEvent::Request { id, request: &request });
    }
}

#[cfg(test)]
mod tests;
