//! The fields of a request, from JSON, a form or the query, as tolerant as strategies need: names in any case, both spellings of the messages, user data as an object,
//! pairs or text.
use super::WAIT_MAX;
use crate::fetch::Url;
use crate::settings::Settings;
use crate::web::talk::Wanted;
use crate::web::{Asked, form};
use serde_json::Value;
use std::time::Duration;
use uc_core::offer::Select;

/// Longest call id, idempotency key, DN, switch, media type.
const NAME_BYTES_MAX: usize = 255;
pub(super) const BAD_CONN: &str = "`connId` must be 1 to 255 bytes without control characters";

/// What is to be done.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) op: Op,
    pub(super) wanted: Wanted,
    pub(super) wait: Wait,
    pub(super) callback: Option<Url>,
}

/// The operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// Ask; how is in [`Wanted::select`].
    Request,
    /// Withdraw.
    Cancel {
        /// For the worker.
        text: String,
    },
}

/// How long the requester stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Until there is an answer.
    Answer,
    /// So long at most, then 202.
    For(Duration),
}

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Status: 400 where nothing better fits.
    pub(super) status: u16,
    /// One sentence.
    pub(super) why: String,
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self { status: 400, why }
    }
}

/// Fields by name, in the order they came.
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    /// Of the body, and of the query where the body does not have them.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn read(asked: &Asked) -> Result<Self, Refusal> {
        let of_form = |text: &str| form::pairs(text).into_iter().map(|(key, value)| (key, Value::from(value))).collect::<Vec<_>>();
        let mut fields = match (&*asked.media_type(), asked.body.is_empty()) {
            (_, true) => Vec::new(),
            ("application/x-www-form-urlencoded", _) => of_form(std::str::from_utf8(&asked.body).map_err(|_| "the form is not UTF-8".to_owned())?),
            ("application/json" | "text/json" | "text/plain" | "", _) => match serde_json::from_slice(&asked.body) {
                Ok(Value::Object(object)) => object.into_iter().collect(),
                Ok(_) => return Err("the body must be a JSON object".to_owned().into()),
                Err(why) => return Err(format!("the body is not JSON: {why}").into()),
            },
            (other, _) => {
                let why = format!("the body is `{other}`, it must be application/json or application/x-www-form-urlencoded");
                return Err(Refusal { status: 415, why });
            }
        };
        fields.extend(of_form(&asked.query));
        Ok(Self(fields))
    }

    fn get(&self, names: &[&str]) -> Option<&Value> {
        self.0.iter().find(|(key, value)| !value.is_null() && names.iter().any(|name| key.eq_ignore_ascii_case(name))).map(|(_, value)| value)
    }

    /// A text, or a number as text.
    fn text(&self, names: &[&str]) -> Result<String, String> {
        match self.get(names) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(_) => Err(format!("`{}` must be text", names[0])),
        }
    }

    fn name(&self, names: &[&str]) -> Result<String, String> {
        let text = self.text(names)?;
        if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(format!("`{}` must be {NAME_BYTES_MAX} bytes at most without control characters", names[0]));
        }
        Ok(text.trim().to_owned())
    }

    /// What is to be done.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn call(&self, asked: &Asked, settings: &Settings) -> Result<Call, Refusal> {
        let conn = self.name(&["connId", "connectionId"])?;
        if !is_conn(&conn) {
            return Err(BAD_CONN.to_owned().into());
        }
        let (select, is_cancel) = self.operation()?;
        let field = self.name(&["key", "idempotencyKey"])?;
        let key = match asked.headers.get("idempotency-key").map(|key| key.as_bytes()) {
            Some(key) if key.len() > NAME_BYTES_MAX => {
                return Err(format!("the idempotency key is {} bytes, the limit is {NAME_BYTES_MAX}", key.len()).into());
            }
            // Whatever the bytes are: a key that is left out would ask twice.
            Some(key) => std::str::from_utf8(key).map_or_else(|_| key.iter().map(|byte| char::from(*byte)).collect(), str::to_owned),
            None => field,
        };
        let key = key.trim().trim_matches('"').to_owned();
        let wanted = Wanted {
            select,
            targets: self.targets(select, is_cancel)?,
            dn: self.name(&["dn", "thisDn"])?,
            switch: self.name(&["switch"])?,
            conn,
            media: self.name(&["mediaType", "media"])?,
            data: self.user_data()?,
            timeout_ms: self.timeout()?,
            key: Some(key).filter(|key| !key.is_empty()),
        };
        let op = if is_cancel {
            let texts = [self.text(&["statusMessage"])?, self.text(&["message"])?, self.text(&["status"])?];
            Op::Cancel { text: texts.into_iter().find(|text| !text.is_empty() && !is_message(text)).unwrap_or_default() }
        } else {
            Op::Request
        };
        let callback = self.callback(settings)?;
        let wait = self.wait(asked, callback.is_some())?;
        Ok(Call { op, wanted, wait, callback })
    }

    fn operation(&self) -> Result<(Select, bool), String> {
        let mut word = self.text(&["op", "operation"])?;
        if word.is_empty() {
            word = self.text(&["messageName", "message"])?;
        }
        Ok(match &*word.trim().to_ascii_lowercase() {
            // The vendor's own pages spell the first one in two ways.
            "request" | "single" | "previewinteractionrequest" | "previewinterationrequest" => (Select::Single, false),
            "" => (if self.get(&["targets"]).is_some() { Select::Broadcast } else { Select::Single }, false),
            "multiple" | "broadcast" | "previewinteractionmultiple" | "previewinterationmultiple" => (Select::Broadcast, false),
            "round-robin" | "roundrobin" => (Select::RoundRobin, false),
            "longest-idle" | "longestidle" => (Select::LongestIdle, false),
            "cancel" | "previewinteractioncancel" | "previewinterationcancel" => (Select::Single, true),
            other => return Err(format!("`op` is {other:?}, it must be request, multiple, round-robin, longest-idle or cancel")),
        })
    }

    fn targets(&self, select: Select, is_cancel: bool) -> Result<String, String> {
        let names: &[&str] = if select == Select::Single { &["agent", "targets"] } else { &["targets", "agent"] };
        // Each is looked at, so that one that is no text is told even where another would do.
        let given = names.iter().map(|name| self.list(name)).collect::<Result<Vec<_>, _>>()?;
        match given.into_iter().find(|text| !text.trim().is_empty()) {
            Some(targets) => Ok(targets),
            None if is_cancel => Ok(String::new()),
            None => Err(format!("`{}` is missing: who is to be asked?", names[0])),
        }
    }

    /// A text, a number, or a list of these.
    fn list(&self, name: &str) -> Result<String, String> {
        let Some(Value::Array(items)) = self.get(&[name]) else { return self.text(&[name]) };
        let item = |item: &Value| match item {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(format!("every item of `{name}` must be text")),
        };
        Ok(items.iter().map(item).collect::<Result<Vec<_>, _>>()?.join("^"))
    }

    /// `{key: value}`, `[[key, value], ...]`, `[{key, value}, ...]`, or text: JSON of one of these, or `key:value|key:value`. Text of another form is shown as it is.
    fn user_data(&self) -> Result<Vec<(String, String)>, String> {
        match self.get(&["userData", "user_data"]) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if text.trim_start().starts_with(['{', '[']) => match serde_json::from_str(text) {
                Ok(value) => pairs(&value),
                Err(_) => Ok(of_text(text)),
            },
            Some(Value::String(text)) => Ok(of_text(text)),
            Some(value) => pairs(value),
        }
    }

    /// `timeout`, in seconds, as milliseconds.
    fn timeout(&self) -> Result<Option<u64>, String> {
        let text = self.text(&["timeout"])?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let seconds: f64 = text.trim().parse().map_err(|_| format!("`timeout` is {text:?}, it must be seconds"))?;
        if !(seconds > 0.0 && seconds <= 86_400.0) {
            return Err(format!("`timeout` is {text:?}, it must be more than 0 and at most 86400 seconds"));
        }
        Ok(Some((seconds * 1000.0) as u64))
    }

    fn callback(&self, settings: &Settings) -> Result<Option<Url>, Refusal> {
        let text = self.text(&["callback"])?;
        if text.is_empty() {
            return Ok(None);
        }
        if !settings.router.callback_prefixes.iter().any(|prefix| text.starts_with(&**prefix)) {
            let why = "`callback` is not among the URLs allowed by option `router.callback_prefixes`".to_owned();
            return Err(Refusal { status: 403, why });
        }
        Url::parse(&text).map(Some).ok_or_else(|| "`callback` must be an http or https URL".to_owned().into())
    }

    /// `Prefer: respond-async`, `Prefer: wait=SECONDS` (RFC 7240), or the field `wait`.
    fn wait(&self, asked: &Asked, has_callback: bool) -> Result<Wait, String> {
        let prefer = asked.named("prefer").unwrap_or_default().to_ascii_lowercase();
        let mut preferences = prefer.split([',', ';']).map(str::trim);
        let given = match self.text(&["wait"])? {
            text if text.is_empty() => preferences.clone().find_map(|p| p.strip_prefix("wait=")).map(|s| s.trim_matches('"').to_owned()),
            text => Some(text),
        };
        let seconds: Option<u64> = given.map(|text| whole_seconds(&text)).transpose()?;
        Ok(match (seconds, has_callback || preferences.any(|p| p == "respond-async")) {
            (Some(seconds), _) => Wait::For(Duration::from_secs(seconds).min(WAIT_MAX)),
            (None, true) => Wait::For(Duration::ZERO),
            (None, false) => Wait::Answer,
        })
    }
}

