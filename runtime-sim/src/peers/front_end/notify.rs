//! NOTIFY and BENOTIFY: updates, their imperfections, and the answers to them (`spec/ms-pres.md` 1.5, 4.4-4.6, 4.8).
use super::dialog::Awaiting;
use super::documents::{Resource, ResourceState, Selection, XmlStyle, categories, multipart, rlmi};
use super::reply::BodyText;
use super::users::Changed;
use super::{Activity, Due, FrontEnd, Home, Mono, Presence};
use crate::peers::sip::{SipMsg, param};

const DOCUMENT: &str = "application/msrtc-event-categories+xml";

impl FrontEnd {
    pub(super) fn tell_watchers(&mut self, now: Mono, user: usize, changed: Changed) {
        let dialogs: Vec<u32> = self.users.at(user).watched_by.iter().copied().collect();
        for id in dialogs {
            let Some(dialog) = self.dialogs.get_mut(&id) else { continue };
            let entry = dialog.pending.entry(user).or_default();
            *entry = entry.merge(changed);
            self.send_soon(now, id);
        }
    }

    /// Sends what is pending on a dialog now, or as soon as its pace and its connection allow.
    pub(super) fn send_soon(&mut self, now: Mono, id: u32) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        if dialog.conn.is_none() {
            dialog.stuck_since.get_or_insert(now);
            return;
        }
        let at = dialog.last_sent + self.config.notify_min_interval_ms;
        if at > now && dialog.local_cseq > 0 {
            dialog.flush_at = Some(at);
        } else {
            self.flush(now, id);
        }
    }

    /// Sends what is pending on a dialog, with whatever goes wrong.
    pub(super) fn flush(&mut self, now: Mono, id: u32) {
        let Some(dialog) = self.dialogs.get_mut(&id).filter(|d| d.conn.is_some()) else { return };
        if dialog.package.is_own() {
            return self.flush_own(now, id);
        }
        let subscribed = dialog.subscribed;
        let pending: Vec<(usize, Selection)> =
            std::mem::take(&mut dialog.pending).into_iter().map(|(u, c)| (u, Selection::of(c, subscribed))).filter(|(_, s)| !s.is_empty()).collect();
        let [(first, what), ..] = pending[..] else { return };
        if self.rng.chance(self.faults.terminate_dialog_pm) {
            let state = self.rng.pick(&[
                "terminated;expires=0",
                "terminated;reason=deactivated",
                "terminated;reason=timeout",
                "terminated;reason=probation;retry-after=2",
            ]);
            return self.send_terminated(now, id, state);
        }
        if self.rng.chance(self.faults.terminate_resource_pm) {
            self.end_resource(now, id, first);
            let rest = pending.iter().skip(1).map(|(u, s)| (*u, Changed { state: s.state, note: s.note }));
            if let Some(dialog) = self.dialogs.get_mut(&id) {
                dialog.pending.extend(rest);
            }
            return self.flush(now, id);
        }
        if self.rng.chance(self.faults.empty_notify_pm) {
            self.send_active(now, id, None);
        }
        if self.rng.chance(self.faults.stranger_pm) {
            let presence = Presence { availability: Some(9500), activity: Activity::None, ..self.users.at(first).presence.clone() };
            let text = categories("sip:stranger@nowhere.example", &presence, what, XmlStyle::default());
            self.send_active(now, id, Some((DOCUMENT.to_owned(), text)));
        }
        let as_list = pending.len() > 1 || self.rng.chance(self.faults.multipart_update_pm);
        let body = if as_list { self.update_list(id, &pending) } else { (DOCUMENT.to_owned(), self.document(id, first, what)) };
        let cseq = self.send_active(now, id, Some(body.clone()));
        if self.rng.chance(self.faults.repeat_pm) {
            self.repeat_last(id, cseq);
        }
        if self.rng.chance(self.faults.duplicate_pm) {
            self.send_active(now, id, Some(body));
        }
        self.send_outdated(now, id, first, what);
    }

    fn style(&mut self) -> XmlStyle {
        if self.rng.chance(self.faults.odd_xml_pm) { XmlStyle::odd(&mut self.rng) } else { XmlStyle::default() }
    }

    /// A user's document as the watcher of a dialog may see it.
    fn document(&mut self, id: u32, user: usize, what: Selection) -> String {
        let style = self.style();
        let entry = self.users.at(user);
        let container = self.dialogs.get(&id).map_or(200, |d| entry.container_of(&d.watcher_uri));
        categories(&entry.uri, &entry.view(container), what, style)
    }

    fn update_list(&mut self, id: u32, pending: &[(usize, Selection)]) -> BodyText {
        let resources: Vec<Resource> = pending
            .iter()
            .map(|(user, what)| Resource {
                uri: self.users.at(*user).uri.clone(),
                state: ResourceState::Active,
                document: Some(self.document(id, *user, *what)),
            })
            .collect();
        let boundary = format!("b0und{:08X}", self.rng.bits() as u32);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return BodyText::default() };
        dialog.list_version += 1;
        let list = rlmi(&dialog.local_uri, dialog.list_version, false, false, &resources);
        multipart(&boundary, &list, &resources)
    }

    /// The previous document once more: with a lower CSeq now, or with an older publishTime later.
    fn send_outdated(&mut self, now: Mono, id: u32, user: usize, what: Selection) {
        let before = self.users.at(user).before.clone();
        let colleague = self.dialogs.get(&id).is_some_and(|d| self.users.at(user).container_of(&d.watcher_uri) == 200);
        if !colleague || !what.state || before.availability.is_none() || before.state_unix_ms >= self.users.at(user).presence.state_unix_ms {
            return;
        }
        if self.rng.chance(self.faults.low_cseq_pm) {
            let text = categories(&self.users.at(user).uri, &before, what, XmlStyle::default());
            if let Some(dialog) = self.dialogs.get_mut(&id).filter(|d| d.local_cseq > 1) {
                let cseq = dialog.local_cseq - 1;
                let state = active(dialog.expires_at, now);
                self.send_with_cseq(now, id, cseq, &state, Some(&(DOCUMENT.to_owned(), text)), true);
            }
        }
        if self.rng.chance(self.faults.stale_update_pm) {
            let (at, serial) = (now + self.rng.within((5, 3000)), self.next_serial());
            self.due.insert((at, serial), Due::Stale(id, user, Box::new(before)));
        }
    }

    pub(super) fn send_old(&mut self, now: Mono, id: u32, user: usize, old: &Presence) {
        let current = self.dialogs.get(&id).is_some_and(|d| d.conn.is_some() && d.members.contains(&user) && !d.pending.contains_key(&user));
        if current {
            let what = Selection { state: true, note: false, others: false };
            let text = categories(&self.users.at(user).uri, old, what, XmlStyle::default());
            self.send_active(now, id, Some((DOCUMENT.to_owned(), text)));
        }
    }

    fn end_resource(&mut self, now: Mono, id: u32, user: usize) {
        let uri = self.users.at(user).uri.clone();
        self.send_resource_states(now, id, &[(user, Resource { uri, state: ResourceState::Terminated("deactivated"), document: None })]);
    }

    /// Tells a dialog that users are no longer served in it.
    pub(super) fn send_moved(&mut self, now: Mono, id: u32, users: &[usize]) {
        let resources: Vec<(usize, Resource)> = users
            .iter()
            .map(|user| {
                let entry = self.users.at(*user);
                let state = match &entry.home {
                    Home::Here => ResourceState::Terminated("deactivated"),
                    Home::Pool(pool) => ResourceState::Resubscribe(Some(pool.clone())),
                    Home::Federated => ResourceState::Resubscribe(None),
                    Home::Blocked => ResourceState::Terminated("rejected"),
                    Home::Pending => ResourceState::Pending,
                };
                (*user, Resource { uri: entry.uri.clone(), state, document: None })
            })
            .collect();
        self.send_resource_states(now, id, &resources);
    }

    fn send_resource_states(&mut self, now: Mono, id: u32, resources: &[(usize, Resource)]) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        for (user, _) in resources {
            dialog.members.remove(user);
            dialog.pending.remove(user);
            self.users.at_mut(*user).watched_by.remove(&id);
        }
        if dialog.conn.is_none() || dialog.single {
            // What a broken or a single dialog cannot be told shows at its next SUBSCRIBE, when it is gone.
            return self.drop_dialog(id);
        }
        dialog.list_version += 1;
        let (version, uri) = (dialog.list_version, dialog.local_uri.clone());
        let list: Vec<Resource> = resources.iter().map(|(_, r)| Resource { uri: r.uri.clone(), state: r.state.clone(), document: None }).collect();
        let text = rlmi(&uri, version, false, false, &list);
        self.send_active(now, id, Some(("application/rlmi+xml".to_owned(), text)));
    }

    /// Ends a dialog with a last NOTIFY.
    pub(super) fn send_terminated(&mut self, now: Mono, id: u32, state: &str) {
        self.send_notify(now, id, state, None);
        self.drop_dialog(id);
    }

    pub(super) fn send_active(&mut self, now: Mono, id: u32, body: Option<BodyText>) -> u32 {
        let Some(dialog) = self.dialogs.get(&id) else { return 0 };
        let state = active(dialog.expires_at, now);
        self.send_notify(now, id, &state, body.as_ref())
    }

    /// Sends a notification with the next CSeq and returns that.
    pub(super) fn send_notify(&mut self, now: Mono, id: u32, state: &str, body: Option<&BodyText>) -> u32 {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return 0 };
        dialog.local_cseq += 1;
        dialog.last_sent = now;
        let cseq = dialog.local_cseq;
        self.send_with_cseq(now, id, cseq, state, body, false);
        cseq
    }

    fn send_with_cseq(&mut self, now: Mono, id: u32, cseq: u32, state: &str, body: Option<&BodyText>, out_of_order: bool) {
        let although = self.rng.chance(self.faults.notify_although_benotify_pm);
        let (a, b) = (self.rng.bits(), self.rng.bits());
        let branch = format!("z9hG4bK{:08X}.{b:016X}", a as u32);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let Some(conn) = dialog.conn else { return };
        let benotify = dialog.benotify && !although;
        let text = request_text(dialog, benotify, cseq, &branch, state, body, self.config.transport);
        if benotify {
            self.counts.benotifies += 1;
        } else {
            self.counts.notifies += 1;
            let copies = dialog.awaiting.get(&cseq).map_or(0, |old| old.copies) + 1;
            let branch = if out_of_order { String::new() } else { branch };
            dialog.awaiting.insert(cseq, Awaiting { sent: now, branch, copies, out_of_order: out_of_order || copies > 1 });
        }
        dialog.last_text.clear();
        dialog.last_text.push_str(&text);
        self.send(conn, text.into_bytes());
    }

    pub(super) fn repeat_last(&mut self, id: u32, cseq: u32) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        if let Some(awaiting) = dialog.awaiting.get_mut(&cseq) {
            awaiting.copies += 1;
            self.counts.notifies += 1;
        } else {
            self.counts.benotifies += 1;
        }
        if let Some(conn) = dialog.conn {
            let bytes = dialog.last_text.clone().into_bytes();
            self.send(conn, bytes);
        }
    }

    /// The connector answered one of our requests.
    pub(super) fn on_response(&mut self, now: Mono, conn: u64, code: u16, msg: &SipMsg) {
        let Some((cseq, method)) = msg.cseq() else {
            return self.judge(now, conn, "response without a usable CSeq");
        };
        if self.on_call_response(conn, code, msg) {
            return;
        }
        if method == "BENOTIFY" {
            return self.judge(now, conn, &format!("BENOTIFY {cseq} was answered with {code}"));
        }
        if code < 200 {
            return;
        }
        let call_id = msg.header("call-id").unwrap_or_default();
        // A dialog we have given up meanwhile: its last answers may still be on the way.
        let tag = param(msg.header("from").unwrap_or_default(), "tag").unwrap_or_default();
        let exact = self.dialogs_of(call_id).find(|id| self.dialogs.get(id).is_some_and(|d| d.local_tag == tag));
        let Some(id) = exact.or_else(|| self.dialogs_of(call_id).next()) else { return };
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let Some(awaiting) = dialog.awaiting.get_mut(&cseq) else {
            if dialog.conn == Some(conn) && cseq > dialog.local_cseq {
                self.violate(now, &format!("response {code} to NOTIFY {cseq} that was never sent"));
            }
            return;
        };
        awaiting.copies -= 1;
        let (branch, out_of_order) = (awaiting.branch.clone(), awaiting.out_of_order);
        if awaiting.copies == 0 {
            dialog.awaiting.remove(&cseq);
        }
        let tags = (param(msg.header("to").unwrap_or_default(), "tag"), param(msg.header("from").unwrap_or_default(), "tag"));
        let tags_fit = tags == (Some(dialog.remote_tag.as_str()), Some(dialog.local_tag.as_str()));
        let vias = msg.values("via");
        let via_fits = vias.len() == 2 && (branch.is_empty() || vias[0].contains(&branch));
        if !tags_fit || !via_fits {
            self.judge(now, conn, &format!("response to NOTIFY {cseq}: Via, From or To is not what the request said"));
        }
        if (200..300).contains(&code) {
            self.counts.notifies_confirmed += 1;
            return;
        }
        self.counts.notifies_refused += 1;
        match code {
            481 => self.drop_dialog(id),
            500 if out_of_order => {}
            _ => self.judge(now, conn, &format!("NOTIFY {cseq} was refused with {code}, and it was legal")),
        }
    }
}

