//! Reports: one `+` and one `-` per offer, in order, however the link behaves.
use super::*;

fn plus(user: u32) -> String {
    format!("{} UCC_Preview+ {CONN} {} kw{user}", 5000 + user, 7000 + user)
}

fn minus(user: u32, reason: &str) -> String {
    format!("{} UCC_Preview- {reason} {CONN} {} kw{user}", 5000 + user, 7000 + user)
}

#[test]
fn each_worker_asked_has_a_pair() {
    let mut s = Story::new(3);
    s.ask(&broadcast("kw0^kw1^kw2"));
    let offers = s.offered();
    s.reject(1, offers[1].1);
    s.accept(2, offers[2].1);
    // The end waits until the beginning is acknowledged.
    assert_eq!(s.told.len(), 3);
    assert_eq!(s.c.previews().reports, 6);
    assert_eq!(s.all_reports(), [plus(0), plus(1), plus(2), minus(0, "Canceled"), minus(1, "Rejected"), minus(2, "Accepted")]);
    assert_eq!((s.c.previews().reports, s.c.counters().reports_sent), (0, 6));
}

#[test]
fn the_reasons_are_those_of_the_documentation() {
    let mut s = Story::new(1);
    s.ask(&single("kw0"));
    s.wait(20_000);
    s.ask(&single("kw0"));
    s.agent(0, n::EVENT_AGENT_NOT_READY);
    assert_eq!(s.all_reports(), [plus(0), minus(0, "Timeout"), plus(0), minus(0, "Failed")]);
}

#[test]
fn nothing_is_reported_where_that_is_not_configured() {
    let mut it = config(1);
    it.preview.reporting = false;
    let mut s = Story::of(it.clone());
    s.ask(&single("kw0"));
    it.preview = PreviewConfig { reporting: true, state_name: "Mine".into(), ..it.preview };
    s.reconfigure(it.clone());
    s.wait(20_000);
    assert!(s.told.is_empty());
    // What began with a key ends with it.
    s.ask(&single("kw0"));
    it.preview = PreviewConfig { reporting: false, state_name: "Other".into(), ..it.preview };
    s.reconfigure(it);
    s.wait(20_000);
    let told = s.all_reports();
    assert!(told.len() == 2 && told.iter().all(|told| told.contains(" Mine")), "{told:?}");
}

