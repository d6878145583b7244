//! Stories of previews: a router, workers with pages, and a hand-played T-Server around the whole connector.
mod changes;
mod invited;
mod races;
mod reports;
mod requests;
mod turns;

use crate::action::{Action, CtiOut, CtiReq};
use crate::codec::cti::catalogue as n;
use crate::config::*;
use crate::cti_event::{Control, CtiEvent, Role, TEvent};
use crate::entropy::Seed;
use crate::id::*;
use crate::offer::*;
use crate::uc_event::{CloseCause, SipRequest};
use crate::{Connector, Input, Mono, Now};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

const A: CtiLinkId = CtiLinkId(0);
const CONN: &str = "0077028a809f7004";
const MORNING: u64 = 1_700_000_000_000;

/// A report as the T-Server got it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    ref_id: u32,
    dn: String,
    text: String,
}

struct Story {
    c: Connector,
    now: Now,
    /// Requests to the T-Server not answered yet.
    asked: Vec<(u32, DnId, CtiReq)>,
    told: Vec<Told>,
    answers: Vec<(u64, PreviewAnswer)>,
    news: Vec<(u32, PageNews)>,
    records: Vec<OfferRecord>,
    /// The connector waits for its connection to stand.
    dials: bool,
    /// Requests to the SIP server since they were taken.
    sent: Vec<SipRequest>,
    /// One-time logins: worker, token, end.
    tickets: Vec<(u32, String, u64)>,
    drained: bool,
    next_request: u64,
    answered: BTreeSet<u64>,
}

fn person(i: u32) -> Person {
    Person {
        employee_id: format!("kw{i}").into(),
        agent_login: format!("{}", 7000 + i).into(),
        dns: vec![PersonDn { number: format!("{}", 5000 + i).into(), switch: 0 }].into(),
        groups: if i.is_multiple_of(2) { "sales; even".into() } else { "sales".into() },
        ..Person::default()
    }
}

fn config(workers: u32) -> Config {
    let servers = vec![TServerConfig { name: "SIPS".into(), address: "127.0.0.1:1".into() }];
    Config {
        mode: Mode::Standalone,
        preview: PreviewConfig { reporting: true, ..PreviewConfig::default() },
        cti: CtiConfig {
            switches: vec![SwitchConfig {
                name: "SIP_Switch".into(),
                servers,
                redundancy: Redundancy::Single,
                session: "7f3a".into(),
                linger_s: 30,
                free_dns: Vec::new(),
            }],
            timers: CtiTimers { jitter_percent: 0, ..CtiTimers::default() },
            ..CtiConfig::default()
        },
        people: (0..workers).map(person).collect(),
        note_level: NoteLevel::Alarm,
        ..Config::default()
    }
}

impl Story {
    /// The T-Server has not been reached.
    fn offline(config: Config) -> Self {
        let now = Now { mono: Mono(0), unix_ms: MORNING };
        let mut it = Self {
            c: Connector::new(Arc::new(config), Seed::from_u64(1), now),
            now,
            asked: Vec::new(),
            told: Vec::new(),
            answers: Vec::new(),
            news: Vec::new(),
            records: Vec::new(),
            dials: false,
            sent: Vec::new(),
            tickets: Vec::new(),
            drained: false,
            next_request: 0,
            answered: BTreeSet::new(),
        };
        it.take();
        it
    }

    /// Everybody is ready and has a page.
    fn of(config: Config) -> Self {
        let mut it = Self::offline(config);
        it.connect(3);
        for user in 0..it.c.directory().user_slots() as u32 {
            it.page(user, PageEvent::Opened);
        }
        it
    }

    fn new(workers: u32) -> Self {
        Self::of(config(workers))
    }

