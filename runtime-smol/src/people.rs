//! The workers: from rows of a CSV or TOML people file to checked [`Person`]s (`decisions.md` 6, 19).
//!
//! Rows are checked one by one as they are read, so that a file of 100,000 workers is never held twice.
use crate::config_file::finding::{Findings, Lines, Place, nearest};
use crate::config_file::options::PERSON;
use crate::config_file::slot::{is_host, is_secret_ref};
use std::borrow::Cow;
use std::collections::HashMap;
use uc_core::config::{Person, PersonDn, Sync, is_language};

/// Longest field, bytes.
const FIELD_BYTES_MAX: usize = 1024;
/// DNs of one worker.
const DNS_MAX: usize = 64;

/// A field of a row and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Field<'t> {
    /// Text.
    pub(crate) text: Cow<'t, str>,
    /// Where.
    pub(crate) place: Place,
}

/// A row: the fields in the order of [`PERSON`]; a column that is not given is empty, at the row's place.
pub(crate) type Row<'t> = [Field<'t>; PERSON.len()];

/// Takes rows, reports mistakes, keeps what is good.
pub(crate) struct People<'s> {
    /// The good ones.
    pub(crate) persons: Vec<Person>,
    switches: &'s [&'s str],
    employees: HashMap<Box<str>, Place>,
    uris: HashMap<Box<str>, Place>,
    dns: HashMap<(u16, Box<str>), Place>,
    logins: HashMap<(u16, Box<str>), Place>,
}

impl<'s> People<'s> {
    /// With the names of the switches, in order.
    pub(crate) fn new(switches: &'s [&'s str]) -> Self {
        Self { persons: Vec::new(), switches, employees: HashMap::new(), uris: HashMap::new(), dns: HashMap::new(), logins: HashMap::new() }
    }

    /// One row.
    pub(crate) fn add(&mut self, row: &Row<'_>, findings: &mut Findings) {
        for (field, (name, ..)) in row.iter().zip(PERSON) {
            if field.text.len() > FIELD_BYTES_MAX {
                findings.error(&field.place, format!("{name} is {} bytes, the limit is {FIELD_BYTES_MAX}", field.text.len()));
            } else if field.text.chars().any(char::is_control) {
                findings.error(&field.place, format!("{name} contains a control character; remove it"));
            }
        }
        let [employee_id, user_name, display_name, sip_uri, agent_login, password_ref, login_queue, dns, place, groups, web_password_hash, language, sync] =
            row;
        if employee_id.text.is_empty() {
            findings.error(&employee_id.place, "employee_id is missing; every worker needs one");
        } else if let Some(first) = insert(&mut self.employees, employee_id.text.as_ref().into(), &employee_id.place) {
            findings.error(&employee_id.place, format!("employee_id `{}` is already taken by {first}; employee ids are unique", employee_id.text));
        }
        self.check_uri(sip_uri, findings);
        if !password_ref.text.is_empty() && !is_secret_ref(&password_ref.text) {
            findings.error(&password_ref.place, "password_ref must be a reference to a secret, `env:NAME` or `file:/path`, never the secret itself");
        }
        if !web_password_hash.text.is_empty()
            && let Err(why) = crate::web::password::check(&web_password_hash.text)
        {
            findings.error(&web_password_hash.place, format!("web_password_hash {why}; `uc-connector hash-password` makes one"));
        }
        if !language.text.is_empty() && !is_language(&language.text) {
            findings.error(&language.place, format!("language is `{}`, it must be a language tag, as in `de` or `pt-BR`", language.text));
        }
        let dns = self.read_dns(dns, findings);
        self.check_login(agent_login, &dns, findings);
        let own = |field: &Field<'_>| -> Box<str> { field.text.as_ref().into() };
        self.persons.push(Person {
            employee_id: own(employee_id),
            user_name: own(user_name),
            display_name: own(display_name),
            sip_uri: own(sip_uri),
            agent_login: own(agent_login),
            password_ref: own(password_ref),
            login_queue: own(login_queue),
            dns,
            place: own(place),
            groups: own(groups),
            web_password_hash: own(web_password_hash),
            language: own(language),
            sync: self.read_sync(sync, findings),
        });
    }

    fn read_sync(&self, field: &Field<'_>, findings: &mut Findings) -> Sync {
        match &*field.text {
            "" | "both" => Sync::Both,
            "pull" => Sync::Pull,
            "push" => Sync::Push,
            "off" => Sync::Off,
            other => {
                findings.error(&field.place, format!("sync is `{other}`, it must be `both`, `pull`, `push` or `off`"));
                Sync::Both
            }
        }
    }

    fn check_uri(&mut self, field: &Field<'_>, findings: &mut Findings) {
        let uri = &*field.text;
        if uri.is_empty() {
            return;
        }
        if let Err(instead) = sip_uri(uri) {
            findings.error(&field.place, format!("`{uri}` is not a SIP URI; {instead}"));
        } else if let Some(first) = insert(&mut self.uris, uri.to_ascii_lowercase().into(), &field.place) {
            findings.error(&field.place, format!("SIP URI `{uri}` is already taken by {first}; a worker is one row, with several DNs joined by `;`"));
        }
    }

    fn read_dns(&mut self, field: &Field<'_>, findings: &mut Findings) -> Box<[PersonDn]> {
        let mut dns = Vec::new();
        for text in field.text.split(';').map(str::trim).filter(|text| !text.is_empty()) {
            if dns.len() == DNS_MAX {
                findings.error(&field.place, format!("more than {DNS_MAX} DNs"));
                break;
            }
            match self.read_dn(text, &field.place) {
                Ok(dn) => dns.push(dn),
                Err(wrong) => findings.error(&field.place, wrong),
            }
        }
        dns.into()
    }

    fn read_dn(&mut self, text: &str, place: &Place) -> Result<PersonDn, String> {
        let Some((number, name)) = text.split_once('@') else {
            let switch = self.switches.first().copied().unwrap_or("SIP_Switch");
            return Err(format!("DN `{text}` has no switch; write `{text}@{switch}`"));
        };
        if number.is_empty() {
            return Err(format!("DN `{text}` has no number"));
        }
        let Some(at) = self.switches.iter().position(|switch| *switch == name) else {
            return Err(match nearest(name, self.switches.iter().copied()) {
                Some(near) => format!("DN `{text}` is on switch `{name}`, which is not configured; write `{number}@{near}`"),
                None => format!("DN `{text}` is on switch `{name}`, which is not configured; the switches are {}", list(self.switches)),
            });
        };
        let at = at as u16;
        match insert(&mut self.dns, (at, number.into()), place) {
            Some(first) => Err(format!("DN `{text}` is already taken by {first}; a DN belongs to one worker")),
            None => Ok(PersonDn { number: number.into(), switch: at }),
        }
    }

    fn check_login(&mut self, login: &Field<'_>, dns: &[PersonDn], findings: &mut Findings) {
        if login.text.is_empty() {
            if !dns.is_empty() {
                findings.warning(&login.place, "agent_login is missing although there is a DN; the worker can only be logged in by others");
            }
            return;
        }
        let mut switches: Vec<u16> = dns.iter().map(|dn| dn.switch).collect();
        switches.sort_unstable();
        switches.dedup();
        for switch in switches {
            if let Some(first) = insert(&mut self.logins, (switch, login.text.as_ref().into()), &login.place) {
                findings.error(&login.place, format!("agent_login `{}` is already taken by {first} on the same switch", login.text));
            }
        }
    }
}

