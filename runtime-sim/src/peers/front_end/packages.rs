//! What a user's own endpoint subscribes to: roaming-self, roaming-contacts, provisioning (`spec/ms-pres.md` 4.9, 6.5).
use super::dialog::Dialog;
use super::roaming::{Roaming, contact_list, roaming_data};
use super::service::{ROAMING, Refusal};
use super::subscribe::First;
use super::{FrontEnd, Mono};
use crate::peers::element::Element;
use crate::peers::sip::{SipMsg, param};

/// Event package of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    /// Others' presence.
    Presence,
    /// The user's own publications, containers and watchers.
    RoamingSelf,
    /// The user's contact list.
    RoamingContacts,
    /// Policy; answered without any.
    Provisioning,
}

impl Package {
    pub(super) fn of(event: &str) -> Option<Self> {
        let name = event.split(';').next().unwrap_or_default().trim();
        [Self::Presence, Self::RoamingSelf, Self::RoamingContacts, Self::Provisioning].into_iter().find(|p| p.as_str() == name)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::RoamingSelf => "vnd-microsoft-roaming-self",
            Self::RoamingContacts => "vnd-microsoft-roaming-contacts",
            Self::Provisioning => "vnd-microsoft-provisioning-v2",
        }
    }

    /// The user's own data: only the user may ask.
    pub(super) const fn is_own(self) -> bool {
        !matches!(self, Self::Presence)
    }
}

impl FrontEnd {
    /// SUBSCRIBE to the user's own data, within a dialog or not.
    pub(super) fn on_own_subscribe(
        &mut self,
        now: Mono,
        conn: u64,
        request_uri: &str,
        msg: &SipMsg,
        expires: Option<u32>,
        package: Package,
    ) -> Result<(), Refusal> {
        let wanted = roaming_list(&msg.body, package).map_err(|why| {
            self.judge(now, conn, &format!("body of SUBSCRIBE to {}: {why}", package.as_str()));
            (400, "Bad Request")
        })?;
        let id = if param(msg.header("to").unwrap_or_default(), "tag").is_some() {
            self.known_dialog(now, conn, msg)?
        } else {
            self.new_own_dialog(now, conn, request_uri, msg, package)?
        };
        if let (Some(dialog), Some(wanted)) = (self.dialogs.get_mut(&id), wanted) {
            dialog.roaming = wanted;
        }
        let ends_known = expires == Some(0) && self.dialogs.get(&id).is_some_and(|d| d.local_cseq > 0);
        let first = if ends_known { None } else { self.own_data(now, id) };
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.pending_own = None;
        }
        self.finish_subscribe(now, conn, id, msg, expires, First::Body(first));
        Ok(())
    }

    fn new_own_dialog(&mut self, now: Mono, conn: u64, request_uri: &str, msg: &SipMsg, package: Package) -> Result<u32, Refusal> {
        let speaker = self.speaker(now, conn, request_uri, msg)?;
        let call_id = msg.header("call-id").unwrap_or_default();
        if self.is_taken(call_id, request_uri) {
            self.judge(now, conn, &format!("Call-ID {call_id} of a second dialog"));
            return Err((400, "Bad Request"));
        }
        // One of a kind for each endpoint: a new one takes the place of an old one whose end nobody saw.
        let same = |d: &&Dialog| d.package == package && d.watcher_uri.eq_ignore_ascii_case(request_uri) && d.epid == speaker.epid;
        let old: Vec<u32> = self.dialogs.iter().filter(|(_, d)| same(d)).map(|(id, _)| *id).collect();
        old.into_iter().for_each(|id| self.drop_dialog(id));
        let id = self.open_dialog(now, conn, msg, package, false);
        if package == Package::RoamingSelf {
            self.counts.self_subscribes += 1;
            let entry = self.users.at_mut(speaker.user);
            entry.followed_by.insert(id);
            entry.unread.clear();
        }
        Ok(id)
    }

    /// Body of a first notification.
    fn own_data(&self, now: Mono, id: u32) -> Option<super::reply::BodyText> {
        let dialog = self.dialogs.get(&id)?;
        let user = self.users.at(self.users.find(&dialog.watcher_uri)?);
        match dialog.package {
            Package::RoamingSelf => Some((ROAMING.to_owned(), roaming_data(user, &dialog.roaming, self.config.epoch_unix_ms + now.0))),
            Package::RoamingContacts => Some(("application/vnd-microsoft-roaming-contacts+xml".to_owned(), contact_list(&user.contacts))),
            Package::Presence | Package::Provisioning => None,
        }
    }

    /// Tells the user's endpoints what changed; the one that did it (epid `by`) only where the pool does that.
    pub(super) fn tell_own_endpoints(&mut self, now: Mono, user: usize, what: &Roaming, by: &str) {
        let dialogs: Vec<u32> = self.users.at(user).followed_by.iter().copied().collect();
        for id in dialogs {
            let Some(dialog) = self.dialogs.get_mut(&id) else { continue };
            if !by.is_empty() && dialog.epid == by && !self.config.echo_to_publisher {
                continue;
            }
            let news = what.within(&dialog.roaming);
            dialog.pending_own = Some(dialog.pending_own.take().map_or_else(|| news.clone(), |old| old.merge(news.clone())));
            self.send_soon(now, id);
        }
    }

    /// Sends what is pending on a roaming-self dialog.
    pub(super) fn flush_own(&mut self, now: Mono, id: u32) {
        let Some(dialog) = self.dialogs.get_mut(&id).filter(|d| d.conn.is_some()) else { return };
        let Some(what) = dialog.pending_own.take().filter(|w| !w.is_empty()) else { return };
        let Some(user) = self.users.find(&dialog.watcher_uri) else { return };
        if self.rng.chance(self.faults.terminate_dialog_pm) {
            return self.send_terminated(now, id, "terminated;reason=deactivated");
        }
        let text = roaming_data(self.users.at(user), &what, self.config.epoch_unix_ms + now.0);
        let body = (ROAMING.to_owned(), text);
        let cseq = self.send_active(now, id, Some(body.clone()));
        if self.rng.chance(self.faults.repeat_pm) {
            self.repeat_last(id, cseq);
        }
        if self.rng.chance(self.faults.duplicate_pm) {
            self.send_active(now, id, Some(body));
        }
    }
}

/// What a `roamingList` asks for; `None`: there is none.
fn roaming_list(body: &[u8], package: Package) -> Result<Option<Roaming>, String> {
    const NS: &str = "http://schemas.microsoft.com/2006/09/sip/roaming-self";
    if body.is_empty() || package != Package::RoamingSelf {
        return Ok(None);
    }
    let root = Element::parse(body)?;
    root.expect(NS, "roamingList")?;
    let names = |n: &str| root.named(NS, "roaming").any(|r| r.attr("type") == Some(n));
    Ok(Some(Roaming { categories: names("categories"), containers: names("containers"), subscribers: names("subscribers"), ..Roaming::default() }))
}
