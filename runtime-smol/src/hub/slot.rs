//! What belongs to one link at the moment.
use crate::conn::Conn;
use crate::datagrams::Beside;
use crate::ops::LinkExtra;
use smol::Task;
use std::rc::Rc;
use uc_core::codec::cti::bridge::Writer;
use uc_core::id::{CtiLinkId, UcLinkId};

/// A link of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// SIP
    Uc(UcLinkId),
    /// Bridge
    Cti(CtiLinkId),
}

/// What belongs to a link at the moment.
#[derive(Default)]
pub(super) struct Slot {
    /// Rises with every connect and close: a task of an earlier connection finds out that it is one.
    pub(super) epoch: u64,
    pub(super) conn: Option<Rc<Conn>>,
    /// Resolves, connects, reads. Dropped to cancel it.
    pub(super) task: Option<Task<()>>,
    pub(super) dirty: bool,
    /// Numbers the lines of a bridge connection.
    pub(super) writer: Option<Writer>,
    /// Beside datagrams: TCP for large requests.
    pub(super) beside: Beside,
    pub(super) stats: LinkExtra,
}

impl Slot {
    /// Adds the figures of a connection that ended.
    pub(super) fn count(&mut self, conn: &Conn) {
        let (bytes_in, bytes_out) = conn.traffic();
        self.stats.bytes_in += bytes_in;
        self.stats.bytes_out += bytes_out;
    }

    pub(super) fn now(&self) -> LinkExtra {
        let mut stats = self.stats.clone();
        if let Some(conn) = &self.conn {
            let (bytes_in, bytes_out) = conn.traffic();
            stats.bytes_in += bytes_in;
            stats.bytes_out += bytes_out;
            stats.queued_bytes = conn.unsent() as u64;
            stats.peer = conn.peer();
        }
        stats
    }
}
