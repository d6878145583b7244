//! The workers.
use super::Sync;
use alloc::boxed::Box;

/// A worker (`decisions.md` 6, 19).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Unique.
    pub employee_id: Box<str>,
    /// Login name of the person.
    pub user_name: Box<str>,
    /// For people to read.
    pub display_name: Box<str>,
    /// `sip:user@domain`; empty: not watched.
    pub sip_uri: Box<str>,
    /// Agent Login code (`AttributeAgentID`).
    pub agent_login: Box<str>,
    /// Reference to the login password: `env:NAME` or `file:PATH`; empty: none.
    pub password_ref: Box<str>,
    /// `AttributeThisQueue` of the login; empty: none.
    pub login_queue: Box<str>,
    /// The worker's DNs.
    pub dns: Box<[PersonDn]>,
    /// Place name.
    pub place: Box<str>,
    /// Group names joined by `;`.
    pub groups: Box<str>,
    /// argon2 hash for the web client; empty: none.
    pub web_password_hash: Box<str>,
    /// Language tag (BCP 47) of what the worker is told; empty: not known.
    pub language: Box<str>,
    /// Which direction works for this worker.
    pub sync: Sync,
}

/// A DN of a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PersonDn {
    /// Number.
    pub number: Box<str>,
    /// Index in `config.cti.switches`.
    pub switch: u16,
}
