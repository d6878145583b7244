//! What SIP links give, in a journal.
use super::{Field, Tag, choice, put_record, record};
use std::net::{IpAddr, SocketAddr};
use uc_core::codec::sip::{self, Datagram, Decoded, Framer, SipFault, Step};
use uc_core::config::Limits;
use uc_core::id::UcLinkId;
use uc_core::uc_event::{Body, Calendar, CategoryDoc, CloseCause, Found, NoteValue, Notify, PublishTime, StateValue, SubState, TerminationReason, UcEvent};
use uc_core::{Connector, Input, Now};

/// Bytes kept of a connection whose framing is lost: more than the longest head a framer accepts.
const BROKEN_BYTES_MAX: usize = 128 << 10;

choice! {
    CloseCause { PeerClosed, Reset, Refused, TimedOut, Unreachable, CertificateRejected, HandshakeFailed, Local }
    SubState { Active, Pending, Terminated, Other, Absent }
    TerminationReason { None, Deactivated, Probation, Rejected, Timeout, Giveup, NoResource, Other, Invariant }
}

impl<'a> Field<'a> for PublishTime {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        u64::take(from).map(Self)
    }
}

impl<'a> Field<'a> for SocketAddr {
    fn put(&self, out: &mut Vec<u8>) {
        match self.ip() {
            IpAddr::V4(ip) => ip.octets().as_slice().put(out),
            IpAddr::V6(ip) => ip.octets().as_slice().put(out),
        }
        self.port().put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        let ip = <&[u8]>::take(from)?;
        let ip = match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
            (Ok(v4), _) => IpAddr::from(v4),
            (_, Ok(v6)) => IpAddr::from(v6),
            _ => return None,
        };
        Some(Self::new(ip, u16::take(from)?))
    }
}

impl<'a, T: Field<'a>> Field<'a> for Found<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Absent => out.push(0),
            Self::Empty => out.push(1),
            Self::Value(value) => {
                out.push(2);
                value.put(out);
            }
        }
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => Self::Absent,
            1 => Self::Empty,
            2 => Self::Value(T::take(from)?),
            _ => return None,
        })
    }
}

impl<'a> Field<'a> for Calendar {
    fn put(&self, out: &mut Vec<u8>) {
        self.start_ms.put(out);
        self.slot_min.put(out);
        (&*self.slots).put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        let (start_ms, slot_min) = (Field::take(from)?, Field::take(from)?);
        let slots: &[u8] = Field::take(from)?;
        Some(Self { start_ms, slot_min, slots: slots.into() })
    }
}

impl<'a> Field<'a> for StateValue<'a> {
    /// Without `extra`: only views and decoders look at it, the core does not.
    fn put(&self, out: &mut Vec<u8>) {
        let Self { availability, token, custom, publish_time, instance, device, extra: _ } = self;
        availability.put(out);
        token.put(out);
        custom.put(out);
        publish_time.put(out);
        instance.put(out);
        device.put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Some(Self {
            availability: Field::take(from)?,
            token: Field::take(from)?,
            custom: Field::take(from)?,
            publish_time: Field::take(from)?,
            instance: Field::take(from)?,
            device: Field::take(from)?,
            extra: None,
        })
    }
}

record! {
    NoteValue<'a> { text, kind, publish_time }
    CategoryDoc<'a> { uri, state, note, calendar, others }
}

/// The hot shape: a notification with one document. `None`: it is another one, and recorded as received.
fn put_notify(link: UcLinkId, notify: &Notify<'_>, out: &mut Vec<u8>) -> bool {
    let Notify {
        best_effort,
        call_id,
        from_tag,
        to_tag,
        cseq,
        contact,
        record_routes,
        event,
        state,
        expires_s,
        retry_after_s,
        reason,
        require_unsupported,
        body,
    } = notify;
    let Body::Categories(doc) = body else { return false };
    if contact.is_some() || !record_routes.is_empty() {
        return false;
    }
    put_record(out, Tag::UcNotify, |out| {
        link.0.put(out);
        best_effort.put(out);
        call_id.put(out);
        from_tag.put(out);
        to_tag.put(out);
        cseq.put(out);
        event.put(out);
        state.put(out);
        expires_s.put(out);
        retry_after_s.put(out);
        reason.put(out);
        require_unsupported.put(out);
        doc.put(out);
    });
    true
}

