//! REFER within a call: refused, passed on, carried out here.

use super::control::{Control, DESK, Sent, bench, only, sdp_of};
use super::standing::{CARRIER, PBX, answer, header, in_dialog, pbx_sdp};
use super::*;
use crate::policy::{Direction, Refer};

/// A call of the carrier's that the PBX has answered: the INVITE that the PBX got, and the 200 that the carrier got.
pub(super) struct Up {
    pub(super) bench: Control,
    pub(super) invite: String,
    pub(super) ok: String,
}

impl Up {
    pub(super) fn new(refer: Refer) -> Self {
        Self::call(bench(|trunks| trunks[1].refer = refer), 1)
    }

    /// Another call of the carrier's.
    pub(super) fn call(mut bench: Control, number: u32) -> Self {
        let sent = bench.receive(CARRIER, &invite(number));
        let invite = only(&sent, "INVITE ").1.clone();
        let sent = bench.receive(PBX, &answer(&invite, "200 OK", "b", PBX, &pbx_sdp()));
        let ok = only(&sent, "SIP/2.0 200").1.clone();
        let ack = by_carrier(&ok, "ACK", 1, "");
        assert!(bench.receive(CARRIER, &ack).is_empty());
        Self { bench, invite, ok }
    }

    fn by_pbx(&self, method: &str, sequence: u32, headers: &str) -> String {
        by_pbx(&self.invite, method, sequence, headers)
    }

    /// The PBX refers the carrier to a number.
    fn refer(&mut self, headers: &str) -> Sent {
        let refer = self.by_pbx("REFER", 7, headers);
        self.bench.receive(PBX, &refer)
    }
}

/// A request of the PBX within the dialog that `invite` began.
pub(super) fn by_pbx(invite: &str, method: &str, sequence: u32, headers: &str) -> String {
    let to = format!("{};tag=b", header(invite, "To:"));
    let (from, call_id) = (header(invite, "From:"), header(invite, "Call-ID:"));
    in_dialog(method, sequence, &to, from, call_id, PBX, "")
        .replace("Max-Forwards", &format!("{headers}Max-Forwards"))
}

/// A request of the carrier within the dialog that `ok` made.
pub(super) fn by_carrier(ok: &str, method: &str, sequence: u32, body: &str) -> String {
    let (from, to) = (header(ok, "From:"), header(ok, "To:"));
    in_dialog(method, sequence, from, to, header(ok, "Call-ID:"), CARRIER, body)
}

fn report(sent: &Sent) -> (String, String) {
    let notify = &only(sent, "NOTIFY ").1;
    let fragment = notify.split_once("\r\n\r\n").unwrap().1.trim_end().to_owned();
    (fragment, header(notify, "Subscription-State:").to_owned())
}

const TO_DESK: &str = "Refer-To: <sip:7001@anywhere.example>\r\n";

#[test]
fn by_default_nobody_transfers() {
    let mut up = Up::new(Refer::Refuse);
    assert_eq!(statuses(&up.refer(TO_DESK)), ["SIP/2.0 603 Decline"]);
}

