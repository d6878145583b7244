//! Control lines as the connector receives them (`spec/bridge.md` 3).
use super::PROTO;
use super::reader::{Fields, text, unsigned};
use crate::codec::cti::CtiFault;
use crate::codec::cti::json::Scalar;
use crate::cti_event::{Control, Role};

/// Longest line when `welcome` does not say.
const LINE_MAX: u32 = 1 << 20;

/// The control line in `fields`. Operations that only the connector sends are unknown to us like any other.
pub(super) fn control<'a>(fields: &Fields<'a>) -> Result<Control<'a>, CtiFault> {
    Ok(match text(fields.op, "op")?.text {
        "welcome" => welcome(fields)?,
        "opened" => Control::Opened { role: role(fields)?, server: text(fields.server, "server")?.text },
        "role" => Control::Role { role: role(fields)? },
        "ping" => Control::Ping { n: unsigned(fields.n, "n")? },
        "pong" => Control::Pong { n: unsigned(fields.n, "n")? },
        "error" => Control::Error {
            code: text(fields.code, "code")?.text,
            text: match fields.text {
                None => "",
                given => text(given, "text")?.text,
            },
            fatal: match fields.fatal {
                Some(Scalar::Bool(fatal)) => fatal,
                Some(_) => return Err(CtiFault::Type { field: "fatal".into(), expected: "true or false" }),
                None => return Err(CtiFault::Missing { field: "fatal" }),
            },
        },
        "bye" => Control::Bye,
        op => Control::Unknown { op },
    })
}

fn welcome<'a>(fields: &Fields<'_>) -> Result<Control<'a>, CtiFault> {
    let proto = text(fields.proto, "proto")?.text;
    if proto != PROTO {
        return Err(CtiFault::Version { got: proto.into() });
    }
    let line_max = match fields.line_max {
        None => LINE_MAX,
        given => unsigned(given, "line_max")?,
    };
    Ok(Control::Welcome { line_max, window: unsigned(fields.window, "window")?, ping_s: unsigned(fields.ping_s, "ping_s")? })
}

fn role(fields: &Fields<'_>) -> Result<Role, CtiFault> {
    match text(fields.role, "role")?.text {
        "primary" => Ok(Role::Primary),
        "backup" => Ok(Role::Backup),
        _ => Err(CtiFault::Type { field: "role".into(), expected: "primary or backup" }),
    }
}
