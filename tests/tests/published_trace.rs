//! The published trace through the real daemon and real sockets: NOTIFY in, `RequestAgentNotReady` with exactly its attributes out, 200 back. Over TCP, over
//! mutual TLS, and over what an old server speaks.
#![allow(clippy::unwrap_used)]
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use uc_tests::{Authority, Bridge, BridgeOptions, Daemon, Dialog, Event, Folder, FrontEnd, Identity, Running, Setup, free_port, ordinary, peer, seed_notify};

/// The seed's bytes that are replaced when it is put into another dialog leave this part alone: its Vias, in their order and spelling.
const VIAS: &str = "Via: SIP/2.0/TLS 192.168.92.74:5061;branch=z9hG4bKEDA8FDD1.3DDFA90BEAFEDDF3;branched=FALSE;rport=5061,SIP/2.0/TLS 192.168.92.75:56267;\
                    branch=z9hG4bK7CCE6513.0400ED9AB1C66DF3;branched=FALSE;ms-received-port=56267;ms-received-cid=3747900";

/// Plays the trace once the daemon has subscribed.
fn play(front_end: &mut FrontEnd, bridge: &Bridge) {
    let subscribe = front_end.request("SUBSCRIBE");
    assert_eq!(subscribe.resources(), ["sip:lync-user2_qa94@lyncdco13.lab"]);
    bridge.request("RequestRegisterAddress");
    front_end.send(seed_notify(&Dialog::of(&subscribe), 4));

    let request = bridge.request("RequestAgentNotReady");
    let (seq, reference) = (&request.json["seq"], request.attribute("AttributeReferenceID"));
    assert_eq!(
        request.line,
        format!(
            "{{\"v\":1,\"seq\":{seq},\"dir\":\"req\",\"id\":11,\"name\":\"RequestAgentNotReady\",\"attrs\":[[\"AttributeReferenceID\",\"int\",{reference}],\
             [\"AttributeThisDN\",\"str\",\"5002\"],[\"AttributeReasons\",\"kvlist\",[{{\"key\":\"KW_UC_STATUS\",\"type\":\"str\",\"value\":\"busy\"}},\
             {{\"key\":\"KW_UC_NOTE\",\"type\":\"str\",\"value\":\"\"}}]]]}}"
        )
    );

    let response = front_end.response(4);
    assert_eq!(response.status(), 200, "{}", response.head);
    let vias: Vec<&str> = response.head.split("\r\n").filter(|line| line.to_ascii_lowercase().starts_with("via:")).collect();
    assert_eq!(vias, [VIAS]);
    let dialog = Dialog::of(&subscribe);
    assert_eq!(response.header("Call-ID"), dialog.call_id);
    assert_eq!(response.header("From"), dialog.local);
    assert_eq!(response.header("To"), dialog.watcher);
}

#[test]
fn over_tcp() {
    let bridge = Bridge::start(BridgeOptions::default());
    let mut front_end = FrontEnd::start(None, ordinary);
    let daemon = Daemon::start(&Setup::new(front_end.port, bridge.port));
    let register = front_end.request("REGISTER");
    assert!(register.header("From").contains("sip:lync-user0@lyncdco13.lab"), "{}", register.head);
    play(&mut front_end, &bridge);
    daemon.stop();
}

/// The files of a TLS link and its sections of the configuration.
fn tls(setup: &mut Setup, folder: &Folder, ca: &Authority, ours: Option<&Identity>, more: &str) {
    folder.write("ca.pem", &ca.pem());
    setup.uc = "transport = \"tls\"\nregister = true\n".into();
    setup.sections = format!("[uc.tls]\nca = \"ca.pem\"\n{more}");
    if let Some(ours) = ours {
        folder.write("our.pem", &ours.certificate_pem);
        folder.write("our.key", &ours.key_pem);
        setup.sections.push_str("certificate = \"our.pem\"\nkey = \"our.key\"\n");
    }
}

#[test]
fn over_mutual_tls() {
    for profile in ["rustls", "openssl"] {
        let ca = Authority::new();
        let bridge = Bridge::start(BridgeOptions::default());
        let mut front_end = FrontEnd::start(Some(ca.mutual_server(&ca.sign(&["pool.lyncdco13.lab"]))), ordinary);
        let (mut setup, folder) = (Setup::new(front_end.port, bridge.port), Folder::new());
        tls(
            &mut setup,
            &folder,
            &ca,
            Some(&ca.sign(&["connector.lyncdco13.lab"])),
            &format!("server_name = \"pool.lyncdco13.lab\"\nprofile = \"{profile}\"\n"),
        );
        let daemon = Daemon::start_with(&setup, folder, |_| {});
        front_end.request("REGISTER");
        play(&mut front_end, &bridge);
        daemon.stop();
    }
}

