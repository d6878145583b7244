//! TLS of links.
