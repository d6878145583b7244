//! SUBSCRIBE: batches and single ones, in and out of dialogs, and their answers (`spec/ms-pres.md` 4.1-4.3, 4.7).
use super::dialog::Dialog;
use super::documents::{Resource, ResourceState, Selection, XmlStyle, categories, multipart, rlmi};
use super::packages::Package;
use super::register::ALLOW_EVENTS;
use super::reply::{BodyText, received_cid};
use super::roaming::Roaming;
use super::service::Refusal;
use super::users::Home;
use super::{FrontEnd, Mono, SecondDialog};
use crate::peers::sip::{SipMsg, param, uri_of};
use crate::peers::xml::{Batch, parse_batch};
use std::collections::{BTreeMap, BTreeSet};

/// A first notification.
pub(super) enum First {
    /// These resources, all of the dialog's or not.
    List(Vec<Resource>, bool),
    /// Something else, or nothing.
    Body(Option<BodyText>),
}

/// No such dialog.
const GONE: Refusal = (481, "Call Leg/Transaction Does Not Exist");

impl FrontEnd {
    pub(super) fn on_subscribe(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg) {
        let in_dialog = param(msg.header("to").unwrap_or_default(), "tag").is_some();
        if in_dialog {
            self.counts.refreshes += 1;
        } else {
            self.counts.subscribes += 1;
        }
        if self.rng.chance(self.faults.subscribe_503_pm) {
            let seconds = self.faults.retry_after_s.to_string();
            return self.reply(conn, msg, 503, "Service Unavailable", &[("Retry-After", &seconds)], None);
        }
        if self.rng.chance(self.faults.subscribe_5xx_pm) {
            let (code, text) =
                self.rng.pick(&[(408, "Request Timeout"), (480, "Temporarily Unavailable"), (500, "Server Internal Error"), (504, "Server Time-out")]);
            return self.reply(conn, msg, code, text, &[], None);
        }
        let Some(package) = Package::of(msg.header("event").unwrap_or_default()) else {
            return self.reply(conn, msg, 489, "Bad Event", &[("Allow-Events", ALLOW_EVENTS)], None);
        };
        let expires = match msg.header("expires").map(str::parse::<u32>) {
            None => None,
            Some(Ok(n)) => Some(n),
            Some(Err(_)) => {
                self.violate(now, "Expires is not a number");
                return self.reply(conn, msg, 400, "Bad Request", &[], None);
            }
        };
        let min = self.config.expires_min_s;
        if expires.is_some_and(|e| e > 0 && e < min) {
            return self.reply(conn, msg, 423, "Interval Too Brief", &[("Min-Expires", &min.to_string())], None);
        }
        if package.is_own() {
            if let Err((code, text)) = self.on_own_subscribe(now, conn, request_uri, msg, expires, package) {
                self.reply(conn, msg, code, text, &[], None);
            }
            return;
        }
        let body = if msg.body.is_empty() { Ok(None) } else { parse_batch(&msg.body).map(Some) };
        let outcome = match body {
            Err(why) => {
                self.violate(now, &format!("body of SUBSCRIBE: {why}"));
                Err((400, "Bad Request"))
            }
            Ok(batch) if in_dialog => self.on_refresh(now, conn, msg, expires, batch.as_ref()),
            Ok(Some(batch)) => self.on_initial(now, conn, request_uri, msg, expires, &batch),
            Ok(None) => {
                self.violate(now, "SUBSCRIBE outside a dialog without a body");
                Err((400, "Bad Request"))
            }
        };
        if let Err((code, text)) = outcome {
            self.reply(conn, msg, code, text, &[], None);
        }
    }

