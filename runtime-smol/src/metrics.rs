//! Counters for Prometheus, in its text format (version 0.0.4). Printed by hand: three kinds of line do not need a package.
use crate::ops::{Facing, LinkExtra, Overview, STATE_NAMES, Tally};
use crate::web::Counts;
use std::fmt::{Display, Write as _};
use uc_core::offer::{Outcome, PreviewStatus};
use uc_core::presence::Class;
use uc_core::views::LinkState;

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP uc_connector_{name} {help}\n# TYPE uc_connector_{name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "uc_connector_{name}");
        for (nth, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if nth == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }
}

/// The whole page.
pub(crate) fn print(overview: &Overview, tally: &Tally, facing: &Facing) -> String {
    let mut page = Page(String::with_capacity(8 << 10));
    let (extra, c) = (&overview.extra, &overview.counters);
    page.family("build_info", "gauge", "Version of the program.");
    page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.gauge("uptime_seconds", "Time since start.", format_args!("{}.{:03}", extra.uptime_ms / 1000, extra.uptime_ms % 1000));
    page.gauge("ready", "1 when the connector can do its work.", u8::from(overview.obstacles().is_empty()));
    page.gauge("choices_unsaved", "States chosen by hand that are not in their file yet.", extra.unsaved);
    page.counter("reloads_total", "Configurations taken over.", extra.reloads);
    page.counter("reload_failures_total", "Configurations refused.", extra.reload_failures);
    for (name, help, value) in [
        ("notifies_total", "NOTIFY and BENOTIFY received.", c.notifies),
        ("unknown_users_total", "Documents for users who are not configured.", c.unknown_users),
        ("presence_changes_total", "Changes of presence class.", c.presence_changes),
        ("stale_updates_total", "Updates dropped because a newer one was known.", c.stale_updates),
        ("sip_requests_total", "SIP requests sent.", c.sip_requests),
        ("sip_answers_total", "SIP answers sent.", c.sip_answers),
        ("subscriptions_total", "Subscriptions made anew.", c.subscriptions),
        ("state_requests_total", "Ready and NotReady requests sent.", c.state_requests),
        ("login_requests_total", "Logins and logouts sent.", c.login_requests),
        ("repeats_total", "Requests repeated after an error or a time-out.", c.repeats),
        ("request_errors_total", "Requests the T-Server refused.", c.errors),
        ("request_timeouts_total", "Requests without an answer.", c.timeouts),
        ("foreign_changes_total", "Agent states changed by others.", c.foreign_changes),
        ("overrides_total", "After Call Work and Legal Guard, begun.", c.overrides),
        ("echoes_total", "Presence that was only our own publication coming back.", c.echoes),
        ("user_actions_total", "What workers did themselves while our publication stood.", c.user_actions),
        ("malformed_total", "Messages that broke a protocol.", c.malformed),
        ("links_lost_total", "Connections lost.", c.links_lost),
        ("notes_dropped_total", "Log lines dropped because the queue was full.", c.notes_dropped),
    ] {
        page.counter(name, help, value);
    }
    page.gauge("recording", "1 while the flight recorder writes.", u8::from(extra.recording));
    page.gauge("recorded_bytes", "Bytes of the flight recording.", extra.recorded_bytes);
    workers(&mut page, overview, tally);
    previews(&mut page, overview);
    links(&mut page, overview);
    web(&mut page, facing);
    page.0
}

fn workers(page: &mut Page, overview: &Overview, tally: &Tally) {
    page.gauge("workers", "Configured workers.", overview.workers);
    page.gauge("workers_uncovered", "Workers that should be in a live subscription and are not.", tally.uncovered);
    page.family("workers_by_presence", "gauge", "Workers by presence.");
    for class in Class::ALL {
        page.sample("workers_by_presence", &[("presence", class.token())], tally.classes[class as usize]);
    }
    page.family("agents_by_state", "gauge", "DNs by agent state.");
    for (name, n) in STATE_NAMES.iter().zip(tally.states) {
        page.sample("agents_by_state", &[("state", name)], n);
    }
    page.gauge("agents_in_flight", "DNs with an unanswered request.", tally.in_flight);
    page.gauge("agents_held", "DNs left alone until the next presence change.", tally.held);
}

