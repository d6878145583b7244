//! The SIP codec against the corpus: every row of the manifests, every captured message, whole and byte by byte. A file added with its row is tested without a
//! change here.
mod bad;
mod good;
mod mutation;
mod support;
mod traces;