/// Remembers where `key` was first seen; the first place if it was seen before.
fn insert<K: std::hash::Hash + Eq>(seen: &mut HashMap<K, Place>, key: K, place: &Place) -> Option<Place> {
    match seen.entry(key) {
        std::collections::hash_map::Entry::Occupied(entry) => Some(entry.get().clone()),
        std::collections::hash_map::Entry::Vacant(entry) => {
            entry.insert(place.clone());
            None
        }
    }
}

/// Names for a sentence.
pub(crate) fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ") }
}

/// Checks `sip:user@host`.
///
/// # Errors
/// What to write instead.
pub(crate) fn sip_uri(uri: &str) -> Result<(), String> {
    let Some(rest) = uri.strip_prefix("sip:") else {
        return Err(match uri.split_once(':') {
            Some(("sips" | "SIP" | "tel" | "mailto" | "smtp", rest)) if rest.contains('@') => format!("write `sip:{rest}`"),
            _ if uri.contains('@') && !uri.contains(':') => format!("write `sip:{uri}`"),
            _ => "write `sip:user@domain`".into(),
        });
    };
    match rest.split_once('@') {
        None => Err(format!("the domain is missing, write `sip:{rest}@example.com`")),
        Some((user, host)) if user.is_empty() || host.is_empty() => Err("write `sip:user@domain`".into()),
        Some((user, _)) if user.bytes().any(|b| b.is_ascii_control() || b" <>\"@,;?".contains(&b)) => {
            Err("the user part has a character that must be escaped as `%XX`".into())
        }
        Some((_, host)) if !is_host(host) => Err(format!("`{host}` is not a domain name; ports and parameters do not belong here")),
        Some(_) => Ok(()),
    }
}