#[test]
fn a_refer_is_carried_out_by_the_routes_of_its_trunk_and_the_sides_are_joined() {
    let mut up = Up::new(Refer::Consume);
    let sent = up.refer(TO_DESK);
    assert_eq!(only(&sent, "SIP/2.0 202").0.to_string(), PBX);
    assert_eq!(report(&sent), ("SIP/2.0 100 Trying".to_owned(), "active;expires=240".to_owned()));
    let (desk, invite) = only(&sent, "INVITE ");
    assert!(desk.to_string() == DESK && invite.starts_with("INVITE sip:7001@10.0.0.30 "), "{invite}");
    assert_eq!(header(invite, "Referred-By:"), "<sip:+442071838750@10.0.0.1:5060>");
    assert!(invite.contains("From: \"Ann\" <sip:+15550001@10.0.0.1:5060>;tag="), "{invite}");
    assert!(invite.contains("m=audio") && invite.contains("c=IN IP4 10.0.0.1\r\n"), "{invite}");

    let sent = up.bench.receive(DESK, &answer(invite, "200 OK", "d", DESK, &sdp_of(DESK)));
    assert_eq!(only(&sent, "ACK ").0.to_string(), DESK);
    assert_eq!(report(&sent), ("SIP/2.0 200 OK".to_owned(), "terminated;reason=noresource".to_owned()));
    assert_eq!(only(&sent, "BYE ").0.to_string(), PBX);
    let (carrier, change) = only(&sent, "INVITE ");
    assert_eq!(carrier.to_string(), CARRIER);
    assert!(change.contains("m=audio 20002 ") && !change.contains("10.0.0."), "{change}");
    assert_eq!(header(change, "Call-ID:"), header(&up.ok, "Call-ID:"));

    let sent = up.bench.receive(CARRIER, &answer(change, "200 OK", "", CARRIER, SDP));
    assert_eq!(statuses(&sent), ["ACK sip:192.0.2.10:5060 SIP/2.0"]);
    let bye = by_carrier(&up.ok, "BYE", 2, "");
    let sent = up.bench.receive(CARRIER, &bye);
    assert_eq!(only(&sent, "BYE ").0.to_string(), DESK);
    let [first, second] = up.bench.settle() else { panic!("a record a call") };
    assert_eq!((first.cause.name(), first.cause.ended_by().as_str()), ("transferred", "b"));
    assert_eq!((second.cause.name(), second.from_call.as_deref()), ("hangup", Some(first.id.as_str())));
    let trunks = [&second.a, second.b.as_ref().unwrap()].map(|leg| leg.trunk.as_str());
    assert_eq!((trunks, second.route.as_deref()), (["carrier", "desk"], Some("desks")));
    assert!(second.codec.is_some() && second.answered.is_some());
}

#[test]
fn who_refers_hears_once_of_each_thing_that_the_target_says() {
    let mut up = Up::new(Refer::Consume);
    let invite = only(&up.refer(TO_DESK), "INVITE ").1.clone();
    let mut say = |status: &str| {
        let sdp = if status.starts_with("183") { sdp_of(DESK) } else { String::new() };
        let sent = up.bench.receive(DESK, &answer(&invite, status, "d", DESK, &sdp));
        let told = sent.iter().filter(|(to, text)| to.to_string() == PBX && text.starts_with("NOTIFY "));
        told.map(|(_, text)| text.clone()).collect::<Vec<_>>()
    };
    assert!(say("100 Trying").is_empty(), "said already, when the REFER came");
    let [ringing] = &say("180 Ringing")[..] else { panic!("one report") };
    assert!(ringing.ends_with("\r\n\r\nSIP/2.0 180 Ringing\r\n"), "{ringing}");
    assert_eq!(header(ringing, "Subscription-State:"), "active;expires=240");
    assert!(say("180 Ringing").is_empty());
    assert_eq!(say("183 Session Progress").len(), 1);
    for code in 184..199 {
        say(&format!("{code} Still"));
    }
    let [last] = &say("486 Busy Here")[..] else { panic!("one report") };
    assert_eq!(header(last, "CSeq:"), "11 NOTIFY", "100, eight others, and the last one");
    assert_eq!(header(last, "Subscription-State:"), "terminated;reason=noresource");
    up.bench.settle();
}

#[test]
fn what_fails_leaves_the_call_as_it_was() {
    for (headers, refusal, told) in [
        (TO_DESK, Some("486 Busy Here"), "SIP/2.0 486 Busy Here"),
        ("Refer-To: <sip:998@a>\r\n", None, "SIP/2.0 404 Not Found"),
        (TO_DESK, Some("503 Service Unavailable"), "SIP/2.0 500 Server Internal Error"),
    ] {
        let mut up = Up::new(Refer::Consume);
        let mut sent = up.refer(headers);
        if let Some(refusal) = refusal {
            let invite = only(&sent, "INVITE ").1.clone();
            sent = up.bench.receive(DESK, &answer(&invite, refusal, "d", DESK, ""));
        }
        let last = sent.iter().rev().find(|(_, text)| text.starts_with("NOTIFY ")).unwrap();
        assert!(last.1.trim_end().ends_with(told), "{last:?}");
        assert!(sent.iter().all(|(_, text)| !text.starts_with("BYE ")));
        // It can be held, and another transfer tried.
        let hold = by_carrier(&up.ok, "INVITE", 2, SDP);
        only(&up.bench.receive(CARRIER, &hold), "INVITE ");
        assert_eq!(up.bench.settle().len(), 2);
    }
}

