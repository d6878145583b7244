//! The T-Library catalogue: message numbers and names, attribute types, enumerations, error codes (`spec/genesys-protocols.md` 1.2 to 1.4, 1.12).
//!
//! Absent: numbers of attributes on the native wire and most error codes of single switches; both are unpublished. What is not in here is passed on, not refused.
mod attributes;
mod enums;
mod errors;
mod messages;

pub use attributes::{AttrType, attr_type};
pub use enums::{AddressType, RegisterMode, WorkMode, call_state_name, call_type_name, dn_role_name, line_status_name};
pub use errors::{ErrorEntry, Reaction, error};
pub use messages::*;

/// The name of a message number; `None` for numbers newer than the catalogue.
#[must_use]
pub fn name(id: u32) -> Option<&'static str> {
    messages::NAMES.get(id as usize).copied()
}

/// The number of a message name. Linear; for log readers and tests, not for the hot path.
#[must_use]
pub fn id(name: &str) -> Option<u32> {
    messages::NAMES.iter().position(|known| *known == name).map(|at| at as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for number in 0..183 {
            let text = name(number).expect("a gap in the table");
            assert_eq!(id(text), Some(number), "{text}");
            assert!(text.starts_with("Request") || text.starts_with("Event"), "{text}");
        }
        assert_eq!((name(183), id("EventFromTheFuture")), (None, None));
    }

    #[test]
    fn constants_carry_the_numbers_of_their_names() {
        let table = [
            (REQUEST_QUERY_ADDRESS, "RequestQueryAddress"),
            (REQUEST_REGISTER_ADDRESS, "RequestRegisterAddress"),
            (REQUEST_UNREGISTER_ADDRESS, "RequestUnregisterAddress"),
            (REQUEST_AGENT_LOGIN, "RequestAgentLogin"),
            (REQUEST_AGENT_LOGOUT, "RequestAgentLogout"),
            (REQUEST_AGENT_READY, "RequestAgentReady"),
            (REQUEST_AGENT_NOT_READY, "RequestAgentNotReady"),
            (EVENT_ERROR, "EventError"),
            (EVENT_REGISTERED, "EventRegistered"),
            (EVENT_UNREGISTERED, "EventUnregistered"),
            (EVENT_AGENT_LOGIN, "EventAgentLogin"),
            (EVENT_AGENT_LOGOUT, "EventAgentLogout"),
            (EVENT_AGENT_READY, "EventAgentReady"),
            (EVENT_AGENT_NOT_READY, "EventAgentNotReady"),
            (EVENT_ADDRESS_INFO, "EventAddressInfo"),
            (EVENT_LINK_DISCONNECTED, "EventLinkDisconnected"),
            (EVENT_LINK_CONNECTED, "EventLinkConnected"),
            (EVENT_ABANDONED, "EventAbandoned"),
            (EVENT_RELEASED, "EventReleased"),
            (EVENT_USER_EVENT, "EventUserEvent"),
            (EVENT_AGENT_AFTER_CALL_WORK, "EventAgentAfterCallWork"),
            (EVENT_RESTORE_CONNECTION, "EventRestoreConnection"),
            (EVENT_PRIMARY_CHANGED, "EventPrimaryChanged"),
            (EVENT_ACK, "EventACK"),
            (EVENT_DN_OUT_OF_SERVICE, "EventDNOutOfService"),
            (EVENT_DN_BACK_IN_SERVICE, "EventDNBackInService"),
        ];
        for (number, text) in table {
            assert_eq!(name(number), Some(text));
        }
    }

    #[test]
    fn the_error_table_has_the_codes_an_agent_state_client_meets() {
        for code in [40, 41, 42, 43, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59] {
            let entry = error(code).expect("in the table");
            assert!(entry.name.starts_with("TERR_") && entry.advice.ends_with('.'), "{entry:?}");
        }
        assert_eq!(error(43).map(|entry| entry.reaction), Some(Reaction::Success));
        assert_eq!(error(44), None);
    }

    #[test]
    fn one_number_two_work_modes() {
        assert_eq!(WorkMode::of(2, EVENT_AGENT_READY), Some(WorkMode::AutoIn));
        assert_eq!(WorkMode::of(2, EVENT_AGENT_NOT_READY), Some(WorkMode::LegalGuard));
        assert_eq!(WorkMode::of(8, EVENT_AGENT_READY), None);
        for number in 0..8 {
            assert_eq!(WorkMode::of(number, EVENT_AGENT_READY).map(WorkMode::number), Some(number));
        }
    }

    #[test]
    fn attribute_types_follow_the_dictionary() {
        assert_eq!(attr_type("AttributeConnID"), Some(AttrType::Conn));
        assert_eq!(attr_type("AttributeEventSequenceNumber"), Some(AttrType::Long));
        assert_eq!(attr_type("AttributeReasons"), Some(AttrType::Kv));
        assert_eq!(attr_type("AttributeNotYetKnown"), None);
    }
}
