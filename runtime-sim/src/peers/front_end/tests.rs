//! Conversations with the pool, bytes in and bytes out, taken apart by hand.
use super::*;

const WATCHER: &str = "sip:watcher@contoso.example";

/// A client that writes requests by hand.
struct Client {
    pool: FrontEnd,
    now: Mono,
    seen: Vec<String>,
    closed: Vec<u64>,
    requests: u32,
    answer: bool,
}

impl Client {
    fn new(config: FrontEndConfig) -> Self {
        let mut pool = FrontEnd::new(config);
        pool.add_user("sip:alice@contoso.example");
        pool.set_presence(Mono(0), "sip:bob@contoso.example", 6500, Activity::token("on-the-phone"), Some("at <work>"));
        pool.accept(Mono(1000), 0, 1);
        Self { pool, now: Mono(1000), seen: Vec::new(), closed: Vec::new(), requests: 0, answer: true }
    }

    /// Collects what the pool sends; answers each NOTIFY as the standard wants.
    fn drain(&mut self) -> Vec<String> {
        while let Some(out) = self.pool.poll() {
            match out {
                PeerOut::Send { conn, bytes } => {
                    let text = String::from_utf8(bytes).unwrap();
                    if self.answer && text.starts_with("NOTIFY") {
                        self.pool.receive(self.now, conn, ok_to(&text, "200 OK").as_bytes());
                    }
                    self.seen.push(text);
                }
                PeerOut::Close { conn } => self.closed.push(conn),
            }
        }
        std::mem::take(&mut self.seen)
    }

    fn request(&mut self, conn: u64, method: &str, uri: &str, to: &str, headers: &str, body: &str) -> Vec<String> {
        self.requests += 1;
        let n = self.requests;
        let typed = if body.is_empty() { "" } else { "Content-Type: application/msrtc-adrl-categorylist+xml\r\n" };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS 198.51.100.20:55117;branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\nFrom: <{WATCHER}>;epid=56b4641a00;tag=f30acb63\r\n\
             To: {to}\r\nCSeq: {n} {method}\r\nContact: <sip:198.51.100.20:55117;transport=tls;ms-opaque=2f9a51c0d7;grid>;+sip.instance=\"<urn:uuid:4b1682a8-f968-5701-83fc-7c6741dc6697>\"\r\n\
             {headers}{typed}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.pool.receive(self.now, conn, text.as_bytes());
        self.drain()
    }

    fn subscribe(&mut self, users: &[&str], more: &str) -> Vec<String> {
        let headers = format!(
            "Call-ID: s1\r\nEvent: presence\r\nSupported: ms-piggyback-first-notify\r\nSupported: eventlist\r\nRequire: adhoclist, categoryList\r\n{more}"
        );
        self.request(1, "SUBSCRIBE", WATCHER, &format!("<{WATCHER}>"), &headers, &batch("subscribe", users))
    }

    fn in_dialog(&mut self, conn: u64, tag: &str, more: &str, body: &str) -> Vec<String> {
        let headers = format!("Call-ID: s1\r\nEvent: presence\r\nSupported: ms-piggyback-first-notify\r\n{more}");
        self.request(conn, "SUBSCRIBE", WATCHER, &format!("<{WATCHER}>;tag={tag}"), &headers, body)
    }

    fn assert_no_violation(&self) {
        assert_eq!(self.pool.violations(), &[] as &[String]);
    }
}

fn batch(action: &str, users: &[&str]) -> String {
    let resources: String = users.iter().map(|u| format!("<resource uri=\"sip:{u}\"/>")).collect();
    format!(
        "<batchSub xmlns=\"http://schemas.microsoft.com/2006/01/sip/batch-subscribe\" uri=\"{WATCHER}\" name=\"\"><action name=\"{action}\" id=\"63792024\"><adhocList>{resources}</adhocList>\
         <categoryList xmlns=\"http://schemas.microsoft.com/2006/09/sip/categorylist\"><category name=\"note\"/><category name=\"state\"/></categoryList></action></batchSub>"
    )
}

