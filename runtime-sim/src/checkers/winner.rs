//! Winners: the first acceptance the core hears of an open offer wins, at once and alone; what is over, cancelled, timed out or another worker's wins nothing.
use super::offered::{Change, Click, Offered};
use super::{Checker, Scene, Verdict};
use std::collections::BTreeMap;
use uc_core::id::UserId;
use uc_core::offer::{Outcome, PageNews, PreviewAnswer, PreviewStatus, RequestId, RouterEvent};
use uc_core::{Action, Input};

/// See the module.
#[derive(Debug, Default)]
pub struct OneWinner {
    books: Offered,
    /// The group of the offer that is being accepted.
    group: Option<u64>,
    /// How the offer that was clicked at ended in this input.
    ended: Option<Outcome>,
    told_too_late: bool,
    /// A request with its key, while it is being heard.
    asked: Option<(RequestId, String)>,
    /// Who won, by key.
    winners: BTreeMap<String, Option<UserId>>,
}

impl OneWinner {
    fn on_answer(&mut self, scene: Scene<'_>, id: RequestId, answer: &PreviewAnswer, group: Option<u64>, key: Option<&str>) -> Verdict {
        if answer.status != PreviewStatus::Accepted {
            return if answer.user.is_some() { Err(format!("{id:?} is answered {} and names a winner", answer.status.word())) } else { Ok(()) };
        }
        // A repeated request hears what the first one heard.
        if let Some((asked, key)) = &self.asked
            && *asked == id
        {
            let before = self.winners.get(key).copied();
            return match before {
                Some(winner) if answer.user.is_none() || winner == answer.user => Ok(()),
                _ => Err(format!("{id:?} repeats key {key} and hears that {:?} won, before it was {before:?}", answer.user)),
            };
        }
        let Some(Click { user, offer, accept: true, good: true }) = self.books.click else {
            return Err(format!("{id:?} is answered Accepted by {:?} although nobody has just accepted an open offer", answer.user));
        };
        if answer.user != Some(user) {
            return Err(format!("{user:?} accepted {offer:?} first, {:?} won", answer.user));
        }
        if group.is_none() || group != self.group {
            return Err(format!("{user:?} accepted {offer:?}, and {id:?} is answered, which is another request"));
        }
        if let Some(key) = key {
            self.winners.insert(key.to_owned(), Some(user));
        }
        let directory = scene.core.directory();
        let (login, is_own) = (&directory.person(user).agent_login, directory.dns_of(user).any(|dn| directory.number(dn) == &*answer.dn));
        if *answer.agent != **login || !is_own {
            return Err(format!("{id:?} sends the call to agent {} at DN {}, {user:?} is agent {login}", answer.agent, answer.dn));
        }
        Ok(())
    }
}

impl Checker for OneWinner {
    fn name(&self) -> &'static str {
        "winner"
    }

    fn on_input(&mut self, _scene: Scene<'_>, input: &Input<'_>) -> Verdict {
        self.books.on_input(input);
        (self.ended, self.told_too_late, self.asked) = (None, false, None);
        self.group = self.books.click.and_then(|click| self.books.open.get(&click.offer)?.group);
        if let Input::Router(RouterEvent::Request { id, request }) = input {
            self.asked = request.key.map(|key| (*id, key.to_owned()));
        }
        Ok(())
    }

    fn on_action(&mut self, scene: Scene<'_>, action: &Action) -> Verdict {
        let key = match action {
            Action::AnswerPreview { id, .. } => self.books.groups.values().find(|group| group.waiting.contains(id)).and_then(|group| group.key.clone()),
            _ => None,
        };
        match (self.books.on_action(scene.core, action), action) {
            (Change::Ended(offer, open, outcome), _) => {
                let click = self.books.click.filter(|click| click.good);
                if click.is_some_and(|click| click.offer == offer) {
                    self.ended = Some(outcome);
                }
                match (outcome, click) {
                    (Outcome::Accepted, Some(click)) if click.accept && click.offer == offer => Ok(()),
                    (Outcome::Accepted, _) => Err(format!("{offer:?} of {:?} ends as accepted, and its worker did not just accept it", open.user)),
                    (Outcome::Taken, Some(click)) if click.accept && self.group == open.group => Ok(()),
                    (Outcome::Taken, _) => Err(format!("{offer:?} of {:?} ends as taken, and no other offer of its request was accepted", open.user)),
                    (Outcome::Rejected, Some(click)) if !click.accept && click.offer == offer => Ok(()),
                    (Outcome::Rejected, _) => Err(format!("{offer:?} of {:?} ends as declined, and its worker did not just decline it", open.user)),
                    _ => Ok(()),
                }
            }
            (Change::EndedTwice(offer), _) => Err(format!("{offer:?} ends, and is not open")),
            (Change::Answered(group), Action::AnswerPreview { id, answer }) => self.on_answer(scene, *id, answer, group, key.as_deref()),
            (_, Action::Page { user, news }) if matches!(&**news, PageNews::TooLate { .. }) => {
                self.told_too_late = true;
                match self.books.click {
                    Some(click) if !click.good && click.user == *user => Ok(()),
                    click => Err(format!("{user:?} hears that it was too late, the click was {click:?}")),
                }
            }
            _ => Ok(()),
        }
    }

    fn on_settled(&mut self, _scene: Scene<'_>) -> Verdict {
        let Some(click) = self.books.click.take().filter(|_| !self.books.stopped) else { return Ok(()) };
        let wanted = if click.accept { Outcome::Accepted } else { Outcome::Rejected };
        if click.good && self.ended != Some(wanted) {
            return Err(format!(
                "{:?} clicked at the open {:?}, which should end as {}, and it ended as {:?}",
                click.user,
                click.offer,
                wanted.word(),
                self.ended
            ));
        }
        if !click.good && !self.told_too_late {
            return Err(format!("{:?} clicked at {:?}, which is not theirs or over, and was not told", click.user, click.offer));
        }
        let Some(group) = self.group.and_then(|group| self.books.groups.get(&group)).filter(|_| click.good && click.accept) else { return Ok(()) };
        // Who asked through a bridge and is away hears it when they ask again.
        if let Some(key) = &group.key {
            self.winners.insert(key.clone(), Some(click.user));
        }
        if group.waiting != group.lost {
            return Err(format!("{:?} accepted {:?} and its request was not answered", click.user, click.offer));
        }
        Ok(())
    }
}
