//! A worker's own publications, both ways: the roaming-self table as the server tells it, a 409 document, and what we publish (`spec/ms-pres.md` 5.2, 6).
use super::PublishTime;
use crate::config::StateRow;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// `application/vnd-microsoft-roaming-self+xml`: what stands in the worker's own containers (`spec/ms-pres.md` 6.5). Subscribers and delegates are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoamingSelf<'a> {
    /// `categories@uri`; absent when the document has no categories.
    pub uri: Option<Cow<'a, str>>,
    /// In document order.
    pub categories: Vec<OwnCategory<'a>>,
    /// Containers and their versions.
    pub containers: Vec<(u32, u32)>,
}

/// One instance of a category: (name, instance, container) is its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCategory<'a> {
    /// `name`
    pub name: Cow<'a, str>,
    /// `instance`, 0 when missing.
    pub instance: u32,
    /// `container`, 0 when missing.
    pub container: u32,
    /// `version`, 0 when missing.
    pub version: u32,
    /// `expireType`
    pub lifetime: Lifetime,
    /// `expires`, seconds.
    pub expires_s: Option<u32>,
    /// `publishTime`
    pub publish_time: PublishTime,
    /// The content, as far as it is of use here.
    pub value: OwnValue<'a>,
}

/// `expireType` (`spec/ms-pres.md` 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Lifetime {
    /// `static`, also when the attribute is missing or unknown: stays until deleted.
    #[default]
    Static,
    /// `endpoint`: until this endpoint is gone.
    Endpoint,
    /// `user`: until the last endpoint of the user is gone.
    User,
    /// `time`: until `expires` seconds have passed.
    Time,
}

impl Lifetime {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Endpoint => "endpoint",
            Self::User => "user",
            Self::Time => "time",
        }
    }
}

/// Content of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnValue<'a> {
    /// None: the instance was deleted (or is of no content).
    Empty,
    /// `state` of type `userState`.
    UserState(Box<UserState<'a>>),
    /// `note`
    Note(NoteText<'a>),
    /// `state` of type `machineState`: its `availability`.
    Machine(Option<u32>),
    /// Anything else.
    Other,
}

/// What a person chose: a `state` of type `userState`, whole enough to be published again as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserState<'a> {
    /// `availability`; absent when missing or no number.
    pub availability: Option<u32>,
    /// `state@manual`
    pub manual: Option<bool>,
    /// In document order.
    pub activities: Vec<UserActivity<'a>>,
}

/// `activity` of a user's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserActivity<'a> {
    /// `token`
    pub token: Option<Cow<'a, str>>,
    /// `minAvailability`
    pub min: Option<u32>,
    /// `maxAvailability`
    pub max: Option<u32>,
    /// `custom` texts with their LCID.
    pub customs: Vec<(u32, Cow<'a, str>)>,
}

/// First body of a note.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NoteText<'a> {
    /// Text, white space kept; empty for an empty note.
    pub text: Cow<'a, str>,
    /// `body@type`
    pub kind: Cow<'a, str>,
}

/// `application/msrtc-fault+xml` (`spec/ms-pres.md` 6.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultDoc<'a> {
    /// `Faultcode`
    pub code: Cow<'a, str>,
    /// The operations that failed.
    pub operations: Vec<FaultOperation>,
    /// Operations whose numbers could not be read.
    pub unreadable: u32,
}

/// One failed operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultOperation {
    /// Position in the request, from 1.
    pub index: u32,
    /// What we sent.
    pub version: u32,
    /// What the server has; 0: nothing.
    pub current: u32,
}

/// One `publication` of a SERVICE request of ours.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Publication {
    /// `categoryName`, `instance`, `container`.
    pub key: PublicationKey,
    /// The version the server is believed to have; 0: none.
    pub version: u32,
    /// `expireType`
    pub lifetime: Lifetime,
    /// `expires`, seconds; with [`Lifetime::Time`].
    pub expires_s: Option<u32>,
    /// What is published.
    pub value: PublicationValue,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PublicationValue {
    /// `expires="0"` without child: the instance is deleted.
    Delete,
    /// A row of `config.publish.states`: its state, or its note, by the key's category.
    Row(StateRow),
    /// The worker's own state, put back.
    State(Box<UserState<'static>>),
    /// The worker's own note, put back.
    Note(Box<NoteText<'static>>),
}

/// The instances a publisher touches or watches (`spec/ms-pres.md` 5.4, 5.6): the user's two states in the two containers the server aggregates from, and the
/// personal note where colleagues see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum PublicationKey {
    /// state, 0x24000000 (time-bound), container 2: where ours goes.
    Timed2,
    /// The same for container 3.
    Timed3,
    /// state, 0x20000000 (static), container 2.
    Static2,
    /// The same in container 3.
    Static3,
    /// note 0 in container 200.
    Note200,
    /// note 0 in container 300.
    Note300,
    /// note 0 in container 400.
    Note400,
}

impl PublicationKey {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [Self::Timed2, Self::Timed3, Self::Static2, Self::Static3, Self::Note200, Self::Note300, Self::Note400];

    /// `categoryName`, `instance`, `container`.
    #[must_use]
    pub const fn parts(self) -> (&'static str, u32, u32) {
        match self {
            Self::Timed2 => ("state", 0x2400_0000, 2),
            Self::Timed3 => ("state", 0x2400_0000, 3),
            Self::Static2 => ("state", 0x2000_0000, 2),
            Self::Static3 => ("state", 0x2000_0000, 3),
            Self::Note200 => ("note", 0, 200),
            Self::Note300 => ("note", 0, 300),
            Self::Note400 => ("note", 0, 400),
        }
    }

    /// The key with these parts.
    #[must_use]
    pub fn of(name: &str, instance: u32, container: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.parts() == (name, instance, container))
    }

    /// A `userState`, else a note.
    #[must_use]
    pub const fn is_state(self) -> bool {
        matches!(self, Self::Timed2 | Self::Timed3 | Self::Static2 | Self::Static3)
    }

    /// Container 3: what colleagues of the workgroup see (`spec/ms-pres.md` 5.5).
    #[must_use]
    pub const fn is_workgroup(self) -> bool {
        matches!(self, Self::Timed3 | Self::Static3)
    }
}
