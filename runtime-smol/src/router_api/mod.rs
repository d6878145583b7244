//! The preview API of the routers: what a strategy asks over HTTP, and every form in which it can wait for the answer (`spec/genesys-protocols.md` 5.5).
//!
//! An outcome is status 200 with a word; 4xx means a request that cannot be understood or is not allowed (`decisions.md` 16). Whoever hangs up while waiting has
//! cancelled, unless an idempotency key says that they will come back.
mod callback;
mod fields;
mod table;

pub(crate) use table::Table;

use crate::web::talk::{Answer, Ask, Looked};
use crate::web::{Asked, Reply, Site, form, json_reply, pause, text_reply};
use fields::{Call, Fields, Op, Wait};
use hyper::Method;
use hyper::header::{ACCEPT, ALLOW, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value};
use smol::channel;
use smol::future::or;
use std::rc::Rc;
use std::time::Duration;
use table::Settled;
use uc_core::offer::{PreviewStatus, RequestId};

/// Where the API is.
const PATH: &str = "/urs/v1/preview";
/// Its description.
const OPENAPI: &str = include_str!("openapi.json");

/// Answers a request at the routers' listener.
pub(crate) async fn answer(site: &Rc<Site>, asked: &Asked) -> Reply {
    if asked.path == "/urs/v1/openapi.json" {
        return if asked.method == Method::GET { Reply::with(200, "application/json", OPENAPI) } else { method("GET") };
    }
    let form = Form::of(asked);
    let Some(rest) = asked.path.strip_prefix(PATH).filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return form.refuse(404, "there is nothing at this address; previews are at /urs/v1/preview");
    };
    if let Some(token) = site.router_token()
        && (token.is_empty() || !asked.bearer().is_some_and(|given| crate::web::is_same_secret(given, &token)))
    {
        return form.refuse(401, "the bearer token is missing or wrong").header(WWW_AUTHENTICATE, "Bearer");
    }
    if !matches!(asked.parameter("format").as_deref(), None | Some("json" | "text")) {
        return form.refuse(400, "`format` must be json or text");
    }
    let rest = rest.trim_start_matches('/');
    let conn = form::decoded(&rest.replace('+', "%2B")).trim().to_owned();
    match (&asked.method, rest.is_empty()) {
        (&Method::GET | &Method::POST, true) => match Fields::read(asked).and_then(|fields| fields.call(asked, &site.settings())) {
            Ok(_) if site.is_stopping() => form.refuse(503, "the connector is stopping").header(RETRY_AFTER, "5"),
            Ok(call) => carry_out(site, call, form).await,
            Err(refusal) => form.refuse(refusal.status, &refusal.why),
        },
        (&Method::GET, false) => look(site, &conn, form).await,
        (&Method::DELETE, false) if fields::is_conn(&conn) => cancel(site, conn, String::new(), form).await,
        (&Method::DELETE, false) => form.refuse(400, fields::BAD_CONN),
        (_, true) => method("GET, POST"),
        (_, false) => method("DELETE, GET"),
    }
}

fn method(allowed: &'static str) -> Reply {
    json_reply(405, &body("Error", &format!("this address takes {allowed}"), None)).header(ALLOW, allowed)
}

async fn carry_out(site: &Rc<Site>, call: Call, form: Form) -> Reply {
    match call.op {
        Op::Cancel { text } => cancel(site, call.wanted.conn, text, form).await,
        Op::Request => request(site, call, form).await,
    }
}

/// Asks, and waits as long as the requester wants.
async fn request(site: &Rc<Site>, call: Call, form: Form) -> Reply {
    let conn = call.wanted.conn.clone();
    let (id, answer) = site.table.begin();
    let mut waiting = Waiting { site: Rc::clone(site), id, cancels: call.wanted.key.is_none(), is_over: false };
    if site.asks.send(Ask::Preview { id, wanted: Box::new(call.wanted) }).await.is_err() {
        return form.refuse(503, "the connector is stopping");
    }
    let late = async {
        match call.wait {
            Wait::Answer => std::future::pending().await,
            Wait::For(time) => pause(time).await,
        }
        None
    };
    match (call.callback, or(async { Some(answer.recv().await) }, late).await) {
        (_, Some(Ok(settled))) => {
            waiting.is_over = true;
            form.print(&conn, &settled)
        }
        (_, Some(Err(_))) => form.refuse(503, "the connector stopped before there was an answer"),
        (callback, None) => {
            // The requester asks again, or is called.
            waiting.is_over = true;
            if let Some(url) = callback {
                callback::when_answered(site, url, conn.clone(), answer);
            }
            form.pending(202, &conn, &[])
        }
    }
}

/// A requester who waits; hanging up cancels.
struct Waiting {
    site: Rc<Site>,
    id: RequestId,
    cancels: bool,
    is_over: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over && self.cancels {
            self.site.tell_later(Ask::Gone { id: self.id });
        }
    }
}

