//! PUBLISH with PIDF to a Front End (`spec/ms-pres.md` 6.8, way B).
use super::*;
use crate::codec::sip::encode_request;

fn sent(s: &mut Server) -> (SipRequest, String) {
    let msg = s.take();
    let mut out = Vec::new();
    encode_request(&msg, &s.w.directory, &mut out);
    (msg, String::from_utf8(out).unwrap())
}

#[test]
fn on_the_phone_and_not() {
    let mut s = Server::new(publishing(1, PublishWay::Pidf));
    s.command(Some(0));
    let (msg, text) = sent(&mut s);
    assert!(text.starts_with("PUBLISH sip:user0@contoso.example SIP/2.0\r\n") && text.contains("From: <sip:user0@contoso.example>;tag="), "{text}");
    assert!(text.contains("Event: presence\r\n") && text.contains("Expires: 3600\r\n") && !text.contains("SIP-If-Match"), "{text}");
    assert!(text.contains("rpid-status") && text.contains("<ep:activity>on-the-phone</ep:activity>"), "{text}");
    s.w.answer(&msg, 200, |r| (r.etag, r.expires_s) = (Some("2545777538-1-1"), Some(600)));
    assert_eq!(s.said(), ["published 0 Some(0)"]);
    assert_eq!(s.w.side.publisher(ALICE).unwrap().stands, Some(0));
    s.pass(295_000);
    s.w.run(5_000);
    let (msg, text) = sent(&mut s);
    assert!(text.contains("SIP-If-Match: 2545777538-1-1\r\n") && text.ends_with("Content-Length: 0\r\n\r\n"), "{text}");
    s.w.answer(&msg, 200, |r| (r.etag, r.expires_s) = (Some("2545777538-2-1"), Some(600)));
    s.command(None);
    let (msg, text) = sent(&mut s);
    assert!(text.contains("SIP-If-Match: 2545777538-2-1\r\n") && text.contains("Expires: 0\r\n"), "{text}");
    s.w.answer(&msg, 200, |_| {});
    assert_eq!(s.said(), ["published 0 None"]);
}

#[test]
fn the_way_changes_while_something_stands() {
    let mut s = Server::new(publishing(1, PublishWay::Pidf));
    s.command(Some(0));
    let (msg, _) = sent(&mut s);
    s.w.answer(&msg, 200, |r| (r.etag, r.expires_s) = (Some("1"), Some(600)));
    s.said();
    s.w.reconfigure(publishing(1, LEAVE));
    s.w.run(0);
    assert_eq!(s.serve(), ["published 0 Some(0)"]);
    assert_eq!(s.asked(), "other other register subscribe service");
    assert!(s.table.contains_key(&Key::Timed2));
    s.w.reconfigure(publishing(1, PublishWay::Pidf));
    s.w.run(0);
    s.serve();
    assert_eq!(s.asked(), "service unsubscribe leave other");
    assert!(s.table.is_empty());
}