#[test]
fn while_it_is_carried_out_the_session_may_change_and_the_transfer_waits_for_that() {
    let mut up = Up::new(Refer::Consume);
    let to_desk = only(&up.refer(TO_DESK), "INVITE ").1.clone();
    let again = up.by_pbx("REFER", 8, TO_DESK);
    assert_eq!(statuses(&up.bench.receive(PBX, &again)), ["SIP/2.0 491 Request Pending"], "one at a time");
    let hold = by_carrier(&up.ok, "INVITE", 2, &format!("{SDP}a=sendonly\r\n"));
    let onward = only(&up.bench.receive(CARRIER, &hold), "INVITE ").1.clone();
    let sent = up.bench.receive(DESK, &answer(&to_desk, "200 OK", "d", DESK, &sdp_of(DESK)));
    assert!(sent.iter().all(|(to, _)| to.to_string() == DESK), "its side is not to be had yet: {sent:?}");
    let ok = up.bench.receive(PBX, &answer(&onward, "200 OK", "", PBX, &pbx_sdp()));
    only(&ok, "SIP/2.0 200");
    up.bench.receive(CARRIER, &by_carrier(&up.ok, "ACK", 2, ""));
    let sent = up.bench.wait(4);
    assert_eq!(only(&sent, "INVITE ").0.to_string(), CARRIER, "{:?}", statuses(&sent));
    assert!(
        sent.iter().any(|(to, text)| to.to_string() == PBX && text.starts_with("BYE ")),
        "{:?}",
        statuses(&sent)
    );
    assert_eq!(up.bench.settle().len(), 2);
}

#[test]
fn under_overload_no_transfer_begins_a_call() {
    let mut up = Up::new(Refer::Consume);
    let mut shed = 0;
    for sequence in 7..407 {
        up.bench.now += Duration::from_millis(1);
        up.bench.edge.handle(Input::Waited(Duration::from_millis(50)), up.bench.now);
        let refer = up.by_pbx("REFER", sequence, "Refer-To: <sip:999@nowhere>\r\n");
        let sent = up.bench.receive(PBX, &refer);
        let taken = statuses(&sent)[0] == "SIP/2.0 202 Accepted";
        assert!(taken || statuses(&sent) == ["SIP/2.0 503 Service Unavailable"], "{sent:?}");
        shed += u64::from(!taken);
    }
    assert!(shed > 0 && up.bench.edge.counters().calls_shed == shed, "{shed} were shed");
    up.bench.settle();
}

#[test]
fn of_a_report_only_the_status_crosses() {
    for (body, told) in [
        ("SIP/2.0 486 Ask 10.9.8.7\r\nTo: <sip:a@192.0.2.7>\r\n", Some("SIP/2.0 486 Busy Here\r\n")),
        ("SIP/2.0 200", Some("SIP/2.0 200 OK\r\n")),
        ("SIP/2.0 2000 OK\r\n", None),
        ("SIP/2.0 999 No\r\n", None),
        ("INVITE sip:a@192.0.2.7 SIP/2.0\r\n", None),
        ("To: <sip:a@192.0.2.7>\r\nSIP/2.0 200 OK\r\n", None),
    ] {
        let mut up = Up::new(Refer::Pass);
        let refer = only(&up.refer(TO_DESK), "REFER ").1.clone();
        up.bench.receive(CARRIER, &answer(&refer, "202 Accepted", "", CARRIER, ""));
        let number = header(&refer, "CSeq:").split(' ').next().unwrap().to_owned();
        let notify = by_carrier(&up.ok, "NOTIFY", 2, body)
            .replace("application/sdp", "message/sipfrag")
            .replace("Max-F", &format!("Event: refer;id={number}\r\nSubscription-State: active\r\nMax-F"));
        let sent = up.bench.receive(CARRIER, &notify);
        let (_, fragment) = only(&sent, "NOTIFY ").1.split_once("\r\n\r\n").unwrap();
        assert_eq!(fragment, told.unwrap_or_default(), "{body}");
        up.bench.settle();
    }
}

#[test]
fn one_who_hangs_up_after_his_refer_leaves_the_other_to_the_target() {
    for answered in [true, false] {
        let mut up = Up::new(Refer::Consume);
        let invite = only(&up.refer(TO_DESK), "INVITE ").1.clone();
        let bye = up.by_pbx("BYE", 8, "");
        assert_eq!(statuses(&up.bench.receive(PBX, &bye)), ["SIP/2.0 200 OK"]);
        let (status, sdp) =
            if answered { ("200 OK", sdp_of(DESK)) } else { ("486 Busy Here", String::new()) };
        let sent = up.bench.receive(DESK, &answer(&invite, status, "d", DESK, &sdp));
        assert_eq!(only(&sent, if answered { "INVITE " } else { "BYE " }).0.to_string(), CARRIER);
        let causes: Vec<_> = up.bench.settle().iter().map(|record| record.cause.name()).collect();
        assert_eq!(causes, if answered { ["transferred", "drained"] } else { ["rejected", "hangup"] });
    }
}

