//! Open pages as browsers have them, all on one thread: connections with server-sent events that come back after a loss as the page's own code does (`web/js/live.js`).
use memchr::memmem;
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

/// Password of every worker of a measurement.
const PASSWORD: &str = "bench";
/// Its hash, at a cost that only a measurement of other things should have.
pub(crate) const PASSWORD_HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$YmVuY2hzYWx0YmVuY2hzYQ$xG/JMhvkw83j4IeCtB+4GTwVy9CZSaujwbNkrJDMF8s";

/// First wait after a loss until the daemon has named one, and the longest one (`WAIT_MIN_MS`, `WAIT_MAX_MS` of the page).
const WAIT: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(15));

/// Connections and a way to hear which of them have news.
pub(crate) struct Poll {
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
}

impl Poll {
    pub(crate) fn new() -> Result<Self, String> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| e.to_string())?, ready: Vec::with_capacity(256) })
    }

    pub(crate) fn add(&self, stream: &TcpStream, number: usize, is_writing: bool) -> Result<(), String> {
        let flags = if is_writing { epoll::EventFlags::OUT | epoll::EventFlags::ONESHOT } else { epoll::EventFlags::IN };
        epoll::add(&self.epoll, stream, epoll::EventData::new_u64(number as u64), flags).map_err(|e| e.to_string())
    }

    /// Interest in what comes, after a connection stands.
    fn listen(&self, stream: &TcpStream, number: usize) -> Result<(), String> {
        epoll::modify(&self.epoll, stream, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN).map_err(|e| e.to_string())
    }

    /// Numbers of the connections with news, at most 256, after at most so long.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<Vec<usize>, String> {
        self.ready.clear();
        let time = rustix::event::Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.ready), Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(self.ready.iter().map(|event| event.data.u64() as usize).collect()),
            Err(why) => Err(why.to_string()),
        }
    }
}

/// A logged-in worker's page.
struct Page {
    worker: usize,
    cookie: String,
    stream: Option<TcpStream>,
    /// What came of an event that is not whole yet.
    tail: Vec<u8>,
    is_asked: bool,
    is_open: bool,
    first_wait: Duration,
    tries: u32,
    again_at: Option<Instant>,
}

/// All of them.
pub(crate) struct Pages {
    port: u16,
    poll: Poll,
    pages: Vec<Page>,
    open: usize,
    /// How often a page has become open.
    pub(crate) opened: usize,
    chance: u64,
    /// Logins that had to be made again.
    pub(crate) logins: usize,
    /// Call ids of previews that pages were told of, with the moment.
    pub(crate) offers: Vec<(String, Instant)>,
    /// Workers whose page was told a state, with the moment.
    pub(crate) states: Vec<(usize, Instant)>,
}

impl Pages {
    /// Logs workers in, one after the other.
    pub(crate) fn log_in(port: u16, workers: usize) -> Result<Self, String> {
        let mut pages = Vec::with_capacity(workers);
        let mut line = None;
        for worker in 0..workers {
            let cookie = log_in(&mut line, port, worker)?;
            pages.push(Page { worker, cookie, stream: None, tail: Vec::new(), is_asked: false, is_open: false, first_wait: WAIT.0, tries: 0, again_at: None });
        }
        Ok(Self { port, poll: Poll::new()?, pages, open: 0, opened: 0, chance: 88_172_645_463_325_252, logins: 0, offers: Vec::new(), states: Vec::new() })
    }

    /// Pages that have the whole picture.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// The cookie of a worker.
    pub(crate) fn cookie(&self, worker: usize) -> &str {
        &self.pages[worker].cookie
    }

    /// Opens all that are not open, at most 500 at a time: workers come to work one by one.
    pub(crate) fn open_all(&mut self, patience: Duration) -> Result<(), String> {
        let began = Instant::now();
        for first in (0..self.pages.len()).step_by(500) {
            let last = self.pages.len().min(first + 500);
            (first..last).for_each(|number| self.pages[number].again_at = Some(began));
            while self.open < last {
                self.turn(Duration::from_millis(20))?;
                if began.elapsed() > patience {
                    return Err(format!("{} of {} pages open after {patience:?}", self.open, self.pages.len()));
                }
            }
        }
        Ok(())
    }

