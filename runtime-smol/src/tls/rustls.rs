//! TLS 1.2 (AEAD suites) and 1.3 by rustls with ring.
use super::{Identity, Tls, TlsFault, unusable};
use crate::conn::Sink;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use uc_core::uc_event::CloseCause;

/// Certificates and protocol versions, shared by the sessions of a link.
pub(super) struct Config(Arc<ClientConfig>);

impl Config {
    /// Reads the PEM files.
    pub(super) fn load(ca: &Path, identity: Identity<'_>) -> Result<Self, TlsFault> {
        let mut roots = RootCertStore::empty();
        let (added, _ignored) = roots.add_parsable_certificates(certificates(ca)?);
        if added == 0 {
            return Err(unusable(ca, &"there is no CA certificate in it"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|e| unusable(ca, &e))?;
        let builder = builder.with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key_file)) => {
                let key = PrivateKeyDer::from_pem_file(key_file).map_err(|e| unusable(key_file, &e))?;
                builder.with_client_auth_cert(certificates(chain)?, key).map_err(|e| unusable(chain, &e))?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// A session towards `name`.
    pub(super) fn session(&self, name: &str) -> Result<Box<dyn Tls>, TlsFault> {
        let fault = |why: String| TlsFault::new(CloseCause::Local, why);
        let name = ServerName::try_from(name.to_owned()).map_err(|e| fault(format!("`{name}` cannot be checked in a certificate: {e}")))?;
        let mut session = ClientConnection::new(Arc::clone(&self.0), name).map_err(|e| fault(format!("TLS cannot start: {e}")))?;
        // Bounded by `write_queue_bytes_max` of the connection instead.
        session.set_buffer_limit(None);
        Ok(Box::new(Session(session)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|e| unusable(path, &e))?.collect();
    let certificates = certificates.map_err(|e| unusable(path, &e))?;
    if certificates.is_empty() { Err(unusable(path, &"there is no certificate in it")) } else { Ok(certificates) }
}

struct Session(ClientConnection);

impl Tls for Session {
    fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    fn receive(&mut self, mut wire: &[u8], sink: &mut dyn Sink) -> Result<bool, TlsFault> {
        while !wire.is_empty() {
            let taken = self.0.read_tls(&mut wire).map_err(|e| TlsFault::new(CloseCause::Local, format!("TLS: {e}")))?;
            let state = self.0.process_new_packets().map_err(|e| fault(&e))?;
            let mut ready = state.plaintext_bytes_to_read();
            while ready > 0 {
                let spare = sink.spare(ready);
                let n = self.0.reader().read(spare).map_err(|e| TlsFault::new(CloseCause::Local, format!("TLS: {e}")))?;
                sink.filled(n);
                ready -= n;
            }
            if state.peer_has_closed() || taken == 0 {
                return Ok(state.peer_has_closed());
            }
        }
        Ok(false)
    }

    fn send(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), TlsFault> {
        self.0.writer().write_all(plain).map_err(|e| TlsFault::new(CloseCause::Local, format!("TLS: {e}")))?;
        while self.0.wants_write() {
            self.0.write_tls(wire).map_err(|e| TlsFault::new(CloseCause::Local, format!("TLS: {e}")))?;
        }
        Ok(())
    }

    fn close(&mut self, wire: &mut Vec<u8>) {
        self.0.send_close_notify();
        // Nothing to be done when even this fails: the connection ends anyway.
        let _ = self.send(&[], wire);
    }
}

fn fault(error: &rustls::Error) -> TlsFault {
    let cause = match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => CloseCause::CertificateRejected,
        _ => CloseCause::HandshakeFailed,
    };
    let hint = match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => "; name its CA in `ca`",
        rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "; dial the name in the certificate, or set `server_name`"
        }
        rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_) => {
            "; an old server may need `profile = \"openssl\"`, one that asks for our certificate needs an identity"
        }
        _ => "",
    };
    TlsFault::new(cause, format!("TLS: {error}{hint}"))
}
