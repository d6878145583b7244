//! Servers that fail and come back.
use super::{AWAY, Kind, SETTLING, World};
use std::time::Instant;

impl World {
    /// Kills the server that matters most: the one with the connection, the primary.
    pub(super) fn kill(&mut self, kind: Kind) -> u16 {
        let now = self.now();
        let node = match kind {
            Kind::FrontEnd => self.conns.values().find(|(k, ..)| *k == kind).map_or(0, |(_, node, _)| *node),
            Kind::TServer => self.tserver.primary().unwrap_or(0),
        };
        self.teller.failure(self.clock(), &server(kind, node), self.consequence(kind, node));
        match kind {
            Kind::FrontEnd => self.front_end.kill(node),
            Kind::TServer => self.tserver.kill(now, node),
        }
        self.story.failures += 1;
        self.troubled_until = Some(Instant::now() + AWAY + SETTLING);
        for waiting in self.waiting.values_mut() {
            waiting.disturbed = true;
        }
        self.pump();
        node
    }

    /// What the failure of a server should lead to.
    fn consequence(&self, kind: Kind, node: u16) -> &'static str {
        let serves = self.conns.values().any(|(k, n, _)| (*k, *n) == (kind, node));
        match kind {
            Kind::FrontEnd if serves => "the connector has to subscribe again at another one",
            Kind::TServer if serves && self.tserver.primary() == Some(node) => "the other half of the pair takes over",
            _ => "nobody was using it",
        }
    }

    pub(super) fn revive(&mut self, kind: Kind, node: u16) {
        let now = self.now();
        match kind {
            Kind::FrontEnd => self.front_end.revive(node),
            Kind::TServer => self.tserver.revive(now, node),
        }
        self.teller.back(self.clock(), &server(kind, node));
        self.pump();
    }
}

fn server(kind: Kind, node: u16) -> String {
    match kind {
        Kind::FrontEnd => format!("Front End {}", node + 1),
        Kind::TServer => format!("T-Server {}", if node == 0 { "A" } else { "B" }),
    }
}
