//! Workers without a page: asked through their own client, over a SIP connection played by hand; the offer and its conversation in every order.
use super::*;
use crate::id::UcLinkId;
use crate::uc_event::{Method, Response, SipBody, SipRequest, UcEvent};

const SIP: UcLinkId = UcLinkId(0);
/// Shorter than any time to think.
const MOMENT: u64 = 1_000;

fn asked_by_message(workers: u32) -> Config {
    let mut config = config(workers);
    config.mode = Mode::Normal;
    config.preview.invite = InviteConfig { mode: InviteMode::Message, url: "https://ucc.example/t/{token}".into(), ..InviteConfig::default() };
    for (n, person) in config.people.iter_mut().enumerate() {
        person.sip_uri = format!("sip:user{n}@contoso.example").into();
    }
    config.uc = UcConfig {
        endpoints: vec![UcEndpoint { host: "pool.contoso.example".into(), port: 5061 }],
        watchers: vec![Watcher { uri: "sip:watcher@contoso.example".into(), epid: "01010101".into() }],
        register: false,
        pace: UcPace::open(),
        ..UcConfig::default()
    };
    // Subscriptions are not what these stories are about: they stay without an answer, and nobody minds.
    (config.uc.timers.transaction_timeout_ms, config.uc.timers.probe_ms, config.uc.timers.jitter_percent) = (86_400_000, 86_400_000, 0);
    config
}

impl Story {
    /// Everybody is ready, nobody has a page, the SIP connection stands.
    fn without_pages(config: Config) -> Self {
        let mut it = Self::offline(config);
        it.connect_sip();
        it.connect(3);
        it.sent.clear();
        it
    }

    fn connect_sip(&mut self) {
        let address = core::net::SocketAddr::from(([10, 0, 0, 1], 5061));
        self.hand(Input::Uc { link: SIP, event: UcEvent::Resolved { endpoint: 0, addrs: &[address] } });
        self.hand(Input::Uc { link: SIP, event: UcEvent::Connected { local: address } });
    }

    fn lose_sip(&mut self) {
        self.hand(Input::Uc { link: SIP, event: UcEvent::Closed { why: CloseCause::Reset } });
    }

    /// What was sent since the last look, besides subscriptions.
    fn said(&mut self) -> Vec<SipRequest> {
        core::mem::take(&mut self.sent).into_iter().filter(|msg| msg.method != Method::Subscribe).collect()
    }

    fn methods(&mut self) -> Vec<Method> {
        self.said().iter().map(|msg| msg.method).collect()
    }

    /// The one INVITE since the last look.
    fn the_invite(&mut self) -> SipRequest {
        let mut said = self.said();
        assert!(said.len() == 1 && said[0].method == Method::Invite, "{said:?}");
        said.remove(0)
    }

    /// The client's answer.
    fn replies(&mut self, msg: &SipRequest, status: u16) {
        let response = Response {
            status,
            reason: "why",
            branch: &msg.branch,
            method: msg.method.as_str(),
            cseq: msg.cseq,
            call_id: &msg.call_id,
            from_tag: &msg.from_tag,
            to_tag: "client",
            contacts: vec!["sip:user@10.0.0.9:5061;transport=tls"],
            text_format: true,
            ..Response::default()
        };
        self.hand(Input::Uc { link: SIP, event: UcEvent::Response(&response) });
    }

    fn is_open(&self, user: u32, offer: OfferId) -> bool {
        self.c.offers_of(UserId(user)).iter().any(|view| view.offer == offer)
    }
}

fn text(invite: &SipRequest) -> &str {
    match &invite.body {
        SipBody::Session { text } => text,
        other => panic!("{other:?}"),
    }
}

/// A story with one worker who has been sent a message about one call: the story, the offer, the INVITE, the request.
fn invited() -> (Story, OfferId, SipRequest, u64) {
    let mut s = Story::without_pages(asked_by_message(1));
    let request = s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    let invite = s.the_invite();
    assert_eq!(&*invite.to, "sip:user0@contoso.example");
    assert!(s.statuses().is_empty() && s.is_open(0, offer));
    (s, offer, invite, request)
}