#[test]
fn one_who_is_referred_and_hangs_up_takes_the_target_with_him() {
    let mut up = Up::new(Refer::Consume);
    let invite = only(&up.refer(TO_DESK), "INVITE ").1.clone();
    up.bench.receive(DESK, &answer(&invite, "180 Ringing", "d", DESK, ""));
    let bye = by_carrier(&up.ok, "BYE", 2, "");
    let sent = up.bench.receive(CARRIER, &bye);
    assert_eq!(only(&sent, "CANCEL ").0.to_string(), DESK);
    assert_eq!(report(&sent).0, "SIP/2.0 487 Request Terminated");
    let causes: Vec<_> = up.bench.settle().iter().map(|record| record.cause.name()).collect();
    assert!(causes.contains(&"hangup") && causes.contains(&"cancelled"), "{causes:?}");
}

#[test]
fn a_side_that_changes_just_then_is_joined_later_and_one_that_refuses_ends_it() {
    for (refusal, again) in [("491 Request Pending", true), ("488 Not Acceptable Here", false)] {
        let mut up = Up::new(Refer::Consume);
        let invite = only(&up.refer(TO_DESK), "INVITE ").1.clone();
        let sent = up.bench.receive(DESK, &answer(&invite, "200 OK", "d", DESK, &sdp_of(DESK)));
        let change = only(&sent, "INVITE ").1.clone();
        let bye = only(&sent, "BYE ").1.clone();
        up.bench.receive(PBX, &answer(&bye, "200 OK", "", PBX, ""));
        let notify = sent.iter().rfind(|(_, text)| text.starts_with("NOTIFY ")).unwrap().1.clone();
        up.bench.receive(PBX, &answer(&notify, "200 OK", "", PBX, ""));
        let mut sent = up.bench.receive(CARRIER, &answer(&change, refusal, "", CARRIER, ""));
        sent.extend(up.bench.wait(5));
        let invites = sent.iter().filter(|(_, text)| text.starts_with("INVITE ")).count();
        let byes = sent.iter().filter(|(_, text)| text.starts_with("BYE ")).count();
        assert_eq!((invites > 0, byes > 0), (again, !again), "{:?}", statuses(&sent));
        let records = up.bench.settle();
        assert_eq!(records[1].cause.name(), if again { "drained" } else { "not_joined" });
    }
}

#[test]
fn an_ack_that_was_lost_is_said_again_by_the_call_that_has_the_side_now() {
    let mut up = Up::new(Refer::Consume);
    // The desk calls the PBX, which answers; then the PBX is referred... its 200 comes again after the side has moved.
    let late = answer(&up.invite, "200 OK", "b", PBX, &pbx_sdp());
    let refer =
        by_carrier(&up.ok, "REFER", 2, "").replace("Max-Forwards", "Refer-To: <sip:+441@a>\r\nMax-Forwards");
    assert_eq!(statuses(&up.bench.receive(CARRIER, &refer)), ["SIP/2.0 603 Decline"]);
    let sent = up.bench.receive(PBX, &late);
    assert_eq!(statuses(&sent), ["ACK sip:10.0.0.20:5060 SIP/2.0"]);
}

#[test]
fn a_silent_refer_hears_nothing() {
    let mut up = Up::new(Refer::Consume);
    let sent = up.refer(&format!("Refer-Sub: false\r\nRequire: norefersub\r\n{TO_DESK}"));
    assert_eq!(header(&only(&sent, "SIP/2.0 202").1, "Refer-Sub:"), "false");
    assert!(sent.iter().all(|(_, text)| !text.starts_with("NOTIFY ")));
    assert_eq!(up.bench.settle().len(), 2);
}

