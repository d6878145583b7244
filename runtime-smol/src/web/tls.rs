//! TLS of our listeners: rustls with ring, TLS 1.2 and 1.3, certificates of clients where they are asked for. Files are read again when they change.
use crate::say;
use crate::settings::ServerTls;
use futures_rustls::TlsAcceptor;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use uc_core::config::NoteLevel;

/// Accepts TLS with the certificate as it is on disk now.
pub(super) struct Acceptor {
    settings: ServerTls,
    stamp: Stamp,
    acceptor: TlsAcceptor,
}

/// Modification times of the files that were read.
type Stamp = Vec<Option<SystemTime>>;

impl Acceptor {
    /// Reads the files.
    ///
    /// # Errors
    /// One sentence: they cannot be used.
    pub(super) fn new(settings: ServerTls) -> Result<Self, String> {
        let (stamp, acceptor) = (stamp(&settings), load(&settings)?);
        Ok(Self { settings, stamp, acceptor })
    }

    /// For the next connection.
    pub(super) fn get(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Reads the files again if they have changed. A half-replaced pair does not take a working listener down.
    pub(super) fn look(&mut self) {
        let stamp = stamp(&self.settings);
        if stamp == self.stamp {
            return;
        }
        match load(&self.settings) {
            Ok(acceptor) => (self.stamp, self.acceptor) = (stamp, acceptor),
            Err(why) => say::failing(NoteLevel::Alarm, &format!("{why}; the certificates read before stay in use")),
        }
    }
}

fn stamp(settings: &ServerTls) -> Stamp {
    let files = [Some(&settings.identity.0), Some(&settings.identity.1), settings.client_ca.as_ref()];
    files.into_iter().flatten().map(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok()).collect()
}

fn load(settings: &ServerTls) -> Result<TlsAcceptor, String> {
    let unusable = |path: &Path, why: &dyn std::fmt::Display| format!("{} cannot be used: {why}", path.display());
    let (chain, key_file) = &settings.identity;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().map_err(|why| unusable(chain, &why))?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            let (added, _ignored) = roots.add_parsable_certificates(certificates(path)?);
            if added == 0 {
                return Err(unusable(path, &"there is no CA certificate in it"));
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|why| unusable(path, &why))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|why| unusable(key_file, &why))?;
    let mut config = builder.with_single_cert(certificates(chain)?, key).map_err(|why| unusable(chain, &why))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = |why: &dyn std::fmt::Display| format!("{} cannot be used: {why}", path.display());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|why| unusable(&why))?.collect();
    let certificates = certificates.map_err(|why| unusable(&why))?;
    if certificates.is_empty() { Err(unusable(&"there is no certificate in it")) } else { Ok(certificates) }
}
