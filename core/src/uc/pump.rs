//! What goes out next, and when: the one place where the pace of a connection is kept (`decisions.md` 12).
use super::dialog::{Dialog, Target};
use super::link::State;
use super::request::{Job, subscribe};
use super::simple::{Flavour, outstanding_max, simple_subscribe};
use super::table::{Aim, Place};
use super::transact::Ask;
use super::watcher::Phase;
use super::{UcSide, UcTimer, key};
use crate::cx::Cx;
use crate::id::{DialogId, UcLinkId, UserId, WatcherId};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Users in one request when the pace sets no limit: bounds a message, not a deployment.
const BATCH_CEILING: usize = 10_000;

/// A request that is due.
enum Work {
    Register(WatcherId),
    Deregister(WatcherId),
    /// Refresh it, or take users out.
    Dialog(DialogId),
    End(DialogId),
    /// The next batch of the home lane.
    Home(WatcherId),
    /// The next batch of the lane to this pool.
    Pool(WatcherId, Box<str>),
    Single(WatcherId),
    /// What the publisher at the front of the queue has to say.
    Speak(UserId),
    /// The next worker's calls.
    Calls(WatcherId),
    /// PUBLISH.
    Publication(UserId),
    /// What the conversation at the front of the queue has to say.
    Session(u32),
}

impl UcSide {
    /// Sends what is due on a link, as far as its pace allows.
    pub(super) fn pump(&mut self, cx: &mut Cx<'_>, id: UcLinkId) {
        loop {
            let Some(link) = self.links.get(id.index()).filter(|l| l.state.peer().is_some()) else { return };
            let outstanding_max = outstanding_max(&cx.config.uc, link);
            if outstanding_max > 0 && link.txns.len() + self.inviting.unanswered(id) >= outstanding_max as usize {
                return;
            }
            let Some(work) = self.next_work(cx, id) else {
                return self.after_work(cx, id);
            };
            let now = cx.now.mono;
            let link = &mut self.links[id.index()];
            if now < link.next_send {
                let at = link.next_send;
                return cx.set(key(UcTimer::Pace(id)), at);
            }
            if cx.config.uc.pace.requests_per_s > 0 {
                link.next_send = now + 1000u64.div_ceil(u64::from(cx.config.uc.pace.requests_per_s));
            }
            self.perform(cx, work);
        }
    }

    fn next_work(&mut self, cx: &mut Cx<'_>, id: UcLinkId) -> Option<Work> {
        let open = matches!(self.links[id.index()].state, State::Up(_) | State::Draining(_));
        if (open || self.flavour.is_simple())
            && let Some(user) = self.next_publication(cx, id)
        {
            return Some(Work::Publication(user));
        }
        // Somebody waits for them.
        if open && let Some(leg) = self.next_session(id) {
            return Some(Work::Session(leg));
        }
        let link = &self.links[id.index()];
        if matches!(link.state, State::Draining(_)) {
            return self.next_goodbye(cx, id);
        }
        let (first, end, turn) = (link.watchers.0, link.watchers.1, link.turn);
        let work = (turn..end).chain(first..turn).find_map(|w| self.work_of(cx, WatcherId(w)).map(|work| (w, work)));
        let Some((w, work)) = work else {
            return self.next_speaker(cx, id).map(Work::Speak);
        };
        self.links[id.index()].turn = if w + 1 < end { w + 1 } else { first };
        Some(work)
    }

    fn work_of(&mut self, cx: &Cx<'_>, id: WatcherId) -> Option<Work> {
        let watcher = &mut self.watchers[id.index()];
        if watcher.reg.phase == Phase::Due {
            return Some(Work::Register(id));
        }
        if !watcher.reg.stands {
            return None;
        }
        while let Some(dialog) = watcher.due.front().copied() {
            if self.dialogs.get(&dialog).is_some_and(|d| d.wants()) {
                return Some(Work::Dialog(dialog));
            }
            watcher.due.pop_front();
        }
        if watcher.hold_until.is_some_and(|until| until > cx.now.mono) {
            return None;
        }
        if self.lane_ready(id, None) {
            return Some(Work::Home(id));
        }
        let pool = self.watchers[id.index()].pools.keys().find(|pool| self.lane_peek(id, pool)).cloned();
        if let Some(pool) = pool.filter(|pool| self.lane_ready(id, Some(pool))) {
            return Some(Work::Pool(id, pool));
        }
        let watcher = &mut self.watchers[id.index()];
        while let Some(user) = watcher.singles.front() {
            if self.table.get(*user).is_some_and(|s| s.waits(id, Aim::Single)) {
                return Some(Work::Single(id));
            }
            watcher.singles.pop_front();
        }
        self.next_calls(id).map(|_| Work::Calls(id))
    }

