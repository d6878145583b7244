//! The UC platform: one worker's publications, who is told of them, and what their client chooses.
use super::{ADDR, URI};
use std::collections::{BTreeMap, VecDeque};
use uc_core::config::PublishedState;
use uc_core::fingerprint::Fp;
use uc_core::uc_event::{
    Body, CategoryDoc, CloseCause, FaultDoc, FaultOperation, Found, Lifetime, ListDoc, Method, NoteText, Notify, OwnCategory, OwnValue, Publication,
    PublicationKey as Key, PublicationValue, PublishTime, Resource, ResourceState, Response, RoamingSelf, SipBody, SipRequest, StateValue, SubState,
    TerminationReason, UcEvent, UserActivity, UserState,
};

const NOTES: [Key; 3] = [Key::Note200, Key::Note300, Key::Note400];

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    version: u32,
    lifetime: Lifetime,
    expires_s: Option<u32>,
    value: OwnValue<'static>,
}

/// A dialog in which the connector is told something.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    call_id: Box<str>,
    tag: Box<str>,
    cseq: u32,
}

/// What is on its way to the connector.
#[derive(Clone, Debug)]
pub(super) enum News {
    Resolved(u16),
    Connected,
    Closed,
    Answer { msg: Box<SipRequest>, status: u16, piggyback: Option<u32>, body: Box<Body<'static>> },
    Notify { dialog: Dialog, event: &'static str, body: Box<Body<'static>> },
}

#[derive(Clone, Debug)]
pub(super) struct Platform {
    table: BTreeMap<Key, Stored>,
    watching: Option<Dialog>,
    own: Option<Dialog>,
    stands: bool,
    pub(super) news: VecDeque<News>,
    /// SERVICE requests carried out.
    pub(super) services: u8,
    /// The worker chose something while ours stood.
    pub(super) acted_over: bool,
}

fn state(availability: u32, text: &str) -> OwnValue<'static> {
    let activity = || UserActivity { customs: vec![(1033, text.to_owned().into())], ..UserActivity::default() };
    let activities = if text.is_empty() { Vec::new() } else { vec![activity()] };
    OwnValue::UserState(Box::new(UserState { availability: Some(availability), manual: Some(true), activities }))
}

fn note(text: &str) -> OwnValue<'static> {
    OwnValue::Note(NoteText { text: text.to_owned().into(), kind: "personal".into() })
}

fn value_of(p: &Publication, rows: &[PublishedState]) -> OwnValue<'static> {
    match &p.value {
        PublicationValue::Delete => OwnValue::Empty,
        PublicationValue::State(state) => OwnValue::UserState(state.clone()),
        PublicationValue::Note(note) => OwnValue::Note((**note).clone()),
        PublicationValue::Row(row) => {
            let row = &rows[usize::from(*row)];
            if p.key.is_state() { state(row.availability, &row.text) } else { note(row.note.as_deref().unwrap_or("")) }
        }
    }
}

fn category(key: Key, it: Option<&Stored>) -> OwnCategory<'static> {
    let (name, instance, container) = key.parts();
    let gone = Stored { version: 0, lifetime: Lifetime::Static, expires_s: None, value: OwnValue::Empty };
    let it = it.unwrap_or(&gone).clone();
    OwnCategory {
        name: name.into(),
        instance,
        container,
        version: it.version,
        lifetime: it.lifetime,
        expires_s: it.expires_s,
        publish_time: PublishTime(1),
        value: it.value,
    }
}

impl Platform {
    pub(super) fn new() -> Self {
        let fixed = |value| Stored { version: 1, lifetime: Lifetime::Static, expires_s: None, value };
        let mut table: BTreeMap<Key, Stored> = NOTES.iter().map(|key| (*key, fixed(note("Lunch")))).collect();
        table.extend([Key::Static2, Key::Static3].map(|key| (key, fixed(state(6500, "")))));
        Self { table, watching: None, own: None, stands: false, news: VecDeque::new(), services: 0, acted_over: false }
    }

    pub(super) fn resolve(&mut self, endpoint: u16) {
        self.news.push_back(News::Resolved(endpoint));
    }

    pub(super) fn connect(&mut self) {
        self.stands = true;
        self.news.push_back(News::Connected);
    }

    pub(super) fn close(&mut self) {
        self.stands = false;
        (self.watching, self.own) = (None, None);
        self.news.clear();
    }

