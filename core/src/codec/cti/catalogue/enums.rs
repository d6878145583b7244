//! Enumerations with numeric values (`spec/genesys-protocols.md` 1.4).
//!
//! Absent on purpose: control mode and server role, whose numbers are unverified. Nothing branches on them.
use super::messages::{EVENT_AGENT_NOT_READY, REQUEST_AGENT_NOT_READY};

/// `AttributeAgentWorkMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkMode {
    /// 0
    Unknown,
    /// 1
    ManualIn,
    /// 2, with ready
    AutoIn,
    /// 2, with not ready
    LegalGuard,
    /// 3
    AfterCallWork,
    /// 4
    AuxWork,
    /// 5
    NoCallDisconnect,
    /// 6
    WalkAway,
    /// 7
    ReturnBack,
}

impl WorkMode {
    /// The mode behind `number` in message `id`: 2 means `AutoIn`, in a not-ready message `LegalGuard`.
    #[must_use]
    pub const fn of(number: i32, id: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Unknown,
            1 => Self::ManualIn,
            2 if matches!(id, EVENT_AGENT_NOT_READY | REQUEST_AGENT_NOT_READY) => Self::LegalGuard,
            2 => Self::AutoIn,
            3 => Self::AfterCallWork,
            4 => Self::AuxWork,
            5 => Self::NoCallDisconnect,
            6 => Self::WalkAway,
            7 => Self::ReturnBack,
            _ => return None,
        })
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Unknown => 0,
            Self::ManualIn => 1,
            Self::AutoIn | Self::LegalGuard => 2,
            Self::AfterCallWork => 3,
            Self::AuxWork => 4,
            Self::NoCallDisconnect => 5,
            Self::WalkAway => 6,
            Self::ReturnBack => 7,
        }
    }
}

/// `AttributeRegisterMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum RegisterMode {
    /// Others may register too; what we use.
    Share = 0,
    /// Nobody else.
    Private = 1,
    /// Events only, no requests.
    Monitor = 2,
}

/// `AttributeAddressType`; the two we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum AddressType {
    /// Not given.
    Unknown = 0,
    /// Extension.
    Dn = 1,
}

/// `AttributeThisDNRole` and its relatives.
#[must_use]
pub fn dn_role_name(number: i32) -> Option<&'static str> {
    let names = [
        "Unknown",
        "Origination",
        "Destination",
        "ConferenceMember",
        "NewParty",
        "AddedBy",
        "DeletedBy",
        "TransferredBy",
        "DeletedParty",
        "ConferencedBy",
        "Observer",
    ];
    named(&names, number)
}

/// `AttributeCallType`.
#[must_use]
pub fn call_type_name(number: i32) -> Option<&'static str> {
    named(&["Unknown", "Internal", "Inbound", "Outbound", "Consult"], number)
}

/// Status of an address (line).
#[must_use]
pub fn line_status_name(number: i32) -> Option<&'static str> {
    let names = ["Idle", "Origination", "Dialing", "Talking", "Ringing", "Held", "Treatment", "LockedOut", "Maintenance", "Available", "Vacant"];
    named(&names, number)
}

/// `AttributeCallState`.
#[must_use]
pub fn call_state_name(number: i32) -> Option<&'static str> {
    match number {
        49 => Some("Deafened"),
        50 => Some("Held"),
        _ => named(&CALL_STATES, number),
    }
}

const CALL_STATES: [&str; 32] = [
    "Ok",
    "Transferred",
    "Conferenced",
    "GeneralError",
    "SystemError",
    "RemoteRelease",
    "Busy",
    "NoAnswer",
    "SitDetected",
    "AnsweringMachineDetected",
    "AllTrunksBusy",
    "SitInvalidnum",
    "SitVacant",
    "SitIntercept",
    "SitUnknown",
    "SitNocircuit",
    "SitReorder",
    "FaxDetected",
    "QueueFull",
    "Cleared",
    "Overflowed",
    "Abandoned",
    "Redirected",
    "Forwarded",
    "Consult",
    "Pickedup",
    "Dropped",
    "Droppednoanswer",
    "Unknown",
    "Covered",
    "ConverseOn",
    "Bridged",
];

fn named(names: &[&'static str], number: i32) -> Option<&'static str> {
    usize::try_from(number).ok().and_then(|at| names.get(at)).copied()
}
