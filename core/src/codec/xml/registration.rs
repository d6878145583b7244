//! `text/registration-event` (`spec/ms-pres.md` 3.5): one line, `state;event=reason`.
use crate::uc_event::RegistrationEvent;

/// Reads the line. What is not known, or not text, is [`RegistrationEvent::Other`]: the header `ms-diagnostics-public` says more anyway.
pub(super) fn decode(body: &[u8]) -> RegistrationEvent {
    let text = core::str::from_utf8(body).unwrap_or("").trim();
    let mut fields = text.split(';').map(str::trim);
    let state = fields.next().unwrap_or("");
    let event = fields.find_map(|field| {
        let (name, value) = field.split_once('=')?;
        name.trim().eq_ignore_ascii_case("event").then_some(value.trim())
    });
    let event = event.unwrap_or("");
    let is = |wanted: &str| event.eq_ignore_ascii_case(wanted);
    if state.eq_ignore_ascii_case("deregistered") {
        if is("unregistered") {
            return RegistrationEvent::Unregistered;
        }
        if is("rejected") {
            return RegistrationEvent::Rejected;
        }
        if is("deactivated") {
            return RegistrationEvent::Deactivated;
        }
        if is("preferred-registrar-change") {
            return RegistrationEvent::PreferredRegistrarChange;
        }
    } else if state.eq_ignore_ascii_case("registered") {
        if is("userservices-unavailable") {
            return RegistrationEvent::UserServicesUnavailable;
        }
        if is("userservices-available") {
            return RegistrationEvent::UserServicesAvailable;
        }
    }
    RegistrationEvent::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events() {
        let cases = [
            ("deregistered;event=unregistered", RegistrationEvent::Unregistered),
            ("deregistered;event=rejected\r\n", RegistrationEvent::Rejected),
            ("Deregistered ; x=1 ; Event = deactivated", RegistrationEvent::Deactivated),
            ("deregistered;event=preferred-registrar-change", RegistrationEvent::PreferredRegistrarChange),
            ("registered;event=userservices-unavailable", RegistrationEvent::UserServicesUnavailable),
            ("registered;event=userservices-available", RegistrationEvent::UserServicesAvailable),
            ("registered;event=rejected", RegistrationEvent::Other),
            ("deregistered", RegistrationEvent::Other),
            ("\u{0}", RegistrationEvent::Other),
        ];
        for (text, event) in cases {
            assert_eq!(decode(text.as_bytes()), event, "{text}");
        }
        assert_eq!(decode(b"\xFF"), RegistrationEvent::Other);
    }
}