fn ok_to(request: &str, status: &str) -> String {
    let (head, _) = request.trim_start().split_once("\r\n\r\n").unwrap();
    let keep = head.split("\r\n").filter(|l| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|n| l.starts_with(n)));
    format!("SIP/2.0 {status}\r\n{}\r\nContent-Length: 0\r\n\r\n", keep.collect::<Vec<_>>().join("\r\n"))
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    text.split("\r\n").find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

fn tag_of(ok: &str) -> String {
    header(ok, "To").split("tag=").nth(1).unwrap().to_owned()
}

#[test]
fn register_subscribe_notify() {
    let mut c = Client::new(FrontEndConfig::default());
    let headers = "Call-ID: r1\r\nEvent: registration\r\nSupported: gruu-10, adhoclist, msrtc-event-categories\r\nms-keep-alive: UAC;hop-hop=yes\r\n";
    let ok = c.request(1, "REGISTER", "sip:contoso.example", &format!("<{WATCHER}>"), headers, "");
    assert!(ok[0].starts_with("SIP/2.0 200 OK\r\n"), "{}", ok[0]);
    assert!(ok[0].contains("gruu=\"sip:watcher@contoso.example;opaque=user:epid:qIIWS2j5AVeD_HxnQdxmlwAA;gruu\""), "{}", ok[0]);
    assert_eq!((header(&ok[0], "Expires"), header(&ok[0], "CSeq")), ("600", "1 REGISTER"));
    assert!(header(&ok[0], "ms-keep-alive").ends_with("timeout=300"));

    let ok = c.subscribe(&["alice@contoso.example", "bob@contoso.example", "nobody@contoso.example"], "");
    assert_eq!(ok.len(), 1);
    assert!(header(&ok[0], "Content-Type").starts_with("multipart/related;type=\"application/rlmi+xml\";start=resourceList;boundary="), "{}", ok[0]);
    assert_eq!(header(&ok[0], "ms-piggyback-cseq"), "1");
    assert!(ok[0].contains("<resource uri=\"sip:nobody@contoso.example\"><instance id=\"0\" state=\"terminated\" reason=\"noresource\"/></resource>"));
    assert!(ok[0].contains("<availability>6500</availability><activity token=\"on-the-phone\" />"));
    assert!(ok[0].contains("at &lt;work&gt;</body>"));
    assert!(ok[0].contains("uri=\"sip:alice@contoso.example\"><category name=\"state\"/><category name=\"note\"/></categories>"), "{}", ok[0]);

    c.pool.set_presence(c.now + 5, "sip:alice@contoso.example", 3500, Activity::None, None);
    let notify = c.drain().remove(0);
    let (head, body) = notify.split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = head.split("\r\n").collect();
    assert!(lines[0].starts_with("NOTIFY sip:198.51.100.20:55117;ms-received-cid=") && lines[0].ends_with(";grid SIP/2.0"), "{}", lines[0]);
    assert!(
        lines[1].starts_with("Via: SIP/2.0/TLS 192.168.92.74:5061;branch=z9hG4bK") && lines[1].contains(",SIP/2.0/TLS 192.168.92.75:56267;branch="),
        "{}",
        lines[1]
    );
    assert_eq!(header(head, "To"), format!("<{WATCHER}>;epid=56b4641a00;tag=f30acb63"));
    assert_eq!(header(head, "From"), format!("<{WATCHER}>;tag={}", tag_of(&ok[0])));
    assert_eq!((header(head, "CSeq"), header(head, "Require"), header(head, "Max-Forwards")), ("2 NOTIFY", "eventlist", "69"));
    assert_eq!(header(head, "Content-Length"), body.len().to_string());
    assert!(body.contains("publishTime=\"2026-01-05T08:00:01.005\""), "{body}");
    assert_eq!(c.pool.counts().notifies_confirmed, 1);
    assert_eq!((c.pool.notifies_in_flight(), c.pool.subscriptions_of("sip:ALICE@contoso.example", false)), (0, 1));
    c.assert_no_violation();
}

