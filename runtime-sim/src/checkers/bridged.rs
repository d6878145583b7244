//! Requests that came through a bridge, told to the checkers of previews in the words of those that did not: [`RouterEvent`] and [`Action::AnswerPreview`], under
//! numbers of their own. What differs is told by [`is_bridged`]: such a request is [`RouterEvent::Gone`] twice, when its connection is lost and when it has
//! lingered; between the two it is asked again on another connection, or nobody hears its answer.
use std::borrow::Cow;
use std::collections::BTreeMap;
use uc_core::cti_event::{CtiEvent, RouterData, RouterMessage};
use uc_core::offer::{PreviewOp, PreviewRequest, RequestId, RouterEvent, Select, user_data};
use uc_core::{Action, Config, Input, Mono};

const BRIDGED: u64 = 1 << 62;

/// The request came through a bridge.
#[must_use]
pub const fn is_bridged(id: RequestId) -> bool {
    id.0 & BRIDGED != 0
}

const fn id_of(number: i64) -> RequestId {
    RequestId(BRIDGED | number as u64)
}

/// Requests without answer, and since when their connection is lost.
#[derive(Debug, Default)]
pub struct Bridged {
    open: BTreeMap<RequestId, Option<Mono>>,
}

impl Bridged {
    /// Requests that are gone, lost or for good, by this input.
    pub fn gone(&mut self, config: &Config, now: Mono, input: &Input<'_>) -> Vec<RequestId> {
        match input {
            Input::Cti { link, event: CtiEvent::Closed { .. } } if is_router(config, *link) => self.lose(config, now),
            Input::Wake => {
                let over = |since: &Option<Mono>| since.is_some_and(|since| since + linger_ms(config) <= now);
                let gone: Vec<RequestId> = self.open.iter().filter(|(_, since)| over(since)).map(|(id, _)| *id).collect();
                gone.iter().for_each(|id| _ = self.open.remove(id));
                gone
            }
            _ => Vec::new(),
        }
    }

    /// Requests whose connection the core gives up by this action.
    pub fn given_up(&mut self, config: &Config, now: Mono, action: &Action) -> Vec<RequestId> {
        match action {
            Action::CloseCti { link } if is_router(config, *link) => self.lose(config, now),
            _ => Vec::new(),
        }
    }

    fn lose(&mut self, config: &Config, now: Mono) -> Vec<RequestId> {
        let lost: Vec<RequestId> = self.open.iter().filter(|(_, since)| since.is_none()).map(|(id, _)| *id).collect();
        if linger_ms(config) == 0 {
            // Lost and gone at once: whoever asks again, be it in this very moment, asks for the first time.
            self.open.clear();
            return [lost.clone(), lost].concat();
        }
        lost.iter().for_each(|id| _ = self.open.insert(*id, Some(now)));
        lost
    }

    /// Calls `tell` with a message as an event; not when it only repeats what is open on a connection that stands.
    pub fn heard(&mut self, message: &RouterMessage<'_>, tell: impl FnOnce(&RouterEvent<'_>)) {
        let (Some(number), Some(op)) = (message.request, PreviewOp::from_name(&message.name)) else { return };
        let id = id_of(number);
        if self.open.insert(id, None) == Some(None) {
            return;
        }
        let select = match op {
            PreviewOp::Cancel => return tell(&RouterEvent::Cancel { id, conn: &message.conn, text: &message.text }),
            PreviewOp::Request => Select::Single,
            PreviewOp::Multiple => Select::Broadcast,
            PreviewOp::RoundRobin => Select::RoundRobin,
            PreviewOp::LongestIdle => Select::LongestIdle,
        };
        let targets: &Cow<'_, str> = if message.agent.is_empty() { &message.targets } else { &message.agent };
        // What is said again while it is open joins the first.
        let key = format!("{}\n{}\n{targets}", message.name, message.conn);
        let data = match &message.data {
            RouterData::Text(text) => user_data(text),
            RouterData::Pairs(pairs) => pairs.iter().map(|(key, value)| (&**key, &**value)).collect(),
        };
        let request = PreviewRequest { select, targets, conn: &message.conn, media: &message.media, data: &data, key: Some(&key), ..PreviewRequest::default() };
        tell(&RouterEvent::Request { id, request: &request });
    }

    /// An answer of the core as that to any requester.
    pub fn answered(&mut self, action: &Action) -> Option<Action> {
        let Action::AnswerRouter { request, answer, .. } = action else { return None };
        self.open.remove(&id_of(*request));
        Some(Action::AnswerPreview { id: id_of(*request), answer: answer.clone() })
    }
}

fn linger_ms(config: &Config) -> u64 {
    config.cti.routers.first().map_or(0, |router| u64::from(router.linger_s) * 1000)
}

fn is_router(config: &Config, link: uc_core::id::CtiLinkId) -> bool {
    config.server(link).is_some_and(|(switch, ..)| config.cti.is_router(switch))
}
