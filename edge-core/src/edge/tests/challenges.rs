//! A trunk that wants proof of who we are (RFC 3261 section 22): whatever it challenges goes on, once it is proven.

use super::control::{Control, Sent, bench, only, sdp_of};
use super::refer::{Up, by_carrier};
use super::standing::{CARRIER, PBX, answer, header};
use super::*;
use crate::digest::{Algorithm, Authorization, Login, Proof, Protection, Secret};

/// The PBX's door keeper.
struct Guard {
    /// What it challenges with, and where it looks for the proof.
    code: &'static str,
    algorithms: &'static [&'static str],
    /// Number of the nonce.
    nonce: u32,
    /// Requests that one nonce is good for.
    uses: u32,
    used: u32,
    /// Whether it says of an old nonce that it is one.
    tells_stale: bool,
    password: &'static str,
}

impl Guard {
    fn new() -> Self {
        let (code, algorithms) = ("407 Proxy Authentication Required", &["SHA-256", "MD5"][..]);
        Self { code, algorithms, nonce: 0, uses: 1000, used: 0, tells_stale: true, password: "zanzibar" }
    }

    fn names(&self) -> (&'static str, &'static str) {
        if self.code.starts_with("407") {
            ("Proxy-Authenticate:", "Proxy-Authorization:")
        } else {
            ("WWW-Authenticate:", "Authorization:")
        }
    }

    /// Lets a request pass, or says what it hears.
    fn judge(&mut self, request: &str) -> Result<(), String> {
        let value = header(request, self.names().1);
        let said = Authorization::parse(value.as_bytes());
        let nonce = format!("nonce{}", self.nonce);
        let (uri, body) = (request.split(' ').nth(1).unwrap(), request.split_once("\r\n\r\n").unwrap().1);
        let proven = said.is_some_and(|said| {
            let login = Login::new("bob", Secret::new(self.password.as_bytes().to_vec()));
            let key = Proof::key(said.algorithm(), &login, b"pbx");
            let method = request.split(' ').next().unwrap();
            said.uri == uri.as_bytes() && said.is_proven(&key, method.as_bytes(), body.as_bytes())
        });
        let count = said.map(|said| match said.protection {
            Protection::Auth { count, .. } | Protection::AuthInt { count, .. } => count,
            Protection::None => 0,
        });
        let current = said.is_some_and(|said| said.nonce == nonce.as_bytes()) && self.used < self.uses;
        if proven && current {
            assert_eq!(count, Some(self.used + 1), "each use is counted");
            self.used += 1;
            return Ok(());
        }
        (self.nonce, self.used) = (self.nonce + 1, 0);
        let stale = if proven && self.tells_stale { ", stale=true" } else { "" };
        let challenge = |algorithm: &&str| {
            let (name, nonce) = (self.names().0, self.nonce);
            format!(
                "{name} Digest realm=\"pbx\", nonce=\"nonce{nonce}\", qop=\"auth\", algorithm={algorithm}{stale}\r\n"
            )
        };
        let challenges: String = self.algorithms.iter().map(challenge).collect();
        Err(answer(request, self.code, "guard", PBX, "")
            .replace("Contact:", &format!("{challenges}Contact:")))
    }

    /// Judges the one request of this method that was sent; `Ok` is the one that passed in the end, `Err` what was sent instead.
    fn pass(&mut self, bench: &mut Control, mut sent: Sent, method: &str) -> Result<String, Sent> {
        let first = only(&sent, method).1.clone();
        loop {
            let request = only(&sent, method).1.clone();
            assert_eq!(header(&request, "Call-ID:"), header(&first, "Call-ID:"));
            assert_eq!(header(&request, "From:"), header(&first, "From:"));
            assert_eq!(request.split_once("\r\n\r\n").unwrap().1, first.split_once("\r\n\r\n").unwrap().1);
            let Err(challenge) = self.judge(&request) else { return Ok(request) };
            sent = bench.receive(PBX, &challenge);
            if method == "INVITE " {
                let ack = &only(&sent, "ACK ").1;
                assert_eq!(header(ack, "Via:"), header(&request, "Via:"));
            }
            let Some((_, again)) = sent.iter().find(|(_, text)| text.starts_with(method)) else {
                return Err(sent);
            };
            assert!(number(again) > number(&request));
            assert_ne!(header(again, "Via:"), header(&request, "Via:"));
        }
    }
}

fn number(message: &str) -> u32 {
    header(message, "CSeq:").split(' ').next().unwrap().parse().unwrap()
}

fn with_login(trunk: &mut Trunk) {
    trunk.login = Some(Arc::new(Login::new("bob", Secret::new(b"zanzibar".to_vec()))));
}

