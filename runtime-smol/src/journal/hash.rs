//! The running hash of all actions: what makes "the replay did the same" a fact.
//!
//! SIP requests count with their printed bytes, bridge requests with every field and the note they carry. Notes to the operator count with their severity only:
//! they have no effect outside.
use uc_core::action::{CtiOut, CtiReq};
use uc_core::codec::sip;
use uc_core::input::Choice;
use uc_core::offer::{OfferRecord, OfferView, PageNews, PreviewAnswer, ReportView, RequestId};
use uc_core::presence::{StateRequest, Why};
use uc_core::{Action, Connector};

/// Hash and count of the actions so far.
#[derive(Clone, Debug)]
pub(crate) struct ActionHash {
    hash: u64,
    /// How many.
    pub(crate) count: u64,
    scratch: Vec<u8>,
}

impl Default for ActionHash {
    fn default() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, count: 0, scratch: Vec::new() }
    }
}

impl ActionHash {
    /// The hash so far.
    pub(crate) const fn value(&self) -> u64 {
        self.hash
    }

    const fn num(&mut self, n: u64) {
        self.hash = (self.hash ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        self.num(bytes.len() as u64);
        words.iter().for_each(|word| self.num(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.num(u64::from(*byte)));
    }

    /// Takes in one action, before it is carried out.
    pub(crate) fn add(&mut self, action: &Action, connector: &Connector) {
        self.count += 1;
        match action {
            Action::ResolveUc { link, endpoint, redirect } => {
                self.link(1, link.0, u64::from(*endpoint));
                self.target(redirect.as_deref());
            }
            Action::ConnectUc { link, endpoint, addr, redirect } => {
                self.link(2, link.0, u64::from(*endpoint));
                self.target(redirect.as_deref());
                self.bytes(addr.to_string().as_bytes());
            }
            Action::CloseUc { link } => self.link(3, link.0, 0),
            Action::Answer { link, status } => self.link(4, link.0, u64::from(*status)),
            Action::SendUc { link, msg } => {
                self.link(5, link.0, 0);
                let mut printed = std::mem::take(&mut self.scratch);
                printed.clear();
                sip::encode_request(msg, connector.directory(), &mut printed);
                self.bytes(&printed);
                self.scratch = printed;
            }
            Action::KeepAliveUc { link } => self.link(6, link.0, 0),
            Action::ConnectCti { link } => self.link(7, link.0, 0),
            Action::CloseCti { link } => self.link(8, link.0, 0),
            Action::SendCti { link, msg } => {
                self.link(9, link.0, 0);
                self.line(msg, connector);
            }
            Action::Note(note) => self.link(10, 0, note.level() as u64),
            Action::Persist { user, choice } => {
                self.link(12, 0, u64::from(user.0));
                self.num(match choice {
                    None => 0,
                    Some(Choice::LoggedIn) => 1,
                    Some(Choice::LoggedOut) => 2,
                    Some(Choice::State(row)) => 3 + u64::from(*row),
                });
            }
            Action::AnswerPreview { id, answer } => self.answer(*id, answer),
            Action::AnswerRouter { link, request, answer } => {
                self.link(18, link.0, 0);
                self.answer(RequestId(request.cast_unsigned()), answer);
            }
            Action::Page { user, news } => self.news(user.0, news),
            Action::Ticket(ticket) => {
                self.link(19, 0, u64::from(ticket.user.0));
                self.bytes(ticket.token.as_bytes());
                self.num(ticket.ends_unix_ms);
            }
            Action::Record(record) => self.record(record),
            Action::Drained => self.link(11, 0, 0),
        }
    }

    fn answer(&mut self, id: RequestId, answer: &PreviewAnswer) {
        let PreviewAnswer { status, text, user, agent, dn, switch } = answer;
        self.link(13, 0, *status as u64);
        self.num(id.0);
        self.num(user.map_or(0, |user| u64::from(user.0) + 1));
        for part in [text, agent, dn, switch] {
            self.bytes(part.as_bytes());
        }
    }

    fn news(&mut self, user: u32, news: &PageNews) {
        match news {
            PageNews::Offered(OfferView { offer, dn, conn, media, data, offered_unix_ms, ends_unix_ms, broadcast }) => {
                self.link(14, 0, u64::from(user));
                for n in [offer.0, u64::from(dn.0), *offered_unix_ms, *ends_unix_ms, u64::from(*broadcast)] {
                    self.num(n);
                }
                self.bytes(conn.as_bytes());
                self.bytes(media.as_bytes());
                for (key, value) in data.iter() {
                    self.bytes(key.as_bytes());
                    self.bytes(value.as_bytes());
                }
            }
            PageNews::Ended { offer, outcome } => {
                self.link(15, 0, u64::from(user));
                self.num(offer.0 << 8 | *outcome as u64);
            }
            PageNews::TooLate { offer } => {
                self.link(16, 0, u64::from(user));
                self.num(offer.0);
            }
        }
    }

    fn record(&mut self, record: &OfferRecord) {
        let OfferRecord { offer, user, dn, conn, media, at_unix_ms, ended } = record;
        self.link(17, 0, u64::from(user.0));
        for n in [offer.0, u64::from(dn.0), *at_unix_ms, ended.map_or(0, |outcome| outcome as u64 + 1)] {
            self.num(n);
        }
        self.bytes(conn.as_bytes());
        self.bytes(media.as_bytes());
    }

    const fn link(&mut self, kind: u64, link: u16, more: u64) {
        self.num(kind << 48 | (link as u64) << 32 | more);
    }

    fn target(&mut self, target: Option<&uc_core::config::UcEndpoint>) {
        if let Some(target) = target {
            self.bytes(target.host.as_bytes());
            self.num(u64::from(target.port));
        }
    }

    fn line(&mut self, msg: &CtiOut, connector: &Connector) {
        match *msg {
            CtiOut::Hello => self.num(1),
            CtiOut::Open { linger_s } => self.num(2 << 32 | u64::from(linger_s)),
            CtiOut::Ping { n } => self.num(3 << 32 | u64::from(n)),
            CtiOut::Pong { n } => self.num(4 << 32 | u64::from(n)),
            CtiOut::Bye => self.num(5),
            CtiOut::Unsupported { op } => self.bytes(op.as_str().as_bytes()),
            CtiOut::UserEvent { ref_id, dn, report } => {
                self.num(7 << 32 | u64::from(ref_id));
                self.num(u64::from(dn.0) << 32 | u64::from(report.0));
                if let Some(ReportView { this_dn, conn, agent, user, state_name, reason }) = connector.report(report) {
                    for part in [this_dn, conn, agent, user, state_name, reason.unwrap_or_default()] {
                        self.bytes(part.as_bytes());
                    }
                }
            }
            CtiOut::Request { ref_id, dn, req } => {
                self.num(6 << 32 | u64::from(ref_id));
                self.num(u64::from(dn.0));
                let kind = match req {
                    CtiReq::QueryAddress => 2,
                    CtiReq::RegisterAddress => 3,
                    CtiReq::UnregisterAddress => 4,
                    CtiReq::AgentLogin => 8,
                    CtiReq::AgentLogout => 9,
                    CtiReq::State(StateRequest { ready, work_mode, why }) => {
                        if connector.directory().has_dn(dn) {
                            self.bytes(connector.note_of(dn).as_bytes());
                        }
                        self.num(
                            work_mode.map_or(0, |mode| u64::from(mode) + 1) << 32
                                | match why {
                                    Why::Presence(class) => class as u64,
                                    Why::Choice(row) => 1 << 16 | u64::from(row),
                                },
                        );
                        if ready { 10 } else { 11 }
                    }
                };
                self.num(kind);
            }
        }
    }
}
