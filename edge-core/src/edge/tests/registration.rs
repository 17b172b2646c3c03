//! A trunk that we register with: what we ask of its registrar, what is made of its answers, and whose calls are its.

use super::control::{Control, Sent, bench, only, sdp_of};
use super::refer::by_carrier;
use super::standing::{CARRIER, PBX, answer, header};
use super::*;
use crate::digest::{Login, Secret};
use crate::policy::{Auth, Doubt, Host, Readiness, Register, Retry, Target, Targets};

const TOKEN: &str = "0123456789abcdef";

fn registering(change: impl FnOnce(&mut Register)) -> Control {
    bench(|trunks| register(&mut trunks[0], TOKEN, change))
}

/// The same, whose trunk is otherwise like this.
pub(super) fn registering_as(change: impl FnOnce(&mut Trunk)) -> Control {
    bench(|trunks| {
        register(&mut trunks[0], TOKEN, |_| {});
        change(&mut trunks[0]);
    })
}

pub(super) fn register(trunk: &mut Trunk, token: &str, change: impl FnOnce(&mut Register)) {
    let mut register = Register {
        user: "acct42".to_owned(),
        domain: "sip.carrier.example".to_owned(),
        server: "sip.carrier.example".to_owned(),
        through_proxy: false,
        number: Some("+442071838750".to_owned()),
        expires: Duration::from_secs(3600),
        bulk: false,
        retry: Retry { base: Duration::from_secs(10), max: Duration::from_secs(60) },
        token: token.to_owned(),
    };
    change(&mut register);
    trunk.auth = Auth::Registration;
    trunk.register = Some(Arc::new(register));
    trunk.login = Some(Arc::new(Login::new("acct42", Secret::new(b"zanzibar".to_vec()))));
}

/// What the edge sends at its start.
pub(super) fn first(bench: &mut Control) -> Sent {
    bench.edge.handle(Input::TimeElapsed, bench.now);
    bench.carry_out()
}

/// A 200 to a REGISTER, with these headers.
pub(super) fn accepted(register: &str, headers: &str) -> String {
    answer(register, "200 OK", "r", CARRIER, "").replace(&format!("Contact: <sip:{CARRIER}>\r\n"), headers)
}

/// The same, listing our Contact for so long, and two of others.
fn granted(register: &str, seconds: u32) -> String {
    let own = header(register, "Contact:").split(';').take_while(|part| !part.starts_with("expires"));
    let own = own.collect::<Vec<_>>().join(";");
    accepted(
        register,
        &format!(
            "Contact: <sip:acct42@192.0.2.99>;expires=17, {own};expires={seconds}\r\nContact: <sip:desk@192.0.2.98>;expires=5\r\n"
        ),
    )
}

fn registered(mut bench: Control) -> (Control, String) {
    let sent = first(&mut bench);
    let register = only(&sent, "REGISTER ").1.clone();
    bench.receive(CARRIER, &granted(&register, 3600));
    assert_eq!(state(&bench), "registered");
    (bench, register)
}

/// What the edge sends next, within so many seconds.
fn next(bench: &mut Control, seconds: u64) -> Sent {
    (0..seconds).map(|_| bench.wait(1)).find(|sent| !sent.is_empty()).expect("something is sent")
}

pub(super) fn state(bench: &Control) -> &'static str {
    bench.edge.policy.trunks[0].registered.account().state
}

