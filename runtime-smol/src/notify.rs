//! systemd's readiness protocol (`sd_notify(3)`): one datagram to the socket in `NOTIFY_SOCKET`; nothing at all when the variable is not set.
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager, if there is one.
pub(crate) struct Manager(Option<(UnixDatagram, SocketAddr)>);

impl Manager {
    /// Looks at the environment.
    pub(crate) fn from_env() -> Self {
        Self::at(std::env::var_os("NOTIFY_SOCKET"))
    }

    fn at(address: Option<OsString>) -> Self {
        let open = || {
            let address = address?;
            // A leading @ is systemd's way to write an abstract socket.
            let address = match address.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                path => SocketAddr::from_pathname(std::path::Path::new(std::ffi::OsStr::from_bytes(path))),
            };
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, address.ok()?))
        };
        Self(open())
    }

    /// Work can be done.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// The configuration is being read again; `Manager::ready` follows. `mono_us` is `CLOCK_MONOTONIC` (`Type=notify-reload` wants it).
    pub(crate) fn reloading(&self) {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", t.tv_sec * 1_000_000 + t.tv_nsec / 1000));
    }

    /// Stopping in good order.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Alive.
    pub(crate) fn watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    /// How often the manager wants to hear that we live: half of `WATCHDOG_USEC`.
    pub(crate) fn watchdog_interval() -> Option<Duration> {
        let us: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
        (us > 0).then(|| Duration::from_micros(us / 2))
    }

    fn send(&self, state: &str) {
        if let Some((socket, address)) = &self.0 {
            // A manager that does not listen is no reason to stop.
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_arrive_at_the_socket_of_the_environment() {
        let name = format!("@uc-connector-test-{}", std::process::id());
        let Ok(SocketAddr { .. }) = SocketAddr::from_abstract_name(&name.as_bytes()[1..]) else { panic!("abstract sockets exist on Linux") };
        let heard = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap()).unwrap();
        let manager = Manager::at(Some(name.into()));
        manager.ready();
        manager.stopping();
        let mut buffer = [0; 64];
        let mut next = || {
            let n = heard.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..n]).into_owned()
        };
        assert_eq!([next(), next()], ["READY=1", "STOPPING=1"]);
        Manager::at(None).ready();
    }
}