    fn take(&mut self) {
        while let Some(action) = self.c.poll_action() {
            match action {
                Action::SendCti { msg: CtiOut::Request { ref_id, dn, req }, .. } => self.asked.push((ref_id, dn, req)),
                Action::SendCti { msg: CtiOut::UserEvent { ref_id, report, .. }, .. } => {
                    let ReportView { this_dn, conn, agent, user, state_name, reason } = self.c.report(report).unwrap();
                    let text = format!("{state_name}{} {conn} {agent} {user}", reason.map_or_else(|| "+".to_string(), |reason| format!("- {reason}")));
                    self.told.push(Told { ref_id, dn: this_dn.into(), text });
                }
                Action::AnswerPreview { id, answer } => {
                    assert!(self.answered.insert(id.0), "request {} is answered twice", id.0);
                    self.answers.push((id.0, *answer));
                }
                Action::Page { user, news } => self.news.push((user.0, *news)),
                Action::Record(record) => self.records.push(*record),
                Action::ConnectCti { .. } => self.dials = true,
                Action::CloseCti { .. } => self.dials = false,
                Action::SendUc { msg, .. } => self.sent.push(*msg),
                Action::Ticket(ticket) => self.tickets.push((ticket.user.0, ticket.token.as_ref().into(), ticket.ends_unix_ms)),
                Action::Drained => self.drained = true,
                _ => {}
            }
        }
        let restored = Connector::restore(Arc::clone(self.c.directory().config()), &self.c.checkpoint().unwrap()).unwrap();
        assert_eq!(restored.fingerprint(), self.c.fingerprint(), "a checkpoint keeps everything");
    }

    fn hand(&mut self, input: Input<'_>) {
        self.c.handle(self.now, input);
        self.take();
    }

    fn cti(&mut self, event: CtiEvent<'_>) {
        self.hand(Input::Cti { link: A, event });
    }

    /// Connects and answers every registration with this agent status.
    fn connect(&mut self, status: i32) {
        self.link(1000);
        self.serve(status);
    }

