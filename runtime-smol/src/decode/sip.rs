//! SIP as on the wire: one message after the other.
use super::{Found, or_dash};
use serde_json::{Map, Value, json};
use uc_core::codec::sip::{Decoded, Framer, Head, Name, StartLine, Step, decode};
use uc_core::codec::xml::decode_body;
use uc_core::config::Limits;
use uc_core::uc_event::{Body, CallState, CategoryDoc, DialogInfo, Found as Category, OwnCategory, ResourceState};

/// All messages of a stream. What cannot be framed ends it.
pub(super) fn stream(bytes: &[u8]) -> Vec<Found> {
    let limits = Limits::default();
    let mut framer = Framer::new(&limits);
    framer.push(bytes);
    let mut all = Vec::new();
    loop {
        match framer.next() {
            Step::KeepAlive => {}
            Step::Message(span) => all.push(message(framer.bytes(span), &limits)),
            Step::Fault(fault) => {
                all.push(broken(fault.to_string()));
                return all;
            }
            Step::More if framer.pending() > 0 => {
                all.push(broken(format!("the capture ends inside a message; {} bytes are left", framer.pending())));
                return all;
            }
            Step::More => return all,
        }
    }
}

fn broken(fault: String) -> Found {
    Found { fields: Map::new(), cells: [String::from("-"), String::new(), String::new()], faults: vec![fault] }
}

fn message(frame: &[u8], limits: &Limits) -> Found {
    let head = match Head::parse(frame, limits) {
        Ok(head) => head,
        Err(fault) => return broken(fault.to_string()),
    };
    let value = |name: Name| head.get(name).map(|v| String::from_utf8_lossy(v).split_whitespace().collect::<Vec<_>>().join(" ")).unwrap_or_default();
    let start = match head.start {
        StartLine::Request { method, .. } => method.to_owned(),
        StartLine::Status { code, .. } => code.to_string(),
    };
    let mut faults = Vec::new();
    let (mut said, mut facts) = (Vec::new(), Map::new());
    match decode(frame, limits) {
        Ok(Decoded::Notify(notify)) => body(&notify.body, &mut said, &mut facts, &mut faults),
        Ok(Decoded::Response(response)) => {
            for (name, number) in [("expires", response.expires_s), ("piggyback_cseq", response.piggyback_cseq), ("retry_after", response.retry_after_s)] {
                number.map(|n| facts.insert(name.into(), n.into()));
            }
            response.diagnostics.map(|text| facts.insert("diagnostics".into(), text.into()));
            body(&response.body, &mut said, &mut facts, &mut faults);
        }
        // The daemon reads no bodies of other requests; here they are looked at all the same.
        Ok(Decoded::Request(_)) if !head.body.is_empty() => {
            body(&decode_body(&value(Name::ContentType), head.body, limits), &mut said, &mut facts, &mut faults)
        }
        Ok(Decoded::Request(_)) => {}
        Err(fault) => faults.push(fault.to_string()),
    }
    let (call_id, cseq) = (value(Name::CallId), value(Name::CSeq));
    let state = value(Name::SubscriptionState).replace(' ', "");
    let mut fields = Map::new();
    for (name, text) in
        [("start", &start), ("call_id", &call_id), ("cseq", &cseq), ("event", &value(Name::Event)), ("subscription_state", &state), ("users", &said.join(" "))]
    {
        fields.insert(name.into(), or_dash(text).into());
    }
    let shown = said.iter().cloned().chain(facts.iter().map(|(name, fact)| format!("{name} {fact}"))).collect::<Vec<_>>().join(" ");
    fields.insert("facts".into(), Value::Object(facts));
    Found { fields, cells: [format!("{start} ({cseq})"), call_id, shown], faults }
}

/// What a body says about users: `uri=availability/activity`; notes and list states are facts.
fn body(body: &Body<'_>, said: &mut Vec<String>, facts: &mut Map<String, Value>, faults: &mut Vec<String>) {
    match body {
        Body::Categories(doc) => document(doc, said, facts),
        Body::List(list) => {
            let state = |state: &ResourceState<'_>| match state {
                ResourceState::Active => "active".to_owned(),
                ResourceState::Resubscribe { .. } => "resubscribe".to_owned(),
                ResourceState::Terminated(reason) => format!("terminated;{reason:?}").to_lowercase(),
                ResourceState::Pending => "pending".to_owned(),
            };
            let resources: Map<String, Value> = list.resources.iter().map(|r| (r.uri.to_lowercase(), state(&r.state).into())).collect();
            facts.insert("rlmi".into(), resources.into());
            facts.insert("fullState".into(), list.full_state.into());
            list.docs.iter().for_each(|doc| document(doc, said, facts));
            faults.extend(list.faults.iter().map(|(part, fault)| format!("part {part}: {fault}")));
        }
        Body::Calls(info) => calls(info, said, facts),
        Body::Registration(event) => drop(facts.insert("registration".into(), format!("{event:?}").into())),
        Body::RoamingSelf(own) => {
            let version = |c: &OwnCategory<'_>| Value::from(vec![Value::from(&*c.name), c.instance.into(), c.container.into(), c.version.into()]);
            facts.insert("versions".into(), own.categories.iter().map(version).collect());
            facts.insert("containers".into(), own.containers.iter().map(|(id, version)| (id.to_string(), Value::from(*version))).collect::<Map<_, _>>().into());
        }
        Body::Refusal(fault) => {
            facts.insert("faultcode".into(), (*fault.code).into());
            facts.insert("operations".into(), fault.operations.iter().map(|o| Value::from(vec![o.index, o.version, o.current])).collect());
        }
        Body::Fault(fault) => faults.push(fault.to_string()),
        Body::Unsupported(kind) => drop(facts.insert("unread".into(), (*kind).into())),
        Body::None => {}
    }
}

/// `uri=dialog/state` of the call that has come furthest; calls that are over count least.
fn calls(info: &DialogInfo<'_>, said: &mut Vec<String>, facts: &mut Map<String, Value>) {
    let furthest = info.calls.iter().map(|call| call.state).max_by_key(|state| if *state == CallState::Terminated { None } else { Some(*state) });
    let word = furthest.map_or_else(|| "none".to_owned(), |state| format!("{state:?}").to_lowercase());
    said.push(format!("{}=dialog/{word}", info.entity.to_lowercase()));
    info.version.map(|version| facts.insert("version".into(), version.into()));
    if !info.full {
        facts.insert("partial".into(), true.into());
    }
}

fn document(doc: &CategoryDoc<'_>, said: &mut Vec<String>, facts: &mut Map<String, Value>) {
    let uri = doc.uri.to_lowercase();
    match &doc.state {
        Category::Absent => {}
        Category::Empty => said.push(format!("{uri}=none/-")),
        Category::Value(state) => {
            let availability = state.availability.map_or_else(|| "-".to_owned(), |n| n.to_string());
            let custom = state.custom.as_deref().map(|text| format!("custom:{}", percent(text)));
            let activity = custom.or_else(|| state.token.as_deref().map(str::to_owned)).unwrap_or_else(|| "-".to_owned());
            said.push(format!("{uri}={availability}/{activity}"));
        }
    }
    let note = match &doc.note {
        Category::Absent => return,
        Category::Empty => "",
        Category::Value(note) => &note.text,
    };
    if let Some(notes) = facts.entry("notes").or_insert_with(|| json!({})).as_object_mut() {
        notes.insert(uri, note.into());
    }
}

/// Percent-encoding of everything but letters, digits and `_.-~`.
fn percent(text: &str) -> String {
    let byte = |b: u8| if b.is_ascii_alphanumeric() || b"_.-~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}
