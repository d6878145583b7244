//! Exact checkpoints: the whole state as bytes, and a connector again that goes on as the first one would have, down to the next random number.
//!
//! What is in it: everything the machines remember, the position in the entropy stream, the deadlines, the ids of persons and DNs. What is not: the configuration
//! (whoever keeps a checkpoint keeps that beside it; it holds references to secrets, never secrets), look-up tables (made anew), who is watched, and actions not polled yet (there
//! must be none). All types of state derive serde's traits, so a new field is in the next checkpoint without being listed; bytes depend on the state alone.
//!
//! The bytes end in a checksum, and name the configuration they belong to by a hash of all that ids and indices refer to. That finds damage and mistakes, not
//! forgery: a checkpoint is as trustworthy as the place it is read from. It is for this version of the program ([`FORMAT`]), not for keeping.
use super::{Connector, Drain};
use crate::config::Config;
use crate::cti::CtiSide;
use crate::cx::Out;
use crate::deadlines::Deadlines;
use crate::directory::{Directory, Ids, mix};
use crate::entropy::Entropy;
use crate::fact::Facts;
use crate::offers::Offers;
use crate::presence::Presence;
use crate::time::Now;
use crate::uc::UcSide;
use crate::watch::Watch;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Last byte before the checksum. It rises with every change to a type of state.
const FORMAT: u8 = 6;
/// Bytes of the checksum at the end.
const SUM_BYTES: usize = 8;

/// Why bytes are no checkpoint to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreFault {
    /// Cut or changed: the checksum does not fit.
    Damaged,
    /// Written by another version of the program.
    Version(u8),
    /// Whole, but not a state of this program.
    Unreadable,
    /// Taken under another configuration.
    OtherConfiguration,
}

impl fmt::Display for RestoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the checkpoint is damaged: its checksum does not fit; use an earlier one"),
            Self::Version(found) => write!(f, "the checkpoint has version {found}, this program reads version {FORMAT}: use the program that wrote it"),
            Self::Unreadable => f.write_str("the checkpoint cannot be read by this build of the program: use the build that wrote it"),
            Self::OtherConfiguration => f.write_str("the checkpoint was taken under another configuration: workers, DNs or servers differ"),
        }
    }
}

impl core::error::Error for RestoreFault {}

/// What is written. The same fields in the same order as [`Saved`]; which ones there are, the compiler checks in [`Connector::checkpoint`].
#[derive(Serialize)]
struct Image<'a> {
    configuration: u64,
    ids: &'a Ids,
    entropy: &'a Entropy,
    deadlines: &'a Deadlines,
    notes_dropped: u64,
    last: Now,
    uc: &'a UcSide,
    cti: &'a CtiSide,
    presence: &'a Presence,
    offers: &'a Offers,
    drain: Drain,
}

/// What is read.
#[derive(Deserialize)]
struct Saved {
    configuration: u64,
    ids: Ids,
    entropy: Entropy,
    deadlines: Deadlines,
    notes_dropped: u64,
    last: Now,
    uc: UcSide,
    cti: CtiSide,
    presence: Presence,
    offers: Offers,
    drain: Drain,
}

