//! Trunks that prove by a password who they are: what a request has to prove, and what it costs who cannot.

use super::standing::{answer, header, pbx_sdp};
use super::*;
use crate::digest::{
    Algorithm, Algorithms, Authorization, Challenge, Hash, Login, NonceKey, Proof, Protection, Secret,
};
use crate::edge::Conduct;
use crate::policy::{Auth, Visitor};

pub(super) const HOME: &str = "192.0.2.77:5060";
const ELSEWHERE: &str = "192.0.2.78:5060";
const NUMBER: &str = "sip:+442071838750@192.0.2.1";

pub(super) fn login(password: &str, algorithms: &[Hash]) -> Login {
    let login = Login::new("acct42", Secret::new(password.as_bytes().to_vec()));
    Login { algorithms: Algorithms::only(algorithms), ..login }
}

/// A bench whose carrier comes from anywhere, and has this login.
pub(super) fn visited(login: Login, change: impl FnOnce(&mut [Trunk; 2], &mut Strangers)) -> Bench {
    let policy = policy(
        |trunks, strangers| {
            trunks[0].auth = Auth::Digest;
            trunks[0].targets = Arc::default();
            trunks[0].visitor = Visitor::default().called(Arc::new(login));
            change(trunks, strangers);
        },
        |_| {},
    );
    of(policy)
}

pub(super) fn of(mut policy: Policy) -> Bench {
    policy.sign_with(NonceKey::new([9; 32]));
    Bench::of(policy)
}

fn bench() -> Bench {
    visited(login("zanzibar", &Hash::ALL), |_, _| {})
}

/// The request again, with another number and branch, and the credentials that answer a challenge.
pub(super) fn proven(request: &str, challenged: &str, password: &str, count: u32) -> String {
    let challenge = header(challenged, "WWW-Authenticate:");
    let challenge = Challenge::parse(challenge.as_bytes()).next().unwrap();
    let login = login(password, &Hash::ALL);
    let key = Proof::key(challenge.algorithm(), &login, challenge.realm);
    let (method, rest) = request.split_once(' ').unwrap();
    let uri = rest.split(' ').next().unwrap();
    let protection = Protection::Auth { count, cnonce: b"c" };
    let proof = Proof { algorithm: challenge.algorithm(), nonce: challenge.nonce, protection };
    let response = proof.make(&key, (method.as_bytes(), uri.as_bytes()), b"");
    let said = Authorization {
        username: b"acct42",
        realm: challenge.realm,
        nonce: challenge.nonce,
        uri: uri.as_bytes(),
        response: response.as_bytes(),
        algorithm: challenge.algorithm,
        opaque: challenge.opaque,
        protection,
    };
    let said = String::from_utf8(said.value()).unwrap();
    again(request, count).replacen("Content-", &format!("Authorization: {said}\r\nContent-"), 1)
}

fn again(request: &str, count: u32) -> String {
    let sequence = 1 + count;
    request.replacen("branch=z9hG4bK", &format!("branch=z9hG4bKx{count}x"), 1).replacen(
        "CSeq: 1 ",
        &format!("CSeq: {sequence} "),
        1,
    )
}

fn challenged(bench: &mut Bench, from: &str, request: &str) -> String {
    let (sent, records) = bench.receive(from, request);
    assert_eq!((statuses(&sent), records), (vec!["SIP/2.0 401 Unauthorized"], vec![]));
    sent[0].1.clone()
}

/// What the host is told of somebody.
fn conduct(bench: &mut Bench, from: &str, request: &str) -> Vec<Conduct> {
    let listener = ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Udp };
    let path = Path { listener, peer: from.parse().unwrap(), proven: None };
    bench.edge.handle(Input::Received { path, bytes: Bytes::from(request.to_owned()) }, bench.now);
    let commands = std::iter::from_fn(|| bench.edge.poll());
    let judged = |command| {
        let Command::Judge { conduct, source } = command else { return None };
        (source == path.peer.ip()).then_some(conduct)
    };
    commands.filter_map(judged).collect()
}

