//! Nothing of one worker is told to another: every piece of news about an offer goes to the worker it was made to, who was asked for by the router, at a DN of theirs,
//! with the data of that call.
use super::offered::{Change, Offered};
use super::{Checker, Scene, Verdict};
use std::collections::BTreeMap;
use uc_core::id::UserId;
use uc_core::offer::{OfferId, OfferView, PageNews, RouterEvent, conn_number};
use uc_core::{Action, Input};

/// What a router said of a call.
type Data = Vec<(String, String)>;

/// See the module.
#[derive(Debug, Default)]
pub struct Private {
    books: Offered,
    /// User data by call, the latest.
    data: BTreeMap<u64, Data>,
}

impl Private {
    fn on_offer(&self, scene: Scene<'_>, user: UserId, view: &OfferView) -> Verdict {
        let directory = scene.core.directory();
        if !directory.dns_of(user).any(|dn| dn == view.dn) {
            return Err(format!("{user:?} is offered a call at {}, which is not theirs", view.dn));
        }
        let open = self.books.open.get(&view.offer);
        if open.is_none_or(|open| open.user != user || open.group.is_none()) {
            return Err(format!("{:?} about call {} is shown to {user:?}, for whom no router asked: {open:?}", view.offer, view.conn));
        }
        let said = conn_number(&view.conn).and_then(|conn| self.data.get(&conn));
        let same = |data: &Data| data.iter().map(|(k, v)| (&**k, &**v)).eq(view.data.iter().map(|(k, v)| (&**k, &**v)));
        if said.is_some_and(same) { Ok(()) } else { Err(format!("{:?} shows {user:?} {:?}, the router said {said:?}", view.offer, view.data)) }
    }
}

impl Checker for Private {
    fn name(&self) -> &'static str {
        "private"
    }

    fn on_input(&mut self, _scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.books.on_input(input);
        if let Input::Router(RouterEvent::Request { request, .. }) = input
            && let Some(conn) = conn_number(request.conn)
        {
            self.data.insert(conn, request.data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        let Action::Page { user, news } = action else {
            self.books.on_action(scene.core, action);
            return Ok(());
        };
        // The same offer a second time, to somebody else, must not look like a new one.
        let known = match &**news {
            PageNews::Offered(view) => self.books.open.get(&view.offer).map(|open| (view.offer, open.user)),
            _ => None,
        };
        if let Some((offer, whose)) = known {
            return Err(format!("{offer:?} is {whose:?}'s, it is shown to {user:?} as well"));
        }
        let change = self.books.on_action(scene.core, action);
        let not_theirs = |offer: OfferId, whose: UserId| Err(format!("{user:?} is told of {offer:?}, which is {whose:?}'s"));
        match (&**news, change) {
            (PageNews::Offered(view), _) => self.on_offer(scene, *user, view),
            (PageNews::Ended { offer, .. }, Change::Ended(_, open, _)) if open.user != *user => not_theirs(*offer, open.user),
            (PageNews::TooLate { offer }, _) => match self.books.click {
                Some(click) if click.user == *user && click.offer == *offer => Ok(()),
                click => Err(format!("{user:?} is told that {offer:?} is over, and did not ask: {click:?}")),
            },
            _ => Ok(()),
        }
    }
}
