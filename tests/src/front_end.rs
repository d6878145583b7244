//! A Front End written by hand: listens on loopback, answers with what a test tells it to, and reports everything it sees.
use crate::sip::{Message, answer, split};
use crate::wire::{Wire, wait_for};
use crate::{PATIENCE, patience_left};
use rustix::event::PollFlags;
use rustls::ServerConfig;
use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How often threads look whether they are wanted.
const TICK: Duration = Duration::from_millis(5);

/// What happened on the wire.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection stands (with TLS: after the handshake).
    Connected,
    /// A TLS handshake failed.
    HandshakeFailed(String),
    /// A message came.
    Message(Message),
    /// The connection is over.
    Closed,
}

enum Command {
    Send(Vec<u8>),
    Close,
}

/// What a Front End answers to a message; empty: nothing.
type Behaviour = dyn FnMut(&Message) -> Vec<u8> + Send;

/// The server. It serves the newest connection.
pub struct FrontEnd {
    /// Port on 127.0.0.1.
    pub port: u16,
    events: Receiver<Event>,
    /// Taken from `events`, but not what was waited for.
    passed: VecDeque<Event>,
    commands: Arc<Mutex<Option<Sender<Command>>>>,
    stop: Arc<AtomicBool>,
}

/// A server's ordinary answers: everything is granted. NOTIFYs are the test's business.
#[must_use]
pub fn ordinary(message: &Message) -> Vec<u8> {
    match message.method() {
        "SIP/2.0" => Vec::new(),
        "REGISTER" => {
            let contact = format!("Contact: {};expires=7200\r\nExpires: 7200\r\n", message.header("Contact"));
            answer(message, "200 OK", &contact, "")
        }
        "SUBSCRIBE" if message.header("Expires") == "0" => answer(message, "200 OK", "Expires: 0\r\nSubscription-State: terminated;expires=0\r\n", ""),
        "SUBSCRIBE" => answer(
            message,
            "200 OK",
            "Contact: <sip:127.0.0.1:5061;transport=tls>\r\nExpires: 29087\r\nEvent: presence\r\nSubscription-State: active;expires=29087\r\n",
            "",
        ),
        _ => answer(message, "200 OK", "", ""),
    }
}

impl FrontEnd {
    /// Starts one on a free port.
    #[must_use]
    pub fn start(tls: Option<Arc<ServerConfig>>, behaviour: impl FnMut(&Message) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (report, events) = channel();
        let commands = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let (slot, stopping) = (Arc::clone(&commands), Arc::clone(&stop));
        let behaviour: Arc<Mutex<Box<Behaviour>>> = Arc::new(Mutex::new(Box::new(behaviour)));
        thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                wait_for(&listener, PollFlags::IN, TICK);
                let Ok((stream, _)) = listener.accept() else { continue };
                let (tls, report, slot, stopping, behaviour) = (tls.clone(), report.clone(), Arc::clone(&slot), Arc::clone(&stopping), Arc::clone(&behaviour));
                thread::spawn(move || match Wire::new(stream, tls.as_ref()) {
                    Ok(wire) => {
                        let (sender, orders) = channel();
                        *slot.lock().unwrap() = Some(sender);
                        let _ = report.send(Event::Connected);
                        serve(wire, &orders, &report, &stopping, &behaviour);
                        let _ = report.send(Event::Closed);
                    }
                    Err(error) => _ = report.send(Event::HandshakeFailed(error.to_string())),
                });
            }
        });
        Self { port, events, passed: VecDeque::new(), commands, stop }
    }

    /// Sends bytes on the newest connection.
    pub fn send(&self, bytes: impl Into<Vec<u8>>) {
        self.order(Command::Send(bytes.into()));
    }

    /// Closes the newest connection after what was sent before.
    pub fn close(&self) {
        self.order(Command::Close);
    }

    fn order(&self, command: Command) {
        // A connection that has gone meanwhile is seen as `Event::Closed`.
        if let Some(sender) = self.commands.lock().unwrap().as_ref() {
            let _ = sender.send(command);
        }
    }

    /// Waits for the first event, from the last one asked for on, that `wanted` makes something of; those before it are dropped.
    ///
    /// # Panics
    /// When it does not come.
    pub fn expect<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let began = Instant::now();
        let mut seen = Vec::new();
        loop {
            let event = match self.passed.pop_front() {
                Some(event) => event,
                None => match self.events.recv_timeout(patience_left(began, what)) {
                    Ok(event) => event,
                    Err(_) => panic!("nothing for {PATIENCE:?}: {what}; seen: {seen:#?}"),
                },
            };
            if let Some(found) = wanted(&event) {
                return found;
            }
            seen.push(event);
        }
    }

    /// Waits for a request with this method.
    pub fn request(&mut self, method: &str) -> Message {
        self.expect(method, |event| match event {
            Event::Message(message) if message.method() == method => Some(message.clone()),
            _ => None,
        })
    }

    /// Waits for a response to our NOTIFY with this CSeq number.
    pub fn response(&mut self, cseq: u32) -> Message {
        let wanted = format!("{cseq} NOTIFY");
        self.expect(&format!("response to {wanted}"), |event| match event {
            Event::Message(message) if message.status() != 0 && message.header("CSeq") == wanted => Some(message.clone()),
            _ => None,
        })
    }

    /// Everything that has come by now and was not asked for.
    pub fn seen(&mut self) -> Vec<Event> {
        self.passed.drain(..).chain(self.events.try_iter()).collect()
    }
}

impl Drop for FrontEnd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn serve(mut wire: Wire, orders: &Receiver<Command>, report: &Sender<Event>, stop: &AtomicBool, behaviour: &Mutex<Box<Behaviour>>) {
    let (mut input, mut output, mut sent, mut closing) = (Vec::new(), Vec::new(), 0, false);
    while !stop.load(Ordering::Relaxed) {
        for order in orders.try_iter() {
            match order {
                Command::Send(bytes) => output.extend_from_slice(&bytes),
                Command::Close => closing = true,
            }
        }
        let open = wire.read(&mut input);
        for message in split(&mut input) {
            let reply = (behaviour.lock().unwrap())(&message);
            output.extend_from_slice(&reply);
            let _ = report.send(Event::Message(message));
        }
        match wire.write(&output, sent) {
            Some(n) => sent = n,
            None => return,
        }
        if sent == output.len() {
            output.clear();
            sent = 0;
        }
        if !open || (closing && output.is_empty()) {
            return;
        }
        wire.wait(!output.is_empty(), TICK);
    }
}
