//! No configuration lets a call begin that is nobody's: whatever realms, listeners and trunks a file has, and whatever somebody
//! sends from where no trunk is, there is no call, no transaction, and at most a challenge or a 403 that is no longer than what came.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use edge_core::digest::{Authorization, Challenge, Login, NonceKey, Proof, Protection, Secret};
use edge_core::edge::Shard;
use edge_core::policy::{Auth, ListenerId, Policy, RealmId};
use edge_core::transaction::Path;
use edge_core::{Command, Edge, Input};
use edge_user::config::Config;
use proptest::prelude::*;

const PASSWORD: &[u8] = b"zanzibar";

/// A trunk of a file.
#[derive(Debug, Clone)]
struct Written {
    realm: usize,
    auth: usize,
    /// The last octet of its address.
    host: u8,
    sources: Option<u8>,
    registrar: bool,
    nat: bool,
}

/// A file.
#[derive(Debug, Clone)]
struct File {
    realms: usize,
    forbid: bool,
    trunks: Vec<Written>,
}

prop_compose! {
    fn written()(
        realm in 0..2_usize, auth in 0..5_usize, host in 10..250_u8, sources in proptest::option::of(26..=30_u8),
        registrar in any::<bool>(), nat in any::<bool>(),
    ) -> Written {
        Written { realm, auth, host, sources, registrar, nat }
    }
}

prop_compose! {
    fn file()(
        realms in 1..=2_usize, forbid in any::<bool>(), trunks in proptest::collection::vec(written(), 1..6),
    ) -> File {
        File { realms, forbid, trunks }
    }
}

impl File {
    fn toml(&self) -> String {
        let strangers = if self.forbid { "forbid" } else { "silent" };
        let mut text = format!("[node]\nname = \"edge-1\"\n[shield]\nstrangers = \"{strangers}\"\n");
        for realm in 0..self.realms {
            text += &format!(
                "[[realm]]\nname = \"r{realm}\"\ndevice = \"eth{realm}\"\n\
                 sip = [\"udp:10.{realm}.0.1:5060\", \"tcp:10.{realm}.0.1:5060\", \"tls:10.{realm}.0.1:5061\"]\n\
                 media = [\"10.{realm}.0.1\"]\nmedia_ports = \"20000-20999\"\n\
                 tls = {{ certificate = \"/c\", private_key = \"/k\", client_ca = \"/ca\" }}\n"
            );
        }
        for (index, trunk) in self.trunks.iter().enumerate() {
            text += &self.trunk(index, trunk);
        }
        let names: Vec<_> = (0..self.trunks.len()).map(|index| format!("\"t{index}\"")).collect();
        let to: Vec<_> = names.iter().map(|name| format!("{{ trunk = {name} }}")).collect();
        text += &format!(
            "[[route]]\nname = \"all\"\nfrom = [{}]\nto = {{ prefix = \"\" }}\ntargets = [{}]\n",
            names.join(", "),
            to.join(", ")
        );
        text
    }

    fn trunk(&self, index: usize, trunk: &Written) -> String {
        let Written { realm, auth, host, sources, registrar, nat } = trunk;
        let realm = realm % self.realms;
        let (address, nat) = (format!("10.{realm}.0.{host}"), if *nat { "nat = true\n" } else { "" });
        let sources = sources
            .map(|bits| format!("sources = [\"10.{realm}.0.{}/{bits}\"]\n", host & (255 << (32 - bits))));
        let sources = sources.unwrap_or_default();
        let login = format!("username = \"u{index}\"\npassword_env = \"P\"\n");
        let own = match auth {
            0 => format!("host = \"{address}\"\nauth = \"ip\"\n{sources}"),
            1 => format!("host = \"{address}\"\ntransport = \"tcp\"\nauth = \"ip\"\n{login}"),
            2 => format!(
                "host = \"{address}\"\ntransport = \"tls\"\nauth = \"tls\"\ntls = {{ names = [\"t{index}.example\"] }}\n"
            ),
            3 => format!("host = \"{address}\"\nauth = \"register\"\n{login}"),
            _ if *registrar => format!("auth = \"digest\"\nregistrar = true\n{login}{sources}"),
            _ => format!("host = \"{address}\"\nauth = \"digest\"\n{login}{sources}"),
        };
        format!("[[trunk]]\nname = \"t{index}\"\nrealm = \"r{realm}\"\n{own}{nat}")
    }
}

