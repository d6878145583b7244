//! Conversations with the pool, bytes in and bytes out.