#[test]
fn add_remove_refresh_end() {
    let mut c = Client::new(FrontEndConfig::default());
    let tag = tag_of(&c.subscribe(&["alice@contoso.example"], "")[0]);
    let added = c.in_dialog(1, &tag, "", &batch("subscribe", &["bob@contoso.example"]));
    assert!(added[0].contains("<availability>6500") && !added[0].contains("alice@"), "{}", added[0]);
    let removed = c.in_dialog(1, &tag, "", &batch("unsubscribe", &["alice@contoso.example"]));
    assert!(removed[0].starts_with("SIP/2.0 200") && header(&removed[0], "Content-Length") == "0", "{}", removed[0]);
    c.pool.set_presence(c.now, "sip:alice@contoso.example", 9500, Activity::None, None);
    assert_eq!(c.drain(), Vec::<String>::new());
    let refreshed = c.in_dialog(1, &tag, "Expires: 3600\r\n", "");
    assert!(refreshed[0].contains("<availability>6500") && header(&refreshed[0], "Expires").parse::<u32>().unwrap() <= 3600, "{}", refreshed[0]);
    let ended = c.in_dialog(1, &tag, "Expires: 0\r\n", "");
    assert_eq!(header(&ended[0], "subscription-state"), "terminated;expires=0");
    assert_eq!(c.pool.dialog_count(), 0);
    let gone = c.in_dialog(1, &tag, "", "");
    assert!(gone[0].starts_with("SIP/2.0 481 "), "{}", gone[0]);
    c.assert_no_violation();
}

#[test]
fn refusals() {
    let mut c = Client::new(FrontEndConfig { batch_max: 2, ..FrontEndConfig::default() });
    let code = |answers: &[String]| answers[0][8..11].to_owned();
    assert_eq!(code(&c.subscribe(&["no-host"], "")), "400");
    assert_eq!(code(&c.subscribe(&["alice@contoso.example"], "Expires: 60\r\n")), "423");
    assert!(c.pool.violations().is_empty());
    assert_eq!(code(&c.subscribe(&["a@x", "b@x", "c@x"], "")), "413");
    let other_to = c.request(
        1,
        "SUBSCRIBE",
        WATCHER,
        "<sip:alice@contoso.example>",
        "Call-ID: x\r\nEvent: presence\r\nRequire: adhoclist, categoryList\r\n",
        &batch("subscribe", &["a@x"]),
    );
    assert_eq!(code(&other_to), "403");
    assert_eq!(code(&c.request(1, "SUBSCRIBE", WATCHER, &format!("<{WATCHER}>"), "Call-ID: y\r\n", "")), "400");
    assert_eq!(c.pool.violations().len(), 3, "{:?}", c.pool.violations());
    c.pool.faults.subscribe_503_pm = 1000;
    c.pool.faults.retry_after_s = 7;
    let busy = c.subscribe(&["alice@contoso.example"], "");
    assert_eq!((code(&busy).as_str(), header(&busy[0], "Retry-After")), ("503", "7"));
    c.pool.faults.redirect_to = vec!["pool02.contoso.example:5061".to_owned()];
    let moved = c.request(1, "REGISTER", "sip:contoso.example", &format!("<{WATCHER}>"), "Call-ID: r\r\nSupported: gruu-10\r\n", "");
    assert_eq!((code(&moved).as_str(), header(&moved[0], "Contact")), ("301", "<sip:pool02.contoso.example:5061;transport=TLS>;q=0.7"));
}

#[test]
fn an_unanswered_notify_costs_the_subscription() {
    let mut c = Client::new(FrontEndConfig::default());
    c.subscribe(&["alice@contoso.example"], "");
    c.answer = false;
    c.pool.set_presence(c.now, "sip:alice@contoso.example", 3500, Activity::None, None);
    c.drain();
    assert_eq!(c.pool.next_deadline(), Some(c.now + 32_000));
    c.pool.wake(c.now + 31_999);
    assert_eq!(c.pool.dialog_count(), 1);
    c.pool.wake(c.now + 32_000);
    c.drain();
    assert_eq!((c.pool.dialog_count(), c.closed.clone(), c.pool.counts().notifies_timed_out), (0, vec![1], 1));
}

