//! Everything the core can ask for. It says what must happen; encoders in [`crate::codec`] and the driver say how.
use crate::config::UcEndpoint;
use crate::id::{CtiLinkId, DnId, UcLinkId, UserId};
use crate::note::Note;
use crate::offer::{OfferRecord, PageNews, PreviewAnswer, ReportId, RequestId};
use crate::presence::StateRequest;
use crate::uc_event::SipRequest;
use alloc::boxed::Box;
use core::net::SocketAddr;

/// One thing the driver must do now.
#[derive(Clone, Debug)]
#[must_use]
pub enum Action {
    /// Look up all addresses of `redirect` if given, else of `config.uc.endpoints[endpoint]`; answer with [`crate::uc_event::UcEvent::Resolved`] (same `endpoint`), an
    /// empty list when there are none. An address literal resolves to itself.
    ResolveUc {
        /** connection */
        link: UcLinkId,
        /** index in `config.uc.endpoints` */
        endpoint: u16,
        /** where a server sent us (301) */
        redirect: Option<Box<UcEndpoint>>,
    },
    /// Open a connection (TCP, then TLS with name check where configured) to `addr`; the name to check is that of `redirect` if given, else of `endpoint`. Answer with
    /// [`crate::uc_event::UcEvent::Connected`] or `Closed`. The core watches the time itself.
    ConnectUc {
        /** connection */
        link: UcLinkId,
        /** index in `config.uc.endpoints` */
        endpoint: u16,
        /** where */
        addr: Box<SocketAddr>,
        /** where a server sent us (301) */
        redirect: Option<Box<UcEndpoint>>,
    },
    /// Close; no `Closed` event follows. Whatever is still unsent may be sent within the driver's linger time.
    CloseUc {
        /** connection */
        link: UcLinkId,
    },
    /// Answer the SIP request that was just handed in on `link`. Driver: [`crate::codec::sip::encode_answer`] with the frame at hand.
    Answer {
        /** connection */
        link: UcLinkId,
        /** status code */
        status: u16,
    },
    /// Send a request. Driver: [`crate::codec::sip::encode_request`].
    SendUc {
        /** connection */
        link: UcLinkId,
        /** the request */
        msg: Box<SipRequest>,
    },
    /// Send CRLF CRLF (MS-CONMGMT keep-alive).
    KeepAliveUc {
        /** connection */
        link: UcLinkId,
    },
    /// Open the bridge connection; all addresses of its endpoint in order. Answer with `Connected` or `Closed`.
    ConnectCti {
        /** connection */
        link: CtiLinkId,
    },
    /// Close; no `Closed` event follows.
    CloseCti {
        /** connection */
        link: CtiLinkId,
    },
    /// Send one bridge line. Driver: [`crate::codec::cti::bridge::Writer`], which numbers the lines.
    SendCti {
        /** connection */
        link: CtiLinkId,
        /** the line */
        msg: CtiOut,
    },
    /// Tell the operator. Boxed: notes about single presence changes are only made at level debug.
    Note(Box<Note>),
    /// Keep this over a restart (`decisions.md` 7), as an employee id with the id of the chosen state; `None` forgets. The latest per worker counts, the core does
    /// not wait for it.
    Persist {
        /** who */
        user: UserId,
        /** what */
        choice: Option<crate::input::Choice>,
    },
    /// Answers a router's request that the driver handed in; exactly once for each.
    AnswerPreview {
        /** which */
        id: RequestId,
        /** with what */
        answer: Box<PreviewAnswer>,
    },
    /// Answers a router's request that came through a bridge ([`crate::cti_event::RouterMessage`]); exactly once for each. Driver:
    /// [`crate::codec::cti::bridge::preview_result`] and [`crate::codec::cti::bridge::Writer::encode_message`].
    AnswerRouter {
        /** connection */
        link: CtiLinkId,
        /** `RequestID` */
        request: i64,
        /** with what */
        answer: Box<PreviewAnswer>,
    },
    /// News for all pages of a worker.
    Page {
        /** whose */
        user: UserId,
        /** what */
        news: Box<PageNews>,
    },
    /// Lets a worker in once, without a password: who comes with this token. The link that carries it was just sent to the worker's own client.
    Ticket(Box<Ticket>),
    /// A line for the history of offers.
    Record(Box<OfferRecord>),
    /// The answer to [`crate::Input::Drain`]: nothing is left to do.
    Drained,
}

/// A one-time login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// For whom.
    pub user: UserId,
    /// 128 random bits, hexadecimal.
    pub token: Box<str>,
    /// When it is no longer taken, milliseconds of the wall clock.
    pub ends_unix_ms: u64,
}

/// A bridge line to send (`spec/bridge.md`). Small and `Copy`: texts (DN, login code, note) are looked up by the encoder in the [`crate::directory::Directory`]
/// and the presence table at encode time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtiOut {
    /// First line.
    Hello,
    /// Opens the server session.
    Open {
        /** keep the session this long after a loss */
        linger_s: u16,
    },
    /// Keep-alive question.
    Ping {
        /** number to be repeated */
        n: u32,
    },
    /// Keep-alive answer.
    Pong {
        /** number of the question */
        n: u32,
    },
    /// Answer to an operation we do not know: `error`, code `unsupported`, the operation's name as text, not fatal.
    Unsupported {
        /// Its name, cut to 15 bytes.
        op: ShortText,
    },
    /// Orderly end.
    Bye,
    /// A T-Library request about one DN.
    Request {
        /** `AttributeReferenceID` */
        ref_id: u32,
        /** `AttributeThisDN` */
        dn: DnId,
        /** which */
        req: CtiReq,
    },
    /// `RequestDistributeUserEvent` (48) with the report [`crate::Connector::report`] tells.
    UserEvent {
        /** `AttributeReferenceID` */
        ref_id: u32,
        /** `AttributeThisDN` */
        dn: DnId,
        /** which */
        report: ReportId,
    },
}

/// A T-Library request about a DN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CtiReq {
    /// `RequestQueryAddress` (2), DN status.
    QueryAddress,
    /// `RequestRegisterAddress` (3), share mode, address type DN.
    RegisterAddress,
    /// `RequestUnregisterAddress` (4).
    UnregisterAddress,
    /// `RequestAgentLogin` (8) with the login code, queue and password of the DN's worker.
    AgentLogin,
    /// `RequestAgentLogout` (9).
    AgentLogout,
    /// `RequestAgentReady` (10) or `RequestAgentNotReady` (11) with the reasons `KW_UC_STATUS` and `KW_UC_NOTE`.
    State(StateRequest),
}

const _: () = assert!(size_of::<Action>() <= 32);

/// Up to 15 bytes of ASCII text, `Copy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShortText {
    bytes: [u8; 15],
    len: u8,
}

impl ShortText {
    /// The first 15 printable ASCII characters of `text`; others become `?`, quotes and backslashes too, so that it can be printed anywhere as it is.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut it = Self::default();
        for (slot, c) in it.bytes.iter_mut().zip(text.chars()) {
            *slot = if c.is_ascii_graphic() && c != '"' && c != '\\' { c as u8 } else { b'?' };
            it.len += 1;
        }
        it
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }
}
