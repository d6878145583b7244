//! One bridge connection: its phase, its window and pace, its keep-alive.
use super::CtiTimer;
use super::dns::DnRows;
use crate::action::{Action, CtiOut, CtiReq};
use crate::cti_event::Role;
use crate::cx::Cx;
use crate::deadlines::TimerKey;
use crate::fingerprint::Fp;
use crate::id::{CtiLinkId, DnId, SwitchId};
use crate::offer::ReportId;
use crate::time::Mono;

/// Life of a connection (`spec/bridge.md` 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Phase {
    /// No connection: waiting for the next attempt, or not wanted (warm standby).
    Down,
    /// TCP, TLS.
    Connecting,
    /// `hello` sent.
    Hello,
    /// `open` sent.
    Opening,
    /// The session stands. `linked`: `EventLinkConnected` (95) was seen and no 94 since.
    Up { role: Role, linked: bool },
}

/// One bridge connection.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Link {
    pub(super) switch: SwitchId,
    pub(super) phase: Phase,
    pub(super) rows: DnRows,
    pub(super) last_rx: Mono,
    /// The bridge's window.
    pub(super) window: u32,
    pub(super) ping_ms: u64,
    /// A ping was sent and nothing came since.
    pub(super) pinged: bool,
    pub(super) pings: u32,
    pub(super) next_ref: u32,
    /// Attempts that failed, or sessions that broke early, since the last one that lasted `backoff_max_ms`.
    pub(super) failures: u32,
    pub(super) opened_at: Mono,
    /// A registration failed this many times in a row somewhere: doubles the pause.
    pub(super) register_failures: u32,
    /// Requests sent in the second that began at `second`.
    pub(super) sent_in_second: u32,
    pub(super) second: Mono,
}

impl Link {
    pub(super) fn new(switch: SwitchId) -> Self {
        Self {
            switch,
            phase: Phase::Down,
            rows: DnRows::default(),
            last_rx: Mono(0),
            window: 1,
            ping_ms: 10_000,
            pinged: false,
            pings: 0,
            next_ref: 1,
            failures: 0,
            opened_at: Mono(0),
            register_failures: 0,
            sent_in_second: 0,
            second: Mono(0),
        }
    }

    pub(super) const fn is_connected(&self) -> bool {
        !matches!(self.phase, Phase::Down | Phase::Connecting)
    }

    pub(super) const fn role(&self) -> Option<Role> {
        match self.phase {
            Phase::Up { role, .. } => Some(role),
            _ => None,
        }
    }

    pub(super) const fn is_linked(&self) -> bool {
        matches!(self.phase, Phase::Up { linked: true, .. })
    }

    /// Asks the driver for a connection and watches the time until `opened`.
    pub(super) fn connect(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        self.phase = Phase::Connecting;
        cx.set(TimerKey::Cti(CtiTimer::Link(link)), cx.now.mono + cx.config.cti.timers.connect_timeout_ms);
        cx.act(Action::ConnectCti { link });
    }

    /// The connection is gone or given up: forget everything that belonged to it.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        self.phase = Phase::Down;
        self.pinged = false;
        self.rows.reset();
        for timer in [CtiTimer::Link(link), CtiTimer::Silence(link), CtiTimer::Requests(link), CtiTimer::Registrations(link), CtiTimer::Pace(link)] {
            cx.clear(TimerKey::Cti(timer));
        }
    }

    fn window(&self, cx: &Cx<'_>) -> u32 {
        match cx.config.cti.pace.window_max {
            0 => self.window,
            ours => ours.min(self.window),
        }
    }

    /// Window and pace leave room for one request.
    pub(super) fn may_send(&self, cx: &Cx<'_>) -> bool {
        if !self.is_linked() || self.rows.outstanding() >= self.window(cx) {
            return false;
        }
        let limit = cx.config.cti.pace.requests_per_s;
        limit == 0 || self.sent_in_second < limit || cx.now.mono.since(self.second) >= 1000
    }

    fn take_ref(&mut self) -> u32 {
        let ref_id = self.next_ref;
        self.next_ref = if ref_id == i32::MAX as u32 { 1 } else { ref_id + 1 };
        ref_id
    }

    /// Sends a request and remembers it.
    pub(super) fn send(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, req: CtiReq) {
        let ref_id = self.take_ref();
        self.count_in(cx, link);
        if req == CtiReq::UnregisterAddress {
            self.rows.departing(ref_id, cx.now.mono);
        } else {
            self.rows.sent(dn, ref_id, cx.now.mono, req);
        }
        cx.act(Action::SendCti { link, msg: CtiOut::Request { ref_id, dn, req } });
    }

    /// Sends a report and remembers it.
    pub(super) fn report(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, dn: DnId, report: ReportId) {
        let ref_id = self.take_ref();
        self.count_in(cx, link);
        self.rows.reporting(ref_id, cx.now.mono, report);
        cx.act(Action::SendCti { link, msg: CtiOut::UserEvent { ref_id, dn, report } });
    }

    /// One more request: its time-out and the pace.
    fn count_in(&mut self, cx: &mut Cx<'_>, link: CtiLinkId) {
        let now = cx.now.mono;
        if self.rows.outstanding() == 0 || cx.deadlines.get(TimerKey::Cti(CtiTimer::Requests(link))).is_none() {
            cx.deadlines.set_earlier(TimerKey::Cti(CtiTimer::Requests(link)), now + cx.config.cti.timers.request_timeout_ms);
        }
        let limit = cx.config.cti.pace.requests_per_s;
        if limit != 0 {
            if now.since(self.second) >= 1000 {
                self.second = now;
                self.sent_in_second = 0;
            }
            self.sent_in_second += 1;
            if self.sent_in_second == limit {
                cx.set(TimerKey::Cti(CtiTimer::Pace(link)), self.second + 1000);
            }
        }
    }

    /// Registrations and queries, as far as window and pace allow.
    pub(super) fn pump(&mut self, cx: &mut Cx<'_>, link: CtiLinkId, primary: bool) {
        while self.rows.has_work() && self.may_send(cx) {
            let leaver = self.rows.next_leaver().map(|dn| (dn, CtiReq::UnregisterAddress));
            let Some((dn, req)) = leaver.or_else(|| self.rows.next_work(primary)) else { return };
            self.send(cx, link, dn, req);
        }
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&self.phase);
        fp.num(u64::from(self.pinged) | u64::from(self.failures.min(8)) << 1);
        self.rows.fingerprint(fp);
    }
}