#[test]
fn an_answered_benotify_is_a_violation() {
    let mut c = Client::new(FrontEndConfig::default());
    let ok = c.subscribe(&["alice@contoso.example"], "Supported: ms-benotify\r\nProxy-Require: ms-benotify\r\n");
    assert!(ok[0].contains("Supported: ms-benotify\r\n"));
    c.pool.set_presence(c.now, "sip:alice@contoso.example", 3500, Activity::None, None);
    let update = c.drain().remove(0);
    assert!(update.starts_with("BENOTIFY ") && header(&update, "CSeq") == "2 BENOTIFY", "{update}");
    c.assert_no_violation();
    c.pool.receive(c.now, 1, ok_to(&update, "200 OK").as_bytes());
    assert!(c.pool.violations()[0].contains("BENOTIFY 2 was answered with 200"));
}

#[test]
fn a_refused_document_is_a_violation_and_481_ends_the_dialog() {
    let mut c = Client::new(FrontEndConfig::default());
    c.subscribe(&["alice@contoso.example"], "");
    c.answer = false;
    for (status, dialogs, violations) in [("400 Bad Request", 1, 1), ("481 No", 0, 1)] {
        c.pool.set_presence(c.now, "sip:alice@contoso.example", 3500, Activity::None, None);
        let update = c.drain().remove(0);
        c.pool.receive(c.now, 1, ok_to(&update, status).as_bytes());
        assert_eq!((c.pool.dialog_count(), c.pool.violations().len()), (dialogs, violations), "{status}");
    }
}

#[test]
fn a_broken_connection_is_made_good_by_a_refresh() {
    let mut c = Client::new(FrontEndConfig::default());
    let tag = tag_of(&c.subscribe(&["alice@contoso.example"], "")[0]);
    c.pool.disconnected(c.now, 1);
    c.pool.set_presence(c.now, "sip:alice@contoso.example", 12_500, Activity::None, None);
    assert_eq!(c.pool.subscriptions_of("sip:alice@contoso.example", false), 0);
    c.pool.accept(c.now, 0, 2);
    c.pool.faults.refresh_without_body_pm = 1000;
    let answers = c.in_dialog(2, &tag, "", "");
    assert!(answers[0].starts_with("SIP/2.0 200"));
    assert!(answers[1].starts_with("NOTIFY") && answers[1].contains("<availability>12500"), "{answers:?}");
    c.pool.accept(c.now, 1, 3);
    assert!(c.in_dialog(3, &tag, "", "")[0].starts_with("SIP/2.0 481"));
    c.pool.kill(0);
    c.drain();
    assert_eq!((c.closed.clone(), c.pool.dialog_count(), c.pool.is_listening(0), c.pool.is_listening(1)), (vec![2], 0, false, true));
}

#[test]
fn news_without_a_connection_cost_the_subscription() {
    let mut c = Client::new(FrontEndConfig::default());
    c.subscribe(&["alice@contoso.example"], "");
    c.pool.disconnected(c.now, 1);
    c.pool.wake(c.now + 60_000);
    assert_eq!(c.pool.dialog_count(), 1);
    c.pool.set_presence(c.now + 60_000, "sip:alice@contoso.example", 12_500, Activity::None, None);
    assert_eq!(c.pool.next_deadline(), Some(c.now + 92_000));
    c.pool.wake(c.now + 92_000);
    assert_eq!(c.pool.dialog_count(), 0);
}

#[test]
fn moved_users_are_named_and_served_where_they_went() {
    let mut c = Client::new(FrontEndConfig::default());
    c.subscribe(&["alice@contoso.example", "bob@contoso.example"], "");
    c.pool.migrate(c.now, &["sip:bob@contoso.example"], &Home::Pool("pool02.contoso.example".to_owned()));
    let told = c.drain().remove(0);
    assert!(told.contains("Content-Type: application/rlmi+xml\r\n") && told.contains("state=\"resubscribe\" poolFqdn=\"pool02.contoso.example\""), "{told}");
    assert_eq!(c.pool.subscriptions_of("sip:bob@contoso.example", false), 0);
    let pool = "sip:pool02.contoso.example";
    let headers = "Call-ID: p\r\nEvent: presence\r\nSupported: ms-piggyback-first-notify\r\nRequire: adhoclist, categoryList\r\n";
    let ok = c.request(1, "SUBSCRIBE", pool, &format!("<{pool}>"), headers, &batch("subscribe", &["bob@contoso.example"]));
    assert!(ok[0].starts_with("SIP/2.0 200") && ok[0].contains("<availability>6500"), "{}", ok[0]);
    c.pool.migrate(c.now, &["sip:bob@contoso.example"], &Home::Federated);
    c.drain();
    let single = "Call-ID: q\r\nEvent: presence\r\n";
    let ok = c.request(1, "SUBSCRIBE", "sip:bob@contoso.example", "<sip:bob@contoso.example>", single, &batch("subscribe", &["bob@contoso.example"]));
    assert!(ok[0].contains("Content-Type: application/msrtc-event-categories+xml\r\n") && ok[0].contains("<availability>6500"), "{}", ok[0]);
    c.assert_no_violation();
}