    /// Looks at every connection with news and at pages that want to come back.
    pub(crate) fn turn(&mut self, time: Duration) -> Result<(), String> {
        for number in self.poll.wait(time)? {
            self.heard(number)?;
        }
        if self.open < self.pages.len() {
            let now = Instant::now();
            for number in 0..self.pages.len() {
                if self.pages[number].again_at.is_some_and(|at| at <= now) {
                    self.connect(number)?;
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self, number: usize) -> Result<(), String> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
        let page = &mut self.pages[number];
        page.again_at = None;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None).map_err(|e| e.to_string())?;
        match connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port)) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {
                let stream = TcpStream::from(socket);
                self.poll.add(&stream, number, true)?;
                page.stream = Some(stream);
                page.is_asked = false;
            }
            Err(_) => self.lost(number),
        }
        Ok(())
    }

    /// The wait of the page: half is certain, half is chance, doubled each time.
    fn lost(&mut self, number: usize) {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        let page = &mut self.pages[number];
        let most = page.first_wait.max(WAIT.0).saturating_mul(1 << page.tries.min(8)).min(WAIT.1);
        page.again_at = Some(Instant::now() + most / 2 + most.mul_f64((self.chance % 1000) as f64 / 2000.0));
        page.tries += 1;
        page.stream = None;
        page.tail.clear();
        self.open -= usize::from(std::mem::take(&mut page.is_open));
    }

    fn heard(&mut self, number: usize) -> Result<(), String> {
        let page = &mut self.pages[number];
        let Some(stream) = &mut page.stream else { return Ok(()) };
        let mut buffer = [0; 4096];
        let outcome = stream.read(&mut buffer);
        match outcome {
            Err(why) if why.kind() == ErrorKind::WouldBlock => {
                // The connection stands.
                let request = format!(
                    "GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {}\r\nAccept: text/event-stream\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nSec-Fetch-Site: same-origin\r\n\r\n",
                    page.cookie
                );
                if std::mem::replace(&mut page.is_asked, true) {
                    return Ok(());
                }
                if stream.write_all(request.as_bytes()).is_err() {
                    self.lost(number);
                } else {
                    self.poll.listen(stream, number)?;
                }
            }
            Ok(0) | Err(_) => self.lost(number),
            Ok(n) => {
                page.tail.extend_from_slice(&buffer[..n]);
                self.read(number)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<(), String> {
        let page = &mut self.pages[number];
        if page.tail.starts_with(b"HTTP/1.1 401") {
            // The page would show its login; here the worker types quickly.
            page.cookie = log_in(&mut None, self.port, page.worker)?;
            self.logins += 1;
            self.connect(number)?;
            self.pages[number].tail.clear();
            return Ok(());
        }
        if page.tail.starts_with(b"HTTP/") {
            let Some(end) = memmem::find(&page.tail, b"\r\n\r\n") else { return Ok(()) };
            page.tail.drain(..end + 4);
        }
        while let Some(end) = memmem::find(&page.tail, b"\n\n") {
            let block = &page.tail[..end];
            if block.starts_with(b"retry: ") {
                let ms = std::str::from_utf8(&block[7..]).ok().and_then(|ms| ms.trim().parse().ok());
                page.first_wait = ms.map_or(WAIT.0, Duration::from_millis);
            } else if memmem::find(block, b"event: offer\n").is_some() {
                let conn = memmem::find(block, b"\"conn\":\"").map(|at| &block[at + 8..]);
                let conn = conn.and_then(|rest| Some(&rest[..memchr::memchr(b'"', rest)?])).unwrap_or_default();
                self.offers.push((String::from_utf8_lossy(conn).into_owned(), Instant::now()));
            } else if memmem::find(block, b"event: state\n").is_some() {
                self.states.push((page.worker, Instant::now()));
            } else if memmem::find(block, b"event: sync").is_some() && !page.is_open {
                page.is_open = true;
                page.tries = 0;
                self.open += 1;
                self.opened += 1;
            }
            page.tail.drain(..end + 2);
        }
        Ok(())
    }
}

/// The cookie of a new login, over a connection that is kept.
fn log_in(line: &mut Option<TcpStream>, port: u16, worker: usize) -> Result<String, String> {
    let stream = match line {
        Some(stream) => stream,
        None => line.insert(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|e| format!("login: {e}"))?),
    };
    let body = format!("{{\"user\":\"{worker}\",\"password\":\"{PASSWORD}\"}}");
    let head = format!("POST /api/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).map_err(|e| format!("login: {e}"))?;
    let answer = read_answer(stream)?;
    let cookie = answer.split("\r\n").find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    cookie.map(str::to_owned).ok_or_else(|| format!("login of {worker}: {}", answer.lines().next().unwrap_or_default()))
}

/// A whole answer, head and body.
fn read_answer(stream: &mut TcpStream) -> Result<String, String> {
    let (mut answer, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        if let Some(length) = whole(&answer) {
            answer.truncate(length);
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err("the daemon closed a connection in the middle of an answer".into()),
            Ok(n) => answer.extend_from_slice(&buffer[..n]),
            Err(why) => return Err(why.to_string()),
        }
    }
}

/// Length of the answer at the beginning of `bytes`, if it is whole.
pub(crate) fn whole(bytes: &[u8]) -> Option<usize> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.split("\r\n").find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok()).unwrap_or(0);
    (bytes.len() >= head + length).then_some(head + length)
}
