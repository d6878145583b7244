//! The router behind a bridge: what it asks, the core's answers to it, and its coming and going. Nothing here runs unless the option `router-bridge` is set.
use super::{Later, World};
use crate::checkers::bridged::Bridged;
use crate::company;
use crate::net::{Listen, Node};
use crate::peers::Peer;
use crate::peers::router::Router;
use crate::preview::{Ask, conn_of, conn_text, targets_text};
use std::collections::BTreeMap;
use std::fmt::Write;
use uc_core::cti_event::CtiEvent;
use uc_core::offer::{RouterEvent, Select};
use uc_core::{Action, Input};

/// Cancellations have numbers of their own.
const CANCELS: i64 = 1_000_000;

/// The router, and what is known of it outside.
#[derive(Debug, Default)]
pub(super) struct RouterBridge {
    pub(super) peer: Router,
    books: Bridged,
    asks: BTreeMap<i64, Ask>,
    cancels: i64,
}

impl World {
    /// Where the router listens: behind the T-Servers, as its link is numbered.
    pub(super) fn router_node(&self) -> Option<Node> {
        self.options.previews.bridge_linger_s.map(|_| Node(self.options.front_ends + company::t_servers(&self.options)))
    }

    /// Tells the checkers of an input.
    pub(super) fn hear(&mut self, input: &Input<'_>) {
        if self.options.previews.bridge_linger_s.is_none() {
            return self.check(|checker, scene| checker.on_input(scene, input));
        }
        let mut books = std::mem::take(&mut self.bridge.books);
        if let Input::Cti { event: CtiEvent::Router(message), .. } = input {
            books.heard(message, |event| self.check(|checker, scene| checker.on_input(scene, &Input::Router(event))));
        } else {
            for id in books.gone(self.core.directory().config(), self.now, input) {
                self.check(|checker, scene| checker.on_input(scene, &Input::Router(&RouterEvent::Gone { id })));
            }
            self.check(|checker, scene| checker.on_input(scene, input));
        }
        self.bridge.books = books;
    }

    /// Tells the checkers of an action.
    pub(super) fn see(&mut self, action: &Action) {
        for id in self.bridge.books.given_up(self.core.directory().config(), self.now, action) {
            self.check(|checker, scene| checker.on_input(scene, &Input::Router(&RouterEvent::Gone { id })));
        }
        let plain = self.bridge.books.answered(action);
        let action = plain.as_ref().unwrap_or(action);
        self.check(|checker, scene| checker.on_action(scene, action));
    }

    /// Asks through the bridge. A time to think is the configuration's there, a key is the `RequestID`.
    pub(super) fn ask_by_bridge(&mut self, ask: &Ask) {
        let (targets, conn, call) = (targets_text(ask), conn_text(ask.call, ask.number), ask.call.to_string());
        let (name, who) = match ask.select {
            Select::Single => ("PreviewInteractionRequest", "agent"),
            Select::Broadcast => ("PreviewInteractionMultiple", "targets"),
            Select::RoundRobin => ("PreviewInteractionRoundRobin", "targets"),
            Select::LongestIdle => ("PreviewInteractionLongestIdle", "targets"),
        };
        let number = i64::from(ask.number);
        if self.bridge.asks.insert(number, ask.clone()).is_none() {
            self.pages.plan(ask);
        }
        let data = [("Call", call.as_str()), ("Customer", "M\u{fc}ller & S\u{f6}hne")];
        self.bridge.peer.ask(number, name, &[(who, &targets), ("connId", &conn), ("mediaType", "voice")], &data);
        self.drain_peers();
    }

    pub(super) fn cancel_by_bridge(&mut self, call: u32) {
        let conn = conn_text(call, call);
        self.bridge.cancels += 1;
        self.bridge.peer.ask(CANCELS + self.bridge.cancels, "PreviewInteractionCancel", &[("ConnID", &conn), ("StatusMessage", "caller hung up")], &[]);
        self.drain_peers();
    }

    /// The router dies, or is started again.
    pub(super) fn router_comes_or_goes(&mut self, node: Node, up: bool) {
        if up {
            self.bridge.peer.revive();
            self.net.listen(self.now, node, Listen::Open);
        } else {
            self.bridge.peer.kill();
            self.net.kill_node(self.now, node, false);
        }
    }

    /// What the router heard; where somebody accepted the call goes there.
    pub(super) fn hear_answers(&mut self) {
        while let Some(answer) = self.bridge.peer.answer() {
            self.trace.tell(self.now, |out| write!(out, "router: {} is {} {}", answer.request, answer.status, answer.dn));
            if let Some(ask) = self.bridge.asks.remove(&answer.request)
                && answer.status == "Accepted"
            {
                self.later(super::previews::ROUTES_AFTER_MS, Later::Route(conn_of(ask.call), answer.dn));
            }
        }
        if let Some(text) = self.bridge.peer.violations().first().cloned() {
            self.fail("peers", text);
        }
    }
}