/// What routers asked, workers were offered and reporting was told.
fn previews(page: &mut Page, overview: &Overview) {
    let (c, now) = (&overview.counters, &overview.previews);
    page.counter("previews_total", "Previews routers asked for.", c.previews);
    page.family("previews_answered_total", "counter", "Answers to routers.");
    for status in PreviewStatus::ALL {
        page.sample("previews_answered_total", &[("status", &status.word().to_ascii_lowercase())], c.previews_answered[status as usize]);
    }
    page.gauge("previews_open", "Previews whose router waits for the answer.", now.requests);
    page.counter("offers_total", "Offers made to workers.", c.offers);
    page.family("offers_ended_total", "counter", "Offers by how they ended.");
    for outcome in Outcome::ALL {
        page.sample("offers_ended_total", &[("outcome", outcome.word())], c.offers_ended[outcome as usize]);
    }
    page.gauge("offers_open", "Offers workers are looking at.", now.offers);
    page.gauge("offers_workers", "Workers with an open page.", now.pages);
    page.counter("invitations_total", "Workers without a page asked through their own client.", c.invitations);
    page.family("invitations_ended_total", "counter", "Those, by what their client did; a time-out counts as failed.");
    for (what, count) in [("answered", c.invitations_answered), ("declined", c.invitations_declined), ("failed", c.invitations_failed)] {
        page.sample("invitations_ended_total", &[("what", what)], count);
    }
    page.counter("invitations_delivered_total", "Invitations whose worker got the link, or the window.", c.invitations_delivered);
    page.counter("invitation_windows_total", "Windows opened beside a conversation.", c.invitation_windows);
    page.counter("reports_sent_total", "Reports of offers sent to T-Servers; more than once when a connection was lost.", c.reports_sent);
    page.counter("reports_failed_total", "Reports T-Servers refused or did not acknowledge.", c.reports_failed);
    page.counter("reports_dropped_total", "Offers, or ends of offers, left out of the reports.", c.reports_dropped);
    page.gauge("reports_waiting", "Reports that wait or are not acknowledged.", now.reports);
}

/// The web side, where there is one.
fn web(page: &mut Page, facing: &Facing) {
    if let Some((history, _)) = &facing.history {
        page.counter("history_dropped_total", "Lines of the history of previews that could not be kept.", history.dropped());
        page.gauge("history_unsaved", "Lines of the history of previews, and logins, that are not in their file yet.", history.unsaved());
    }
    let Some(c) = &facing.counts else { return };
    for (name, help, counter) in [
        ("web_connections", "Connections of browsers and routers.", &c.connections),
        ("web_pages", "Open pages of workers.", &c.pages),
        ("web_sessions", "Logins of workers.", &c.sessions),
        ("router_waiting", "Preview requests that wait for an answer.", &c.waiting),
    ] {
        page.gauge(name, help, Counts::of(counter));
    }
    for (name, help, counter) in [
        ("web_accepted_total", "Connections accepted.", &c.accepted),
        ("web_refused_total", "Connections refused because there were too many.", &c.refused),
        ("web_requests_total", "Requests of browsers and routers.", &c.requests),
        ("web_requests_failed_total", "Requests answered 4xx or 5xx.", &c.failed),
        ("web_pages_cut_total", "Pages cut because they did not read or news were left out.", &c.pages_cut),
        ("web_logins_total", "Logins.", &c.logins),
        ("web_logins_wrong_total", "Logins refused because name or password was wrong.", &c.logins_wrong),
        ("web_logins_limited_total", "Logins refused because of too many wrong tries.", &c.logins_limited),
        ("router_callbacks_failed_total", "Answers that could not be delivered to their callback URL.", &c.callbacks_failed),
    ] {
        page.counter(name, help, Counts::of(counter));
    }
}

/// Name, kind, help, value of a family about sockets.
type SocketFamily = (&'static str, &'static str, &'static str, fn(&LinkExtra) -> u64);

fn links(page: &mut Page, overview: &Overview) {
    let uc = overview.uc.iter().map(|(v, server)| (v.link.to_string(), &**server, v.state, v.outstanding, overview.extra.uc.get(v.link.index())));
    let cti = overview.cti.iter().map(|r| (r.view.link.to_string(), &*r.server, r.view.state, r.view.outstanding, overview.extra.cti.get(r.view.link.index())));
    let all: Vec<_> = uc.chain(cti).collect();
    page.family("link_up", "gauge", "1 when the link works.");
    for (link, server, state, ..) in &all {
        page.sample("link_up", &[("link", link), ("server", server)], u8::from(*state == LinkState::Up));
    }
    page.family("link_outstanding", "gauge", "Unanswered requests.");
    for (link, server, _, outstanding, _) in &all {
        page.sample("link_outstanding", &[("link", link), ("server", server)], outstanding);
    }
    let pick: [SocketFamily; 4] = [
        ("link_received_bytes_total", "counter", "Bytes read.", |e| e.bytes_in),
        ("link_sent_bytes_total", "counter", "Bytes written.", |e| e.bytes_out),
        ("link_queued_bytes", "gauge", "Bytes waiting to be written.", |e| e.queued_bytes),
        ("link_connects_total", "counter", "Connections made.", |e| e.connects),
    ];
    for (name, kind, help, value) in pick {
        page.family(name, kind, help);
        for (link, server, .., extra) in &all {
            page.sample(name, &[("link", link), ("server", server)], extra.map_or(0, value));
        }
    }
}
