//! What a run is like: the shape of the world and the weights of its faults, drawn by swarm (each run switches some faults off and weighs the rest wildly, so that
//! rare combinations get runs of their own).
use crate::both::BothOptions;
use crate::choices::{Choices, ratio};
use crate::net::NetOptions;
use crate::preview::PreviewOptions;
use std::fmt;
use uc_core::config::Redundancy;

/// Kinds of steps; the index is into [`Options::weights`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A worker's presence changes.
    Presence,
    /// Many workers change within a second.
    PresenceStorm,
    /// A Front End's program dies and comes back.
    FrontEndKill,
    /// A Front End's machine dies without a word.
    FrontEndSilent,
    /// A Front End cannot be reached.
    FrontEndPartition,
    /// A Front End hangs.
    FrontEndStall,
    /// A Front End takes no new connections from its backlog.
    FrontEndBacklog,
    /// A SIP connection is reset.
    ResetUc,
    /// A Front End forgets its dialogs.
    LoseDialogs,
    /// A Front End answers 503 for a while.
    Overload,
    /// The registrar sends a registration event.
    Registration,
    /// A T-Server's program dies and comes back.
    TServerKill,
    /// A T-Server's machine dies without a word.
    TServerSilent,
    /// A T-Server cannot be reached.
    TServerPartition,
    /// A T-Server hangs.
    TServerStall,
    /// A bridge connection is reset.
    ResetCti,
    /// The link between T-Server and switch goes down and up.
    CtiLink,
    /// The pair changes roles.
    Switchover,
    /// Another client changes an agent's state.
    Foreign,
    /// Another client logs an agent out.
    ForeignLogout,
    /// The next requests fail.
    Errors,
    /// T-Server answers slowly for a while.
    Slow,
    /// Workers are added or removed.
    Reconfigure,
    /// Half of the workers go or come at once.
    Exchange,
    /// The administrator changes a setting.
    Setting,
}

/// How many kinds there are.
pub const KINDS: usize = Kind::Setting as usize + 1;

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Self; KINDS] = [
        Self::Presence,
        Self::PresenceStorm,
        Self::FrontEndKill,
        Self::FrontEndSilent,
        Self::FrontEndPartition,
        Self::FrontEndStall,
        Self::FrontEndBacklog,
        Self::ResetUc,
        Self::LoseDialogs,
        Self::Overload,
        Self::Registration,
        Self::TServerKill,
        Self::TServerSilent,
        Self::TServerPartition,
        Self::TServerStall,
        Self::ResetCti,
        Self::CtiLink,
        Self::Switchover,
        Self::Foreign,
        Self::ForeignLogout,
        Self::Errors,
        Self::Slow,
        Self::Reconfigure,
        Self::Exchange,
        Self::Setting,
    ];
}

/// One run in so many exchanges its connector for checkpoints now and then.
const RESTORED_RUNS: u64 = 8;

/// Everything a run depends on besides its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Seed of network, peers and connector.
    pub seed: u64,
    /// Workers at start.
    pub workers: u16,
    /// Length without the quiet phase, virtual minutes.
    pub minutes: u32,
    /// Quiet phase, virtual minutes.
    pub quiet_minutes: u32,
    /// Front Ends in the pool.
    pub front_ends: u16,
    /// How the switch's T-Servers work together; one server when single.
    pub redundancy: Redundancy,
    /// Watcher identities.
    pub watchers: u16,
    /// REGISTER is sent.
    pub register: bool,
    /// BENOTIFY is asked for.
    pub benotify: bool,
    /// The first notification is asked for in the 200.
    pub piggyback: bool,
    /// One connection for all watchers.
    pub shared_connection: bool,
    /// Documented traffic limits instead of none.
    pub lync_pace: bool,
    /// Mean time between two presence changes of the whole company, milliseconds.
    pub presence_every_ms: u64,
    /// Mean time between two faults, milliseconds.
    pub fault_every_ms: u64,
    /// Faults come in company: several within seconds, so that one falls into the recovery from another.
    pub together: bool,
    /// The run ends with a stop in the middle of its faults, without a quiet phase.
    pub stop: bool,
    /// The bridges are configured with their other port; no option of a run, a step changes it.
    pub other_port: bool,
    /// Agents are logged out at the stop that ends every run.
    pub logout_on_stop: bool,
    /// Weight of each kind of step; 0 never happens.
    pub weights: [u32; KINDS],
    /// When the quiet phase begins every worker's presence changes once more, so that the end state is certain.
    pub final_round: bool,
    /// Order in which sources are asked when several have something at the same instant.
    pub tie: u8,
    /// Expiry the pool grants, seconds.
    pub expires_s: u32,
    /// The pool strays from the straight path in ways drawn from the seed.
    pub odd_peers: bool,
    /// Chance per mille that a subscription is granted and nothing is ever heard of it.
    pub no_notify_pm: u16,
    /// Mean number of inputs after which the connector is exchanged for its own checkpoint; 0 never. Makes no difference to the run.
    pub restore_every: u32,
    /// States in both directions.
    pub both: BothOptions,
    /// Interaction previews.
    pub previews: PreviewOptions,
    /// The network.
    pub net: NetOptions,
}

