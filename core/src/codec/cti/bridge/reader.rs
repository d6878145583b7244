//! The connector's side of the read direction: one line in, a borrowed digest out, nothing allocated.
//!
//! Fields may come in any order; unknown ones are checked as JSON and ignored. In `attrs` the first attribute of a name counts, in lists the first pair of a
//! key. Text is handed on as written: a DN or key with an escape matches nothing we know.
use super::digest::{Keys, digest};
use super::router::router_message;
use super::{KV_DEPTH_MAX, control, json_depth};
use crate::codec::cti::CtiFault;
use crate::codec::cti::json::{Raw, Scalar, Scanner};
use crate::config::{ChoiceConfig, Config, PresenceConfig};
use crate::cti_event::{Control, RouterMessage, TEvent};

/// What a line said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// `dir` `ctl`.
    Control(Control<'a>),
    /// `dir` `evt`.
    Event(TEvent<'a>),
}

/// What a line of a router's bridge said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouterLine<'a> {
    /// `dir` `ctl`.
    Control(Control<'a>),
    /// `dir` `evt`.
    Message(RouterMessage<'a>),
}

/// Reads the lines of one connection and watches their numbers.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Number of the next line.
    seq: u64,
    depth_max: u32,
    keys: Keys,
}

/// The fields of a line, not yet judged: what a field must be depends on `dir`, which may come last.
#[derive(Default)]
pub(super) struct Fields<'a> {
    v: Option<Scalar<'a>>,
    seq: Option<Scalar<'a>>,
    dir: Option<Scalar<'a>>,
    id: Option<Scalar<'a>>,
    name: Option<Scalar<'a>>,
    attrs: Option<Scanner<'a>>,
    pub(super) op: Option<Scalar<'a>>,
    pub(super) proto: Option<Scalar<'a>>,
    pub(super) line_max: Option<Scalar<'a>>,
    pub(super) window: Option<Scalar<'a>>,
    pub(super) ping_s: Option<Scalar<'a>>,
    pub(super) role: Option<Scalar<'a>>,
    pub(super) server: Option<Scalar<'a>>,
    pub(super) n: Option<Scalar<'a>>,
    pub(super) code: Option<Scalar<'a>>,
    pub(super) text: Option<Scalar<'a>>,
    pub(super) fatal: Option<Scalar<'a>>,
}

impl Default for Reader {
    /// With the reason keys and limits of a default configuration.
    fn default() -> Self {
        let keys = Keys::new(&PresenceConfig::default(), &ChoiceConfig::default());
        Self { seq: 1, depth_max: json_depth(KV_DEPTH_MAX), keys }
    }
}

