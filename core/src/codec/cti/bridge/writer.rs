//! The connector's side of the write direction: one [`CtiOut`] in, one line out, fields in the order of `spec/bridge.md`, no blanks.
//!
//! Texts come from the directory and the presence table at the moment of printing, so that the queued action stays small and the note is the latest one.
//! State requests allocate nothing but what the output buffer needs to grow.
use super::PROTO;
use super::request::{Attr, BYE_TEXT, Open, Texts, attributes, number, open, password, texts, user_event};
use super::whole::{Dir, print_message};
use crate::Connector;
use crate::action::{CtiOut, CtiReq};
use crate::codec::cti::catalogue::{self, REQUEST_DISTRIBUTE_USER_EVENT};
use crate::codec::cti::json::{push_int, push_number, push_string};
use crate::codec::cti::message::Message;
use crate::id::CtiLinkId;
use crate::offer::ReportView;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// Prints the lines of one connection and numbers them.
#[derive(Clone)]
pub struct Writer {
    /// Number of the next line.
    seq: u64,
    token: Option<Box<str>>,
}

impl core::fmt::Debug for Writer {
    /// Without the token, which is a secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Writer").field("seq", &self.seq).finish_non_exhaustive()
    }
}

impl Writer {
    /// A writer for a new connection: the next line is number 1. `token` goes into `hello`, for bridges on plain loopback.
    #[must_use]
    pub fn new(token: Option<&str>) -> Self {
        Self { seq: 1, token: token.map(Box::from) }
    }

    /// Appends one line with its line end to `out`.
    ///
    /// `secrets` resolves a password reference (`env:NAME`, `file:PATH`); it is called for logins that have one. When it cannot, the login goes out without a
    /// password and the server's answer tells.
    ///
    /// Returns whether there was something to print: false when the DN or the server left the configuration after the action was made. Nothing is written and
    /// no number used up then.
    pub fn encode(&mut self, msg: &CtiOut, connector: &Connector, link: CtiLinkId, secrets: &mut dyn FnMut(&str) -> Option<String>, out: &mut Vec<u8>) -> bool {
        match *msg {
            CtiOut::Hello => self.hello(out),
            CtiOut::Open { linger_s } => match open(connector.directory().config(), link, linger_s) {
                Some(open) => self.open(&open, out),
                None => return false,
            },
            CtiOut::Ping { n } => self.number_line("ping", n, out),
            CtiOut::Pong { n } => self.number_line("pong", n, out),
            CtiOut::Unsupported { op } => self.encode_error("unsupported", op.as_str(), false, out),
            CtiOut::Bye => self.bye(out),
            CtiOut::Request { ref_id, dn, req } => {
                let password = password(connector, msg, secrets);
                match texts(connector, dn, req, password.as_deref()) {
                    Some(texts) => self.request(ref_id, req, &texts, out),
                    None => return false,
                }
            }
            CtiOut::UserEvent { ref_id, report, .. } => match connector.report(report) {
                Some(report) => self.user_event(ref_id, &report, out),
                None => return false,
            },
        }
        true
    }

    /// Appends an `error` line: what we tell the bridge about a line of its own. `code` is [`crate::codec::cti::CtiFault::code`], or `unsupported` with the
    /// operation as `text`; a fatal one is followed by closing the connection.
    pub fn encode_error(&mut self, code: &str, text: &str, fatal: bool, out: &mut Vec<u8>) {
        self.control("error", out);
        field("code", code, out);
        field("text", text, out);
        out.extend_from_slice(if fatal { b",\"fatal\":true" } else { b",\"fatal\":false" });
        end(out);
    }

