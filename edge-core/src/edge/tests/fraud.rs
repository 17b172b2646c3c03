//! Ways round the guards of a trunk: other spellings, routes that rewrite, and called sides that send the call on.

use super::control::{Control, Sent, bench, bench_routing, only, sdp_of};
use super::refer::{Up, by_pbx};
use super::standing::{CARRIER, PBX, answer};
use super::*;
use crate::policy::{Incoming, IncomingRule, Redirects, Refer};

fn denying(prefix: &str) -> Option<Arc<Guards>> {
    Some(Arc::new(Guards { deny: vec![prefix.to_owned()], ..Guards::default() }))
}

/// An INVITE of the PBX's to this user.
fn by_pbx_to(user: &str, number: u32) -> String {
    let headers = "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n";
    request("INVITE", &format!("sip:{user}@10.0.0.1"), number, headers, &sdp_of(PBX))
}

fn last(sent: &Sent) -> &str {
    sent.last().and_then(|(_, text)| text.lines().next()).unwrap_or_default()
}

fn cause(bench: &mut Control) -> &'static str {
    bench.records.pop().expect("a refusal is recorded").cause.name()
}

#[test]
fn a_denied_number_is_not_called_however_it_is_written() {
    for (user, why) in [
        ("+88212345", "guard_denied"),
        ("+882%2012345", "guard_denied"),
        ("+%2088212345", "guard_denied"),
        ("+/882/12345", "guard_denied"),
        ("+442071838750;npdi;rn=+88212345", "guard_denied"),
        ("+%EF%BC%98%EF%BC%98%EF%BC%92123456", "guard_spelling"),
        ("+0088212345", "guard_spelling"),
    ] {
        let mut bench = bench(|trunks| trunks[1].guards = denying("+882"));
        let sent = bench.receive(PBX, &by_pbx_to(user, 1));
        assert_eq!(last(&sent), "SIP/2.0 403 Forbidden", "{user}");
        assert_eq!(cause(&mut bench), why, "{user}");
        let passed = bench.receive(PBX, &by_pbx_to("+442071838750", 2));
        only(&passed, "INVITE ");
    }
}

#[test]
fn a_route_that_makes_a_denied_number_of_another_does_not_lead_there() {
    for (prefix, strip, prepend, dialled) in [("9", 1, "+", "988212345"), ("0", 0, "0", "088212345")] {
        let mut bench = bench_routing(
            1,
            |trunks| trunks[1].guards = denying("+882"),
            |_| {},
            |routes| {
                routes[1].to = NumberMatch::Prefix(prefix.to_owned());
                routes[1].rewrite = NumberRewrite { strip, prepend: prepend.to_owned() };
            },
        );
        let sent = bench.receive(PBX, &by_pbx_to(dialled, 1));
        assert_eq!((last(&sent), cause(&mut bench)), ("SIP/2.0 403 Forbidden", "guard_denied"), "{dialled}");
        let other = bench.receive(PBX, &by_pbx_to(&dialled.replace("882", "442"), 2));
        only(&other, "INVITE ");
    }
}

/// The PBX, which is called by the carrier, sends the call there.
fn sent_on(bench: &mut Control, contacts: &str) -> Sent {
    let sent = bench.receive(CARRIER, &invite(1));
    let redirect = answer(&only(&sent, "INVITE ").1, "300 Multiple Choices", "b", PBX, "");
    bench.receive(PBX, &redirect.replace("Contact: <sip:10.0.0.20:5060>", contacts))
}

fn following(change: impl FnOnce(&mut [Trunk; 3])) -> Control {
    bench(|trunks| {
        trunks[1].redirects = Redirects::Follow;
        change(trunks);
    })
}

#[test]
fn every_place_of_a_redirect_is_guarded_as_a_call_of_who_named_it() {
    let mut bench = following(|trunks| trunks[1].guards = denying("+1555"));
    let sent = sent_on(&mut bench, "Contact: <sip:+33142685300@a>;q=0.9, <sip:+15550099@a>;q=0.5");
    let (to, first) = only(&sent, "INVITE ").clone();
    assert_eq!(to.to_string(), CARRIER);
    // By now the called side is the carrier, which may call that number.
    let sent = bench.receive(CARRIER, &answer(&first, "486 Busy Here", "c", CARRIER, ""));
    assert!(sent.iter().all(|(_, text)| !text.starts_with("INVITE ")), "{:?}", statuses(&sent));
    assert_eq!(
        bench.edge.policy.trunks[1].state.refused().find(|(name, _)| *name == "guard_denied").unwrap().1,
        1
    );
}

#[test]
fn a_trunk_redirects_to_nothing_that_it_may_not_call() {
    let only_to = |prefix: &str| {
        let to = Some(NumberMatch::Prefix(prefix.to_owned()));
        Some(Arc::new(Incoming(vec![IncomingRule { to, caller: None, when: None }])))
    };
    for (allowed, calls) in [("+15", 1), ("+44", 0)] {
        let mut bench = following(|trunks| trunks[1].incoming = only_to(allowed));
        let sent = sent_on(&mut bench, "Contact: <sip:+15550099@a>");
        let invites = sent.iter().filter(|(_, text)| text.starts_with("INVITE ")).count();
        assert_eq!(invites, calls, "{allowed}");
    }
}

#[test]
fn a_caller_is_sent_nowhere_that_its_trunk_may_not_call() {
    for contact in ["<sip:+15550099@a>", "<sip:+15550099@10.0.0.20>"] {
        let mut bench = following(|trunks| trunks[0].guards = denying("+1555"));
        let sent = sent_on(&mut bench, &format!("Contact: {contact}"));
        assert!(sent.iter().all(|(_, text)| !text.starts_with("INVITE ")), "{contact}");
        assert_eq!(last(&sent), "SIP/2.0 500 Server Internal Error", "{contact}");
    }
}

#[test]
fn nobody_has_another_call_a_number_that_it_may_not_call() {
    for (refer_to, status) in [
        ("<sip:+88212345@a>", "SIP/2.0 403 Forbidden"),
        ("<sip:+8-8-2%2012345@a>", "SIP/2.0 403 Forbidden"),
        ("<tel:+882-12345>", "SIP/2.0 403 Forbidden"),
        ("<sip:+442071838751@a>", "REFER "),
    ] {
        let mut up = Up::call(
            bench(|trunks| {
                trunks[1].refer = Refer::Pass;
                trunks[1].guards = denying("+882");
            }),
            1,
        );
        let refer = by_pbx(&up.invite, "REFER", 7, &format!("Refer-To: {refer_to}\r\n"));
        let sent = up.bench.receive(PBX, &refer);
        only(&sent, status);
    }
}