#[test]
fn who_takes_the_message_decides_at_the_page_and_the_conversation_ends() {
    let (mut s, offer, invite, request) = invited();
    assert_eq!(s.tickets.len(), 1);
    let (user, token, ends) = s.tickets[0].clone();
    assert_eq!((user, text(&invite).contains(&format!("https://ucc.example/t/{token}"))), (0, true), "{}", text(&invite));
    assert_eq!(ends, s.now.unix_ms + 20_000, "the link ends with the time to think");
    s.replies(&invite, 180);
    s.replies(&invite, 200);
    assert_eq!(s.methods(), [Method::Ack]);
    assert!(s.statuses().is_empty() && s.is_open(0, offer), "to take the message is no acceptance");
    s.page(0, PageEvent::Opened);
    assert!(s.is_open(0, offer), "the offer goes on at the page");
    s.accept(0, offer);
    assert_eq!((s.statuses(), s.ended()), (vec![(request, PreviewStatus::Accepted)], vec![(0, Outcome::Accepted)]));
    assert_eq!(s.methods(), [Method::Bye]);
}

#[test]
fn who_takes_the_message_may_decline_at_the_page_or_do_nothing() {
    let (mut s, offer, invite, request) = invited();
    s.replies(&invite, 200);
    s.page(0, PageEvent::Opened);
    s.reject(0, offer);
    assert_eq!(s.statuses(), [(request, PreviewStatus::Rejected)]);
    let (mut s, _, invite, request) = invited();
    s.replies(&invite, 200);
    s.said();
    s.wait(20_000);
    assert_eq!((s.statuses(), s.ended()), (vec![(request, PreviewStatus::Timeout)], vec![(0, Outcome::Timeout)]));
    assert_eq!(s.methods(), [Method::Bye]);
}

#[test]
fn what_the_client_answers_is_what_the_router_hears() {
    for (status, heard, outcome) in [
        (486, PreviewStatus::Rejected, Outcome::Rejected),
        (603, PreviewStatus::Rejected, Outcome::Rejected),
        (408, PreviewStatus::Timeout, Outcome::Timeout),
        (480, PreviewStatus::Unavailable, Outcome::Unavailable),
        (488, PreviewStatus::Unavailable, Outcome::Unavailable),
    ] {
        let (mut s, offer, invite, request) = invited();
        s.replies(&invite, 180);
        s.replies(&invite, status);
        assert_eq!((s.statuses(), s.ended()), (vec![(request, heard)], vec![(0, outcome)]), "{status}");
        assert_eq!(s.methods(), [Method::Ack], "{status}");
        // The link has been seen by nobody; still, whoever comes by it finds nothing.
        s.page(0, PageEvent::Opened);
        s.accept(0, offer);
        assert_eq!(s.too_late(), 1);
    }
}

#[test]
fn a_message_that_rings_too_long_is_cancelled_with_the_time_to_think() {
    let (mut s, _, invite, request) = invited();
    s.replies(&invite, 180);
    s.wait(19_999);
    assert!(s.statuses().is_empty() && s.methods().is_empty());
    s.wait(1);
    assert_eq!((s.statuses(), s.ended()), (vec![(request, PreviewStatus::Timeout)], vec![(0, Outcome::Timeout)]));
    assert_eq!(s.methods(), [Method::Cancel]);
    s.replies(&invite, 487);
    assert_eq!((s.methods(), s.statuses()), (vec![Method::Ack], vec![]), "answered once");
}

#[test]
fn who_comes_to_the_page_meanwhile_answers_there_whatever_the_client_says() {
    for status in [603, 480, 408] {
        let (mut s, offer, invite, request) = invited();
        s.replies(&invite, 180);
        s.wait(MOMENT);
        s.page(0, PageEvent::Opened);
        s.replies(&invite, status);
        assert!(s.statuses().is_empty() && s.is_open(0, offer), "{status}");
        s.accept(0, offer);
        assert_eq!((s.statuses(), s.ended()), (vec![(request, PreviewStatus::Accepted)], vec![(0, Outcome::Accepted)]), "{status}");
        assert_eq!(s.methods(), [Method::Ack], "{status}");
    }
    // It still rings when they answer at the page.
    let (mut s, offer, invite, request) = invited();
    s.replies(&invite, 180);
    s.page(0, PageEvent::Opened);
    s.reject(0, offer);
    assert_eq!((s.statuses(), s.methods()), (vec![(request, PreviewStatus::Rejected)], vec![Method::Cancel]));
}

