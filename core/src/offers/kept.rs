//! What is remembered for a while: answers, for polling and repeated requests, and where round robin goes on.
use crate::fingerprint::Fp;
use crate::id::UserId;
use crate::offer::PreviewAnswer;
use crate::time::Mono;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// Lists of targets whose turn is remembered.
const CURSORS_MAX: usize = 1024;

/// Answers given, oldest first.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Kept {
    answers: BTreeMap<u64, Answered>,
    /// The latest of each call.
    by_conn: BTreeMap<Box<str>, u64>,
    by_key: BTreeMap<Box<str>, u64>,
    last: u64,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Answered {
    at: Mono,
    conn: Box<str>,
    key: Option<Box<str>>,
    answer: PreviewAnswer,
}

impl Kept {
    /// Keeps an answer; of more than `max` the oldest goes.
    pub(super) fn keep(&mut self, at: Mono, conn: Box<str>, key: Option<Box<str>>, answer: PreviewAnswer, max: usize) {
        self.last += 1;
        self.by_conn.insert(conn.clone(), self.last);
        if let Some(key) = &key {
            self.by_key.insert(key.clone(), self.last);
        }
        self.answers.insert(self.last, Answered { at, conn, key, answer });
        while self.answers.len() > max {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((id, old)) = self.answers.pop_first() else { return };
        if self.by_conn.get(&old.conn) == Some(&id) {
            self.by_conn.remove(&old.conn);
        }
        if let Some(key) = old.key
            && self.by_key.get(&key) == Some(&id)
        {
            self.by_key.remove(&key);
        }
    }

    /// Forgets what is older than `ms`; when to look again.
    pub(super) fn expire(&mut self, now: Mono, ms: u64) -> Option<Mono> {
        while let Some((_, oldest)) = self.answers.first_key_value() {
            if oldest.at + ms > now {
                return Some(oldest.at + ms);
            }
            self.forget_oldest();
        }
        None
    }

    /// The answer to the request with this key, and the call it was about.
    pub(super) fn of_key(&self, key: &str) -> Option<(&str, &PreviewAnswer)> {
        let answered = &self.answers[self.by_key.get(key)?];
        Some((&answered.conn, &answered.answer))
    }

    /// The latest answer about a call.
    pub(super) fn of_conn(&self, conn: &str) -> Option<&PreviewAnswer> {
        Some(&self.answers[self.by_conn.get(conn)?].answer)
    }

    /// A worker is gone: the id will be another's.
    pub(super) fn forget_user(&mut self, user: UserId) {
        for answered in self.answers.values_mut().filter(|answered| answered.answer.user == Some(user)) {
            answered.answer.user = None;
        }
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        for Answered { at, conn, key, answer } in self.answers.values() {
            fp.time(*at);
            fp.text(conn);
            fp.text(key.as_deref().unwrap_or_default());
            fp.debug(&(answer.status, answer.user));
        }
    }
}

/// Who was asked first last time, by list of targets.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Cursors {
    by_list: BTreeMap<u64, (u64, UserId)>,
    /// Which list was used when, oldest first.
    by_use: BTreeMap<u64, u64>,
    last: u64,
}

impl Cursors {
    pub(super) fn get(&self, list: u64) -> Option<UserId> {
        self.by_list.get(&list).map(|(_, user)| *user)
    }

    pub(super) fn set(&mut self, list: u64, user: UserId) {
        self.last += 1;
        if let Some((before, _)) = self.by_list.insert(list, (self.last, user)) {
            self.by_use.remove(&before);
        }
        self.by_use.insert(self.last, list);
        if self.by_list.len() > CURSORS_MAX
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.by_list.remove(&oldest);
        }
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        for list in self.by_use.values() {
            fp.num(*list);
            fp.debug(&self.get(*list));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_list_is_forgotten_first() {
        let mut cursors = Cursors::default();
        for list in 0..CURSORS_MAX as u64 + 1 {
            cursors.set(list, UserId(7));
            cursors.set(0, UserId(9));
        }
        assert_eq!((cursors.get(0), cursors.get(1), cursors.get(2)), (Some(UserId(9)), None, Some(UserId(7))));
        assert_eq!((cursors.by_list.len(), cursors.by_use.len()), (CURSORS_MAX, CURSORS_MAX));
    }
}
