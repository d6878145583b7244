//! The driver's side of connections: what the core asks for goes through the real encoders into the network, what arrives goes through the real framers and
//! decoders into inputs. The same work as `runtime-smol` does with sockets.
use super::World;
use crate::company;
use crate::net::{ConnId, NetEvent, Node, Side};
use crate::peers::Peer;
use uc_core::codec::cti::bridge::{self, Line, LineFramer, Reader, RouterLine, Writer, preview_result};
use uc_core::codec::sip::{self, Decoded, Framer};
use uc_core::cti_event::CtiEvent;
use uc_core::id::{CtiLinkId, UcLinkId};
use uc_core::uc_event::{CloseCause, UcEvent};
use uc_core::{Action, Input};

/// A SIP connection of the driver.
#[derive(Debug, Default)]
pub(super) struct SipWire {
    pub(super) conn: Option<ConnId>,
    framer: Option<Framer>,
}

/// A bridge connection of the driver.
#[derive(Debug, Default)]
pub(super) struct CtiWire {
    pub(super) conn: Option<ConnId>,
    framer: Option<(LineFramer, Reader)>,
    writer: Option<Writer>,
}

/// A line of a bridge, by what is behind it.
enum Read<'a> {
    Server(Line<'a>),
    Router(RouterLine<'a>),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Sip(UcLinkId),
    Cti(CtiLinkId),
}

fn slot<T: Default>(list: &mut Vec<T>, at: usize) -> &mut T {
    if list.len() <= at {
        list.resize_with(at + 1, T::default);
    }
    &mut list[at]
}

impl World {
    /// Does what the core asked for. `frame`: the request at hand, for answers.
    pub(super) fn perform(&mut self, action: &Action, frame: Option<&[u8]>) {
        match action {
            Action::Persist { user, choice } => {
                self.kept.insert(*user, *choice);
            }
            Action::ResolveUc { link, endpoint, redirect } => {
                let host = match redirect {
                    Some(to) => to.host.clone(),
                    None => self.core.directory().config().uc.endpoints[usize::from(*endpoint)].host.clone(),
                };
                let addrs = company::resolve(&self.options, &host);
                self.later(1, super::Later::Resolved(*link, *endpoint, addrs));
            }
            Action::ConnectUc { link, addr, .. } => match company::node_at(&self.options, **addr) {
                Some(node) => self.connect(Wire::Sip(*link), node),
                None => self.later(1, super::Later::Unreachable(*link)),
            },
            Action::CloseUc { link } => {
                let wire = slot(&mut self.sip, link.index());
                wire.framer = None;
                let conn = wire.conn.take();
                self.close(conn);
            }
            Action::Answer { link, status } => {
                let mut bytes = std::mem::take(&mut self.scratch);
                let frame = frame.unwrap_or_default();
                if sip::encode_answer(frame, *status, &mut bytes).is_ok() {
                    self.write_sip(*link, &bytes);
                } else {
                    self.fail("driver", format!("{link}: the core answers {status} to what cannot be answered"));
                }
                self.give_back(bytes);
            }
            Action::SendUc { link, msg } => {
                let mut bytes = std::mem::take(&mut self.scratch);
                sip::encode_request(msg, self.core.directory(), &mut bytes);
                self.write_sip(*link, &bytes);
                self.give_back(bytes);
            }
            Action::KeepAliveUc { link } => self.write_sip(*link, b"\r\n\r\n"),
            Action::ConnectCti { link } => self.connect(Wire::Cti(*link), Node(self.options.front_ends + link.0)),
            Action::CloseCti { link } => {
                let wire = slot(&mut self.cti, link.index());
                (wire.framer, wire.writer) = (None, None);
                let conn = wire.conn.take();
                self.close(conn);
            }
            Action::SendCti { link, msg } => {
                let mut bytes = std::mem::take(&mut self.scratch);
                if let Some(wire) = self.cti.get_mut(link.index())
                    && let (Some(conn), Some(writer)) = (wire.conn, &mut wire.writer)
                {
                    writer.encode(msg, &self.core, *link, &mut |_| None, &mut bytes);
                    self.trace.tell_bytes(self.now, link, "<-", &bytes);
                    self.put(conn, Side::Client, &bytes);
                }
                self.give_back(bytes);
            }
            Action::AnswerPreview { id, answer } => self.on_answer(*id, answer),
            Action::Page { user, news } => self.on_page_news(*user, news),
            Action::AnswerRouter { link, request, answer } => {
                let mut bytes = std::mem::take(&mut self.scratch);
                if let Some(wire) = self.cti.get_mut(link.index())
                    && let (Some(conn), Some(writer)) = (wire.conn, &mut wire.writer)
                {
                    writer.encode_message(&preview_result(*request, answer, ""), &mut bytes);
                    self.trace.tell_bytes(self.now, link, "<-", &bytes);
                    self.put(conn, Side::Client, &bytes);
                }
                self.give_back(bytes);
            }
            // The history is the checkers', and nobody opens links of messages.
            Action::Record(_) | Action::Ticket(_) => {}
            Action::Note(note) => self.trace.tell(self.now, |out| std::fmt::Write::write_fmt(out, format_args!("{note}"))),
            Action::Drained => self.drained = true,
        }
    }

    fn give_back(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.scratch = bytes;
    }

    fn connect(&mut self, wire: Wire, node: Node) {
        let conn = self.net.connect(self.now, node);
        self.wires.insert(conn, wire);
        let config = self.core.directory().config().clone();
        match wire {
            Wire::Sip(link) => *slot(&mut self.sip, link.index()) = SipWire { conn: Some(conn), framer: Some(Framer::new(&config.limits)) },
            Wire::Cti(link) => {
                let framer = (LineFramer::new(config.limits.cti_line_bytes_max as usize), Reader::new(&config));
                *slot(&mut self.cti, link.index()) = CtiWire { conn: Some(conn), framer: Some(framer), writer: Some(Writer::new(None)) };
            }
        }
    }

    fn close(&mut self, conn: Option<ConnId>) {
        if let Some(conn) = conn {
            self.wires.remove(&conn);
            self.net.close(self.now, conn, Side::Client);
        }
    }

    fn write_sip(&mut self, link: UcLinkId, bytes: &[u8]) {
        if let Some(conn) = self.sip.get(link.index()).and_then(|w| w.conn) {
            self.trace.tell_bytes(self.now, link, "<-", bytes);
            self.put(conn, Side::Client, bytes);
        }
    }

    /// Bytes into the network, and into the hash of the run.
    pub(super) fn put(&mut self, conn: ConnId, from: Side, bytes: &[u8]) {
        self.trace.num(self.now.0 << 1 | u64::from(from == Side::Client));
        self.trace.bytes(bytes);
        self.net.send(self.now, conn, from, bytes);
    }

    /// Something came out of the network.
    pub(super) fn on_net(&mut self, event: NetEvent) {
        match event {
            NetEvent::Accepted { conn, node } => match node.0.checked_sub(self.options.front_ends) {
                None => self.front_end.accept(self.now, node.0, u64::from(conn.0)),
                Some(_) if self.router_node() == Some(node) => self.bridge.peer.accept(self.now, 0, u64::from(conn.0)),
                Some(at) => self.t_server.accept(self.now, at, u64::from(conn.0)),
            },
            NetEvent::Data { conn, to: Side::Server, bytes } if self.router_node().is_some_and(|node| self.net.node_of(conn) == Some(node)) => {
                self.bridge.peer.receive(self.now, u64::from(conn.0), &bytes);
                self.hear_answers();
            }
            NetEvent::Data { conn, to: Side::Server, bytes } => match self.wire_side(conn) {
                Some(true) => self.front_end.receive(self.now, u64::from(conn.0), &bytes),
                Some(false) => self.t_server.receive(self.now, u64::from(conn.0), &bytes),
                None => {}
            },
            NetEvent::Closed { conn, to: Side::Server, .. } => {
                // Each machine ignores connections it does not have.
                self.front_end.disconnected(self.now, u64::from(conn.0));
                self.t_server.disconnected(self.now, u64::from(conn.0));
                self.bridge.peer.disconnected(self.now, u64::from(conn.0));
            }
            NetEvent::Connected { conn } => match self.wires.get(&conn).copied() {
                Some(Wire::Sip(link)) => {
                    let local = super::outside::local_address(20_000 + (conn.0 % 40_000) as u16);
                    self.feed(Input::Uc { link, event: UcEvent::Connected { local } }, None);
                }
                Some(Wire::Cti(link)) => self.feed(Input::Cti { link, event: CtiEvent::Connected }, None),
                None => {}
            },
            NetEvent::Data { conn, to: Side::Client, bytes } => match self.wires.get(&conn).copied() {
                Some(Wire::Sip(link)) => self.on_sip_bytes(link, conn, &bytes),
                Some(Wire::Cti(link)) => self.on_cti_bytes(link, conn, &bytes),
                None => {}
            },
            NetEvent::Closed { conn, to: Side::Client, why } => self.on_closed(conn, why),
        }
        self.drain_peers();
    }

    /// True: to a Front End; false: to a T-Server.
    fn wire_side(&self, conn: ConnId) -> Option<bool> {
        self.net.node_of(conn).map(|node| node.0 < self.options.front_ends)
    }

    fn on_closed(&mut self, conn: ConnId, why: CloseCause) {
        match self.wires.remove(&conn) {
            Some(Wire::Sip(link)) => {
                *slot(&mut self.sip, link.index()) = SipWire::default();
                self.feed(Input::Uc { link, event: UcEvent::Closed { why } }, None);
            }
            Some(Wire::Cti(link)) => {
                *slot(&mut self.cti, link.index()) = CtiWire::default();
                self.feed(Input::Cti { link, event: CtiEvent::Closed { why } }, None);
            }
            None => {}
        }
    }

    fn on_sip_bytes(&mut self, link: UcLinkId, conn: ConnId, bytes: &[u8]) {
        let Some(mut framer) = self.sip[link.index()].framer.take() else { return };
        framer.push(bytes);
        let config = self.core.directory().config().clone();
        loop {
            match framer.next() {
                sip::Step::More => break,
                sip::Step::KeepAlive => self.feed(Input::Uc { link, event: UcEvent::KeepAlive }, None),
                sip::Step::Message(span) => {
                    let frame = framer.bytes(span);
                    self.trace.tell_bytes(self.now, link, "->", frame);
                    match sip::decode(frame, &config.limits) {
                        Ok(Decoded::Notify(notify)) => self.feed(Input::Uc { link, event: UcEvent::Notify(&notify) }, Some(frame)),
                        Ok(Decoded::Request(request)) => self.feed(Input::Uc { link, event: UcEvent::Request(&request) }, Some(frame)),
                        Ok(Decoded::Response(response)) => self.feed(Input::Uc { link, event: UcEvent::Response(&response) }, Some(frame)),
                        Err(fault) => self.feed(Input::Uc { link, event: UcEvent::Malformed(&fault) }, Some(frame)),
                    }
                }
                sip::Step::Fault(fault) => {
                    self.feed(Input::Uc { link, event: UcEvent::Malformed(&fault) }, None);
                    break;
                }
            }
            if self.sip[link.index()].conn != Some(conn) {
                return;
            }
        }
        self.sip[link.index()].framer = Some(framer);
    }

    fn on_cti_bytes(&mut self, link: CtiLinkId, conn: ConnId, bytes: &[u8]) {
        let Some((mut framer, mut reader)) = self.cti[link.index()].framer.take() else { return };
        framer.push(bytes);
        let is_router = link.0 >= company::t_servers(&self.options);
        loop {
            let fault = match framer.next() {
                bridge::Step::More => break,
                bridge::Step::Line(span) => {
                    let line = framer.bytes(span);
                    self.trace.tell_bytes(self.now, link, "->", line);
                    let read = if is_router { reader.decode_router(line).map(Read::Router) } else { reader.decode(line).map(Read::Server) };
                    match read {
                        Ok(Read::Router(RouterLine::Message(message))) => {
                            self.feed(Input::Cti { link, event: CtiEvent::Router(&message) }, None);
                            None
                        }
                        Ok(Read::Server(Line::Control(control)) | Read::Router(RouterLine::Control(control))) => {
                            self.feed(Input::Cti { link, event: CtiEvent::Control(control) }, None);
                            None
                        }
                        Ok(Read::Server(Line::Event(event))) => {
                            self.feed(Input::Cti { link, event: CtiEvent::Event(&event) }, None);
                            None
                        }
                        Err(fault) => Some(fault),
                    }
                }
                bridge::Step::Fault(fault) => Some(fault),
            };
            if let Some(fault) = &fault {
                self.feed(Input::Cti { link, event: CtiEvent::Malformed(fault) }, None);
            }
            if fault.is_some() || self.cti[link.index()].conn != Some(conn) {
                return;
            }
        }
        self.cti[link.index()].framer = Some((framer, reader));
    }
}
