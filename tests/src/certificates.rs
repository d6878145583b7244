//! Throw-away certificates: an authority and what it signs, as PEM for the daemon and as rustls configuration for our servers.
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    /// Certificate, PEM.
    pub certificate_pem: String,
    /// Key, PEM.
    pub key_pem: String,
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Names must differ: OpenSSL takes a certificate whose issuer has its own name for a self-signed one.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        params.distinguished_name.push(DnType::CommonName, format!("Authority {}", NEXT.fetch_add(1, Ordering::Relaxed)));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `names` (host names or addresses).
    #[must_use]
    pub fn sign(&self, names: &[&str]) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0]);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.der().clone(), key: key.serialize_der(), certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// A server that shows `identity` and demands a client certificate of this authority.
    #[must_use]
    pub fn mutual_server(&self, identity: &Identity) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build().unwrap();
        let key = PrivateKeyDer::Pkcs8(identity.key.clone().into());
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_client_cert_verifier(verifier).with_single_cert(vec![identity.certificate.clone()], key).unwrap())
    }

    /// A client that trusts this authority and shows `identity`, if it has one.
    #[must_use]
    pub fn client(&self, identity: Option<&Identity>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        Arc::new(match identity {
            Some(own) => builder.with_client_auth_cert(vec![own.certificate.clone()], PrivateKeyDer::Pkcs8(own.key.clone().into())).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
