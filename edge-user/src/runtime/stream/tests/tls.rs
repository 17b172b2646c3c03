//! The same within TLS: who gets in, under whose name, and for how long.

use std::sync::OnceLock;

use edge_core::policy::TrunkKey;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::tls::testing::{Peer, Pki, Wanted};
use crate::tls::{Keyring, PROVIDER};

/// A port that nobody listens on: where a trunk is that is never called.
const NOWHERE: u16 = 9;

const A: Peer = Peer { port: NOWHERE, ..Peer::certified("a", &["a.example"]) };
const B: Peer = Peer { port: NOWHERE, ..Peer::certified("b", &["b.example"]) };

/// A hub that listens for TLS, and the files it was started with: `edge` and `ca`, and what `ca` signed for `a` and `b`.
struct TlsBench {
    bench: Bench,
    pki: Pki,
    reception: Arc<Reception>,
}

impl TlsBench {
    fn new(trunks: &[Peer]) -> Self {
        let pki = Pki::new();
        let ca = pki.authority("ca");
        pki.issue("edge", &ca, &Wanted::dns("edge.example"));
        pki.issue("a", &ca, &Wanted::dns("a.example"));
        pki.issue("b", &ca, &Wanted::dns("b.example"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = pki.config_at(listener.local_addr().unwrap(), trunks);
        let keyring = Arc::new(Keyring::load(&config, clock::today()).unwrap().0);
        let shield = Arc::new(Shield::without_kernel(&config.policy));
        let reception = Arc::new(Reception::new(Arc::clone(&config.policy), keyring, shield));
        let (shard, notices) = bounded(64);
        let counters = Arc::new(StreamCounters::default());
        let shared = Shared::new(vec![shard], Arc::clone(&reception), Arc::clone(&counters));
        let bench = Bench::at(listener, Transport::Tls, shared, notices, counters);
        Self { bench, pki, reception }
    }

    /// The files as they are now, with these trunks: what SIGHUP does.
    fn reload(&self, trunks: &[Peer]) {
        let mut config = self.pki.config_at(self.bench.edge, trunks);
        let keyring = Keyring::load(&config, clock::today()).unwrap().0;
        Arc::get_mut(&mut config.policy).unwrap().take_over(&self.reception.policy());
        self.reception.replace_keyring(Arc::new(keyring));
        self.reception.replace_policy(config.policy);
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.pki.path("ca.pem")).unwrap()).unwrap();
        roots
    }

