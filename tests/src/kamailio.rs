//! A real Kamailio as standard presence server (Debian packages kamailio, kamailio-presence-modules): its own configuration on loopback, presence in memory, lists
//! in dbtext files, passwords in its configuration.
use crate::daemon::Folder;
use crate::peer::{Running, peer};
use crate::{free_port, patience_left};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Packaged dbtext tables.
const TABLES: &str = "/usr/share/kamailio/dbtext/kamailio";
/// Shared memory, MiB: transactions stay for five seconds, and 8,000 updates a second make 16,000 of them.
const SHARED_MIB: &str = "2048";
/// Memory of each process, MiB.
const PRIVATE_MIB: &str = "32";

/// What the server is like.
#[derive(Clone, Debug)]
pub struct KamailioOptions {
    /// SUBSCRIBE must answer a digest challenge with this hash (`MD5` or `SHA-256`), as user `uc` with password `secret` in realm `pbx`.
    pub digest: Option<&'static str>,
    /// The challenge is for PUBLISH, not for SUBSCRIBE.
    pub digest_publish: bool,
    /// Members of `sip:team@lyncdco13.lab`.
    pub list: Vec<String>,
    /// Longest subscription, seconds.
    pub max_expires_s: u32,
}

impl Default for KamailioOptions {
    fn default() -> Self {
        Self { digest: None, digest_publish: false, list: Vec::new(), max_expires_s: 3600 }
    }
}

/// The server, ended when dropped.
pub struct Kamailio {
    /// Port for UDP and TCP on 127.0.0.1.
    pub port: u16,
    options: KamailioOptions,
    folder: Folder,
    program: PathBuf,
    process: Option<Running>,
}

impl Kamailio {
    /// Starts it on a free port; `None`, loudly, when it is not installed.
    #[must_use]
    pub fn start(options: KamailioOptions) -> Option<Self> {
        let program = peer("kamailio")?;
        let mut it = Self { port: free_port(), options, folder: Folder::new(), program, process: None };
        it.prepare();
        it.resume();
        Some(it)
    }

