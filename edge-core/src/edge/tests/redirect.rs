//! A called side that sends the call elsewhere.

use super::control::{Control, DESK, Sent, bench, only, sdp_of};
use super::standing::{CARRIER, PBX, answer, header, pbx_sdp};
use super::*;
use crate::policy::Redirects;

fn following() -> Control {
    bench(|trunks| trunks[1].redirects = Redirects::Follow)
}

/// The PBX has the call, and answers it with this.
fn redirected(bench: &mut Control, status: &str, contacts: &str) -> Sent {
    let sent = bench.receive(CARRIER, &invite(1));
    let redirect = answer(&only(&sent, "INVITE ").1, status, "b", PBX, "");
    let redirect = redirect.replace("Contact: <sip:10.0.0.20:5060>", contacts);
    bench.receive(PBX, &redirect)
}

#[test]
fn a_redirect_is_followed_by_the_routes_of_the_trunk_that_said_it() {
    let mut bench = following();
    let sent = redirected(&mut bench, "302 Moved Temporarily", "Contact: <sip:+15550099@pbx.example>");
    let (to, invite) = only(&sent, "INVITE ");
    assert_eq!(to.to_string(), CARRIER);
    assert!(invite.starts_with("INVITE sip:+15550099@192.0.2.10 SIP/2.0\r\n"), "{invite}");
    assert_eq!(
        header(invite, "Diversion:"),
        "<sip:+442071838750@192.0.2.1:5060>;reason=deflection;counter=1"
    );
    assert!(invite.contains("c=IN IP4 192.0.2.1\r\n") && !invite.contains("10.0.0."), "{invite}");
    let sent = bench.receive(CARRIER, &answer(invite, "200 OK", "c", CARRIER, SDP));
    assert_eq!(only(&sent, "SIP/2.0 200").0.to_string(), CARRIER);
    let [record] = bench.settle() else { panic!("one record") };
    assert_eq!((record.redirects, record.route.as_deref()), (1, Some("outbound")));
    assert_eq!(record.b.as_ref().map(|leg| leg.trunk.as_str()), Some("carrier"));
}

#[test]
fn a_redirect_within_a_network_keeps_its_port_and_to_the_same_trunk_its_number() {
    for (contact, to, target) in [
        ("<sip:7001@anywhere.example>", DESK, "sip:7001@10.0.0.30"),
        ("<sip:751@10.0.0.20:5062>", "10.0.0.20:5062", "sip:751@10.0.0.20:5062"),
        ("<tel:+1-555-0099>", CARRIER, "sip:+15550099@192.0.2.10"),
    ] {
        let mut bench = following();
        let sent = redirected(&mut bench, "301 Moved Permanently", &format!("Contact: {contact}"));
        let (peer, invite) = only(&sent, "INVITE ");
        assert_eq!(peer.to_string(), to);
        assert!(invite.starts_with(&format!("INVITE {target} ")), "{invite}");
        let sent = bench.receive(to, &answer(invite, "200 OK", "c", to, &sdp_of(to)));
        only(&sent, "SIP/2.0 200");
        assert_eq!(bench.settle().len(), 1);
    }
}

#[test]
fn no_address_of_a_contact_is_ever_called() {
    for (change, status, contacts) in [
        ("nobody's route", "302 Moved Temporarily", "Contact: <sip:9@198.51.100.66>"),
        ("no number", "302 Moved Temporarily", "Contact: <sip:10.0.0.20>"),
        ("no contact", "302 Moved Temporarily", "X: y"),
        ("itself again", "302 Moved Temporarily", "Contact: <sip:442071838750@10.0.0.20>"),
        ("a proxy", "305 Use Proxy", "Contact: <sip:7001@198.51.100.66>"),
        ("a service", "380 Alternative Service", "Contact: <sip:7001@198.51.100.66>"),
        ("secure", "302 Moved Temporarily", "Contact: <sips:7001@10.0.0.20>"),
        ("unreadable", "302 Moved Temporarily", "Contact: <sip:7001@"),
    ] {
        let mut bench = following();
        let sent = redirected(&mut bench, status, contacts);
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"), "{change}");
        assert!(sent.iter().all(|(_, text)| !text.starts_with("INVITE ")), "{change}");
        let [record] = bench.settle() else { panic!("{change}: one record") };
        assert_eq!(record.cause.name(), "rejected", "{change}");
    }
}

#[test]
fn contacts_are_tried_by_their_quality_until_one_takes_the_call() {
    let contacts = "Contact: <sip:7001@a>;q=0.2, <sip:+15550001@a>;q=0.9\r\nContact: <sip:7002@a>;q=0.5";
    for (refusal, next) in [("486 Busy Here", Some("INVITE sip:7002@")), ("603 Decline", None)] {
        let mut bench = following();
        let sent = redirected(&mut bench, "300 Multiple Choices", contacts);
        let (_, invite) = only(&sent, "INVITE ");
        assert!(invite.starts_with("INVITE sip:+15550001@"), "{invite}");
        let sent = bench.receive(CARRIER, &answer(invite, refusal, "c", CARRIER, ""));
        match next {
            Some(next) => assert!(only(&sent, "INVITE ").1.starts_with(next), "{sent:?}"),
            None => assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 603 Decline")),
        }
        assert_eq!(bench.settle().len(), 1);
    }
}