    fn pair(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_file_iter(self.pki.path(&format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.pki.path(&format!("{name}.key"))).unwrap();
        (chain.map(Result::unwrap).collect(), key)
    }

    /// A connection to the edge with the certificate of `shown`, and its name there but for what is proven.
    fn connect(&self, shown: Option<&str>) -> (StreamOwned<ClientConnection, TcpStream>, Path) {
        let (tcp, path) = self.bench.connect();
        let config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(name) => {
                let (chain, key) = self.pair(name);
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let name = ServerName::try_from("edge.example").unwrap();
        (StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp), path)
    }

    fn key(&self, trunk: usize) -> TrunkKey {
        self.reception.policy().trunks[trunk].key
    }

    fn waited_for(&self, name: &str, least: u64) {
        let deadline = clock::now() + PATIENCE;
        while self.bench.counted(name) < least {
            assert!(clock::now() < deadline, "{name}: {:?}", self.bench.counters.named());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn is_closed(peer: &mut impl Read) -> bool {
    !matches!(peer.read(&mut [0; 1]), Ok(1..))
}

#[test]
fn a_message_comes_under_the_name_that_was_proven_and_its_answer_goes_back() {
    let tls = TlsBench::new(&[A, B]);
    let mut peers = ["a", "b"].map(|name| tls.connect(Some(name)));
    for (trunk, (peer, path)) in peers.iter_mut().enumerate() {
        peer.write_all(message().as_bytes()).unwrap();
        let proven = Path { proven: Some(tls.key(trunk)), ..*path };
        assert_eq!(tls.bench.received(), (proven, Bytes::from(message())));
        tls.bench.send(proven, "answer");
        let mut answer = [0; 6];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
    }
    assert_eq!(tls.bench.counted("tls_handshakes"), 2);
}

#[test]
fn who_proves_nothing_is_closed_counted_by_reason_and_never_heard() {
    let tls = TlsBench::new(&[A]);
    let other = tls.pki.authority("other");
    tls.pki.issue("forged", &other, &Wanted::dns("a.example"));
    let own = |wanted: Wanted| {
        let ca = tls.pki.authority("ca");
        tls.pki.issue("peer", &ca, &wanted);
        tls.pki.issue("edge", &ca, &Wanted::dns("edge.example"));
        tls.reload(&[A]);
    };
    let refused = |shown: Option<&str>, counter: &str| {
        let (mut peer, _) = tls.connect(shown);
        // With TLS 1.3 the peer may write before it hears that it is refused.
        drop(peer.write_all(message().as_bytes()));
        assert!(is_closed(&mut peer), "{counter}");
        tls.waited_for(counter, 1);
    };
    refused(None, "tls_without_certificate");
    refused(Some("forged"), "tls_wrong_authority");
    own(Wanted::dns("b.example"));
    refused(Some("peer"), "tls_wrong_name");
    own(Wanted::dns("a.example").years(2020, 2021));
    refused(Some("peer"), "tls_wrong_time");

    let (mut plain, _) = tls.bench.connect();
    plain.write_all(message().as_bytes()).unwrap();
    while !is_closed(&mut plain) {}
    tls.waited_for("tls_failed", 1);
    assert!(tls.bench.notices.is_empty(), "nobody's message goes further");
    assert_eq!(tls.bench.counted("connections_open"), 0);
}

#[test]
fn who_is_known_by_its_address_needs_no_certificate() {
    let tls = TlsBench::new(&[Peer { auth: "ip", ..A }]);
    let (mut peer, path) = tls.connect(None);
    peer.write_all(message().as_bytes()).unwrap();
    assert_eq!(tls.bench.received().0, path);
}

#[test]
fn a_source_begins_only_so_many_handshakes() {
    let tls = TlsBench::new(&[A]);
    let open: Vec<_> = (0..20).filter_map(|_| TcpStream::connect(tls.bench.edge).ok()).collect();
    tls.waited_for("tls_crowded_out", 16);
    assert_eq!(tls.bench.counted("connections_open"), 0);
    drop(open);
}

/// A server at the trunk's address, with the certificate of `shown`, which takes one connection and asks for a
/// certificate itself.
fn serve(tls: &TlsBench, listener: &TcpListener, shown: &str) -> StreamOwned<ServerConnection, TcpStream> {
    let (chain, key) = tls.pair(shown);
    let asks = rustls::server::WebPkiClientVerifier::builder_with_provider(
        tls.roots().into(),
        Arc::clone(&PROVIDER),
    )
    .build()
    .unwrap();
    let config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(asks)
        .with_single_cert(chain, key)
        .unwrap();
    let (tcp, _) = listener.accept().unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp)
}

fn at(listener: &TcpListener, trunk: Peer) -> Peer {
    Peer { port: listener.local_addr().unwrap().port(), ..trunk }
}

#[test]
fn a_server_is_sent_to_only_when_it_is_the_trunk_and_sees_our_certificate() {
    for auth in ["tls", "ip"] {
        let host = TcpListener::bind("127.0.0.1:0").unwrap();
        let tls = TlsBench::new(&[Peer { auth, ..at(&host, A) }]);
        let proven = (auth == "tls").then(|| tls.key(0));
        let path = Path { listener: tls.bench.id, peer: host.local_addr().unwrap(), proven };
        tls.bench.send(path, "hello");
        let mut impostor = serve(&tls, &host, "b");
        assert!(is_closed(&mut impostor), "it is refused, and gets nothing");
        assert_eq!(tls.bench.failed(), path);
        tls.waited_for("tls_wrong_name", 1);

        tls.bench.send(path, "hello");
        let mut trunk = serve(&tls, &host, "a");
        let mut hello = [0; 5];
        trunk.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, b"hello");
        let ours = CertificateDer::from_pem_file(tls.pki.path("edge.pem")).unwrap();
        assert_eq!(trunk.conn.peer_certificates().unwrap()[0], ours);
        trunk.write_all(message().as_bytes()).unwrap();
        assert_eq!(tls.bench.received().0, path);
    }
}

#[test]
fn a_proven_peer_that_says_alias_is_sent_requests_over_its_own_connection() {
    for (alias, reused) in [(";alias", true), ("", false)] {
        let host = TcpListener::bind("127.0.0.1:0").unwrap();
        let tls = TlsBench::new(&[at(&host, A), B]);
        let (mut peer, path) = tls.connect(Some("a"));
        let port = host.local_addr().unwrap().port();
        let options = format!(
            "OPTIONS sip:edge.example SIP/2.0\r\nVia: SIP/2.0/TLS a.example:{port};branch=z9hG4bK1{alias}\r\n\
             From: <sip:a.example>;tag=1\r\nTo: <sip:edge.example>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        peer.write_all(options.as_bytes()).unwrap();
        let opened = Path { proven: Some(tls.key(0)), ..path };
        assert_eq!(tls.bench.received().0, opened);
        let to_host = Path { peer: host.local_addr().unwrap(), ..opened };
        tls.bench.send(to_host, "hello");
        let mut hello = [0; 5];
        if !reused {
            serve(&tls, &host, "a").read_exact(&mut hello).unwrap();
            continue;
        }
        peer.read_exact(&mut hello).unwrap();
        assert_eq!((&hello, tls.bench.counted("connections_open")), (b"hello", 1));
        drop(peer);
        let failed = [tls.bench.failed(), tls.bench.failed()];
        assert!(failed.contains(&to_host) && failed.contains(&opened), "{failed:?}");
    }
}

#[test]
fn a_reload_ends_the_connections_that_it_would_not_let_in() {
    let renamed = Peer { names: &["a2.example"], ..A };
    let elsewhere = Peer { ca: Some("other.pem"), ..A };
    for (trunks, stays) in
        [(vec![A, B], true), (vec![B], false), (vec![renamed, B], false), (vec![elsewhere, B], false)]
    {
        let tls = TlsBench::new(&[A, B]);
        tls.pki.authority("other");
        let (mut a, _) = tls.connect(Some("a"));
        let (mut b, _) = tls.connect(Some("b"));
        for peer in [&mut a, &mut b] {
            peer.write_all(message().as_bytes()).unwrap();
            tls.bench.received();
        }
        tls.reload(&trunks);
        if !stays {
            assert!(is_closed(&mut a), "{trunks:?}");
        }
        let others = if stays { vec![&mut a, &mut b] } else { vec![&mut b] };
        for peer in others {
            peer.write_all(message().as_bytes()).unwrap();
            tls.bench.received();
        }
    }
}

#[test]
fn a_new_certificate_is_shown_to_who_comes_and_nobody_who_is_there_notices() {
    let tls = TlsBench::new(&[A]);
    let shown =
        |peer: &StreamOwned<ClientConnection, TcpStream>| peer.conn.peer_certificates().unwrap()[0].clone();
    let say = |peer: &mut StreamOwned<ClientConnection, TcpStream>| {
        peer.write_all(message().as_bytes()).unwrap();
        tls.bench.received();
    };
    let (mut before, _) = tls.connect(Some("a"));
    say(&mut before);
    let ca = tls.pki.authority("ca");
    tls.pki.issue("edge", &ca, &Wanted::dns("edge.example"));
    // The peer's own certificate is believed as it is, whoever signs now.
    let believed = format!(
        "{}{}",
        std::fs::read_to_string(tls.pki.path("ca.pem")).unwrap(),
        std::fs::read_to_string(tls.pki.path("a.pem")).unwrap()
    );
    tls.pki.write("ca.pem", &believed);
    tls.reload(&[A]);
    let (mut after, _) = tls.connect(Some("a"));
    say(&mut after);
    say(&mut before);
    assert_ne!(shown(&before), shown(&after));
    assert_eq!(shown(&after), CertificateDer::from_pem_file(tls.pki.path("edge.pem")).unwrap());
}

/// A peer on a connection of TCP that answers keepalives `answered` times, and then no more.
async fn kept_alive(answered: usize) -> (Ending, usize, Duration) {
    let (shard, _notices) = bounded(1);
    let edge = SocketAddr::from((LOOPBACK, 5060));
    let shared = shared(edge, LOOPBACK, shard, &Arc::default());
    let listener = ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Tcp };
    let (ours, mut theirs) = tokio::io::duplex(1_024);
    let (feed, queue) = feed::queue();
    let begun = tokio::time::Instant::now();
    let alias = Arc::new(OnceLock::from(None));
    let path = Path { listener, peer: edge, proven: None };
    let our_end = OurEnd { path, queue, feed: feed.downgrade(), alias };
    let peer = async move {
        let mut pings = 0;
        let mut ping = [0; 4];
        while tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut ping).await.is_ok() {
            assert_eq!(&ping, b"\r\n\r\n");
            pings += 1;
            if pings <= answered {
                tokio::io::AsyncWriteExt::write_all(&mut theirs, b"\r\n").await.unwrap();
            }
        }
        pings
    };
    let (ending, pings) = tokio::join!(connection::run(ours, our_end, &shared), peer);
    (ending, pings, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_keepalives_no_more_is_dead_and_one_that_never_did_is_let_alone() {
    assert_eq!(kept_alive(0).await, (Ending::Idle, 1, Duration::from_secs(3_600)));
    assert_eq!(kept_alive(3).await, (Ending::Dead, 4, Duration::from_secs(4 * 120 + 10)));
}
