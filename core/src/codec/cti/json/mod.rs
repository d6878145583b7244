//! The little JSON the bridge needs (RFC 8259): a borrowing scanner and printers of strings, numbers and base64.
//!
//! Own code because the presence path must not allocate and must not copy; serde_json checks it in the tests.
mod print;
mod scan;

pub(super) use crate::codec::base64::{decode_base64, encode_base64};
pub(super) use print::{push_int, push_number, push_string};
pub(super) use scan::{Raw, Scalar, Scanner};
