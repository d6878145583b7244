//! Both implementations against OpenSSL as the server, in memory: handshakes, names, client certificates, old suites, reload.
use super::ossl::Pipe;
use super::*;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

const NAME: &str = "fe01.contoso.example";
const BOTH: [TlsProfile; 2] = [TlsProfile::Rustls, TlsProfile::OpenSsl];

struct Party {
    certificate: X509,
    key: PKey<Private>,
}

impl Party {
    /// A certificate for `name`, by `issuer`; without one, a CA.
    fn new(name: &str, issuer: Option<&Self>) -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(u32::from(issuer.is_some()) + 1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&subject, |i| i.certificate.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        if issuer.is_some() {
            let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        } else {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        }
        builder.sign(issuer.map_or(&key, |i| &i.key), MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }
}

/// A CA, a server and a client by it, and the PEM files the client reads.
struct Site {
    ca: Party,
    server: Party,
    folder: PathBuf,
}

impl Site {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("uc-tls-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let ca = Party::new("Test CA", None);
        let server = Party::new(NAME, Some(&ca));
        let client = Party::new("uc.contoso.example", Some(&ca));
        fs::write(folder.join("ca.pem"), ca.certificate.to_pem().unwrap()).unwrap();
        fs::write(folder.join("client.pem"), client.certificate.to_pem().unwrap()).unwrap();
        fs::write(folder.join("client.key"), client.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        Self { ca, server, folder }
    }

    fn maker(&self, profile: TlsProfile, identity: bool) -> TlsMaker {
        let identity = identity.then(|| (self.folder.join("client.pem"), self.folder.join("client.key")));
        TlsMaker::new(TlsSettings { profile, ca: Some(self.folder.join("ca.pem")), identity, server_name: None })
    }

    fn server(&self, set: impl FnOnce(&mut SslContextBuilder)) -> SslStream<Pipe> {
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_certificate(&self.server.certificate).unwrap();
        context.set_private_key(&self.server.key).unwrap();
        context.cert_store_mut().add_cert(self.ca.certificate.clone()).unwrap();
        set(&mut context);
        let mut ssl = Ssl::new(&context.build()).unwrap();
        ssl.set_accept_state();
        SslStream::new(ssl, Pipe::default()).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[derive(Default)]
struct Heard {
    spare: Vec<u8>,
    bytes: Vec<u8>,
}

impl Sink for Heard {
    fn spare(&mut self, min: usize) -> &mut [u8] {
        self.spare.resize(min.max(1), 0);
        &mut self.spare
    }
    fn filled(&mut self, n: usize) {
        self.bytes.extend_from_slice(&self.spare[..n]);
    }
}

/// Handshake, then a few bytes one way and many the other.
fn meet(client: &mut dyn Tls, server: &mut SslStream<Pipe>) -> Result<(), TlsFault> {
    let mut heard = Heard::default();
    let mut wire = Vec::new();
    for _ in 0..10 {
        client.send(&[], &mut wire)?;
        server.get_mut().incoming.append(&mut wire);
        let _ = server.do_handshake();
        let said = std::mem::take(&mut server.get_mut().outgoing);
        client.receive(&said, &mut heard)?;
    }
    assert!(!client.is_handshaking() && server.ssl().is_init_finished(), "ten rounds are enough");
    client.send(b"REGISTER", &mut wire)?;
    server.get_mut().incoming.append(&mut wire);
    let mut got = [0; 64];
    let n = server.ssl_read(&mut got).expect("what was sent arrives");
    assert_eq!(&got[..n], b"REGISTER");
    let many: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let mut sent = 0;
    while sent < many.len() {
        sent += server.ssl_write(&many[sent..]).unwrap();
    }
    let _ = server.shutdown();
    let said = std::mem::take(&mut server.get_mut().outgoing);
    let mut finished = false;
    for part in said.chunks(7001) {
        finished = client.receive(part, &mut heard)?;
    }
    assert!(heard.bytes == many, "{} of {} bytes arrived", heard.bytes.len(), many.len());
    assert!(finished, "close_notify is seen");
    Ok(())
}

fn outcome(maker: &mut TlsMaker, name: &str, mut server: SslStream<Pipe>) -> Result<(), CloseCause> {
    let mut client = maker.session(name).map_err(|f| f.cause)?;
    meet(&mut *client, &mut server).map_err(|f| f.cause)
}

#[test]
fn both_implementations_speak_both_versions_and_check_name_and_issuer() {
    let site = Site::new("versions");
    let stranger = Site::new("stranger");
    for profile in BOTH {
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let server = |site: &Site| site.server(|c| c.set_max_proto_version(Some(version)).unwrap());
            assert_eq!(outcome(&mut site.maker(profile, false), NAME, server(&site)), Ok(()), "{profile:?} {version:?}");
            let wrong_name = outcome(&mut site.maker(profile, false), "other.example", server(&site));
            assert_eq!(wrong_name, Err(CloseCause::CertificateRejected), "{profile:?} {version:?}");
            let unknown = outcome(&mut site.maker(profile, false), NAME, server(&stranger));
            assert_eq!(unknown, Err(CloseCause::CertificateRejected), "{profile:?} {version:?}");
        }
        let mut maker = site.maker(profile, false);
        maker.settings.server_name = Some(NAME.into());
        assert_eq!(outcome(&mut maker, "10.1.2.3", site.server(|_| {})), Ok(()), "{profile:?}: server_name wins over what is dialled");
    }
}

#[test]
fn an_old_server_is_for_the_openssl_profile() {
    let site = Site::new("old");
    let old = || {
        site.server(|c| {
            c.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
            c.set_cipher_list("ECDHE-RSA-AES256-SHA384").unwrap();
        })
    };
    assert_eq!(outcome(&mut site.maker(TlsProfile::OpenSsl, false), NAME, old()), Ok(()));
    assert_eq!(outcome(&mut site.maker(TlsProfile::Rustls, false), NAME, old()), Err(CloseCause::HandshakeFailed));
}

#[test]
fn a_server_that_wants_our_certificate_gets_it() {
    let site = Site::new("mutual");
    let strict = |version| {
        site.server(move |c| {
            c.set_max_proto_version(Some(version)).unwrap();
            c.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        })
    };
    for profile in BOTH {
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            assert_eq!(outcome(&mut site.maker(profile, true), NAME, strict(version)), Ok(()), "{profile:?} {version:?}");
            assert_eq!(outcome(&mut site.maker(profile, false), NAME, strict(version)), Err(CloseCause::HandshakeFailed), "{profile:?} {version:?}");
        }
    }
}

#[test]
fn changed_files_are_read_again_and_broken_ones_are_not_taken() {
    let (old, new) = (Site::new("reload-old"), Site::new("reload-new"));
    let ca = old.folder.join("ca.pem");
    let age =
        |seconds| fs::File::options().write(true).open(&ca).unwrap().set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
    for profile in BOTH {
        fs::write(&ca, old.ca.certificate.to_pem().unwrap()).unwrap();
        age(1000);
        let mut maker = old.maker(profile, false);
        assert_eq!(outcome(&mut maker, NAME, new.server(|_| {})), Err(CloseCause::CertificateRejected));
        fs::write(&ca, new.ca.certificate.to_pem().unwrap()).unwrap();
        age(2000);
        assert_eq!(outcome(&mut maker, NAME, new.server(|_| {})), Ok(()), "{profile:?}");
        fs::write(&ca, "half a file").unwrap();
        age(3000);
        assert_eq!(outcome(&mut maker, NAME, new.server(|_| {})), Ok(()), "{profile:?}: the old one stays");
        assert_eq!(outcome(&mut old.maker(profile, false), NAME, new.server(|_| {})), Err(CloseCause::Local), "{profile:?}");
    }
}
