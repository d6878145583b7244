//! What routers and pages give, in a journal.
use super::{Field, Tag, choice, put_record, record};
use uc_core::id::UserId;
use uc_core::offer::{PageEvent, PreviewRequest, RequestId, RouterEvent, Select};
use uc_core::{Connector, Input, Now};

choice! {
    Select { Single, Broadcast, RoundRobin, LongestIdle }
}

/// A request as it is read again, with its list of data apart.
struct Request<'a> {
    select: Select,
    targets: &'a str,
    dn: &'a str,
    switch: &'a str,
    conn: &'a str,
    media: &'a str,
    data: Vec<Pair<'a>>,
    timeout_ms: Option<u64>,
    key: Option<&'a str>,
}

struct Pair<'a> {
    key: &'a str,
    value: &'a str,
}

record! {
    Request<'a> { select, targets, dn, switch, conn, media, data, timeout_ms, key }
    Pair<'a> { key, value }
}

/// Records what a router said.
pub(crate) fn put_router(event: &RouterEvent<'_>, out: &mut Vec<u8>) {
    put_record(out, Tag::Router, |out| match event {
        RouterEvent::Request { id, request } => {
            let PreviewRequest { select, targets, dn, switch, conn, media, data, timeout_ms, key } = **request;
            let data = data.iter().map(|(key, value)| Pair { key, value }).collect();
            out.push(0);
            id.0.put(out);
            Request { select, targets, dn, switch, conn, media, data, timeout_ms, key }.put(out);
        }
        RouterEvent::Cancel { id, conn, text } => {
            out.push(1);
            id.0.put(out);
            conn.put(out);
            text.put(out);
        }
        RouterEvent::Gone { id } => {
            out.push(2);
            id.0.put(out);
        }
    });
}

/// Records what happened at a worker's pages.
pub(crate) fn put_page(user: UserId, event: PageEvent, out: &mut Vec<u8>) {
    put_record(out, Tag::Page, |out| {
        user.0.put(out);
        event.put(out);
    });
}

/// Hands a recorded event to the core. `None`: the record cannot be read.
pub(crate) fn replay_router(mut from: &[u8], connector: &mut Connector, now: Now) -> Option<()> {
    let (kind, id) = (u8::take(&mut from)?, RequestId(Field::take(&mut from)?));
    let mut hand = |event: &RouterEvent<'_>| connector.handle(now, Input::Router(event));
    match kind {
        0 => {
            let Request { select, targets, dn, switch, conn, media, data, timeout_ms, key } = Field::take(&mut from)?;
            let data: Vec<(&str, &str)> = data.into_iter().map(|pair| (pair.key, pair.value)).collect();
            let request = PreviewRequest { select, targets, dn, switch, conn, media, data: &data, timeout_ms, key };
            hand(&RouterEvent::Request { id, request: &request });
        }
        1 => hand(&RouterEvent::Cancel { id, conn: Field::take(&mut from)?, text: Field::take(&mut from)? }),
        2 => hand(&RouterEvent::Gone { id }),
        _ => return None,
    }
    Some(())
}

/// Hands a recorded event to the core. `None`: the record cannot be read.
pub(crate) fn replay_page(mut from: &[u8], connector: &mut Connector, now: Now) -> Option<()> {
    let (user, event) = (UserId(Field::take(&mut from)?), Field::take(&mut from)?);
    connector.handle(now, Input::Page { user, event });
    Some(())
}