#[test]
fn changes_are_merged_under_throttling() {
    let mut c = Client::new(FrontEndConfig { notify_min_interval_ms: 1000, ..FrontEndConfig::default() });
    c.subscribe(&["alice@contoso.example", "bob@contoso.example"], "");
    for n in [3500, 6500, 15_500] {
        c.pool.set_presence(c.now, "sip:alice@contoso.example", n, Activity::None, None);
        c.pool.set_presence(c.now, "sip:bob@contoso.example", n, Activity::None, None);
    }
    let at_once = c.drain();
    c.pool.wake(c.now + 1000);
    c.now = c.now + 1000;
    let later = c.drain();
    assert!(at_once.len() + later.len() <= 2, "{at_once:?} {later:?}");
    let last = later.last().unwrap();
    assert_eq!(last.matches("<availability>15500").count(), 2, "{last}");
    c.assert_no_violation();
}

#[test]
fn imperfections_stay_within_the_law() {
    let mut c = Client::new(FrontEndConfig { seed: 42, ..FrontEndConfig::default() });
    c.pool.faults = FrontEndFaults {
        early_notify_pm: 300,
        no_piggyback_pm: 300,
        partial_list_pm: 300,
        multipart_update_pm: 300,
        odd_xml_pm: 700,
        duplicate_pm: 200,
        repeat_pm: 200,
        stale_update_pm: 200,
        stranger_pm: 100,
        empty_notify_pm: 100,
        ..FrontEndFaults::default()
    };
    c.subscribe(&["alice@contoso.example", "bob@contoso.example"], "");
    let mut last_cseq = BTreeMap::new();
    for n in 0..500 {
        c.now = c.now + 1000;
        c.pool.set_presence(c.now, "sip:alice@contoso.example", 3000 + n * 30, Activity::Custom("früh & 'spät'".to_owned()), Some("x"));
        c.pool.wake(c.now);
        for text in c.drain() {
            let cseq: u32 = header(text.trim_start(), "CSeq").split(' ').next().unwrap().parse().unwrap();
            let last = last_cseq.insert("s1", cseq).unwrap_or(0);
            assert!(cseq >= last, "CSeq {cseq} after {last}");
        }
    }
    assert!(c.pool.counts().notifies > 600);
    assert_eq!(c.pool.counts().notifies, c.pool.counts().notifies_confirmed);
    c.assert_no_violation();
}

#[test]
fn the_same_seed_says_the_same() {
    let run = || {
        let mut c = Client::new(FrontEndConfig::default());
        c.pool.faults.odd_xml_pm = 500;
        c.pool.faults.duplicate_pm = 500;
        let mut all = c.subscribe(&["alice@contoso.example"], "");
        for n in 0..50 {
            c.pool.set_presence(c.now, "sip:alice@contoso.example", 3500 + n, Activity::None, None);
            all.extend(c.drain());
        }
        all
    };
    assert_eq!(run(), run());
}

#[test]
fn idle_connections_are_closed() {
    let mut c = Client::new(FrontEndConfig::default());
    assert_eq!(c.pool.next_deadline(), Some(Mono(61_000)));
    c.pool.receive(c.now + 50_000, 1, b"\r\n\r\n");
    c.pool.wake(Mono(61_000));
    c.drain();
    assert_eq!((c.closed.clone(), c.pool.counts().keep_alives), (vec![], 1));
    c.pool.wake(Mono(111_000));
    c.drain();
    assert_eq!(c.closed, [1]);
}
