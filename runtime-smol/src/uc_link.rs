//! One SIP connection.
