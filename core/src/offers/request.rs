//! What routers say: a request is checked, joined to the one it repeats, or begun; others are cancelled or left alone.
use super::group::{Data, Group, Obstacle, Tally};
use super::{Offers, conn_key, refuse, targets};
use crate::config::{NoteLevel, PreviewConfig};
use crate::cx::Cx;
use crate::id::UserId;
use crate::note::Note;
use crate::offer::{Outcome, PreviewRequest, PreviewStatus, RequestId, RouterEvent};
use crate::presence::Presence;
use crate::time::Mono;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use alloc::{string::String, vec};

/// Bytes of a connection id, key, DN, name of a switch or media type; more are refused.
const TEXT_BYTES_MAX: usize = 255;
/// Bytes of a list of targets, per target that may be in it; more are refused.
const TARGET_BYTES_MAX: usize = 256;

impl Offers {
    pub(crate) fn on_router(&mut self, cx: &mut Cx<'_>, presence: &Presence, event: &RouterEvent<'_>) {
        match event {
            RouterEvent::Request { id, request } => self.on_request(cx, presence, *id, request),
            RouterEvent::Cancel { id, conn, text } => self.on_cancel(cx, *id, conn, text),
            RouterEvent::Gone { id } => self.on_gone(cx, *id),
        }
    }

    fn on_request(&mut self, cx: &mut Cx<'_>, presence: &Presence, id: RequestId, request: &PreviewRequest<'_>) {
        self.counters.previews += 1;
        let refusal = if self.stopping { Some("the connector is stopping".into()) } else { fault(&cx.config.preview, request) };
        if let Some(text) = refusal {
            return self.refuse(cx, id, &text);
        }
        if let Some(key) = request.key.filter(|key| !key.is_empty())
            && self.is_repeated(cx, id, key, request.conn)
        {
            return;
        }
        if self.waiting.len() >= cx.config.preview.requests_max as usize {
            let text = format!("{} requests are open, more are not taken (option `preview.requests_max`)", self.waiting.len());
            return self.refuse(cx, id, &text);
        }
        let directory = cx.directory;
        let max = usize::from(cx.config.preview.targets_max);
        let at = |switch, number: &str| presence.user_at(directory, directory.dn_by_number(switch, number)?);
        let Some(found) = targets::resolve(directory, request.targets, max, at) else {
            return self.refuse(cx, id, &format!("the request names more than {max} targets (option `preview.targets_max`)"));
        };
        self.replace(cx, request.conn, &found.users);
        let mut tally = Tally::default();
        for name in &found.unknown {
            tally.obstacle(Obstacle::Unknown);
            let text = format!("a preview request about call {} names {name}, which is no employee id, login code or DN of a worker", request.conn);
            cx.note(Note::Preview { level: NoteLevel::Info, text: text.into() });
        }
        self.open(cx, presence, id, request, found.users, tally);
    }

    fn open(&mut self, cx: &mut Cx<'_>, presence: &Presence, id: RequestId, request: &PreviewRequest<'_>, users: Vec<UserId>, tally: Tally) {
        let preview = &cx.config.preview;
        let (shortest, longest) = preview.timeout_range_ms;
        let data: Data = request.data.iter().map(|(key, value)| (Box::from(*key), Box::from(*value))).collect();
        let key: Option<Box<str>> = request.key.filter(|key| !key.is_empty()).map(Box::from);
        self.last_group += 1;
        let at = self.last_group;
        self.by_conn.insert((conn_key(request.conn), at));
        if let Some(key) = &key {
            self.by_key.insert(key.clone(), at);
        }
        self.waiting.insert(id, at);
        let group = Group {
            key,
            conn: request.conn.into(),
            media: request.media.into(),
            data,
            select: request.select,
            dn: request.dn.into(),
            switch: request.switch.into(),
            think_ms: request.timeout_ms.unwrap_or(preview.timeout_ms).max(shortest).min(longest.max(shortest)),
            list: list_of(&users),
            requests: vec![id],
            open: Vec::new(),
            remaining: users.into(),
            asked: false,
            ends: Mono::default(),
            tally,
        };
        self.groups.insert(at, group);
        self.begin(cx, presence, at);
    }