impl Connector {
    /// The whole state but the configuration, as bytes for [`Self::restore`]. `None` while actions wait: poll them first.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Vec<u8>> {
        let Self { directory, entropy, deadlines, facts, out, last, uc, cti, presence, offers, drain, watch: _ } = self;
        let Out { actions, notes_dropped, router_answers: _ } = out;
        if !actions.is_empty() || !facts.is_empty() {
            return None;
        }
        let image = Image {
            configuration: stamp(directory.config()),
            ids: directory.ids(),
            entropy,
            deadlines,
            notes_dropped: *notes_dropped,
            last: *last,
            uc,
            cti,
            presence,
            offers,
            drain: *drain,
        };
        // Writing to memory fails for types of unknown length only, and there is none.
        let mut bytes = postcard::to_allocvec(&image).ok()?;
        bytes.push(FORMAT);
        bytes.extend_from_slice(&mix(&bytes, 0).to_le_bytes());
        Some(bytes)
    }

    /// The connector of a checkpoint, under the configuration that was in force when it was taken. It has no actions; connections are where they were.
    ///
    /// # Errors
    /// When the bytes are damaged, of another version, or of another configuration.
    pub fn restore(config: Arc<Config>, bytes: &[u8]) -> Result<Self, RestoreFault> {
        let (content, sum) = bytes.split_last_chunk::<SUM_BYTES>().ok_or(RestoreFault::Damaged)?;
        if mix(content, 0) != u64::from_le_bytes(*sum) {
            return Err(RestoreFault::Damaged);
        }
        let (version, content) = content.split_last().ok_or(RestoreFault::Damaged)?;
        if *version != FORMAT {
            return Err(RestoreFault::Version(*version));
        }
        let (saved, rest) = postcard::take_from_bytes::<Saved>(content).map_err(|_| RestoreFault::Unreadable)?;
        let Saved { configuration, ids, entropy, deadlines, notes_dropped, last, uc, cti, presence, offers, drain } = saved;
        if !rest.is_empty() {
            return Err(RestoreFault::Unreadable);
        }
        if configuration != stamp(&config) {
            return Err(RestoreFault::OtherConfiguration);
        }
        let out = Out { notes_dropped, ..Out::default() };
        Ok(Self {
            directory: Directory::with_ids(config, ids),
            entropy,
            deadlines,
            facts: Facts::new(),
            out,
            last,
            uc,
            cti,
            presence,
            offers,
            drain,
            watch: Watch::default(),
        })
    }
}

