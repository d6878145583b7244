//! What the writer prints, byte for byte.
use super::*;
use crate::action::ShortText;
use crate::codec::cti::bridge::message_of;
use crate::codec::cti::{KvValue, Value};
use crate::config::{Config, CtiConfig, CtiPace, Person, PersonDn, Redundancy, SwitchConfig, TServerConfig};
use crate::entropy::Seed;
use crate::id::DnId;
use crate::presence::{Class, StateRequest, Why};
use crate::{Mono, Now};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;

fn connector() -> Connector {
    let server = |name: &str| TServerConfig { name: name.into(), address: "127.0.0.1:7777".into() };
    let switch =
        |name: &str, servers, redundancy| SwitchConfig { name: name.into(), servers, redundancy, session: "7f3a".into(), linger_s: 30, free_dns: Vec::new() };
    let person = |id: &str, number: &str, queue: &str, password: &str| Person {
        employee_id: id.into(),
        agent_login: number.into(),
        login_queue: queue.into(),
        password_ref: password.into(),
        dns: [PersonDn { number: number.into(), switch: 0 }].into(),
        ..Person::default()
    };
    let config = Config {
        cti: CtiConfig {
            switches: vec![switch("One", vec![server("SIPS")], Redundancy::Single), switch("Two", vec![server("A"), server("B")], Redundancy::Hot)],
            pace: CtiPace { requests_per_s: 0, window_max: 0 },
            ..CtiConfig::default()
        },
        people: vec![person("e1", "5002", "", ""), person("e2", "50\"03", "7001", "env:PW")],
        ..Config::default()
    };
    Connector::new(Arc::new(config), Seed([0; 32]), Now { mono: Mono(0), unix_ms: 0 })
}

fn lines(writer: &mut Writer, link: u16, msgs: &[CtiOut]) -> String {
    let (connector, mut out) = (connector(), Vec::new());
    for msg in msgs {
        assert!(writer.encode(msg, &connector, CtiLinkId(link), &mut |name| Some(name.to_string() + "!"), &mut out));
    }
    String::from_utf8(out).expect("UTF-8")
}

fn request(ref_id: u32, dn: u32, req: CtiReq) -> CtiOut {
    CtiOut::Request { ref_id, dn: DnId(dn), req }
}

/// The transcripts themselves are printed in `uc-tests`; here is what they do not show.
#[test]
fn control_lines() {
    let mut writer = Writer::new(Some("s\"1"));
    let text = lines(&mut writer, 2, &[CtiOut::Hello, CtiOut::Open { linger_s: 5 }, CtiOut::Ping { n: 7 }, CtiOut::Pong { n: u32::MAX }, CtiOut::Bye]);
    assert_eq!(
        text,
        "{\"v\":1,\"seq\":1,\"dir\":\"ctl\",\"op\":\"hello\",\"proto\":\"ucc-bridge/1\",\"token\":\"s\\\"1\"}\n\
         {\"v\":1,\"seq\":2,\"dir\":\"ctl\",\"op\":\"open\",\"ch\":\"tserver:B\",\"client\":\"UC_Connector\",\"session\":\"7f3a\",\"mode\":\"hot\",\"linger_s\":5}\n\
         {\"v\":1,\"seq\":3,\"dir\":\"ctl\",\"op\":\"ping\",\"n\":7}\n\
         {\"v\":1,\"seq\":4,\"dir\":\"ctl\",\"op\":\"pong\",\"n\":4294967295}\n\
         {\"v\":1,\"seq\":5,\"dir\":\"ctl\",\"op\":\"bye\",\"text\":\"stopping\"}\n"
    );
    let text = lines(&mut writer, 0, &[CtiOut::Unsupported { op: ShortText::new("frobnicate") }]);
    assert_eq!(text, "{\"v\":1,\"seq\":6,\"dir\":\"ctl\",\"op\":\"error\",\"code\":\"unsupported\",\"text\":\"frobnicate\",\"fatal\":false}\n");
    assert!(!alloc::format!("{writer:?}").contains("s\"1"), "the token is a secret");
}