/// `wait`: 0 to 86400. What is 5.0 to a program that has no whole numbers is 5.
fn whole_seconds(text: &str) -> Result<u64, String> {
    let seconds = text.trim();
    let seconds = seconds.strip_suffix(".0").unwrap_or(seconds).parse::<u64>().ok();
    seconds.filter(|seconds| *seconds <= 86_400).ok_or_else(|| format!("`wait` is {text:?}, it must be whole seconds, at most 86400"))
}

/// Whether a text is the name of a message, not words for the worker.
fn is_message(text: &str) -> bool {
    text.to_ascii_lowercase().starts_with("previewinter")
}

pub(super) fn is_conn(conn: &str) -> bool {
    !conn.is_empty() && conn.len() <= NAME_BYTES_MAX && !conn.chars().any(char::is_control)
}

fn of_text(text: &str) -> Vec<(String, String)> {
    let piece = |piece: &str| {
        let (key, value) = piece.split_once(':').unwrap_or(("", piece));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    text.split('|').filter(|part| !part.trim().is_empty()).map(piece).collect()
}

fn pairs(value: &Value) -> Result<Vec<(String, String)>, String> {
    const WRONG: &str = "`userData` must be an object, a list of pairs, or text like `key:value|key:value`";
    match value {
        Value::Object(object) => Ok(object.iter().map(|(key, value)| (key.clone(), shown(value))).collect()),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Array(pair) if pair.len() == 2 => Ok((shown(&pair[0]), shown(&pair[1]))),
                Value::Object(pair) => match (pair.get("key"), pair.get("value")) {
                    (Some(key), Some(value)) => Ok((shown(key), shown(value))),
                    _ => Err(WRONG.into()),
                },
                _ => Err(WRONG.into()),
            })
            .collect(),
        _ => Err(WRONG.into()),
    }
}