#[test]
fn a_call_begins_with_a_proof_and_goes_on_from_where_that_came_from() {
    let mut bench = bench();
    let asked = challenged(&mut bench, HOME, &invite(1));
    assert_eq!(bench.edge.counters().transactions_open, 0, "a challenge is not remembered");
    let (sent, _) = bench.receive(HOME, &proven(&invite(1), &asked, "zanzibar", 1));
    assert_eq!(statuses(&sent)[0], "SIP/2.0 100 Trying");
    assert!(sent[1].1.starts_with("INVITE "), "{sent:?}");
    assert!(!sent[1].1.contains("Authorization"), "{}", sent[1].1);
    let (sent, _) = bench.receive(HOME, &proven(&invite(1), &asked, "zanzibar", 1));
    assert_eq!(statuses(&sent), ["SIP/2.0 100 Trying"], "the same once more is the same transaction");
    let invited = bench.edge.calls().count();
    assert_eq!(invited, 1);
}

#[test]
fn a_standing_call_is_its_peers_alone() {
    let mut bench = bench();
    let asked = challenged(&mut bench, HOME, &invite(1));
    let (sent, _) = bench.receive(HOME, &proven(&invite(1), &asked, "zanzibar", 1));
    let called = sent[1].1.clone();
    let (sent, _) =
        bench.receive("10.0.0.20:5060", &answer(&called, "200 OK", "b", "10.0.0.20:5060", &pbx_sdp()));
    let ok = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1.clone();
    let within = |method: &str, number| {
        // Long enough to be asked who it is.
        let headers = format!("Subject: {}\r\nTo: {}\r\n", "x".repeat(200), header(&ok, "To:"));
        let request = request(method, "sip:192.0.2.1:5060", number, &headers, "");
        let request = request.replace("To: <sip:192.0.2.1:5060>\r\n", "");
        request
            .replace(&format!("tag=a{number}"), "tag=a1")
            .replace(&format!("Call-ID: {number}@"), "Call-ID: 1@")
            .replace("CSeq: 1 ", &format!("CSeq: {number} "))
    };
    bench.receive(HOME, &within("ACK", 2));
    bench.now += Duration::from_secs(40);
    assert_eq!(bench.take(Input::TimeElapsed), (vec![], vec![]), "it was acknowledged");
    let (sent, _) = bench.receive(ELSEWHERE, &within("BYE", 3));
    assert_eq!(statuses(&sent), ["SIP/2.0 401 Unauthorized"], "nobody else hangs up");
    let (sent, records) = bench.receive(HOME, &within("BYE", 4));
    assert_eq!(statuses(&sent)[0], "SIP/2.0 200 OK");
    assert_eq!(records.len(), 1, "{sent:?}");
}

#[test]
fn each_hash_that_is_allowed_is_offered_the_strongest_first() {
    let offered = |allowed: &[Hash]| {
        let mut bench = visited(login("zanzibar", allowed), |_, _| {});
        let long = invite(1).replace("Max-", &format!("Subject: {}\r\nMax-", "x".repeat(300)));
        let asked = challenged(&mut bench, HOME, &long);
        let named: Vec<_> = asked
            .lines()
            .filter(|line| line.starts_with("WWW-Authenticate:"))
            .map(|line| {
                Challenge::parse(line.split_once(' ').unwrap().1.as_bytes()).next().unwrap().algorithm()
            })
            .map(|algorithm| algorithm.hash)
            .collect();
        let (sent, _) = bench.receive(HOME, &proven(&invite(1), &asked, "zanzibar", 1));
        assert_eq!(statuses(&sent)[0], "SIP/2.0 100 Trying", "{allowed:?}");
        named
    };
    assert_eq!(offered(&Hash::ALL), Hash::ALL);
    for hash in Hash::ALL {
        assert_eq!(offered(&[hash]), [hash]);
    }
    assert_eq!(offered(&[Hash::Md5, Hash::Sha256]), [Hash::Sha256, Hash::Md5]);
}

