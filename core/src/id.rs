//! Typed ids. Inner ids are dense indices or counters, never random; ids that travel (Call-ID, tag, branch) are strings made by [`crate::entropy`].
use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }
        impl $name {
            /// The dense index behind this id.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(/// A worker, dense; the person stays the same over re-configurations (`decisions.md` 6).
    UserId(u32), "user");
id!(/// A directory number on a switch, dense over all switches.
    DnId(u32), "dn");
id!(/// One SIP connection to the UC platform.
    UcLinkId(u16), "sip");
id!(/// One bridge connection to one T-Server process; a redundant pair is two links.
    CtiLinkId(u16), "cti");
id!(/// A switch: one T-Server, or a redundant pair, and its DNs.
    SwitchId(u16), "switch");
id!(/// A watcher identity: the endpoint that subscribes.
    WatcherId(u16), "watcher");
id!(/// A SIP dialog we hold. Never reused while the process lives.
    DialogId(u32), "dialog");
