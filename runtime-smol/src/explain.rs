//! In words: why a worker's agent is in its state. What the core answers as data ([`Connector::reason`], [`Connector::explain_dns`]) becomes sentences here.
use uc_core::config::{Config, Rule, StateRow};
use uc_core::directory::Directory;
use uc_core::id::{DnId, UserId};
use uc_core::input::Choice;
use uc_core::views::{Came, DnExplanation, DnVerdict, HeardFrom, Reason, WantView, WorkerView};
use uc_core::{Connector, Mono};

/// One sentence or a few per line; `None`: there is no such worker. The text of the worker's note is shown only if `show_notes`.
pub(crate) fn lines(connector: &Connector, asked: &str, now: Mono, show_notes: bool) -> Option<Vec<String>> {
    let directory = connector.directory();
    let user = find(directory, asked)?;
    let (worker, reason) = (connector.worker(user)?, connector.reason(user)?);
    let (person, config) = (directory.person(user), &**directory.config());
    let name = [&*person.display_name, &*person.user_name].into_iter().find(|name| !name.is_empty()).unwrap_or("no name");
    let employee_id = &person.employee_id;
    let mut out = vec![format!("{employee_id}, {name}: {}.", if person.sip_uri.is_empty() { "not watched" } else { &*person.sip_uri })];
    out.push(presence(&worker, person.sip_uri.is_empty(), now, show_notes));
    out.push(decided(config, &worker, reason));
    out.extend(ended(&worker, now));
    for (dn, explained) in connector.explain_dns(user) {
        out.push(about_dn(connector, dn, &explained, now));
    }
    out.extend(publication(connector, config, &worker, user));
    Some(out)
}

/// By employee id, login name or URI; else the first worker whose login name begins so; the answer says who it is.
fn find(directory: &Directory, asked: &str) -> Option<UserId> {
    let same = |one: &str| one.eq_ignore_ascii_case(asked);
    let named = |user: &UserId| {
        let person = directory.person(*user);
        same(&person.user_name) || same(&person.sip_uri) || person.sip_uri.strip_prefix("sip:").is_some_and(same)
    };
    let begins = |user: &UserId| directory.person(*user).user_name.get(..asked.len()).is_some_and(same);
    directory.user_by_employee(asked).or_else(|| directory.users().find(named)).or_else(|| directory.users().find(|user| !asked.is_empty() && begins(user)))
}

fn ended(worker: &WorkerView<'_>, now: Mono) -> Option<String> {
    let (at, how) = worker.over_ended?;
    Some(format!("The last After Call Work or Legal Guard ended {} ago: {}.", span(now.since(at)), how.words()))
}

fn presence(worker: &WorkerView<'_>, unwatched: bool, now: Mono, show_notes: bool) -> String {
    let Some(since) = worker.since else {
        return match (unwatched, worker.covered) {
            (true, _) => "UC platform: this worker has no SIP URI.".into(),
            (false, true) => "UC platform: subscribed, nothing heard yet.".into(),
            (false, false) => "UC platform: not subscribed, nothing heard since the start.".into(),
        };
    };
    let activity = worker.activity.token();
    let activity = if activity.is_empty() { String::new() } else { format!(", {activity}") };
    let note = match worker.note {
        "" => String::new(),
        note if show_notes => format!("; note {note:?}"),
        note => format!("; a note of {} characters", note.chars().count()),
    };
    let covered = if worker.covered { "" } else { "; the subscription is lost at the moment" };
    // While something of ours is shown, the worker's own state is the preserved value.
    let ours = worker.published.or(worker.publishing).is_some();
    let whose = if ours { "UC platform, the worker's own state, preserved while ours is shown" } else { "UC platform" };
    format!("{whose}: {} ({}{activity}) for {}{note}{covered}.", worker.class, worker.availability, span(now.since(since)))
}

fn decided(config: &Config, worker: &WorkerView<'_>, reason: Reason) -> String {
    let wanted = want(worker.want);
    let why = match reason {
        Reason::Class => format!("the map, {} = {}", worker.class, rule(config.presence.rules[worker.class as usize])),
        Reason::Condition(row) => match config.presence.conditions.get(usize::from(row)) {
            Some(row) => format!("the condition {:?}, then = {}", row.name, rule(row.then)),
            None => "a condition that is no longer configured".into(),
        },
        Reason::NothingHeard => format!("nothing heard yet, unknown = {}", rule(config.presence.rules[0])),
        Reason::Stale => format!("presence unknown for longer than grace_ms, stale = {}", rule(config.presence.stale)),
        Reason::Choice => format!("the worker's own choice{}", chosen(config, worker.choice)),
        Reason::Override => {
            format!("{} stands; presence is held back until it ends", worker.over.map_or("a state of T-Server", uc_core::views::OverrideView::words))
        }
        Reason::NotDriven => "mode and sync: presence does not drive this agent".into(),
        Reason::Stopping => "the connector is stopping".into(),
    };
    format!("Decided by {why}. Wanted: {wanted}.")
}

fn chosen(config: &Config, choice: Option<Choice>) -> String {
    match choice {
        Some(Choice::State(row)) => config.choice.states.get(usize::from(row)).map_or_else(String::new, |state| format!(", {:?}", state.id)),
        Some(Choice::LoggedIn) => ", logged in".into(),
        Some(Choice::LoggedOut) => ", logged out".into(),
        None => String::new(),
    }
}