#[test]
fn a_page_that_goes_leads_to_a_message_once_its_time_of_grace_is_over() {
    let mut s = Story::without_pages(asked_by_message(1));
    s.page(0, PageEvent::Opened);
    let request = s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.page(0, PageEvent::Closed);
    s.wait(14_999);
    assert!(s.methods().is_empty() && s.is_open(0, offer));
    s.wait(1);
    let invite = s.the_invite();
    s.replies(&invite, 200);
    // The page comes by the link, and goes again: no second message.
    s.page(0, PageEvent::Opened);
    s.page(0, PageEvent::Closed);
    s.said();
    s.wait(4_999);
    assert!(s.statuses().is_empty() && s.methods().is_empty());
    s.wait(1);
    assert_eq!((s.statuses(), s.methods()), (vec![(request, PreviewStatus::Timeout)], vec![Method::Bye]));
}

#[test]
fn a_cancellation_while_the_message_is_out_takes_it_back() {
    // It rings already.
    let (mut s, offer, invite, request) = invited();
    s.replies(&invite, 180);
    let cancel = s.cancel(CONN);
    assert_eq!(s.statuses(), [(request, PreviewStatus::Canceled), (cancel, PreviewStatus::Canceled)]);
    assert_eq!((s.ended(), s.methods()), (vec![(0, Outcome::Canceled)], vec![Method::Cancel]));
    // The worker took it in the same moment: the conversation is closed, the router has its answer.
    s.replies(&invite, 200);
    assert_eq!((s.methods(), s.statuses()), (vec![Method::Ack, Method::Bye], vec![]));
    s.page(0, PageEvent::Opened);
    s.accept(0, offer);
    assert_eq!(s.too_late(), 1);
    // The server has said nothing yet: CANCEL waits for its first word (RFC 3261 9.1).
    let (mut s, _, invite, request) = invited();
    s.gone(request);
    assert_eq!((s.statuses(), s.methods()), (vec![(request, PreviewStatus::Canceled)], vec![]));
    s.replies(&invite, 100);
    assert_eq!(s.methods(), [Method::Cancel]);
    // The call was released.
    let (mut s, _, invite, request) = invited();
    s.replies(&invite, 200);
    s.said();
    s.released(CONN);
    assert_eq!((s.statuses(), s.methods()), (vec![(request, PreviewStatus::Canceled)], vec![Method::Bye]));
}

#[test]
fn a_lost_connection_ends_what_the_worker_has_not_seen() {
    let (mut s, _, invite, request) = invited();
    s.replies(&invite, 180);
    s.lose_sip();
    assert_eq!((s.statuses(), s.ended()), (vec![(request, PreviewStatus::Unavailable)], vec![(0, Outcome::Unavailable)]));
    // Without a connection nobody is asked in vain: the router hears it at once, and may choose another.
    let second = s.ask(&single("kw0"));
    s.wait(0);
    assert_eq!(s.statuses(), [(second, PreviewStatus::Unavailable)]);
    // Who has the link can still come.
    let (mut s, offer, invite, request) = invited();
    s.replies(&invite, 200);
    s.lose_sip();
    assert!(s.statuses().is_empty() && s.is_open(0, offer));
    s.page(0, PageEvent::Opened);
    s.accept(0, offer);
    assert_eq!(s.statuses(), [(request, PreviewStatus::Accepted)]);
}

#[test]
fn who_becomes_not_ready_is_not_rung_any_longer() {
    let (mut s, _, invite, request) = invited();
    s.replies(&invite, 180);
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    assert_eq!((s.statuses(), s.ended()), (vec![(request, PreviewStatus::Unavailable)], vec![(0, Outcome::Unavailable)]));
    assert_eq!(s.methods(), [Method::Cancel]);
    // Also after the message was taken; unless such offers are to be kept.
    let (mut s, _, invite, request) = invited();
    s.replies(&invite, 200);
    s.said();
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    assert_eq!((s.statuses(), s.methods()), (vec![(request, PreviewStatus::Unavailable)], vec![Method::Bye]));
    let mut config = asked_by_message(1);
    config.preview.not_ready = NotReadyRule::Keep;
    let mut s = Story::without_pages(config);
    s.ask(&single("kw0"));
    let (_, offer) = s.the_offer();
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    assert!(s.is_open(0, offer) && s.methods() == [Method::Invite]);
}

