//! A small company behind sockets: the emulated Front End with a door for trusted applications and one for people's own clients, the emulated T-Server, and,
//! when asked for, the daemon between them and pidgin-sipe for its people.
use crate::daemon::{Daemon, Folder, Setup};
use crate::emulated::Emulated;
use crate::pidgin::Pidgin;
use std::sync::atomic::{AtomicU32, Ordering};
use uc_runtime_sim::peers::Peer as _;
use uc_runtime_sim::peers::front_end::{Activity, FrontEnd, FrontEndConfig, USER_STATE};
use uc_runtime_sim::peers::tserver::{Standby, TServer, TServerConfig};

/// SIP domain: that of the daemon's watcher in [`Setup`].
const DOMAIN: &str = "lyncdco13.lab";
/// Somebody in every contact list whose note is changed to see that a client has read everything before it.
const CLOCK: &str = "sip:clock@lyncdco13.lab";

/// The company.
pub struct Office {
    /// Its Front End, one server.
    pub pool: Emulated<FrontEnd>,
    /// Its T-Server, behind a bridge.
    pub t_server: Emulated<TServer>,
    /// Port of the Front End for trusted applications, whose every breach of the standards counts.
    pub trusted_door: u16,
    /// Port of the Front End for people's own clients.
    pub door: u16,
    bridge: u16,
    people: Vec<(String, String)>,
    ticks: AtomicU32,
}

impl Office {
    /// Opens it with these people: name before the `@`, and DN. All are in each other's contact lists, logged out, and have published nothing.
    #[must_use]
    pub fn open(people: &[(&str, &str)]) -> Self {
        // An ordinary client says everything it needs to say when it registers; nothing of it outlives its connection.
        let config = FrontEndConfig { nodes: 1, domain: DOMAIN.to_owned(), transport: "TCP", close_ends_registrations: true, ..FrontEndConfig::default() };
        let (mut pool, mut t_server) = (FrontEnd::new(config), TServer::new(TServerConfig { standby: Standby::Single, ..TServerConfig::default() }));
        pool.add_user(CLOCK);
        for (name, dn) in people {
            pool.add_user(&Self::uri(name));
            t_server.add_dn(dn);
        }
        for (name, _) in people {
            let others: Vec<String> = people.iter().map(|(other, _)| *other).filter(|other| other != name).map(Self::uri).collect();
            let contacts: Vec<&str> = others.iter().map(String::as_str).chain([CLOCK]).collect();
            pool.set_contacts(&Self::uri(name), &contacts);
        }
        let (pool, t_server) = (Emulated::start(pool), Emulated::start(t_server));
        let door = pool.open(0, |pool, conn| pool.set_trusted(conn, false));
        let (trusted_door, bridge) = (pool.open(0, |_, _| {}), t_server.open(0, |_, _| {}));
        let people = people.iter().map(|(name, dn)| ((*name).to_owned(), (*dn).to_owned())).collect();
        Self { pool, t_server, trusted_door, door, bridge, people, ticks: AtomicU32::new(0) }
    }

    /// SIP URI of somebody.
    #[must_use]
    pub fn uri(name: &str) -> String {
        format!("sip:{name}@{DOMAIN}")
    }

    /// Starts the daemon between the two, for all people, in mode normal unless `change` says otherwise; returns when it watches everybody.
    ///
    /// # Panics
    /// When that does not happen.
    #[must_use]
    pub fn start_daemon(&self, change: impl FnOnce(&mut Setup)) -> Daemon {
        let mut setup = Setup::new(self.trusted_door, self.bridge);
        setup.workers = self.people.iter().enumerate().map(|(n, (name, dn))| ((1001 + n).to_string(), Self::uri(name), dn.clone())).collect();
        change(&mut setup);
        let daemon = Daemon::start_with(&setup, Folder::new(), |_| {});
        for (name, dn) in &self.people {
            let uri = Self::uri(name);
            self.pool.wait(&format!("the daemon's subscription to {name}"), |pool| (pool.subscriptions_of(&uri, false) > 0).then_some(()));
            self.t_server.wait(&format!("the registration of {dn}"), |server| (server.registrations_of(0, dn) > 0).then_some(()));
        }
        daemon
    }

    /// Signs somebody in with pidgin-sipe; returns when the client has published its first state and has seen its colleagues. `None`: it is not installed.
    ///
    /// # Panics
    /// When that does not happen.
    #[must_use]
    pub fn sign_in(&self, name: &str) -> Option<Pidgin> {
        let mut client = Pidgin::start(&format!("{name}@{DOMAIN}"), self.door)?;
        client.expect("signed-on");
        let uri = Self::uri(name);
        self.pool.wait(&format!("a first state of {name}"), |pool| pool.publication(&uri, "state", USER_STATE, 2).map(|_| ()));
        self.settle(&mut client);
        Some(client)
    }

    /// Returns when a client has read everything the Front End has sent so far. (What comes after it on the same connection is shown after it.)
    ///
    /// # Panics
    /// When that does not happen.
    pub fn settle(&self, client: &mut Pidgin) {
        let tick = format!("tick {}", self.ticks.fetch_add(1, Ordering::Relaxed));
        self.pool.with(|pool, now| pool.set_presence(now, CLOCK, 3500, Activity::None, Some(&tick)));
        client.reads(CLOCK, &tick);
    }

    /// Waits until colleagues may see this of somebody: availability and note.
    ///
    /// # Panics
    /// When that does not happen.
    pub fn shows(&self, name: &str, availability: u32, note: &str) {
        let uri = Self::uri(name);
        let shown = |pool: &mut FrontEnd| pool.presence(&uri).is_some_and(|p| p.availability == Some(availability) && p.note == note).then_some(());
        self.pool.wait(&format!("{availability} and note {note:?} of {name}"), shown);
    }

    /// What the daemon did against the standards, in the eyes of both servers.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let of_pool = self.pool.with(|pool, _| pool.violations().to_vec());
        self.t_server.with(|server, _| server.violations().to_vec()).into_iter().chain(of_pool).collect()
    }
}