fn guarded() -> Control {
    bench(|trunks| with_login(&mut trunks[1]))
}

#[test]
fn a_challenged_invite_goes_on_and_later_requests_prove_themselves_unasked() {
    for (code, proof) in [
        ("407 Proxy Authentication Required", "Proxy-Authorization:"),
        ("401 Unauthorized", "Authorization:"),
    ] {
        let (mut bench, mut guard) = (guarded(), Guard { code, ..Guard::new() });
        let sent = bench.receive(CARRIER, &invite(1));
        let passed = guard.pass(&mut bench, sent, "INVITE ").unwrap();
        assert_eq!((number(&passed), guard.nonce), (2, 1));
        assert!(header(&passed, proof).contains("algorithm=SHA-256"), "{passed}");
        let sent = bench.receive(PBX, &answer(&passed, "200 OK", "b", PBX, &sdp_of(PBX)));
        let ack = &only(&sent, "ACK ").1;
        assert_eq!((number(ack), header(ack, proof)), (2, header(&passed, proof)));
        let ok = only(&sent, "SIP/2.0 200").1.clone();
        bench.receive(CARRIER, &by_carrier(&ok, "ACK", 1, ""));
        let sent = bench.receive(CARRIER, &by_carrier(&ok, "BYE", 2, ""));
        let bye = guard.pass(&mut bench, sent, "BYE ").unwrap();
        assert_eq!((number(&bye), guard.nonce, guard.used), (3, 1, 2));
        bench.receive(PBX, &answer(&bye, "200 OK", "b", PBX, ""));

        let sent = bench.receive(CARRIER, &invite(2));
        let passed = guard.pass(&mut bench, sent, "INVITE ").unwrap();
        assert_eq!((number(&passed), guard.nonce), (1, 1), "the first one passes");
        bench.receive(PBX, &answer(&passed, "486 Busy Here", "b", PBX, ""));
        assert_eq!(bench.settle().len(), 2);
    }
}

#[test]
fn a_nonce_that_is_too_old_is_replaced_whether_or_not_the_server_says_so() {
    for tells_stale in [true, false] {
        let (mut bench, mut guard) = (guarded(), Guard { uses: 1, tells_stale, ..Guard::new() });
        for call in 1..=3 {
            let sent = bench.receive(CARRIER, &invite(call));
            let passed = guard.pass(&mut bench, sent, "INVITE ").unwrap();
            assert_eq!((number(&passed), guard.nonce), (2, call));
            bench.receive(PBX, &answer(&passed, "486 Busy Here", "b", PBX, ""));
        }
        assert_eq!(bench.settle().len(), 3);
    }
}

#[test]
fn a_wrong_password_is_said_once_and_the_caller_hears_a_failure() {
    let (mut bench, mut guard) = (guarded(), Guard { password: "other", ..Guard::new() });
    for call in 1..=2 {
        let sent = bench.receive(CARRIER, &invite(call));
        let sent = guard.pass(&mut bench, sent, "INVITE ").unwrap_err();
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"));
        assert_eq!(guard.nonce, 2 * call, "one try without, one with a proof");
    }
    let records = bench.settle();
    assert!(records.iter().all(|record| record.cause.detail().contains("407")), "{records:?}");
}

#[test]
fn without_a_login_or_a_known_algorithm_a_challenge_is_a_refusal() {
    let unknown = Guard { algorithms: &["AKAv1-MD5"], ..Guard::new() };
    for (mut bench, mut guard) in [(bench(|_| {}), Guard::new()), (guarded(), unknown)] {
        let sent = bench.receive(CARRIER, &invite(1));
        let sent = guard.pass(&mut bench, sent, "INVITE ").unwrap_err();
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"));
        assert_eq!(bench.settle().len(), 1);
    }
}

#[test]
fn who_always_finds_the_nonce_too_old_is_not_served_for_ever() {
    let (mut bench, mut guard) = (guarded(), Guard { uses: 0, ..Guard::new() });
    let sent = bench.receive(CARRIER, &invite(1));
    let sent = guard.pass(&mut bench, sent, "INVITE ").unwrap_err();
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"));
    assert_eq!(guard.nonce, 5);
    assert_eq!(bench.settle().len(), 1);
}

#[test]
fn a_caller_who_has_hung_up_is_not_called_for_again() {
    let (mut bench, mut guard) = (guarded(), Guard::new());
    let sent = bench.receive(CARRIER, &invite(1));
    let (_, asked) = only(&sent, "INVITE ").clone();
    bench.receive(CARRIER, &request("CANCEL", "sip:+442071838750@192.0.2.1", 1, "", ""));
    let sent = bench.receive(PBX, &guard.judge(&asked).unwrap_err());
    assert_eq!(statuses(&sent), [format!("ACK {} SIP/2.0", asked.split(' ').nth(1).unwrap())]);
    assert_eq!(bench.settle()[0].cause.name(), "cancelled");
}

