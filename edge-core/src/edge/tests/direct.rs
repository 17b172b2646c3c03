//! Calls whose media does not pass the edge.

use super::control::{Control, DESK, bench_routing, only, sdp_of};
use super::reliable::{CAN, Ringing, is_reliable};
use super::standing::{CARRIER, PBX, Standing, answer, header, in_dialog, pbx_sdp};
use super::*;
use crate::policy::{DelayedOffer, Plan, Refer, RouteTarget};

fn direct(trunks: &mut [Trunk]) {
    for trunk in trunks {
        trunk.media.direct = true;
    }
}

fn reaching(realms: &mut [Realm; 2]) {
    realms[1].reaches = vec![RealmId::new(0)];
}

fn bench() -> Bench {
    Bench::with_realms(|trunks, _| direct(trunks), reaching)
}

/// A call with the routes and trunks of [`bench_routing`], of which the first `trunks` leave media out.
fn controlled(trunks: usize) -> Control {
    let change = |all: &mut [Trunk; 3]| {
        direct(&mut all[..trunks]);
        all[1].refer = Refer::Consume;
    };
    let to_both = |routes: &mut [Route; 4]| {
        let targets = [1, 2].map(|trunk| RouteTarget::new(TrunkId::new(trunk)));
        routes[0].plan = Arc::new(Plan::of(targets.into()));
    };
    bench_routing(1, change, reaching, to_both)
}

fn is_of(message: &str, ip: &str, port: &str) -> bool {
    message.contains(&format!("\r\nc=IN IP4 {ip}\r\n")) && message.contains(&format!("m=audio {port} "))
}

fn of_session(message: &str) -> (&str, u64) {
    let mut fields = header(message, "o=").split(' ');
    (fields.nth(1).unwrap(), fields.next().unwrap().parse().unwrap())
}

#[test]
fn each_side_hears_where_the_other_one_is_in_a_session_of_ours_and_no_port_is_taken() {
    let mut call = Standing::with(bench());
    assert!(is_of(&call.invite, "192.0.2.10", "6000"), "{}", call.invite);
    assert!(is_of(&call.ok, "10.0.0.20", "6000"), "{}", call.ok);
    for (message, own) in [(&call.invite, "10.0.0.1"), (&call.ok, "192.0.2.1")] {
        assert!(header(message, "o=").ends_with(&format!("IN IP4 {own}")), "{message}");
    }
    assert_eq!(call.bench.edge.media_ports_at_rest(), 4, "no port");
    let shown = call.bench.edge.calls().next().unwrap();
    assert!(shown.direct_media);
    let bye = call.by_carrier("BYE", 2, "");
    let (_, records) = call.bench.receive(CARRIER, &bye);
    let [record] = &records[..] else { panic!("{records:?}") };
    assert!(record.direct_media);
    let b = record.b.as_ref().unwrap();
    assert_eq!((record.a.media_local, b.media_local), (None, None));
    let remotes = [record.a.media_remote, b.media_remote].map(|remote| remote.unwrap().to_string());
    assert_eq!(remotes, ["192.0.2.10:6000", "10.0.0.20:6000"]);
}

#[test]
fn one_side_alone_a_nat_or_realms_apart_relay() {
    type Case = (fn(&mut [Trunk; 2]), fn(&mut [Realm; 2]));
    let cases: [Case; 4] = [
        (|trunks| direct(&mut trunks[..1]), reaching),
        (|trunks| direct(&mut trunks[1..]), reaching),
        (
            |trunks| {
                direct(trunks);
                trunks[0].nat = true;
            },
            reaching,
        ),
        (|trunks| direct(trunks), |_| {}),
    ];
    for (change, realms) in cases {
        let call = Standing::with(Bench::with_realms(|trunks, _| change(trunks), realms));
        assert!(call.invite.contains("c=IN IP4 10.0.0.1\r\n"), "{}", call.invite);
        assert!(call.ok.contains("c=IN IP4 192.0.2.1\r\n"), "{}", call.ok);
    }
}