#[test]
fn a_login_carries_queue_and_password_where_configured() {
    let text = lines(&mut Writer::new(None), 0, &[request(1, 0, CtiReq::AgentLogin), request(2, 1, CtiReq::AgentLogin)]);
    let (plain, full) = text.split_once('\n').expect("two lines");
    assert!(plain.ends_with(
        r#""id":8,"name":"RequestAgentLogin","attrs":[["AttributeReferenceID","int",1],["AttributeThisDN","str","5002"],["AttributeAgentID","str","5002"]]}"#
    ));
    assert!(full.trim_end().ends_with(concat!(
        r#"[["AttributeReferenceID","int",2],["AttributeThisDN","str","50\"03"],["AttributeThisQueue","str","7001"],["AttributeAgentID","str","50\"03"],"#,
        r#"["AttributePassword","str","env:PW!"]]}"#
    )));
}

#[test]
fn a_work_mode_is_sent_only_when_the_mapping_has_one() {
    let state = |work_mode| CtiReq::State(StateRequest { ready: false, work_mode, why: Why::Presence(Class::Away) });
    let text = lines(&mut Writer::new(None), 0, &[request(3, 0, state(Some(4))), request(4, 0, state(None))]);
    assert_eq!(text.matches(r#""id":11,"name":"RequestAgentNotReady""#).count(), 2);
    assert_eq!(text.matches(r#"["AttributeThisDN","str","5002"],["AttributeAgentWorkMode","int",4],["AttributeReasons","kvlist",["#).count(), 1);
    assert_eq!(text.matches(r#"{"key":"KW_UC_STATUS","type":"str","value":"away"},{"key":"KW_UC_NOTE","type":"str","value":""}]]]}"#).count(), 2);
}

#[test]
fn what_left_the_configuration_is_not_printed_and_uses_no_number() {
    let (connector, mut writer, mut out) = (connector(), Writer::new(None), Vec::new());
    let mut none = |_: &str| None;
    assert!(!writer.encode(&request(1, 99, CtiReq::AgentLogin), &connector, CtiLinkId(0), &mut none, &mut out));
    assert!(!writer.encode(&CtiOut::Open { linger_s: 1 }, &connector, CtiLinkId(3), &mut none, &mut out));
    assert!(out.is_empty());
    assert!(writer.encode(&request(1, 1, CtiReq::AgentLogin), &connector, CtiLinkId(0), &mut none, &mut out));
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.starts_with("{\"v\":1,\"seq\":1,") && !text.contains("Password"), "a secret that cannot be read is left out: {text}");
    assert_eq!(message_of(&request(1, 99, CtiReq::QueryAddress), &connector, CtiLinkId(0)), None);
}

#[test]
fn a_dn_that_was_just_removed_can_be_unregistered_and_nothing_else() {
    let mut connector = connector();
    let config = Config { people: vec![], ..Config::clone(connector.directory().config()) };
    connector.handle(Now { mono: Mono(1), unix_ms: 1 }, crate::Input::Reconfigure(Arc::new(config)));
    let (mut writer, mut out) = (Writer::new(None), Vec::new());
    let mut encode = |req| writer.encode(&request(1, 0, req), &connector, CtiLinkId(0), &mut |_| None, &mut out);
    assert!(!encode(CtiReq::AgentLogin) && !encode(CtiReq::RegisterAddress) && encode(CtiReq::UnregisterAddress));
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.contains(r#""seq":1,"#) && text.contains(r#"["AttributeThisDN","str","5002"],["AttributeControlMode","int",0]]}"#), "{text}");
}

#[test]
fn the_log_sees_the_same_message_without_the_password() {
    let connector = connector();
    let login = message_of(&request(7, 1, CtiReq::AgentLogin), &connector, CtiLinkId(0)).expect("configured");
    assert_eq!((login.id, &*login.name, login.int("AttributeReferenceID")), (8, "RequestAgentLogin", Some(7)));
    assert_eq!(login.str("AttributePassword"), Some("[output suppressed]"));
    let state = CtiReq::State(StateRequest { ready: true, work_mode: None, why: Why::Presence(Class::Online) });
    let ready = message_of(&request(8, 0, state), &connector, CtiLinkId(0)).expect("configured");
    assert_eq!(ready.kv("AttributeReasons").and_then(|reasons| reasons.get("KW_UC_STATUS")), Some(&KvValue::Str("online".into())));
    let open = message_of(&CtiOut::Open { linger_s: 9 }, &connector, CtiLinkId(1)).expect("configured");
    assert_eq!((&*open.name, open.str("ch"), open.get("linger_s")), ("open", Some("tserver:A"), Some(&Value::Int(9))));
}