    /// What was on its way is lost.
    pub(super) fn drop_link(&mut self) {
        if self.stands {
            self.close();
            self.news.push_back(News::Closed);
        }
    }

    /// The worker's own choice until further notice; it ends whatever was published for a time.
    pub(super) fn pick(&mut self, availability: u32) {
        let before = self.shown();
        self.acted_over |= self.table.contains_key(&Key::Timed2);
        let mut keys = Vec::new();
        for key in [Key::Timed2, Key::Timed3] {
            keys.extend(self.table.remove(&key).map(|_| key));
        }
        for key in [Key::Static2, Key::Static3] {
            let version = self.table.get(&key).map_or(0, |it| it.version) + 1;
            self.table.insert(key, Stored { version, lifetime: Lifetime::Static, expires_s: None, value: state(availability, "") });
            keys.push(key);
        }
        self.tell(&keys, &before);
    }

    /// Everybody who wants to know is told.
    fn tell(&mut self, keys: &[Key], before: &(u32, String)) {
        let own = Body::RoamingSelf(Box::new(self.document(keys)));
        let seen = (self.shown() != *before).then(|| self.presence(false));
        let dialogs = [(&mut self.own, "vnd-microsoft-roaming-self", Some(own)), (&mut self.watching, "presence", seen)];
        for (dialog, event, body) in dialogs {
            if let (Some(dialog), Some(body)) = (dialog, body) {
                dialog.cseq += 1;
                self.news.push_back(News::Notify { dialog: dialog.clone(), event, body: Box::new(body) });
            }
        }
    }

    fn document(&self, keys: &[Key]) -> RoamingSelf<'static> {
        RoamingSelf { uri: Some(URI.into()), categories: keys.iter().map(|key| category(*key, self.table.get(key))).collect(), containers: vec![(200, 1)] }
    }

    /// What colleagues see: number and text.
    pub(super) fn shown(&self) -> (u32, String) {
        let best = self.table.get(&Key::Timed2).or_else(|| self.table.get(&Key::Static2));
        let Some(OwnValue::UserState(state)) = best.map(|it| &it.value) else { return (18_500, String::new()) };
        let text = state.activities.iter().flat_map(|a| &a.customs).map(|(_, text)| text.to_string()).next();
        (state.availability.unwrap_or(0), text.unwrap_or_default())
    }

    pub(super) fn own_choice(&self) -> u32 {
        match self.table.get(&Key::Static2).map(|it| &it.value) {
            Some(OwnValue::UserState(state)) => state.availability.unwrap_or(0),
            _ => 0,
        }
    }

    /// Nothing of ours is left, and what was there before is.
    pub(super) fn check_restored(&self) -> Result<(), String> {
        for key in Key::ALL {
            let fits = match self.table.get(&key).map(|it| &it.value) {
                Some(OwnValue::Note(text)) => NOTES.contains(&key) && text.text == "Lunch",
                Some(OwnValue::UserState(_)) => matches!(key, Key::Static2 | Key::Static3),
                _ => matches!(key, Key::Timed2 | Key::Timed3),
            };
            if !fits {
                return Err(format!("{key:?} is left as {:?}", self.table.get(&key)));
            }
        }
        Ok(())
    }

    fn presence(&self, whole: bool) -> Body<'static> {
        let (availability, text) = self.shown();
        let custom = (!text.is_empty()).then(|| text.into());
        let value = StateValue { availability: Some(availability), custom, publish_time: PublishTime(1), ..StateValue::default() };
        let doc = CategoryDoc { uri: URI.into(), state: Found::Value(value), note: Found::Absent, calendar: Found::Absent, others: 0 };
        let resources = vec![Resource { uri: URI.into(), state: ResourceState::Active }];
        Body::List(Box::new(ListDoc { full_state: whole, resources, docs: vec![doc], ..ListDoc::default() }))
    }

    fn answer(&mut self, msg: SipRequest, status: u16, piggyback: Option<u32>, body: Body<'static>) {
        self.news.push_back(News::Answer { msg: Box::new(msg), status, piggyback, body: Box::new(body) });
    }

    /// A request of the connector.
    pub(super) fn take(&mut self, msg: SipRequest, rows: &[PublishedState]) {
        if !self.stands {
            return;
        }
        let ends = msg.headers.iter().any(|(name, value)| *name == "Expires" && value == "0");
        let dialog = || Some(Dialog { call_id: msg.call_id.clone(), tag: msg.from_tag.clone(), cseq: 1 });
        match (&msg.method, &msg.body) {
            (Method::Subscribe, SipBody::RoamingList) => {
                self.own = dialog();
                let standing: Vec<Key> = self.table.keys().copied().collect();
                let body = Body::RoamingSelf(Box::new(self.document(&standing)));
                self.answer(msg, 200, Some(1), body);
            }
            (Method::Subscribe, SipBody::Batch { unsubscribe: false, .. }) => {
                self.watching = dialog();
                let body = self.presence(true);
                self.answer(msg, 200, Some(1), body);
            }
            (Method::Service, SipBody::Publish(publications)) => {
                let publications = publications.clone();
                self.service(msg, &publications, rows);
            }
            (Method::Register, _) if ends => self.answer(msg, 200, None, Body::None),
            _ => self.answer(msg, 200, None, Body::None),
        }
    }

    fn service(&mut self, msg: SipRequest, publications: &[Publication], rows: &[PublishedState]) {
        let current = |key: &Key| self.table.get(key).map_or(0, |it| it.version);
        let wrong = |(at, p): (usize, &Publication)| {
            (current(&p.key) != p.version).then(|| FaultOperation { index: at as u32 + 1, version: p.version, current: current(&p.key) })
        };
        let operations: Vec<FaultOperation> = publications.iter().enumerate().filter_map(wrong).collect();
        if !operations.is_empty() {
            let fault = FaultDoc { code: "Client.BadCall.WrongDelta".into(), operations, unreadable: 0 };
            return self.answer(msg, 409, None, Body::Refusal(Box::new(fault)));
        }
        self.services += 1;
        let before = self.shown();
        for p in publications {
            match value_of(p, rows) {
                OwnValue::Empty => drop(self.table.remove(&p.key)),
                value => drop(self.table.insert(p.key, Stored { version: p.version + 1, lifetime: p.lifetime, expires_s: p.expires_s, value })),
            }
        }
        let keys: Vec<Key> = publications.iter().map(|p| p.key).collect();
        let body = Body::RoamingSelf(Box::new(self.document(&keys)));
        self.answer(msg, 200, None, body);
        self.tell(&keys, &before);
    }

    pub(super) fn fingerprint(&self, fp: &mut Fp) {
        fp.debug(&(self.stands, self.services, self.acted_over, self.watching.is_some(), self.own.is_some()));
        fp.debug(&self.table);
        for news in &self.news {
            // Dialogs and transactions are the same whatever their names.
            match news {
                News::Answer { msg, status, body, .. } => fp.debug(&(msg.method, status, body)),
                News::Notify { event, body, .. } => fp.debug(&(event, body)),
                other => fp.debug(other),
            }
        }
    }
}

