//! Publications, bytes in and bytes out: versions, conflicts, lifetimes, who is told and who may.
use super::*;
use crate::peers::xml::escape;

const BOB: &str = "sip:bob@contoso.example";
const WATCHER: &str = "sip:watcher@contoso.example";
const UUIDS: [&str; 3] = ["4b1682a8-f968-5701-83fc-7c6741dc6697", "386cc384-0992-51fd-b607-a9d62753a145", "b7878522-d7fe-5c33-b30d-265f6618ae78"];

/// A pool with Bob, somebody who watches him (connection 1), and endpoints that speak as Bob (epid `e0`, `e1`, ...).
struct Desk {
    pool: FrontEnd,
    now: Mono,
    requests: u32,
}

impl Desk {
    fn new(config: FrontEndConfig) -> Self {
        let mut pool = FrontEnd::new(config);
        pool.add_user(BOB);
        for conn in 1..=4 {
            pool.accept(Mono(0), 0, conn);
        }
        let mut it = Self { pool, now: Mono(1000), requests: 0 };
        let body = format!(
            "<batchSub xmlns=\"http://schemas.microsoft.com/2006/01/sip/batch-subscribe\" uri=\"{WATCHER}\" name=\"\"><action name=\"subscribe\" id=\"1\"><adhocList><resource uri=\"{BOB}\"/></adhocList>\
             <categoryList xmlns=\"http://schemas.microsoft.com/2006/09/sip/categorylist\"><category name=\"note\"/><category name=\"state\"/></categoryList></action></batchSub>"
        );
        let headers = "Event: presence\r\nSupported: ms-piggyback-first-notify, ms-benotify\r\nRequire: adhoclist, categoryList\r\nContent-Type: application/msrtc-adrl-categorylist+xml\r\n";
        assert!(it.request(1, "SUBSCRIBE", WATCHER, WATCHER, "w", headers, &body)[0].1.starts_with("SIP/2.0 200"));
        it
    }

