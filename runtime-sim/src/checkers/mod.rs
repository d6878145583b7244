//! Invariants, one family per file. A checker sees the boundary of the core (inputs, actions, views), what happened outside, and the truth at the end; it keeps its
//! own books and says what broke in words of the domain.
pub mod after_call;
pub mod answers;
pub mod bridged;
pub mod convergence;
pub mod coverage;
pub mod deadline;
pub mod echo;
pub mod leak;
pub mod offer_life;
pub mod offer_pages;
pub mod offer_private;
pub mod offer_ready;
pub mod offer_records;
pub mod offer_reports;
pub mod offered;
pub mod peers;
pub mod ping_pong;
pub mod preserved;
pub mod publisher;
pub mod recovery;
pub mod reported;
pub mod stale;
pub mod storm;
pub mod watch;
pub mod winner;

use crate::both::BothOptions;
use crate::model::Model;
use crate::steps::Step;
use std::collections::BTreeSet;
use uc_core::id::{DnId, UserId};
use uc_core::offer::{OfferId, OfferView};
use uc_core::views::AgentState;
use uc_core::{Action, Connector, Input, Mono};

/// `Err`: one sentence that says what broke.
pub type Verdict = Result<(), String>;

/// The core as it stands, and the time.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Now.
    pub now: Mono,
    /// The core. Checkers read views and the directory only.
    pub core: &'a Connector,
}

/// One monitored worker as the peers know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerTruth {
    /// Number of the person in the world.
    pub worker: u16,
    /// Id in the core.
    pub user: UserId,
    /// The DN.
    pub dn: DnId,
    /// What the Front Ends would tell a new watcher if nothing of ours stood.
    pub availability: Option<u32>,
    /// The agent's state at the primary T-Server.
    pub agent: AgentState,
    /// `KW_UC_STATUS` of the state, if there is one.
    pub status: Option<String>,
    /// What T-Server keeps the agent in by itself.
    pub kept: Option<Kept>,
    /// What stands of ours in the pool.
    pub ours: Ours,
    /// Endpoints registered as the worker.
    pub endpoints: u32,
    /// Live subscriptions at the Front Ends on live connections of ours that watch this user.
    pub watched: u32,
}

/// A state T-Server entered by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// After Call Work.
    AfterCallWork,
    /// Legal Guard.
    LegalGuard,
}

/// What stands in the pool besides what people said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ours {
    /// Nothing.
    Nothing,
    /// This row of `config.publish.states`.
    Row(u8),
    /// This row, which has no text, or the same as the worker's own choice.
    Either(u8),
    /// Something that is neither ours nor the worker's own, or the worker's own is gone.
    Damage(String),
}

/// What is true outside, at one instant of the quiet phase.
#[derive(Clone, Debug)]
pub struct Truth<'a> {
    /// Every monitored worker.
    pub workers: Vec<WorkerTruth>,
    /// What should be.
    pub model: &'a Model,
    /// Complaints of the emulated peers.
    pub violations: Vec<String>,
    /// When the quiet phase began.
    pub calm_since: Mono,
    /// Since when the contact centre has been as the model wants.
    pub converged_since: Option<Mono>,
    /// The world's options say that every worker's presence changed once more when the quiet phase began.
    pub final_round: bool,
    /// The pool was out of reach, overloaded or odd at some time.
    pub troubled: bool,
    /// The world's options of both directions.
    pub both: BothOptions,
    /// Reports that reached a T-Server: DN and user data.
    pub user_events: &'a [(String, Vec<(String, String)>)],
    /// What each window of a worker's page shows.
    pub windows: Vec<(u16, BTreeSet<OfferId>)>,
}

/// One invariant family.
pub trait Checker: std::fmt::Debug {
    /// Name in messages and replay files.
    fn name(&self) -> &'static str;
    /// The core is about to be given this.
    fn on_input(&mut self, _scene: Scene<'_>, _input: &Input<'_>) -> Verdict {
        Ok(())
    }
    /// The core asked for this.
    fn on_action(&mut self, _scene: Scene<'_>, _action: &Action) -> Verdict {
        Ok(())
    }
    /// The core has been drained after one input.
    fn on_settled(&mut self, _scene: Scene<'_>) -> Verdict {
        Ok(())
    }
    /// Something happened outside.
    fn on_step(&mut self, _scene: Scene<'_>, _step: &Step) -> Verdict {
        Ok(())
    }
    /// A window of a worker's page opened or connected again, and was given these offers.
    fn on_window(&mut self, _scene: Scene<'_>, _user: UserId, _offers: &[OfferView]) -> Verdict {
        Ok(())
    }
    /// The quiet phase is over.
    fn on_quiet(&mut self, _scene: Scene<'_>, _truth: &Truth<'_>) -> Verdict {
        Ok(())
    }
}

/// All checkers; those of previews where there are any.
#[must_use]
pub fn all(previews: bool) -> Vec<Box<dyn Checker>> {
    // The first that objects gives its name: causes before consequences.
    let mut all: Vec<Box<dyn Checker>> = vec![
        Box::new(peers::Peers),
        Box::new(deadline::Deadline::default()),
        Box::new(echo::NoEcho::default()),
        Box::new(ping_pong::NoPingPong::default()),
        Box::new(storm::NoStorm::default()),
        Box::new(stale::NoStale::default()),
        Box::new(publisher::OnePublisher::default()),
        Box::new(after_call::AfterCall::default()),
        Box::new(preserved::Preserved),
        Box::new(leak::NoLeak::default()),
        Box::new(coverage::Coverage::default()),
        Box::new(convergence::Convergence),
        Box::new(recovery::Recovery),
        Box::new(watch::Watched::default()),
    ];
    if previews {
        all.extend(of_previews());
    }
    all
}

fn of_previews() -> [Box<dyn Checker>; 8] {
    [
        Box::new(answers::Answers::default()),
        Box::new(offer_private::Private::default()),
        Box::new(winner::OneWinner::default()),
        Box::new(offer_ready::OnlyReady::default()),
        Box::new(offer_life::Life::default()),
        Box::new(offer_records::Records::default()),
        Box::new(offer_pages::Windows::default()),
        Box::new(offer_reports::Reports::default()),
    ]
}