fn take_notify<'a>(from: &mut &'a [u8]) -> Option<Notify<'a>> {
    Some(Notify {
        best_effort: Field::take(from)?,
        call_id: Field::take(from)?,
        from_tag: Field::take(from)?,
        to_tag: Field::take(from)?,
        cseq: Field::take(from)?,
        contact: None,
        record_routes: Vec::new(),
        event: Field::take(from)?,
        state: Field::take(from)?,
        expires_s: Field::take(from)?,
        retry_after_s: Field::take(from)?,
        reason: Field::take(from)?,
        require_unsupported: Field::take(from)?,
        body: Body::Categories(Field::take(from)?),
    })
}

/// Records what happened on a SIP link; `frame` is the message at hand.
pub(crate) fn put(link: UcLinkId, event: &UcEvent<'_>, frame: &[u8], out: &mut Vec<u8>) {
    match event {
        UcEvent::Notify(notify) if put_notify(link, notify, out) => {}
        UcEvent::Notify(_) | UcEvent::Request(_) | UcEvent::Response(_) => put_frame(Tag::UcFrame, link, frame, out),
        UcEvent::Malformed(fault) if fault.is_fatal() => put_frame(Tag::UcBroken, link, &frame[..frame.len().min(BROKEN_BYTES_MAX)], out),
        UcEvent::Malformed(SipFault::Dropped { kind: "datagram", .. }) => put_frame(Tag::UcDatagram, link, frame, out),
        UcEvent::Malformed(_) => put_frame(Tag::UcFrame, link, frame, out),
        UcEvent::StreamLost => put_record(out, Tag::UcStreamLost, |out| link.0.put(out)),
        UcEvent::KeepAlive => put_record(out, Tag::UcKeepAlive, |out| link.0.put(out)),
        UcEvent::Connected { local } => put_record(out, Tag::UcConnected, |out| {
            link.0.put(out);
            local.put(out);
        }),
        UcEvent::Closed { why } => put_record(out, Tag::UcClosed, |out| {
            link.0.put(out);
            why.put(out);
        }),
        UcEvent::Resolved { endpoint, addrs } => put_record(out, Tag::UcResolved, |out| {
            link.0.put(out);
            endpoint.put(out);
            addrs.to_vec().put(out);
        }),
    }
}

fn put_frame(tag: Tag, link: UcLinkId, frame: &[u8], out: &mut Vec<u8>) {
    put_record(out, tag, |out| {
        link.0.put(out);
        out.extend_from_slice(frame);
    });
}

/// Hands a recorded event to the core. `None`: the record cannot be read.
pub(crate) fn replay(tag: Tag, mut from: &[u8], limits: &Limits, connector: &mut Connector, now: Now) -> Option<()> {
    let link = UcLinkId(Field::take(&mut from)?);
    let mut hand = |event: UcEvent<'_>| connector.handle(now, Input::Uc { link, event });
    match tag {
        Tag::UcNotify => hand(UcEvent::Notify(&take_notify(&mut from)?)),
        Tag::UcFrame => match sip::decode(from, limits) {
            Ok(Decoded::Notify(notify)) => hand(UcEvent::Notify(&notify)),
            Ok(Decoded::Request(request)) => hand(UcEvent::Request(&request)),
            Ok(Decoded::Response(response)) => hand(UcEvent::Response(&response)),
            Err(fault) => hand(UcEvent::Malformed(&fault)),
        },
        Tag::UcBroken => {
            let mut framer = Framer::new(limits);
            framer.push(from);
            let Step::Fault(fault) = framer.next() else { return None };
            hand(UcEvent::Malformed(&fault));
        }
        Tag::UcDatagram => {
            let Datagram::Message(_, Err(fault)) = sip::datagram(from, limits) else { return None };
            hand(UcEvent::Malformed(&fault));
        }
        Tag::UcStreamLost => hand(UcEvent::StreamLost),
        Tag::UcKeepAlive => hand(UcEvent::KeepAlive),
        Tag::UcConnected => hand(UcEvent::Connected { local: Field::take(&mut from)? }),
        Tag::UcClosed => hand(UcEvent::Closed { why: Field::take(&mut from)? }),
        Tag::UcResolved => {
            let endpoint = Field::take(&mut from)?;
            let addrs: Vec<SocketAddr> = Field::take(&mut from)?;
            hand(UcEvent::Resolved { endpoint, addrs: &addrs });
        }
        _ => return None,
    }
    Some(())
}