/// A server that must not be talked to: the daemon says why, tries again, and no SIP is ever sent.
fn refused(server: &Authority, names: &[&str], trusted: &Authority, ours: Option<&Identity>, profile: &str, says: &[&str]) {
    let bridge = Bridge::start(BridgeOptions::default());
    let mut front_end = FrontEnd::start(Some(server.mutual_server(&server.sign(names))), ordinary);
    let (mut setup, folder) = (Setup::new(front_end.port, bridge.port), Folder::new());
    tls(&mut setup, &folder, trusted, ours, &format!("server_name = \"pool.lyncdco13.lab\"\nprofile = \"{profile}\"\n"));
    let mut daemon = Daemon::start_with(&setup, folder, |_| {});
    for text in says {
        daemon.expect_log(text);
    }
    // Twice: it tries again.
    for _ in 0..2 {
        front_end.expect("a connection that ends without SIP", |event| match event {
            Event::HandshakeFailed(_) | Event::Closed => Some(()),
            Event::Message(message) => panic!("the daemon spoke: {}", message.head),
            Event::Connected => None,
        });
    }
    daemon.stop();
}

#[test]
fn a_wrong_name_is_refused() {
    let ca = Authority::new();
    let ours = ca.sign(&["connector.lyncdco13.lab"]);
    refused(&ca, &["other.lyncdco13.lab"], &ca, Some(&ours), "rustls", &["server_name"]);
    refused(&ca, &["other.lyncdco13.lab"], &ca, Some(&ours), "openssl", &["hostname mismatch"]);
}

#[test]
fn an_authority_that_is_not_trusted_is_refused() {
    let (ca, other) = (Authority::new(), Authority::new());
    let ours = ca.sign(&["connector.lyncdco13.lab"]);
    refused(&ca, &["pool.lyncdco13.lab"], &other, Some(&ours), "rustls", &["name its CA in `ca`"]);
    refused(&ca, &["pool.lyncdco13.lab"], &other, Some(&ours), "openssl", &["certificate is not accepted"]);
}

#[test]
fn without_our_certificate_the_server_refuses() {
    let ca = Authority::new();
    refused(&ca, &["pool.lyncdco13.lab"], &ca, None, "rustls", &["needs an identity"]);
    refused(&ca, &["pool.lyncdco13.lab"], &ca, None, "openssl", &["TLS: "]);
}

/// A TLS server of OpenSSL that speaks what Lync on an older Windows speaks at best.
struct OldServer {
    _process: Running,
    port: u16,
}

/// Copies until one side ends.
fn pump(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static, done: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..n]).and_then(|()| to.flush()).is_err() {
                break;
            }
        }
        done();
    });
}

impl OldServer {
    /// Behind TLS it passes everything to and from the plain server at `behind`. `None`: OpenSSL is not installed.
    fn start(folder: &Folder, behind: u16) -> Option<Self> {
        let openssl = peer("openssl")?;
        let made = Command::new(&openssl)
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=pool.lyncdco13.lab",
                "-addext",
                "subjectAltName=DNS:pool.lyncdco13.lab",
                "-keyout",
            ])
            .arg(folder.path("old.key"))
            .arg("-out")
            .arg(folder.path("ca.pem"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut process = Running::start(
            Command::new(&openssl)
                .args(["s_server", "-quiet", "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384", "-accept", &format!("127.0.0.1:{port}"), "-cert"])
                .arg(folder.path("ca.pem"))
                .arg("-key")
                .arg(folder.path("old.key"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let plain = TcpStream::connect(("127.0.0.1", behind)).unwrap();
        let (from, to, over) = (plain.try_clone().unwrap(), plain.try_clone().unwrap(), plain);
        pump(process.child.stdout.take().unwrap(), to, move || _ = over.shutdown(Shutdown::Both));
        pump(from, process.child.stdin.take().unwrap(), || {});
        Some(Self { _process: process, port })
    }
}

#[test]
fn over_what_an_old_server_speaks() {
    let bridge = Bridge::start(BridgeOptions::default());
    let mut front_end = FrontEnd::start(None, ordinary);
    let folder = Folder::new();
    let Some(server) = OldServer::start(&folder, front_end.port) else { return };
    let mut setup = Setup::new(server.port, bridge.port);
    setup.uc = "transport = \"tls\"\n".into();
    setup.sections = "[uc.tls]\nprofile = \"openssl\"\nca = \"ca.pem\"\nserver_name = \"pool.lyncdco13.lab\"\n".into();
    let daemon = Daemon::start_with(&setup, folder, |_| {});
    front_end.request("REGISTER");
    play(&mut front_end, &bridge);
    daemon.stop();
}

#[test]
fn an_old_server_and_the_default_profile_do_not_agree() {
    let bridge = Bridge::start(BridgeOptions::default());
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::new();
    let Some(server) = OldServer::start(&folder, behind.local_addr().unwrap().port()) else { return };
    let mut setup = Setup::new(server.port, bridge.port);
    setup.uc = "transport = \"tls\"\n".into();
    setup.sections = "[uc.tls]\nca = \"ca.pem\"\nserver_name = \"pool.lyncdco13.lab\"\n".into();
    let mut daemon = Daemon::start_with(&setup, folder, |_| {});
    daemon.expect_log("may need `profile = \"openssl\"`");
    daemon.stop();
}