#[test]
fn what_was_not_acknowledged_before_the_link_was_lost_is_sent_again() {
    let mut s = Story::new(2);
    s.ask(&broadcast("kw0^kw1"));
    let offers = s.offered();
    assert_eq!(s.acknowledge(), plus(0));
    s.lose_the_link();
    s.accept(0, offers[0].1);
    s.wait(100);
    s.connect(3);
    let mut told = s.all_reports();
    told.sort();
    assert_eq!(told, [plus(1), minus(1, "Canceled"), minus(0, "Accepted")].into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    assert_eq!(s.c.previews().reports, 0);
}

#[test]
fn a_switch_that_is_down_gets_its_reports_later_and_only_once_its_dns_are_registered() {
    let mut s = Story::new(1);
    s.lose_the_link();
    for _ in 0..2 {
        s.ask(&single("kw0"));
        s.wait(20_000);
    }
    s.link(1);
    assert!(s.told.is_empty());
    s.serve(3);
    assert_eq!(s.all_reports(), [plus(0), minus(0, "Timeout"), plus(0), minus(0, "Timeout")]);
}

#[test]
fn refused_and_unanswered_reports_do_not_hold_up_the_next() {
    let mut s = Story::new(1);
    s.ask(&single("kw0"));
    let refused = s.told.remove(0);
    s.cti(CtiEvent::Event(&TEvent { id: n::EVENT_ERROR, ref_id: refused.ref_id, error_code: Some(50), ..TEvent::default() }));
    s.wait(20_000);
    assert_eq!(s.told.len(), 1);
    s.wait(config(1).cti.timers.request_timeout_ms);
    let silent = s.told.remove(0);
    assert_eq!(s.c.counters().reports_failed, 2);
    // Its late acknowledgement is nothing to the next one.
    s.ask(&single("kw0"));
    s.cti(CtiEvent::Event(&TEvent { id: n::EVENT_ACK, ref_id: silent.ref_id, ..TEvent::default() }));
    s.wait(20_000);
    assert_eq!(s.told.len(), 2, "the beginning timed out, too");
    assert_eq!(s.told.iter().map(|told| told.text.contains('+')).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn too_many_waiting_reports_leave_out_whole_pairs() {
    let mut it = config(1);
    it.preview.reports_max = 5;
    let mut s = Story::of(it);
    s.ask(&single("kw0")); // its `+` is under way when the link goes
    s.lose_the_link();
    for nth in 0..6 {
        s.wait(20_000);
        let conn = format!("{nth}");
        s.ask(&PreviewRequest { conn: &conn, ..single("kw0") });
    }
    s.connect(3);
    let told = s.all_reports();
    let signs: Vec<bool> = told.iter().map(|told| told.contains('+')).collect();
    assert_eq!(signs.len() % 2, 1, "the last one is open: {told:#?}");
    assert!(signs.iter().enumerate().all(|(at, plus)| *plus == at.is_multiple_of(2)), "{told:#?}");
    assert_eq!((s.c.counters().reports_dropped, told.last().unwrap().contains("+ 5 ")), (4, true), "{told:#?}");
}

#[test]
fn the_reports_of_a_removed_worker_are_finished() {
    let mut s = Story::new(2);
    s.ask(&single("kw1"));
    let mut it = config(2);
    it.people.pop();
    s.reconfigure(it);
    assert_eq!(s.all_reports(), [plus(1), minus(1, "Failed")]);
}

/// A report waits for its DN to be registered; once the DN has left the configuration it never will be.
#[test]
fn the_reports_of_a_removed_worker_whose_dn_was_not_registered_are_finished() {
    let mut s = Story::new(2);
    s.lose_the_link();
    s.ask(&single("kw1"));
    s.wait(20_000);
    s.link(1000);
    assert!(s.told.is_empty());
    s.reconfigure(config(1));
    assert_eq!(s.all_reports(), [plus(1), minus(1, "Timeout")]);
    assert_eq!(s.c.previews().reports, 0);
}

#[test]
fn the_line_is_that_of_the_documentation() {
    use crate::codec::cti::bridge::{Writer, message_of, parse_message};
    let mut s = Story::offline(config(1));
    s.connect(3);
    s.page(0, PageEvent::Opened);
    let mut lines = Vec::new();
    for conn in ["77028A809F7004", "chat-17"] {
        s.next_request += 1;
        let request = PreviewRequest { conn, ..single("kw0") };
        s.c.handle(s.now, Input::Router(&RouterEvent::Request { id: RequestId(s.next_request), request: &request }));
        while let Some(action) = s.c.poll_action() {
            match action {
                Action::SendCti { msg, .. } => {
                    let mut out = Vec::new();
                    assert!(Writer::new(None).encode(&msg, &s.c, A, &mut |_| None, &mut out));
                    let line = String::from_utf8(out).unwrap();
                    assert_eq!(parse_message(line.trim_end().as_bytes()).unwrap().1, message_of(&msg, &s.c, A).unwrap());
                    lines.push(line);
                }
                Action::Record(record) => s.records.push(*record),
                Action::AnswerPreview { id, .. } => assert!(s.answered.insert(id.0)),
                _ => {}
            }
        }
        let (reference, offer) = (lines.len(), s.c.offers_of(UserId(0))[0].offer);
        assert!(lines[0].contains("RequestDistributeUserEvent"), "{reference}");
        s.accept(0, offer);
        if conn != "chat-17" {
            let told = lines[0].split("AttributeReferenceID\",\"int\",").nth(1).unwrap();
            let ref_id = told[..told.find(']').unwrap()].parse().unwrap();
            s.cti(CtiEvent::Event(&TEvent { id: n::EVENT_ACK, ref_id, ..TEvent::default() }));
            s.all_reports();
        }
    }
    let pair = |key: &str, value: &str| format!("{{\"key\":\"{key}\",\"type\":\"str\",\"value\":\"{value}\"}}");
    let attributes = |line: &str| line[line.find("[\"AttributeThisDN").unwrap()..].to_string();
    let data = |conn: &str| [pair("UCC_Preview", "+"), pair("UCC_ConnID", conn), pair("UCC_UserId", "kw0"), pair("UCC_AgentId", "7000")].join(",");
    let tail = |conn: &str| format!("[\"AttributeAgentID\",\"str\",\"7000\"],[\"AttributeUserData\",\"kvlist\",[{}]]]}}\n", data(conn));
    let this = "[\"AttributeThisDN\",\"str\",\"5000\"],";
    assert_eq!(attributes(&lines[0]), format!("{this}[\"AttributeConnID\",\"conn\",\"0077028a809f7004\"],{}", tail("77028A809F7004")));
    assert_eq!(attributes(&lines[1]), format!("{this}{}", tail("chat-17")));
}
