//! Digest authentication (RFC 3261 §22, RFC 7616, 8760): who answers which challenge, and the count of each nonce.
//!
//! A challenge is remembered per connection and realm, and later requests answer it before they are asked. A request is challenged again when the nonce is out of
//! date or another proxy asks, so a few rounds are allowed; the same realm asking twice with a new nonce that is not stale means the password is wrong.
use super::super::transact::{Ask, Txn};
use super::super::{UcSide, request};
use crate::config::SimpleConfig;
use crate::cx::Cx;
use crate::id::UcLinkId;
use crate::uc_event::{Authorization, Challenge, Response, SipRequest};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Realms remembered on one connection.
const SESSIONS_MAX: usize = 8;
/// Times one request is sent again because of challenges.
const TRIES_MAX: u8 = 3;

/// A challenge and how often it was answered. Its `nc` is that of the last use.
pub(in super::super) type Session = Authorization;

impl UcSide {
    /// Answers the challenges we know before they are made.
    pub(in super::super) fn sign(&mut self, id: UcLinkId, msg: &mut SipRequest) {
        for session in &mut self.links[id.index()].sessions {
            session.nc += 1;
            msg.auth.push(session.clone());
        }
    }

    /// Sends a challenged request again; `false` when the challenge cannot be answered, or was answered in vain.
    pub(in super::super) fn answer_challenge(&mut self, cx: &mut Cx<'_>, id: UcLinkId, number: u32, r: &Response<'_>) -> bool {
        let Some(simple) = cx.config.uc.kind.simple() else { return false };
        let link = &mut self.links[id.index()];
        let Some(txn) = link.txns.get(&number).filter(|txn| txn.tries < TRIES_MAX) else { return false };
        let mut taken: Vec<(bool, &str)> = Vec::new();
        for challenge in &r.challenges {
            let realm = (challenge.proxy, challenge.realm);
            // Of several for one realm the topmost that can be answered counts (RFC 8760 §2.4).
            if taken.contains(&realm) {
                continue;
            }
            if in_vain(txn, challenge) || !remember(&mut link.sessions, simple, challenge, cx.entropy.hex(16)) {
                return false;
            }
            taken.push(realm);
        }
        if taken.is_empty() {
            return false;
        }
        let Some(txn) = link.txns.remove(&number) else { return false };
        let Some(mut msg) = txn.msg else { return false };
        msg.auth.clear();
        self.bump_cseq(&txn.ask, &mut msg);
        self.sign(id, &mut msg);
        msg.transport = cx.config.uc.transport();
        Self::choose_transport(cx, simple, &mut msg);
        self.transmit(cx, id, txn.ask, msg, txn.tries + 1);
        true
    }

    /// The next number in whatever numbers this request (RFC 3261 §22.2, §8.1.1.5).
    pub(in super::super) fn bump_cseq(&mut self, ask: &Ask, msg: &mut SipRequest) {
        let own = match ask {
            Ask::Subscribe(dialog, _) | Ask::Refresh(dialog) | Ask::Leave(dialog) | Ask::End(dialog) => self.dialogs.get_mut(dialog).map(|d| &mut d.local_cseq),
            Ask::Register(watcher) | Ask::Deregister(watcher) => self.watchers.get_mut(watcher.index()).map(|w| &mut w.reg.cseq),
            Ask::Pidf(user) => self.publications.cseq(*user),
            _ => None,
        };
        msg.cseq = match own {
            Some(cseq) => {
                *cseq = cseq.wrapping_add(1) & request::CSEQ_MAX;
                *cseq
            }
            None => msg.cseq.wrapping_add(1) & request::CSEQ_MAX,
        };
    }
}

/// Whether this very request answered the realm already, and not just with a nonce that is out of date.
fn in_vain(txn: &Txn, challenge: &Challenge<'_>) -> bool {
    let answered = txn.msg.as_ref().and_then(|msg| msg.auth.iter().find(|auth| auth.proxy == challenge.proxy && *auth.realm == *challenge.realm));
    // A nonce from an earlier request may have been forgotten by a server that does not say `stale`: one more round.
    answered.is_some() && !challenge.stale && txn.tries > 0
}

/// Takes a challenge in place of an older one of the realm; `false` when there is no password for it, or no room.
fn remember(sessions: &mut Vec<Session>, simple: &SimpleConfig, challenge: &Challenge<'_>, cnonce: Box<str>) -> bool {
    let Some(credential) = simple.credential(challenge.realm) else { return false };
    sessions.retain(|session| session.proxy != challenge.proxy || *session.realm != *challenge.realm);
    if sessions.len() >= SESSIONS_MAX {
        return false;
    }
    sessions.push(Session {
        proxy: challenge.proxy,
        user: credential.user.clone(),
        password_ref: credential.password_ref.clone(),
        realm: challenge.realm.into(),
        nonce: challenge.nonce.into(),
        opaque: challenge.opaque.map(Into::into),
        algorithm: challenge.algorithm,
        session: challenge.session,
        qop: challenge.qop,
        cnonce,
        nc: 0,
    });
    true
}