/// A call whose INVITE passed by a nonce that is good for nothing more.
fn up() -> (Up, Guard) {
    let (mut bench, mut guard) = (guarded(), Guard { uses: 1, tells_stale: false, ..Guard::new() });
    let sent = bench.receive(CARRIER, &invite(1));
    let invite = guard.pass(&mut bench, sent, "INVITE ").unwrap();
    let allowed = answer(&invite, "200 OK", "b", PBX, &sdp_of(PBX))
        .replace("Contact:", "Allow: INVITE, UPDATE, BYE\r\nSession-Expires: 1800;refresher=uac\r\nContact:");
    let sent = bench.receive(PBX, &allowed);
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    bench.receive(CARRIER, &by_carrier(&ok, "ACK", 1, ""));
    (Up { bench, invite, ok }, guard)
}

#[test]
fn every_request_within_a_dialog_goes_on_when_it_is_challenged() {
    for method in ["INVITE", "UPDATE", "INFO", "MESSAGE", "NOTIFY", "BYE"] {
        let (Up { mut bench, ok, .. }, mut guard) = up();
        let body = if matches!(method, "INVITE" | "UPDATE") { SDP } else { "" };
        let asked = by_carrier(&ok, method, 2, body)
            .replace("Max-Forwards", "Event: x\r\nSubscription-State: active\r\nMax-Forwards");
        let plain = if body.is_empty() { "text/plain" } else { "application/sdp" };
        let sent = bench.receive(CARRIER, &asked.replace("application/sdp", plain));
        let before = only(&sent, method).1.clone();
        let passed = guard.pass(&mut bench, sent, method).unwrap();
        assert_eq!((number(&passed), guard.nonce), (number(&before) + 1, 2), "{method}");
        let sent = bench
            .receive(PBX, &answer(&passed, "200 OK", "b", PBX, &body.replace("192.0.2.10", "10.0.0.20")));
        if method != "BYE" {
            only(&sent, "SIP/2.0 200");
        }
        if method == "INVITE" {
            assert_eq!(number(&only(&sent, "ACK ").1), number(&passed));
            bench.receive(CARRIER, &by_carrier(&ok, "ACK", 2, ""));
        }
        let records = bench.settle();
        assert_eq!(records[0].cause.name(), if method == "BYE" { "hangup" } else { "drained" });
    }
}

#[test]
fn what_keeps_a_session_going_proves_itself_too() {
    let (Up { mut bench, .. }, mut guard) = up();
    let mut sent = bench.wait(901);
    sent.truncate(1);
    let passed = guard.pass(&mut bench, sent, "UPDATE ").unwrap();
    bench.receive(PBX, &answer(&passed, "200 OK", "b", PBX, ""));
    assert_eq!(guard.nonce, 2);
    assert_eq!(bench.settle()[0].cause.name(), "drained");
}

#[test]
fn a_new_password_makes_what_was_proven_by_the_old_one_void() {
    let (mut bench, mut guard) = (guarded(), Guard::new());
    let sent = bench.receive(CARRIER, &invite(1));
    let passed = guard.pass(&mut bench, sent, "INVITE ").unwrap();
    bench.receive(PBX, &answer(&passed, "486 Busy Here", "b", PBX, ""));
    let other = Login::new("bob", Secret::new(b"casablanca".to_vec()));
    let mut trunks: Vec<Trunk> = bench.edge.policy.trunks.iter().map(|trunk| Trunk::clone(trunk)).collect();
    trunks[1].login = Some(Arc::new(other));
    let old = Arc::clone(&bench.edge.policy);
    let mut policy = Policy::new(
        "t".to_owned(),
        old.realms.clone(),
        trunks,
        old.routes.all().to_vec(),
        Strangers::Silent,
        CallTimers::default(),
    )
    .unwrap();
    policy.take_over(&old);
    bench.edge.handle(Input::PolicyReplaced(Arc::new(policy)), bench.now);
    guard.password = "casablanca";
    let sent = bench.receive(CARRIER, &invite(2));
    assert_eq!(header(&only(&sent, "INVITE ").1, "Proxy-Authorization:"), "");
    let passed = guard.pass(&mut bench, sent, "INVITE ").unwrap();
    assert!(
        Algorithm::parse(b"SHA-256").is_some()
            && header(&passed, "Proxy-Authorization:").contains("nc=00000001")
    );
    bench.receive(PBX, &answer(&passed, "486 Busy Here", "b", PBX, ""));
    assert_eq!(bench.settle().len(), 2);
}
