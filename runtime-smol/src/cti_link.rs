//! One bridge connection.
