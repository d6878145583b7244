//! What happens to the world from outside, one timed line each: the alphabet of generated runs, of stories and of replay files.
//!
//! Every step is legal in every state (reviving what lives does nothing), so that the shrinker may leave out any of them.
use crate::preview::PreviewStep;
use std::fmt;
use std::str::FromStr;
use uc_core::Mono;

/// A timed step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Virtual time since the start.
    pub at: Mono,
    /// What happens.
    pub step: Step,
}

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// A Front End of the pool.
    FrontEnd(u16),
    /// A T-Server of the pair.
    TServer(u16),
}

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The program dies; its connections are reset, new ones refused.
    Kill,
    /// The machine dies without a word.
    Silent,
    /// It is started again, empty.
    Revive,
    /// Nothing passes between it and the connector.
    Partition,
    /// It can be reached again.
    Heal,
    /// It hangs.
    Stall,
    /// It goes on.
    Resume,
    /// New connections stay in its backlog.
    Backlog,
    /// It takes them.
    Accept,
}

/// Agent states another client can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hand {
    /// Ready.
    Ready,
    /// Not ready.
    NotReady,
    /// After Call Work.
    AfterCall,
    /// Logged out.
    Logout,
    /// Logged in, where the agent is not.
    Login,
}

/// Which of a worker's own publications changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Own {
    /// The menu of the client, until further notice.
    Menu,
    /// The menu, time-bound: the same instance as ours.
    Timed,
    /// Keyboard and mouse.
    Machine,
    /// A call in the client.
    Phone,
    /// The calendar.
    Calendar,
}

impl Own {
    /// A person did it, not a machine.
    #[must_use]
    pub const fn by_hand(self) -> bool {
        matches!(self, Self::Menu | Self::Timed)
    }
}

/// What the registrar may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegistrarSays {
    /// `deregistered;event=unregistered`
    Unregistered,
    /// `deregistered;event=deactivated`
    Deactivated,
    /// `registered;event=userservices-unavailable`
    Unavailable,
    /// `registered;event=userservices-available`
    Available,
}

/// What the administrator changes while the connector runs; each is there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// Documented traffic limits, or none.
    Pace,
    /// One more watcher identity, or one less.
    Watchers,
    /// One connection for all watchers, or one each.
    Shared,
    /// Port of the bridges: every link to the contact centre is made anew.
    Port,
}

