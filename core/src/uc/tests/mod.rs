//! Stories about the SIP side, told with decoded events: no codec, no clock, no sockets.
mod absurd;
mod chaos;
mod harness;
mod inviting;
mod links;
mod notifications;
mod publishing;
mod registration;
mod silence;
mod simple;
mod simple_lists;
mod simple_publish;
mod subscriptions;