    fn on_initial(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg, expires: Option<u32>, batch: &Batch) -> Result<(), Refusal> {
        let from = msg.header("from").unwrap_or_default();
        let (watcher_uri, to_uri) = (uri_of(from), uri_of(msg.header("to").unwrap_or_default()));
        let single = !msg.has_token("require", "adhoclist");
        let pool = self.users.iter().any(|u| matches!(&u.home, Home::Pool(p) if same_pool(p, to_uri)));
        if to_uri != request_uri || !single && !pool && to_uri != watcher_uri {
            self.violate(now, &format!("SUBSCRIBE to {request_uri} has From {watcher_uri} and To {to_uri}"));
            return Err((403, "Forbidden"));
        }
        if !single && !msg.has_token("require", "categoryList") {
            self.violate(now, "batch without Require: categoryList");
            return Err((400, "Bad Request"));
        }
        let call_id = msg.header("call-id").unwrap_or_default();
        if self.is_taken(call_id, watcher_uri) {
            self.violate(now, &format!("Call-ID {call_id} of a second dialog"));
            return Err((400, "Bad Request"));
        }
        let epid = param(from, "epid").unwrap_or_default();
        let uris: Vec<&str> = batch.actions.iter().filter(|a| !a.unsubscribe).flat_map(|a| a.resources.iter().map(String::as_str)).collect();
        self.check_resources(now, watcher_uri, epid, &uris, expires == Some(0))?;
        if !single {
            let node = self.conns.get(&conn).map_or(0, |c| c.node);
            self.replace_dialogs(now, node, watcher_uri, epid, request_uri);
        }
        let id = self.open_dialog(now, conn, msg, Package::Presence, single);
        let resources = self.apply(id, batch);
        self.finish_subscribe(now, conn, id, msg, expires, First::List(resources, true));
        Ok(())
    }

    /// Makes the dialog a SUBSCRIBE asks for.
    pub(super) fn open_dialog(&mut self, now: Mono, conn: u64, msg: &SipMsg, package: Package, single: bool) -> u32 {
        let from = msg.header("from").unwrap_or_default();
        let call_id = msg.header("call-id").unwrap_or_default().to_owned();
        let id = self.next_serial() as u32;
        let dialog = Dialog {
            node: self.conns.get(&conn).map_or(0, |c| c.node),
            conn: Some(conn),
            call_id: call_id.clone(),
            watcher: from.to_owned(),
            watcher_uri: uri_of(from).to_owned(),
            epid: param(from, "epid").unwrap_or_default().to_owned(),
            local_uri: uri_of(msg.header("to").unwrap_or_default()).to_owned(),
            local_tag: format!("{:08X}", self.rng.bits() as u32),
            remote_tag: param(from, "tag").unwrap_or_default().to_owned(),
            remote_cseq: msg.cseq().map_or(0, |(n, _)| n),
            local_cseq: 0,
            target: self.target(conn, uri_of(msg.header("contact").unwrap_or_default())),
            single,
            members: BTreeSet::new(),
            subscribed: Selection { state: false, note: false, others: false },
            package,
            roaming: Roaming::ALL,
            pending_own: None,
            benotify: self.config.grant_benotify && msg.has_token("supported", "ms-benotify"),
            expires_at: now,
            list_version: 0,
            awaiting: BTreeMap::new(),
            pending: BTreeMap::new(),
            last_sent: now,
            flush_at: None,
            stuck_since: None,
            last_text: String::new(),
        };
        self.dialog_of.insert((call_id, dialog.local_tag.clone()), id);
        self.dialogs.insert(id, dialog);
        id
    }

    fn on_refresh(&mut self, now: Mono, conn: u64, msg: &SipMsg, expires: Option<u32>, batch: Option<&Batch>) -> Result<(), Refusal> {
        let id = self.dialog_of_request(now, conn, msg)?;
        if self.loses_refresh(conn, id, msg)? {
            return Ok(());
        }
        let dialog = &self.dialogs[&id];
        let (watcher, epid) = (dialog.watcher_uri.clone(), dialog.epid.clone());
        let added: Vec<&str> = batch.iter().flat_map(|b| &b.actions).filter(|a| !a.unsubscribe).flat_map(|a| a.resources.iter().map(String::as_str)).collect();
        self.check_resources(now, &watcher, &epid, &added, expires == Some(0))?;
        self.refreshed(conn, id, msg);
        let without_body = self.rng.chance(self.faults.refresh_without_body_pm);
        let first = match batch {
            Some(batch) => First::List(self.apply(id, batch), false),
            None if without_body || expires == Some(0) => First::Body(None),
            None => First::List(self.all_members(id), true),
        };
        self.finish_subscribe(now, conn, id, msg, expires, first);
        Ok(())
    }

