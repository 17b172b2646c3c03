//! The hub against real peers on loopback, with the shards' queues in the test's hands.

mod tls;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, bounded};
use edge_core::policy::{CallTimers, Host, Listener, Realm, RealmId, Strangers, Transport};

use super::connection::{Ending, OurEnd};
use super::*;
use crate::shield::Shield;

const PATIENCE: Duration = Duration::from_secs(40);
const OPTIONS: &str = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCall-ID: c\r\n";

struct Bench {
    edge: SocketAddr,
    id: ListenerId,
    outgoing: mpsc::Sender<Outgoing>,
    notices: Receiver<Notice>,
    counters: Arc<StreamCounters>,
    thread: JoinHandle<()>,
}

impl Bench {
    /// A hub whose only trunk is at `trunk`, and whose shard takes `room` notices.
    fn new(trunk: [u8; 4], room: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let edge = listener.local_addr().unwrap();
        let (shard, notices) = bounded(room);
        let counters = Arc::new(StreamCounters::default());
        let shared = shared(edge, trunk, shard, &counters);
        Self::at(listener, Transport::Tcp, shared, notices, counters)
    }

    fn at(
        listener: TcpListener,
        transport: Transport,
        shared: Shared,
        notices: Receiver<Notice>,
        counters: Arc<StreamCounters>,
    ) -> Self {
        let edge = listener.local_addr().unwrap();
        let id = ListenerId { realm: RealmId::new(0), index: 0, transport };
        let (outgoing, messages) = queue();
        let thread = start(vec![(id, listener)], messages, shared).unwrap();
        Self { edge, id, outgoing, notices, counters, thread }
    }

    fn connect(&self) -> (TcpStream, Path) {
        let peer = TcpStream::connect(self.edge).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let path = Path { listener: self.id, peer: peer.local_addr().unwrap(), proven: None };
        (peer, path)
    }

    fn send(&self, path: Path, bytes: impl Into<Bytes>) {
        self.outgoing.blocking_send(Outgoing { path, bytes: bytes.into() }).unwrap();
    }

    fn received(&self) -> (Path, Bytes) {
        match self.notices.recv_timeout(PATIENCE) {
            Ok(Notice::Message { path, bytes, .. }) => (path, bytes),
            other => panic!("no message: {other:?}"),
        }
    }

    fn failed(&self) -> Path {
        match self.notices.recv_timeout(PATIENCE) {
            Ok(Notice::SendFailed { path }) => path,
            other => panic!("no failure: {other:?}"),
        }
    }

    fn counted(&self, name: &str) -> u64 {
        self.counters.named().into_iter().find(|(found, _)| *found == name).unwrap().1
    }
}

fn shared(edge: SocketAddr, trunk: [u8; 4], shard: Sender<Notice>, counters: &Arc<StreamCounters>) -> Shared {
    let policy = Arc::new(policy(edge, trunk.into()));
    let shield = Arc::new(Shield::without_kernel(&policy));
    let reception = Arc::new(Reception::new(policy, Arc::default(), shield));
    Shared::new(vec![shard], reception, Arc::clone(counters))
}

fn policy(edge: SocketAddr, trunk: IpAddr) -> Policy {
    let realm = Realm {
        name: "lo".to_owned(),
        device: "lo".to_owned(),
        sip: vec![Listener { transport: Transport::Tcp, address: edge }],
        media: vec![],
        reaches: Vec::new(),
        advertised: edge_core::policy::Advertised::default(),
    };
    let address = SocketAddr::new(trunk, 5060);
    let trunk =
        Trunk::new("peer", RealmId::new(0), address).at(Host::Address { address, transport: Transport::Tcp });
    Policy::new("t".to_owned(), vec![realm], vec![trunk], vec![], Strangers::Silent, CallTimers::default())
        .unwrap()
}

fn message() -> String {
    format!("{OPTIONS}Content-Length: 0\r\n\r\n")
}

