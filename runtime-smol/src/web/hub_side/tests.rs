//! What pages cost the deciding thread: how much at a time, and that they hear of changes at once.
use super::super::talk::{Ask, Told};
use super::*;
use crate::config_file;
use crate::poller::{self, Polled};
use smol::LocalExecutor;
use smol::channel::{self, Receiver};
use std::cell::Cell;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use uc_core::Config;
use uc_core::config::{Person, PersonDn};
use uc_core::entropy::Seed;

/// What one look at the tests' clock takes: every question looks once, every row of the board, too.
const LOOK: Duration = Duration::from_micros(50);
/// Looks in a slice.
const LOOKS: usize = 20;

struct House {
    hub: Shared,
    executor: Rc<LocalExecutor<'static>>,
    told: Receiver<Told>,
    tell: Sender<Told>,
    left: Receiver<()>,
}

fn config(workers: u32, switch: &str) -> Config {
    let mut config = Config::clone(&config_file::check_example().core);
    config.people = (0..workers)
        .map(|i| Person {
            employee_id: format!("w{i}").into(),
            sip_uri: format!("sip:w{i}@contoso.example").into(),
            dns: [PersonDn { number: format!("{}", 5_000 + i).into(), switch: 0 }].into(),
            ..Person::default()
        })
        .collect();
    config.cti.switches[0].name = switch.into();
    config
}

impl House {
    fn new(workers: u32) -> Self {
        let executor = Rc::new(LocalExecutor::new());
        let mut settings = config_file::check_example();
        settings.core = Arc::new(config(workers, "first"));
        let hub = Hub::new(settings, Seed::from_u64(1), None, Rc::clone(&executor), channel::bounded(1).0);
        let (tell, told) = channel::unbounded();
        let (more, left) = channel::bounded(1);
        hub.borrow_mut().web = Some(WebSide::new(tell.clone(), Arc::default(), more));
        Self { hub, executor, told, tell, left }
    }

    fn slice() -> Slice {
        let mut now = Duration::ZERO;
        Slice::with_clock(move || {
            now += LOOK;
            now
        })
    }

    fn ask(&self, ask: Ask) {
        self.hub.borrow_mut().ask(ask, &mut Self::slice());
    }

    /// Opens a page for each of so many workers.
    fn open(&self, workers: u32) {
        for i in 0..workers {
            self.ask(Ask::Open { page: PageId(u64::from(i)), who: format!("w{i}").into() });
        }
        self.hub.borrow_mut().flush();
        self.states();
    }

    /// Everybody's page shows another name of the switch.
    fn rename(&self, workers: u32, switch: &str) {
        self.hub.borrow_mut().turn(Input::Reconfigure(Arc::new(config(workers, switch))));
    }

    /// Workers whose pages were told a state since the last time.
    fn states(&self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.told.try_recv().ok());
        told.filter_map(|told| if let Told::State { who, .. } = told { Some(who.to_string()) } else { None }).collect()
    }
}

#[test]
fn sockets_are_looked_at_when_questions_have_had_their_slice() {
    const QUESTIONS: usize = 1_000;
    let house = House::new(1);
    let (asks, asked) = channel::bounded(QUESTIONS);
    let (reply, answers) = channel::unbounded();
    for _ in 0..QUESTIONS {
        asks.try_send(Ask::Menu { reply: reply.clone() }).unwrap();
    }
    // A message has come on a link; nobody has looked yet.
    let (link, mut peer) = UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut peer, b"NOTIFY").unwrap();
    let link = Polled::new(link).unwrap();
    let answered = Rc::new(Cell::new(0));
    let (heard, hears) = channel::bounded(1);
    let (seen, counted) = (Rc::clone(&answered), answers.clone());
    // The questions are first in the queue of tasks, and never give out.
    house.executor.spawn(serve(Rc::clone(&house.hub), asked, House::slice())).detach();
    house
        .executor
        .spawn(async move {
            smol::future::poll_fn(|cx| link.poll_readable(cx)).await.unwrap();
            seen.set(counted.len());
            heard.send(()).await.unwrap();
        })
        .detach();
    poller::block_on(house.executor.run(hears.recv())).unwrap().unwrap();
    let limit = 2 * LOOKS;
    assert!((1..=limit).contains(&answered.get()), "{} questions were answered before the link was looked at", answered.get());
    // And all of them are answered in the end.
    poller::block_on(house.executor.run(async {
        for _ in 0..QUESTIONS {
            answers.recv().await.unwrap();
        }
    }))
    .unwrap();
    drop(asks);
}

#[test]
fn the_board_comes_in_pieces_of_a_slice() {
    const WORKERS: u32 = 150;
    let house = House::new(WORKERS);
    let (mut from, mut names, mut pieces) = (Some(0), Vec::new(), 0);
    while let Some(at) = from {
        let (reply, piece) = channel::bounded(1);
        house.ask(Ask::Board { from: at, reply });
        let piece = piece.try_recv().unwrap();
        assert!((1..=LOOKS).contains(&piece.rows.len()), "{} rows at once", piece.rows.len());
        names.extend(piece.rows.into_iter().map(|row| row.who.to_string()));
        from = piece.next;
        pieces += 1;
    }
    assert_eq!(names, (0..WORKERS).map(|i| format!("w{i}")).collect::<Vec<_>>());
    assert!(pieces > 1);
}

#[test]
fn a_change_is_told_in_the_turn_that_makes_it_and_many_in_slices() {
    let (few, many) = (3, 100);
    let house = House::new(many);
    house.open(few);
    assert_eq!(house.states(), Vec::<String>::new(), "nothing changes, nothing is told");
    house.rename(many, "second");
    assert_eq!(house.states(), ["w0", "w1", "w2"]);
    assert!(house.left.is_empty());

    house.open(many);
    house.rename(many, "third");
    let mut told = house.states();
    assert_eq!(told.len(), SHOWN_MAX);
    // The others without a further turn.
    house.executor.spawn(keep_shown(Rc::clone(&house.hub), house.left.clone(), House::slice())).detach();
    poller::block_on(house.executor.run(async {
        while told.len() < many as usize {
            if let Told::State { who, .. } = house.told.recv().await.unwrap() {
                told.push(who.to_string());
            }
        }
    }))
    .unwrap();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), many as usize);
}

#[test]
fn what_finds_no_room_waits_in_the_core_and_is_told_once() {
    let house = House::new(2);
    house.open(2);
    for _ in 0..STATES_MAX {
        house.tell.try_send(Told::Removed { who: "nobody".into() }).unwrap();
    }
    house.rename(2, "second");
    house.rename(2, "third");
    assert_eq!(house.told.len(), STATES_MAX);
    assert_eq!(house.left.len(), 1);
    assert_eq!(house.states(), Vec::<String>::new());
    house.executor.spawn(keep_shown(Rc::clone(&house.hub), house.left.clone(), House::slice())).detach();
    for _ in 0..2 {
        let told = poller::block_on(house.executor.run(house.told.recv())).unwrap().unwrap();
        let Told::State { state, .. } = told else { panic!("{told:?}") };
        assert_eq!(&*state.dns[0].switch, "third");
    }
    assert!(house.told.is_empty());
}

#[test]
fn a_closed_page_costs_nothing() {
    let house = House::new(2);
    house.open(2);
    house.ask(Ask::Close { page: PageId(0), who: "w0".into() });
    house.rename(2, "second");
    assert_eq!(house.states(), ["w1"]);
    assert!(!house.hub.borrow().connector.is_watched(UserId(0)));
}
