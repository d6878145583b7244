//! Lines of the bridge protocol (`spec/bridge.md` 2): own printer, and a reader on serde_json that is strict about what a writer must do.
use serde_json::Value;

/// One element of a list: key and value.
pub type Pair = (String, String);

/// A request of the connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) reference: i64,
    pub(super) dn: Option<String>,
    pub(super) agent_id: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) work_mode: Option<i64>,
    pub(super) reasons: Option<Vec<Pair>>,
    pub(super) user_data: Vec<Pair>,
    /// `AttributeRegisterMode`, `AttributeControlMode` and `AttributeAddressType` are all there.
    pub(super) register_modes: bool,
}

/// A line of the connector.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    Control { seq: u64, op: String, fields: Value },
    Request { seq: u64, request: Request },
}

/// What is wrong with a line: the code of the `error` answer, and words.
pub(super) type LineFault = (&'static str, String);

/// Reads one line, without its `\n`.
pub(super) fn parse(line: &[u8]) -> Result<Line, LineFault> {
    let text = std::str::from_utf8(line).map_err(|_| ("json", "line is not UTF-8".to_owned()))?;
    let value: Value = serde_json::from_str(text).map_err(|e| ("json", format!("{e} in {text:?}")))?;
    let wrong = |what: &str| ("proto", format!("{what} in {text:?}"));
    let seq = value["seq"].as_u64().ok_or_else(|| wrong("no seq"))?;
    if value["v"].as_u64() != Some(1) {
        return Err(wrong("v is not 1"));
    }
    match value["dir"].as_str() {
        Some("ctl") => {
            let op = value["op"].as_str().ok_or_else(|| wrong("no op"))?.to_owned();
            ordered(text, &format!("{{\"v\":1,\"seq\":{seq},\"dir\":\"ctl\",\"op\":\"{op}\""))?;
            Ok(Line::Control { seq, op, fields: value })
        }
        Some("req") => {
            let (id, name) = (value["id"].as_i64(), value["name"].as_str());
            let (Some(id), Some(name)) = (id, name) else { return Err(wrong("no id or name")) };
            ordered(text, &format!("{{\"v\":1,\"seq\":{seq},\"dir\":\"req\",\"id\":{id},\"name\":\"{name}\",\"attrs\":["))?;
            let request = request(id, name, &value["attrs"]).map_err(|what| wrong(&what))?;
            Ok(Line::Request { seq, request })
        }
        _ => Err(wrong("dir is not req or ctl")),
    }
}

/// Writers print the fields in the standard's order and without blanks.
fn ordered(text: &str, prefix: &str) -> Result<(), LineFault> {
    if text.starts_with(prefix) { Ok(()) } else { Err(("proto", format!("line does not begin with {prefix:?}: {text:?}"))) }
}

fn request(id: i64, name: &str, attrs: &Value) -> Result<Request, String> {
    let mut out = Request { id, name: name.to_owned(), ..Request::default() };
    let mut modes = 0;
    for attr in attrs.as_array().ok_or("attrs is no array")? {
        let [Value::String(name), Value::String(kind), value] = &attr.as_array().ok_or("attribute is no array")?[..] else {
            return Err("attribute is not [name, type, value]".to_owned());
        };
        match (name.as_str(), kind.as_str(), value) {
            ("AttributeReferenceID", "int", v) => out.reference = int(v)?,
            ("AttributeThisDN", "str", Value::String(v)) => out.dn = Some(v.clone()),
            ("AttributeAgentID", "str", Value::String(v)) => out.agent_id = Some(v.clone()),
            ("AttributeAgentWorkMode", "int", v) => out.work_mode = Some(int(v)?),
            ("AttributeReasons", "kvlist", v) => out.reasons = Some(pairs(v)?),
            ("AttributeRegisterMode" | "AttributeControlMode" | "AttributeAddressType", "int", v) => {
                int(v)?;
                modes += 1;
            }
            ("AttributeConnID", "conn", Value::String(v)) if is_conn(v) => {}
            ("AttributeUserData", "kvlist", v) => out.user_data = pairs(v)?,
            ("AttributeThisQueue", "str", Value::String(v)) => out.queue = Some(v.clone()),
            ("AttributePassword", "str", Value::String(_)) => {}
            ("AttributeExtensions", "kvlist", v) => {
                pairs(v)?;
            }
            _ => return Err(format!("attribute {name} of type {kind} with value {value}")),
        }
    }
    out.register_modes = modes == 3;
    Ok(out)
}

/// 16 lower-case hexadecimal digits (`spec/bridge.md` 2).
fn is_conn(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn int(value: &Value) -> Result<i64, String> {
    value.as_i64().filter(|v| i32::try_from(*v).is_ok()).ok_or_else(|| format!("{value} is no 32-bit number"))
}

fn pairs(value: &Value) -> Result<Vec<Pair>, String> {
    let list = value.as_array().ok_or("list is no array")?;
    list.iter()
        .map(|item| match (item["key"].as_str(), item["type"].as_str(), &item["value"]) {
            (Some(key), Some("str"), Value::String(v)) => Ok((key.to_owned(), v.clone())),
            (Some(key), Some("int"), v) => Ok((key.to_owned(), int(v)?.to_string())),
            _ => Err(format!("list element {item}")),
        })
        .collect()
}

/// JSON text of a string.
pub(in crate::peers) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `["name","int",value]`
pub(super) fn int_attr(name: &str, value: i64) -> String {
    format!("[\"{name}\",\"int\",{value}]")
}

/// `["name","str","value"]`
pub(super) fn str_attr(name: &str, value: &str) -> String {
    format!("[\"{name}\",\"str\",{}]", quoted(value))
}

/// `["name","conn","16 hexadecimal digits"]`
pub(super) fn conn_attr(name: &str, value: u64) -> String {
    format!("[\"{name}\",\"conn\",\"{value:016x}\"]")
}

/// `AttributeReasons` with text values.
pub(super) fn reasons_attr(reasons: &[Pair]) -> String {
    let items: Vec<String> = reasons.iter().map(|(k, v)| format!("{{\"key\":{},\"type\":\"str\",\"value\":{}}}", quoted(k), quoted(v))).collect();
    format!("[\"AttributeReasons\",\"kvlist\",[{}]]", items.join(","))
}

/// `AttributeExtensions` with numbers.
pub(super) fn extensions_attr(items: &[(&str, i64)]) -> String {
    let items: Vec<String> = items.iter().map(|(k, v)| format!("{{\"key\":\"{k}\",\"type\":\"int\",\"value\":{v}}}")).collect();
    format!("[\"AttributeExtensions\",\"kvlist\",[{}]]", items.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_request_is_read() {
        let line = br#"{"v":1,"seq":6,"dir":"req","id":11,"name":"RequestAgentNotReady","attrs":[["AttributeReferenceID","int",4],["AttributeThisDN","str","5002"],["AttributeReasons","kvlist",[{"key":"KW_UC_STATUS","type":"str","value":"busy"}]]]}"#;
        let Ok(Line::Request { seq: 6, request }) = parse(line) else { panic!("not read") };
        assert_eq!((request.id, request.reference, request.dn.as_deref()), (11, 4, Some("5002")));
        assert_eq!(request.reasons, Some(vec![("KW_UC_STATUS".to_owned(), "busy".to_owned())]));
    }

    #[test]
    fn blanks_and_another_order_are_complaints() {
        assert!(parse(br#"{"v":1, "seq":1,"dir":"ctl","op":"hello"}"#).is_err());
        assert!(parse(br#"{"seq":1,"v":1,"dir":"ctl","op":"hello"}"#).is_err());
        assert!(parse(br#"{"v":1,"seq":1,"dir":"ctl","op":"hello"}"#).is_ok());
    }

    #[test]
    fn text_is_escaped_as_json_wants() {
        let text = "a\"b\\c\n\u{1}ß";
        assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
    }
}
