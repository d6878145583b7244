//! Datagrams of one connection.
use super::*;
use std::net::UdpSocket;

#[test]
fn datagrams_leave_apart_and_in_order_without_the_one_too_large() {
    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    far.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let conn = Conn::new(Sock::udp(far.local_addr().unwrap()).unwrap(), None, 1 << 20);
    // More than go at once, of all lengths.
    for n in 0..DATAGRAMS_MAX + 3 {
        conn.out().extend_from_slice(format!("{n}").repeat(n + 1).as_bytes());
        conn.end_message();
        if n == 5 {
            conn.out().extend_from_slice(&[b'x'; 64 << 10]);
            conn.end_message();
        }
    }
    assert!(conn.io.borrow_mut().write(&conn.sock).unwrap());
    let mut into = [0; 1 << 10];
    let mut bytes = 0;
    for n in 0..DATAGRAMS_MAX + 3 {
        let len = far.recv(&mut into).unwrap();
        assert_eq!(into[..len], *format!("{n}").repeat(n + 1).as_bytes());
        bytes += len as u64;
    }
    assert_eq!((conn.unsent(), conn.traffic()), (0, (0, bytes)));
}