fn number(message: &str) -> u32 {
    header(message, "CSeq:").split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_register_says_what_the_rfc_wants_and_is_refreshed_in_time() {
    let (mut bench, register) = registered(registering(|_| {}));
    assert!(register.starts_with("REGISTER sip:sip.carrier.example SIP/2.0\r\n"), "{register}");
    assert_eq!(header(&register, "To:"), "<sip:acct42@sip.carrier.example>");
    assert!(header(&register, "From:").starts_with("<sip:acct42@sip.carrier.example>;tag="));
    assert_eq!(
        header(&register, "Contact:"),
        format!("<sip:acct42@192.0.2.1:5060;line={TOKEN}>;expires=3600")
    );
    assert_eq!((header(&register, "Expires:"), header(&register, "Route:")), ("3600", ""));
    let sent = bench.wait(2_600);
    assert!(sent.is_empty(), "{:?}", statuses(&sent));
    let sent = next(&mut bench, 400);
    let refresh = &sent[0].1;
    assert_eq!((number(refresh), header(refresh, "Call-ID:")), (2, header(&register, "Call-ID:")));
    let sent = bench.receive(CARRIER, &granted(refresh, 60));
    assert!(sent.is_empty() && state(&bench) == "registered");
    assert!(bench.wait(26).is_empty(), "a short one is refreshed half-way");
    only(&next(&mut bench, 5), "REGISTER ");
}

#[test]
fn a_challenge_is_answered_and_the_next_register_proves_itself_unasked() {
    let mut bench = registering(|_| {});
    let sent = first(&mut bench);
    let asked = only(&sent, "REGISTER ").1.clone();
    let challenge = "WWW-Authenticate: Digest realm=\"sip.carrier.example\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\r\n\
                     WWW-Authenticate: Digest realm=\"sip.carrier.example\", nonce=\"n1\", qop=\"auth\"\r\nContact:";
    let sent = bench.receive(
        CARRIER,
        &answer(&asked, "401 Unauthorized", "r", CARRIER, "").replace("Contact:", challenge),
    );
    let proven = only(&sent, "REGISTER ").1.clone();
    assert_eq!((number(&proven), header(&proven, "Call-ID:")), (2, header(&asked, "Call-ID:")));
    assert!(header(&proven, "Authorization:").contains("algorithm=SHA-256"), "{proven}");
    bench.receive(CARRIER, &granted(&proven, 60));
    let sent = bench.wait(31);
    assert!(header(&sent[0].1, "Authorization:").contains("nc=00000002"), "{sent:?}");
}

#[test]
fn a_wrong_password_is_told_and_tried_again_after_a_growing_wait() {
    let mut bench = registering(|_| {});
    let sent = first(&mut bench);
    let refusal = |asked: &str| answer(asked, "403 Forbidden", "r", CARRIER, "");
    bench.receive(CARRIER, &refusal(&only(&sent, "REGISTER ").1));
    let trunk = Arc::clone(&bench.edge.policy.trunks[0]);
    assert_eq!(state(&bench), "waiting");
    assert_eq!(trunk.registered.account().failure.as_deref(), Some("the registrar answers 403 Forbidden"));
    assert_eq!(trunk.outbound(Duration::ZERO), Readiness::Doubtful(Doubt::Unregistered));
    for (least, most) in [(10, 20), (20, 40), (30, 60), (30, 60)] {
        assert!(bench.wait(least - 1).is_empty());
        let sent = bench.wait(most - least + 1);
        let again = sent.iter().find(|(_, text)| text.starts_with("REGISTER ")).unwrap().1.clone();
        bench.receive(CARRIER, &refusal(&again));
    }
}

#[test]
fn what_a_registrar_wants_or_does_not_list_is_heeded() {
    let mut bench = registering(|_| {});
    let sent = first(&mut bench);
    let asked = only(&sent, "REGISTER ").1.clone();
    let brief = answer(&asked, "423 Interval Too Brief", "r", CARRIER, "");
    let sent = bench.receive(CARRIER, &brief.replace("Contact:", "Min-Expires: 7200\r\nContact:"));
    let longer = only(&sent, "REGISTER ").1.clone();
    assert_eq!((header(&longer, "Expires:"), number(&longer)), ("7200", 2));
    bench.receive(CARRIER, &accepted(&longer, "Contact: <sip:acct42@192.0.2.99>;expires=3600\r\n"));
    assert_eq!(state(&bench), "waiting", "only others are registered");

    for (headers, expected) in [
        ("Expires: 60\r\n".to_owned(), "registered"),
        (format!("Contact: <sip:acct42@203.0.113.7:999;line={TOKEN}>\r\nExpires: 60\r\n"), "registered"),
        ("Contact: <sip:acct42@192.0.2.1>;expires=60\r\n".to_owned(), "registered"),
        (format!("Contact: <sip:acct42@192.0.2.1:5060;line={TOKEN}>;expires=0\r\n"), "waiting"),
    ] {
        let mut bench = registering(|_| {});
        let sent = first(&mut bench);
        bench.receive(CARRIER, &accepted(&only(&sent, "REGISTER ").1, &headers));
        assert_eq!(state(&bench), expected, "{headers}");
    }
}

#[test]
fn a_registrar_that_is_silent_or_busy_is_left_for_the_next_one() {
    let two = |trunks: &mut [Trunk; 3]| {
        register(&mut trunks[0], TOKEN, |_| {});
        let targets = ["192.0.2.10:5060", "192.0.2.11:5060"];
        let candidate = |(rank, address): (u32, &&str)| crate::policy::Candidate {
            rank,
            weight: 0,
            families: vec![vec![Target::new(address.parse().unwrap(), Transport::Udp)]],
        };
        trunks[0].host = Host::Name { name: "sip.carrier.example".to_owned(), port: None, transport: None };
        trunks[0].targets = Arc::new(Targets::new((0..).zip(&targets).map(candidate).collect()));
    };
    for silent in [true, false] {
        let mut bench = bench(two);
        let sent = first(&mut bench);
        let (to, asked) = only(&sent, "REGISTER ").clone();
        assert_eq!(to.to_string(), CARRIER);
        let sent = if silent {
            bench.wait(33)
        } else {
            bench.receive(CARRIER, &answer(&asked, "503 Service Unavailable", "r", CARRIER, ""))
        };
        let (to, next) = sent.iter().find(|(to, _)| to.to_string() == "192.0.2.11:5060").unwrap();
        bench.receive(&to.to_string(), &granted(next, 3600));
        assert_eq!(state(&bench), "registered");
    }
}

#[test]
fn what_runs_out_is_lost_and_found_again() {
    let mut bench = registering(|_| {});
    let sent = first(&mut bench);
    bench.receive(CARRIER, &granted(&only(&sent, "REGISTER ").1, 60));
    let sent = bench.wait(59);
    assert!(bench.edge.policy.trunks[0].registered.is_now(), "{:?}", statuses(&sent));
    let sent = bench.wait(40);
    assert!(!bench.edge.policy.trunks[0].registered.is_now());
    let newest = sent.iter().rev().find(|(_, text)| text.starts_with("REGISTER "));
    let newest = newest.map(|(_, text)| text.clone()).unwrap_or_else(|| bench.wait(40)[0].1.clone());
    bench.receive(CARRIER, &granted(&newest, 3600));
    assert_eq!(state(&bench), "registered");
}

#[test]
fn the_edge_says_goodbye_and_waits_for_the_answer_but_not_for_long() {
    for answers in [true, false] {
        let (mut bench, register) = registered(registering(|_| {}));
        bench.edge.handle(Input::DrainRequested { grace: Duration::from_secs(9) }, bench.now);
        let commands: Vec<Command> = std::iter::from_fn(|| bench.edge.poll()).collect();
        let drained = commands.contains(&Command::Drained);
        let sent = commands.iter().find_map(|command| {
            let Command::Send { bytes, .. } = command else { return None };
            Some(String::from_utf8(bytes.to_vec()).unwrap())
        });
        let farewell = sent.unwrap();
        assert!(!drained && farewell.starts_with("REGISTER "), "{farewell}");
        assert_eq!((header(&farewell, "Expires:"), number(&farewell)), ("0", 2));
        assert!(header(&farewell, "Contact:").ends_with(";expires=0"));
        assert_eq!(header(&farewell, "Call-ID:"), header(&register, "Call-ID:"));
        if answers {
            bench.edge.handle(
                Input::Received { path: at(CARRIER), bytes: Bytes::from(accepted(&farewell, "")) },
                bench.now,
            );
        } else {
            bench.now += Duration::from_secs(2);
            bench.edge.handle(Input::TimeElapsed, bench.now);
        }
        let drained = std::iter::from_fn(|| bench.edge.poll()).any(|command| command == Command::Drained);
        assert!(drained, "answered: {answers}");
    }
}

fn at(peer: &str) -> Path {
    let listener = ListenerId { realm: RealmId::new(0), index: 0, transport: Transport::Udp };
    Path { listener, peer: peer.parse().unwrap(), proven: None }
}

/// An INVITE of the registrar's for this URI.
pub(super) fn invite_for(uri: &str, to: &str, number: u32) -> String {
    invite(number)
        .replacen("sip:+442071838750@192.0.2.1 SIP", &format!("{uri} SIP"), 1)
        .replace("To: <sip:+442071838750@192.0.2.1>", &format!("To: <{to}>"))
}

#[test]
fn a_call_is_the_trunks_when_it_is_for_our_contact_and_nobodys_otherwise() {
    let own = format!("sip:acct42@192.0.2.1:5060;line={TOKEN}");
    let did = "sip:+442071838750@sip.carrier.example";
    for (uri, to, called) in [
        (own.as_str(), did, Some("442071838750")),
        (&own, "sip:acct42@sip.carrier.example", Some("442071838750")),
        (&format!("sip:+442071838751@192.0.2.1;line={TOKEN}"), did, Some("442071838751")),
        ("sip:+442071838750@192.0.2.1", did, Some("442071838750")),
        ("sip:acct42@192.0.2.1:5060", did, Some("442071838750")),
        ("sip:acct42@192.0.2.1:5060;line=fedcba9876543210", did, None),
        ("sip:+442071838751@192.0.2.1", did, None),
        ("sip:192.0.2.1", did, None),
    ] {
        let (mut bench, _) = registered(registering(|_| {}));
        let sent = bench.receive(CARRIER, &invite_for(uri, to, 1));
        match called {
            Some(number) => {
                let (_, onward) = only(&sent, "INVITE ");
                assert!(onward.starts_with(&format!("INVITE sip:{number}@")), "{uri}: {onward}");
            }
            None => assert_eq!((sent, bench.edge.counters().strangers), (vec![], 1), "{uri}"),
        }
        let stranger = bench.receive("192.0.2.11:5060", &invite_for(&own, did, 2));
        assert_eq!(stranger, [], "the Contact alone is nobody's");
    }
}

#[test]
fn trunks_at_one_registrar_are_told_apart_by_their_contacts() {
    let other = "aaaaaaaaaaaaaaaa";
    let mut bench = bench(|trunks| {
        register(&mut trunks[0], TOKEN, |_| {});
        trunks[2] = Trunk { direction: Direction::Outbound, ..trunk("second", 0, CARRIER) };
        register(&mut trunks[2], other, |register| register.number = None);
    });
    first(&mut bench);
    let did = "sip:+442071838750@sip.carrier.example";
    let for_token = |token: &str| format!("sip:acct42@192.0.2.1:5060;line={token}");
    let sent = bench.receive(CARRIER, &invite_for(&for_token(TOKEN), did, 1));
    only(&sent, "INVITE ");
    let sent = bench.receive(CARRIER, &invite_for(&for_token(other), did, 2));
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 403 Forbidden"), "the second takes no calls");
    let sent = bench.receive(CARRIER, &invite_for("sip:acct42@192.0.2.1:5060", did, 3));
    assert_eq!(sent, [], "both have this user");
}

#[test]
fn calls_to_it_take_its_service_route_and_come_from_its_domain() {
    let mut bench = registering(|register| register.through_proxy = true);
    let sent = first(&mut bench);
    let asked = only(&sent, "REGISTER ").1.clone();
    assert_eq!(header(&asked, "Route:"), "<sip:192.0.2.10;lr>");
    let told = "Service-Route: <sip:orig@scscf.carrier.example;lr>\r\nP-Associated-URI: <sip:+442071838750@sip.carrier.example>\r\n";
    bench.receive(CARRIER, &accepted(&asked, &format!("{told}Expires: 600\r\n")));
    let out = invite(9).replace("sip:+442071838750@192.0.2.1", "sip:+15550001@10.0.0.1");
    let sent = bench.receive(PBX, &out);
    let (to, onward) = only(&sent, "INVITE ").clone();
    assert_eq!(to.to_string(), CARRIER);
    assert!(onward.lines().next().unwrap().ends_with("15550001@sip.carrier.example SIP/2.0"), "{onward}");
    let routes: Vec<&str> = onward.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
    assert_eq!(routes, ["<sip:192.0.2.10;lr>", "<sip:orig@scscf.carrier.example;lr>"]);
    assert!(header(&onward, "From:").contains("@sip.carrier.example>"), "{onward}");
    let sent = bench.receive(CARRIER, &answer(&onward, "200 OK", "b", CARRIER, &sdp_of(CARRIER)));
    assert_eq!(header(&only(&sent, "ACK ").1, "Route:"), "", "the answer says which way a dialog goes");
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    bench.receive(PBX, &by_carrier(&ok, "ACK", 1, ""));
}

#[test]
fn all_numbers_of_an_account_are_registered_at_once_where_the_operator_wants_it() {
    let mut bench = registering(|register| register.bulk = true);
    let sent = first(&mut bench);
    let asked = only(&sent, "REGISTER ").1.clone();
    assert_eq!(header(&asked, "Contact:"), format!("<sip:192.0.2.1:5060;bnc;line={TOKEN}>;expires=3600"));
    assert_eq!((header(&asked, "Require:"), header(&asked, "Proxy-Require:")), ("gin", "gin"));
    bench.receive(CARRIER, &granted(&asked, 3600));
    assert_eq!(state(&bench), "registered");
    let uri = format!("sip:+442071838799@192.0.2.1:5060;line={TOKEN}");
    let sent = bench.receive(CARRIER, &invite_for(&uri, "sip:+442071838799@sip.carrier.example", 1));
    assert!(only(&sent, "INVITE ").1.starts_with("INVITE sip:442071838799@"));
}

#[test]
fn a_wait_is_not_cut_short_by_what_does_not_concern_it() {
    let mut bench = registering(|_| {});
    let sent = first(&mut bench);
    bench.receive(CARRIER, &answer(&only(&sent, "REGISTER ").1, "403 Forbidden", "r", CARRIER, ""));
    let same = Arc::clone(&bench.edge.policy);
    bench.edge.handle(Input::PolicyReplaced(same), bench.now);
    assert!(bench.carry_out().is_empty());
    assert_eq!(state(&bench), "waiting");
}

#[test]
fn a_registrar_whose_name_dns_tells_late_is_asked_at_once() {
    let mut bench = bench(|trunks| {
        register(&mut trunks[0], TOKEN, |_| {});
        trunks[0].host = Host::Name { name: "sip.carrier.example".to_owned(), port: None, transport: None };
        trunks[0].targets = Arc::default();
    });
    assert!(first(&mut bench).is_empty());
    assert_eq!(state(&bench), "waiting");
    let question = bench.edge.policy.questions().first().unwrap().clone();
    let led =
        bench.edge.policy.led(&question, Targets::one(CARRIER.parse().unwrap(), Transport::Udp)).unwrap();
    bench.edge.handle(Input::PolicyReplaced(Arc::new(led)), bench.now);
    only(&bench.carry_out(), "REGISTER ");
}