    /// What the pool sent, by connection.
    fn drain(&mut self) -> Vec<(u64, String)> {
        let mut seen = Vec::new();
        while let Some(out) = self.pool.poll() {
            if let PeerOut::Send { conn, bytes } = out {
                seen.push((conn, String::from_utf8(bytes).unwrap()));
            }
        }
        seen
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one request")]
    fn request(&mut self, conn: u64, method: &str, uri: &str, from: &str, epid: &str, headers: &str, body: &str) -> Vec<(u64, String)> {
        self.requests += 1;
        let (n, uuid) = (self.requests, UUIDS[epid.as_bytes().last().map_or(0, |b| usize::from(*b)) % 3]);
        let to = if method == "REGISTER" { from } else { uri };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS 198.51.100.20:55117;branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\nFrom: <{from}>;epid={epid};tag=t{epid}\r\nTo: <{to}>\r\n\
             Call-ID: c{n}\r\nCSeq: {n} {method}\r\nContact: <sip:198.51.100.20:55117;transport=tls;ms-opaque=2f>;+sip.instance=\"<urn:uuid:{uuid}>\"\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.pool.receive(self.now, conn, text.as_bytes());
        self.drain()
    }

    fn register(&mut self, conn: u64, epid: &str, more: &str) -> String {
        let headers = format!("Event: registration\r\nSupported: gruu-10, adhoclist, msrtc-event-categories\r\n{more}");
        let mut answers = self.request(conn, "REGISTER", "sip:contoso.example", BOB, epid, &headers, "");
        answers.remove(0).1
    }

    /// Subscribes to Bob's own data; the answer.
    fn follow(&mut self, conn: u64, epid: &str) -> String {
        let headers = "Event: vnd-microsoft-roaming-self\r\nSupported: ms-benotify\r\nSupported: ms-piggyback-first-notify\r\nContent-Type: application/vnd-microsoft-roaming-self+xml\r\n";
        let body = "<roamingList xmlns=\"http://schemas.microsoft.com/2006/09/sip/roaming-self\"><roaming type=\"categories\"/><roaming type=\"containers\"/></roamingList>";
        self.request(conn, "SUBSCRIBE", BOB, BOB, epid, headers, body).remove(0).1
    }

    fn publish(&mut self, conn: u64, epid: &str, publications: &[String]) -> Vec<(u64, String)> {
        let body = format!(
            "<publish xmlns=\"http://schemas.microsoft.com/2006/09/sip/rich-presence\"><publications uri=\"{BOB}\">{}</publications></publish>",
            publications.concat()
        );
        self.request(conn, "SERVICE", BOB, BOB, epid, "Content-Type: application/msrtc-category-publish+xml\r\n", &body)
    }

    fn seen(&self) -> (Option<u32>, Activity) {
        let presence = self.pool.presence(BOB).unwrap();
        (presence.availability, presence.activity.clone())
    }

    fn wake(&mut self, at: u64) -> Vec<(u64, String)> {
        self.now = Mono(at);
        self.pool.wake(self.now);
        self.drain()
    }
}

/// A state in one container.
fn state(instance: u32, container: u32, version: u32, expire: &str, kind: &str, availability: u32, text: &str) -> String {
    let activity = if text.is_empty() { String::new() } else { format!("<activity><custom LCID=\"1033\">{}</custom></activity>", escape(text)) };
    format!(
        "<publication categoryName=\"state\" instance=\"{instance}\" container=\"{container}\" version=\"{version}\" {expire}><state xmlns=\"http://schemas.microsoft.com/2006/09/sip/state\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" manual=\"true\" xsi:type=\"{kind}\"><availability>{availability}</availability>{activity}</state></publication>"
    )
}

fn acw(version: u32, expire: &str) -> [String; 2] {
    [2, 3].map(|container| state(TIMED_USER_STATE, container, version, expire, "userState", 6500, "After call work"))
}

fn delete(instance: u32, version: u32) -> [String; 2] {
    [2, 3].map(|c| {
        format!("<publication categoryName=\"state\" instance=\"{instance}\" container=\"{c}\" version=\"{version}\" expireType=\"time\" expires=\"0\"/>")
    })
}

fn on(conn: u64, seen: &[(u64, String)]) -> Vec<&str> {
    seen.iter().filter(|(c, _)| *c == conn).map(|(_, text)| text.as_str()).collect()
}

const TIMED: &str = "expireType=\"time\" expires=\"900\"";
const STATIC: &str = "expireType=\"static\"";
const ENDPOINT: &str = "expireType=\"endpoint\"";

#[test]
fn an_override_is_published_seen_told_and_withdrawn() {
    let mut d = Desk::new(FrontEndConfig::default());
    d.pool.set_presence(d.now, BOB, 3500, Activity::None, Some("in the office"));
    d.drain();
    assert!(d.register(2, "e0", "").starts_with("SIP/2.0 200"));
    let table = d.follow(2, "e0");
    assert!(table.contains("ms-piggyback-cseq: 1\r\n") && table.contains("Event: vnd-microsoft-roaming-self\r\n"), "{table}");
    assert!(table.contains("<category name=\"state\" instance=\"536870912\" ") && table.contains("<container id=\"300\" version=\"0\">"), "{table}");
    assert!(table.contains("instance=\"1\" publishTime=\"2026-01-05T08:00:01.000\" container=\"200\" version=\"1\" expireType=\"user\""), "{table}");

    let seen = d.publish(2, "e0", &acw(0, TIMED));
    let answer = on(2, &seen)[0];
    assert!(answer.starts_with("SIP/2.0 200") && answer.contains("application/vnd-microsoft-roaming-self+xml"), "{answer}");
    assert_eq!(answer.matches("instance=\"603979776\"").count(), 2);
    assert!(answer.contains("container=\"3\" version=\"1\" expireType=\"time\" expires=\"900\"") && answer.contains("xsi:type=\"aggregateState\""), "{answer}");
    let told = on(1, &seen);
    assert!(told.len() == 1 && told[0].contains("<availability>6500</availability>") && told[0].contains(">After call work</custom>"), "{told:?}");
    let own = on(2, &seen)[1];
    assert!(own.starts_with("BENOTIFY ") && own.contains("Event: vnd-microsoft-roaming-self\r\n") && own.contains("CSeq: 2 BENOTIFY"), "{own}");
    assert_eq!(d.seen(), (Some(6500), Activity::Custom("After call work".to_owned())));
    let record = d.pool.next_published().unwrap();
    assert_eq!((record.uri.as_str(), record.epid.as_str(), record.changes.len()), (BOB, "e0", 2));

    let seen = d.publish(2, "e0", &delete(TIMED_USER_STATE, 1));
    assert!(on(1, &seen)[0].contains("<availability>3500</availability>"), "{seen:?}");
    assert!(!on(2, &seen)[1].contains("instance=\"603979776\"") && on(2, &seen)[1].contains("instance=\"536870912\""), "the category whole: {seen:?}");
    d.pool.set_note(d.now, BOB, "");
    assert!(on(2, &d.drain())[0].contains("<category name=\"note\"/>"));
    d.pool.config_mut().tell_single_instances = true;
    d.publish(2, "e0", &acw(0, TIMED));
    let seen = d.publish(2, "e0", &delete(TIMED_USER_STATE, 1));
    assert!(on(2, &seen)[1].contains("instance=\"603979776\" publishTime=\"2026-01-05T08:00:01.000\" container=\"2\" version=\"0\"/>"), "{seen:?}");
    assert!(!on(2, &seen)[1].contains("instance=\"536870912\""), "{seen:?}");
    assert_eq!((d.seen().0, d.pool.presence(BOB).unwrap().note.as_str()), (Some(3500), ""));
    assert_eq!((d.pool.counts().services, d.pool.counts().services_applied, d.pool.violations().len()), (4, 4, 0));
}

#[test]
fn versions_conflict_all_or_nothing() {
    let mut d = Desk::new(FrontEndConfig::default());
    d.pool.set_presence(d.now, BOB, 3500, Activity::None, None);
    d.register(2, "e0", "");
    d.publish(2, "e0", &acw(0, TIMED));
    let mixed = [state(TIMED_USER_STATE, 2, 1, TIMED, "userState", 9500, ""), state(TIMED_USER_STATE, 3, 0, TIMED, "userState", 6900, "")];
    let conflict = d.publish(2, "e0", &mixed).remove(0).1;
    assert!(conflict.starts_with("SIP/2.0 409 Conflict\r\n") && conflict.contains("Content-Type: application/msrtc-fault+xml\r\n"), "{conflict}");
    assert!(conflict.contains("<operation index=\"2\" version=\"0\" curVersion=\"1\" >") && !conflict.contains("index=\"1\""), "{conflict}");
    assert_eq!(d.seen().0, Some(6500));
    // What does not exist has version 0; taking it away is nothing.
    assert!(d.publish(2, "e0", &delete(USER_STATE + 7, 0))[0].1.starts_with("SIP/2.0 200"));
    assert!(d.publish(2, "e0", &delete(TIMED_USER_STATE, 3))[0].1.contains("version=\"3\" curVersion=\"1\""));
    d.pool.faults.service_conflict_pm = 1000;
    assert!(d.publish(2, "e0", &delete(TIMED_USER_STATE, 1))[0].1.contains("version=\"1\" curVersion=\"2\""));
    assert_eq!((d.pool.counts().services_conflicting, d.pool.violations().len()), (3, 0));
}

#[test]
fn the_users_own_choice_is_told_to_the_endpoint_that_acts_for_them() {
    let mut d = Desk::new(FrontEndConfig { echo_to_publisher: false, answer_with_table: false, ..FrontEndConfig::default() });
    d.pool.set_presence(d.now, BOB, 3500, Activity::None, None);
    d.register(2, "e0", "");
    d.follow(2, "e0");
    d.drain();
    let seen = d.publish(2, "e0", &acw(0, TIMED));
    assert!(on(2, &seen).len() == 1 && on(2, &seen)[0].contains("Content-Length: 0"), "{seen:?}");
    // Idleness and a call do not touch the choice; the aggregate keeps our text.
    d.pool.publish_state(d.now, BOB, Source::Machine, Some((5000, Activity::None)));
    assert_eq!(d.seen(), (Some(7500), Activity::Custom("After call work".to_owned())));
    let told = d.drain();
    assert!(on(2, &told)[0].contains("instance=\"536870912\" publishTime=\"2026-01-05T08:00:01.000\" container=\"2\" version=\"1\""), "{told:?}");
    d.pool.publish_state(d.now, BOB, Source::User, Some((15_500, Activity::None)));
    let told = d.drain();
    assert!(on(2, &told)[0].contains("instance=\"536870912\" publishTime=\"2026-01-05T08:00:01.000\" container=\"2\" version=\"2\""), "{told:?}");
    assert_eq!(d.seen(), (Some(15_500), Activity::None));
    d.pool.publish_state(d.now, BOB, Source::User, None);
    assert_eq!(d.seen().0, Some(7500), "without a choice of the user the override shows again");
}

#[test]
fn lifetimes() {
    let mut d = Desk::new(FrontEndConfig { register_expires_s: 600, ..FrontEndConfig::default() });
    d.register(2, "e0", "");
    d.register(3, "e1", "");
    let machine = |n: u32, version| [2, 3].map(|c| state(0x3000_0010 + n, c, version, ENDPOINT, "machineState", 3500, ""));
    d.publish(2, "e0", &machine(0, 0));
    d.publish(3, "e1", &machine(1, 0));
    d.publish(3, "e1", &[state(0x1234, 2, 0, "expireType=\"user\"", "calendarState", 3500, "")]);
    d.publish(2, "e0", &acw(0, "expireType=\"time\" expires=\"30\""));
    assert_eq!((d.seen().0, d.pool.next_deadline()), (Some(6500), Some(Mono(31_000))));
    assert!(on(1, &d.wake(31_000))[0].contains("<availability>3500"));
    assert!(d.register(2, "e0", "Expires: 0\r\n").contains("Expires: 0\r\n"));
    assert_eq!((d.pool.publications(BOB).count(), d.seen().0), (3, Some(3500)));
    let told = d.wake(601_000);
    assert!(on(1, &told)[0].contains("<availability>18500"), "{told:?}");
    assert_eq!((d.pool.publications(BOB).count(), d.pool.is_registered(BOB)), (0, false));
    assert_eq!(d.pool.violations().len(), 0);
}

#[test]
fn a_dead_server_leaves_its_endpoints_publications_for_a_while() {
    let mut d = Desk::new(FrontEndConfig::default());
    d.register(2, "e0", "");
    d.publish(2, "e0", &[2, 3].map(|c| state(0x3000_0010, c, 0, ENDPOINT, "machineState", 3500, "")));
    d.pool.kill(0);
    assert_eq!((d.seen().0, d.pool.next_deadline()), (Some(3500), Some(Mono(601_000))));
    d.pool.accept(Mono(1000), 1, 9);
    d.register(9, "e0", "");
    d.now = Mono(500_000);
    d.register(9, "e0", "");
    d.wake(601_000);
    assert_eq!(d.seen().0, Some(3500), "the endpoint came back");
    d.pool.registration_event(Some(BOB), RegistrationEventKind::Unregistered);
    d.wake(601_001);
    assert_eq!(d.seen().0, Some(18_500));
}

#[test]
fn who_may_publish() {
    let mut d = Desk::new(FrontEndConfig::default());
    d.pool.set_presence(d.now, BOB, 3500, Activity::None, None);
    d.drain();
    let code = |answers: Vec<(u64, String)>| answers[0].1[8..11].to_owned();
    assert_eq!(code(d.publish(2, "e0", &acw(0, TIMED))), "403", "not registered");
    d.pool.config_mut().ways.unregistered = true;
    assert_eq!(code(d.publish(2, "e0", &acw(0, TIMED))), "200");
    assert_eq!(code(d.publish(2, "e0", &acw(1, ENDPOINT))), "400", "bound to no endpoint");
    assert_eq!(d.pool.violations().len(), 1);
    d.pool.set_trusted(2, false);
    assert_eq!(code(d.publish(2, "e0", &acw(1, TIMED))), "403", "an ordinary client without a registration");
    d.register(2, "e0", "");
    assert_eq!(code(d.publish(2, "e0", &acw(1, TIMED))), "200");
    d.pool.refuse_publications(BOB, Some(480));
    assert_eq!(code(d.publish(2, "e0", &acw(2, TIMED))), "480");
    d.pool.refuse_publications(BOB, None);
    let long = [state(USER_STATE, 2, 1, STATIC, "userState", 6500, &"x".repeat(30_000))];
    assert_eq!(code(d.publish(2, "e0", &long)), "413");
    let foreign = "sip:carol@contoso.example";
    let answer = d.request(2, "SERVICE", foreign, BOB, "e0", "Content-Type: application/msrtc-category-publish+xml\r\n", "<x/>");
    assert_eq!(code(answer), "403");
    let nobody = "sip:nobody@contoso.example";
    assert_eq!(code(d.request(2, "SERVICE", nobody, nobody, "e0", "Content-Type: application/msrtc-category-publish+xml\r\n", "<x/>")), "404");
    assert_eq!(d.pool.violations().len(), 1, "{:?}", d.pool.violations());
}

#[test]
fn containers_decide_what_a_watcher_sees() {
    let mut d = Desk::new(FrontEndConfig::default());
    d.register(2, "e0", "");
    d.publish(2, "e0", &[2, 3].map(|c| state(0x3000_0010, c, 0, ENDPOINT, "machineState", 3500, "")));
    let urgent =
        state(USER_STATE, 3, 0, STATIC, "userState", 6900, "").replace("</availability>", "</availability><activity token=\"urgent-interruptions-only\"/>");
    d.publish(2, "e0", &[state(USER_STATE, 2, 0, STATIC, "userState", 9500, ""), urgent]);
    let sees = |d: &Desk, who: &str| d.pool.seen_by(who, BOB).map(|p| (p.availability.unwrap_or(0), p.activity)).unwrap();
    assert_eq!(sees(&d, WATCHER), (9500, Activity::None));
    assert_eq!(sees(&d, "sip:x@other.example"), (9500, Activity::None));
    let members = |version| {
        format!(
            "<setContainerMembers xmlns=\"http://schemas.microsoft.com/2006/09/sip/container-management\"><container id=\"300\" version=\"{version}\"><member action=\"add\" type=\"user\" value=\"watcher@contoso.example\"/></container></setContainerMembers>"
        )
    };
    let headers = "Content-Type: application/msrtc-setcontainermembers+xml\r\n";
    let done = d.request(2, "SERVICE", BOB, BOB, "e0", headers, &members(0));
    assert!(
        done[0].1.starts_with("SIP/2.0 200") && on(1, &done)[0].contains("<availability>6900</availability><activity token=\"urgent-interruptions-only\" />"),
        "{done:?}"
    );
    assert!(d.request(2, "SERVICE", BOB, BOB, "e0", headers, &members(0))[0].1.contains("version=\"0\" curVersion=\"1\""));
    assert_eq!(sees(&d, WATCHER).0, 6900);
    d.pool.set_member(d.now, BOB, 32_000, WATCHER, true);
    assert!(d.drain()[0].1.contains("<availability>18500"));
    assert_eq!(d.pool.violations().len(), 0);
}

#[test]
fn a_call_by_pidf() {
    let mut d = Desk::new(FrontEndConfig::default());
    d.pool.set_presence(d.now, BOB, 3500, Activity::None, None);
    d.drain();
    let body = format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:ep=\"urn:ietf:params:xml:ns:pidf:status:rpid-status\" entity=\"{BOB}\"><tuple id=\"0\"><status><basic>open</basic>\
         <ep:activities><ep:activity>on-the-phone</ep:activity></ep:activities></status></tuple></presence>"
    );
    let send = |d: &mut Desk, more: &str, body: &str| {
        let typed = if body.is_empty() { "" } else { "Content-Type: application/pidf+xml\r\n" };
        d.request(2, "PUBLISH", BOB, BOB, "", &format!("Event: presence\r\n{more}{typed}"), body)
    };
    let tag = |answer: &str| answer.split("SIP-ETag: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
    let seen = send(&mut d, "Expires: 600\r\n", &body);
    assert!(seen[0].1.starts_with("SIP/2.0 200") && seen[0].1.contains("Expires: 600\r\n"), "{}", seen[0].1);
    assert!(on(1, &seen)[0].contains("<availability>6500</availability><activity token=\"on-the-phone\" />"), "{seen:?}");
    let first = tag(&seen[0].1);
    d.wake(400_000);
    let refreshed = send(&mut d, &format!("Expires: 600\r\nSIP-If-Match: {first}\r\n"), "");
    assert!(send(&mut d, &format!("SIP-If-Match: {first}\r\n"), "")[0].1.starts_with("SIP/2.0 412"));
    d.wake(700_000);
    assert_eq!(d.seen().0, Some(6500));
    let ended = send(&mut d, &format!("Expires: 0\r\nSIP-If-Match: {}\r\n", tag(&refreshed[0].1)), "");
    assert!(on(1, &ended)[0].contains("<availability>3500"), "{ended:?}");
    let last = send(&mut d, "Expires: 600\r\n", &body);
    assert!(last[0].1.starts_with("SIP/2.0 200"));
    assert!(on(1, &d.wake(1_300_000))[0].contains("<availability>3500"));
    assert!(send(&mut d, "Expires: 5\r\n", &body)[0].1.contains("Min-Expires: 60\r\n"));
    d.pool.set_trusted(2, false);
    assert!(send(&mut d, "", &body)[0].1.starts_with("SIP/2.0 403"));
    assert_eq!((d.pool.counts().publishes, d.pool.violations().len()), (7, 0));
}

#[test]
fn two_endpoints_may_choose_the_same_call_id_and_tag() {
    let mut d = Desk::new(FrontEndConfig::default());
    let carol = "sip:carol@contoso.example";
    d.pool.add_user(carol);
    d.pool.config_mut().ways.unregistered = true;
    let mut follow = |uri: &str, n: u32, to_tag: &str, more: &str| {
        let text = format!(
            "SUBSCRIBE {uri} SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\nFrom: <{uri}>;epid=e;tag=same\r\nTo: <{uri}>{to_tag}\r\nCall-ID: same\r\nCSeq: {n} SUBSCRIBE\r\n\
             Contact: <sip:198.51.100.20:55117>\r\nEvent: vnd-microsoft-roaming-self\r\n{more}Content-Length: 0\r\n\r\n"
        );
        d.pool.receive(d.now, 3, text.as_bytes());
        d.drain().remove(0).1
    };
    let bobs = follow(BOB, 1, "", "");
    let tag = bobs.split("To: ").nth(1).unwrap().split('>').nth(1).unwrap().split("\r\n").next().unwrap();
    assert!(follow(carol, 1, "", "").starts_with("SIP/2.0 200"));
    assert!(follow(BOB, 1, "", "").starts_with("SIP/2.0 400"), "the same endpoint once more");
    assert!(follow(BOB, 2, tag, "Expires: 0\r\n").contains("terminated;expires=0"));
    assert_eq!((d.pool.self_subscriptions_of(BOB), d.pool.self_subscriptions_of(carol)), (0, 1));
    assert_eq!(d.pool.violations().len(), 1);
}

#[test]
fn a_followers_lost_connection_is_made_good() {
    let mut d = Desk::new(FrontEndConfig::default());
    d.register(2, "e0", "");
    let ok = d.follow(2, "e0");
    let (tag, call_id) = (ok.split("To: ").nth(1).unwrap().split("tag=").nth(1).unwrap().split("\r\n").next().unwrap().to_owned(), "c3");
    assert!(ok.contains(&format!("Call-ID: {call_id}\r\n")), "{ok}");
    d.pool.disconnected(d.now, 2);
    d.pool.publish_state(d.now, BOB, Source::User, Some((6500, Activity::None)));
    assert_eq!((d.pool.self_subscriptions_of(BOB), d.drain().len()), (0, 1));
    let text = format!(
        "SUBSCRIBE {BOB} SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKr\r\nMax-Forwards: 70\r\nFrom: <{BOB}>;epid=e0;tag=te0\r\nTo: <{BOB}>;tag={tag}\r\nCall-ID: {call_id}\r\nCSeq: 50 SUBSCRIBE\r\n\
         Contact: <sip:198.51.100.20:55117>\r\nEvent: vnd-microsoft-roaming-self\r\nSupported: ms-piggyback-first-notify\r\nContent-Length: 0\r\n\r\n"
    );
    d.pool.receive(d.now, 3, text.as_bytes());
    let answers = d.drain();
    assert!(
        answers[0].1.starts_with("SIP/2.0 200") && answers[0].1.contains("instance=\"536870912\"") && answers[0].1.contains("ms-piggyback-cseq: 2"),
        "{answers:?}"
    );
    assert_eq!((answers.len(), d.pool.self_subscriptions_of(BOB)), (1, 1));
    let ended = text.replace("CSeq: 50", "CSeq: 51").replace("Supported: ms-piggyback-first-notify\r\n", "Expires: 0\r\n");
    d.pool.receive(d.now, 3, ended.as_bytes());
    assert!(d.drain()[0].1.contains("subscription-state: terminated;expires=0"));
    assert_eq!((d.pool.self_subscriptions_of(BOB), d.pool.violations().len()), (0, 0));
}
