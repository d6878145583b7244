//! Keeps what must live alive.