#[test]
fn what_does_not_fit_is_left_out_of_a_datagram_and_never_much_more_is_sent_than_came() {
    let mut bench = bench();
    let bare = |padding: usize| {
        let subject = "x".repeat(padding);
        format!(
            "OPTIONS {NUMBER} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;rport\r\nFrom: <sip:a>;tag=1\r\n\
             To: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nSubject: {subject}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let mut offers = std::collections::BTreeSet::new();
    for padding in 0..500 {
        bench.now += Duration::from_secs(1);
        let asked = bare(padding);
        let (sent, _) = bench.receive(HOME, &asked);
        let offered = sent.iter().map(|(_, said)| said.matches("WWW-Authenticate").count()).sum::<usize>();
        let most = if offered == 1 { asked.len() * 3 / 2 } else { asked.len() };
        assert!(sent.iter().all(|(_, said)| said.len() <= most), "{sent:?}");
        offers.insert(offered);
    }
    assert_eq!(offers.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(bench.edge.counters().challenges_withheld > 0);
}

#[test]
fn a_short_request_of_a_proxy_is_challenged_whatever_is_allowed() {
    // As the uac module of Kamailio 5.6 writes it.
    let register = "REGISTER sip:192.0.2.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKc0a9.4aa3c912000000000000000000000000.0\r\n\
        To: <sip:acct42@192.0.2.1>\r\n\
        From: <sip:acct42@192.0.2.1>;tag=95349a12f87b37dcdbb9184cd45ebfc9-8ab95776\r\n\
        CSeq: 10 REGISTER\r\nCall-ID: 5b1947df7cdb3e07-6@192.0.2.10\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\
        User-Agent: kamailio (5.6.3 (x86_64/linux))\r\nContact: <sip:line-1@192.0.2.10:5060>\r\nExpires: 3600\r\n\r\n";
    let mut bench = bench();
    assert!(challenged(&mut bench, HOME, register).contains("\r\nWWW-Authenticate: Digest "));
}

#[test]
fn a_wrong_password_is_asked_again_and_told_when_it_has_heard_us() {
    let mut bench = bench();
    let asked = challenged(&mut bench, HOME, &invite(1));
    let wrong = proven(&invite(1), &asked, "tanganyika", 1);
    assert_eq!(conduct(&mut bench, HOME, &wrong), [Conduct::Refused]);
    assert_eq!(conduct(&mut bench, ELSEWHERE, &wrong), [], "that one was not challenged there");
    let unknown = proven(&invite(1), &asked, "zanzibar", 1).replace("\"acct42\"", "\"acct43\"");
    assert_eq!(conduct(&mut bench, HOME, &unknown), [Conduct::Refused], "no name is told from another");
    let forged = proven(&invite(1), &asked, "zanzibar", 1);
    let nonce = Challenge::parse(header(&asked, "WWW-Authenticate:").as_bytes()).next().unwrap().nonce;
    let forged = forged.replace(std::str::from_utf8(nonce).unwrap(), &"0".repeat(32));
    assert_eq!(conduct(&mut bench, HOME, &forged), [], "whoever says so has heard nothing");
    let counters = bench.edge.counters();
    assert_eq!((counters.proofs_refused, counters.calls_started), (4, 0));
}

#[test]
fn who_proves_itself_where_nobody_was_is_told_before_anything_is_answered() {
    let mut bench = bench();
    let asked = challenged(&mut bench, HOME, &invite(1));
    let arrived = [Conduct::Arrived(RealmId::new(0))];
    assert_eq!(conduct(&mut bench, HOME, &proven(&invite(1), &asked, "zanzibar", 1)), arrived);
    let again = challenged(&mut bench, HOME, &invite(2));
    assert_eq!(
        conduct(&mut bench, HOME, &proven(&invite(2), &again, "zanzibar", 1)),
        [],
        "it is known there"
    );
}

#[test]
fn a_proof_counts_once_and_for_its_address_time_and_request() {
    let mut bench = bench();
    let asked = challenged(&mut bench, HOME, &invite(1));
    let (sent, _) = bench.receive(HOME, &proven(&invite(1), &asked, "zanzibar", 1));
    assert_eq!(statuses(&sent)[0], "SIP/2.0 100 Trying");
    // Another call with the same proof, which covers no more than method and URI.
    let replayed = proven(&invite(1), &asked, "zanzibar", 1).replace("1@192.0.2.10", "9@192.0.2.10");
    let replayed = replayed.replace("branch=z9hG4bK", "branch=z9hG4bKy");
    let stale = |bench: &mut Bench, from: &str, request: &str| {
        let asked = challenged(bench, from, request);
        asked.contains("stale=true")
    };
    assert!(stale(&mut bench, HOME, &replayed));
    assert_eq!(bench.edge.counters().proofs_replayed, 1);
    let next = |number| proven(&invite(number), &asked, "zanzibar", number);
    assert!(stale(&mut bench, ELSEWHERE, &next(2)), "it is for the address that was challenged");
    let elsewhere = next(2).replace("INVITE sip:+442071838750", "INVITE sip:+442071838751");
    assert!(!stale(&mut bench, HOME, &elsewhere), "it is for one number");
    assert_eq!(bench.receive(HOME, &next(2)).0.len(), 2, "the next count is a proof");
    bench.now += Duration::from_secs(301);
    bench.take(Input::TimeElapsed);
    assert!(stale(&mut bench, HOME, &next(3)), "nonces age");
    assert_eq!(bench.edge.counters().calls_started, 2);
}

#[test]
fn only_what_an_operator_allows_is_believed() {
    let mut bench = visited(login("zanzibar", &[Hash::Sha256]), |trunks, _| {
        trunks[0].sources = vec!["192.0.2.64/28".parse().unwrap()];
    });
    let asked = challenged(&mut bench, HOME, &invite(1)).replace(", algorithm=SHA-256", "");
    let by_md5 = proven(&invite(1), &asked, "zanzibar", 1);
    assert!(by_md5.contains("Authorization") && !by_md5.contains("algorithm"));
    challenged(&mut bench, HOME, &by_md5);
    let (sent, _) = bench.receive("192.0.2.130:5060", &invite(2));
    assert_eq!(sent, [], "from elsewhere nobody is even asked");
    let session = Algorithm { hash: Hash::Sha256, session: true };
    assert_eq!(session.to_string(), "SHA-256-sess");
}

#[test]
fn ack_and_cancel_are_never_challenged_and_a_cancel_ends_its_invite() {
    let mut bench = bench();
    for method in ["ACK", "CANCEL"] {
        assert_eq!(bench.receive(HOME, &invite(1).replace("INVITE", method)), (vec![], vec![]));
    }
    let asked = challenged(&mut bench, HOME, &invite(1));
    let offered = proven(&invite(1), &asked, "zanzibar", 1);
    bench.receive(HOME, &offered);
    let cancel = offered.split("\r\n").filter(|line| !line.starts_with("Authorization"));
    let cancel = cancel.collect::<Vec<_>>().join("\r\n").replace("INVITE", "CANCEL");
    assert_eq!(bench.receive(ELSEWHERE, &cancel).0, [], "another one's CANCEL is nothing");
    let (sent, _) = bench.receive(HOME, &cancel);
    assert_eq!(statuses(&sent)[0], "SIP/2.0 200 OK");
}

#[test]
fn challenges_are_bounded_for_who_asks_too_often_and_not_for_guests() {
    let mut bench = bench();
    let heard = |bench: &mut Bench, from: &str, first: u32| {
        (first..first + 100).filter(|number| !bench.receive(from, &invite(*number)).0.is_empty()).count()
    };
    assert_eq!(heard(&mut bench, ELSEWHERE, 1), 20);
    let asked = challenged(&mut bench, HOME, &invite(200));
    bench.receive(HOME, &proven(&invite(200), &asked, "zanzibar", 1));
    assert_eq!(heard(&mut bench, HOME, 300), 100);
    assert_eq!(bench.edge.counters().transactions_open, 2);
}

#[test]
fn without_a_key_nobody_gets_in() {
    let mut bench = bench();
    let asked = challenged(&mut bench, HOME, &invite(1));
    let trunks = vec![{
        let mut trunk = trunk("carrier", 0, "192.0.2.10:5060");
        (trunk.auth, trunk.targets) = (Auth::Digest, Arc::default());
        trunk.visitor = Visitor::default().called(Arc::new(login("zanzibar", &Hash::ALL)));
        trunk
    }];
    let realms = bench.edge.policy.realms.clone();
    let keyless =
        Policy::new("t".to_owned(), realms, trunks, vec![], Strangers::Silent, CallTimers::default());
    bench.take(Input::PolicyReplaced(Arc::new(keyless.unwrap())));
    let (sent, records) = bench.receive(HOME, &proven(&invite(1), &asked, "zanzibar", 1));
    assert_eq!((sent, records), (vec![], vec![]));
}