async fn cancel(site: &Rc<Site>, conn: String, text: String, form: Form) -> Reply {
    let (id, answer) = site.table.begin();
    let ask = Ask::Cancel { id, conn: conn.clone().into(), text: text.into() };
    if site.asks.send(ask).await.is_err() {
        return form.refuse(503, "the connector is stopping");
    }
    match answer.recv().await {
        Ok(settled) => form.print(&conn, &settled),
        Err(_) => form.refuse(503, "the connector stopped before there was an answer"),
    }
}

/// What is known of a call.
async fn look(site: &Rc<Site>, conn: &str, form: Form) -> Reply {
    let (reply, looked) = channel::bounded(1);
    if site.asks.send(Ask::Look { conn: conn.into(), reply }).await.is_err() {
        return form.refuse(503, "the connector is stopping");
    }
    match looked.recv().await {
        Ok(Some(Looked::Open(asked))) => form.pending(200, conn, &asked),
        Ok(Some(Looked::Answered(answer))) => {
            let redirect = answer.who.as_deref().map(|who| site.redirect(who)).filter(|redirect| redirect.enabled).map(|redirect| redirect.number);
            form.print(conn, &Settled { answer, redirect: redirect.unwrap_or_default() })
        }
        Ok(None) => form.refuse(404, "nothing is known of this call, or not any more"),
        Err(_) => form.refuse(503, "the connector did not answer"),
    }
}

/// How the requester wants to read answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Text,
}

impl Form {
    fn of(asked: &Asked) -> Self {
        let accept = asked.header(&ACCEPT).unwrap_or_default().to_ascii_lowercase();
        let wants_text = accept.contains("text/plain") && !accept.contains("application/json");
        match asked.parameter("format").as_deref() {
            Some("text") => Self::Text,
            Some("json") => Self::Json,
            _ if wants_text => Self::Text,
            _ => Self::Json,
        }
    }

    fn reply(self, status: u16, body: &Value) -> Reply {
        match self {
            Self::Json => json_reply(status, body),
            Self::Text => text_reply(status, lines(body)),
        }
    }

    /// The answer to a call.
    fn print(self, conn: &str, settled: &Settled) -> Reply {
        self.reply(200, &told(conn, settled))
    }

    fn pending(self, status: u16, conn: &str, asked: &[Box<str>]) -> Reply {
        let mut value = body("Pending", "workers are being asked", Some(conn));
        if let Value::Object(fields) = &mut value {
            fields.insert("asked".into(), asked.iter().map(|who| Value::from(&**who)).collect());
        }
        self.reply(status, &value).header(LOCATION, format!("{PATH}/{}", form::encoded(conn)))
    }

    fn refuse(self, status: u16, why: &str) -> Reply {
        self.reply(status, &body(PreviewStatus::Error.word(), why, None))
    }
}

fn body(status: &str, text: &str, conn: Option<&str>) -> Value {
    let mut fields = Map::new();
    fields.insert("Status".into(), status.into());
    fields.insert("StatusMessage".into(), text.into());
    if let Some(conn) = conn {
        fields.insert("connId".into(), conn.into());
    }
    fields.into()
}

/// An answer in full.
fn told(conn: &str, settled: &Settled) -> Value {
    let Settled { answer: Answer { status, text, agent, dn, switch, who }, redirect } = settled;
    let mut value = body(status.word(), text, Some(conn));
    if let Value::Object(fields) = &mut value {
        let user = who.as_deref().unwrap_or_default();
        for (name, text) in [("agent", &**agent), ("dn", dn), ("switch", switch), ("user", user), ("redirectNumber", redirect)] {
            fields.insert(name.into(), text.into());
        }
    }
    value
}

/// `key=value`, one a line; line ends inside values become spaces.
fn lines(body: &Value) -> String {
    let mut out = String::new();
    for (key, value) in body.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.replace(['\r', '\n'], " "),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("^"),
            other => other.to_string(),
        };
        out.push_str(&format!("{key}={text}\n"));
    }
    out
}

/// Longest time a requester may ask to wait for before it is sent away with 202.
const WAIT_MAX: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_in_both_forms() {
        let answer = Answer {
            status: PreviewStatus::Accepted,
            text: "by\r\nAlice".into(),
            who: Some("1001".into()),
            agent: "7".into(),
            dn: "5002".into(),
            switch: "S".into(),
        };
        let told = told("00ab", &Settled { answer, redirect: "+49".into() });
        assert_eq!(
            told.to_string(),
            r#"{"Status":"Accepted","StatusMessage":"by\r\nAlice","connId":"00ab","agent":"7","dn":"5002","switch":"S","user":"1001","redirectNumber":"+49"}"#
        );
        assert_eq!(lines(&told), "Status=Accepted\nStatusMessage=by  Alice\nconnId=00ab\nagent=7\ndn=5002\nswitch=S\nuser=1001\nredirectNumber=+49\n");
    }

    #[test]
    fn the_description_is_json_and_knows_every_path() {
        let openapi: Value = serde_json::from_str(OPENAPI).unwrap();
        let paths: Vec<&str> = openapi["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(paths, [PATH, "/urs/v1/preview/{connId}", "/urs/v1/openapi.json"]);
    }
}