    /// Whether a pool's lane has entries and its dialog is free; entries may still turn out to be out of date.
    fn lane_peek(&self, id: WatcherId, pool: &str) -> bool {
        let lane = &self.watchers[id.index()].pools[pool];
        (!lane.queue.is_empty() || !lane.isolate.is_empty()) && lane.dialog.is_none_or(|d| self.dialog_is_free(d))
    }

    fn dialog_is_free(&self, id: DialogId) -> bool {
        self.dialogs.get(&id).is_none_or(|d| d.live && !d.busy)
    }

    /// Drops entries that are out of date and tells whether a batch can go out.
    fn lane_ready(&mut self, id: WatcherId, pool: Option<&str>) -> bool {
        let watcher = &mut self.watchers[id.index()];
        let lane = match pool {
            None => &mut watcher.home,
            Some(pool) => match watcher.pools.get_mut(pool) {
                Some(lane) => lane,
                None => return false,
            },
        };
        let aim = if pool.is_some() { Aim::Pool } else { Aim::Home };
        let waits = |user: &UserId| self.table.get(*user).is_some_and(|s| s.waits(id, aim));
        while lane.isolate.front().is_some_and(|part| !part.iter().any(waits)) {
            lane.isolate.pop_front();
        }
        while lane.queue.front().is_some_and(|user| !waits(user)) {
            lane.queue.pop_front();
        }
        let busy = lane.dialog.is_some_and(|d| self.dialogs.get(&d).is_some_and(|d| !d.live || d.busy));
        !busy && (!lane.isolate.is_empty() || !lane.queue.is_empty())
    }

    fn perform(&mut self, cx: &mut Cx<'_>, work: Work) {
        match work {
            Work::Register(watcher) => self.send_register(cx, watcher),
            Work::Deregister(watcher) => self.send_deregister(cx, watcher),
            Work::Dialog(dialog) => self.send_due(cx, dialog),
            Work::End(dialog) => self.send_in_dialog(cx, dialog, Job::End, Ask::End(dialog)),
            Work::Home(watcher) => self.send_batch(cx, watcher, None),
            Work::Pool(watcher, pool) => self.send_batch(cx, watcher, Some(pool)),
            Work::Single(watcher) => self.send_single(cx, watcher),
            Work::Speak(user) => self.speak(cx, user),
            Work::Calls(watcher) => self.send_calls(cx, watcher),
            Work::Publication(user) => self.send_publication(cx, user),
            Work::Session(leg) => self.speak_in_session(cx, leg),
        }
    }

    /// The next batch of a lane: a part to isolate, else as many as the pace allows.
    fn send_batch(&mut self, cx: &mut Cx<'_>, id: WatcherId, pool: Option<Box<str>>) {
        let max = match self.flavour {
            Flavour::Microsoft => batch_max(cx),
            Flavour::Single => return self.send_first_of_home(cx, id),
            // The server has the list: asking for one asks for all.
            Flavour::List => usize::MAX,
        };
        let aim = if pool.is_some() { Aim::Pool } else { Aim::Home };
        let watcher = &mut self.watchers[id.index()];
        let lane = match &pool {
            None => &mut watcher.home,
            Some(pool) => watcher.pools.entry(pool.clone()).or_default(),
        };
        let part = lane.isolate.pop_front();
        let mut users: Vec<UserId> = Vec::with_capacity(lane.queue.len().min(max));
        let table = &mut self.table;
        // Asked at once, so that a user that is queued twice is sent once.
        let mut take = |user: UserId| {
            let fits = table.get_mut(user).filter(|s| s.waits(id, aim));
            if let Some(slot) = fits {
                slot.place = Place::Asked;
                users.push(user);
            }
        };
        match part {
            Some(part) => part.iter().for_each(|user| take(*user)),
            None => {
                let mut left = max;
                while left > 0
                    && let Some(user) = lane.queue.pop_front()
                {
                    take(user);
                    left -= 1;
                }
            }
        }
        if lane.queue.is_empty() {
            lane.queue.shrink_to_fit();
        }
        if users.is_empty() {
            return;
        }
        let known = lane.dialog.filter(|d| self.dialogs.contains_key(d));
        let dialog = known.unwrap_or_else(|| self.open_dialog(cx, id, pool.map_or(Target::Home, Target::Pool)));
        self.add(cx, dialog, users.into_boxed_slice());
    }

    fn send_single(&mut self, cx: &mut Cx<'_>, id: WatcherId) {
        let Some(user) = self.watchers[id.index()].singles.pop_front() else { return };
        self.subscribe_alone(cx, id, user);
    }

    /// A standard server without a list: everybody in the home lane gets a dialog.
    fn send_first_of_home(&mut self, cx: &mut Cx<'_>, id: WatcherId) {
        let Some(user) = self.watchers[id.index()].home.queue.pop_front() else { return };
        self.subscribe_alone(cx, id, user);
    }

    fn subscribe_alone(&mut self, cx: &mut Cx<'_>, id: WatcherId, user: UserId) {
        let uri = cx.directory.uri(user).into();
        let dialog = self.open_dialog(cx, id, Target::Single { user, uri });
        self.add(cx, dialog, Box::new([user]));
    }