/// What a stranger says.
#[derive(Debug, Clone)]
struct Said {
    method: usize,
    realm: usize,
    listener: u16,
    source: u8,
    user: usize,
    /// Who it says to be: nobody, with a made-up nonce, or with one that it was challenged with.
    credentials: usize,
    tag: Option<u64>,
    padding: usize,
    headers: String,
}

prop_compose! {
    fn said()(
        method in 0..8_usize, realm in 0..2_usize, listener in 0..3_u16, source in 2..=254_u8, user in 0..6_usize,
        credentials in 0..4_usize, tag in proptest::option::of(any::<u64>()), padding in 0..600_usize,
        headers in prop_oneof![
            Just(String::new()),
            Just("Replaces: x;to-tag=0123456789abcdef;from-tag=b\r\n".to_owned()),
            Just("P-Asserted-Identity: <sip:+4420@10.0.0.10>\r\nRequire: 100rel\r\n".to_owned()),
            Just("Proxy-Authorization: Digest username=\"u0\", realm=\"edge-1\"\r\nPath: <sip:10.0.0.9;lr>\r\n".to_owned()),
        ],
    ) -> Said {
        Said { method, realm, listener, source, user, credentials, tag, padding, headers }
    }
}

const METHODS: [&str; 8] = ["INVITE", "INVITE", "INVITE", "REGISTER", "OPTIONS", "CANCEL", "BYE", "ACK"];

impl Said {
    fn text(&self, number: usize, challenge: Option<&[u8]>) -> String {
        let method = METHODS[self.method];
        let tag = self.tag.map_or_else(String::new, |tag| format!(";tag={tag:016x}"));
        let uri = format!("sip:+442071838750@10.{}.0.1", self.realm);
        let credentials = self.credentials(method, &uri, challenge);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.10:5060;branch=z9hG4bK{number};rport\r\n\
             From: <sip:u{}@10.0.0.10>;tag=a{number}\r\nTo: <{uri}>{tag}\r\nCall-ID: {number}@10.0.0.10\r\n\
             CSeq: 1 {method}\r\nContact: <sip:u{}@10.0.0.10:5060>\r\nMax-Forwards: 70\r\n{}{credentials}\
             Subject: {}\r\nContent-Length: 0\r\n\r\n",
            self.user,
            self.user,
            self.headers,
            "x".repeat(self.padding)
        )
    }

    /// Credentials that are not those of a trunk.
    fn credentials(&self, method: &str, uri: &str, challenge: Option<&[u8]>) -> String {
        let made_up =
            b"Digest realm=\"edge-1\", nonce=\"00000000000000000123456789abcdef\", qop=\"auth\"".as_slice();
        let challenge = match self.credentials {
            0 => return String::new(),
            1 => Some(made_up),
            _ => challenge,
        };
        let Some(challenge) = challenge.and_then(|challenge| Challenge::parse(challenge).next()) else {
            return String::new();
        };
        let name = format!("u{}", self.user);
        // With the right password only where the nonce is none of ours.
        let password: &[u8] = if self.credentials == 1 { PASSWORD } else { b"tanganyika" };
        let login = Login::new(&name, Secret::new(password.to_vec()));
        let key = Proof::key(challenge.algorithm(), &login, challenge.realm);
        let protection = match self.credentials {
            3 => Protection::None,
            _ => Protection::Auth { count: 1, cnonce: b"c" },
        };
        let proof = Proof { algorithm: challenge.algorithm(), nonce: challenge.nonce, protection };
        let response = proof.make(&key, (method.as_bytes(), uri.as_bytes()), b"");
        let said = Authorization {
            username: name.as_bytes(),
            realm: challenge.realm,
            nonce: challenge.nonce,
            uri: uri.as_bytes(),
            response: response.as_bytes(),
            algorithm: challenge.algorithm,
            opaque: challenge.opaque,
            protection,
        };
        format!("Authorization: {}\r\n", String::from_utf8_lossy(&said.value()))
    }
}

