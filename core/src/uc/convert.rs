//! From a decoded `categories` document to what presence is told (`spec/ms-pres.md` 4.6).
use crate::config::PublishedState;
use crate::presence::{Activity, FreeBusy, NoteChange, PresenceUpdate, StateChange};
use crate::uc_event::{CategoryDoc, Found};
use alloc::boxed::Box;

/// The update in a document. `note_max` bytes of the note are kept, cut at a character. A text of one of `ours`, what we publish ourselves, is told apart from
/// everybody else's.
pub(super) fn update_of(doc: &CategoryDoc<'_>, first: bool, note_max: u32, ours: &[PublishedState]) -> PresenceUpdate {
    let state = match &doc.state {
        Found::Absent => StateChange::Unchanged,
        Found::Empty => StateChange::Empty,
        Found::Value(value) => match value.availability {
            // Without a number there is nothing to convert: the class stays (`spec/ms-pres.md` 8, row 4).
            None => StateChange::Unchanged,
            Some(availability) => {
                let activity = activity_of(value.token.as_deref(), value.custom.as_deref(), ours);
                StateChange::Value { availability, activity, publish_time: value.publish_time }
            }
        },
    };
    let note = match &doc.note {
        Found::Absent => NoteChange::Unchanged,
        Found::Empty => NoteChange::Cleared,
        Found::Value(note) if note.text.is_empty() => NoteChange::Cleared,
        Found::Value(note) => NoteChange::Set(cut(&note.text, note_max as usize).into()),
    };
    PresenceUpdate { state, note, calendar: None, first }
}

/// The free/busy data in a document, for configurations with a condition that asks for it: absent, gone, or these.
pub(super) fn calendar_of(doc: &CategoryDoc<'_>) -> Option<Option<Box<FreeBusy>>> {
    match &doc.calendar {
        Found::Absent => None,
        Found::Empty => Some(None),
        Found::Value(calendar) => FreeBusy::of(calendar).map(|slots| Some(Box::new(slots))),
    }
}

/// The activity shown by a token and a custom text; a text of ours is our own publication coming back.
pub(super) fn activity_of(token: Option<&str>, custom: Option<&str>, ours: &[PublishedState]) -> Activity {
    match (token, custom) {
        (_, Some(text)) if ours.iter().any(|state| !state.text.is_empty() && *state.text == *text) => Activity::Published,
        (Some(token), _) if !token.is_empty() => Activity::from_token(token),
        (_, Some(_)) => Activity::Custom,
        _ => Activity::None,
    }
}

fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uc_event::{NoteValue, PublishTime, StateValue};

    fn doc<'a>(state: Found<StateValue<'a>>, note: Found<NoteValue<'a>>) -> CategoryDoc<'a> {
        CategoryDoc { uri: "sip:alice@contoso.example".into(), state, note, calendar: Found::Absent, others: 0 }
    }

    #[test]
    fn custom_text_counts_only_without_a_token() {
        let value = |token: Option<&'static str>| StateValue {
            availability: Some(6500),
            token: token.map(Into::into),
            custom: Some("at the dentist".into()),
            publish_time: PublishTime(7),
            ..StateValue::default()
        };
        let activity = |token| match update_of(&doc(Found::Value(value(token)), Found::Absent), true, 10, &[]).state {
            StateChange::Value { activity, availability: 6500, publish_time: PublishTime(7) } => activity,
            other => panic!("{other:?}"),
        };
        assert_eq!(activity(None), Activity::Custom);
        assert_eq!(activity(Some("on-the-phone")), Activity::OnThePhone);
        assert_eq!(activity(Some("juggling")), Activity::Other);
    }

    #[test]
    fn our_own_text_is_recognised_whatever_the_token() {
        let ours = crate::config::PublishConfig::default().states;
        let activity = |text: &'static str, token: Option<&'static str>| {
            let value = StateValue { availability: Some(6500), token: token.map(Into::into), custom: Some(text.into()), ..StateValue::default() };
            match update_of(&doc(Found::Value(value), Found::Absent), true, 10, &ours).state {
                StateChange::Value { activity, .. } => activity,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(activity("After Call Work", None), Activity::Published);
        assert_eq!(activity("Legal Guard", Some("urgent-interruptions-only")), Activity::Published);
        assert_eq!(activity("after call work", None), Activity::Custom);
        assert_eq!(activity("", None), Activity::Custom, "rows without a text are not recognised by it");
    }

    #[test]
    fn a_state_without_a_number_changes_nothing_and_an_empty_one_is_empty() {
        assert_eq!(update_of(&doc(Found::Value(StateValue::default()), Found::Absent), false, 10, &[]).state, StateChange::Unchanged);
        assert_eq!(update_of(&doc(Found::Empty, Found::Absent), false, 10, &[]).state, StateChange::Empty);
    }

    #[test]
    fn a_note_is_cut_at_a_character() {
        let note =
            |text: &'static str| update_of(&doc(Found::Absent, Found::Value(NoteValue { text: text.into(), ..NoteValue::default() })), false, 4, &[]).note;
        assert_eq!(note("grüße"), NoteChange::Set("grü".into()));
        assert_eq!(note("gräß"), NoteChange::Set("grä".into()));
        assert_eq!(note(""), NoteChange::Cleared);
    }
}