    pub(super) fn open_dialog(&mut self, cx: &mut Cx<'_>, watcher: WatcherId, target: Target) -> DialogId {
        let id = DialogId(self.next_dialog);
        self.next_dialog = self.next_dialog.wrapping_add(1) % super::table::NO_DIALOG.0;
        let it = &mut self.watchers[watcher.index()];
        match &target {
            Target::Home => it.home.dialog = Some(id),
            Target::Pool(pool) => it.pools.entry(pool.clone()).or_default().dialog = Some(id),
            Target::Single { .. } | Target::Calls { .. } => {}
        }
        let ip = self.links[it.link.index()].local.ip();
        self.dialogs.insert(id, Box::new(Dialog::new(id, watcher, target, ip, cx.now.mono, cx.entropy)));
        id
    }

    fn add(&mut self, cx: &mut Cx<'_>, dialog: DialogId, users: Box<[UserId]>) {
        for user in &users {
            let slot = self.table.at(*user);
            slot.place = Place::Asked;
            slot.dialog = dialog;
        }
        if let Some(it) = self.dialogs.get_mut(&dialog) {
            // Back before the un-subscription went out.
            let (mut leaving, mut refused) = (core::mem::take(&mut it.leaving), core::mem::take(&mut it.refused));
            let back = |uri: &mut Box<str>| self.is_back(cx, dialog, uri);
            let left: Vec<_> = leaving.extract_if(.., back).chain(refused.extract_if(.., back)).collect();
            if let Some(it) = self.dialogs.get_mut(&dialog) {
                (it.leaving, it.refused, it.left) = (leaving, refused, left);
            }
        }
        self.tally.subscriptions += 1;
        self.send_in_dialog(cx, dialog, Job::Add(users.clone()), Ask::Subscribe(dialog, users));
    }

    /// A refresh or an un-subscription that became due.
    fn send_due(&mut self, cx: &mut Cx<'_>, id: DialogId) {
        let max = batch_max(cx);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        self.watchers[dialog.watcher.index()].due.pop_front();
        let refresh = core::mem::take(&mut dialog.refresh_due);
        if self.users_of(id).is_empty() && !self.serves_calls(id) {
            return self.send_in_dialog(cx, id, Job::End, Ask::End(id));
        }
        if refresh {
            return self.send_in_dialog(cx, id, Job::Refresh, Ask::Refresh(id));
        }
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        if self.flavour.is_simple() {
            // The server has the list.
            return dialog.leaving.clear();
        }
        let uris: Box<[Box<str>]> = dialog.leaving.drain(..dialog.leaving.len().min(max)).collect();
        dialog.left = uris.to_vec();
        self.send_in_dialog(cx, id, Job::Leave(uris), Ask::Leave(id));
    }

    pub(super) fn send_in_dialog(&mut self, cx: &mut Cx<'_>, id: DialogId, job: Job, ask: Ask) {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return };
        let watcher = &self.watchers[dialog.watcher.index()];
        let link = watcher.link;
        dialog.busy = true;
        let local = self.links[link.index()].local;
        let msg = match self.flavour {
            Flavour::Microsoft => subscribe(&cx.config.uc, dialog.watcher, watcher, dialog, local, job),
            Flavour::Single | Flavour::List => simple_subscribe(&cx.config.uc, watcher, dialog, local, &job),
        };
        self.send(cx, link, ask, msg);
    }

    /// Puts a dialog in line for a refresh or an un-subscription.
    pub(super) fn mark_due(&mut self, id: DialogId) {
        if let Some(dialog) = self.dialogs.get(&id).filter(|d| d.wants()) {
            self.watchers[dialog.watcher.index()].due.push_back(id);
        }
    }

    /// Work for a link that says good-bye: publications are withdrawn first, then dialogs end, then registrations.
    fn next_goodbye(&mut self, cx: &mut Cx<'_>, id: UcLinkId) -> Option<Work> {
        if let Some(user) = self.next_speaker(cx, id) {
            return Some(Work::Speak(user));
        }
        if self.links[id.index()].publishers > 0 {
            return None;
        }
        let link = &self.links[id.index()];
        let dialog = self.dialogs.iter().find(|(_, d)| link.watchers().any(|w| w == d.watcher) && d.live && !d.busy);
        if let Some((dialog, _)) = dialog {
            return Some(Work::End(*dialog));
        }
        if self.dialogs.values().any(|d| d.live && link.watchers().any(|w| w == d.watcher)) {
            return None;
        }
        link.watchers().find(|w| self.watchers[w.index()].reg.phase == Phase::Due).map(Work::Deregister)
    }
}

/// Users in one request.
fn batch_max(cx: &Cx<'_>) -> usize {
    match cx.config.uc.pace.batch_max as usize {
        0 => BATCH_CEILING,
        max => max.min(BATCH_CEILING),
    }
}
