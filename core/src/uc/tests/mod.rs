//! Stories about the SIP side, told with decoded events: no codec, no clock, no sockets.