#[test]
fn a_chain_of_redirects_comes_to_an_end() {
    let mut bench = following();
    let mut sent = redirected(&mut bench, "302 Moved Temporarily", "Contact: <sip:800@10.0.0.20>");
    let mut hops = 1;
    while let Some((_, invite)) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")) {
        let contact = format!("Contact: <sip:80{hops}@10.0.0.20>");
        let redirect = answer(invite, "302 Moved Temporarily", "b", PBX, "");
        let redirect = redirect.replace("Contact: <sip:10.0.0.20:5060>", &contact);
        sent = bench.receive(PBX, &redirect);
        hops += 1;
    }
    assert_eq!(hops, 6);
    assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"));
    assert_eq!(bench.settle().len(), 1);
}

#[test]
fn a_trunk_without_room_or_leave_is_no_target() {
    type Change = fn(&mut [Trunk; 3]);
    let changes: [(&str, Change); 3] = [
        ("full", |trunks| trunks[2].limits.calls_max = Some(0)),
        ("only calls", |trunks| trunks[2].direction = Direction::Inbound),
        ("may not call", |trunks| trunks[1].direction = Direction::Outbound),
    ];
    for (name, change) in changes {
        let mut bench = bench(|trunks| {
            trunks[1].redirects = Redirects::Follow;
            change(trunks);
        });
        let sent = redirected(&mut bench, "302 Moved Temporarily", "Contact: <sip:7001@a>");
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 500 Server Internal Error"), "{name}");
        assert_eq!(bench.settle().len(), 1);
    }
}

#[test]
fn a_caller_who_gives_up_is_heard_where_the_call_is_now() {
    let mut bench = following();
    let sent = redirected(&mut bench, "302 Moved Temporarily", "Contact: <sip:7001@a>");
    let ringing = answer(&only(&sent, "INVITE ").1, "180 Ringing", "c", DESK, "");
    bench.receive(DESK, &ringing);
    let cancel = request("CANCEL", "sip:+442071838750@192.0.2.1", 1, "", "");
    let sent = bench.receive(CARRIER, &cancel);
    assert_eq!(only(&sent, "CANCEL ").0.to_string(), DESK);
    assert_eq!(bench.settle().len(), 1);
}

#[test]
fn after_an_early_answer_the_call_still_goes_elsewhere() {
    let mut bench = following();
    let sent = bench.receive(CARRIER, &invite(1));
    let invite = only(&sent, "INVITE ").1.clone();
    bench.receive(PBX, &answer(&invite, "183 Session Progress", "b", PBX, &pbx_sdp()));
    let redirect = answer(&invite, "302 Moved Temporarily", "b", PBX, "");
    let sent = bench.receive(PBX, &redirect.replace("<sip:10.0.0.20:5060>", "<sip:7001@a>"));
    let (to, second) = only(&sent, "INVITE ").clone();
    assert_eq!(to.to_string(), DESK);
    let sent = bench.receive(DESK, &answer(&second, "200 OK", "c", DESK, &sdp_of(DESK)));
    only(&sent, "SIP/2.0 200");
    assert_eq!(bench.settle().len(), 1);
}

#[test]
fn a_redirect_is_passed_on_with_our_address() {
    let mut bench = bench(|trunks| trunks[1].redirects = Redirects::Pass);
    let contacts = "Contact: <sip:7001@10.0.0.20>;q=0.25, \"Pbx\" <sip:+1555;x=y@10.0.0.20;transport=tcp>";
    let sent = redirected(&mut bench, "302 Moved Temporarily", contacts);
    let told = &sent.last().unwrap().1;
    assert!(told.starts_with("SIP/2.0 302 Moved Temporarily\r\n"), "{told}");
    let contacts: Vec<_> = told.lines().filter(|line| line.starts_with("Contact:")).collect();
    assert_eq!(
        contacts,
        ["Contact: <sip:+1555@192.0.2.1:5060>", "Contact: <sip:7001@192.0.2.1:5060>;q=0.250"]
    );
    assert!(!told.contains("10.0.0."), "{told}");
    let [record] = bench.settle() else { panic!("one record") };
    assert_eq!((record.cause.name(), record.cause.status().as_u16()), ("redirected", 302));
}

#[test]
fn a_redirect_within_a_trunk_needs_no_second_room_there() {
    let mut bench = bench(|trunks| {
        trunks[1].redirects = Redirects::Follow;
        trunks[1].limits.calls_max = Some(1);
    });
    let sent = redirected(&mut bench, "302 Moved Temporarily", "Contact: <sip:751@10.0.0.20:5062>");
    assert_eq!(only(&sent, "INVITE ").0.to_string(), "10.0.0.20:5062");
    assert_eq!(bench.edge.policy.trunk(TrunkId::new(1)).usage.calls(), 1);
    assert_eq!(bench.settle().len(), 1);
}
