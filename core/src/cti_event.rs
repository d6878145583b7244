//! What the contact-centre side can tell the core: the digest of a T-Library event that agent-state work needs, borrowed from the driver's read buffer.
//! Whole messages (all attributes, in order) are [`crate::codec::cti::Message`]; logs, decoders and later features use those.
use crate::codec::cti::CtiFault;
use crate::uc_event::CloseCause;
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// Something arrived on, or happened to, a bridge connection.
#[derive(Clone, Debug)]
pub enum CtiEvent<'a> {
    /// The connection stands.
    Connected,
    /// The connection could not be made, or is gone.
    Closed {
        /** why */
        why: CloseCause,
    },
    /// A `ctl` line.
    Control(Control<'a>),
    /// An `evt` line.
    Event(&'a TEvent<'a>),
    /// An `evt` line of a router.
    Router(&'a RouterMessage<'a>),
    /// A line that is not `ucc-bridge/1`. [`CtiFault::is_fatal`]: close.
    Malformed(&'a CtiFault),
}

/// A control line of the bridge (`spec/bridge.md` 3), as the connector receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// Answer to `hello`.
    Welcome {
        /** longest line */
        line_max: u32,
        /** requests that may be unanswered at once */
        window: u32,
        /** silence before a ping, seconds */
        ping_s: u32,
    },
    /// Answer to `open`.
    Opened {
        /** the server's role */
        role: Role,
        /** its name */
        server: &'a str,
    },
    /// The role changed; a barrier.
    Role {
        /** new role */
        role: Role,
    },
    /// Keep-alive question.
    Ping {
        /** to be repeated */
        n: u32,
    },
    /// Keep-alive answer.
    Pong {
        /** of our question */
        n: u32,
    },
    /// An error; a fatal one is followed by close.
    Error {
        /** code word */
        code: &'a str,
        /** text */
        text: &'a str,
        /** fatal */
        fatal: bool,
    },
    /// Orderly end.
    Bye,
    /// An operation we do not know: answered by nothing, noted.
    Unknown {
        /** its name */
        op: &'a str,
    },
}

/// Role of a T-Server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Role {
    /// Requests go here.
    Primary,
    /// Answers registrations and queries only.
    Backup,
}

/// The parts of a T-Library event that agent-state work needs; absent attributes are `None` or empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TEvent<'a> {
    /// Message number, [`crate::codec::cti::catalogue`].
    pub id: u32,
    /// Message name as written.
    pub name: &'a str,
    /// `AttributeReferenceID`; 0 on unsolicited events.
    pub ref_id: u32,
    /// `AttributeThisDN`, raw JSON text content without escapes; a DN with escapes is not a DN we know.
    pub this_dn: &'a str,
    /// `AttributeConnID`: 16 hexadecimal digits.
    pub conn: Option<&'a str>,
    /// `AttributeCallState`: 0 when nothing special happened.
    pub call_state: Option<i32>,
    /// `AttributeAgentID`: the login code.
    pub agent_id: Option<&'a str>,
    /// `AttributeAgentWorkMode`.
    pub work_mode: Option<i32>,
    /// `AgentStatus` of the extensions (`spec/bridge.md` 6): -1 unknown, 0 logged out, 1 logged in, 2 not ready, 3 ready.
    pub agent_status: Option<i32>,
    /// `AgentWorkMode` of the extensions.
    pub snapshot_work_mode: Option<i32>,
    /// `KW_UC_STATUS` of the reasons: our own hand-writing.
    pub kw_status: Option<&'a str>,
    /// `KW_UC_NOTE` of the reasons, raw JSON text content (escapes not resolved).
    pub kw_note: Option<&'a str>,
    /// The reason of a state chosen by hand (`choice.reason_key`) in the reasons, raw JSON text content.
    pub reason: Option<&'a str>,
    /// The same in the extensions.
    pub ext_reason: Option<&'a str>,
    /// `AttributeErrorCode`.
    pub error_code: Option<i32>,
    /// `AttributeErrorMessage`, raw JSON text content.
    pub error_text: &'a str,
}

/// A message of a router (`spec/bridge.md` 7, `spec/uc-connector-functional.md` 5.3). Absent texts are empty; borrowed unless there are escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterMessage<'a> {
    /// Name as written; [`crate::offer::PreviewOp::from_name`] knows it.
    pub name: Cow<'a, str>,
    /// `RequestID`; a cancellation may come without and is not answered then.
    pub request: Option<i64>,
    /// `agent`
    pub agent: Cow<'a, str>,
    /// `connId`
    pub conn: Cow<'a, str>,
    /// `dn`
    pub dn: Cow<'a, str>,
    /// `mediaType`
    pub media: Cow<'a, str>,
    /// `switch`
    pub switch: Cow<'a, str>,
    /// `targets`
    pub targets: Cow<'a, str>,
    /// `StatusMessage`, else `Message`: why a cancellation.
    pub text: Cow<'a, str>,
    /// `userData`
    pub data: RouterData<'a>,
}

/// `userData` in one of its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouterData<'a> {
    /// `key:value|key:value`
    Text(Cow<'a, str>),
    /// A list; nested ones are taken apart.
    Pairs(Vec<(Cow<'a, str>, Cow<'a, str>)>),
}

impl Default for RouterData<'_> {
    fn default() -> Self {
        Self::Text(Cow::Borrowed(""))
    }
}