/// A hash of what ids and indices in the state refer to.
fn stamp(config: &Config) -> u64 {
    let mut hash = 0_u64;
    let mut add = |bytes: &[u8]| hash = (hash.rotate_left(29) ^ mix(bytes, 0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for rows in [config.uc.endpoints.len(), config.publish.states.len(), config.choice.states.len()] {
        add(&(rows as u64).to_le_bytes());
    }
    for watcher in &config.uc.watchers {
        add(watcher.uri.as_bytes());
        add(watcher.epid.as_bytes());
    }
    for switch in &config.cti.switches {
        add(switch.name.as_bytes());
        add(&(switch.servers.len() as u64).to_le_bytes());
        for number in &switch.free_dns {
            add(number.as_bytes());
        }
    }
    for router in &config.cti.routers {
        add(router.name.as_bytes());
        add(&(router.servers.len() as u64).to_le_bytes());
    }
    for person in &config.people {
        add(person.employee_id.as_bytes());
        add(person.sip_uri.as_bytes());
        for dn in &person.dns {
            add(dn.number.as_bytes());
            add(&dn.switch.to_le_bytes());
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Input;
    use crate::config::*;
    use crate::cti_event::{Control, CtiEvent, Role, TEvent};
    use crate::entropy::Seed;
    use crate::id::{CtiLinkId, UcLinkId};
    use crate::time::Mono;
    use crate::uc_event::UcEvent;
    use alloc::{format, vec};

    fn config(workers: usize) -> Config {
        let server = TServerConfig { name: "A".into(), address: "127.0.0.1:1".into() };
        let person = |i: usize| Person {
            employee_id: format!("{i}").into(),
            sip_uri: format!("sip:w{i}@contoso.example").into(),
            dns: vec![PersonDn { number: format!("{}", 5000 + i).into(), switch: 0 }].into(),
            ..Person::default()
        };
        Config {
            application: "UC".into(),
            uc: UcConfig {
                endpoints: vec![UcEndpoint { host: "fe.contoso.example".into(), port: 5061 }],
                watchers: vec![Watcher { uri: "sip:w@contoso.example".into(), epid: "0a".into() }],
                ..UcConfig::default()
            },
            cti: CtiConfig {
                switches: vec![SwitchConfig {
                    name: "S".into(),
                    servers: vec![server],
                    redundancy: Redundancy::Single,
                    session: "s".into(),
                    linger_s: 30,
                    free_dns: Vec::new(),
                }],
                ..CtiConfig::default()
            },
            people: (0..workers).map(person).collect(),
            note_level: NoteLevel::Debug,
            ..Config::default()
        }
    }

    fn at(ms: u64) -> Now {
        Now { mono: Mono(ms), unix_ms: 1_700_000_000_000 + ms }
    }

    fn poll(connector: &mut Connector) -> Vec<alloc::string::String> {
        core::iter::from_fn(|| connector.poll_action()).map(|action| format!("{action:?}")).collect()
    }

    /// Connected on both sides, with requests unanswered, and one person more than at the start.
    fn busy() -> (Arc<Config>, Connector) {
        let now = Arc::new(config(4));
        let mut it = Connector::new(Arc::new(config(3)), Seed::from_u64(9), at(0));
        poll(&mut it);
        let address = "10.0.0.1:5061".parse().unwrap();
        let (uc, cti) = (UcLinkId(0), CtiLinkId(0));
        it.handle(at(1), Input::Uc { link: uc, event: UcEvent::Resolved { endpoint: 0, addrs: &[address] } });
        it.handle(at(2), Input::Uc { link: uc, event: UcEvent::Connected { local: address } });
        it.handle(at(3), Input::Cti { link: cti, event: CtiEvent::Connected });
        it.handle(at(4), Input::Cti { link: cti, event: CtiEvent::Control(Control::Welcome { line_max: 1 << 20, window: 2, ping_s: 10 }) });
        it.handle(at(5), Input::Cti { link: cti, event: CtiEvent::Control(Control::Opened { role: Role::Primary, server: "A" }) });
        let linked = TEvent { id: crate::codec::cti::catalogue::EVENT_LINK_CONNECTED, ..TEvent::default() };
        it.handle(at(6), Input::Cti { link: cti, event: CtiEvent::Event(&linked) });
        it.handle(at(7), Input::Reconfigure(Arc::clone(&now)));
        poll(&mut it);
        (now, it)
    }

    #[test]
    fn a_restored_connector_goes_on_as_the_first_one() {
        let (config, mut first) = busy();
        let bytes = first.checkpoint().unwrap();
        let mut second = Connector::restore(config, &bytes).unwrap();
        assert_eq!(second.checkpoint().unwrap(), bytes);
        assert_eq!(second.directory().user_by_uri("SIP:W3@contoso.example"), first.directory().user_by_uri("SIP:W3@contoso.example"));
        for _ in 0..200 {
            assert_eq!(second.next_deadline(), first.next_deadline());
            assert_eq!(second.fingerprint(), first.fingerprint());
            let Some((due, _)) = first.next_deadline() else { break };
            first.handle(at(due.0), Input::Wake);
            second.handle(at(due.0), Input::Wake);
            assert_eq!(poll(&mut second), poll(&mut first));
        }
        assert_eq!(second.checkpoint(), first.checkpoint());
    }

    #[test]
    fn there_is_no_checkpoint_while_actions_wait() {
        let mut it = Connector::new(Arc::new(config(1)), Seed::from_u64(9), at(0));
        assert!(it.checkpoint().is_none());
        poll(&mut it);
        assert!(it.checkpoint().is_some());
    }

    #[test]
    fn what_is_damaged_or_foreign_is_a_fault() {
        let (config4, it) = busy();
        let bytes = it.checkpoint().unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(Connector::restore(Arc::clone(&config4), &bytes[..cut]).err(), Some(RestoreFault::Damaged));
        }
        let sum_at = bytes.len() - SUM_BYTES;
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x41;
            assert_eq!(Connector::restore(Arc::clone(&config4), &damaged).err(), Some(RestoreFault::Damaged), "byte {place}");
        }
        assert_eq!(Connector::restore(Arc::new(config(3)), &bytes).err(), Some(RestoreFault::OtherConfiguration));
        let summed = |mut content: Vec<u8>| {
            content.extend_from_slice(&mix(&content, 0).to_le_bytes());
            content
        };
        let mut newer = bytes[..sum_at].to_vec();
        newer[sum_at - 1] = FORMAT + 1;
        assert_eq!(Connector::restore(Arc::clone(&config4), &summed(newer)).err(), Some(RestoreFault::Version(FORMAT + 1)));
        // A length that asks for more than there is, and bytes that are left over: other types of state.
        for content in [vec![0xff; 40], vec![0; 4096]] {
            let mut content = content;
            content.push(FORMAT);
            assert_eq!(Connector::restore(Arc::clone(&config4), &summed(content)).err(), Some(RestoreFault::Unreadable));
        }
    }
}