    /// Connects, with this window.
    fn link(&mut self, window: u32) {
        while !self.dials {
            self.wait(50);
        }
        self.asked.clear();
        self.cti(CtiEvent::Connected);
        self.cti(CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window, ping_s: 3600 }));
        self.cti(CtiEvent::Control(Control::Opened { role: Role::Primary, server: "SIPS" }));
        self.cti(CtiEvent::Event(&TEvent { id: n::EVENT_LINK_CONNECTED, ..TEvent::default() }));
    }

    fn serve(&mut self, status: i32) {
        while let Some((ref_id, dn, req)) = self.asked.pop() {
            let number = self.c.directory().number(dn).to_string();
            let id = if req == CtiReq::RegisterAddress { n::EVENT_REGISTERED } else { n::EVENT_ADDRESS_INFO };
            self.cti(CtiEvent::Event(&TEvent { id, ref_id, this_dn: &number, agent_status: Some(status), ..TEvent::default() }));
        }
    }

    fn agent(&mut self, user: u32, id: u32) {
        let number = format!("{}", 5000 + user);
        self.cti(CtiEvent::Event(&TEvent { id, this_dn: &number, ..TEvent::default() }));
    }

    fn released(&mut self, conn: &str) {
        self.cti(CtiEvent::Event(&TEvent { id: n::EVENT_RELEASED, this_dn: "9999", conn: Some(conn), ..TEvent::default() }));
    }

    /// Acknowledges the oldest report.
    fn acknowledge(&mut self) -> String {
        let told = self.told.remove(0);
        self.cti(CtiEvent::Event(&TEvent { id: n::EVENT_ACK, ref_id: told.ref_id, ..TEvent::default() }));
        format!("{} {}", told.dn, told.text)
    }

    /// Acknowledges until nothing more comes.
    fn all_reports(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while !self.told.is_empty() {
            all.push(self.acknowledge());
        }
        all
    }

    fn lose_the_link(&mut self) {
        self.told.clear();
        self.dials = false;
        self.cti(CtiEvent::Closed { why: CloseCause::Reset });
    }

    fn page(&mut self, user: u32, event: PageEvent) {
        self.hand(Input::Page { user: UserId(user), event });
    }

    fn accept(&mut self, user: u32, offer: OfferId) {
        self.page(user, PageEvent::Accept { offer });
    }

    fn reject(&mut self, user: u32, offer: OfferId) {
        self.page(user, PageEvent::Reject { offer });
    }

    /// Asks; the request's number.
    fn ask(&mut self, request: &PreviewRequest<'_>) -> u64 {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.hand(Input::Router(&RouterEvent::Request { id, request }));
        id.0
    }

    fn cancel(&mut self, conn: &str) -> u64 {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.hand(Input::Router(&RouterEvent::Cancel { id, conn, text: "caller hung up" }));
        id.0
    }

    fn gone(&mut self, id: u64) {
        self.hand(Input::Router(&RouterEvent::Gone { id: RequestId(id) }));
    }

    /// Time passes, with all wakes at their time.
    fn wait(&mut self, ms: u64) {
        let until = self.now.mono + ms;
        while let Some((at, _)) = self.c.next_deadline().filter(|(at, _)| *at <= until) {
            self.at(at);
            self.hand(Input::Wake);
        }
        self.at(until);
    }

    fn at(&mut self, mono: Mono) {
        self.now = Now { mono, unix_ms: MORNING + mono.0 };
    }

    fn reconfigure(&mut self, config: Config) {
        self.hand(Input::Reconfigure(Arc::new(config)));
    }

    /// The offers begun since the last look: whom.
    fn offered(&mut self) -> Vec<(u32, OfferId)> {
        let mut offered = Vec::new();
        self.news.retain(|(user, news)| match news {
            PageNews::Offered(view) => {
                offered.push((*user, view.offer));
                false
            }
            _ => true,
        });
        offered
    }

    /// The one offer begun since the last look.
    fn the_offer(&mut self) -> (u32, OfferId) {
        let offered = self.offered();
        assert_eq!(offered.len(), 1, "{offered:?}");
        offered[0]
    }

    /// How offers ended since the last look.
    fn ended(&mut self) -> Vec<(u32, Outcome)> {
        let ended = self.news.iter().filter_map(|(user, news)| if let PageNews::Ended { outcome, .. } = news { Some((*user, *outcome)) } else { None });
        let ended = ended.collect();
        self.news.clear();
        ended
    }

    fn too_late(&mut self) -> usize {
        let late = self.news.iter().filter(|(_, news)| matches!(news, PageNews::TooLate { .. })).count();
        self.news.clear();
        late
    }

    /// Who was answered what since the last look.
    fn statuses(&mut self) -> Vec<(u64, PreviewStatus)> {
        core::mem::take(&mut self.answers).into_iter().map(|(id, answer)| (id, answer.status)).collect()
    }

    /// The one answer since the last look.
    fn the_answer(&mut self) -> PreviewAnswer {
        assert_eq!(self.answers.len(), 1, "{:?}", self.answers);
        self.answers.remove(0).1
    }
}

impl Drop for Story {
    /// However a story went: every offer that began ended once, or is open; nothing is left of what is over.
    fn drop(&mut self) {
        let mut open = BTreeSet::new();
        for record in &self.records {
            let fits = if record.ended.is_none() { open.insert(record.offer) } else { open.remove(&record.offer) };
            assert!(fits, "{record:?}");
        }
        assert_eq!(open.len(), self.c.previews().offers as usize);
        let asked = self.next_request as usize;
        assert_eq!(asked - self.answered.len(), self.c.previews().requests as usize);
    }
}

/// One worker is asked.
fn single(targets: &str) -> PreviewRequest<'_> {
    PreviewRequest { targets, conn: CONN, media: "voice", ..PreviewRequest::default() }
}

fn broadcast(targets: &str) -> PreviewRequest<'_> {
    PreviewRequest { select: Select::Broadcast, ..single(targets) }
}

#[test]
fn lists_of_words_are_in_the_order_of_the_counters() {
    assert!(PreviewStatus::ALL.iter().enumerate().all(|(at, status)| *status as usize == at));
    assert!(Outcome::ALL.iter().enumerate().all(|(at, outcome)| *outcome as usize == at));
}
