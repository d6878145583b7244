//! Printers of what a user's own endpoints are told: roaming-self with its table of versions, the contact list, the conflict document
//! (`spec/ms-pres.md` 6.4, 6.5).
use super::documents::publish_time;
use super::publication::{AGGREGATE, Conflict, Key, Publication, Value};
use super::publish_body::{NOTE, STATE};
use super::users::{Activity, Container, Presence, User};
use crate::peers::xml::escape;
use std::collections::BTreeSet;

const ROAMING_SELF: &str = "http://schemas.microsoft.com/2006/09/sip/roaming-self";
const CATEGORIES: &str = "http://schemas.microsoft.com/2006/09/sip/categories";
const CONTAINERS: &str = "http://schemas.microsoft.com/2006/09/sip/containers";
const SUBSCRIBERS: &str = "http://schemas.microsoft.com/2006/09/sip/presence-subscribers";
const CONTACTS: &str = "http://schemas.microsoft.com/sip/roaming-contacts";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Containers that get an aggregate (`spec/ms-pres.md` 5.5).
pub(super) const AGGREGATED: [u32; 5] = [2, 100, 200, 300, 400];

/// What of a user's own data is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Roaming {
    /// What changed; `None`: everything is told.
    pub(super) keys: Option<BTreeSet<Key>>,
    /// Single instances, not whole categories.
    pub(super) instances: bool,
    pub(super) categories: bool,
    pub(super) containers: bool,
    pub(super) subscribers: bool,
}

impl Roaming {
    /// All of it.
    pub(super) const ALL: Self = Self { keys: None, instances: false, categories: true, containers: true, subscribers: true };

    /// What changed of the publications, nothing else.
    pub(super) fn of(keys: BTreeSet<Key>, instances: bool) -> Self {
        Self { keys: Some(keys), instances, categories: true, ..Self::default() }
    }

    /// What of it a subscriber asked for.
    pub(super) fn within(&self, asked: &Self) -> Self {
        Self {
            keys: self.keys.clone(),
            instances: self.instances,
            categories: self.categories && asked.categories,
            containers: self.containers && asked.containers,
            subscribers: self.subscribers && asked.subscribers,
        }
    }