/// As people see it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{HeaderMap, Method};

    fn asked(media: &str, body: &str, query: &str, prefer: &'static str) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", media.parse().unwrap());
        headers.insert("prefer", prefer.parse().unwrap());
        Asked {
            method: Method::POST,
            path: "/urs/v1/preview".into(),
            query: query.into(),
            headers,
            body: body.as_bytes().to_vec(),
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            peer: std::net::Ipv4Addr::LOCALHOST.into(),
        }
    }

    fn read(asked: &Asked) -> Result<Call, Refusal> {
        Fields::read(asked).and_then(|fields| fields.call(asked, &crate::config_file::check_example()))
    }

    #[test]
    fn the_same_request_in_every_form() {
        let json = r#"{"op":"request","agent":"5002","connId":"0077028a809f7004","dn":5002,"mediaType":"voice","switch":"S","userData":{"Notes":"it's fine","N":3},"timeout":20}"#;
        let form =
            "MESSAGE=PreviewInterationRequest&Agent=5002&ConnID=0077028a809f7004&ThisDN=5002&mediatype=voice&Switch=S&UserData=Notes:it's+fine|N:3&timeout=20";
        let pairs = r#"{"agent":"5002","connId":"0077028a809f7004","dn":"5002","mediaType":"voice","switch":"S","userData":[["Notes","it's fine"],{"key":"N","value":3}],"timeout":"20.0"}"#;
        let first = read(&asked("application/json; charset=utf-8", json, "", "")).unwrap();
        assert_eq!(first.wanted.data, [("Notes".to_owned(), "it's fine".to_owned()), ("N".to_owned(), "3".to_owned())]);
        assert_eq!((first.wanted.timeout_ms, first.wait, first.op), (Some(20_000), Wait::Answer, Op::Request));
        for other in [asked("application/x-www-form-urlencoded", form, "", ""), asked("", "", form, ""), asked("application/json", pairs, "", "")] {
            assert_eq!(read(&other).unwrap().wanted, first.wanted, "{other:?}");
        }
    }

    #[test]
    fn operations_and_waiting() {
        let call = |body: &str, prefer| read(&asked("application/json", body, "", prefer)).unwrap();
        assert_eq!(call(r#"{"connId":"1","targets":"a^b"}"#, "").wanted.select, Select::Broadcast);
        assert_eq!(call(r#"{"connId":"1","targets":["a","b"],"op":"round-robin"}"#, "").wanted.targets, "a^b");
        assert_eq!(call(r#"{"connId":"1","agent":"a"}"#, "respond-async, wait=5").wait, Wait::For(Duration::from_secs(5)));
        assert_eq!(call(r#"{"connId":"1","agent":"a"}"#, "respond-async").wait, Wait::For(Duration::ZERO));
        assert_eq!(call(r#"{"connId":"1","agent":"a","wait":5.0}"#, "").wait, Wait::For(Duration::from_secs(5)));
        assert_eq!(call(r#"{"connId":"1","op":"cancel","status":"caller-released"}"#, "").op, Op::Cancel { text: "caller-released".into() });
    }

    #[test]
    fn what_cannot_be_understood_is_told() {
        for (media, body, expected) in [
            ("application/json", "[]", "must be a JSON object"),
            ("application/json", "{", "not JSON"),
            ("application/xml", "<a/>", "application/xml"),
            ("application/json", "{}", "`connId`"),
            ("application/json", r#"{"connId":"1"}"#, "`agent` is missing"),
            ("application/json", r#"{"connId":"1","agent":"a","op":"dance"}"#, "\"dance\""),
            ("application/json", r#"{"connId":"1","agent":"a","timeout":"soon"}"#, "`timeout`"),
            ("application/json", r#"{"connId":"1","agent":"a","timeout":-1}"#, "`timeout`"),
            ("application/json", r#"{"connId":"1","agent":{}}"#, "`agent` must be text"),
            ("application/json", r#"{"connId":"1","agent":"a","userData":7}"#, "`userData`"),
            ("application/json", r#"{"connId":"1","op":"cancel","userData":7}"#, "`userData`"),
            ("application/json", r#"{"connId":"1","targets":["a",{}]}"#, "every item of `targets`"),
            ("application/json", r#"{"connId":"1","targets":"a","agent":{}}"#, "`agent` must be text"),
            ("application/json", r#"{"connId":"1","agent":"a","dn":"5\n"}"#, "`dn`"),
            ("application/json", r#"{"connId":"1","agent":"a","wait":99999}"#, "`wait`"),
            ("application/json", r#"{"connId":"1","agent":"a","callback":"http://evil/"}"#, "callback_prefixes"),
        ] {
            let why = read(&asked(media, body, "", "")).unwrap_err();
            assert!(why.why.contains(expected), "{body}: {why:?}");
        }
    }
}
