//! Conversations with workers through their own client: every answer, every end, every message of theirs.
use super::harness::{SIP0, World, config, header};
use crate::codec::xml::CONTEXT_BYTES_MAX;
use crate::fact::Fact;
use crate::id::UserId;
use crate::offer::OfferId;
use crate::uc::Letter;
use crate::uc_event::{Body, CloseCause, ContextInvitation, Method, OtherRequest, SipBody, SipRequest, UcEvent};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

const ALICE: UserId = UserId(0);
const OFFER: OfferId = OfferId(7);

fn letter(window: bool) -> Letter {
    let context = ContextInvitation { application: "{1}".into(), toast: "ring".into(), link: "https://ucc/t/1".into(), ..ContextInvitation::default() };
    Letter { text: "ring https://ucc/t/1".into(), context: window.then(|| Box::new(context)) }
}

/// A connected world whose subscription is done with, and the INVITE.
fn asked(window: bool) -> (World, SipRequest) {
    let (mut w, _) = World::subscribed(config(2));
    w.invite(ALICE, OFFER, letter(window));
    let invite = w.next();
    assert_eq!(
        (invite.method, &*invite.uri, &*invite.to, &*invite.from),
        (Method::Invite, "sip:user0@contoso.example", "sip:user0@contoso.example", "sip:watcher0@contoso.example")
    );
    assert!(w.sent.is_empty());
    (w, invite)
}

fn methods(w: &mut World) -> Vec<Method> {
    w.sent.drain(..).map(|(_, msg)| msg.method).collect()
}

/// What happened to the offer: `+` taken, `-` declined, `!` not reached, `?` nobody answered.
fn told(w: &mut World) -> alloc::string::String {
    let word = |fact: Fact| match fact {
        Fact::InviteAnswered { offer: OFFER } => '+',
        Fact::InviteDeclined { offer: OFFER } => '-',
        Fact::InviteFailed { offer: OFFER, silent: false } => '!',
        Fact::InviteFailed { offer: OFFER, silent: true } => '?',
        Fact::CoverageLost { .. } => 'L',
        other => panic!("{other:?}"),
    };
    w.facts().into_iter().map(word).collect()
}

/// A request of the worker inside the dialog of an INVITE; what it was answered with.
fn says(w: &mut World, invite: &SipRequest, from_tag: &str, method: &str, cseq: u32, content_type: &str) -> u16 {
    let request = OtherRequest { method, call_id: &invite.call_id, cseq, from_tag, to_tag: &invite.from_tag, content_type, require_unsupported: None };
    w.event(SIP0, UcEvent::Request(&request));
    w.answers.pop().expect("an answer")
}

/// Accepted, first text shown.
fn taken(w: &mut World, invite: &SipRequest) -> SipRequest {
    w.answer(invite, 100, |_| {});
    w.answer(invite, 180, |r| r.to_tag = "one");
    w.answer(invite, 200, |r| r.text_format = true);
    w.next()
}

#[test]
fn an_accepted_message_is_acknowledged_and_closed_with_its_offer() {
    let (mut w, invite) = asked(false);
    assert!(matches!(&invite.body, SipBody::Session { text } if **text == *"ring https://ucc/t/1"));
    assert_eq!(header(&invite, "Ms-Conversation-ID")[0].len(), 32);
    assert!(invite.contact.as_deref().is_some_and(|contact| contact.starts_with("<sip:192.0.2.1:40000;transport=tls")));
    let ack = taken(&mut w, &invite);
    assert_eq!((ack.method, ack.cseq, &*ack.uri, ack.to_tag.as_deref()), (Method::Ack, 1, "sip:fe01.contoso.example:5061;transport=tls", Some("server")));
    assert!(ack.branch != invite.branch && ack.routes.iter().map(|r| &**r).eq(["sip:b.example;lr;ms-route-sig=x", "sip:a.example;lr"]));
    assert_eq!(told(&mut w), "+");
    // Its answer comes again: the ACK was lost.
    w.answer(&invite, 200, |r| r.text_format = true);
    assert_eq!((methods(&mut w), told(&mut w)), (vec![Method::Ack], "".into()));
    w.uninvite(OFFER);
    let bye = w.next();
    assert_eq!((bye.method, bye.cseq, bye.to_tag.as_deref()), (Method::Bye, 2, Some("server")));
    // It is closing: their BYE crosses ours.
    assert_eq!(says(&mut w, &invite, "server", "BYE", 1, ""), 200);
    w.answer(&bye, 481, |_| {});
    assert_eq!(says(&mut w, &invite, "server", "MESSAGE", 2, "text/plain"), 481);
    // For a while late answers are still acknowledged, then nothing is left.
    w.answer(&invite, 200, |_| {});
    assert_eq!(methods(&mut w), [Method::Ack]);
    w.live(40_000);
    assert_eq!((w.side.legs(), told(&mut w)), (0, "".into()));
    w.answer(&invite, 200, |_| {});
    assert!(w.sent.is_empty());
    assert!(w.side.invitations().is_empty());
}

