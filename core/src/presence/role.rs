//! What may be done for a worker: the mode of the deployment, narrowed by the worker's own `sync`.
use crate::config::{Config, Mode, Person, Sync};

/// Permissions of one worker; one byte in the worker's slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Role(u8);

impl Role {
    const ASKS: u8 = 1;
    const HOLDS: u8 = 2;
    const PUBLISHES: u8 = 4;
    const MIRRORS: u8 = 8;
    const CHOOSES: u8 = 16;

    pub(super) fn of(config: &Config, person: &Person) -> Self {
        let asks = config.mode != Mode::PushOnly && person.sync.pulls();
        let publishes = config.mode.pushes() && person.sync.pushes() && !person.sip_uri.is_empty();
        let mirrors = publishes && config.mode == Mode::PushOnly;
        let holds = !mirrors && (publishes || (asks && config.mode.pulls() && config.publish.acw_in_normal));
        let chooses = config.mode != Mode::PushOnly && person.sync != Sync::Off;
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        Self(bit(asks, Self::ASKS) | bit(holds, Self::HOLDS) | bit(publishes, Self::PUBLISHES) | bit(mirrors, Self::MIRRORS) | bit(chooses, Self::CHOOSES))
    }

    /// States chosen by hand may go to the contact centre.
    pub(super) const fn takes_choices(self) -> bool {
        self.0 & Self::CHOOSES != 0
    }

    /// Requests that presence asks for may go to the contact centre.
    pub(super) const fn asks(self) -> bool {
        self.0 & Self::ASKS != 0
    }

    /// After Call Work and Legal Guard are kept up against presence.
    pub(super) const fn holds(self) -> bool {
        self.0 & Self::HOLDS != 0
    }

    /// States of the contact centre are published.
    pub(super) const fn publishes(self) -> bool {
        self.0 & Self::PUBLISHES != 0
    }

    /// Every agent state is published (push-only).
    pub(super) const fn mirrors(self) -> bool {
        self.0 & Self::MIRRORS != 0
    }

    /// Agent states matter beyond what the worker's requests need.
    pub(super) const fn follows_agent(self) -> bool {
        self.0 & (Self::HOLDS | Self::MIRRORS) != 0
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }
}
