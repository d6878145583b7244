//! Lines of routers, good and bad.
use super::*;
use crate::codec::cti::bridge::{Reader, RouterLine};
use crate::offer::PreviewStatus;
use alloc::format;
use alloc::string::String;

fn read(name: &str, attrs: &str) -> Result<RouterMessage<'static>, CtiFault> {
    let line = format!("{{\"v\":1,\"seq\":1,\"dir\":\"evt\",\"id\":0,\"name\":\"{name}\",\"attrs\":[{attrs}]}}");
    match Reader::default().decode_router(String::leak(line).as_bytes())? {
        RouterLine::Message(message) => Ok(message),
        RouterLine::Control(_) => panic!("a control line"),
    }
}

#[test]
fn all_attributes_in_any_case_and_order() {
    let message = read(
        "PreviewInterationRequest",
        r#"["USERDATA","str","Notes:it\u0027s late|Name:x"],["ConnID","conn","0077028a809f7004"],["AGENT","int",5002],["dn","str","5002"],
           ["mediaType","str","voice"],["Switch","str","SIP_Switch"],["Targets","str","5002^5003"],["requestid","long","-9223372036854775808"],["x","time",[1,2]]"#,
    )
    .unwrap();
    assert_eq!(message.request, Some(i64::MIN));
    assert_eq!((&*message.agent, &*message.conn, &*message.dn), ("5002", "0077028a809f7004", "5002"));
    assert_eq!((&*message.media, &*message.switch, &*message.targets), ("voice", "SIP_Switch", "5002^5003"));
    assert_eq!(message.data, RouterData::Text("Notes:it's late|Name:x".into()));
}

#[test]
fn lists_are_taken_apart_in_order() {
    let data = r#"{"value":"é\n","type":"str","key":"Notes"},{"key":"n","type":"int","value":7},{"key":"in","type":"kvlist","value":[{"key":"Notes","type":"bin","value":"AAE="}]}"#;
    let message = read("PreviewInteractionRequest", &format!(r#"["RequestID","int",1],["userData","kvlist",[{data}]]"#)).unwrap();
    let pairs = [("Notes", "é\n"), ("n", "7"), ("Notes", "AAE=")];
    assert_eq!(message.data, RouterData::Pairs(pairs.map(|(key, value)| (key.into(), value.into())).into()));
}

#[test]
fn the_first_of_a_name_counts_and_a_cancellation_says_why() {
    let message = read("PreviewInteractionCancel", r#"["Message","str","a"],["StatusMessage","str","b"],["ConnID","str","1"],["connId","str","2"]"#).unwrap();
    assert_eq!((&*message.text, &*message.conn, message.request), ("b", "1", None));
    let other_charset = read("PreviewInteractionCancel", r#"["Message","bytes","4A=="]"#).unwrap();
    assert_eq!(other_charset.text, "");
}

#[test]
fn what_is_wrong_is_named() {
    let kv = |pair: &str| format!(r#"["RequestID","long","1"],["userData","kvlist",[{pair}]]"#);
    let wrong = |field: &str, attrs: &str| match read("PreviewInteractionRequest", attrs) {
        Err(CtiFault::Type { field: found, .. }) => assert_eq!(&*found, field, "{attrs}"),
        Err(CtiFault::Missing { field: found }) => assert_eq!(found, field, "{attrs}"),
        other => panic!("{attrs}: {other:?}"),
    };
    wrong("RequestID", r#"["agent","str","5002"]"#);
    wrong("RequestID", r#"["RequestID","long","01"]"#);
    wrong("RequestID", r#"["RequestID","long","9223372036854775808"]"#);
    wrong("RequestID", r#"["RequestID","long",5]"#);
    wrong("RequestID", r#"["RequestID","str","5"]"#);
    wrong("agent", r#"["agent","str",7]"#);
    wrong("connId", r#"["connId","kvlist",[]]"#);
    wrong("userData", r#"["userData","int","7"]"#);
    wrong("key", &kv(r#"{"type":"str","value":"x"}"#));
    wrong("type", &kv(r#"{"key":"k","value":"x"}"#));
    wrong("value", &kv(r#"{"key":"k","type":"str"}"#));
    wrong("k", &kv(r#"{"key":"k","type":"int","value":"x"}"#));
    wrong("k", &kv(r#"{"key":"k","type":"time","value":[1,2]}"#));
    let deep = |levels: usize| format!("{}{}", r#"[{"key":"k","type":"kvlist","value":"#.repeat(levels), "[]") + &"}]".repeat(levels);
    assert!(read("PreviewInteractionRequest", &format!(r#"["RequestID","long","1"],["userData","kvlist",{}]"#, deep(31))).is_ok());
    for levels in [32, 40, 20_000] {
        let fault = read("PreviewInteractionRequest", &format!(r#"["RequestID","long","1"],["userData","kvlist",{}]"#, deep(levels)));
        assert!(matches!(fault, Err(CtiFault::Depth { .. })), "{levels}: {fault:?}");
    }
}

#[test]
fn gaps_and_repeats_are_faults_and_count_for_nothing() {
    let mut reader = Reader::default();
    let line = |seq: u64| format!(r#"{{"v":1,"seq":{seq},"dir":"evt","id":0,"name":"PreviewInteractionCancel","attrs":[["connId","str","1"]]}}"#);
    assert!(reader.decode_router(line(1).as_bytes()).is_ok());
    for seq in [1, 3, 0] {
        assert_eq!(reader.decode_router(line(seq).as_bytes()), Err(CtiFault::Seq { expected: 2, got: seq }));
    }
    assert!(reader.decode_router(line(2).as_bytes()).is_ok());
    for garbage in [&b""[..], b"{", b"[]", b"null", b"\xff\xfe", br#"{"v":1,"seq":3,"dir":"evt","id":0,"name":"x"}"#] {
        assert!(reader.decode_router(garbage).is_err());
    }
    let request = br#"{"v":1,"seq":3,"dir":"req","id":0,"name":"x","attrs":[]}"#;
    assert!(matches!(reader.decode_router(request), Err(CtiFault::Direction { .. })));
}

#[test]
fn the_answer_is_printed_in_the_documented_order() {
    let answer = PreviewAnswer {
        status: PreviewStatus::Accepted,
        text: "accepted by \"1\"".into(),
        user: None,
        agent: "5002".into(),
        dn: "5002".into(),
        switch: "S".into(),
    };
    let mut out = Vec::new();
    crate::codec::cti::bridge::Writer::new(None).encode_message(&preview_result(-7, &answer, "+49"), &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        concat!(
            r#"{"v":1,"seq":1,"dir":"req","id":0,"name":"PreviewInteractionResult","attrs":[["RequestID","long","-7"],["Status","str","Accepted"],"#,
            r#"["StatusMessage","str","accepted by \"1\""],["agent","str","5002"],["dn","str","5002"],["switch","str","S"],["redirectNumber","str","+49"]]}"#,
            "\n"
        )
    );
}
