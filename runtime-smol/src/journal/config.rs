//! The core's configuration in a journal. It holds references to secrets only, so nothing has to be left out.
use super::{Field, choice, record};
use uc_core::config::{
    ChoiceConfig, Condition, Config, CtiConfig, CtiPace, CtiTimers, ForeignRule, Limits, Mode, NoteLevel, Person, PersonDn, PresenceConfig, PreviewConfig,
    PublishConfig, Redundancy, Rule, SwitchConfig, Sync, TServerConfig, UcConfig, UcEndpoint, UcKind, UcPace, UcTimers, Watcher,
};
use uc_core::input::{Choice, WorkerCommand};
use uc_core::offer::PageEvent;
use uc_core::presence::Class;

record! {
    Config { mode, application, uc, cti, presence, publish, choice, preview, people, limits, note_level }
    UcConfig { kind, endpoints, tls, watchers, shared_connection, register, benotify, piggyback, categories, user_agent, timers, pace }
    UcEndpoint { host, port }
    Watcher { uri, epid }
    UcTimers { connect_timeout_ms, backoff_min_ms, backoff_max_ms, jitter_percent, address_avoid_ms, transaction_timeout_ms, keepalive_ms, probe_ms, refresh_lead_ms, refresh_min_ms, register_lead_ms, retry_after_default_ms, retry_after_max_ms, retry_ms, retry_max_ms, denied_retry_ms, resource_retry_ms, resubscribe_jitter_ms, expires_s }
    UcPace { batch_max, users_per_watcher_max, outstanding_max, requests_per_s, failover_spread_ms, redirects_max }
    CtiConfig { switches, routers, timers, pace }
    SwitchConfig { name, servers, redundancy, session, linger_s, free_dns }
    TServerConfig { name, address }
    CtiTimers { connect_timeout_ms, backoff_min_ms, backoff_max_ms, jitter_percent, request_timeout_ms, retry_min_ms, retry_max_ms, relogin_ms, terr_timeout_retry_ms, switchover_ms }
    CtiPace { requests_per_s, window_max }
    PresenceConfig { rules, conditions, utc_offset_min, sync_when_logged_out, free_seating, low_is_offline, urgent_is_dnd, auto_login, logout_on_stop, grace_ms, stale, foreign, foreign_logout, status_key, note_key, send_note }
    Person { employee_id, user_name, display_name, sip_uri, agent_login, password_ref, login_queue, dns, place, groups, web_password_hash, language, sync }
    PersonDn { number, switch }
    Limits { sip_start_line_bytes_max, sip_header_bytes_max, sip_head_bytes_max, sip_headers_max, sip_body_bytes_max, xml_depth_max, list_resources_max, cti_line_bytes_max, kv_depth_max, note_bytes_max, notes_queue_max }
}

choice! {
    Mode { Normal, Standalone, Bidirectional, PushOnly }
    NoteLevel { Debug, Info, Warn, Alarm }
    Redundancy { Single, Warm, Hot }
    Class { Unknown, Online, IdleOnline, Busy, IdleBusy, DoNotDisturb, BeRightBack, Away, Offline }
}

impl<'a> Field<'a> for Rule {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ignore => out.push(0),
            Self::Ready { work_mode } => {
                out.push(1);
                work_mode.put(out);
            }
            Self::NotReady { work_mode } => {
                out.push(2);
                work_mode.put(out);
            }
            Self::Logout => out.push(3),
        }
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        Some(match u8::take(from)? {
            0 => Self::Ignore,
            1 => Self::Ready { work_mode: Field::take(from)? },
            2 => Self::NotReady { work_mode: Field::take(from)? },
            3 => Self::Logout,
            _ => return None,
        })
    }
}

impl<'a> Field<'a> for ForeignRule {
    fn put(&self, out: &mut Vec<u8>) {
        let after_ms = match self {
            Self::UntilNextPresence => None,
            Self::Enforce { after_ms } => Some(*after_ms),
        };
        after_ms.put(out);
    }
    fn take(from: &mut &'a [u8]) -> Option<Self> {
        let after_ms: Option<u64> = Field::take(from)?;
        Some(after_ms.map_or(Self::UntilNextPresence, |after_ms| Self::Enforce { after_ms }))
    }
}

/// Newer parts of the configuration are written whole, by the derive.
macro_rules! whole {
    ($($name:ty),*) => { $(
        impl<'a> Field<'a> for $name {
            fn put(&self, out: &mut Vec<u8>) {
                // Writing plain data to memory cannot fail.
                postcard::to_allocvec(self).unwrap_or_default().as_slice().put(out);
            }
            fn take(from: &mut &'a [u8]) -> Option<Self> {
                let bytes: &'a [u8] = Field::take(from)?;
                postcard::from_bytes(bytes).ok()
            }
        }
    )* };
}

whole!(UcKind, PublishConfig, ChoiceConfig, PreviewConfig, PageEvent, Condition, Sync, WorkerCommand, Choice);
