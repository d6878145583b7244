//! TLS by the system's OpenSSL, for servers that offer CBC suites with RSA certificates at best (`decisions.md` 13).
use super::{Identity, Tls, TlsFault, unusable};
use crate::conn::Sink;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslFiletype, SslMethod, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509VerifyResult;
use openssl::x509::verify::X509CheckFlags;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use uc_core::uc_event::CloseCause;

/// What old Front Ends and Windows servers speak, and everything newer; nothing without forward secrecy is preferred, nothing broken is offered.
const CIPHERS: &str = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!eNULL:!MD5:!3DES:!RC4";
/// Plaintext of one record, at most.
const RECORD_BYTES: usize = 16 << 10;

/// Certificates and suites, shared by the sessions of a link.
pub(super) struct Config(SslContext);

impl Config {
    /// Reads the PEM files.
    pub(super) fn load(ca: &Path, identity: Identity<'_>) -> Result<Self, TlsFault> {
        let mut context = SslContext::builder(SslMethod::tls_client()).map_err(|e| unusable(ca, &e))?;
        context.set_verify(SslVerifyMode::PEER);
        context.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(|e| unusable(ca, &e))?;
        context.set_cipher_list(CIPHERS).map_err(|e| unusable(ca, &e))?;
        context.set_ca_file(ca).map_err(|e| unusable(ca, &e))?;
        if let Some((chain, key)) = identity {
            context.set_certificate_chain_file(chain).map_err(|e| unusable(chain, &e))?;
            context.set_private_key_file(key, SslFiletype::PEM).map_err(|e| unusable(key, &e))?;
            context.check_private_key().map_err(|e| unusable(key, &e))?;
        }
        Ok(Self(context.build()))
    }

    /// A session towards `name`.
    pub(super) fn session(&self, name: &str) -> Result<Box<dyn Tls>, TlsFault> {
        let start = || -> Result<SslStream<Pipe>, openssl::error::ErrorStack> {
            let mut ssl = Ssl::new(&self.0)?;
            match name.parse::<IpAddr>() {
                Ok(ip) => ssl.param_mut().set_ip(ip)?,
                Err(_) => {
                    ssl.set_hostname(name)?;
                    ssl.param_mut().set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
                    ssl.param_mut().set_host(name)?;
                }
            }
            ssl.set_connect_state();
            SslStream::new(ssl, Pipe::default())
        };
        let stream = start().map_err(|e| TlsFault::new(CloseCause::Local, format!("TLS towards `{name}` cannot start: {e}")))?;
        let mut session = Session { stream, scratch: vec![0; RECORD_BYTES] };
        session.go_on()?;
        Ok(Box::new(session))
    }
}

/// The two directions of the wire, in memory.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) incoming: Vec<u8>,
    /// How much of `incoming` OpenSSL has taken.
    taken: usize,
    pub(super) outgoing: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.incoming[self.taken..];
        if rest.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        self.taken += n;
        if self.taken == self.incoming.len() {
            self.incoming.clear();
            self.taken = 0;
        }
        Ok(n)
    }
}

impl Write for Pipe {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.outgoing.extend_from_slice(from);
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Session {
    stream: SslStream<Pipe>,
    scratch: Vec<u8>,
}

impl Session {
    /// Continues the handshake as far as the bytes at hand allow.
    fn go_on(&mut self) -> Result<(), TlsFault> {
        match self.stream.do_handshake() {
            Err(e) if e.code() != ErrorCode::WANT_READ && e.code() != ErrorCode::WANT_WRITE => Err(self.fault(&e)),
            _ => Ok(()),
        }
    }

    fn fault(&self, error: &openssl::ssl::Error) -> TlsFault {
        let verified = self.stream.ssl().verify_result();
        if verified == X509VerifyResult::OK {
            TlsFault::new(CloseCause::HandshakeFailed, format!("TLS: {error}"))
        } else {
            let hint = "; check `ca`, `server_name` and the dates of the certificate";
            TlsFault::new(CloseCause::CertificateRejected, format!("TLS: the peer's certificate is not accepted: {}{hint}", verified.error_string()))
        }
    }
}

impl Tls for Session {
    fn is_handshaking(&self) -> bool {
        !self.stream.ssl().is_init_finished()
    }

    fn receive(&mut self, wire: &[u8], sink: &mut dyn Sink) -> Result<bool, TlsFault> {
        self.stream.get_mut().incoming.extend_from_slice(wire);
        if self.is_handshaking() {
            self.go_on()?;
            if self.is_handshaking() {
                return Ok(false);
            }
        }
        loop {
            match self.stream.ssl_read(&mut self.scratch) {
                Ok(n) => {
                    sink.spare(n)[..n].copy_from_slice(&self.scratch[..n]);
                    sink.filled(n);
                }
                Err(e) if e.code() == ErrorCode::WANT_READ || e.code() == ErrorCode::WANT_WRITE => return Ok(false),
                Err(e) if e.code() == ErrorCode::ZERO_RETURN => return Ok(true),
                Err(e) => return Err(self.fault(&e)),
            }
        }
    }

    fn send(&mut self, mut plain: &[u8], wire: &mut Vec<u8>) -> Result<(), TlsFault> {
        while !plain.is_empty() {
            let n = self.stream.ssl_write(plain).map_err(|e| self.fault(&e))?;
            plain = &plain[n..];
        }
        wire.append(&mut self.stream.get_mut().outgoing);
        Ok(())
    }

    fn close(&mut self, wire: &mut Vec<u8>) {
        // One-sided: the peer's answer is not waited for, so only a broken session fails here.
        let _ = self.stream.shutdown();
        wire.append(&mut self.stream.get_mut().outgoing);
    }
}