impl Reader {
    /// A reader for a new connection: the next line is number 1. The reason keys and the depth limit are those of `config`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut reader = Self::default();
        reader.reconfigure(config);
        reader
    }

    /// Takes the reason keys and the depth limit of a new configuration; the line numbers go on.
    pub fn reconfigure(&mut self, config: &Config) {
        self.depth_max = json_depth(config.limits.kv_depth_max.min(KV_DEPTH_MAX));
        self.keys = Keys::new(&config.presence, &config.choice);
    }

    /// Decodes one line, without its line end.
    ///
    /// # Errors
    /// Every fault is fatal for the connection: close it.
    pub fn decode<'a>(&mut self, line: &'a [u8]) -> Result<Line<'a>, CtiFault> {
        let mut scanner = Scanner::new(line, self.depth_max)?;
        if let Some(event) = self.usual_event(scanner) {
            self.seq += 1;
            return Ok(Line::Event(event));
        }
        scanner.expect(b'{', "an object")?;
        let mut fields = Fields::default();
        let mut event = None;
        let mut first = true;
        while let Some(key) = scanner.key(first)? {
            first = false;
            // The usual order names `dir` before `attrs`, which can then be read on the way.
            if key.text == "attrs" && is_word(fields.dir, "evt") && event.is_none() {
                event = Some(digest(&mut scanner, &self.keys)?);
            } else {
                fields.take(key, &mut scanner)?;
            }
        }
        scanner.end()?;
        let line = match self.direction(&fields)? {
            "evt" => Line::Event(self.event(&fields, event)?),
            "ctl" => Line::Control(control::control(&fields)?),
            other => return Err(CtiFault::Direction { got: other.into() }),
        };
        self.seq += 1;
        Ok(line)
    }

    /// Decodes one line of the channel `custom` (`spec/bridge.md` 7), without its line end.
    ///
    /// # Errors
    /// Every fault is fatal for the connection: close it.
    pub fn decode_router<'a>(&mut self, line: &'a [u8]) -> Result<RouterLine<'a>, CtiFault> {
        let mut scanner = Scanner::new(line, self.depth_max)?;
        scanner.expect(b'{', "an object")?;
        let mut fields = Fields::default();
        let mut first = true;
        while let Some(key) = scanner.key(first)? {
            first = false;
            fields.take(key, &mut scanner)?;
        }
        scanner.end()?;
        let line = match self.direction(&fields)? {
            "evt" => {
                unsigned(fields.id, "id")?;
                let mut attrs = fields.attrs.ok_or(CtiFault::Missing { field: "attrs" })?;
                RouterLine::Message(router_message(text(fields.name, "name")?, &mut attrs)?)
            }
            "ctl" => RouterLine::Control(control::control(&fields)?),
            other => return Err(CtiFault::Direction { got: other.into() }),
        };
        self.seq += 1;
        Ok(line)
    }

    /// `dir` of a line of our version that is the next one.
    fn direction<'a>(&self, fields: &Fields<'a>) -> Result<&'a str, CtiFault> {
        fields.check_version()?;
        let seq = u64::try_from(int(fields.seq, "seq")?).unwrap_or_default();
        if seq != self.seq {
            return Err(CtiFault::Seq { expected: self.seq, got: seq });
        }
        Ok(text(fields.dir, "dir")?.text)
    }

    /// The event when it is the next line, its fields in the usual order and without blanks. Whatever is otherwise, or wrong, is `None` and left to the general
    /// way.
    fn usual_event<'a>(&self, mut scanner: Scanner<'a>) -> Option<TEvent<'a>> {
        scanner.literal("{\"v\":1,\"seq\":").then_some(())?;
        (scanner.number().ok()?? == i64::try_from(self.seq).ok()?).then_some(())?;
        scanner.literal(",\"dir\":\"evt\",\"id\":").then_some(())?;
        let id = u32::try_from(scanner.number().ok()??).ok()?;
        scanner.literal(",\"name\":\"").then_some(())?;
        let name = scanner.string_rest().ok()?.text;
        scanner.literal(",\"attrs\":").then_some(())?;
        let event = digest(&mut scanner, &self.keys).ok()?;
        scanner.literal("}").then_some(())?;
        scanner.end().ok()?;
        Some(TEvent { id, name, ..event })
    }

    fn event<'a>(&self, fields: &Fields<'a>, event: Option<TEvent<'a>>) -> Result<TEvent<'a>, CtiFault> {
        let mut event = match (event, fields.attrs) {
            (Some(event), _) => event,
            (None, Some(mut attrs)) => digest(&mut attrs, &self.keys)?,
            (None, None) => return Err(CtiFault::Missing { field: "attrs" }),
        };
        event.id = unsigned(fields.id, "id")?;
        event.name = text(fields.name, "name")?.text;
        Ok(event)
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, key: Raw<'a>, scanner: &mut Scanner<'a>) -> Result<(), CtiFault> {
        let field = match key.text {
            "v" => &mut self.v,
            "seq" => &mut self.seq,
            "dir" => &mut self.dir,
            "id" => &mut self.id,
            "name" => &mut self.name,
            "attrs" => {
                self.attrs = Some(scanner.skip_value()?);
                return Ok(());
            }
            "op" => &mut self.op,
            "proto" => &mut self.proto,
            "line_max" => &mut self.line_max,
            "window" => &mut self.window,
            "ping_s" => &mut self.ping_s,
            "role" => &mut self.role,
            "server" => &mut self.server,
            "n" => &mut self.n,
            "code" => &mut self.code,
            "text" => &mut self.text,
            "fatal" => &mut self.fatal,
            _ => return scanner.scalar().map(|_| ()),
        };
        *field = Some(scanner.scalar()?);
        Ok(())
    }

    fn check_version(&self) -> Result<(), CtiFault> {
        match int(self.v, "v")? {
            1 => Ok(()),
            v => Err(CtiFault::Version { got: alloc::format!("v {v}").into() }),
        }
    }
}

fn is_word(field: Option<Scalar<'_>>, word: &str) -> bool {
    matches!(field, Some(Scalar::Str(raw)) if raw.text == word)
}

/// A required string.
pub(super) fn text<'a>(field: Option<Scalar<'a>>, name: &'static str) -> Result<Raw<'a>, CtiFault> {
    match field {
        Some(Scalar::Str(raw)) => Ok(raw),
        Some(_) => Err(CtiFault::Type { field: name.into(), expected: "a string" }),
        None => Err(CtiFault::Missing { field: name }),
    }
}

/// A required integer.
pub(super) fn int(field: Option<Scalar<'_>>, name: &'static str) -> Result<i64, CtiFault> {
    match field {
        Some(Scalar::Int(value)) => Ok(value),
        Some(_) => Err(CtiFault::Type { field: name.into(), expected: "an integer" }),
        None => Err(CtiFault::Missing { field: name }),
    }
}

/// A required integer from 0 to 4294967295.
pub(super) fn unsigned(field: Option<Scalar<'_>>, name: &'static str) -> Result<u32, CtiFault> {
    u32::try_from(int(field, name)?).map_err(|_| CtiFault::Type { field: name.into(), expected: "an integer from 0 to 4294967295" })
}

#[cfg(test)]
mod tests;
