//! What bridge links give, in a journal.
use super::{Field, Tag, choice, put_record, record};
use uc_core::codec::cti::CtiFault;
use uc_core::cti_event::{Control, CtiEvent, Role, RouterData, RouterMessage, TEvent};
use uc_core::id::CtiLinkId;
use uc_core::{Connector, Input, Now};

choice! {
    Role { Primary, Backup }
}

record! {
    TEvent<'a> { id, name, ref_id, this_dn, conn, call_state, agent_id, work_mode, agent_status, snapshot_work_mode, kw_status, kw_note, reason, ext_reason, error_code, error_text }
    RouterMessage<'a> { name, request, agent, conn, dn, media, switch, targets, text, data }
}

impl<'a> Field<'a> for RouterData<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                out.push(0);
                text.put(out);
            }
            Self::Pairs(pairs) => {
                out.push(1);
                pairs.put(out);
            }
        }
    }

    fn take(from: &mut &'a [u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Field::take(from).map(Self::Text),
            1 => Field::take(from).map(Self::Pairs),
            _ => None,
        }
    }
}

impl<'a> Field<'a> for Control<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Welcome { line_max, window, ping_s } => {
                out.push(0);
                [*line_max, *window, *ping_s].put(out);
            }
            Self::Opened { role, server } => {
                out.push(1);
                role.put(out);
                server.put(out);
            }
            Self::Role { role } => {
                out.push(2);
                role.put(out);
            }
            Self::Ping { n } => {
                out.push(3);
                n.put(out);
            }
            Self::Pong { n } => {
                out.push(4);
                n.put(out);
            }
            Self::Error { code, text, fatal } => {
                out.push(5);
                code.put(out);
                text.put(out);
                fatal.put(out);
            }
            Self::Bye => out.push(6),
            Self::Unknown { op } => {
                out.push(7);
                op.put(out);
            }
        }
    }

    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => {
                let [line_max, window, ping_s] = Field::take(from)?;
                Self::Welcome { line_max, window, ping_s }
            }
            1 => Self::Opened { role: Field::take(from)?, server: Field::take(from)? },
            2 => Self::Role { role: Field::take(from)? },
            3 => Self::Ping { n: Field::take(from)? },
            4 => Self::Pong { n: Field::take(from)? },
            5 => Self::Error { code: Field::take(from)?, text: Field::take(from)?, fatal: Field::take(from)? },
            6 => Self::Bye,
            7 => Self::Unknown { op: Field::take(from)? },
            _ => return None,
        })
    }
}

/// Records what happened on a bridge link.
pub(crate) fn put(link: CtiLinkId, event: &CtiEvent<'_>, out: &mut Vec<u8>) {
    let tag = match event {
        CtiEvent::Connected => Tag::CtiConnected,
        CtiEvent::Closed { .. } => Tag::CtiClosed,
        CtiEvent::Control(_) => Tag::CtiControl,
        CtiEvent::Event(_) => Tag::CtiEvent,
        CtiEvent::Router(_) => Tag::CtiRouter,
        CtiEvent::Malformed(_) => Tag::CtiBroken,
    };
    put_record(out, tag, |out| {
        link.0.put(out);
        match event {
            CtiEvent::Connected => {}
            CtiEvent::Closed { why } => why.put(out),
            CtiEvent::Control(control) => control.put(out),
            CtiEvent::Event(event) => event.put(out),
            CtiEvent::Router(message) => message.put(out),
            CtiEvent::Malformed(fault) => fault.to_string().as_str().put(out),
        }
    });
}

/// Hands a recorded event to the core. `None`: the record cannot be read.
///
/// A broken line is replayed as one fault for all: the core closes the link whatever was wrong, and only its note names the sentence.
pub(crate) fn replay(tag: Tag, mut from: &[u8], connector: &mut Connector, now: Now) -> Option<()> {
    let link = CtiLinkId(Field::take(&mut from)?);
    let mut hand = |event: CtiEvent<'_>| connector.handle(now, Input::Cti { link, event });
    match tag {
        Tag::CtiConnected => hand(CtiEvent::Connected),
        Tag::CtiClosed => hand(CtiEvent::Closed { why: Field::take(&mut from)? }),
        Tag::CtiControl => hand(CtiEvent::Control(Field::take(&mut from)?)),
        Tag::CtiEvent => hand(CtiEvent::Event(&Field::take(&mut from)?)),
        Tag::CtiRouter => hand(CtiEvent::Router(&Field::take(&mut from)?)),
        Tag::CtiBroken => hand(CtiEvent::Malformed(&CtiFault::Direction { got: Field::take(&mut from)? })),
        _ => return None,
    }
    Some(())
}
