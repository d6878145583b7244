//! Answers delivered to a URL of the requester: a few tries, each on the pool, few at once.
use super::table::Settled;
use super::told;
use crate::fetch::{Url, post};
use crate::say;
use crate::settings::{TlsProfile, TlsSettings};
use crate::web::{Counts, Site, pause};
use smol::channel::Receiver;
use std::rc::Rc;
use std::time::Duration;
use uc_core::config::NoteLevel;

/// Pauses before the second try and the ones after it.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// Delivers the answer once it is there.
pub(super) fn when_answered(site: &Rc<Site>, url: Url, conn: String, answer: Receiver<Settled>) {
    let theirs = Rc::clone(site);
    let task = async move {
        // No answer: the connector stops, and so does this.
        let Ok(settled) = answer.recv().await else { return };
        let body = told(&conn, &settled).to_string();
        if let Err(why) = deliver(&url, &body).await {
            Counts::add(&theirs.counts.callbacks_failed);
            say::failing(NoteLevel::Warn, &format!("the answer to a preview could not be delivered to its callback URL: {why}"));
        }
    };
    site.executor.spawn(task).detach();
}

async fn deliver(url: &Url, body: &str) -> Result<(), String> {
    let mut pauses = AGAIN.into_iter();
    loop {
        let (target, text) = (url.clone(), body.to_owned());
        let outcome = smol::unblock(move || post(&target, &tls(), &text)).await;
        let why = match outcome {
            Ok(200..=299) => return Ok(()),
            // The requester does not want it: asking again does not change that.
            Ok(status @ 400..=499) => return Err(format!("it answers {status}")),
            Ok(status) => format!("it answers {status}"),
            Err(why) => why,
        };
        match pauses.next() {
            Some(time) => pause(time).await,
            None => return Err(why),
        }
    }
}

const fn tls() -> TlsSettings {
    TlsSettings { profile: TlsProfile::Rustls, ca: None, identity: None, server_name: None }
}