    /// The dialog an in-dialog SUBSCRIBE refreshes, brought up to date.
    pub(super) fn known_dialog(&mut self, now: Mono, conn: u64, msg: &SipMsg) -> Result<u32, Refusal> {
        let id = self.dialog_of_request(now, conn, msg)?;
        if self.rng.chance(self.faults.refresh_481_pm) {
            self.drop_dialog(id);
            return Err(GONE);
        }
        self.refreshed(conn, id, msg);
        Ok(id)
    }

    fn dialog_of_request(&mut self, now: Mono, conn: u64, msg: &SipMsg) -> Result<u32, Refusal> {
        let node = self.conns.get(&conn).map_or(0, |c| c.node);
        let tags = (param(msg.header("to").unwrap_or_default(), "tag"), param(msg.header("from").unwrap_or_default(), "tag"));
        let is_it = |d: &Dialog| d.node == node && tags == (Some(d.local_tag.as_str()), Some(d.remote_tag.as_str()));
        let call_id = msg.header("call-id").unwrap_or_default();
        let id = self.dialogs_of(call_id).find(|id| self.dialogs.get(id).is_some_and(is_it)).ok_or(GONE)?;
        let dialog = &self.dialogs[&id];
        let (cseq, last) = (msg.cseq().map_or(0, |(n, _)| n), dialog.remote_cseq);
        if cseq <= last {
            self.judge(now, conn, &format!("CSeq {cseq} in a dialog after {last}"));
            return Err((500, "Server Internal Error"));
        }
        Ok(id)
    }

    /// The dialog is lost, or its flow: whether the request is answered with that.
    fn loses_refresh(&mut self, conn: u64, id: u32, msg: &SipMsg) -> Result<bool, Refusal> {
        if self.rng.chance(self.faults.refresh_481_pm) {
            self.drop_dialog(id);
            return Err(GONE);
        }
        if !self.rng.chance(self.faults.refresh_430_pm) {
            return Ok(false);
        }
        if !msg.has_token("supported", "ms-dialog-route-set-update") {
            self.drop_dialog(id);
            return Err(GONE);
        }
        self.reply(conn, msg, 430, "Flow Failed", &[("P-Dialog-Recovery-Action", "Dialog-Route-Set-Update")], None);
        Ok(true)
    }