fn active(expires_at: Mono, now: Mono) -> String {
    format!("active;expires={}", expires_at.since(now) / 1000)
}

fn request_text(dialog: &super::dialog::Dialog, benotify: bool, cseq: u32, branch: &str, state: &str, body: Option<&BodyText>, transport: &str) -> String {
    let method = if benotify { "BENOTIFY" } else { "NOTIFY" };
    let state_name = if benotify { "subscription-state" } else { "Subscription-State" };
    let ip = 74 + dialog.node;
    let (media, text) = body.map_or(("", ""), |(m, t)| (m.as_str(), t.as_str()));
    let media = if media.is_empty() { String::new() } else { format!("Content-Type: {media}\r\n") };
    let second = format!("SIP/2.0/{transport} 192.168.92.{}:56267;branch={branch}.2;branched=FALSE;ms-received-port=56267;ms-received-cid=3747900", ip + 1);
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/{transport} 192.168.92.{ip}:5061;branch={branch};branched=FALSE;rport=5061,{second}\r\nMax-Forwards: 69\r\n\
         To: {}\r\nFrom: <{}>;tag={}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nRequire: eventlist\r\n{media}Event: {}\r\n{state_name}: {state}\r\n\
         Supported: ms-dialog-route-set-update\r\nContent-Length: {}\r\n\r\n{text}",
        dialog.target,
        dialog.watcher,
        dialog.local_uri,
        dialog.local_tag,
        dialog.call_id,
        dialog.package.as_str(),
        text.len()
    )
}