#[test]
fn a_hold_and_a_move_cross_with_versions_of_each_sides_own() {
    let mut call = Standing::with(bench());
    let moved = format!("{}a=sendonly\r\n", SDP.replace("m=audio 6000", "m=audio 6010"));
    let sent = call.bench.receive(CARRIER, &call.by_carrier("INVITE", 2, &moved)).0;
    let told = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1.clone();
    assert!(is_of(&told, "192.0.2.10", "6010") && told.contains("a=sendonly"), "{told}");
    let (before, now) = (of_session(&call.invite), of_session(&told));
    assert_eq!((now.0, now.1), (before.0, before.1 + 1));
    let held = format!("{}a=recvonly\r\n", pbx_sdp());
    let sent = call.bench.receive(PBX, &answer(&told, "200 OK", "b", PBX, &held)).0;
    let ok = &sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap().1;
    assert!(is_of(ok, "10.0.0.20", "6000") && ok.contains("a=recvonly"), "{ok}");
    assert_eq!(of_session(ok).1, of_session(&call.ok).1 + 1);
}

#[test]
fn a_trunk_that_is_not_direct_takes_the_call_over_with_ports() {
    let mut bench = controlled(2);
    let first = only(&bench.receive(CARRIER, &invite(1)), "INVITE ").1.clone();
    assert!(is_of(&first, "192.0.2.10", "6000"), "{first}");
    let heard = bench.receive(PBX, &answer(&first, "183 Session Progress", "a", PBX, &sdp_of(PBX)));
    assert!(is_of(&only(&heard, "SIP/2.0 183").1, "10.0.0.20", "6000"));
    let sent = bench.receive(PBX, &answer(&first, "500 Server Internal Error", "a", PBX, ""));
    let second = only(&sent, "INVITE ").1.clone();
    assert!(second.contains("c=IN IP4 10.0.0.1\r\n") && !second.contains("192.0.2."), "{second}");
    let sent = bench.receive(DESK, &answer(&second, "200 OK", "b", DESK, &sdp_of(DESK)));
    let ok = &only(&sent, "SIP/2.0 200").1;
    assert!(ok.contains("c=IN IP4 192.0.2.1\r\n") && !ok.contains("10.0.0."), "{ok}");
    let [record] = bench.settle() else { panic!("one record") };
    assert!(!record.direct_media);
    assert!(record.a.media_local.is_some() && record.b.as_ref().unwrap().media_local.is_some());
}

#[test]
fn a_second_trunk_that_is_direct_too_is_told_of_the_caller_and_he_of_it() {
    let mut bench = controlled(3);
    let first = only(&bench.receive(CARRIER, &invite(1)), "INVITE ").1.clone();
    let sent = bench.receive(PBX, &answer(&first, "500 Server Internal Error", "a", PBX, ""));
    let second = only(&sent, "INVITE ").1.clone();
    assert!(is_of(&second, "192.0.2.10", "6000"), "{second}");
    let sent = bench.receive(DESK, &answer(&second, "200 OK", "b", DESK, &sdp_of(DESK)));
    assert!(is_of(&only(&sent, "SIP/2.0 200").1, "10.0.0.30", "6000"));
    assert!(bench.settle()[0].direct_media);
}

#[test]
fn a_caller_who_was_told_reliably_of_one_place_is_told_anew_of_the_one_that_answers() {
    let elsewhere = pbx_sdp().replace("10.0.0.20", "10.0.0.40");
    let mut call = Ringing::in_bench(bench(), CAN, SDP);
    call.by_pbx("183 Session Progress", "one", Some(1), &elsewhere);
    assert!(is_reliable(&call.heard) && is_of(&call.heard, "10.0.0.40", "6000"), "{}", call.heard);
    call.prack(2, "");
    call.by_pbx("200 OK", "two", None, &pbx_sdp());
    let ack = call.by_carrier("ACK", 1, "", "");
    let sent = call.receive(CARRIER, &ack);
    let again = &sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1;
    assert!(is_of(again, "10.0.0.20", "6000"), "{again}");
}

#[test]
fn a_caller_who_answered_the_offer_of_one_place_is_told_of_the_one_that_takes_the_call() {
    let elsewhere = pbx_sdp().replace("10.0.0.20", "10.0.0.40");
    let mut call = Ringing::in_bench(bench(), CAN, "");
    call.by_pbx("183 Session Progress", "one", Some(1), &elsewhere);
    assert!(is_of(&call.heard, "10.0.0.40", "6000"), "{}", call.heard);
    call.prack(2, SDP);
    let sent = call.by_pbx("183 Session Progress", "two", Some(1), &pbx_sdp());
    let prack = &sent.iter().find(|(_, text)| text.starts_with("PRACK ")).unwrap().1;
    assert!(is_of(prack, "192.0.2.10", "6000"), "{prack}");
    call.by_pbx("200 OK", "two", None, "");
    let ack = call.by_carrier("ACK", 1, "", "");
    let sent = call.receive(CARRIER, &ack);
    let again = &sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1;
    assert!(is_of(again, "10.0.0.20", "6000"), "{again}");
}