fn read_exactly(peer: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

#[test]
fn answers_go_back_over_the_connection_of_their_request() {
    let bench = Bench::new(LOOPBACK, 64);
    let (mut peer, path) = bench.connect();
    peer.write_all(format!("{}\r\n\r\n{}", message(), message()).as_bytes()).unwrap();
    assert_eq!(bench.received(), (path, Bytes::from(message())));
    assert_eq!(read_exactly(&mut peer, 2), b"\r\n", "the pong between them");
    assert_eq!(bench.received(), (path, Bytes::from(message())));
    bench.send(path, "answer");
    assert_eq!(read_exactly(&mut peer, 6), b"answer");
}

#[test]
fn a_missing_connection_is_opened_once_and_used_again() {
    let bench = Bench::new(LOOPBACK, 64);
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = Path { listener: bench.id, peer: host.local_addr().unwrap(), proven: None };
    bench.send(path, "one");
    bench.send(path, "two");
    let (mut peer, from) = host.accept().unwrap();
    assert_eq!(from.ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(read_exactly(&mut peer, 6), b"onetwo");
    peer.write_all(message().as_bytes()).unwrap();
    assert_eq!(bench.received().0, path);
    assert_eq!(bench.counted("connections_open"), 1);

    drop(peer);
    assert_eq!(bench.failed(), path);
    bench.send(path, "three");
    assert_eq!(read_exactly(&mut host.accept().unwrap().0, 5), b"three", "a new one takes its place");
}

#[test]
fn a_connection_that_cannot_be_opened_is_reported() {
    let bench = Bench::new(LOOPBACK, 64);
    // Nobody else can have its port, and nobody listens there.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind(SocketAddr::from((LOOPBACK, 0))).unwrap();
    let path = Path { listener: bench.id, peer: nobody.local_addr().unwrap(), proven: None };
    bench.send(path, "one");
    assert_eq!(bench.failed(), path);
    assert_eq!(bench.counted("connections_failed"), 1);
    assert_eq!(bench.counted("connections_open"), 0);
}

#[test]
fn a_stranger_is_turned_away_and_never_called() {
    let bench = Bench::new([127, 0, 0, 9], 64);
    // The reset may come before the connection is reported to be one.
    if let Ok(mut peer) = TcpStream::connect(bench.edge) {
        assert!(!matches!(peer.read(&mut [0; 1]), Ok(1..)), "closed");
    }
    assert_eq!(bench.counted("connections_of_strangers"), 1);
    let path = Path { listener: bench.id, peer: SocketAddr::from((LOOPBACK, 5060)), proven: None };
    bench.send(path, "one");
    assert_eq!(bench.failed(), path);
}

#[test]
fn garbage_closes_its_connection_and_an_unframed_head_is_handed_over_before() {
    let bench = Bench::new(LOOPBACK, 64);
    let (mut peer, _) = bench.connect();
    peer.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert!(!matches!(peer.read(&mut [0; 1]), Ok(1..)), "closed");

    let (mut peer, path) = bench.connect();
    peer.write_all(format!("{OPTIONS}\r\n").as_bytes()).unwrap();
    assert_eq!(bench.received(), (path, Bytes::from(format!("{OPTIONS}\r\n"))));
    bench.send(path, "400");
    assert_eq!(read_exactly(&mut peer, 3), b"400");
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(bench.failed(), path);
    assert_eq!(bench.counted("connections_garbled"), 2);
}

#[test]
fn a_peer_that_does_not_read_is_dropped_and_others_are_served_meanwhile() {
    let bench = Bench::new(LOOPBACK, 64);
    let (_deaf, deaf) = bench.connect();
    let (mut peer, path) = bench.connect();
    peer.write_all(message().as_bytes()).unwrap();
    assert_eq!(bench.received().0, path);
    let large = Bytes::from(vec![b'x'; 60_000]);
    for _ in 0..1_000 {
        bench.send(deaf, large.clone());
    }
    bench.send(path, "answer");
    assert_eq!(read_exactly(&mut peer, 6), b"answer");
    assert_eq!(bench.failed(), deaf);
    // What is sent after it was dropped asks for a new connection, which may fill up in its turn.
    assert!(bench.counted("connections_slow") >= 1);
}

#[test]
fn a_shard_that_is_busy_loses_nothing_of_a_connection() {
    let bench = Bench::new(LOOPBACK, 1);
    let (mut peer, path) = bench.connect();
    peer.write_all(message().repeat(50).as_bytes()).unwrap();
    for _ in 0..50 {
        assert_eq!(bench.received().0, path);
    }
}

#[test]
fn connections_of_a_trunk_are_bounded() {
    let bench = Bench::new(LOOPBACK, 64);
    let peers: Vec<_> = (0..257).map(|_| bench.connect().0).collect();
    let is_closed = |peer: &&TcpStream| {
        peer.set_nonblocking(true).unwrap();
        !matches!((&**peer).read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    let deadline = clock::now() + PATIENCE;
    while !peers.iter().any(|peer| is_closed(&peer)) {
        assert!(clock::now() < deadline, "nobody is turned away");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(peers.iter().filter(is_closed).count(), 1);
    assert_eq!(bench.counted("connections_refused"), 1);
    assert_eq!(bench.counted("connections_open"), 256);
}

#[test]
fn what_is_queued_leaves_before_the_end() {
    let bench = Bench::new(LOOPBACK, 64);
    let (mut peer, path) = bench.connect();
    peer.write_all(message().as_bytes()).unwrap();
    bench.received();
    bench.send(path, "farewell");
    drop(bench.outgoing);
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "farewell");
    bench.thread.join().unwrap();
}

/// How a connection ends over which its peer wrote `said` and then does nothing, while we have `unread` for it; and
/// after how long, by a clock that waits for nobody.
async fn left_alone(said: &[u8], unread: usize) -> (Ending, Duration) {
    let (shard, _notices) = bounded(1);
    let edge = SocketAddr::from((LOOPBACK, 5060));
    let shared = shared(edge, LOOPBACK, shard, &Arc::default());
    let listener = ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Tcp };
    let (ours, mut theirs) = tokio::io::duplex(1_024);
    tokio::io::AsyncWriteExt::write_all(&mut theirs, said).await.unwrap();
    let (feed, queue) = feed::queue();
    feed.put(Bytes::from(vec![b'x'; unread])).unwrap();
    let begun = tokio::time::Instant::now();
    let path = Path { listener, peer: edge, proven: None };
    let alias = Arc::new(OnceLock::from(None));
    let ending = connection::run(ours, OurEnd { path, queue, feed: feed.downgrade(), alias }, &shared).await;
    (ending, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_connection_in_time() {
    assert_eq!(left_alone(b"", 1).await, (Ending::Idle, Duration::from_secs(3_600)));
    assert_eq!(left_alone(b"\r\n", 1).await, (Ending::Idle, Duration::from_secs(3_600)));
    assert_eq!(
        left_alone(b"OPTIONS sip:", 1).await,
        (Ending::Idle, Duration::from_secs(32)),
        "within a message"
    );
    assert_eq!(
        left_alone(b"", 2_000).await,
        (Ending::Slow, Duration::from_secs(5)),
        "of which it read nothing"
    );
}

#[test]
fn a_feed_has_bounds_and_counts_what_has_left() {
    let (feed, mut queue) = feed::queue();
    let mebibyte = Bytes::from(vec![0; 1 << 20]);
    for _ in 0..4 {
        feed.put(mebibyte.clone()).unwrap();
    }
    assert_eq!(feed.put(Bytes::from_static(b"x")), Err(feed::Refused::Full));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(queue.take(&mut Vec::new(), 1)), 1);
    feed.put(mebibyte).unwrap();
    drop(queue);
    assert_eq!(feed.put(Bytes::new()), Err(feed::Refused::Ended(Bytes::new())));
}
