//! Types of T-Library attributes (`spec/genesys-protocols.md` 1.3). A log does not always tell a connection id from a number; the dictionary does.

/// Type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttrType {
    /// Signed, 32 bits.
    Int,
    /// Signed, 64 bits; 16 hex digits in server logs.
    Long,
    /// Text.
    Str,
    /// List of pairs.
    Kv,
    /// Connection id: 64 bits, always shown as 16 hex digits.
    Conn,
}

/// The type of the attribute with this log name; `None` when it is not in the dictionary.
#[must_use]
pub fn attr_type(name: &str) -> Option<AttrType> {
    Some(match name.strip_prefix("Attribute")? {
        "ReferenceID" | "ThisDNRole" | "ThisTrunk" | "OtherDNRole" | "OtherTrunk" | "ThirdPartyDNRole" | "ThirdPartyTrunk" | "AgentWorkMode" | "CallID"
        | "CallType" | "PropagatedCallType" | "CallState" | "MediaType" | "ErrorCode" | "UserEvent" | "RouteType" | "PrivateMsgID" | "RegisterMode"
        | "ControlMode" | "AddressType" | "SessionID" | "ServerRole" | "TimeinSecs" | "TimeinuSecs" => AttrType::Int,
        "EventSequenceNumber" => AttrType::Long,
        "Reasons" | "Extensions" | "UserData" => AttrType::Kv,
        "ConnID" | "PreviousConnID" | "TransferConnID" | "FirstTransferConnID" | "LastTransferConnID" | "ConferenceConnID" => AttrType::Conn,
        "ThisDN" | "ThisQueue" | "OtherDN" | "OtherQueue" | "ThirdPartyDN" | "ThirdPartyQueue" | "AgentID" | "Password" | "Place" | "CallUUID" | "ANI"
        | "DNIS" | "ErrorMessage" | "Location" | "CustomerID" | "ApplicationName" | "ServerVersion" => AttrType::Str,
        _ => return None,
    })
}
