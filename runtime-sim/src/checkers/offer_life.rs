//! How long offers live: not beyond the time to think, not beyond their call, not beyond the request they were made for.
use super::offered::Offered;
use super::reported::number;
use super::{Checker, Scene, Truth, Verdict};
use crate::company::clock;
use uc_core::cti_event::CtiEvent;
use uc_core::offer::{RouterEvent, conn_number};
use uc_core::{Action, Input};

/// See the module.
#[derive(Debug, Default)]
pub struct Life {
    books: Offered,
    /// The call that is said to be over, or was cancelled.
    over: Option<(u64, &'static str)>,
}

impl Checker for Life {
    fn name(&self) -> &'static str {
        "offer-life"
    }

    fn on_input(&mut self, _scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.books.on_input(input);
        self.over = match input {
            Input::Cti { event: CtiEvent::Event(event), .. }
                if matches!(event.id, number::ABANDONED | number::RELEASED) && event.call_state.unwrap_or(0) == 0 =>
            {
                event.conn.and_then(conn_number).map(|conn| (conn, "was released"))
            }
            Input::Router(RouterEvent::Cancel { conn, .. }) => conn_number(conn).map(|conn| (conn, "was cancelled")),
            _ => None,
        };
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        self.books.on_action(scene.core, action);
        match (action, self.books.open.keys().next()) {
            (Action::Drained, Some(offer)) => Err(format!("the connector has stopped and {offer:?} is open")),
            _ => Ok(()),
        }
    }

    fn on_settled(&mut self, scene: Scene<'_>) -> Verdict {
        let now = clock(scene.now).unix_ms;
        for (offer, open) in &self.books.open {
            if now > open.view.ends_unix_ms {
                return Err(format!("{offer:?} to {:?} is open {} ms after its end", open.user, now - open.view.ends_unix_ms));
            }
            if let Some((_, how)) = self.over.filter(|(conn, _)| *conn == open.conn) {
                return Err(format!("{offer:?} to {:?} is open although its call {} {how}", open.user, open.view.conn));
            }
            if !open.group.is_some_and(|group| self.books.groups.contains_key(&group)) {
                return Err(format!("{offer:?} to {:?} is open and nobody waits for its answer", open.user));
            }
        }
        Ok(())
    }

    fn on_quiet(&mut self, scene: Scene<'_>, _truth: &Truth<'_>) -> Verdict {
        // A request that goes from one to the next may take as long as all of them have time; that each ends in time is told above.
        let open = scene.core.previews().offers as usize;
        if open == self.books.open.len() { Ok(()) } else { Err(format!("after the quiet phase {open} offers are open, not {:?}", self.books.open)) }
    }
}