#[test]
fn two_offers_to_one_worker_are_two_conversations() {
    let mut s = Story::without_pages(asked_by_message(1));
    s.ask(&single("kw0"));
    let second = s.ask(&PreviewRequest { conn: "2", ..single("kw0") });
    assert_eq!(s.statuses(), [(second, PreviewStatus::Unavailable)], "one at a time, unless configured otherwise");
    s.the_invite();
    let mut config = asked_by_message(1);
    config.preview.per_worker_max = 2;
    let mut s = Story::without_pages(config);
    let first = s.ask(&single("kw0"));
    let (_, one) = s.the_offer();
    let invite = s.the_invite();
    let second = s.ask(&PreviewRequest { conn: "2", ..single("kw0") });
    let (_, other) = s.the_offer();
    let other_invite = s.the_invite();
    assert!(invite.call_id != other_invite.call_id && text(&invite) != text(&other_invite), "a link of its own");
    s.replies(&invite, 603);
    assert_eq!((s.statuses(), s.is_open(0, one), s.is_open(0, other)), (vec![(first, PreviewStatus::Rejected)], false, true));
    s.replies(&other_invite, 200);
    s.page(0, PageEvent::Opened);
    s.accept(0, other);
    assert_eq!(s.statuses(), [(second, PreviewStatus::Accepted)]);
}

#[test]
fn a_broadcast_rings_everywhere_until_somebody_accepts() {
    let mut s = Story::without_pages(asked_by_message(3));
    s.page(1, PageEvent::Opened);
    let request = s.ask(&broadcast("kw0^kw1^kw2"));
    let offers = s.offered();
    let invites = s.said();
    assert_eq!(invites.iter().map(|msg| &*msg.to).collect::<Vec<_>>(), ["sip:user0@contoso.example", "sip:user2@contoso.example"]);
    invites.iter().for_each(|invite| s.replies(invite, 180));
    s.replies(&invites[0], 200);
    s.said();
    s.accept(1, offers[1].1);
    assert_eq!(s.statuses(), [(request, PreviewStatus::Accepted)]);
    assert_eq!(s.ended(), [(1, Outcome::Accepted), (0, Outcome::Taken), (2, Outcome::Taken)]);
    assert_eq!(s.methods(), [Method::Bye, Method::Cancel], "the conversation is closed, the ringing stops");
}

#[test]
fn each_worker_reads_their_own_language() {
    let mut config = asked_by_message(4);
    for (person, language) in config.people.iter_mut().zip(["de", "fr-CA", "", "tlh"]) {
        person.language = language.into();
    }
    let mut s = Story::without_pages(config.clone());
    s.ask(&broadcast("kw0^kw1^kw2^kw3"));
    let begins: Vec<String> = s.said().iter().map(|msg| text(msg).split_once("https://").unwrap().0.to_string()).collect();
    let english = "A customer asks for you. Please answer here: ";
    assert_eq!(begins, ["Ein Kunde wartet auf Sie. Bitte antworten Sie hier: ", "Un client vous demande. Merci de répondre ici : ", english, english]);
    // A window's first message, too.
    config.preview.invite.mode = InviteMode::Context;
    let mut s = Story::without_pages(config);
    s.ask(&single("kw0"));
    assert_eq!(text(&s.the_invite()), "Ein Kunde wartet auf Sie.");
}

#[test]
fn nobody_is_invited_unless_configured_and_reachable() {
    let mut config = asked_by_message(1);
    config.preview.invite.mode = InviteMode::Off;
    let mut s = Story::without_pages(config);
    s.ask(&single("kw0"));
    let answer = s.the_answer();
    assert_eq!((answer.status, s.methods(), s.tickets.len()), (PreviewStatus::Unavailable, vec![], 0));
    let mut config = asked_by_message(2);
    config.people[0].sip_uri = "".into();
    let mut s = Story::without_pages(config);
    s.ask(&PreviewRequest { select: Select::RoundRobin, ..single("kw0^kw1") });
    assert_eq!(&*s.the_invite().to, "sip:user1@contoso.example", "the next one is asked");
}
