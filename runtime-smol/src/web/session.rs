//! Who is logged in: random tokens of 256 bits in a cookie, of which only hashes are kept; idle and absolute time limits; a bounded number. Where there is a
//! history, logins are in its file and outlive the process.
use super::assets::hex;
use super::talk::Who;
use crate::history::{History, KeptLogin, now_ms};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The cookie.
pub(super) const COOKIE: &str = "uc_session";
/// Logins at once over all; then the one that was silent longest ends.
const SESSIONS_MAX: usize = 100_000;
/// Logins of one worker at once, likewise.
const OF_ONE_MAX: usize = 16;
/// That something was heard of a login is written this often at most.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Names a login inside the process.
pub(super) type SessionKey = [u8; 32];

/// A login.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Who.
    pub(super) who: Who,
    /// What requests that change something must repeat; made from the token, so empty after a restart until that was seen.
    pub(super) csrf: Box<str>,
    began: Instant,
    heard: Instant,
    /// `heard` as it was last written.
    kept: Instant,
}

impl Session {
    fn to_keep(&self) -> KeptLogin {
        let now = (Instant::now(), now_ms());
        let ms = |at: Instant| now.1.saturating_sub(u64::try_from(now.0.duration_since(at).as_millis()).unwrap_or(u64::MAX));
        KeptLogin { employee_id: (*self.who).into(), began_ms: ms(self.began), heard_ms: ms(self.heard) }
    }
}

/// All logins.
pub(super) struct Sessions {
    by_key: HashMap<SessionKey, Session>,
    random: File,
    idle: Duration,
    longest: Duration,
    file: Option<Arc<History>>,
}

impl Sessions {
    /// None yet.
    ///
    /// # Errors
    /// There is no randomness.
    pub(super) fn new(idle_s: u64, longest_s: u64) -> io::Result<Self> {
        let (idle, longest) = (Duration::from_secs(idle_s), Duration::from_secs(longest_s));
        Ok(Self { by_key: HashMap::new(), random: File::open("/dev/urandom")?, idle, longest, file: None })
    }

    /// Keeps logins in this file from now on; those in it whose time is not over go on, if `is_worker` still knows them.
    pub(super) fn keep_in(&mut self, file: Arc<History>, is_worker: impl Fn(&str) -> bool) {
        let (now, now_ms) = (Instant::now(), now_ms());
        for (key, login) in file.take_logins() {
            let at = |ms: u64| now.checked_sub(Duration::from_millis(now_ms.saturating_sub(ms)));
            if let (Some(began), Some(heard), true) = (at(login.began_ms), at(login.heard_ms), is_worker(&login.employee_id)) {
                self.by_key.insert(key, Session { who: (*login.employee_id).into(), csrf: Box::default(), began, heard, kept: heard });
            }
            if !self.is_fresh(&key, now) {
                self.by_key.remove(&key);
                file.keep_login(key, None);
            }
        }
        self.file = Some(file);
    }

    /// Writes when each was last heard of: the process ends.
    pub(super) fn keep_all(&mut self) {
        self.by_key.iter().for_each(|(key, session)| self.file.iter().for_each(|file| file.keep_login(*key, Some(session.to_keep()))));
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
        let token = hex(&self.random::<32>()?);
        let mut ended = Vec::new();
        let mut own: Vec<(Instant, SessionKey)> = self.by_key.iter().filter(|(_, s)| s.who == *who).map(|(key, s)| (s.heard, *key)).collect();
        own.sort_unstable();
        let too_many = (own.len() + 1).saturating_sub(OF_ONE_MAX);
        ended.extend(own.into_iter().take(too_many).map(|(_, key)| key));
        if self.by_key.len() >= SESSIONS_MAX + ended.len() {
            ended.extend(self.by_key.iter().min_by_key(|(_, s)| s.heard).map(|(key, _)| *key));
        }
        ended.iter().for_each(|key| self.end(key));
        let (key, now) = (key_of(&token), Instant::now());
        let session = Session { who: who.clone(), csrf: csrf_of(&token), began: now, heard: now, kept: now };
        self.file.iter().for_each(|file| file.keep_login(key, Some(session.to_keep())));
        self.by_key.insert(key, session);
        Ok((token, key, ended))
    }

