//! TLS without sockets: bytes of the wire in, plaintext out, and back. Two implementations behind one trait (`decisions.md` 13), chosen per link.
//!
//! Neither touches the socket, so that reading, back-pressure and "one batch, one write" are the same code with and without TLS.
mod ossl;
mod rustls;
#[cfg(test)]
mod tests;

use crate::conn::Sink;
use crate::settings::{TlsProfile, TlsSettings};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use uc_core::uc_event::CloseCause;

/// The platform's CAs (Debian, Ubuntu, Alpine), used when the configuration names no file.
const PLATFORM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// One TLS session of ours (always the client).
pub(crate) trait Tls {
    /// Whether the handshake goes on.
    fn is_handshaking(&self) -> bool;

    /// Takes bytes from the wire, hands plaintext to `sink`. `true`: the peer has finished.
    ///
    /// # Errors
    /// The session is broken; what [`Tls::send`] then yields is the alert.
    fn receive(&mut self, wire: &[u8], sink: &mut dyn Sink) -> Result<bool, TlsFault>;

    /// Appends `plain` as records, and whatever the session itself has to say, to `wire`.
    ///
    /// # Errors
    /// The session is broken.
    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), TlsFault>;

    /// Appends `close_notify`.
    fn close(&mut self, wire: &mut Vec<u8>);
}

/// Why TLS does not work: a word for the core, a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFault {
    /// For the core.
    pub(crate) cause: CloseCause,
    /// For the operator.
    pub(crate) text: String,
}

impl TlsFault {
    fn new(cause: CloseCause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into() }
    }
}

/// Makes sessions. Certificate files are read for the first session and again whenever one of them has changed.
pub(crate) struct TlsMaker {
    settings: TlsSettings,
    loaded: Option<(Stamp, Loaded)>,
}

/// Modification times of the files that were read.
type Stamp = Vec<Option<SystemTime>>;

enum Loaded {
    Rustls(rustls::Config),
    OpenSsl(ossl::Config),
}

impl TlsMaker {
    /// For one kind of link.
    pub(crate) const fn new(settings: TlsSettings) -> Self {
        Self { settings, loaded: None }
    }

    /// A session towards `name` (or the configured `server_name`).
    ///
    /// # Errors
    /// When the certificate files cannot be used and no earlier version of them can, or when the name is none.
    pub(crate) fn session(&mut self, name: &str) -> Result<Box<dyn Tls>, TlsFault> {
        self.reload()?;
        let name = self.settings.server_name.as_deref().unwrap_or(name);
        match &self.loaded {
            Some((_, Loaded::Rustls(config))) => config.session(name),
            Some((_, Loaded::OpenSsl(config))) => config.session(name),
            None => Err(TlsFault::new(CloseCause::Local, "TLS is not loaded")),
        }
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        let identity = self.settings.identity.iter().flat_map(|(chain, key)| [chain.as_path(), key.as_path()]);
        std::iter::once(self.ca()).chain(identity)
    }

    fn ca(&self) -> &Path {
        self.settings.ca.as_deref().unwrap_or_else(|| Path::new(PLATFORM_CA))
    }

    fn reload(&mut self) -> Result<(), TlsFault> {
        let stamp: Stamp = self.files().map(|path| fs::metadata(path).and_then(|m| m.modified()).ok()).collect();
        if self.loaded.as_ref().is_some_and(|(old, _)| *old == stamp) {
            return Ok(());
        }
        match self.load() {
            Ok(loaded) => self.loaded = Some((stamp, loaded)),
            // A half-replaced pair of files must not take a working link down.
            Err(fault) if self.loaded.is_some() => {
                crate::say::failing(uc_core::config::NoteLevel::Alarm, &format!("{}; the certificates read before stay in use", fault.text));
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn load(&self) -> Result<Loaded, TlsFault> {
        let identity = self.settings.identity.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path()));
        Ok(match self.settings.profile {
            TlsProfile::Rustls => Loaded::Rustls(rustls::Config::load(self.ca(), identity)?),
            TlsProfile::OpenSsl => Loaded::OpenSsl(ossl::Config::load(self.ca(), identity)?),
        })
    }
}

/// Files of an identity: certificate chain, key.
type Identity<'a> = Option<(&'a Path, &'a Path)>;

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> TlsFault {
    TlsFault::new(CloseCause::Local, format!("{} cannot be used: {why}", PathBuf::from(path).display()))
}