fn about_dn(connector: &Connector, dn: DnId, explained: &DnExplanation, now: Mono) -> String {
    let directory = connector.directory();
    let switch = directory.config().cti.switches.get(directory.switch_of(dn).index()).map_or("?", |switch| &switch.name);
    let view = connector.dn(dn);
    let state = view.map_or("Unknown", |view| view.state.word());
    let seat = if view.is_some_and(|view| view.seat) { " (free seat)" } else { "" };
    let heard = match explained.heard {
        None => "not told yet".to_owned(),
        Some((at, HeardFrom::Answer)) => format!("told {} ago in answer to us", span(now.since(at))),
        Some((at, HeardFrom::Event)) => format!("told {} ago by an event nobody here asked for", span(now.since(at))),
        Some((at, HeardFrom::Question)) => format!("told {} ago when asked", span(now.since(at))),
    };
    let registered = if view.is_some_and(|view| view.registered) { "" } else { ", not registered now" };
    let sent = explained
        .sent
        .map_or_else(|| "Nothing requested yet.".to_owned(), |sent| format!("{} {} ago: {}.", sent.request, span(now.since(sent.at)), came(sent.came)));
    format!("{}@{switch}{seat}: {state}, {heard}{registered}. {sent} {}", directory.number(dn), verdict(explained, now))
}

fn came(came: Came) -> String {
    match came {
        Came::NotYet => "no answer yet".into(),
        Came::Done => "done".into(),
        Came::Otherwise => "answered, with another state".into(),
        Came::Refused(code) => match uc_core::codec::cti::catalogue::error(code) {
            Some(entry) => format!("refused, error {code} {}", entry.name),
            None => format!("refused, error {code}"),
        },
        Came::TimedOut => "nobody answered in time".into(),
        Came::LinkLost => "the connection was lost before the answer".into(),
    }
}

fn verdict(explained: &DnExplanation, now: Mono) -> String {
    match explained.verdict {
        DnVerdict::AsWanted => "All is as wanted.".into(),
        DnVerdict::NothingWanted => "Nothing is wanted of it.".into(),
        DnVerdict::Asking => "An answer is waited for.".into(),
        DnVerdict::WaitsForLink => format!("{} is due as soon as T-Server can take it.", capital(want(explained.want))),
        DnVerdict::OthersWord => "Somebody else set this state; it stands until the worker's next presence change.".into(),
        DnVerdict::Refused => "T-Server refuses; tried again at the worker's next presence change.".into(),
        DnVerdict::OutOfService => "The device is out of service; tried again when it is back.".into(),
        DnVerdict::RetryAt(at) => format!("Tried again in {}, after {} failures.", span(at.since(now)), explained.failures),
        DnVerdict::NoLogin => "Logged out, and auto_login is off.".into(),
        DnVerdict::Stranger => "Another worker is logged in there; it is left alone.".into(),
        DnVerdict::Empty => "Nobody sits there.".into(),
    }
}

fn publication(connector: &Connector, config: &Config, worker: &WorkerView<'_>, user: UserId) -> Option<String> {
    let publisher = connector.publisher(user);
    if worker.publishing.is_none() && worker.published.is_none() && publisher.is_none() {
        return None;
    }
    let row = |row: Option<StateRow>| match row.and_then(|row| config.publish.state(row)) {
        Some(state) if !state.text.is_empty() => format!("{:?} ({})", state.text, state.availability),
        Some(state) => state.availability.to_string(),
        None => "nothing".into(),
    };
    let refused = publisher.and_then(|publisher| publisher.refused).map_or_else(String::new, |status| format!("; last refused with {status}"));
    Some(format!("Publication: {} shall show, {} is confirmed{refused}.", row(worker.publishing), row(worker.published)))
}

const fn want(want: WantView) -> &'static str {
    match want {
        WantView::Nothing => "nothing",
        WantView::Ready => "ready",
        WantView::NotReady => "not ready",
        WantView::LoggedIn => "logged in",
        WantView::LoggedOut => "logged out",
    }
}

fn rule(rule: Rule) -> String {
    let mode = |word: &str, mode: Option<u8>| mode.map_or_else(|| word.to_owned(), |mode| format!("{word}:{mode}"));
    match rule {
        Rule::Ignore => "ignore".into(),
        Rule::Ready { work_mode } => mode("ready", work_mode),
        Rule::NotReady { work_mode } => mode("notready", work_mode),
        Rule::Logout => "logout".into(),
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Two units at most: 3 min 12 s.
fn span(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..=59 => format!("{s} s"),
        60..=3599 => format!("{} min {} s", s / 60, s % 60),
        3600..=86_399 => format!("{} h {} min", s / 3600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        assert_eq!([0, 59_999, 60_000, 3_720_000, 90_000_000].map(span), ["0 s", "59 s", "1 min 0 s", "1 h 2 min", "1 d 1 h"]);
    }

    #[test]
    fn a_worker_nobody_has_heard_of() {
        let settings = crate::config_file::check_example();
        let now = uc_core::Now::default();
        let connector = Connector::new(settings.core, uc_core::entropy::Seed::from_u64(1), now);
        assert_eq!(lines(&connector, "nobody", now.mono, true), None);
        let text = lines(&connector, "1001", now.mono, true).unwrap().join("\n");
        for expected in [
            "1001, ",
            "not subscribed, nothing heard since the start",
            "nothing heard yet, unknown = ignore",
            "Unknown, not told yet, not registered now. Nothing requested yet.",
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }
}