    /// The same key again: the request joins the open one, or hears its answer.
    fn is_repeated(&mut self, cx: &mut Cx<'_>, id: RequestId, key: &str, conn: &str) -> bool {
        let other_call = "the idempotency key was used for another call; use a new key for each request";
        if let Some(at) = self.by_key.get(key)
            && let Some(group) = self.groups.get_mut(at)
        {
            let text = if conn_key(&group.conn) != conn_key(conn) {
                other_call
            } else if self.waiting.len() >= cx.config.preview.requests_max as usize {
                "too many requests are open"
            } else {
                group.requests.push(id);
                self.waiting.insert(id, *at);
                return true;
            };
            self.refuse(cx, id, text);
            return true;
        }
        let Some((before, answer)) = self.kept.of_key(key) else { return false };
        if before != &*conn_key(conn) {
            self.refuse(cx, id, other_call);
            return true;
        }
        let answer = answer.clone();
        self.counters.previews_answered[answer.status as usize] += 1;
        cx.answer(id, answer);
        true
    }

    /// A newer request for the same call and worker replaces the older one (`spec/uc-connector-functional.md` 5.5, rule g).
    fn replace(&mut self, cx: &mut Cx<'_>, conn: &str, users: &[UserId]) {
        for id in self.groups_of(conn) {
            let Some(group) = self.groups.get(&id) else { continue };
            let asked = group.open.iter().filter_map(|offer| self.offers.get(offer)).map(|offer| offer.user);
            if asked.chain(group.remaining.iter().copied()).any(|user| users.contains(&user)) {
                self.withdraw(cx, id, Outcome::Replaced, PreviewStatus::Canceled, "a newer request for the same call replaced this one");
            }
        }
    }

    fn on_cancel(&mut self, cx: &mut Cx<'_>, id: RequestId, conn: &str, text: &str) {
        let open = self.groups_of(conn);
        let text = if text.is_empty() { "the router cancelled".into() } else { format!("the router cancelled: {text}") };
        for group in &open {
            self.withdraw(cx, *group, Outcome::Canceled, PreviewStatus::Canceled, &text);
        }
        let text = if open.is_empty() { "there was nothing to cancel" } else { "cancelled" };
        let answer = super::made(cx.directory, PreviewStatus::Canceled, text, None);
        cx.answer(id, answer);
    }

    /// Nobody waits for this answer any more; it is given all the same, so that each request has one. When nobody is left who waits the group is over, and its key
    /// is free: who comes back with it means to try again.
    fn on_gone(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(at) = self.waiting.remove(&id) else { return };
        let text = "who asked is gone";
        self.counters.previews_answered[PreviewStatus::Canceled as usize] += 1;
        let answer = super::made(cx.directory, PreviewStatus::Canceled, text, None);
        cx.answer(id, answer);
        let Some(group) = self.groups.get_mut(&at) else { return };
        group.requests.retain(|other| *other != id);
        if group.requests.is_empty() {
            if let Some(key) = group.key.take() {
                self.by_key.remove(&key);
            }
            self.withdraw(cx, at, Outcome::Canceled, PreviewStatus::Canceled, text);
        }
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, id: RequestId, text: &str) {
        self.counters.previews_answered[PreviewStatus::Error as usize] += 1;
        refuse(cx, id, text);
    }
}

/// What makes a request one that cannot be carried out.
fn fault(config: &PreviewConfig, request: &PreviewRequest<'_>) -> Option<String> {
    let PreviewRequest { targets, dn, switch, conn, media, data, key, .. } = *request;
    if conn.is_empty() {
        return Some("the request names no call (`connId`)".into());
    }
    for (name, text) in [("connId", conn), ("dn", dn), ("switch", switch), ("mediaType", media), ("key", key.unwrap_or_default())] {
        if text.len() > TEXT_BYTES_MAX {
            return Some(format!("`{name}` has {} bytes, at most {TEXT_BYTES_MAX} are allowed", text.len()));
        }
    }
    let most = usize::from(config.targets_max).saturating_mul(TARGET_BYTES_MAX);
    if targets.len() > most {
        return Some(format!("the list of targets has {} bytes, at most {most} are allowed", targets.len()));
    }
    let bytes: usize = data.iter().map(|(key, value)| key.len() + value.len() + 1).sum();
    if bytes > config.data_bytes_max as usize {
        return Some(format!("`userData` has {bytes} bytes, at most {} are allowed (option `preview.data_bytes_max`)", config.data_bytes_max));
    }
    None
}

/// A list of targets, for its turn.
fn list_of(users: &[UserId]) -> u64 {
    users.iter().fold(users.len() as u64, |hash, user| (hash.rotate_left(29) ^ u64::from(user.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
