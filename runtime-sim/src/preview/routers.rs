//! Routers: what they ask, in which words, and what they still wait for.
//!
//! They speak through the types of `uc_core::offer`; the HTTP interface is absent here, the daemon's tests have it. The router behind a bridge is `peers::router`.
use super::steps::Ask;
use crate::company;
use std::collections::BTreeMap;
use uc_core::offer::RequestId;

/// The number T-Server gives a call.
#[must_use]
pub(crate) const fn conn_of(call: u32) -> u64 {
    0x006b_0001_0000_0000 + call as u64
}

/// The same as one of several ways a strategy prints it.
pub(crate) fn conn_text(call: u32, how: u32) -> String {
    match how % 3 {
        0 => format!("{:016x}", conn_of(call)),
        1 => format!("{:016X}", conn_of(call)),
        _ => format!("{:x}", conn_of(call)),
    }
}

/// A list of targets, each called in one of the ways that are allowed.
#[must_use]
pub(crate) fn targets_text(ask: &Ask) -> String {
    let name = |worker: u16| match (ask.number + u32::from(worker)) % 4 {
        0 => company::employee_of(worker),
        1 => company::login_of(worker),
        2 => company::dn_of(worker),
        _ => format!("{}@StatServer.A", company::login_of(worker)),
    };
    let names: Vec<String> = ask.targets.iter().map(|target| name(target.worker)).collect();
    names.join(if ask.number.is_multiple_of(2) { "^" } else { "|" })
}

/// The workers a list of targets names: reads what [`targets_text`] writes.
pub(crate) fn workers_of(targets: &str) -> Vec<u16> {
    let worker = |name: &str| {
        let bare = name.split('@').next().unwrap_or(name);
        match bare.strip_prefix('e') {
            Some(_) => company::worker_of(bare),
            None => bare.parse::<u32>().ok().and_then(|number| u16::try_from(number % 10_000).ok()),
        }
    };
    targets.split(['^', '|']).filter_map(worker).collect()
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Routers {
    down: bool,
    last: u64,
    /// Asks that wait for their answer.
    open: BTreeMap<RequestId, Ask>,
    /// What is asked again when they are back.
    later: Vec<Ask>,
}

impl Routers {
    /// Nobody routes.
    pub(crate) const fn is_down(&self) -> bool {
        self.down
    }

    /// A number for a request.
    pub(crate) const fn number(&mut self) -> RequestId {
        self.last += 1;
        RequestId(self.last)
    }

    /// An ask waits.
    pub(crate) fn ask(&mut self, ask: Ask) -> RequestId {
        let id = self.number();
        self.open.insert(id, ask);
        id
    }

    /// The ask an answer belongs to; no longer waiting.
    pub(crate) fn answered(&mut self, id: RequestId) -> Option<Ask> {
        self.open.remove(&id)
    }

    /// Requests of one ask.
    pub(crate) fn of(&self, number: u32) -> Vec<RequestId> {
        self.open.iter().filter(|(_, ask)| ask.number == number).map(|(id, _)| *id).collect()
    }

    /// The routers go away: the requests nobody waits for now. What had a key is remembered.
    pub(crate) fn go(&mut self) -> Vec<RequestId> {
        self.down = true;
        self.later = self.open.values().filter(|ask| ask.key.is_some()).cloned().collect();
        self.open.keys().copied().collect()
    }

    /// They are back: what they ask again.
    pub(crate) fn come(&mut self) -> Vec<Ask> {
        self.down = false;
        std::mem::take(&mut self.later)
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps::{Reaction, Target};
    use super::*;

    #[test]
    fn every_way_to_name_a_worker_is_read_back() {
        let target = |worker| Target { worker, reaction: Reaction::Silent, after_ms: 0 };
        for number in 0..8 {
            let targets = [0, 7, 19, 1_234].map(target).to_vec();
            let ask = Ask { number, call: 1, select: uc_core::offer::Select::Broadcast, think_ms: None, key: None, targets };
            assert_eq!(workers_of(&targets_text(&ask)), [0, 7, 19, 1_234]);
        }
        for how in 0..3 {
            assert_eq!(uc_core::offer::conn_number(&conn_text(77, how)), Some(conn_of(77)));
        }
    }
}