#[test]
fn who_refers_has_the_room_and_the_leave_of_his_trunk() {
    type Change = fn(&mut [Trunk; 3]);
    let changes: [(Change, &str); 3] = [
        (|trunks| trunks[1].direction = Direction::Outbound, "SIP/2.0 403 Forbidden"),
        (|trunks| trunks[1].limits.calls_max = Some(1), "SIP/2.0 503 Service Unavailable"),
        (|trunks| trunks[2].limits.calls_max = Some(0), "SIP/2.0 503 Service Unavailable"),
    ];
    for (change, told) in changes {
        let bench = bench(|trunks| {
            trunks[1].refer = Refer::Consume;
            change(trunks);
        });
        let mut up = Up::call(bench, 1);
        let sent = up.refer(TO_DESK);
        assert!(sent.last().unwrap().1.trim_end().ends_with(told), "{sent:?}");
        let causes = up.bench.settle().len();
        assert_eq!(causes, 2);
    }
}

#[test]
fn a_refer_is_passed_on_with_our_address_and_its_reports_come_back() {
    let mut up = Up::new(Refer::Pass);
    let sent =
        up.refer("Refer-To: <sip:7001;x=y@10.0.0.20;transport=tcp>\r\nReferred-By: <sip:u@10.0.0.20>\r\n");
    let [(to, refer)] = &sent[..] else { panic!("{sent:?}") };
    assert!(to.to_string() == CARRIER && refer.starts_with("REFER sip:192.0.2.10:5060 "), "{refer}");
    assert_eq!(header(refer, "Refer-To:"), "<sip:7001@192.0.2.1:5060>");
    assert_eq!(header(refer, "Referred-By:"), "<sip:+442071838750@192.0.2.1:5060>");
    assert!(!refer.contains("10.0.0."), "{refer}");
    let sent = up.bench.receive(CARRIER, &answer(refer, "202 Accepted", "", CARRIER, ""));
    assert_eq!(header(&only(&sent, "SIP/2.0 202").1, "Contact:"), "<sip:10.0.0.1:5060>");
    let number = header(refer, "CSeq:").split(' ').next().unwrap();
    let body = "SIP/2.0 180 Ringing\r\nContact: <sip:192.0.2.7>\r\n";
    let notify = by_carrier(&up.ok, "NOTIFY", 2, body)
        .replace("application/sdp", "message/sipfrag")
        .replace("Max-F", &format!("Event: refer;id={number}\r\nSubscription-State: active\r\nMax-F"));
    let sent = up.bench.receive(CARRIER, &notify);
    let (to, notify) = only(&sent, "NOTIFY ");
    assert_eq!((to.to_string().as_str(), header(notify, "Event:")), (PBX, "refer;id=7"));
    assert!(notify.ends_with("\r\n\r\nSIP/2.0 180 Ringing\r\n") && !notify.contains("192.0.2."), "{notify}");
    assert_eq!(up.bench.settle().len(), 1);
}

#[test]
fn a_call_that_is_older_than_a_decision_of_the_operator_places_no_calls_against_it() {
    type Change = fn(&mut [Trunk; 3]);
    let changes: [(Change, &str); 6] = [
        (|trunks| trunks[1].refer = Refer::Refuse, "SIP/2.0 403 Forbidden"),
        (|trunks| trunks[1].enabled = false, "SIP/2.0 403 Forbidden"),
        (|trunks| trunks[1].name = "another".to_owned(), "SIP/2.0 403 Forbidden"),
        (|trunks| trunks[2].enabled = false, "SIP/2.0 503 Service Unavailable"),
        (|trunks| trunks[2].direction = Direction::Inbound, "SIP/2.0 403 Forbidden"),
        (|trunks| trunks[1].limits.calls_max = Some(1), "SIP/2.0 503 Service Unavailable"),
    ];
    for (change, told) in changes {
        let mut up = Up::new(Refer::Consume);
        let decided = bench(|trunks| {
            trunks[1].refer = Refer::Consume;
            change(trunks);
        });
        let mut decided = Arc::into_inner(decided.edge.policy).unwrap();
        decided.take_over(&up.bench.edge.policy);
        up.bench.edge.handle(Input::PolicyReplaced(Arc::new(decided)), up.bench.now);
        let sent = up.refer(TO_DESK);
        assert!(sent.iter().all(|(_, text)| !text.starts_with("INVITE ")), "{:?}", statuses(&sent));
        let notify = sent.iter().rfind(|(_, text)| text.starts_with("NOTIFY ")).unwrap();
        assert!(notify.1.trim_end().ends_with(told), "{told} in {notify:?}");
        up.bench.settle();
    }
}