    /// Up to the value of `dir`, its closing quote left out.
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"v\":1,\"seq\":");
        push_number(self.seq, out);
        out.extend_from_slice(b",\"dir\":\"");
        self.seq += 1;
    }

    /// Appends a whole message to the server with its line end.
    pub fn encode_message(&mut self, message: &Message, out: &mut Vec<u8>) {
        print_message(Dir::Request, self.seq, message, out);
        self.seq += 1;
    }

    fn control(&mut self, op: &str, out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(b"ctl\",\"op\":\"");
        out.extend_from_slice(op.as_bytes());
        out.push(b'"');
    }

    fn hello(&mut self, out: &mut Vec<u8>) {
        self.control("hello", out);
        field("proto", PROTO, out);
        if let Some(token) = &self.token {
            field("token", token, out);
        }
        end(out);
    }

    fn open(&mut self, open: &Open<'_>, out: &mut Vec<u8>) {
        self.control("open", out);
        field("ch", &open.channel(), out);
        field("client", open.client, out);
        field("session", open.session, out);
        field("mode", open.mode, out);
        out.extend_from_slice(b",\"linger_s\":");
        push_number(u64::from(open.linger_s), out);
        end(out);
    }

    fn number_line(&mut self, op: &str, n: u32, out: &mut Vec<u8>) {
        self.control(op, out);
        out.extend_from_slice(b",\"n\":");
        push_number(u64::from(n), out);
        end(out);
    }

    fn bye(&mut self, out: &mut Vec<u8>) {
        self.control("bye", out);
        field("text", BYE_TEXT, out);
        end(out);
    }

    fn request(&mut self, ref_id: u32, req: CtiReq, texts: &Texts<'_>, out: &mut Vec<u8>) {
        self.message(number(req), out, |attr| attributes(ref_id, req, texts, attr));
    }

    fn user_event(&mut self, ref_id: u32, report: &ReportView<'_>, out: &mut Vec<u8>) {
        self.message(REQUEST_DISTRIBUTE_USER_EVENT, out, |attr| user_event(ref_id, report, attr));
    }

    fn message<'a>(&mut self, id: u32, out: &mut Vec<u8>, attributes: impl FnOnce(&mut dyn FnMut(&'static str, Attr<'a>))) {
        // Most lines fit: one look at the room instead of one for each piece that does not.
        out.reserve(512);
        self.begin(out);
        out.extend_from_slice(b"req\",\"id\":");
        push_number(u64::from(id), out);
        out.extend_from_slice(b",\"name\":\"");
        out.extend_from_slice(catalogue::name(id).unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\",\"attrs\":");
        let mut separator = b'[';
        attributes(&mut |name, value| {
            out.extend_from_slice(&[separator, b'[', b'"']);
            separator = b',';
            out.extend_from_slice(name.as_bytes());
            match value {
                Attr::Int(value) => {
                    out.extend_from_slice(b"\",\"int\",");
                    push_int(i64::from(value), out);
                }
                Attr::Str(value) => {
                    out.extend_from_slice(b"\",\"str\",");
                    push_string(value, out);
                }
                Attr::Conn(value) => {
                    out.extend_from_slice(b"\",\"conn\",\"");
                    push_hex(value, out);
                    out.push(b'"');
                }
                Attr::Pairs(pairs) => {
                    out.extend_from_slice(b"\",\"kvlist\",");
                    push_pairs(&pairs, out);
                }
                Attr::Pair(pair) => {
                    out.extend_from_slice(b"\",\"kvlist\",");
                    push_pairs(&pair, out);
                }
                Attr::Report(pairs, count) => {
                    out.extend_from_slice(b"\",\"kvlist\",");
                    push_pairs(&pairs[..count], out);
                }
            }
            out.push(b']');
        });
        out.push(b']');
        end(out);
    }
}

/// 16 lower-case digits.
fn push_hex(value: u64, out: &mut Vec<u8>) {
    out.extend((0..16).rev().map(|digit| b"0123456789abcdef"[(value >> (4 * digit) & 15) as usize]));
}

fn push_pairs(pairs: &[(&str, &str)], out: &mut Vec<u8>) {
    let mut separator = b'[';
    for (key, value) in pairs {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(b"{\"key\":");
        push_string(key, out);
        out.extend_from_slice(b",\"type\":\"str\",\"value\":");
        push_string(value, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    push_string(value, out);
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests;
