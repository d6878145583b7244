//! Numbers and names of T-Library messages (`spec/genesys-protocols.md` 1.2).

/// Names by number, 0 to 182. Newer servers may send higher numbers: those are unknown messages, not faults.
#[rustfmt::skip]
pub(super) const NAMES: [&str; 183] = [
    "RequestRegisterClient", "RequestQueryServer", "RequestQueryAddress", "RequestRegisterAddress", // 0
    "RequestUnregisterAddress", "RequestRegisterAll", "RequestUnregisterAll", "RequestSetInputMask", // 4
    "RequestAgentLogin", "RequestAgentLogout", "RequestAgentReady", "RequestAgentNotReady", // 8
    "RequestSetDNDOn", "RequestSetDNDOff", "RequestMakeCall", "RequestMakePredictiveCall", // 12
    "RequestAnswerCall", "RequestReleaseCall", "RequestHoldCall", "RequestRetrieveCall", // 16
    "RequestInitiateConference", "RequestCompleteConference", "RequestDeleteFromConference", "RequestInitiateTransfer", // 20
    "RequestMuteTransfer", "RequestSingleStepTransfer", "RequestCompleteTransfer", "RequestMergeCalls", // 24
    "RequestAlternateCall", "RequestReconnectCall", "RequestAttachUserData", "RequestUpdateUserData", // 28
    "RequestDeleteUserData", "RequestDeletePair", "RequestCallForwardSet", "RequestCallForwardCancel", // 32
    "RequestRouteCall", "RequestGiveMusicTreatment", "RequestGiveSilenceTreatment", "RequestGiveRingBackTreatment", // 36
    "RequestLoginMailBox", "RequestLogoutMailBox", "RequestOpenVoiceFile", "RequestCloseVoiceFile", // 40
    "RequestPlayVoiceFile", "RequestCollectDigits", "RequestSetMessageWaitingOn", "RequestSetMessageWaitingOff", // 44
    "RequestDistributeUserEvent", "RequestDistributeEvent", "EventServerConnected", "EventServerDisconnected", // 48
    "EventError", "EventRegistered", "EventUnregistered", "EventRegisteredAll", // 52
    "EventUnregisteredAll", "EventQueued", "EventDiverted", "EventAbandoned", // 56
    "EventRinging", "EventDialing", "EventNetworkReached", "EventDestinationBusy", // 60
    "EventEstablished", "EventReleased", "EventHeld", "EventRetrieved", // 64
    "EventPartyChanged", "EventPartyAdded", "EventPartyDeleted", "EventRouteRequest", // 68
    "EventRouteUsed", "EventAgentLogin", "EventAgentLogout", "EventAgentReady", // 72
    "EventAgentNotReady", "EventDNDOn", "EventDNDOff", "EventMailBoxLogin", // 76
    "EventMailBoxLogout", "EventVoiceFileOpened", "EventVoiceFileClosed", "EventVoiceFileEndPlay", // 80
    "EventDigitsCollected", "EventAttachedDataChanged", "EventOffHook", "EventOnHook", // 84
    "EventForwardSet", "EventForwardCancel", "EventMessageWaitingOn", "EventMessageWaitingOff", // 88
    "EventAddressInfo", "EventServerInfo", "EventLinkDisconnected", "EventLinkConnected", // 92
    "EventUserEvent", "RequestSendDTMF", "EventDTMFSent", "EventResourceAllocated", // 96
    "EventResourceFreed", "EventRemoteConnectionSuccess", "EventRemoteConnectionFailed", "RequestRedirectCall", // 100
    "RequestListenDisconnect", "RequestListenReconnect", "EventListenDisconnected", "EventListenReconnected", // 104
    "RequestQueryCall", "EventPartyInfo", "RequestClearCall", "RequestSetCallInfo", // 108
    "EventCallInfoChanged", "RequestApplyTreatment", "EventTreatmentApplied", "EventTreatmentNotApplied", // 112
    "EventTreatmentEnd", "EventHardwareError", "EventAgentAfterCallWork", "EventTreatmentRequired", // 116
    "RequestSingleStepConference", "RequestQuerySwitch", "EventSwitchInfo", "RequestGetAccessNumber", // 120
    "RequestCancelReqGetAccessNumber", "EventAnswerAccessNumber", "EventReqGetAccessNumberCanceled", "RequestReserveAgent", // 124
    "EventAgentReserved", "RequestReserveAgentAndGetAccessNumber", "RequestAgentSetIdleReason", "EventAgentIdleReasonSet", // 128
    "EventRestoreConnection", "EventPrimaryChanged", "RequestLostBackupConnection", "RequestSetDNInfo", // 132
    "RequestQueryLocation", "EventLocationInfo", "EventACK", "RequestMonitorNextCall", // 136
    "RequestCancelMonitoring", "EventMonitoringNextCall", "EventMonitoringCancelled", "RequestSetMuteOn", // 140
    "RequestSetMuteOff", "EventMuteOn", "EventMuteOff", "EventDNOutOfService", // 144
    "EventDNBackInService", "RequestPrivateService", "EventPrivateInfo", "EventBridged", // 148
    "EventQueueLogout", "EventReserved_1", "EventReserved_2", "EventReserved_3", // 152
    "EventReserved_4", "EventReserved_5", "EventReserved_6", "EventReserved_7", // 156
    "EventCallCreated", "EventCallDataChanged", "EventCallDeleted", "EventCallPartyAdded", // 160
    "EventCallPartyState", "EventCallPartyMoved", "EventCallPartyDeleted", "RequestStartCallMonitoring", // 164
    "RequestStopCallMonitoring", "RequestSendReturnReceipt", "EventReturnReceipt", "RequestNetworkConsult", // 168
    "RequestNetworkAlternate", "RequestNetworkTransfer", "RequestNetworkMerge", "RequestNetworkReconnect", // 172
    "RequestNetworkSingleStepTransfer", "RequestNetworkPrivateService", "EventNetworkCallStatus", "EventNetworkPrivateInfo", // 176
    "RequestTransactionMonitoring", "EventTransactionStatus", "EventResourceInfo", // 180
];

