//! Draws a run's steps from the tape.
use crate::both::Way;
use crate::choices::{Choices, ratio};
use crate::options::{Kind, Options};
use crate::steps::{Fate, Hand, Own, RegistrarSays, Server, Setting, Step, Timed};
use uc_core::Mono;
use uc_core::config::Redundancy;

/// Numbers around the edges of the classes, and the tokens that go with them.
const STATES: [(u32, &str); 14] = [
    (3500, ""),
    (3000, ""),
    (4499, ""),
    (5000, ""),
    (6500, "on-the-phone"),
    (6900, "urgent-interruptions-only"),
    (6500, "in-a-meeting"),
    (7500, ""),
    (9500, "in-presentation"),
    (12500, ""),
    (15500, ""),
    (15500, "off-work"),
    (18500, ""),
    (18000, ""),
];
/// Rare: unknown, and below the first class.
const ODD_STATES: [(u32, &str); 2] = [(0, ""), (2999, "")];
const NOTES: [&str; 5] = ["", "Lunch", "Back at 17:00 <tomorrow> & \"later\"", "Besprechung in Zürich", "a\\b"];
/// A call rings for so long, milliseconds.
pub const RINGS_MS: u64 = 2_000;
const ERROR_CODES: [u16; 5] = [57, 58, 40, 50, 220];

struct Draft<'t, 'a> {
    tape: &'t mut Choices<'a>,
    options: &'t Options,
    out: Vec<Timed>,
    /// Persons that exist now, and the next number for a new one.
    present: Vec<u16>,
    next_person: u16,
}

/// The steps of a run, in time order. Legal by construction; ends before the run's length.
#[must_use]
pub fn steps(options: &Options, tape: &mut Choices<'_>) -> Vec<Timed> {
    let mut draft = Draft { tape, options, out: Vec::new(), present: (0..options.workers).collect(), next_person: options.workers };
    let end = u64::from(options.minutes) * 60_000;
    let mut at = draft.pause(options.presence_every_ms);
    while at < end && !draft.tape.is_empty() {
        draft.presence(at);
        at += draft.pause(options.presence_every_ms);
    }
    let mut at = draft.pause(options.fault_every_ms);
    while at < end && !draft.tape.is_empty() {
        draft.fault(at);
        while options.together && draft.tape.chance(ratio(1, 2)) {
            let near = at + draft.tape.range(0, 3_000);
            draft.fault(near);
        }
        at += draft.pause(options.fault_every_ms);
    }
    let mut out = draft.out;
    out.retain(|timed| timed.at.0 < end);
    out.sort_by_key(|timed| timed.at);
    out
}

/// What runs in both directions add: calls, people's own clients, desktops; kept in time order.
pub fn more_steps(options: &Options, tape: &mut Choices<'_>, steps: &mut Vec<Timed>) {
    if options.both.way == Way::Normal {
        return;
    }
    let mut draft = Draft { tape, options, out: std::mem::take(steps), present: Vec::new(), next_person: 0 };
    let end = u64::from(options.minutes) * 60_000;
    for (every, kind) in [(options.both.calls_every_ms, 0), (options.both.clients_every_ms, 1), (options.both.calls_every_ms * 4, 2)] {
        if every == 0 {
            continue;
        }
        let mut at = draft.pause(every);
        while at < end && !draft.tape.is_empty() {
            match kind {
                0 => draft.call(at),
                1 => draft.client(at),
                _ => draft.desktop(at),
            }
            at += draft.pause(every);
        }
    }
    let mut out = draft.out;
    out.retain(|timed| timed.at.0 < end);
    // Stable: what was there before keeps its order.
    out.sort_by_key(|timed| timed.at);
    *steps = out;
}

impl Draft<'_, '_> {
    fn worker(&mut self) -> u16 {
        self.tape.index(usize::from(self.options.workers)) as u16
    }

    fn call(&mut self, at: u64) {
        let worker = self.worker();
        let longest = self.tape.pick(&[1_000, 20_000, 90_000]);
        let talk_ms = if self.tape.chance(ratio(1, 10)) { 0 } else { self.tape.range(1, longest) as u32 };
        let business = self.tape.chance(ratio(5, 6));
        self.push(at, Step::Call { worker, talk_ms, business });
        // People act when a call ends: in the menu of their client, or at their desktop.
        let after = at + RINGS_MS + u64::from(talk_ms) + self.tape.range(0, 4_000);
        match self.tape.index(6) {
            0 => self.by_hand(after, worker),
            1 => {
                let hand = self.tape.pick(&[Hand::Ready, Hand::NotReady]);
                self.push(after, Step::Foreign(worker, hand));
            }
            2 => {
                let hand = self.tape.pick(&[Hand::Ready, Hand::NotReady]);
                self.push(after, Step::Foreign(worker, hand));
                self.by_hand(after, worker);
            }
            _ => {}
        }
    }