/// An edge with this policy, whose trunks have passwords, as when it has just begun.
fn edge(config: Config, now: Instant) -> (Arc<Policy>, Edge) {
    let logins = config.logins.clone();
    let Some(mut policy) = Arc::into_inner(config.policy) else { panic!("nobody else has it") };
    policy.log_in(|trunk| {
        let login = Login::new(&logins.get(trunk)?.username, Secret::new(PASSWORD.to_vec()));
        Some(Arc::new(login))
    });
    policy.sign_with(NonceKey::new([3; 32]));
    let policy = Arc::new(policy);
    let mut edge = Edge::new(Arc::clone(&policy), Shard { index: 0, count: 1 }, now, [5; 32]);
    while edge.poll().is_some() {}
    (policy, edge)
}

/// Whether somebody there is a trunk by its address, by what the file says alone.
fn is_somebody(policy: &Policy, realm: RealmId, source: IpAddr) -> bool {
    policy.trunks.iter().filter(|trunk| trunk.realm == realm).any(|trunk| {
        let there = trunk.targets.iter().any(|target| target.address.ip() == source);
        let known = trunk.sources.iter().any(|net| net.contains(&source));
        match trunk.auth {
            Auth::Address => there || known,
            Auth::Registration => there,
            Auth::Certificate | Auth::Digest => false,
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "any instant will do, and only the clock makes them")]
fn some_instant() -> Instant {
    Instant::now()
}

proptest! {
    #[test]
    fn nobody_begins_a_call(file in file(), said in proptest::collection::vec(said(), 1..24)) {
        // Two trunks may claim the same: such a file is refused, which is another test's affair.
        let Ok(config) = Config::parse(&file.toml()) else { return Ok(()) };
        let now = some_instant();
        let (policy, mut edge) = edge(config, now);
        let (mut challenge, open) = (None, edge.counters().transactions_open);
        for (number, said) in said.iter().enumerate() {
            let realm = RealmId::new(said.realm % policy.realms.len());
            let source = IpAddr::V4(Ipv4Addr::new(10, said.realm as u8 % 2, 0, said.source));
            if is_somebody(&policy, realm, source) {
                continue;
            }
            let transport = policy.realm(realm).sip[usize::from(said.listener)].transport;
            let listener = ListenerId { realm, index: said.listener, transport };
            let path = Path { listener, peer: SocketAddr::new(source, 5060), proven: None };
            let text = said.text(number, challenge.as_deref());
            edge.handle(Input::Received { path, bytes: Bytes::from(text.clone()) }, now);
            while let Some(command) = edge.poll() {
                let Command::Send { path: to, bytes } = command else {
                    prop_assert!(matches!(command, Command::Judge { .. }), "{:?}", command);
                    continue;
                };
                let answer = String::from_utf8_lossy(&bytes).into_owned();
                prop_assert_eq!(to.peer.ip(), source);
                prop_assert!(
                    answer.starts_with("SIP/2.0 401 ") || answer.starts_with("SIP/2.0 403 "), "{}", answer
                );
                prop_assert!(transport.is_reliable() || answer.len() <= text.len() * 3 / 2);
                let asked = answer.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: "));
                challenge = asked.map(|asked| asked.as_bytes().to_vec()).or(challenge);
            }
        }
        let counters = edge.counters();
        prop_assert_eq!((counters.calls_started, counters.calls_standing, counters.calls_refused), (0, 0, 0));
        prop_assert_eq!((counters.transactions_open, counters.registrations), (open, 0));
    }
}

#[test]
fn the_files_that_are_tried_are_good_ones() {
    let written = |auth, registrar| Written {
        realm: 0,
        auth,
        host: 100 + auth as u8 * 10 + u8::from(registrar),
        sources: None,
        registrar,
        nat: false,
    };
    let trunks = (0..5).map(|auth| written(auth, false)).chain([written(4, true)]).collect();
    let file = File { realms: 2, forbid: true, trunks };
    let config = Config::parse(&file.toml()).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(config.policy.trunks.len(), 6);
}
