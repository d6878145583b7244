//! The network model: order, delay, pieces, faults.
use super::*;

const FE: Node = Node(0);

fn net(options: NetOptions) -> Net {
    Net::new(options, 2, Rng::new(1))
}

/// Everything that happens up to `until`, with its time.
fn run(net: &mut Net, until: u64) -> Vec<(u64, NetEvent)> {
    let mut seen = Vec::new();
    let mut now = 0;
    while let Some(at) = net.next_at().filter(|at| at.0 <= until) {
        now = at.0.max(now);
        while let Some(event) = net.poll(Mono(now)) {
            seen.push((now, event));
        }
    }
    seen
}

fn connected(options: NetOptions) -> (Net, ConnId) {
    let mut net = net(options);
    let conn = net.connect(Mono(0), FE);
    let events = run(&mut net, 1_000);
    assert!(events.iter().any(|(_, e)| *e == NetEvent::Connected { conn }) && events.iter().any(|(_, e)| *e == NetEvent::Accepted { conn, node: FE }));
    (net, conn)
}

fn bytes_to(side: Side, events: &[(u64, NetEvent)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (_, event) in events {
        if let NetEvent::Data { to, bytes, .. } = event
            && *to == side
        {
            assert!(!bytes.is_empty());
            all.extend_from_slice(bytes);
        }
    }
    all
}

fn closed(side: Side, events: &[(u64, NetEvent)]) -> Option<(u64, CloseCause)> {
    events.iter().find_map(|(at, e)| match e {
        NetEvent::Closed { to, why, .. } if *to == side => Some((*at, *why)),
        _ => None,
    })
}

#[test]
fn bytes_keep_their_order_through_jitter_splits_and_joins() {
    let options = NetOptions { jitter_ms: 500, split_per_mille: 700, crumbs_per_mille: 200, join_per_mille: 300, ..NetOptions::default() };
    let (mut net, conn) = connected(options);
    let sent: Vec<u8> = (0..200u16).flat_map(u16::to_le_bytes).collect();
    for (i, chunk) in sent.chunks(7).enumerate() {
        net.send(Mono(1_000 + i as u64), conn, Side::Server, chunk);
        net.send(Mono(1_000 + i as u64), conn, Side::Client, chunk);
    }
    let events = run(&mut net, 60_000);
    assert_eq!(bytes_to(Side::Client, &events), sent);
    assert_eq!(bytes_to(Side::Server, &events), sent);
    assert!(events.iter().any(|(_, e)| matches!(e, NetEvent::Data { bytes, .. } if bytes.len() == 1)));
    assert!(events.iter().any(|(_, e)| matches!(e, NetEvent::Data { bytes, .. } if bytes.len() > 7)));
}

#[test]
fn a_narrow_line_takes_its_time() {
    let (mut net, conn) = connected(NetOptions { bytes_per_ms: 10, ..NetOptions::default() });
    net.send(Mono(1_000), conn, Side::Client, &[0; 5_000]);
    assert_eq!(run(&mut net, 10_000).first().map(|(at, _)| *at), Some(1_501));
}

#[test]
fn a_close_comes_after_the_last_byte() {
    let (mut net, conn) = connected(NetOptions::default());
    net.send(Mono(1_000), conn, Side::Server, b"bye");
    net.close(Mono(1_000), conn, Side::Server);
    let events = run(&mut net, 10_000);
    assert_eq!(bytes_to(Side::Client, &events), b"bye");
    assert_eq!(closed(Side::Client, &events), Some((1_001, CloseCause::PeerClosed)));
    assert_eq!(net.open_conns().count(), 0);
}

#[test]
fn a_partition_holds_bytes_back_and_lets_them_go() {
    let (mut net, conn) = connected(NetOptions::default());
    net.partition(Mono(1_000), FE, true);
    net.send(Mono(1_000), conn, Side::Client, b"x");
    assert_eq!(bytes_to(Side::Server, &run(&mut net, 15_000)), b"");
    net.partition(Mono(15_000), FE, false);
    assert_eq!(bytes_to(Side::Server, &run(&mut net, 15_002)), b"x");
    assert_eq!(closed(Side::Client, &run(&mut net, 60_000)), None);
}

#[test]
fn a_long_partition_ends_the_connection_of_whoever_wrote() {
    let (mut net, conn) = connected(NetOptions::default());
    net.partition(Mono(1_000), FE, true);
    net.send(Mono(2_000), conn, Side::Client, b"x");
    let events = run(&mut net, 60_000);
    assert_eq!(closed(Side::Client, &events), Some((22_000, CloseCause::TimedOut)));
    assert_eq!(closed(Side::Server, &events), None);
    net.partition(Mono(60_000), FE, false);
    net.send(Mono(61_000), conn, Side::Server, b"anybody there?");
    let events = run(&mut net, 70_000);
    assert_eq!(bytes_to(Side::Server, &events), b"", "the kernel gave up long ago");
    assert_eq!(closed(Side::Server, &events).map(|(_, why)| why), Some(CloseCause::Reset));
}

#[test]
fn what_a_closed_end_wrote_is_given_up_like_any_other() {
    for (heals, arrives) in [(21_000, &b"x"[..]), (60_000, b"")] {
        let (mut net, conn) = connected(NetOptions::default());
        net.partition(Mono(1_000), FE, true);
        net.send(Mono(2_000), conn, Side::Client, b"x");
        net.close(Mono(3_000), conn, Side::Client);
        run(&mut net, heals);
        net.partition(Mono(heals), FE, false);
        assert_eq!(bytes_to(Side::Server, &run(&mut net, 90_000)), arrives, "healed at {heals}");
    }
}

#[test]
fn a_silent_death_is_found_out_by_writing() {
    let (mut net, conn) = connected(NetOptions::default());
    net.kill_node(Mono(1_000), FE, true);
    assert_eq!(closed(Side::Client, &run(&mut net, 300_000)), None, "half-open: nobody is told");
    net.send(Mono(300_000), conn, Side::Client, b"x");
    assert_eq!(closed(Side::Client, &run(&mut net, 400_000)), Some((320_000, CloseCause::TimedOut)));
}

#[test]
fn a_node_that_came_back_resets_what_it_does_not_know() {
    let (mut net, conn) = connected(NetOptions::default());
    net.kill_node(Mono(1_000), FE, true);
    net.listen(Mono(5_000), FE, Listen::Open);
    net.send(Mono(6_000), conn, Side::Client, b"x");
    assert_eq!(closed(Side::Client, &run(&mut net, 10_000)), Some((6_002, CloseCause::Reset)));
}

#[test]
fn a_dead_program_refuses_and_resets() {
    let (mut net, _) = connected(NetOptions::default());
    net.kill_node(Mono(1_000), FE, false);
    assert_eq!(closed(Side::Client, &run(&mut net, 2_000)).map(|(_, why)| why), Some(CloseCause::Reset));
    net.connect(Mono(3_000), FE);
    assert_eq!(closed(Side::Client, &run(&mut net, 4_000)), Some((3_001, CloseCause::Refused)));
}

#[test]
fn a_silent_node_answers_no_attempt() {
    let mut net = net(NetOptions::default());
    net.kill_node(Mono(0), FE, true);
    net.connect(Mono(0), FE);
    assert_eq!(closed(Side::Client, &run(&mut net, 100_000)), Some((60_000, CloseCause::TimedOut)));
}

#[test]
fn a_full_backlog_connects_and_accepts_later() {
    let mut net = net(NetOptions::default());
    net.listen(Mono(0), FE, Listen::Backlog);
    let conn = net.connect(Mono(0), FE);
    assert_eq!(run(&mut net, 100), vec![(1, NetEvent::Connected { conn })]);
    net.send(Mono(100), conn, Side::Client, b"hello");
    assert_eq!(run(&mut net, 5_000), vec![]);
    net.listen(Mono(5_000), FE, Listen::Open);
    let events = run(&mut net, 6_000);
    assert_eq!(events.first(), Some(&(5_001, NetEvent::Accepted { conn, node: FE })));
    assert_eq!(bytes_to(Side::Server, &events), b"hello");
}

#[test]
fn a_reset_reaches_both_ends_and_leaves_nothing() {
    let (mut net, conn) = connected(NetOptions::default());
    net.send(Mono(1_000), conn, Side::Client, b"lost?");
    net.reset(Mono(1_000), conn);
    let events = run(&mut net, 5_000);
    assert!(closed(Side::Client, &events).is_some() && closed(Side::Server, &events).is_some());
    assert_eq!((net.open_conns().count(), net.bytes_queued()), (0, 0));
}

#[test]
fn too_much_unsent_ends_the_connection_at_the_sender() {
    let (mut net, conn) = connected(NetOptions { buffer_bytes_max: 100, ..NetOptions::default() });
    net.stall(Mono(1_000), FE, true);
    net.send(Mono(1_000), conn, Side::Client, &[0; 60]);
    net.send(Mono(1_000), conn, Side::Client, &[0; 60]);
    assert_eq!(closed(Side::Client, &run(&mut net, 2_000)).map(|(_, why)| why), Some(CloseCause::Local));
}

#[test]
fn a_hanging_connection_does_not_hold_its_neighbour() {
    let (mut net, first) = connected(NetOptions::default());
    let second = net.connect(Mono(1_000), FE);
    run(&mut net, 2_000);
    net.stall_conn(Mono(2_000), first, true);
    net.send(Mono(2_000), first, Side::Client, b"1");
    net.send(Mono(2_000), second, Side::Client, b"2");
    assert_eq!(bytes_to(Side::Server, &run(&mut net, 3_000)), b"2");
    net.stall_conn(Mono(3_000), first, false);
    assert_eq!(bytes_to(Side::Server, &run(&mut net, 4_000)), b"1");
}
