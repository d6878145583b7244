//! An OpenID provider that does what no good one does: on each of its addresses it answers as told, drips, falls silent or hangs up. It signs ID tokens with a key of its own.
use base64ct::{Base64UrlUnpadded, Encoding as _};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What happens at an address.
#[derive(Clone, Debug)]
pub enum Way {
    /// 200 with this.
    Json(Value),
    /// These bytes, then the end.
    Raw(String),
    /// The head of an answer, then a blank every 50 ms for as long as somebody listens.
    Drip,
    /// An answer without end, as fast as it is read.
    Flood,
    /// Not a byte.
    Silence,
    /// The connection is closed.
    HangUp,
}

struct State {
    port: u16,
    ways: HashMap<&'static str, Way>,
    asked: Vec<String>,
    keys: EcdsaKeyPair,
    kid: Option<&'static str>,
    claims: Value,
}

/// The provider.
pub struct Liar {
    /// Port on loopback.
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Liar {
    /// One that tells the truth so far: discovery document, key, and an ID token about `alice` for any code.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { port, ways: HashMap::new(), asked: Vec::new(), keys: new_key(), kid: Some("a"), claims: json!({ "preferred_username": "alice" }) };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Self { port, state }
    }

    /// How it calls itself.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on this happens at `/discovery`, `/jwks`, `/token` or `/userinfo`.
    pub fn set(&self, path: &'static str, way: Way) {
        self.state.lock().unwrap().ways.insert(path, way);
    }

    /// From now on it tells the truth there.
    pub fn heal(&self, path: &'static str) {
        self.state.lock().unwrap().ways.remove(path);
    }

    /// The discovery document with `name` changed.
    #[must_use]
    pub fn discovery_with(&self, name: &str, value: Value) -> Way {
        let mut document = discovery(self.port);
        document[name] = value;
        Way::Json(document)
    }

    /// Claims of the next tokens, beside those that must be.
    pub fn claim(&self, claims: Value) {
        self.state.lock().unwrap().claims = claims;
    }

    /// From now on tokens repeat this nonce.
    pub fn nonce(&self, nonce: &str) {
        self.state.lock().unwrap().claims["nonce"] = nonce.into();
    }

    /// Another key, with or without a name.
    pub fn rotate(&self, kid: Option<&'static str>) {
        let mut state = self.state.lock().unwrap();
        (state.keys, state.kid) = (new_key(), kid);
    }

    /// How often this address was asked.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|own| *own == path).count()
    }
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap()
}

fn discovery(port: u16) -> Value {
    let own = format!("http://127.0.0.1:{port}");
    json!({
        "issuer": own, "authorization_endpoint": format!("{own}/auth"), "token_endpoint": format!("{own}/token"),
        "userinfo_endpoint": format!("{own}/userinfo"), "jwks_uri": format!("{own}/jwks"),
    })
}

impl State {
    fn truth(&self, path: &str) -> Value {
        match path {
            "/discovery" => discovery(self.port),
            "/jwks" => {
                let point = self.keys.public_key().as_ref();
                let mut key = json!({ "kty": "EC", "crv": "P-256", "use": "sig", "x": encoded(&point[1..33]), "y": encoded(&point[33..]) });
                if let Some(kid) = self.kid {
                    key["kid"] = kid.into();
                }
                json!({ "keys": [key] })
            }
            "/token" => json!({ "access_token": "t", "token_type": "Bearer", "id_token": self.token() }),
            _ => json!({ "sub": "7" }),
        }
    }

    fn token(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({ "iss": format!("http://127.0.0.1:{}", self.port), "aud": "uc-connector", "sub": "7", "iat": now, "exp": now + 300 });
        self.claims.as_object().unwrap().iter().for_each(|(name, value)| claims[name] = value.clone());
        let header = self.kid.map_or_else(|| json!({ "alg": "ES256" }), |kid| json!({ "alg": "ES256", "kid": kid }));
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.keys.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encoded(signature))
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let path = read_request(&mut stream)?;
    let path = if path == "/.well-known/openid-configuration" { "/discovery".to_owned() } else { path };
    let way = {
        let mut state = state.lock().unwrap();
        let way = state.ways.get(&*path).cloned().unwrap_or_else(|| Way::Json(state.truth(&path)));
        state.asked.push(path);
        way
    };
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    match way {
        Way::Json(value) => {
            let body = value.to_string();
            stream.write_all(format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
        }
        Way::Raw(bytes) => stream.write_all(bytes.as_bytes()),
        Way::HangUp => Ok(()),
        Way::Silence => wait_for_the_end(&mut stream, Duration::from_secs(60)).map(drop),
        Way::Drip => {
            stream.write_all(format!("{HEAD}\r\n{{").as_bytes())?;
            while !wait_for_the_end(&mut stream, Duration::from_millis(50))? {
                stream.write_all(b" ")?;
            }
            Ok(())
        }
        Way::Flood => {
            stream.write_all(format!("{HEAD}\r\n{{").as_bytes())?;
            loop {
                stream.write_all(&[b' '; 4096])?;
            }
        }
    }
}

/// Whether the other side closes within this time.
fn wait_for_the_end(stream: &mut TcpStream, within: Duration) -> std::io::Result<bool> {
    stream.set_read_timeout(Some(within))?;
    match stream.read(&mut [0; 64]) {
        Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
        outcome => outcome.map(|n| n == 0),
    }
}

/// Reads a request to its end; its path.
fn read_request(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                let path = head.split(' ').nth(1).unwrap_or_default();
                return Ok(path.split('?').next().unwrap_or_default().to_owned());
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}