    fn refreshed(&mut self, conn: u64, id: u32, msg: &SipMsg) {
        let target = self.target(conn, uri_of(msg.header("contact").unwrap_or_default()));
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.remote_cseq = msg.cseq().map_or(0, |(n, _)| n);
            dialog.target = target;
            if dialog.conn != Some(conn) {
                dialog.conn = Some(conn);
                dialog.awaiting.clear();
                dialog.stuck_since = None;
            }
        }
    }

    /// Refuses a batch that is too large, or has a URI nobody can serve.
    fn check_resources(&mut self, now: Mono, watcher: &str, epid: &str, uris: &[&str], poll: bool) -> Result<(), Refusal> {
        let max = self.config.batch_max;
        if uris.len() > max {
            self.violate(now, &format!("{} resources in one SUBSCRIBE, the limit is {max}", uris.len()));
            return Err((413, "Request Entity Too Large"));
        }
        if uris.iter().any(|u| !acceptable(u)) {
            return Err((400, "Bad Request"));
        }
        let of_endpoint = self.dialogs.values().filter(|d| d.conn.is_some() && d.watcher_uri == watcher && d.epid == epid);
        let mut watched: BTreeSet<usize> = of_endpoint.flat_map(|d| d.members.iter().copied()).collect();
        watched.extend(uris.iter().filter_map(|u| self.users.find(u)));
        let (count, max) = (watched.len(), self.config.users_per_endpoint_max);
        if count > max && !poll {
            self.violate(now, &format!("{count} users watched by endpoint {watcher};epid={epid}, the limit is {max}"));
            return Err((403, "Forbidden"));
        }
        Ok(())
    }

    /// One subscription dialog per endpoint *per server* (`spec/ms-pres.md` 4.1).
    fn replace_dialogs(&mut self, now: Mono, node: u16, watcher: &str, epid: &str, to: &str) {
        if self.config.second_dialog == SecondDialog::Allowed {
            return;
        }
        let same = self.dialogs.iter().filter(|(_, d)| !d.single && d.node == node && d.watcher_uri == watcher && d.epid == epid && d.local_uri == to);
        let old: Vec<(u32, bool)> = same.map(|(id, d)| (*id, d.conn.is_some())).collect();
        for (id, live) in old {
            if live && self.config.second_dialog == SecondDialog::Forbidden {
                self.violate(now, &format!("second subscription dialog of endpoint {watcher};epid={epid}"));
            }
            self.drop_dialog(id);
        }
    }

    /// Where our requests of a dialog go: the address of its Contact, or the registered one when the Contact is a GRUU.
    fn target(&self, conn: u64, contact: &str) -> String {
        let address = match self.registrations.values().find(|r| r.gruu.eq_ignore_ascii_case(contact.trim_end_matches(";grid"))) {
            Some(r) => r.contact.as_str(),
            None => contact.split(';').next().unwrap_or_default(),
        };
        let grid = if contact.ends_with(";grid") { ";grid" } else { "" };
        format!("{address};ms-received-cid={}{grid}", received_cid(conn))
    }

    /// Carries out the actions of a body and says what became of each resource that was asked for.
    fn apply(&mut self, id: u32, batch: &Batch) -> Vec<Resource> {
        let mut out = Vec::new();
        for action in &batch.actions {
            let names = |n: &str| action.categories.iter().any(|c| c == n);
            let wanted = Selection { state: names("state"), note: names("note"), others: names("calendarData") };
            if let Some(d) = self.dialogs.get_mut(&id).filter(|_| !action.unsubscribe) {
                let old = d.subscribed;
                d.subscribed = Selection { state: old.state || wanted.state, note: old.note || wanted.note, others: old.others || wanted.others };
            }
            for uri in &action.resources {
                let user = self.users.find(uri);
                if action.unsubscribe {
                    if let (Some(user), Some(d)) = (user, self.dialogs.get_mut(&id)) {
                        d.members.remove(&user);
                        d.pending.remove(&user);
                        self.users.at_mut(user).watched_by.remove(&id);
                    }
                    continue;
                }
                out.push(self.resource(id, uri, user));
            }
        }
        out
    }

    /// Takes one resource into a dialog, if this dialog can serve it.
    fn resource(&mut self, id: u32, uri: &str, user: Option<usize>) -> Resource {
        let refused = |state| Resource { uri: uri.to_owned(), state, document: None };
        let Some(user) = user else { return refused(ResourceState::Terminated("noresource")) };
        let Some(dialog) = self.dialogs.get_mut(&id) else { return refused(ResourceState::Pending) };
        match &self.users.at(user).home {
            Home::Blocked => return refused(ResourceState::Terminated("rejected")),
            Home::Pending => return refused(ResourceState::Pending),
            Home::Federated if !dialog.single => return refused(ResourceState::Resubscribe(None)),
            Home::Pool(pool) if !same_pool(pool, &dialog.local_uri) => return refused(ResourceState::Resubscribe(Some(pool.clone()))),
            _ => {}
        }
        dialog.members.insert(user);
        // The document that follows is news enough.
        dialog.pending.remove(&user);
        let subscribed = dialog.subscribed;
        let entry = self.users.at_mut(user);
        entry.watched_by.insert(id);
        entry.unread.clear();
        let entry = self.users.at(user);
        let container = entry.container_of(&dialog.watcher_uri);
        let document = categories(&entry.uri, &entry.view(container), subscribed, XmlStyle::default());
        Resource { uri: uri.to_owned(), state: ResourceState::Active, document: Some(document) }
    }

    fn all_members(&mut self, id: u32) -> Vec<Resource> {
        let members: Vec<usize> = self.dialogs.get(&id).map(|d| d.members.iter().copied().collect()).unwrap_or_default();
        members.iter().map(|user| self.resource(id, &self.users.at(*user).uri.clone(), Some(*user))).collect()
    }

    fn granted(&mut self, asked: Option<u32>) -> u32 {
        let (default, max, percent) = (self.config.expires_default_s, self.config.expires_max_s, self.config.expires_spread_percent);
        let base = asked.unwrap_or(default).min(max);
        let spread = self.rng.below(u64::from(base) * u64::from(percent) / 100 + 1) as u32;
        if asked.is_none() && self.rng.below(2) == 0 { base.saturating_add(spread).min(max) } else { base - spread }
    }

    /// Answers 200, with the first notification in it or behind it.
    pub(super) fn finish_subscribe(&mut self, now: Mono, conn: u64, id: u32, msg: &SipMsg, expires: Option<u32>, first: First) {
        let ends = expires == Some(0);
        let granted = if ends { 0 } else { self.granted(expires) };
        let no_piggyback = self.rng.chance(self.faults.no_piggyback_pm);
        let piggyback = self.config.grant_piggyback && !no_piggyback && msg.has_token("supported", "ms-piggyback-first-notify");
        let body = match first {
            First::List(resources, full) => (!resources.is_empty()).then(|| self.list_body(id, full, &resources)),
            First::Body(body) => body,
        };
        let silent = !ends && self.falls_silent(id);
        let body = body.filter(|_| !silent);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        dialog.expires_at = now + u64::from(granted) * 1000;
        let (tag, single, benotify, package) = (dialog.local_tag.clone(), dialog.single, dialog.benotify, dialog.package);
        let inline = piggyback || ends || single && dialog.local_cseq == 0;
        let seconds = granted.to_string();
        let state = if ends { "terminated;expires=0".to_owned() } else { format!("active;expires={granted}") };
        let host = self.host(self.dialogs[&id].node);
        let transport = self.config.transport.to_ascii_lowercase();
        let contact = format!("<sip:{host}:5061;transport={transport}>");
        let route = format!("<sip:{host}:5061;transport={transport};opaque=state:F:T:Ci.D{id}:Ti.{tag};lr;ms-route-sig=aa{tag}>");
        let mut headers =
            vec![("Record-Route", route.as_str()), ("Contact", &contact), ("Expires", &seconds), ("Event", package.as_str()), ("subscription-state", &state)];
        let cseq;
        let mut body = body;
        let inline_body = if inline { body.take() } else { None };
        if inline_body.is_some()
            && !ends
            && let Some(dialog) = self.dialogs.get_mut(&id)
        {
            dialog.local_cseq += 1;
            cseq = dialog.local_cseq.to_string();
            headers.push(("ms-piggyback-cseq", &cseq));
        }
        if benotify {
            headers.push(("Supported", "ms-benotify"));
        }
        if piggyback {
            headers.push(("Supported", "ms-piggyback-first-notify"));
        }
        if !package.is_own() {
            headers.push(("Require", "eventlist"));
        }
        let early = self.rng.chance(self.faults.early_notify_pm);
        if early && let Some(body) = body.take() {
            self.send_notify(now, id, &state, Some(&body));
        }
        self.reply_tagged(conn, msg, &tag, 200, "OK", &headers, inline_body.as_ref());
        if let Some(body) = body.take() {
            self.send_notify(now, id, &state, Some(&body));
        }
        if ends || silent {
            self.drop_dialog(id);
        } else {
            self.flush(now, id);
        }
    }

    /// Whether nothing will ever be heard of a new dialog.
    fn falls_silent(&mut self, id: u32) -> bool {
        let new = self.dialogs.get(&id).is_some_and(|d| d.package == Package::Presence && d.local_cseq == 0);
        new && self.rng.chance(self.faults.no_notify_pm)
    }

    /// Body of a first notification: one document for a single subscription, else a list with documents.
    fn list_body(&mut self, id: u32, full: bool, resources: &[Resource]) -> BodyText {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return BodyText::default() };
        if let ([Resource { document: Some(document), .. }], true) = (resources, dialog.single) {
            return ("application/msrtc-event-categories+xml".to_owned(), document.clone());
        }
        let partial = self.rng.chance(self.faults.partial_list_pm);
        dialog.list_version += 1;
        let version = if partial { 0 } else { dialog.list_version };
        let list = rlmi(&dialog.local_uri, version, full && !partial, partial, resources);
        if resources.iter().all(|r| r.document.is_none()) {
            return ("application/rlmi+xml".to_owned(), list);
        }
        let boundary = format!("50UB{:016X}", self.rng.bits());
        multipart(&boundary, &list, resources)
    }
}

fn acceptable(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("sip:") else { return false };
    let Some((user, host)) = rest.split_once('@') else { return false };
    !user.is_empty() && !host.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c == '<' || c == '>' || c == '"')
}

/// Whether an address is the one a `poolFqdn` value stands for: verbatim when it is a URI, else `sip:<value>`.
fn same_pool(pool: &str, address: &str) -> bool {
    address == pool || address.strip_prefix("sip:") == Some(pool)
}
