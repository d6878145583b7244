//! Who is logged in: random tokens of 256 bits in a cookie, of which only hashes are kept; idle and absolute time limits; a bounded number.
use super::assets::hex;
use super::talk::Who;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::time::{Duration, Instant};

/// The cookie.
pub(super) const COOKIE: &str = "uc_session";
/// Logins at once over all; then the one that was silent longest ends.
const SESSIONS_MAX: usize = 100_000;
/// Logins of one worker at once, likewise.
const OF_ONE_MAX: usize = 16;

/// Names a login inside the process.
pub(super) type SessionKey = [u8; 32];

/// A login.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Who.
    pub(super) who: Who,
    /// What requests that change something must repeat.
    pub(super) csrf: Box<str>,
    began: Instant,
    heard: Instant,
}

/// All logins.
pub(super) struct Sessions {
    by_key: HashMap<SessionKey, Session>,
    random: File,
    idle: Duration,
    longest: Duration,
}

impl Sessions {
    /// None yet.
    ///
    /// # Errors
    /// There is no randomness.
    pub(super) fn new(idle_s: u64, longest_s: u64) -> io::Result<Self> {
        Ok(Self { by_key: HashMap::new(), random: File::open("/dev/urandom")?, idle: Duration::from_secs(idle_s), longest: Duration::from_secs(longest_s) })
    }

    /// Other limits from now on.
    pub(super) fn set_limits(&mut self, idle_s: u64, longest_s: u64) {
        (self.idle, self.longest) = (Duration::from_secs(idle_s), Duration::from_secs(longest_s));
    }

    fn random<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.random.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A new login: the token for the cookie, and the logins that had to end for it.
    ///
    /// # Errors
    /// There is no randomness.
    pub(super) fn begin(&mut self, who: &Who) -> io::Result<(String, SessionKey, Vec<SessionKey>)> {
        let (token, csrf) = (hex(&self.random::<32>()?), hex(&self.random::<16>()?));
        let mut ended = Vec::new();
        let mut own: Vec<(Instant, SessionKey)> = self.by_key.iter().filter(|(_, s)| s.who == *who).map(|(key, s)| (s.heard, *key)).collect();
        own.sort_unstable();
        let too_many = (own.len() + 1).saturating_sub(OF_ONE_MAX);
        ended.extend(own.into_iter().take(too_many).map(|(_, key)| key));
        if self.by_key.len() >= SESSIONS_MAX + ended.len() {
            ended.extend(self.by_key.iter().min_by_key(|(_, s)| s.heard).map(|(key, _)| *key));
        }
        ended.iter().for_each(|key| _ = self.by_key.remove(key));
        let (key, now) = (key_of(&token), Instant::now());
        self.by_key.insert(key, Session { who: who.clone(), csrf: csrf.into(), began: now, heard: now });
        Ok((token, key, ended))
    }

    /// The login behind a cookie; it was heard of now.
    pub(super) fn find(&mut self, token: &str) -> Option<(SessionKey, &Session)> {
        let key = key_of(token);
        if !self.is_fresh(&key, Instant::now()) {
            return None;
        }
        self.heard(&key);
        self.by_key.get(&key).map(|session| (key, session))
    }

    /// Something was heard of a login, for instance that its page is open.
    pub(super) fn heard(&mut self, key: &SessionKey) {
        if let Some(session) = self.by_key.get_mut(key) {
            session.heard = Instant::now();
        }
    }

    fn is_fresh(&self, key: &SessionKey, now: Instant) -> bool {
        self.by_key.get(key).is_some_and(|s| now.duration_since(s.heard) < self.idle && now.duration_since(s.began) < self.longest)
    }

    /// Ends a login.
    pub(super) fn end(&mut self, key: &SessionKey) {
        self.by_key.remove(key);
    }

    /// Ends all logins of a worker.
    pub(super) fn end_of(&mut self, who: &str) {
        self.by_key.retain(|_, session| *session.who != *who);
    }

    /// Forgets those whose time is over; their keys.
    pub(super) fn tidy(&mut self) -> Vec<SessionKey> {
        let now = Instant::now();
        let over: Vec<SessionKey> = self.by_key.keys().filter(|key| !self.is_fresh(key, now)).copied().collect();
        over.iter().for_each(|key| _ = self.by_key.remove(key));
        over
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}

/// Tokens are found by their hash: how long a look-up takes tells nothing about a token.
fn key_of(token: &str) -> SessionKey {
    Sha256::digest(token).into()
}

/// Compares without telling by its duration where the first difference is.
pub(crate) fn is_same_secret(a: &str, b: &str) -> bool {
    let (a, b): (SessionKey, SessionKey) = (key_of(a), key_of(b));
    a.iter().zip(b).fold(0, |different, (x, y)| different | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_found_by_its_token_until_it_ends() {
        let mut sessions = Sessions::new(60, 600).unwrap();
        let who = Who::from("1001");
        let (token, key, ended) = sessions.begin(&who).unwrap();
        assert!(ended.is_empty() && token.len() == 64);
        assert_eq!(sessions.find(&token).map(|(found, session)| (found, session.who.clone())), Some((key, who.clone())));
        assert!(sessions.find(&token[1..]).is_none());
        sessions.end(&key);
        assert!(sessions.find(&token).is_none());
    }

    #[test]
    fn old_and_surplus_logins_end() {
        let mut sessions = Sessions::new(60, 600).unwrap();
        let who = Who::from("1001");
        let tokens: Vec<String> = (0..=OF_ONE_MAX).map(|_| sessions.begin(&who).unwrap().0).collect();
        assert!(sessions.find(&tokens[0]).is_none(), "the silent one ended");
        assert!(sessions.find(&tokens[1]).is_some());
        assert_eq!(sessions.len(), OF_ONE_MAX);
        sessions.set_limits(0, 600);
        assert!(sessions.find(&tokens[1]).is_none());
        assert_eq!(sessions.tidy().len(), OF_ONE_MAX);
        assert!(is_same_secret("a", "a") && !is_same_secret("a", "b"));
    }
}