impl Options {
    /// A calm world: no faults, quick network.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        let mut weights = [0; KINDS];
        weights[Kind::Presence as usize] = 1;
        Self {
            seed,
            workers: 20,
            minutes: 60,
            quiet_minutes: 3,
            front_ends: 2,
            redundancy: Redundancy::Hot,
            watchers: 1,
            register: true,
            benotify: true,
            piggyback: true,
            shared_connection: true,
            lync_pace: false,
            presence_every_ms: 20_000,
            fault_every_ms: 60_000,
            together: false,
            stop: false,
            logout_on_stop: false,
            other_port: false,
            weights,
            final_round: true,
            tie: 0,
            expires_s: 28_800,
            odd_peers: false,
            no_notify_pm: 0,
            restore_every: 0,
            both: BothOptions::default(),
            previews: PreviewOptions::default(),
            net: NetOptions::default(),
        }
    }

    /// A world drawn from the tape.
    pub fn swarm(seed: u64, tape: &mut Choices<'_>) -> Self {
        let mut it = Self::calm(seed);
        it.front_ends = tape.range(1, 3) as u16;
        it.redundancy = tape.pick(&[Redundancy::Hot, Redundancy::Hot, Redundancy::Warm, Redundancy::Single]);
        it.watchers = tape.range(1, 2) as u16;
        it.register = tape.chance(ratio(3, 4));
        it.benotify = tape.chance(ratio(1, 2));
        it.piggyback = tape.chance(ratio(1, 2));
        it.shared_connection = tape.chance(ratio(1, 2));
        it.lync_pace = tape.chance(ratio(1, 2));
        it.final_round = tape.chance(ratio(1, 2));
        it.tie = tape.range(0, 5) as u8;
        it.expires_s = tape.pick(&[600, 600, 3_600, 28_800]);
        it.odd_peers = tape.chance(ratio(2, 3));
        it.presence_every_ms = tape.pick(&[2_000, 10_000, 30_000, 120_000]);
        it.fault_every_ms = tape.pick(&[15_000, 60_000, 60_000, 240_000]);
        for kind in Kind::ALL.into_iter().take_while(|kind| *kind <= Kind::Reconfigure) {
            // Half of the faults are off; the others differ by a factor of up to 64.
            it.weights[kind as usize] = if tape.chance(ratio(1, 2)) { 1 << tape.range(0, 6) } else { 0 };
        }
        it.weights[Kind::Presence as usize] = 1;
        it.net = Self::swarm_net(tape);
        it.rough(&mut Choices::from_seed(seed ^ 0x57_0b));
        // From a tape of its own, so that everything else keeps its meaning.
        let tape = &mut Choices::from_seed(seed ^ 0x511e);
        it.no_notify_pm = if it.odd_peers && tape.chance(ratio(1, 4)) { tape.range(1, 300) as u16 } else { 0 };
        // Not from the tape: it shapes nothing.
        it.restore_every = if seed.is_multiple_of(RESTORED_RUNS) { 300 } else { 0 };
        it
    }

    /// Half of the seeds: faults in company, changes of many things at once. From a tape of their own, so that the other half keeps its world.
    fn rough(&mut self, tape: &mut Choices<'_>) {
        self.logout_on_stop = tape.chance(ratio(1, 2));
        if tape.chance(ratio(1, 2)) {
            return;
        }
        self.together = tape.chance(ratio(1, 2));
        self.stop = tape.chance(ratio(1, 4));
        for kind in [Kind::Exchange, Kind::Setting] {
            self.weights[kind as usize] = if tape.chance(ratio(1, 2)) { 1 << tape.range(0, 6) } else { 0 };
        }
    }

    fn swarm_net(tape: &mut Choices<'_>) -> NetOptions {
        NetOptions {
            latency_ms: tape.pick(&[0, 1, 5, 40, 250]),
            jitter_ms: tape.pick(&[0, 0, 1, 20, 400]),
            bytes_per_ms: tape.pick(&[0, 0, 0, 100, 2_000]),
            split_per_mille: tape.pick(&[0, 20, 500]),
            crumbs_per_mille: tape.pick(&[0, 0, 10]),
            join_per_mille: tape.pick(&[0, 500, 1000]),
            ..NetOptions::default()
        }
    }

    /// Switches off one kind of fault, for the shrinker.
    #[must_use]
    pub fn without(&self, kind: Kind) -> Self {
        let mut it = self.clone();
        it.weights[kind as usize] = 0;
        it
    }
}

const fn redundancy_word(it: Redundancy) -> &'static str {
    match it {
        Redundancy::Single => "single",
        Redundancy::Warm => "warm",
        Redundancy::Hot => "hot",
    }
}