pub(super) fn deliver(news: &News, hand_in: impl FnOnce(UcEvent<'_>)) {
    match news {
        News::Resolved(endpoint) => hand_in(UcEvent::Resolved { endpoint: *endpoint, addrs: &[ADDR] }),
        News::Connected => hand_in(UcEvent::Connected { local: ADDR }),
        News::Closed => hand_in(UcEvent::Closed { why: CloseCause::Reset }),
        News::Answer { msg, status, piggyback, body } => hand_in(UcEvent::Response(&response(msg, *status, *piggyback, body))),
        News::Notify { dialog, event, body } => hand_in(UcEvent::Notify(&Notify {
            best_effort: true,
            call_id: &dialog.call_id,
            from_tag: "server",
            to_tag: &dialog.tag,
            cseq: dialog.cseq,
            contact: None,
            record_routes: Vec::new(),
            event,
            state: SubState::Active,
            expires_s: None,
            retry_after_s: None,
            reason: TerminationReason::None,
            require_unsupported: None,
            body: (**body).clone(),
        })),
    }
}

fn response<'a>(msg: &'a SipRequest, status: u16, piggyback_cseq: Option<u32>, body: &Body<'a>) -> Response<'a> {
    Response {
        status,
        reason: "OK",
        branch: &msg.branch,
        method: msg.method.as_str(),
        cseq: msg.cseq,
        call_id: &msg.call_id,
        from_tag: &msg.from_tag,
        to_tag: "server",
        expires_s: Some(28_800),
        piggyback_cseq,
        contacts: vec!["sip:fe01.contoso.example:5061;transport=tls"],
        body: body.clone(),
        ..Response::default()
    }
}