#[test]
fn a_first_text_that_was_not_shown_is_sent_as_a_message() {
    let (mut w, invite) = asked(false);
    w.answer(&invite, 200, |_| {});
    assert_eq!(w.next().method, Method::Ack);
    let message = w.next();
    assert!(matches!(&message.body, SipBody::Text(text) if **text == *"ring https://ucc/t/1"));
    assert_eq!((message.method, message.cseq), (Method::Message, 2));
    w.answer(&message, 200, |_| {});
    assert_eq!((methods(&mut w), told(&mut w)), (vec![], "+".into()));
}

/// The session is dead: it is dropped and made anew, once.
#[test]
fn a_refused_message_begins_the_conversation_anew_once() {
    let (mut w, invite) = asked(false);
    w.answer(&invite, 200, |_| {});
    w.next();
    let message = w.next();
    w.answer(&message, 481, |_| {});
    let mut sent = methods(&mut w);
    sent.sort_by_key(|m| m.as_str());
    assert_eq!(sent, [Method::Bye, Method::Invite]);
    assert_eq!(told(&mut w), "+");
    let (mut w, invite) = asked(false);
    w.answer(&invite, 200, |_| {});
    w.next();
    let message = w.next();
    w.answer(&message, 408, |_| {});
    let again = w.sent.iter().find(|(_, msg)| msg.method == Method::Invite).expect("INVITE").1.clone();
    assert!(again.call_id != invite.call_id && header(&again, "Ms-Conversation-ID") != header(&invite, "Ms-Conversation-ID"));
    w.sent.clear();
    w.answer(&again, 200, |_| {});
    w.next();
    let message = w.next();
    w.answer(&message, 480, |_| {});
    assert_eq!((methods(&mut w), told(&mut w)), (vec![Method::Bye], "++!".into()));
}

#[test]
fn refusals_are_acknowledged_and_told() {
    for (status, want) in
        [(486, "-"), (603, "-"), (600, "-"), (480, "!"), (488, "!"), (606, "!"), (404, "!"), (500, "!"), (302, "!"), (401, "!"), (408, "?"), (487, "?")]
    {
        let (mut w, invite) = asked(false);
        w.answer(&invite, 180, |_| {});
        w.answer(&invite, status, |r| r.to_tag = "one");
        let ack = w.next();
        assert_eq!(
            (ack.method, &ack.branch, &ack.uri, ack.to_tag.as_deref(), ack.cseq),
            (Method::Ack, &invite.branch, &invite.uri, Some("one"), 1),
            "{status}"
        );
        assert_eq!((methods(&mut w), told(&mut w)), (vec![], want.into()), "{status}");
        // It comes again.
        w.answer(&invite, status, |r| r.to_tag = "one");
        assert_eq!((methods(&mut w), told(&mut w)), (vec![Method::Ack], "".into()), "{status}");
        w.uninvite(OFFER);
        w.live(40_000);
        assert_eq!((w.side.legs(), methods(&mut w)), (0, vec![]), "{status}");
    }
}

#[test]
fn an_offer_that_ends_first_cancels_when_it_can() {
    let (mut w, invite) = asked(false);
    w.uninvite(OFFER);
    assert!(w.sent.is_empty(), "nothing was heard yet");
    w.answer(&invite, 180, |_| {});
    let cancel = w.next();
    assert_eq!((cancel.method, &cancel.branch, &cancel.uri, cancel.cseq, &cancel.to_tag), (Method::Cancel, &invite.branch, &invite.uri, 1, &None));
    assert_eq!((&cancel.call_id, &cancel.from_tag), (&invite.call_id, &invite.from_tag));
    w.answer(&cancel, 200, |_| {});
    w.answer(&invite, 487, |_| {});
    assert_eq!((methods(&mut w), told(&mut w)), (vec![Method::Ack], "".into()));

    // It crosses an acceptance, on two clients.
    let (mut w, invite) = asked(false);
    w.answer(&invite, 180, |_| {});
    w.uninvite(OFFER);
    assert_eq!(methods(&mut w), [Method::Cancel]);
    w.answer(&invite, 200, |r| r.to_tag = "one");
    w.answer(&invite, 200, |r| r.to_tag = "two");
    assert_eq!((methods(&mut w), told(&mut w)), (vec![Method::Ack, Method::Bye, Method::Ack, Method::Bye], "".into()));

    // Before it was sent at all.
    let mut c = config(2);
    c.uc.pace.requests_per_s = 1;
    let (mut w, _) = World::subscribed(c);
    w.invite(ALICE, OFFER, letter(false));
    w.uninvite(OFFER);
    w.live(10_000);
    assert_eq!((methods(&mut w), w.side.legs()), (vec![], 0));
}