impl Setting {
    /// All settings.
    pub const ALL: [Self; 4] = [Self::Pace, Self::Watchers, Self::Shared, Self::Port];
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A worker's presence changes.
    Presence {
        /** index of the person */
        worker: u16,
        /** availability number */
        availability: u32,
        /** activity token, empty for none */
        token: String,
        /** note; none leaves it */
        note: Option<String>,
    },
    /// Something happens to a server.
    Server(Server, Fate),
    /// One of the connections to a server is reset: the oldest.
    Reset(Server),
    /// A Front End forgets its subscriptions.
    LoseDialogs(u16),
    /// The Front Ends answer 503 for so many milliseconds.
    Overload(u32),
    /// A registration event to every watcher.
    Registrar(RegistrarSays),
    /// Another client changes an agent's state.
    Foreign(u16, Hand),
    /// The link between T-Server and switch.
    CtiLink(bool),
    /// The pair changes roles.
    Switchover,
    /// The next `count` state requests for this worker are answered with error `code`.
    Errors {
        /** index of the person */
        worker: u16,
        /** T-Library error code */
        code: u16,
        /** how many */
        count: u16,
    },
    /// T-Servers answer so many milliseconds late from now on; 0: at once.
    Slow(u32),
    /// A person appears in the people file.
    Add(u16),
    /// A person leaves the people file.
    Remove(u16),
    /// A call comes to a worker's agent.
    Call {
        /** index of the person */
        worker: u16,
        /** it lasts so long, milliseconds; 0: never answered */
        talk_ms: u32,
        /** came through a queue */
        business: bool,
    },
    /// A client of the worker's own publishes a number, or takes its publication away.
    Client(u16, Own, Option<u32>),
    /// Half of the persons leave the people file and the other half appears, in one re-configuration.
    Exchange,
    /// The administrator changes a setting.
    Change(Setting),
    /// Routers, callers and pages do something (`preview`).
    Preview(PreviewStep),
    /// Everything is mended: faults off, servers up.
    Calm,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $type {
            const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words!(Fate {
    Kill = "kill", Silent = "silent", Revive = "revive", Partition = "partition", Heal = "heal", Stall = "stall", Resume = "resume", Backlog = "backlog",
    Accept = "accept",
});
words!(Hand { Ready = "ready", NotReady = "not-ready", AfterCall = "after-call", Logout = "logout", Login = "login" });
words!(Own { Menu = "menu", Timed = "timed", Machine = "machine", Phone = "phone", Calendar = "calendar" });
words!(Setting { Pace = "pace", Watchers = "watchers", Shared = "shared", Port = "port" });
words!(RegistrarSays { Unregistered = "unregistered", Deactivated = "deactivated", Unavailable = "unavailable", Available = "available" });

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrontEnd(n) => write!(f, "front-end-{n}"),
            Self::TServer(n) => write!(f, "t-server-{n}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Presence { worker, availability, token, note } => {
                write!(f, "presence {worker} {availability} {}", if token.is_empty() { "-" } else { token })?;
                note.as_ref().map_or(Ok(()), |note| write!(f, " note {note}"))
            }
            Self::Server(server, fate) => write!(f, "{} {server}", fate.word()),
            Self::Reset(server) => write!(f, "reset {server}"),
            Self::LoseDialogs(node) => write!(f, "lose-dialogs {node}"),
            Self::Overload(ms) => write!(f, "overload {ms}"),
            Self::Registrar(says) => write!(f, "registrar {}", says.word()),
            Self::Foreign(worker, hand) => write!(f, "foreign {worker} {}", hand.word()),
            Self::CtiLink(up) => write!(f, "cti-link {}", if *up { "up" } else { "down" }),
            Self::Switchover => f.write_str("switchover"),
            Self::Errors { worker, code, count } => write!(f, "errors {worker} {code} {count}"),
            Self::Slow(ms) => write!(f, "slow {ms}"),
            Self::Add(worker) => write!(f, "add {worker}"),
            Self::Remove(worker) => write!(f, "remove {worker}"),
            Self::Call { worker, talk_ms, business } => write!(f, "call {worker} {talk_ms} {}", if *business { "business" } else { "private" }),
            Self::Client(worker, own, Some(number)) => write!(f, "client {worker} {} {number}", own.word()),
            Self::Client(worker, own, None) => write!(f, "client {worker} {} -", own.word()),
            Self::Exchange => f.write_str("exchange"),
            Self::Change(setting) => write!(f, "change {}", setting.word()),
            Self::Preview(step) => step.fmt(f),
            Self::Calm => f.write_str("calm"),
        }
    }
}

impl fmt::Display for Timed {
    /// `HH:MM:SS.mmm step`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.step)
    }
}

fn server(word: &str) -> Option<Server> {
    let number = |rest: &str| rest.parse().ok();
    word.strip_prefix("front-end-").and_then(number).map(Server::FrontEnd).or_else(|| word.strip_prefix("t-server-").and_then(number).map(Server::TServer))
}