    fn by_hand(&mut self, at: u64, worker: u16) {
        let own = self.tape.pick(&[Own::Menu, Own::Menu, Own::Timed]);
        let state = self.tape.pick(&[Some(3_500), Some(6_500), Some(9_500), Some(12_500), Some(15_500), None]);
        self.push(at, Step::Client(worker, own, state));
    }

    fn client(&mut self, at: u64) {
        let worker = self.worker();
        let back = at + self.length();
        match self.tape.index(4) {
            0 => self.by_hand(at, worker),
            1 => {
                // A machine is idle first and away later (`spec/ms-pres.md` 5.5, rule 3).
                let idle = self.tape.pick(&[5_000, 15_500]);
                self.push(at, Step::Client(worker, Own::Machine, Some(5_000)));
                if idle > 5_000 {
                    self.push(at + (back - at) / 2, Step::Client(worker, Own::Machine, Some(idle)));
                }
                self.push(back, Step::Client(worker, Own::Machine, Some(3_500)));
            }
            2 => {
                self.push(at, Step::Client(worker, Own::Phone, Some(6_500)));
                self.push(back, Step::Client(worker, Own::Phone, None));
            }
            _ => {
                self.push(at, Step::Client(worker, Own::Calendar, Some(6_500)));
                self.push(back, Step::Client(worker, Own::Calendar, None));
            }
        }
    }

    fn desktop(&mut self, at: u64) {
        let (worker, hand) = (self.worker(), self.tape.pick(&[Hand::Ready, Hand::NotReady, Hand::Login, Hand::AfterCall]));
        self.push(at, Step::Foreign(worker, hand));
    }

    /// Uniform in half to one and a half of the mean.
    fn pause(&mut self, mean_ms: u64) -> u64 {
        self.tape.range(mean_ms / 2, mean_ms + mean_ms / 2).max(1)
    }

    fn push(&mut self, at: u64, step: Step) {
        self.out.push(Timed { at: Mono(at), step });
    }

    fn presence(&mut self, at: u64) {
        let worker = self.tape.index(usize::from(self.options.workers)) as u16;
        self.presence_of(at, worker);
        // Now and then the worker changes their mind at once: crossing messages, latest wins.
        if self.tape.chance(ratio(1, 8)) {
            let again = at + self.tape.range(0, 300);
            self.presence_of(again, worker);
        }
    }

    fn presence_of(&mut self, at: u64, worker: u16) {
        let odd = self.tape.chance(ratio(1, 40));
        let (availability, token) = if odd { self.tape.pick(&ODD_STATES) } else { self.tape.pick(&STATES) };
        let note = if self.tape.chance(ratio(1, 5)) { Some(self.tape.pick(&NOTES).to_string()) } else { None };
        self.push(at, Step::Presence { worker, availability, token: token.to_string(), note });
    }