/// `RequestQueryAddress`
pub const REQUEST_QUERY_ADDRESS: u32 = 2;
/// `RequestRegisterAddress`
pub const REQUEST_REGISTER_ADDRESS: u32 = 3;
/// `RequestUnregisterAddress`
pub const REQUEST_UNREGISTER_ADDRESS: u32 = 4;
/// `RequestAgentLogin`
pub const REQUEST_AGENT_LOGIN: u32 = 8;
/// `RequestAgentLogout`
pub const REQUEST_AGENT_LOGOUT: u32 = 9;
/// `RequestAgentReady`
pub const REQUEST_AGENT_READY: u32 = 10;
/// `RequestAgentNotReady`
pub const REQUEST_AGENT_NOT_READY: u32 = 11;
/// `RequestSetDNDOn`
pub const REQUEST_SET_DND_ON: u32 = 12;
/// `RequestSetDNDOff`
pub const REQUEST_SET_DND_OFF: u32 = 13;
/// `RequestDistributeUserEvent`
pub const REQUEST_DISTRIBUTE_USER_EVENT: u32 = 48;
/// `EventServerConnected`
pub const EVENT_SERVER_CONNECTED: u32 = 50;
/// `EventServerDisconnected`
pub const EVENT_SERVER_DISCONNECTED: u32 = 51;
/// `EventError`
pub const EVENT_ERROR: u32 = 52;
/// `EventRegistered`
pub const EVENT_REGISTERED: u32 = 53;
/// `EventUnregistered`
pub const EVENT_UNREGISTERED: u32 = 54;
/// `EventAgentLogin`
pub const EVENT_AGENT_LOGIN: u32 = 73;
/// `EventAgentLogout`
pub const EVENT_AGENT_LOGOUT: u32 = 74;
/// `EventAgentReady`
pub const EVENT_AGENT_READY: u32 = 75;
/// `EventAgentNotReady`
pub const EVENT_AGENT_NOT_READY: u32 = 76;
/// `EventDNDOn`
pub const EVENT_DND_ON: u32 = 77;
/// `EventDNDOff`
pub const EVENT_DND_OFF: u32 = 78;
/// `EventAddressInfo`
pub const EVENT_ADDRESS_INFO: u32 = 92;
/// `EventServerInfo`
pub const EVENT_SERVER_INFO: u32 = 93;
/// `EventLinkDisconnected`
pub const EVENT_LINK_DISCONNECTED: u32 = 94;
/// `EventLinkConnected`
pub const EVENT_LINK_CONNECTED: u32 = 95;
/// `EventAbandoned`
pub const EVENT_ABANDONED: u32 = 59;
/// `EventReleased`
pub const EVENT_RELEASED: u32 = 65;
/// `EventUserEvent`
pub const EVENT_USER_EVENT: u32 = 96;
/// `EventAgentAfterCallWork`
pub const EVENT_AGENT_AFTER_CALL_WORK: u32 = 118;
/// `EventRestoreConnection`
pub const EVENT_RESTORE_CONNECTION: u32 = 132;
/// `EventPrimaryChanged`
pub const EVENT_PRIMARY_CHANGED: u32 = 133;
/// `EventACK`
pub const EVENT_ACK: u32 = 138;
/// `EventDNOutOfService`
pub const EVENT_DN_OUT_OF_SERVICE: u32 = 147;
/// `EventDNBackInService`
pub const EVENT_DN_BACK_IN_SERVICE: u32 = 148;
/// `EventPrivateInfo`
pub const EVENT_PRIVATE_INFO: u32 = 150;
/// `EventQueueLogout`
pub const EVENT_QUEUE_LOGOUT: u32 = 152;