#[test]
fn where_the_edge_has_to_offer_it_relays() {
    let mut bench = Bench::with_realms(
        |trunks, _| {
            direct(trunks);
            trunks[1].delayed_offer = DelayedOffer::Convert;
        },
        reaching,
    );
    let headers = "Max-Forwards: 70\r\n";
    let (sent, _) = bench.receive(CARRIER, &request("INVITE", "sip:+442071838750@192.0.2.1", 1, headers, ""));
    assert!(sent[1].1.contains("c=IN IP4 10.0.0.1\r\n"), "{}", sent[1].1);
    let (sent, _) = bench.receive(CARRIER, &invite(2));
    assert!(is_of(&sent[1].1, "192.0.2.10", "6000"), "{}", sent[1].1);
}

/// The carrier's side takes no UPDATE, so its session is kept going by INVITE.
#[test]
fn who_moves_in_the_answer_to_a_refresh_is_told_of_to_the_other_side_but_not_for_ever() {
    let mut call = Standing::with(Bench::with_realms(
        |trunks, _| {
            direct(trunks);
            trunks.iter_mut().for_each(|trunk| trunk.session_timer = None);
        },
        reaching,
    ));
    let offer = call
        .by_carrier("INVITE", 2, SDP)
        .replace("Max-Forwards", "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nMax-Forwards");
    let sent = call.bench.receive(CARRIER, &offer).0;
    let change = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().1.clone();
    call.bench.receive(PBX, &answer(&change, "200 OK", "b", PBX, &pbx_sdp()));
    let ack = call.by_carrier("ACK", 2, "");
    call.bench.receive(CARRIER, &ack);
    let refresh = call.wait(46).into_iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    assert_eq!(refresh.0.to_string(), CARRIER);
    let (mut peer, mut asked, mut told) = (CARRIER, refresh.1, 0);
    for port in 7000..7040 {
        let said = if peer == CARRIER { SDP.to_owned() } else { pbx_sdp() };
        let moved = said.replace("m=audio 6000", &format!("m=audio {port}"));
        let sent = call.bench.receive(peer, &answer(&asked, "200 OK", "b", peer, &moved)).0;
        let Some((to, next)) = sent.into_iter().find(|(_, text)| text.starts_with("INVITE ")) else { break };
        assert!(next.contains(&format!("m=audio {port} ")), "{next}");
        assert_ne!(to.to_string(), peer);
        (peer, asked, told) = (if peer == CARRIER { PBX } else { CARRIER }, next, told + 1);
    }
    assert_eq!(told, 8, "two that move each time do not tell each other for ever");
}

#[test]
fn sides_that_are_joined_have_ports() {
    let mut bench = controlled(3);
    let first = only(&bench.receive(CARRIER, &invite(1)), "INVITE ").1.clone();
    let sent = bench.receive(PBX, &answer(&first, "200 OK", "b", PBX, &sdp_of(PBX)));
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    let ack = in_dialog("ACK", 1, header(&ok, "From:"), header(&ok, "To:"), "1@192.0.2.10", CARRIER, "");
    bench.receive(CARRIER, &ack);
    let to = format!("{};tag=b", header(&first, "To:"));
    let (from, call_id) = (header(&first, "From:"), header(&first, "Call-ID:"));
    let refer = in_dialog("REFER", 7, &to, from, call_id, PBX, "");
    let refer = refer.replace("Content-Type: application/sdp", "Refer-To: <sip:7001@10.0.0.1>");
    let to_desk = only(&bench.receive(PBX, &refer), "INVITE ").1.clone();
    assert!(to_desk.contains("c=IN IP4 10.0.0.1\r\n"), "{to_desk}");
    let sent = bench.receive(DESK, &answer(&to_desk, "200 OK", "d", DESK, &sdp_of(DESK)));
    let again = only(&sent, "INVITE ").clone();
    assert_eq!(again.0.to_string(), CARRIER);
    assert!(again.1.contains("c=IN IP4 192.0.2.1\r\n"), "{}", again.1);
    let [first, joined] = bench.settle() else { panic!("two records") };
    assert!(first.direct_media && !joined.direct_media);
}