#[test]
fn the_first_client_counts_and_the_others_are_closed() {
    let (mut w, invite) = asked(false);
    for tag in ["one", "two", "three"] {
        w.answer(&invite, 183, |r| r.to_tag = tag);
    }
    w.answer(&invite, 200, |r| (r.to_tag, r.text_format) = ("two", true));
    assert_eq!(methods(&mut w), [Method::Ack]);
    w.answer(&invite, 200, |r| r.to_tag = "one");
    let (ack, bye) = (w.next(), w.next());
    assert_eq!((ack.to_tag.as_deref(), bye.method, bye.to_tag.as_deref()), (Some("one"), Method::Bye, Some("one")));
    assert_eq!(told(&mut w), "+");
    for n in 0..20 {
        let tag = format!("x{n}");
        w.answer(&invite, 200, |r| r.to_tag = Box::leak(tag.into_boxed_str()));
    }
    assert_eq!(methods(&mut w).len(), 2 * 6, "bounded");
    w.uninvite(OFFER);
    let bye = w.next();
    assert_eq!((bye.method, bye.to_tag.as_deref(), w.sent.len()), (Method::Bye, Some("two"), 0));
}

#[test]
fn silence_is_a_failure() {
    let (mut w, _) = asked(false);
    w.live(31_000);
    assert_eq!(told(&mut w), "");
    w.live(2_000);
    assert_eq!((methods(&mut w), told(&mut w)), (vec![], "!".into()));
    // A client that rings may ring as long as the offer lasts.
    let (mut w, invite) = asked(false);
    w.answer(&invite, 180, |_| {});
    w.live(300_000);
    w.sent.retain(|(_, msg)| msg.method != Method::Subscribe);
    assert_eq!((methods(&mut w), told(&mut w)), (vec![], "".into()));
    // Nor is an answer to CANCEL waited for for ever.
    w.uninvite(OFFER);
    assert_eq!(methods(&mut w), [Method::Cancel]);
    w.live(80_000);
    assert_eq!(w.side.legs(), 0);
}

#[test]
fn the_window_opens_beside_the_conversation() {
    let (mut w, invite) = asked(true);
    assert!(matches!(&invite.body, SipBody::Session { text } if **text == *"ring"));
    taken(&mut w, &invite);
    let window = w.next();
    assert_eq!(window.method, Method::Invite);
    assert!(matches!(&window.body, SipBody::Context(it) if &*it.link == "https://ucc/t/1"));
    assert_eq!(header(&window, "Ms-Conversation-ID"), header(&invite, "Ms-Conversation-ID"));
    assert!(window.call_id != invite.call_id && window.from_tag != invite.from_tag);
    w.answer(&window, 200, |r| r.to_tag = "window");
    assert_eq!((methods(&mut w), told(&mut w)), (vec![Method::Ack], "+".into()));
    assert_eq!(says(&mut w, &window, "window", "INFO", 1, "text/plain"), 200);
    w.uninvite(OFFER);
    assert_eq!(methods(&mut w), [Method::Bye, Method::Bye]);
}

#[test]
fn without_a_window_the_link_goes_as_a_message() {
    for status in [488, 480, 603, 500] {
        let (mut w, invite) = asked(true);
        taken(&mut w, &invite);
        let window = w.next();
        w.answer(&window, status, |_| {});
        assert_eq!(w.next().method, Method::Ack);
        let message = w.next();
        assert!(matches!(&message.body, SipBody::Text(text) if text.contains("https://ucc/t/1")), "{status}");
        w.answer(&message, 200, |_| {});
        w.uninvite(OFFER);
        assert_eq!((methods(&mut w), told(&mut w)), (vec![Method::Bye], "+".into()), "{status}");
    }
    // A client that knows no windows takes it for a session of messages.
    let (mut w, invite) = asked(true);
    taken(&mut w, &invite);
    let window = w.next();
    w.answer(&window, 200, |r| r.body = Body::Unsupported("application/sdp"));
    let mut sent = methods(&mut w);
    sent.sort_by_key(|method| method.as_str());
    assert_eq!(sent, [Method::Ack, Method::Bye, Method::Message]);
    // A known client refuses without a tag, and its ACK has none.
    let (mut w, invite) = asked(true);
    taken(&mut w, &invite);
    let window = w.next();
    w.answer(&window, 501, |r| r.to_tag = "");
    assert_eq!((w.next().to_tag, methods(&mut w)), (None, vec![Method::Message]));
    // Nobody answers it.
    let (mut w, invite) = asked(true);
    taken(&mut w, &invite);
    w.next();
    w.live(33_000);
    assert_eq!(methods(&mut w), [Method::Message]);
    // It would be too long for clients.
    let (mut w, _) = World::subscribed(config(2));
    let mut long = letter(true);
    long.context.as_mut().expect("context").data = "x".repeat(CONTEXT_BYTES_MAX).into();
    w.invite(ALICE, OFFER, long);
    let invite = w.next();
    taken(&mut w, &invite);
    assert_eq!(methods(&mut w), [Method::Message]);
}

