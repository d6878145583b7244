//! What would be lost or late if the poller were wrong. The threads here wait for each other, never for a time.
use super::*;
use rustix::fd::AsFd;
use smol::LocalExecutor;
use smol::channel;
use smol::future::{or, poll_fn, yield_now};
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::thread;

/// Fails a test that would wait for ever.
const LATE: Duration = Duration::from_secs(30);

fn run<T>(future: impl Future<Output = T>) -> T {
    let late = async {
        Timer::after(LATE).await;
        panic!("nobody was woken");
    };
    block_on(or(future, late)).unwrap()
}

fn pair() -> (Polled<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    (Polled::new(near).unwrap(), far)
}

async fn readable(source: &Polled<UnixStream>) {
    poll_fn(|cx| source.poll_readable(cx)).await.unwrap();
}

fn read(source: &Polled<UnixStream>, room: usize) -> io::Result<usize> {
    source.read_with(room, |mut io| io.read(&mut vec![0; room]))
}

/// Whether a read would be tried now, without looking at the sockets.
fn is_ready<T: AsFd>(source: &Polled<T>) -> bool {
    source.poll_readable(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn words_of_another_thread_always_arrive() {
    const WORDS: u32 = 20_000;
    let (ask, asked) = channel::bounded(1);
    let (answer, answers) = channel::bounded(1);
    let other = thread::spawn(move || {
        while let Ok(n) = asked.recv_blocking() {
            answer.send_blocking(n).unwrap();
        }
    });
    let executor = LocalExecutor::new();
    run(executor.run(async {
        for n in 0..WORDS {
            ask.send(n).await.unwrap();
            // At times the answer is there already, at times the thread is about to sleep or sleeps.
            for _ in 0..n % 3 {
                yield_now().await;
            }
            assert_eq!(answers.recv().await.unwrap(), n);
        }
    }));
    drop(ask);
    other.join().unwrap();
}

#[test]
fn timers_come_can_be_moved_and_leave_nothing_behind() {
    let start = Instant::now();
    let set = |ms| {
        let mut timer = Timer::never();
        timer.set_at(start + Duration::from_millis(ms));
        timer
    };
    let (mut moved, mut dropped) = (set(60_000), set(60_000));
    run(async {
        for timer in [&mut moved, &mut dropped] {
            assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut *timer).poll(cx))).await.is_pending());
        }
        drop(dropped);
        moved.set_at(start + Duration::from_millis(6));
        moved.await;
        assert!(start.elapsed() >= Duration::from_millis(6));
        let (same, again) = (set(9), set(9));
        smol::future::zip(same, again).await;
        assert!(start.elapsed() >= Duration::from_millis(9));
        set(9).await;
    });
    assert_eq!(HERE.with(|here| here.timers.borrow().wait(Instant::now)), None);
}

#[test]
fn those_due_are_taken_earliest_first() {
    let mut timers = Timers::new();
    let start = Instant::now();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Note(u64, Arc<std::sync::Mutex<Vec<u64>>>);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    for (ms, id) in [(5, 1), (1, 2), (9, 3), (1, 4)] {
        timers.put(start + Duration::from_millis(ms), id, Waker::from(Arc::new(Note(id, Arc::clone(&order)))));
    }
    assert_eq!(timers.wait(|| start), Some(Duration::from_millis(1)));
    timers.due(|| start + Duration::from_millis(5)).into_iter().for_each(Waker::wake);
    assert_eq!(*order.lock().unwrap(), [2, 4, 1]);
    assert_eq!(timers.wait(|| start + Duration::from_millis(10)), Some(Duration::ZERO));
    assert_eq!(timers.due(|| start + Duration::from_millis(10)).len(), 1);
    assert_eq!(timers.wait(|| start), None);
}