    /// Both.
    pub(super) fn merge(self, other: Self) -> Self {
        let keys = match (self.categories, other.categories) {
            (true, true) => self.keys.zip(other.keys).map(|(a, b)| a.into_iter().chain(b).collect()),
            (true, false) => self.keys,
            (false, _) => other.keys,
        };
        Self {
            keys,
            instances: self.instances || other.instances,
            categories: self.categories || other.categories,
            containers: self.containers || other.containers,
            subscribers: self.subscribers || other.subscribers,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        !self.categories && !self.containers && !self.subscribers
    }
}

/// `roamingData`: the table of versions, or what changed of it. That is every category with a change, whole: a known client forgets what it knew of a category
/// that is named, and reads an emptied one as `<category name="note"/>`. (`spec/ms-pres.md` 6.5 takes changes for single instances; `instances` prints those, one
/// that is gone as an empty category with its key.)
pub(super) fn roaming_data(user: &User, what: &Roaming, now_unix_ms: u64) -> String {
    let mut out = format!("<roamingData xmlns=\"{ROAMING_SELF}\">");
    if what.categories {
        out.push_str(&format!("<categories xmlns=\"{CATEGORIES}\" uri=\"{}\">", escape(&user.uri)));
        let touched: Option<BTreeSet<&str>> = what.keys.as_ref().map(|keys| keys.iter().map(|k| k.category.as_str()).collect());
        let wanted = |key: &Key| match (&what.keys, &touched) {
            (Some(keys), Some(touched)) => {
                if what.instances {
                    keys.contains(key)
                } else {
                    touched.contains(key.category.as_str())
                }
            }
            _ => true,
        };
        for (key, row) in user.published.iter().filter(|(k, _)| wanted(k)) {
            let (kind, version) = (row.expire.as_str(), row.version);
            let expires = row.expires_s.map(|s| format!(" expires=\"{s}\"")).unwrap_or_default();
            category(&mut out, key, row.unix_ms, version, &format!("{kind}\"{expires} endpointId=\"{}", escape(row.endpoint_id())), &published(row));
        }
        for container in AGGREGATED {
            let key = Key::new("state", AGGREGATE, container);
            if wanted(&key) && user.published.aggregated {
                let view = user.view(container);
                category(&mut out, &key, view.state_unix_ms, user.published.aggregate_version, "user", &aggregate_state(&view));
            }
        }
        let stands = |name: &str| name == "state" && user.published.aggregated || user.published.iter().any(|(k, _)| k.category == name);
        if what.instances {
            let aggregate = |key: &Key| key.category == "state" && key.instance == AGGREGATE;
            let gone = |key: &&Key| user.published.get(key).is_none() && !(aggregate(key) && user.published.aggregated);
            for Key { category, instance, container } in what.keys.iter().flatten().filter(gone) {
                let time = publish_time(now_unix_ms);
                out.push_str(&format!(
                    "<category name=\"{}\" instance=\"{instance}\" publishTime=\"{time}\" container=\"{container}\" version=\"0\"/>",
                    escape(category)
                ));
            }
        } else {
            for name in touched.iter().flatten().filter(|name| !stands(name)) {
                out.push_str(&format!("<category name=\"{}\"/>", escape(name)));
            }
        }
        out.push_str("</categories>");
    }
    if what.containers {
        out.push_str(&format!("<containers xmlns=\"{CONTAINERS}\">"));
        let untouched = Container::default();
        let ids: BTreeSet<u32> = user.containers.keys().copied().chain([100, 200, 300, 400, 32_000]).collect();
        for id in ids {
            let container = user.containers.get(&id).unwrap_or(&untouched);
            out.push_str(&format!("<container id=\"{id}\" version=\"{}\">", container.version));
            for (kind, value) in &container.members {
                let value = if value.is_empty() { String::new() } else { format!(" value=\"{}\"", escape(value)) };
                out.push_str(&format!("<member type=\"{}\"{value}/>", escape(kind)));
            }
            out.push_str("</container>");
        }
        out.push_str("</containers>");
    }
    if what.subscribers {
        out.push_str(&format!("<subscribers xmlns=\"{SUBSCRIBERS}\"></subscribers>"));
    }
    out.push_str("</roamingData>");
    out
}

fn category(out: &mut String, key: &Key, unix_ms: u64, version: u32, expire: &str, value: &str) {
    let Key { category, instance, container } = key;
    out.push_str(&format!(
        "<category name=\"{}\" instance=\"{instance}\" publishTime=\"{}\" container=\"{container}\" version=\"{version}\" expireType=\"{expire}\">\r\n{value}\r\n</category>\r\n",
        escape(category),
        publish_time(unix_ms)
    ));
}

/// The element as it came, or printed for what a script published.
fn published(row: &Publication) -> String {
    if !row.raw.is_empty() {
        return row.raw.clone();
    }
    match &row.value {
        Value::State(state) => {
            let manual = matches!(state.kind, super::publication::StateKind::User);
            let availability = state.availability.map(|n| format!("<availability>{n}</availability>")).unwrap_or_default();
            let activity: String = state.activities.iter().map(|a| activity(&a.activity, Some(a.min))).collect();
            format!(
                "<state xmlns=\"{STATE}\" manual=\"{manual}\" xmlns:xsi=\"{XSI}\" xsi:type=\"{}\">{availability}{activity}<endpointLocation/></state>",
                state.kind.as_str()
            )
        }
        Value::Note(text) => format!("<note xmlns=\"{NOTE}\"><body type=\"personal\" uri=\"\">{}</body></note>", escape(text)),
        Value::Other => String::new(),
    }
}

fn aggregate_state(view: &Presence) -> String {
    let availability = view.availability.map(|n| format!("<availability>{n}</availability>")).unwrap_or_default();
    let activity = activity(&view.activity, None);
    format!("<state xsi:type=\"aggregateState\" xmlns:xsi=\"{XSI}\" xmlns=\"{STATE}\">{availability}{activity}</state>")
}

fn activity(activity: &Activity, min: Option<u32>) -> String {
    let min = min.filter(|n| *n > 0).map(|n| format!(" minAvailability=\"{n}\"")).unwrap_or_default();
    match activity {
        Activity::None => String::new(),
        Activity::Token(token) => format!("<activity token=\"{}\"{min}/>", escape(token)),
        Activity::Custom(text) => format!("<activity{min}><custom LCID=\"1033\">{}</custom></activity>", escape(text)),
    }
}

/// Body of a 409 (`spec/ms-pres.md` 6.4), in the form of the documented sample.
pub(super) fn conflict(conflicts: &[Conflict]) -> String {
    let mut out = "<Fault>\r\n<Faultcode>Client.BadCall.WrongDelta</Faultcode>\r\n<details>\r\n".to_owned();
    for c in conflicts {
        out.push_str(&format!("<operation index=\"{}\" version=\"{}\" curVersion=\"{}\" >\r\n</operation>\r\n", c.index, c.sent, c.current));
    }
    out.push_str("</details>\r\n</Fault>");
    out
}

/// Body of roaming-contacts: one group with all contacts.
pub(super) fn contact_list(contacts: &[String]) -> String {
    let mut out = format!("<contactList xmlns=\"{CONTACTS}\" deltaNum=\"1\" ><group id=\"1\" name=\"~\" externalURI=\"\" />");
    for contact in contacts {
        let uri = contact.strip_prefix("sip:").unwrap_or(contact);
        out.push_str(&format!(
            "<contact uri=\"{}\" name=\"\" groups=\"1 \" subscribed=\"true\" externalURI=\"\"><contactExtension></contactExtension></contact>",
            escape(uri)
        ));
    }
    out.push_str("</contactList>");
    out
}