    /// The login behind a cookie; it was heard of now.
    pub(super) fn find(&mut self, token: &str) -> Option<(SessionKey, &Session)> {
        let key = key_of(token);
        if !self.is_fresh(&key, Instant::now()) {
            return None;
        }
        self.heard(&key);
        let session = self.by_key.get_mut(&key)?;
        if session.csrf.is_empty() {
            session.csrf = csrf_of(token);
        }
        Some((key, session))
    }

    /// Something was heard of a login, for instance that its page is open.
    pub(super) fn heard(&mut self, key: &SessionKey) {
        if let Some(session) = self.by_key.get_mut(key) {
            session.heard = Instant::now();
            if let Some(file) = &self.file
                && session.heard.duration_since(session.kept) >= KEEP_EVERY.min(self.idle / 4)
            {
                session.kept = session.heard;
                file.keep_login(*key, Some(session.to_keep()));
            }
        }
    }

    fn is_fresh(&self, key: &SessionKey, now: Instant) -> bool {
        self.by_key.get(key).is_some_and(|s| now.duration_since(s.heard) < self.idle && now.duration_since(s.began) < self.longest)
    }

    /// Ends a login.
    pub(super) fn end(&mut self, key: &SessionKey) {
        if self.by_key.remove(key).is_some() {
            self.file.iter().for_each(|file| file.keep_login(*key, None));
        }
    }

    /// Ends all logins of a worker.
    pub(super) fn end_of(&mut self, who: &str) {
        let own: Vec<SessionKey> = self.by_key.iter().filter(|(_, session)| *session.who == *who).map(|(key, _)| *key).collect();
        own.iter().for_each(|key| self.end(key));
    }

    /// Forgets those whose time is over; their keys.
    pub(super) fn tidy(&mut self) -> Vec<SessionKey> {
        let now = Instant::now();
        let over: Vec<SessionKey> = self.by_key.keys().filter(|key| !self.is_fresh(key, now)).copied().collect();
        over.iter().for_each(|key| self.end(key));
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

/// Made from the token, which only its owner has, so that it need not be kept.
fn csrf_of(token: &str) -> Box<str> {
    let mut hasher = Sha256::new_with_prefix("csrf ");
    hasher.update(token);
    hex(&hasher.finalize()[..16]).into()
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
    fn logins_outlive_the_process_and_ended_ones_do_not() {
        let path = std::env::temp_dir().join(format!("uc-logins-{}.db", std::process::id()));
        let open = || Arc::new(History::open(&path, 0).unwrap().0);
        let start = |file: &Arc<History>, idle_s: u64| {
            let mut sessions = Sessions::new(idle_s, 600).unwrap();
            sessions.keep_in(Arc::clone(file), |who| who != "gone");
            sessions
        };
        let file = open();
        let mut sessions = start(&file, 60);
        let [stays, ended, gone] = ["1001", "1001", "gone"].map(|who| sessions.begin(&Who::from(who)).unwrap());
        let csrf = sessions.find(&stays.0).unwrap().1.csrf.clone();
        sessions.end(&ended.1);
        sessions.keep_all();
        file.finish();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(64).any(|part| part == stays.0.as_bytes()), "the token is not in the file");

        let file = open();
        let mut sessions = start(&file, 60);
        assert_eq!(sessions.find(&stays.0).map(|(_, session)| (&*session.who, session.csrf.clone())), Some(("1001", csrf)));
        assert!(sessions.find(&ended.0).is_none() && sessions.find(&gone.0).is_none());
        file.finish();

        // Limits hold over restarts, and what they end is gone from the file.
        let file = open();
        assert_eq!(start(&file, 0).len(), 0);
        file.finish();
        let file = open();
        assert!(file.take_logins().is_empty());
        file.finish();
        ["", "-wal", "-shm"].iter().for_each(|end| _ = std::fs::remove_file(format!("{}{end}", path.display())));
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
