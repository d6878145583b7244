//! Workers without a page, asked through their own client: the core with the emulated Front End in memory, over many seeds. Everybody has a habit, calls come and go,
//! pages open through links, connections break, and in the end the connector stops.
#![allow(clippy::unwrap_used)]
use std::collections::{BTreeMap, BTreeSet};
use uc_core::config::InviteMode;
use uc_core::id::UserId;
use uc_core::offer::{OfferId, PageEvent, PreviewRequest, PreviewStatus, Select};
use uc_core::{Input, Mono};
use uc_runtime_sim::peers::front_end::{Does, FrontEnd, FrontEndConfig, Habit};
use uc_runtime_sim::peers::{Peer as _, PeerOut, PeerRng};
use uc_tests::{Asker, asking};

const WORKERS: usize = 4;
const CALLS: u64 = 12;
const END_MS: u64 = 240_000;

/// Things that are planned.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Ask(u64),
    Cancel(u64),
    Click(usize, bool),
    ClosePage(usize),
    Break,
    Drain,
}

struct World {
    asker: Asker,
    pool: FrontEnd,
    conn: Option<u64>,
    last_conn: u64,
    now: Mono,
    rng: PeerRng,
    plans: BTreeMap<(Mono, u64), Plan>,
    serial: u64,
    uris: Vec<String>,
    pages: [Option<bool>; WORKERS],
    closed_at: [Option<Mono>; WORKERS],
    tokens: BTreeMap<String, UserId>,
    used: BTreeSet<String>,
    clicked: BTreeSet<(usize, OfferId)>,
    breaks: bool,
    asked: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = PeerRng::new(seed);
        let config = FrontEndConfig { seed, ..FrontEndConfig::default() };
        let domain = config.domain.clone();
        let uris: Vec<String> = (0..WORKERS).map(|n| format!("sip:worker{n}@{domain}")).collect();
        let mut pool = FrontEnd::new(config);
        for uri in &uris {
            pool.add_user(uri);
            let does = match rng.below(10) {
                0..=5 => Does::Accepts,
                6 => Does::Rings,
                7 => Does::Refuses(480),
                8 => Does::Refuses(488),
                _ => Does::Refuses(if rng.chance(500) { 486 } else { 603 }),
            };
            let habit = Habit {
                does,
                rings_after_ms: rng.below(3_000),
                answers_after_ms: rng.below(25_000),
                shows_text: rng.chance(500),
                clients: if rng.chance(300) { 1 + rng.below(3) as u8 } else { 1 },
                window: rng.chance(500),
                closes_after_ms: rng.chance(300).then(|| rng.below(8_000)),
                opens_after_ms: rng.chance(800).then(|| rng.below(4_000)),
                message_status: if rng.chance(150) { 481 } else { 200 },
            };
            pool.set_habit(Some(uri), habit);
        }
        pool.faults.answer_delay_ms = (0, rng.below(300));
        let mode = if rng.chance(500) { InviteMode::Message } else { InviteMode::Context };
        let asker = Asker::new(asking(&uris, &domain, true, mode), seed, Mono(0));
        let mut it = Self {
            asker,
            pool,
            conn: None,
            last_conn: 0,
            now: Mono(0),
            rng,
            plans: BTreeMap::new(),
            serial: 0,
            uris,
            pages: [None; WORKERS],
            closed_at: [None; WORKERS],
            tokens: BTreeMap::new(),
            used: BTreeSet::new(),
            clicked: BTreeSet::new(),
            breaks: false,
            asked: 0,
        };
        for call in 0..CALLS {
            let at = 1_000 + it.rng.below(END_MS - 40_000);
            it.plan(at, Plan::Ask(call));
            if it.rng.chance(300) {
                let later = at + it.rng.below(15_000);
                it.plan(later, Plan::Cancel(call));
            }
        }
        if it.rng.chance(300) {
            it.breaks = true;
            let at = it.rng.below(END_MS);
            it.plan(at, Plan::Break);
        }
        it.plan(END_MS, Plan::Drain);
        it
    }

    fn plan(&mut self, at: u64, plan: Plan) {
        self.serial += 1;
        self.plans.insert((Mono(at), self.serial), plan);
    }

    /// Carries bytes both ways until nothing moves.
    fn settle(&mut self) {
        loop {
            if self.asker.wants_connection() {
                self.last_conn += 1;
                self.conn = Some(self.last_conn);
                self.pool.accept(self.now, 0, self.last_conn);
                self.asker.connected(self.now);
            }
            let bytes = self.asker.take();
            if let Some(conn) = self.conn.filter(|_| !bytes.is_empty()) {
                self.pool.receive(self.now, conn, &bytes);
            }
            if self.asker.has_closed()
                && let Some(conn) = self.conn.take()
            {
                self.pool.disconnected(self.now, conn);
            }
            let mut moved = !bytes.is_empty();
            while let Some(out) = self.pool.poll() {
                moved = true;
                match out {
                    PeerOut::Send { conn, bytes } if self.conn == Some(conn) => self.asker.receive(self.now, &bytes),
                    PeerOut::Close { conn } if self.conn == Some(conn) => {
                        self.conn = None;
                        self.asker.lost(self.now);
                    }
                    _ => {}
                }
            }
            self.look();
            if !moved {
                return;
            }
        }
    }

    /// What must hold at any time.
    fn look(&mut self) {
        for (user, token) in std::mem::take(&mut self.asker.tickets) {
            let n = user.index();
            let back_soon = self.closed_at[n].is_some_and(|at| self.now.since(at) < 15_000);
            assert!(self.pages[n] != Some(true) && !back_soon, "worker {n} is asked through the client with a page open");
            assert!(token.len() == 32 && self.tokens.insert(token, user).is_none());
        }
        let open: BTreeSet<OfferId> = (0..WORKERS).flat_map(|n| self.asker.core.offers_of(UserId(n as u32))).map(|view| view.offer).collect();
        for invitation in self.asker.core.invitations() {
            assert!(open.contains(&invitation), "an invitation outlives its offer");
        }
        for (id, answers) in &self.asker.answers {
            assert_eq!(answers.len(), 1, "request {id}");
            if answers[0].status == PreviewStatus::Accepted {
                let user = answers[0].user.unwrap().index();
                assert!(self.clicked.iter().any(|(n, _)| *n == user), "worker {user} wins without a click");
            }
        }
        for (uri, link) in self.pool.take_opened() {
            let n = self.uris.iter().position(|of| *of == uri).unwrap();
            let token = link.strip_prefix("https://ucc.example/t/").unwrap().to_owned();
            assert_eq!(self.tokens.get(&token), Some(&UserId(n as u32)), "somebody else's link");
            if self.used.insert(token) && self.pages[n] != Some(true) {
                self.pages[n] = Some(true);
                self.asker.hand(self.now, Input::Page { user: UserId(n as u32), event: PageEvent::Opened });
                let accepts = self.rng.chance(700);
                let (click, close) = (self.now.0 + self.rng.below(4_000), self.now.0 + 3_000 + self.rng.below(40_000));
                self.plan(click, Plan::Click(n, accepts));
                self.plan(close, Plan::ClosePage(n));
            }
        }
    }

    fn perform(&mut self, plan: Plan) {
        let now = self.now;
        match plan {
            Plan::Ask(call) => {
                let conn = format!("{call:016x}");
                let all: Vec<String> = (0..WORKERS).map(|n| format!("kw{n}")).collect();
                let select = match self.rng.below(3) {
                    0 => Select::Single,
                    1 => Select::Broadcast,
                    _ => Select::RoundRobin,
                };
                let targets = if select == Select::Single { format!("kw{}", self.rng.below(WORKERS as u64)) } else { all.join("^") };
                let request = PreviewRequest { select, targets: &targets, conn: &conn, media: "voice", ..PreviewRequest::default() };
                self.asker.ask(now, &request);
                self.asked += 1;
            }
            Plan::Cancel(call) => {
                self.asker.cancel(now, &format!("{call:016x}"));
                self.asked += 1;
            }
            Plan::Click(n, accepts) => {
                for view in self.asker.core.offers_of(UserId(n as u32)) {
                    self.clicked.insert((n, view.offer));
                    let event = if accepts { PageEvent::Accept { offer: view.offer } } else { PageEvent::Reject { offer: view.offer } };
                    self.asker.hand(now, Input::Page { user: UserId(n as u32), event });
                }
            }
            Plan::ClosePage(n) => {
                (self.pages[n], self.closed_at[n]) = (Some(false), Some(now));
                self.asker.hand(now, Input::Page { user: UserId(n as u32), event: PageEvent::Closed });
            }
            Plan::Break => {
                if let Some(conn) = self.conn.take() {
                    self.pool.disconnected(now, conn);
                    self.asker.lost(now);
                }
            }
            Plan::Drain => self.asker.hand(now, Input::Drain { within_ms: 10_000 }),
        }
    }

    fn run(&mut self) {
        self.settle();
        loop {
            let core = self.asker.core.next_deadline().map(|(at, _)| at);
            let next = [core, self.pool.next_deadline(), self.plans.keys().next().map(|(at, _)| *at)].into_iter().flatten().min();
            let Some(at) = next.filter(|at| at.0 <= END_MS + 60_000) else { break };
            self.now = self.now.max(at);
            while let Some(entry) = self.plans.first_entry().filter(|e| e.key().0 <= self.now) {
                let plan = entry.remove();
                self.perform(plan);
            }
            if self.pool.next_deadline().is_some_and(|at| at <= self.now) {
                self.pool.wake(self.now);
            }
            if core.is_some_and(|at| at <= self.now) {
                self.asker.hand(self.now, Input::Wake);
            }
            self.settle();
        }
        assert!(self.asker.drained, "the connector does not come to an end");
        assert_eq!(self.asker.answers.len() as u64, self.asked, "a request was not answered");
        assert_eq!(self.pool.call_count(), 0, "a client still rings, or talks");
        assert_eq!(self.pool.violations(), [] as [String; 0]);
    }
}

#[test]
fn no_invitation_is_left_behind() {
    let seeds = std::env::var("UC_INVITATION_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let mut seen = uc_core::views::Counters::default();
    for seed in 0..seeds {
        let caught = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            world.run();
            world.asker.core.counters()
        });
        let Ok(counters) = caught else { panic!("seed {seed}") };
        seen.invitations += counters.invitations;
        seen.invitations_answered += counters.invitations_answered;
        seen.invitations_declined += counters.invitations_declined;
        seen.invitations_failed += counters.invitations_failed;
        seen.invitation_windows += counters.invitation_windows;
        (0..6).for_each(|n| seen.previews_answered[n] += counters.previews_answered[n]);
    }
    // Every way was gone.
    for n in [seen.invitations, seen.invitations_answered, seen.invitations_declined, seen.invitations_failed, seen.invitation_windows] {
        assert!(n > seeds / 4, "{seen:?}");
    }
    assert!(seen.previews_answered.iter().take(5).all(|n| *n > 0), "{seen:?}");
}