    /// Ends it; everything it knew is gone.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // In good order, so that its children end, too.
            process.signal(rustix::process::Signal::TERM);
            let _ = process.wait();
        }
    }

    /// Starts it (again) at the same port and waits until it answers.
    pub fn resume(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-f").arg(self.folder.path("kamailio.cfg")).args(["-m", SHARED_MIB, "-M", PRIVATE_MIB, "-x", "tlsf", "-X", "tlsf", "-DD", "-E"]);
        command.arg("-w").arg(self.folder.path("")).arg("-Y").arg(self.folder.path(""));
        command.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(Running::start(&mut command));
        self.wait_until_up();
    }

    /// User and system time of all its processes so far.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        let Some(main) = self.process.as_ref().map(|process| process.child.id()) else { return 0.0 };
        let ticks = |entry: fs::DirEntry| {
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let (before, after) = stat.rsplit_once(')')?;
            let fields: Vec<&str> = after.split_whitespace().collect();
            let ours = before.split(' ').next()? == main.to_string() || *fields.get(1)? == main.to_string();
            ours.then(|| [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum::<f64>())
        };
        fs::read_dir("/proc").unwrap().flatten().filter_map(ticks).sum::<f64>() / rustix::param::clock_ticks_per_second() as f64
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.path("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn wait_until_up(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let (began, mut buffer) = (Instant::now(), [0; 2048]);
        let at = socket.local_addr().unwrap();
        for n in 0.. {
            let _left = patience_left(began, &format!("an answer of Kamailio\n{}", self.log()));
            let options = format!(
                "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\nFrom: <sip:t@x>;tag=1\r\nTo: <sip:x>\r\nCall-ID: up{n}@{at}\r\n\
                 CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            // While nobody listens, sending fails at once.
            let sent = socket.send(options.as_bytes());
            match sent.and_then(|_| socket.recv(&mut buffer)) {
                Ok(_) => return,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => thread::yield_now(),
            }
            if let Some(status) = self.process.as_mut().and_then(Running::ended) {
                panic!("Kamailio ended: {status}\n{}", self.log());
            }
        }
    }

    fn prepare(&self) {
        let tables = self.folder.path("db");
        fs::create_dir_all(&tables).unwrap();
        for entry in fs::read_dir(TABLES).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), tables.join(entry.file_name())).unwrap();
        }
        if !self.options.list.is_empty() {
            let mut document = String::from(
                "<?xml version=\"1.0\"?><rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\" xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\">\
                 <service uri=\"sip:team@lyncdco13.lab\"><list name=\"team\">",
            );
            for member in &self.options.list {
                _ = write!(document, "<rl:entry uri=\"{member}\"/>");
            }
            document.push_str("</list><packages><package>presence</package></packages></service></rls-services>");
            // Colons separate the columns of a dbtext row.
            let document = document.replace(':', "\\:");
            let mut table = fs::read_to_string(tables.join("xcap")).unwrap();
            _ = writeln!(table, "1:lync-user0:lyncdco13.lab:{document}:8:e1:0:sip\\:team@lyncdco13.lab:0");
            fs::write(tables.join("xcap"), table).unwrap();
        }
        self.folder.write("kamailio.cfg", &self.config());
    }

    fn config(&self) -> String {
        let (port, db) = (self.port, self.folder.path("db"));
        let KamailioOptions { digest, digest_publish, max_expires_s, .. } = &self.options;
        let db = format!("text://{}", db.display());
        let challenge = digest.map_or("", |_| "if (!pv_www_authenticate(\"pbx\", \"secret\", \"0\")) { www_challenge(\"pbx\", \"1\"); exit; }");
        let (challenge, publish_challenge) = if *digest_publish { ("", challenge) } else { (challenge, "") };
        let algorithm = match digest {
            Some("MD5") | None => String::new(),
            Some(name) => format!("modparam(\"auth\", \"algorithm\", \"{name}\")\n"),
        };
        let modules =
            ["tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "db_text", "auth", "presence", "presence_xml", "presence_dialoginfo", "pua", "rls"];
        let modules: String = modules.iter().map(|module| format!("loadmodule \"{module}.so\"\n")).collect();
        format!(
            "#!KAMAILIO\ndebug=0\nlog_stderror=yes\nfork=yes\nexit_timeout=10\n\
             children=1\ntcp_children=1\nlisten=udp:127.0.0.1:{port}\nlisten=tcp:127.0.0.1:{port}\n\
             auto_aliases=no\ndns=no\nrev_dns=no\ntcp_connection_lifetime=3600\ntcp_rd_buf_size=65536\n{modules}{algorithm}\
             modparam(\"presence\", \"db_url\", \"{db}\")\nmodparam(\"presence\", \"publ_cache\", 2)\nmodparam(\"presence\", \"subs_db_mode\", 0)\n\
             modparam(\"presence\", \"clean_period\", 1)\nmodparam(\"presence\", \"max_expires\", {max_expires_s})\n\
             modparam(\"presence\", \"server_address\", \"sip:127.0.0.1:{port}\")\n\
             modparam(\"presence\", \"subs_htable_size\", 14)\nmodparam(\"presence\", \"pres_htable_size\", 14)\n\
             modparam(\"presence_xml\", \"db_url\", \"{db}\")\nmodparam(\"presence_xml\", \"force_active\", 1)\n\
             modparam(\"presence_xml\", \"integrated_xcap_server\", 1)\nmodparam(\"presence_xml\", \"disable_winfo\", 1)\nmodparam(\"presence_xml\", \"disable_bla\", 1)\n\
             modparam(\"pua\", \"db_url\", \"{db}\")\n\
             modparam(\"rls\", \"db_url\", \"{db}\")\nmodparam(\"rls\", \"integrated_xcap_server\", 1)\nmodparam(\"rls\", \"server_address\", \"sip:rls@127.0.0.1:{port}\")\n\
             modparam(\"rls\", \"outbound_proxy\", \"sip:127.0.0.1:{port}\")\nmodparam(\"rls\", \"to_presence_code\", 5)\nmodparam(\"rls\", \"waitn_time\", 1)\n\
             modparam(\"rls\", \"db_mode\", 0)\n\
             request_route {{\n\
             if (is_method(\"OPTIONS\")) {{ sl_send_reply(\"200\", \"OK\"); exit; }}\n\
             if (is_method(\"PUBLISH\")) {{ {publish_challenge} t_newtran(); handle_publish(); t_release(); exit; }}\n\
             if (is_method(\"NOTIFY\")) {{ rls_handle_notify(); exit; }}\n\
             if (!is_method(\"SUBSCRIBE\")) {{ sl_send_reply(\"405\", \"Method Not Allowed\"); exit; }}\n\
             {challenge}\n\
             t_newtran();\n\
             if ($hdr(Supported) =~ \"eventlist\") {{ rls_handle_subscribe(); switch ($rc) {{ case 10: case 5: handle_subscribe(); }} }} else {{ handle_subscribe(); }}\n\
             t_release();\n}}\n"
        )
    }
}

impl Drop for Kamailio {
    /// A test that fails shows the server's view.
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            eprintln!("log of Kamailio:\n{}", self.log());
        }
    }
}