#[test]
fn every_request_of_the_worker_is_answered() {
    let (mut w, invite) = asked(false);
    taken(&mut w, &invite);
    let mut cseq = 0;
    for (method, content_type, want) in [
        ("MESSAGE", "text/plain; charset=UTF-8", 200),
        ("MESSAGE", "Text/HTML", 200),
        ("MESSAGE", "image/gif", 415),
        ("MESSAGE", "", 415),
        ("INFO", "application/xml", 200),
        ("OPTIONS", "", 200),
        ("INVITE", "application/sdp", 488),
        ("UPDATE", "", 405),
        ("REFER", "", 405),
        ("CANCEL", "", 481),
    ] {
        cseq += 1;
        assert_eq!(says(&mut w, &invite, "server", method, cseq, content_type), want, "{method} {content_type}");
    }
    assert_eq!(says(&mut w, &invite, "server", "MESSAGE", 1, "text/plain"), 500, "older than what was heard");
    assert_eq!(says(&mut w, &invite, "server", "REFER", 9, ""), 405, "the same again");
    assert_eq!(says(&mut w, &invite, "other", "BYE", 20, ""), 481, "not this dialog");
    assert_eq!(told(&mut w), "+");
    assert_eq!(says(&mut w, &invite, "server", "BYE", 21, ""), 200);
    assert_eq!(says(&mut w, &invite, "server", "BYE", 21, ""), 200, "the same again");
    assert_eq!(says(&mut w, &invite, "server", "BYE", 22, ""), 481);
    // The worker has the link: closing the conversation is no answer.
    assert_eq!((told(&mut w), methods(&mut w)), ("".into(), vec![]));
    w.live(40_000);
    assert_eq!(w.side.legs(), 0);
}

#[test]
fn a_conversation_closed_before_the_link_was_there_is_a_no() {
    let (mut w, invite) = asked(true);
    taken(&mut w, &invite);
    let window = w.next();
    w.answer(&window, 180, |_| {});
    assert_eq!(says(&mut w, &invite, "server", "BYE", 1, ""), 200);
    assert_eq!((told(&mut w), methods(&mut w)), ("+-".into(), vec![Method::Cancel]));
}

#[test]
fn a_lost_connection_loses_what_was_not_delivered() {
    let (mut w, invite) = asked(true);
    w.answer(&invite, 180, |_| {});
    w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    assert_eq!(told(&mut w), "!L");
    assert_eq!(w.side.legs(), 0);
    let (mut w, invite) = asked(false);
    taken(&mut w, &invite);
    w.event(SIP0, UcEvent::Closed { why: CloseCause::Reset });
    assert_eq!((told(&mut w), w.side.legs()), ("+L".into(), 0), "the worker has the link");
    w.uninvite(OFFER);
    assert!(w.side.invitations().is_empty());
    // What cannot be sent now is told at once.
    w.invite(ALICE, OFFER, letter(false));
    assert_eq!(told(&mut w), "");
    w.run(0);
    assert_eq!(told(&mut w), "!");
}

#[test]
fn conversations_are_bounded() {
    let mut c = config(2);
    c.preview.invite.invitations_max = 3;
    let (mut w, _) = World::subscribed(c);
    for n in 0..5 {
        w.invite(ALICE, OfferId(100 + n), letter(false));
    }
    w.run(0);
    assert_eq!(methods(&mut w).len(), 3);
    assert_eq!(w.facts().len(), 2);
    assert_eq!(w.notes.iter().filter(|note| alloc::format!("{note}").contains("invitations_max")).count(), 2);
}

#[test]
fn a_stop_ends_conversations_before_the_connection() {
    let (mut w, invite) = asked(false);
    taken(&mut w, &invite);
    told(&mut w);
    w.drain();
    w.run(0);
    let bye = w.sent.iter().position(|(_, msg)| msg.method == Method::Bye).expect("BYE");
    assert_eq!(bye, 0);
    for _ in 0..4 {
        let Some((_, msg)) = w.sent.pop_front() else { break };
        w.answer(&msg, 200, |_| {});
    }
    w.live(40_000);
    assert!(w.side.is_drained());
}