/// Reads a CSV people file (RFC 4180: quoted fields, doubled quotes, CR LF or LF; the first line names the columns in any order).
pub(crate) fn read_csv(file: &str, text: &str, people: &mut People<'_>, findings: &mut Findings) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Csv { lines: Lines::new(file, text), text, at: 0 };
    let Some(header) = records.next(findings) else {
        let columns = PERSON.map(|(name, ..)| name).join(",");
        findings.error(&records.lines.whole(), format!("the file is empty; its first line names the columns: {columns}"));
        return;
    };
    let columns = read_header(&header, findings);
    if !columns.contains(&Some(0)) {
        findings.error(&header[0].place, "column `employee_id` is missing");
        return;
    }
    while let Some(record) = records.next(findings) {
        if record.len() == 1 && record[0].text.is_empty() {
            continue;
        }
        if record.len() != header.len() {
            let (got, want) = (record.len(), header.len());
            findings.error(&record[0].place, format!("{got} fields instead of {want}; put fields that contain a comma in double quotes"));
            continue;
        }
        let place = record[0].place.clone();
        let mut row: Row<'_> = std::array::from_fn(|_| Field { text: Cow::Borrowed(""), place: place.clone() });
        for (field, column) in record.into_iter().zip(&columns) {
            if let Some(at) = column {
                row[*at] = field;
            }
        }
        people.add(&row, findings);
    }
}

/// Which column of [`PERSON`] each field is.
fn read_header(header: &[Field<'_>], findings: &mut Findings) -> Vec<Option<usize>> {
    let mut seen = [false; PERSON.len()];
    let mut column = |field: &Field<'_>| {
        let at = PERSON.iter().position(|(name, ..)| *name == field.text.trim());
        match at {
            Some(at) if seen[at] => findings.error(&field.place, format!("column `{}` is there twice", field.text)),
            Some(at) => seen[at] = true,
            None => match nearest(&field.text, PERSON.map(|(name, ..)| name)) {
                Some(near) => findings.error(&field.place, format!("there is no column `{}`; did you mean `{near}`?", field.text)),
                None => findings.error(&field.place, format!("there is no column `{}`; the columns are {}", field.text, list(&PERSON.map(|(name, ..)| name)))),
            },
        }
        at
    };
    header.iter().map(&mut column).collect()
}

struct Csv<'t> {
    lines: Lines<'t>,
    text: &'t str,
    at: usize,
}

impl<'t> Csv<'t> {
    /// The next record; `None` at the end.
    fn next(&mut self, findings: &mut Findings) -> Option<Vec<Field<'t>>> {
        if self.at >= self.text.len() {
            return None;
        }
        let mut record = Vec::new();
        loop {
            let start = self.at;
            let place = self.lines.place(&(start..start));
            let text = if self.text[start..].starts_with('"') { self.quoted(&place, findings) } else { self.plain() };
            record.push(Field { text, place });
            match self.text.as_bytes().get(self.at) {
                Some(b',') => self.at += 1,
                Some(_) => {
                    self.at += 1;
                    return Some(record);
                }
                None => return Some(record),
            }
        }
    }

    fn plain(&mut self) -> Cow<'t, str> {
        let rest = &self.text[self.at..];
        let len = rest.find([',', '\n']).unwrap_or(rest.len());
        self.at += len;
        let field = &rest[..len];
        Cow::Borrowed(if rest[len..].starts_with(',') { field } else { field.strip_suffix('\r').unwrap_or(field) }.trim())
    }

    fn quoted(&mut self, place: &Place, findings: &mut Findings) -> Cow<'t, str> {
        let rest = &self.text[self.at + 1..];
        let mut text = Cow::Borrowed("");
        let mut from = 0;
        loop {
            let Some(quote) = rest[from..].find('"') else {
                findings.error(place, "the double quote that begins here is never closed; the rest of the file was not read");
                self.at = self.text.len();
                return text;
            };
            text += &rest[from..from + quote];
            from += quote + 1;
            if !rest[from..].starts_with('"') {
                break;
            }
            text += "\"";
            from += 1;
        }
        self.at += 1 + from;
        let tail = self.plain();
        if !tail.is_empty() {
            findings.error(place, format!("`{tail}` follows the closing double quote; write a double quote inside a field twice"));
        }
        text
    }
}