fn parse_step(text: &str) -> Option<Step> {
    if let Some(step) = PreviewStep::parse(text) {
        return Some(Step::Preview(step));
    }
    let mut words = text.split(' ');
    let verb = words.next()?;
    let mut next = || words.next();
    let step = match verb {
        "presence" => {
            let (worker, availability, token) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?);
            let token = if token == "-" { String::new() } else { token.to_string() };
            let note = match next() {
                Some("note") => Some(words.by_ref().collect::<Vec<_>>().join(" ")),
                Some(_) => return None,
                None => None,
            };
            Step::Presence { worker, availability, token, note }
        }
        "reset" => Step::Reset(server(next()?)?),
        "lose-dialogs" => Step::LoseDialogs(next()?.parse().ok()?),
        "overload" => Step::Overload(next()?.parse().ok()?),
        "registrar" => Step::Registrar(RegistrarSays::from_word(next()?)?),
        "foreign" => Step::Foreign(next()?.parse().ok()?, Hand::from_word(next()?)?),
        "cti-link" => Step::CtiLink(match next()? {
            "up" => true,
            "down" => false,
            _ => return None,
        }),
        "switchover" => Step::Switchover,
        "errors" => Step::Errors { worker: next()?.parse().ok()?, code: next()?.parse().ok()?, count: next()?.parse().ok()? },
        "slow" => Step::Slow(next()?.parse().ok()?),
        "add" => Step::Add(next()?.parse().ok()?),
        "remove" => Step::Remove(next()?.parse().ok()?),
        "call" => {
            let (worker, talk_ms) = (next()?.parse().ok()?, next()?.parse().ok()?);
            let business = match next()? {
                "business" => true,
                "private" => false,
                _ => return None,
            };
            Step::Call { worker, talk_ms, business }
        }
        "client" => {
            let (worker, own, number) = (next()?.parse().ok()?, Own::from_word(next()?)?, next()?);
            Step::Client(worker, own, if number == "-" { None } else { Some(number.parse().ok()?) })
        }
        "exchange" => Step::Exchange,
        "change" => Step::Change(Setting::from_word(next()?)?),
        "calm" => Step::Calm,
        fate => Step::Server(server(next()?)?, Fate::from_word(fate)?),
    };
    words.next().is_none().then_some(step)
}

fn parse_time(word: &str) -> Option<Mono> {
    let mut parts = word.splitn(3, ':');
    let (h, m): (u64, u64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (s, ms) = parts.next()?.split_once('.')?;
    let (s, ms): (u64, u64) = (s.parse().ok()?, ms.parse().ok()?);
    Some(Mono(((h * 60 + m) * 60 + s) * 1000 + ms))
}

impl FromStr for Timed {
    type Err = String;

    /// Reads what [`fmt::Display`] prints.
    fn from_str(line: &str) -> Result<Self, String> {
        let (time, rest) = line.split_once(' ').ok_or_else(|| format!("\"{line}\" has no step after the time"))?;
        let at = parse_time(time).ok_or_else(|| format!("\"{time}\" is no HH:MM:SS.mmm"))?;
        let step = parse_step(rest).ok_or_else(|| format!("\"{rest}\" is no step"))?;
        Ok(Self { at, step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_back_as_printed() {
        let steps = [
            Step::Presence { worker: 3, availability: 6500, token: "on-the-phone".into(), note: Some("Back at  five".into()) },
            Step::Presence { worker: 0, availability: 3500, token: String::new(), note: None },
            Step::Presence { worker: 0, availability: 3500, token: String::new(), note: Some(String::new()) },
            Step::Server(Server::FrontEnd(1), Fate::Silent),
            Step::Server(Server::TServer(0), Fate::Accept),
            Step::Reset(Server::TServer(1)),
            Step::LoseDialogs(0),
            Step::Overload(30_000),
            Step::Registrar(RegistrarSays::Deactivated),
            Step::Foreign(7, Hand::AfterCall),
            Step::CtiLink(false),
            Step::Switchover,
            Step::Errors { worker: 4, code: 57, count: 3 },
            Step::Slow(2_500),
            Step::Add(21),
            Step::Remove(4),
            Step::Exchange,
            Step::Change(Setting::Port),
            Step::Preview(PreviewStep::Routers(true)),
            Step::Calm,
        ];
        for step in steps {
            let timed = Timed { at: Mono(3_723_045), step };
            assert_eq!(timed.to_string().parse(), Ok(timed));
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_word_that_is_wrong() {
        assert_eq!("00:00:01.000 explode front-end-0".parse::<Timed>(), Err("\"explode front-end-0\" is no step".to_string()));
        assert_eq!("soon calm".parse::<Timed>(), Err("\"soon\" is no HH:MM:SS.mmm".to_string()));
        assert!("00:00:01.000 calm down".parse::<Timed>().is_err());
    }
}
