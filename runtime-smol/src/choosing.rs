//! States chosen by hand, between the core, the presence definition document, the file of choices and the API.
use crate::hub::{Hub, Shared};
use crate::ops::StateFault;
use crate::poller::Timer;
use crate::presence_xml::Catalogue;
use crate::presence_xml::source::{Read, Source};
use crate::say;
use crate::settings::ChoiceSettings;
use crate::store::{Choices, Kept, Store};
use smol::future::or;
use std::sync::Arc;
use std::time::Duration;
use uc_core::Input;
use uc_core::config::{ChoiceConfig, Config};
use uc_core::id::UserId;
use uc_core::input::{Choice, WorkerCommand};

/// The word of the API for logging out.
pub(crate) const LOGGED_OUT: &str = "logged-out";
/// For logging in.
pub(crate) const LOGGED_IN: &str = "logged-in";
/// For following the UC platform again.
pub(crate) const FOLLOW: &str = "follow";

/// A choice in the words of the API.
pub(crate) fn word_of(choice: Choice, config: &ChoiceConfig) -> &str {
    match choice {
        Choice::State(row) => config.states.get(usize::from(row)).map_or("", |state| &state.id),
        Choice::LoggedIn => LOGGED_IN,
        Choice::LoggedOut => LOGGED_OUT,
    }
}

fn command_of(word: &str, config: &ChoiceConfig) -> Option<WorkerCommand> {
    Some(match word {
        LOGGED_OUT => WorkerCommand::Choose(Choice::LoggedOut),
        LOGGED_IN => WorkerCommand::Choose(Choice::LoggedIn),
        FOLLOW => WorkerCommand::Follow,
        id => WorkerCommand::Choose(Choice::State(config.row_of(id)?)),
    })
}

/// Opens the file of choices, if there is one; what it holds.
///
/// # Errors
/// One sentence: the file cannot be used.
pub(crate) fn open_store(settings: &ChoiceSettings) -> Result<(Option<Store>, Choices), String> {
    match &settings.store {
        Some(path) => Store::open(path).map(|(store, choices)| (Some(store), choices)),
        None => Ok((None, Choices::new())),
    }
}

/// Says what is wrong with single states of a document, or with all of it.
pub(crate) fn tell(faults: &[String]) {
    for fault in faults {
        say::warn(&format!("states chosen by hand: {fault}"));
    }
}

impl Hub {
    /// Hands the choices of an earlier life to the core, as far as their workers and states are known; the others may be later.
    pub(crate) fn restore(&mut self, choices: Choices) {
        self.tick();
        let mut unknown = Choices::new();
        for (employee_id, kept) in choices {
            let directory = self.connector.directory();
            let choice = match &kept {
                Kept::State(id) => directory.config().choice.row_of(id).map(Choice::State),
                Kept::LoggedIn => Some(Choice::LoggedIn),
                Kept::LoggedOut => Some(Choice::LoggedOut),
            };
            match directory.user_by_employee(&employee_id).zip(choice) {
                // Chosen anew in the meantime: that is newer.
                Some((user, _)) if self.connector.worker(user).is_some_and(|worker| worker.choice.is_some_and(|now| now != Choice::LoggedIn)) => {}
                Some((user, choice)) => self.step(Input::Restore { user, choice }, &[]),
                None => unknown.push((employee_id, kept)),
            }
        }
        self.unrestored = unknown;
        self.flush();
    }

    /// Keeps a choice over a restart.
    pub(crate) fn keep(&mut self, user: UserId, choice: Option<Choice>) {
        let directory = self.connector.directory();
        let Some(store) = self.store.as_ref().filter(|_| directory.has_user(user)) else { return };
        let kept = choice.map(|choice| match choice {
            Choice::State(_) => Kept::State(word_of(choice, &directory.config().choice).into()),
            Choice::LoggedIn => Kept::LoggedIn,
            Choice::LoggedOut => Kept::LoggedOut,
        });
        store.keep(&directory.person(user).employee_id, kept);
    }

    /// Takes over a new set of states; workers keep what they chose, by its id.
    pub(crate) fn take_catalogue(&mut self, catalogue: Catalogue) {
        if *self.extra.catalogue == catalogue {
            return;
        }
        let rows = catalogue.rows();
        self.extra.catalogue = Arc::new(catalogue);
        if self.settings.core.choice.states != rows {
            let mut core = Config::clone(&self.settings.core);
            core.choice.states = rows;
            self.settings.core = Arc::new(core);
            let core = Arc::clone(&self.settings.core);
            self.turn(Input::Reconfigure(core));
        }
        let unrestored = std::mem::take(&mut self.unrestored);
        self.restore(unrestored);
        say::info(&format!("{} states can be chosen by hand", self.extra.catalogue.states.len()));
    }

    /// A worker chooses, through the API.
    ///
    /// # Errors
    /// Why not; nothing has changed.
    pub(crate) fn choose(&mut self, employee_id: &str, word: &str) -> Result<UserId, StateFault> {
        let directory = self.connector.directory();
        let user = directory.user_by_employee(employee_id).ok_or(StateFault::NoWorker)?;
        let command = command_of(word, &directory.config().choice).ok_or(StateFault::NoState)?;
        if self.extra.draining {
            return Err(StateFault::Draining);
        }
        self.connector.may_choose(user, command).map_err(StateFault::Refused)?;
        self.turn(Input::Worker { user, command });
        Ok(user)
    }
}

/// Looks at the document at an interval and whenever `again` says so; blocking work happens on the pool.
pub(crate) async fn watch(hub: Shared, again: smol::channel::Receiver<()>) {
    let mut known: Option<(ChoiceSettings, Source)> = None;
    loop {
        let settings = hub.borrow().settings.choice.clone();
        let Some(location) = settings.location.clone() else {
            known = None;
            if again.recv().await.is_err() {
                return;
            }
            continue;
        };
        let mut source = match known.take() {
            Some((before, source)) if before.location == settings.location => source,
            _ => Source::new(location, settings.tls.clone()),
        };
        let (read, source) = smol::unblock(move || (source.read(), source)).await;
        match read {
            Ok(Some(Read { catalogue, remarks })) => {
                tell(
                    &remarks
                        .iter()
                        .map(|remark| format!("{}:{}: {}", settings.location.as_ref().map(ToString::to_string).unwrap_or_default(), remark.line, remark.text))
                        .collect::<Vec<_>>(),
                );
                hub.borrow_mut().take_catalogue(catalogue);
            }
            Ok(None) => {}
            Err(why) => say::failing(uc_core::config::NoteLevel::Alarm, &format!("{why}; the states before stay in use")),
        }
        let interval = settings.interval_s;
        known = Some((settings, source));
        let pause = async {
            match interval {
                0 => std::future::pending().await,
                s => Timer::after(Duration::from_secs(s.into())).await,
            }
            true
        };
        if !or(async { again.recv().await.is_ok() }, pause).await {
            return;
        }
    }
}
