//! Configuration of the core: parsed and checked by a driver, immutable, replaced whole. Every limit is a named field with its unit.
mod conditions;
mod cti;
mod people;
mod presence;
mod preview;
mod publish;
mod simple;
mod states;
mod uc;
mod words;

pub use conditions::{CalendarState, Condition, Hours, Sync};
pub use cti::{CtiConfig, CtiPace, CtiTimers, Redundancy, SwitchConfig, TServerConfig};
pub use people::{Person, PersonDn};
pub use presence::{ForeignRule, PresenceConfig, Rule};
pub use preview::{InviteConfig, InviteMode, NotReadyRule, PreviewConfig};
pub use publish::{AfterRule, PublishConfig, PublishWay, PublishedState, PushRules, StateRow, UserActionRule};
pub use simple::{CallRule, Credential, Oversize, SimpleConfig, UcKind};
pub use states::{ChoiceConfig, ChoiceState};
pub use uc::{UcConfig, UcEndpoint, UcPace, UcTimers, Watcher};
pub use words::{INVITE_TEXT_BYTES_MAX, INVITE_TOAST_BYTES_MAX, InviteWords, is_language};

use crate::id::{CtiLinkId, SwitchId};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Everything the core needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Deployment mode.
    pub mode: Mode,
    /// Application name towards the contact centre (`open.client`).
    pub application: Box<str>,
    /// The UC platform.
    pub uc: UcConfig,
    /// The contact centre.
    pub cti: CtiConfig,
    /// What presence means.
    pub presence: PresenceConfig,
    /// What is published on behalf of workers.
    pub publish: PublishConfig,
    /// States workers choose by hand.
    pub choice: ChoiceConfig,
    /// Interaction previews.
    pub preview: PreviewConfig,
    /// The workers, in file order; employee ids are unique.
    pub people: Vec<Person>,
    /// Limits against peers and against ourselves.
    pub limits: Limits,
    /// Notes below this are not made.
    pub note_level: NoteLevel,
}

impl Default for Config {
    /// Nobody is watched and nothing is connected to.
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            application: "UC_Connector".into(),
            uc: UcConfig::default(),
            cti: CtiConfig::default(),
            presence: PresenceConfig::default(),
            publish: PublishConfig::default(),
            choice: ChoiceConfig::default(),
            preview: PreviewConfig::default(),
            people: Vec::new(),
            limits: Limits::default(),
            note_level: NoteLevel::default(),
        }
    }
}

impl Config {
    /// The server behind a bridge connection: links count the servers of all switches, then those of all routers, in file order.
    #[must_use]
    pub fn server(&self, link: CtiLinkId) -> Option<(SwitchId, &SwitchConfig, &TServerConfig)> {
        self.cti.all().zip(0..).flat_map(|(switch, id)| switch.servers.iter().map(move |server| (SwitchId(id), switch, server))).nth(link.index())
    }
}

impl Config {
    /// The same without workers. The people are not copied on the way: they are the bulk of it.
    #[must_use]
    pub fn without_people(&self) -> Self {
        Self {
            mode: self.mode,
            application: self.application.clone(),
            uc: self.uc.clone(),
            cti: self.cti.clone(),
            presence: self.presence.clone(),
            publish: self.publish.clone(),
            choice: self.choice.clone(),
            preview: self.preview.clone(),
            people: Vec::new(),
            limits: self.limits.clone(),
            note_level: self.note_level,
        }
    }
}

/// Deployment modes (`spec/uc-connector-functional.md` 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Pull: UC presence drives agent states.
    #[default]
    Normal,
    /// No UC platform: workers choose their state here.
    Standalone,
    /// Pull, and After Call Work and Legal Guard are published (SIP Server based integration).
    Bidirectional,
    /// Agent states are published, nothing is requested of the contact centre.
    PushOnly,
}

impl Mode {
    /// UC presence drives agents.
    #[must_use]
    pub const fn pulls(self) -> bool {
        matches!(self, Self::Normal | Self::Bidirectional)
    }

    /// Something is published.
    #[must_use]
    pub const fn pushes(self) -> bool {
        matches!(self, Self::Bidirectional | Self::PushOnly)
    }

    /// There is a UC platform.
    #[must_use]
    pub const fn has_uc(self) -> bool {
        !matches!(self, Self::Standalone)
    }
}

/// Severity of a note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteLevel {
    /// Every presence and state change.
    Debug,
    /// Links and subscriptions come and go.
    #[default]
    Info,
    /// Something is wrong and being handled.
    Warn,
    /// Somebody must act.
    Alarm,
}

/// Limits, each with its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// SIP start line, bytes.
    pub sip_start_line_bytes_max: u32,
    /// One SIP header, bytes.
    pub sip_header_bytes_max: u32,
    /// All SIP headers, bytes.
    pub sip_head_bytes_max: u32,
    /// SIP headers, count.
    pub sip_headers_max: u32,
    /// SIP body, bytes.
    pub sip_body_bytes_max: u32,
    /// XML depth.
    pub xml_depth_max: u32,
    /// Resources or parts in one list notification.
    pub list_resources_max: u32,
    /// Bridge line, bytes.
    pub cti_line_bytes_max: u32,
    /// Depth of KvLists.
    pub kv_depth_max: u32,
    /// A worker's note, bytes of UTF-8; longer ones are cut at a character.
    pub note_bytes_max: u32,
    /// Actions waiting before notes are dropped and counted.
    pub notes_queue_max: usize,
}

impl Default for Limits {
    /// `spec/ms-pres.md` 1.4, `spec/bridge.md` 2.
    fn default() -> Self {
        Self {
            sip_start_line_bytes_max: 8 << 10,
            sip_header_bytes_max: 16 << 10,
            sip_head_bytes_max: 64 << 10,
            sip_headers_max: 256,
            sip_body_bytes_max: 4 << 20,
            xml_depth_max: 32,
            list_resources_max: 4096,
            cti_line_bytes_max: 1 << 20,
            kv_depth_max: 32,
            note_bytes_max: 1024,
            notes_queue_max: 10_000,
        }
    }
}