impl fmt::Display for Options {
    /// `key=value` words, the form of replay files; weights are left out, a replay has its steps.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed={} workers={} minutes={} quiet={}", self.seed, self.workers, self.minutes, self.quiet_minutes)?;
        write!(f, " front-ends={} t-servers={} watchers={}", self.front_ends, redundancy_word(self.redundancy), self.watchers)?;
        write!(f, " register={} benotify={} piggyback={}", self.register, self.benotify, self.piggyback)?;
        write!(f, " shared={} lync-pace={} final-round={} tie={}", self.shared_connection, self.lync_pace, self.final_round, self.tie)?;
        let net = &self.net;
        write!(f, " expires={} odd-peers={} restore-every={}", self.expires_s, self.odd_peers, self.restore_every)?;
        write!(f, " latency={} jitter={} rate={}", net.latency_ms, net.jitter_ms, net.bytes_per_ms)?;
        write!(f, " split={} crumbs={} join={}", net.split_per_mille, net.crumbs_per_mille, net.join_per_mille)?;
        write!(f, " stop={} logout={}", self.stop, self.logout_on_stop)?;
        // Replay files from before say nothing about it.
        if self.no_notify_pm > 0 {
            write!(f, " no-notify={}", self.no_notify_pm)?;
        }
        write!(f, "{}{}", self.both, self.previews)
    }
}

impl Options {
    /// Reads what [`fmt::Display`] prints.
    ///
    /// # Errors
    /// One sentence naming the word that is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut it = Self::calm(0);
        for word in text.split_whitespace() {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("\"{word}\" is no key=value"))?;
            it.set(key, value).ok_or_else(|| format!("\"{word}\": unknown key or unreadable value"))?;
        }
        Ok(it)
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "seed" => self.seed = value.parse().ok()?,
            "workers" => self.workers = value.parse().ok()?,
            "minutes" => self.minutes = value.parse().ok()?,
            "quiet" => self.quiet_minutes = value.parse().ok()?,
            "front-ends" => self.front_ends = value.parse().ok().filter(|n| *n > 0)?,
            "t-servers" => self.redundancy = [Redundancy::Single, Redundancy::Warm, Redundancy::Hot].into_iter().find(|r| redundancy_word(*r) == value)?,
            "watchers" => self.watchers = value.parse().ok().filter(|n| *n > 0)?,
            "register" => self.register = value.parse().ok()?,
            "benotify" => self.benotify = value.parse().ok()?,
            "piggyback" => self.piggyback = value.parse().ok()?,
            "shared" => self.shared_connection = value.parse().ok()?,
            "lync-pace" => self.lync_pace = value.parse().ok()?,
            "final-round" => self.final_round = value.parse().ok()?,
            "tie" => self.tie = value.parse().ok()?,
            "expires" => self.expires_s = value.parse().ok()?,
            "odd-peers" => self.odd_peers = value.parse().ok()?,
            "restore-every" => self.restore_every = value.parse().ok()?,
            "latency" => self.net.latency_ms = value.parse().ok()?,
            "jitter" => self.net.jitter_ms = value.parse().ok()?,
            "rate" => self.net.bytes_per_ms = value.parse().ok()?,
            "split" => self.net.split_per_mille = value.parse().ok()?,
            "crumbs" => self.net.crumbs_per_mille = value.parse().ok()?,
            "join" => self.net.join_per_mille = value.parse().ok()?,
            "no-notify" => self.no_notify_pm = value.parse().ok()?,
            "stop" => self.stop = value.parse().ok()?,
            "logout" => self.logout_on_stop = value.parse().ok()?,
            other => return self.both.set(other, value).or_else(|| self.previews.set(other, value)),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for seed in 0..50 {
            let mut options = Options::swarm(seed, &mut Choices::from_seed(seed));
            let again = Options::parse(&options.to_string()).expect("own print");
            // A replay has its steps, not the weights they were drawn with.
            (options.weights, options.presence_every_ms, options.fault_every_ms) = (again.weights, again.presence_every_ms, again.fault_every_ms);
            options.together = again.together;
            assert_eq!(options, again);
        }
    }

    #[test]
    fn every_fault_is_on_in_some_runs_and_off_in_others() {
        let runs: Vec<Options> = (0..200).map(|seed| Options::swarm(seed, &mut Choices::from_seed(seed))).collect();
        for kind in Kind::ALL.into_iter().skip(1) {
            assert!(runs.iter().any(|o| o.weights[kind as usize] > 0) && runs.iter().any(|o| o.weights[kind as usize] == 0), "{kind:?}");
        }
    }

    #[test]
    fn a_wrong_word_is_named() {
        assert_eq!(Options::parse("seed=1 tie=x"), Err("\"tie=x\": unknown key or unreadable value".to_string()));
    }
}
