//! What routers, callers and people at their pages do: the part of the alphabet of steps that is about previews.
use std::fmt;
use uc_core::offer::Select;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewStep {
    /// A router asks for a preview.
    Ask(Ask),
    /// Who waits for the answer to the ask of this number goes away.
    Leave(u32),
    /// The router cancels what is open about this call.
    Cancel(u32),
    /// T-Server tells, at the DN of a worker, that a call is over.
    Over {
        /** number of the call */
        call: u32,
        /** index of the person */
        worker: u16,
        /** how */
        end: End,
    },
    /// The routers go away, or come back and ask again, with the same key, what they had open.
    Routers(bool),
    /// A window of a worker's page opens, or connects again.
    Open(u16, u8),
    /// It closes, or its network is gone.
    Close(u16, u8),
    /// A worker's page sends the number of an offer that is another worker's, or over.
    Meddle(u16),
}

/// A request of a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its number in the run.
    pub number: u32,
    /// Number of the call.
    pub call: u32,
    /// Who of the targets.
    pub select: Select,
    /// Time to think, milliseconds; none: as configured.
    pub think_ms: Option<u64>,
    /// Number of its idempotency key.
    pub key: Option<u32>,
    /// Whom, and what they do about it.
    pub targets: Vec<Target>,
}

/// One worker who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the person.
    pub worker: u16,
    /// What they do.
    pub reaction: Reaction,
    /// So long after their page showed it, milliseconds.
    pub after_ms: u32,
}

/// What somebody does with an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reaction {
    /// Accepts.
    Accept,
    /// Declines.
    Reject,
    /// Accepts in one window and declines in another, at the same instant.
    Both,
    /// Nothing.
    Silent,
}

/// How a call ends for a DN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// EventReleased.
    Released,
    /// EventAbandoned: the caller gave up.
    Abandoned,
    /// EventReleased of a transfer: the call itself lives on.
    Transferred,
}

const SELECTS: [(Select, &str); 4] =
    [(Select::Single, "single"), (Select::Broadcast, "broadcast"), (Select::RoundRobin, "round-robin"), (Select::LongestIdle, "longest-idle")];
const REACTIONS: [(Reaction, &str); 4] = [(Reaction::Accept, "accept"), (Reaction::Reject, "reject"), (Reaction::Both, "both"), (Reaction::Silent, "silent")];
const ENDS: [(End, &str); 3] = [(End::Released, "released"), (End::Abandoned, "abandoned"), (End::Transferred, "transferred")];

fn word<T: PartialEq + Copy>(table: &[(T, &'static str)], it: T) -> &'static str {
    table.iter().find(|(known, _)| *known == it).map_or("", |(_, word)| word)
}

fn from_word<T: Copy>(table: &[(T, &'static str)], word: &str) -> Option<T> {
    table.iter().find(|(_, known)| *known == word).map(|(it, _)| *it)
}

/// A number, or `-`.
fn optional<T: std::str::FromStr>(word: &str) -> Option<Option<T>> {
    if word == "-" { Some(None) } else { word.parse().ok().map(Some) }
}

fn show<T: ToString>(it: Option<&T>) -> String {
    it.map_or_else(|| "-".to_owned(), ToString::to_string)
}

impl fmt::Display for Ask {
    /// `ask 3 7 broadcast 5000 2 0:accept:300 4:reject:1000`: number, call, selection, time to think, key, targets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ask {} {} {} {} {}", self.number, self.call, word(&SELECTS, self.select), show(self.think_ms.as_ref()), show(self.key.as_ref()))?;
        self.targets.iter().try_for_each(|it| write!(f, " {}:{}:{}", it.worker, word(&REACTIONS, it.reaction), it.after_ms))
    }
}

impl fmt::Display for PreviewStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(ask) => ask.fmt(f),
            Self::Leave(ask) => write!(f, "leave {ask}"),
            Self::Cancel(call) => write!(f, "cancel {call}"),
            Self::Over { call, worker, end } => write!(f, "over {call} {worker} {}", word(&ENDS, *end)),
            Self::Routers(up) => write!(f, "routers {}", if *up { "up" } else { "down" }),
            Self::Open(worker, window) => write!(f, "open {worker} {window}"),
            Self::Close(worker, window) => write!(f, "close {worker} {window}"),
            Self::Meddle(worker) => write!(f, "meddle {worker}"),
        }
    }
}

fn target(text: &str) -> Option<Target> {
    let mut parts = text.splitn(3, ':');
    Some(Target { worker: parts.next()?.parse().ok()?, reaction: from_word(&REACTIONS, parts.next()?)?, after_ms: parts.next()?.parse().ok()? })
}

impl PreviewStep {
    /// Reads what [`fmt::Display`] prints; `None`: no step about previews.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let verb = words.next()?;
        let mut next = || words.next();
        let step = match verb {
            "ask" => {
                let (number, call, select) = (next()?.parse().ok()?, next()?.parse().ok()?, from_word(&SELECTS, next()?)?);
                let (think_ms, key) = (optional(next()?)?, optional(next()?)?);
                let targets = words.by_ref().map(target).collect::<Option<_>>()?;
                Self::Ask(Ask { number, call, select, think_ms, key, targets })
            }
            "leave" => Self::Leave(next()?.parse().ok()?),
            "cancel" => Self::Cancel(next()?.parse().ok()?),
            "over" => Self::Over { call: next()?.parse().ok()?, worker: next()?.parse().ok()?, end: from_word(&ENDS, next()?)? },
            "routers" => Self::Routers(from_word(&[(true, "up"), (false, "down")], next()?)?),
            "open" => Self::Open(next()?.parse().ok()?, next()?.parse().ok()?),
            "close" => Self::Close(next()?.parse().ok()?, next()?.parse().ok()?),
            "meddle" => Self::Meddle(next()?.parse().ok()?),
            _ => return None,
        };
        words.next().is_none().then_some(step)
    }

    /// The person it is about, if it is about one.
    #[must_use]
    pub const fn worker(&self) -> Option<u16> {
        match self {
            Self::Over { worker, .. } | Self::Open(worker, _) | Self::Close(worker, _) | Self::Meddle(worker) => Some(*worker),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_back_as_printed() {
        let target = |worker, reaction, after_ms| Target { worker, reaction, after_ms };
        let targets = vec![target(0, Reaction::Accept, 300), target(4, Reaction::Both, 1_000), target(65_000, Reaction::Silent, 0)];
        let ask = Ask { number: 3, call: 7, select: Select::Broadcast, think_ms: Some(5_000), key: Some(2), targets };
        let steps = [
            PreviewStep::Ask(ask.clone()),
            PreviewStep::Ask(Ask { select: Select::LongestIdle, think_ms: None, key: None, targets: Vec::new(), ..ask }),
            PreviewStep::Leave(3),
            PreviewStep::Cancel(7),
            PreviewStep::Over { call: 7, worker: 2, end: End::Transferred },
            PreviewStep::Routers(false),
            PreviewStep::Open(1, 2),
            PreviewStep::Close(1, 2),
            PreviewStep::Meddle(9),
        ];
        for step in steps {
            assert_eq!(PreviewStep::parse(&step.to_string()), Some(step));
        }
        for wrong in ["ask 3 7 nobody 5000 -", "ask 3 7 single - - 4:accept", "open 1", "meddle 1 2", "calm"] {
            assert_eq!(PreviewStep::parse(wrong), None, "{wrong}");
        }
    }
}
