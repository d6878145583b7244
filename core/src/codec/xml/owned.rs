//! Detaches documents from the bytes they borrow: a part that had to be decoded first does not live in the read buffer.
use crate::uc_event::{CategoryDoc, Found, ListDoc, NoteText, NoteValue, Resource, ResourceState, StateExtra, StateValue, UserActivity, UserState};
use alloc::borrow::Cow;
use alloc::boxed::Box;

fn cow(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn text(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(cow)
}

fn found<T, U>(value: Found<T>, map: impl FnOnce(T) -> U) -> Found<U> {
    match value {
        Found::Absent => Found::Absent,
        Found::Empty => Found::Empty,
        Found::Value(value) => Found::Value(map(value)),
    }
}

pub(super) fn category_doc(doc: CategoryDoc<'_>) -> CategoryDoc<'static> {
    CategoryDoc { uri: cow(doc.uri), state: found(doc.state, state), note: found(doc.note, note), calendar: doc.calendar, others: doc.others }
}

fn state(value: StateValue<'_>) -> StateValue<'static> {
    StateValue {
        availability: value.availability,
        token: text(value.token),
        custom: text(value.custom),
        publish_time: value.publish_time,
        instance: value.instance,
        device: text(value.device),
        extra: value.extra.map(|extra| Box::new(state_extra(*extra))),
    }
}

fn state_extra(extra: StateExtra<'_>) -> StateExtra<'static> {
    StateExtra {
        kind: text(extra.kind),
        manual: extra.manual,
        last_active: text(extra.last_active),
        start_time: text(extra.start_time),
        location: text(extra.location),
        meeting_subject: text(extra.meeting_subject),
        meeting_location: text(extra.meeting_location),
        time_zone: text(extra.time_zone),
    }
}

fn note(value: NoteValue<'_>) -> NoteValue<'static> {
    NoteValue { text: cow(value.text), kind: cow(value.kind), publish_time: value.publish_time }
}

pub(super) fn list(list: ListDoc<'_>) -> ListDoc<'static> {
    ListDoc {
        uri: cow(list.uri),
        version: list.version,
        full_state: list.full_state,
        resources: list.resources.into_iter().map(resource).collect(),
        docs: list.docs.into_iter().map(category_doc).collect(),
        faults: list.faults.into_iter().map(|(id, fault)| (cow(id), fault)).collect(),
    }
}

fn resource(resource: Resource<'_>) -> Resource<'static> {
    let state = match resource.state {
        ResourceState::Active => ResourceState::Active,
        ResourceState::Resubscribe { pool } => ResourceState::Resubscribe { pool: text(pool) },
        ResourceState::Terminated(reason) => ResourceState::Terminated(reason),
        ResourceState::Pending => ResourceState::Pending,
    };
    Resource { uri: cow(resource.uri), state }
}

pub(crate) fn user_state(state: &UserState<'_>) -> UserState<'static> {
    let activity = |activity: &UserActivity<'_>| UserActivity {
        token: text(activity.token.clone()),
        min: activity.min,
        max: activity.max,
        customs: activity.customs.iter().map(|(lcid, custom)| (*lcid, cow(custom.clone()))).collect(),
    };
    UserState { availability: state.availability, manual: state.manual, activities: state.activities.iter().map(activity).collect() }
}

pub(crate) fn note_text(note: &NoteText<'_>) -> NoteText<'static> {
    NoteText { text: cow(note.text.clone()), kind: cow(note.kind.clone()) }
}
