use std::net::SocketAddr;

use bytes::Bytes;

use super::{BATCH, Inbox, listen, send_all};

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn more_than_a_batch_arrives_in_order_with_its_sender() {
    let (from, to) = (listen(loopback(), "lo").unwrap(), listen(loopback(), "lo").unwrap());
    let target = to.local_addr().unwrap();
    let sent: Vec<(SocketAddr, Bytes)> =
        (0..BATCH + 3).map(|number| (target, Bytes::from(format!("datagram {number}")))).collect();

    assert_eq!(send_all(&from, &sent, None), 0);

    let mut inbox = Inbox::default();
    let mut received = Vec::new();
    for _ in 0..10 {
        inbox.receive(&to, |sender, bytes| received.push((sender, bytes.to_vec()))).unwrap();
    }
    assert_eq!(received.len(), sent.len());
    assert!(received.iter().all(|(sender, _)| *sender == from.local_addr().unwrap()));
    assert!(received.iter().zip(&sent).all(|((_, got), (_, want))| got == want));
}

#[test]
fn a_refused_datagram_does_not_stop_the_others() {
    let (from, to) = (listen(loopback(), "lo").unwrap(), listen(loopback(), "lo").unwrap());
    let target = to.local_addr().unwrap();
    // Port 0 cannot be sent to.
    let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let sent = [(target, Bytes::from("one")), (nowhere, Bytes::from("lost")), (target, Bytes::from("two"))];

    assert_eq!(send_all(&from, &sent, None), 1);

    let mut received = Vec::new();
    let mut inbox = Inbox::default();
    for _ in 0..3 {
        inbox.receive(&to, |_, bytes| received.push(bytes.to_vec())).unwrap();
    }
    assert_eq!(received, [b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn a_datagram_to_a_port_that_is_closed_is_reported_with_what_it_said_and_costs_no_other_one() {
    let (from, to) = (listen(loopback(), "lo").unwrap(), listen(loopback(), "lo").unwrap());
    let closed = listen(loopback(), "lo").unwrap().local_addr().unwrap();
    let target = to.local_addr().unwrap();
    let mut reported = Vec::new();
    for number in 0..10 {
        let datagrams = [(closed, Bytes::from(format!("lost {number}"))), (target, Bytes::from("taken"))];
        assert_eq!(send_all(&from, &datagrams, None), 0);
    }
    let mut inbox = Inbox::default();
    inbox.receive(&from, |_, _| panic!("nobody has answered")).unwrap();
    super::reports::take_reports(&from, |peer, quoted| reported.push((peer, quoted.to_vec())));
    let wanted: Vec<_> = (0..10).map(|number| (closed, format!("lost {number}").into_bytes())).collect();
    // The kernel limits how many reports it makes in a second.
    assert!(!reported.is_empty() && reported.iter().all(|report| wanted.contains(report)), "{reported:?}");

    let mut received = 0;
    for _ in 0..10 {
        inbox.receive(&to, |_, bytes| received += usize::from(bytes == b"taken")).unwrap();
    }
    assert_eq!(received, 10);
}