    fn fault(&mut self, at: u64) {
        let mut weights = self.options.weights;
        weights[Kind::Presence as usize] = 0;
        if weights.iter().all(|w| *w == 0) {
            return;
        }
        let kind = Kind::ALL[self.tape.weighted(&weights)];
        let front_end = Server::FrontEnd(self.tape.index(usize::from(self.options.front_ends)) as u16);
        let t_servers = if self.options.redundancy == Redundancy::Single { 1 } else { 2 };
        let t_server = Server::TServer(self.tape.index(t_servers) as u16);
        match kind {
            Kind::Presence => {}
            Kind::PresenceStorm => self.storm(at),
            Kind::FrontEndKill => self.for_a_while(at, front_end, Fate::Kill, Fate::Revive),
            Kind::FrontEndSilent => self.for_a_while(at, front_end, Fate::Silent, Fate::Revive),
            Kind::FrontEndPartition => self.for_a_while(at, front_end, Fate::Partition, Fate::Heal),
            Kind::FrontEndStall => self.for_a_while(at, front_end, Fate::Stall, Fate::Resume),
            Kind::FrontEndBacklog => self.for_a_while(at, front_end, Fate::Backlog, Fate::Accept),
            Kind::ResetUc => self.push(at, Step::Reset(front_end)),
            Kind::LoseDialogs => {
                let node = self.tape.index(usize::from(self.options.front_ends)) as u16;
                self.push(at, Step::LoseDialogs(node));
            }
            Kind::Overload => {
                let ms = self.tape.range(100, 60_000) as u32;
                self.push(at, Step::Overload(ms));
            }
            Kind::Registration => self.registrar(at),
            Kind::TServerKill => self.for_a_while(at, t_server, Fate::Kill, Fate::Revive),
            Kind::TServerSilent => self.for_a_while(at, t_server, Fate::Silent, Fate::Revive),
            Kind::TServerPartition => self.for_a_while(at, t_server, Fate::Partition, Fate::Heal),
            Kind::TServerStall => self.for_a_while(at, t_server, Fate::Stall, Fate::Resume),
            Kind::ResetCti => self.push(at, Step::Reset(t_server)),
            Kind::CtiLink => {
                let back = at + self.length();
                self.push(at, Step::CtiLink(false));
                self.push(back, Step::CtiLink(true));
            }
            Kind::Switchover => self.push(at, Step::Switchover),
            Kind::Foreign => self.foreign(at, &[Hand::Ready, Hand::NotReady, Hand::AfterCall]),
            Kind::ForeignLogout => self.foreign(at, &[Hand::Logout]),
            Kind::Errors => {
                let worker = self.tape.index(usize::from(self.options.workers)) as u16;
                let (code, count) = (self.tape.pick(&ERROR_CODES), self.tape.range(1, 4) as u16);
                self.push(at, Step::Errors { worker, code, count });
            }
            Kind::Slow => {
                let (ms, back) = (self.tape.range(1, 15_000) as u32, at + self.length());
                self.push(at, Step::Slow(ms));
                self.push(back, Step::Slow(0));
            }
            Kind::Reconfigure => self.reconfigure(at),
            Kind::Exchange => self.push(at, Step::Exchange),
            Kind::Setting => {
                let setting = self.tape.pick(&Setting::ALL);
                self.push(at, Step::Change(setting));
            }
        }
    }

    /// From a blink to longer than every time-out.
    fn length(&mut self) -> u64 {
        let longest = self.tape.pick(&[50, 2_000, 15_000, 90_000, 600_000]);
        self.tape.range(1, longest)
    }

    fn for_a_while(&mut self, at: u64, server: Server, fate: Fate, back: Fate) {
        let until = at + self.length();
        self.push(at, Step::Server(server, fate));
        self.push(until, Step::Server(server, back));
    }

    fn storm(&mut self, at: u64) {
        for worker in 0..self.options.workers {
            let when = at + self.tape.range(0, 1_000);
            self.presence_of(when, worker);
        }
    }

    fn registrar(&mut self, at: u64) {
        let says = self.tape.pick(&[RegistrarSays::Unregistered, RegistrarSays::Deactivated, RegistrarSays::Unavailable]);
        self.push(at, Step::Registrar(says));
        if says == RegistrarSays::Unavailable {
            let back = at + self.length();
            self.push(back, Step::Registrar(RegistrarSays::Available));
        }
    }

    fn foreign(&mut self, at: u64, hands: &[Hand]) {
        let (worker, hand) = (self.tape.index(usize::from(self.options.workers)) as u16, self.tape.pick(hands));
        self.push(at, Step::Foreign(worker, hand));
    }

    fn reconfigure(&mut self, at: u64) {
        if self.tape.chance(ratio(1, 2)) && self.present.len() > 1 {
            let at_index = self.tape.index(self.present.len());
            let worker = self.present.remove(at_index);
            self.push(at, Step::Remove(worker));
        } else {
            // Half of the time somebody comes back who was here before.
            let gone: Vec<u16> = (0..self.next_person).filter(|p| !self.present.contains(p)).collect();
            let back = !gone.is_empty() && self.tape.chance(ratio(1, 2));
            let worker = if back { self.tape.pick(&gone) } else { self.next_person };
            self.next_person = self.next_person.max(worker + 1);
            self.present.push(worker);
            self.push(at, Step::Add(worker));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_in_time_order_and_ends_in_time() {
        for seed in 0..100 {
            let mut tape = Choices::from_seed(seed);
            let options = Options::swarm(seed, &mut tape);
            let steps = steps(&options, &mut tape);
            assert!(steps.is_sorted_by_key(|t| t.at) && steps.last().is_none_or(|t| t.at.0 < 3_600_000), "seed {seed}");
            assert!(steps.iter().any(|t| matches!(t.step, Step::Presence { .. })), "seed {seed}");
        }
    }

    #[test]
    fn any_bytes_are_a_legal_and_short_run() {
        let bytes: Vec<u8> = (0..=255).cycle().take(600).collect();
        for end in [0, 1, 17, 600] {
            let mut tape = Choices::from_bytes(&bytes[..end]);
            let options = Options::swarm(1, &mut tape);
            assert!(steps(&options, &mut tape).len() < 2_000);
        }
    }
}