#[test]
fn an_edge_is_remembered_until_nothing_is_left() {
    let (near, mut far) = pair();
    far.write_all(b"12345678").unwrap();
    run(async {
        readable(&near).await;
        // Nobody reads: it stays ready without another edge.
        looked().await;
        assert!(is_ready(&near));
        assert_eq!(read(&near, 4).unwrap(), 4);
        looked().await;
        assert!(is_ready(&near), "the room was filled: more may be there");
        assert_eq!(read(&near, 5).unwrap(), 4);
        looked().await;
        assert!(!is_ready(&near), "there was room left");
        assert_eq!(read(&near, 4).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        far.write_all(b"9").unwrap();
        readable(&near).await;
        assert_eq!(read(&near, 1).unwrap(), 1);
        assert!(is_ready(&near));
        assert_eq!(read(&near, 1).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(!is_ready(&near));
    });
}

#[test]
fn the_end_behind_a_short_read_is_found() {
    let (near, mut far) = pair();
    far.write_all(b"last words").unwrap();
    drop(far);
    run(async {
        readable(&near).await;
        assert_eq!(read(&near, 100).unwrap(), 10);
        readable(&near).await;
        assert_eq!(read(&near, 100).unwrap(), 0);
        // Both directions hear of it.
        poll_fn(|cx| near.poll_writable(cx)).await.unwrap();
    });
}

#[test]
fn what_comes_while_a_source_rests_wakes_nobody_and_is_told_when_somebody_waits() {
    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    let near = UdpSocket::bind("127.0.0.1:0").unwrap();
    far.connect(near.local_addr().unwrap()).unwrap();
    let near = Polled::new(near).unwrap();
    near.rest();
    far.send(b"1").unwrap();
    far.send(b"2").unwrap();
    run(async {
        looked().await;
        assert!(!near.readiness.readable.get(), "it rests");
        poll_fn(|cx| near.poll_readable(cx)).await.unwrap();
        let receive = || near.read_one_with(|io| io.recv(&mut [0; 100]));
        assert_eq!(receive().unwrap(), 1);
        assert!(near.readiness.readable.get(), "a short datagram says nothing about the next");
        assert_eq!(receive().unwrap(), 1);
        assert_eq!(receive().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        // Awake again: an edge without being asked.
        far.send(b"3").unwrap();
        looked().await;
        assert!(near.readiness.readable.get());
    });
}

#[test]
fn room_is_told_to_who_waits_for_it_only() {
    let (near, mut far) = pair();
    let write = || near.write_with(|mut io| io.write(&[0; 4 << 10]));
    let mut sent = 0;
    while let Ok(n) = write() {
        sent += n;
    }
    run(async {
        let other = thread::spawn(move || {
            let mut all = vec![0; sent];
            far.read_exact(&mut all).unwrap();
            far
        });
        poll_fn(|cx| near.poll_writable(cx)).await.unwrap();
        assert!(write().is_ok());
        let mut far = other.join().unwrap();
        assert!(!near.readiness.asked.get().contains(epoll::EventFlags::OUT), "nobody waits any more");
        near.readiness.writable.set(false);
        far.read_exact(&mut [0; 4 << 10]).unwrap();
        looked().await;
        assert!(!near.readiness.writable.get());
    });
}

#[test]
fn a_source_may_go_while_somebody_waits_for_it() {
    let executor = LocalExecutor::new();
    let (near, far) = pair();
    let descriptor = near.get_ref().try_clone().unwrap();
    let waiting = executor.spawn(async move { readable(&near).await });
    run(executor.run(async {
        yield_now().await;
        drop(waiting);
        yield_now().await;
        // The same file is still open: had it stayed watched, its edge would come. Others take the descriptor's number.
        let (other, mut its_far) = pair();
        drop(far);
        looked().await;
        assert!(here().unwrap().events.borrow().is_empty(), "the kernel no longer speaks of it");
        assert!(!is_ready(&other));
        its_far.write_all(b"!").unwrap();
        readable(&other).await;
    }));
    assert_eq!(here().unwrap().sources.borrow().len(), 0);
    drop(descriptor);
}

#[test]
fn more_sources_than_events_at_once_are_all_heard() {
    let executor = LocalExecutor::new();
    let (heard, hears) = channel::unbounded();
    let mut fars = Vec::new();
    for n in 0..3 * EVENTS_MAX + 1 {
        let (near, far) = pair();
        let heard = heard.clone();
        executor
            .spawn(async move {
                readable(&near).await;
                assert_eq!(read(&near, 10).unwrap(), 1);
                heard.send(n).await.unwrap();
            })
            .detach();
        fars.push(far);
    }
    run(executor.run(async {
        yield_now().await;
        for far in &mut fars {
            far.write_all(b"!").unwrap();
        }
        let mut all = std::collections::BTreeSet::new();
        for _ in 0..fars.len() {
            all.insert(hears.recv().await.unwrap());
        }
        assert_eq!(all.len(), fars.len());
    }));
}

#[test]
fn a_task_that_is_always_ready_does_not_keep_sockets_and_timers_waiting() {
    let executor = LocalExecutor::new();
    executor
        .spawn(async {
            loop {
                yield_now().await;
            }
        })
        .detach();
    let (near, mut far) = pair();
    far.write_all(b"!").unwrap();
    run(executor.run(async {
        readable(&near).await;
        Timer::after(Duration::from_millis(1)).await;
    }));
}
