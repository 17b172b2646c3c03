//! Calls on different shards that name each other (RFC 3891): a carrier's calls are spread by Call-ID.

use super::control::{Control, Sent, bench_of, only};
use super::refer::{Up, by_carrier, by_pbx};
use super::replaces::{dialog_of_pbx, replacing};
use super::standing::{CARRIER, PBX, answer, header, in_dialog, pbx_sdp};
use super::*;
use crate::policy::Refer;

const SHARDS: usize = 3;

fn bench(refer: Refer) -> Control {
    let ports = PortRange::new(20_000, 20_095).unwrap();
    let roomy = |realms: &mut [Realm; 2]| realms.iter_mut().for_each(|realm| realm.media[0].ports = ports);
    bench_of(SHARDS, |trunks| trunks[1].refer = refer, roomy)
}

fn shard(message: &str) -> usize {
    Shard::of_call_id(header(message, "Call-ID:").as_bytes(), SHARDS)
}

/// Numbers of two calls of the carrier, the first on each shard, the second on each other one.
fn pairs() -> Vec<(u32, u32)> {
    let on = |wanted: usize, from: u32| (from..).find(|number| shard(&invite(*number)) == wanted).unwrap();
    let others = |first: usize| (0..SHARDS).filter(move |second| *second != first);
    (0..SHARDS).flat_map(|first| others(first).map(move |second| (on(first, 1), on(second, 100)))).collect()
}

/// Two calls of the carrier's to the PBX, on two shards; the PBX refers the first to the second.
fn attended(refer: Refer, (first, second): (u32, u32)) -> (Up, String, String, Sent) {
    let first = Up::call(bench(refer), first);
    let (invite, ok) = (first.invite, first.ok);
    let mut second = Up::call(first.bench, second);
    let named = dialog_of_pbx(&second.invite).replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
    let target = format!("Refer-To: <sip:+15550001@10.0.0.1?Replaces={named}>\r\n");
    let sent = second.bench.receive(PBX, &by_pbx(&invite, "REFER", 7, &target));
    (second, invite, ok, sent)
}

#[test]
fn two_calls_that_one_trunk_leaves_are_joined_wherever_they_are() {
    for pair in pairs() {
        let (mut second, first_invite, first_ok, sent) = attended(Refer::Consume, pair);
        only(&sent, "SIP/2.0 202");
        let byes: Vec<_> = sent.iter().filter(|(_, text)| text.starts_with("BYE ")).collect();
        assert!(byes.len() == 2 && byes.iter().all(|(to, _)| to.to_string() == PBX), "{:?}", statuses(&sent));
        let change = only(&sent, "INVITE ").1.clone();
        assert_eq!(header(&change, "Call-ID:"), header(&second.ok, "Call-ID:"));
        let sent = second.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP));
        only(&sent, "ACK ");
        let change = only(&sent, "INVITE ").1.clone();
        assert_eq!(header(&change, "Call-ID:"), header(&first_ok, "Call-ID:"));
        second.bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP));
        // Each side's requests reach the call that it is in now, whichever shard they come in at.
        for (ok, other, sequence) in [(&second.ok, &first_ok, 6), (&first_ok, &second.ok, 7)] {
            let info = by_carrier(ok, "INFO", sequence, "").replace("Content-Type: application/sdp\r\n", "");
            let sent = second.bench.receive(CARRIER, &info);
            assert_eq!(header(&only(&sent, "INFO ").1, "Call-ID:"), header(other, "Call-ID:"));
        }
        let sent = second.bench.receive(CARRIER, &by_carrier(&second.ok, "BYE", 8, ""));
        let bye = &only(&sent, "BYE ").1;
        assert_eq!(header(bye, "Call-ID:"), header(&first_ok, "Call-ID:"));
        let again = second.bench.receive(CARRIER, &by_carrier(&second.ok, "BYE", 8, ""));
        assert_eq!(statuses(&again), ["SIP/2.0 200 OK"], "one that comes again is answered again");
        second.bench.receive(CARRIER, &answer(bye, "200 OK", "", CARRIER, ""));
        assert!(first_invite.contains("INVITE"));
        let mut causes: Vec<_> = second.bench.settle().iter().map(|record| record.cause.name()).collect();
        causes.sort_unstable();
        assert_eq!(causes, ["hangup", "replaced", "transferred"], "{pair:?}");
    }
}

#[test]
fn a_2xx_that_comes_again_is_acknowledged_by_the_shard_that_has_its_dialog_now() {
    for pair in pairs() {
        // The second call is the PBX's, so that our INVITE and its ACK went to the carrier from the other shard.
        let (mut second, _, first_ok, sent) = attended(Refer::Consume, pair);
        let change = only(&sent, "INVITE ").1.clone();
        let ok = answer(&change, "200 OK", "", CARRIER, SDP);
        let sent = second.bench.receive(CARRIER, &ok);
        let ack = only(&sent, "ACK ").1.clone();
        assert_eq!(only(&second.bench.receive(CARRIER, &ok), "ACK ").1, ack);
        let change = only(&sent, "INVITE ").1.clone();
        assert_eq!(header(&change, "Call-ID:"), header(&first_ok, "Call-ID:"));
        second.bench.settle();
    }
}

#[test]
fn an_invite_takes_the_place_of_a_dialog_on_another_shard() {
    for (number, _) in pairs() {
        let mut up = Up::call(bench(Refer::Refuse), number);
        let new = replacing(&dialog_of_pbx(&up.invite));
        for number in 5..5 + SHARDS {
            // The INVITE's own Call-ID leads to each shard in turn.
            let new = new
                .replace("Call-ID: 5@", &format!("Call-ID: {number}@"))
                .replace("branch=z9hG4bK5", &format!("branch=z9hG4bK{number}"));
            let mut bench = std::mem::replace(&mut up.bench, bench(Refer::Refuse));
            if number > 5 {
                let again = Up::call(bench, 200);
                (up.invite, up.ok, bench) = (again.invite, again.ok, again.bench);
            }
            let new = new.replace(header(&new, "Replaces:"), &dialog_of_pbx(&up.invite));
            let sent = bench.receive(PBX, &new);
            let ok = only(&sent, "SIP/2.0 200").1.clone();
            assert!(bench.receive(PBX, &new).is_empty(), "one that comes again is absorbed");
            let ack = in_dialog(
                "ACK",
                1,
                header(&ok, "From:"),
                header(&ok, "To:"),
                header(&ok, "Call-ID:"),
                PBX,
                "",
            );
            let sent = bench.receive(PBX, &ack);
            only(&sent, "BYE ");
            let change = only(&sent, "INVITE ").1.clone();
            only(&bench.receive(CARRIER, &answer(&change, "200 OK", "", CARRIER, SDP)), "ACK ");
            let sent = bench.receive(CARRIER, &by_carrier(&up.ok, "BYE", 2, ""));
            assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&ok, "Call-ID:"));
            bench.settle();
        }
    }
}

#[test]
fn after_a_restart_a_dialog_that_had_gone_to_another_shard_is_found_there() {
    for (number, _) in pairs() {
        // The PBX's new dialog leads to each shard in turn, and the carrier's goes there.
        for taker in 5..5 + SHARDS {
            let mut up = Up::call(bench(Refer::Refuse), number);
            let invite = numbered(taker, &replacing(&dialog_of_pbx(&up.invite)));
            let ok = take_over(&mut up, PBX, &invite);
            assert!(up.bench.restart().is_empty(), "nobody notices");
            let tag = |name| header(&up.ok, name).split(";tag=").nth(1).unwrap();
            let own =
                format!("{};to-tag={};from-tag={}", header(&up.ok, "Call-ID:"), tag("To:"), tag("From:"));
            let from_carrier = |number: usize, replaces: &str| {
                let headers =
                    format!("Replaces: {replaces}\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n");
                let number = u32::try_from(number).unwrap();
                request("INVITE", "sip:+442071838750@192.0.2.1", number, &headers, SDP)
            };
            for number in 30..30 + SHARDS {
                let strange = own.replace("from-tag=a", "from-tag=b");
                let sent = up.bench.receive(CARRIER, &from_carrier(number, &strange));
                assert!(sent.last().unwrap().1.starts_with("SIP/2.0 481"), "{sent:?}");
            }
            let ok_of_carrier = take_over(&mut up, CARRIER, &from_carrier(20 + taker, &own));
            let bye = in_dialog(
                "BYE",
                2,
                header(&ok, "From:"),
                header(&ok, "To:"),
                header(&ok, "Call-ID:"),
                PBX,
                "",
            );
            let sent = up.bench.receive(PBX, &bye);
            assert_eq!(header(&only(&sent, "BYE ").1, "Call-ID:"), header(&ok_of_carrier, "Call-ID:"));
            up.bench.settle();
        }
    }
}

/// An INVITE with the number 5, with another one.
fn numbered(number: usize, invite: &str) -> String {
    invite
        .replace("Call-ID: 5@", &format!("Call-ID: {number}@"))
        .replace("branch=z9hG4bK5", &format!("branch=z9hG4bK{number}"))
}

/// `taker` takes the place of a dialog of its own by `invite`, and the other side hears of it; gives the 200 to it.
fn take_over(up: &mut Up, taker: &str, invite: &str) -> String {
    let sent = up.bench.receive(taker, invite);
    let ok = only(&sent, "SIP/2.0 200").1.clone();
    let (from, to, call_id) = (header(&ok, "From:"), header(&ok, "To:"), header(&ok, "Call-ID:"));
    let sent = up.bench.receive(taker, &in_dialog("ACK", 1, from, to, call_id, taker, ""));
    let (left, bye) = only(&sent, "BYE ");
    let (left, bye) = (left.to_string(), answer(bye, "200 OK", "", &left.to_string(), ""));
    up.bench.receive(&left, &bye);
    let (other, change) = only(&sent, "INVITE ");
    let other = other.to_string();
    let sdp = if other == PBX { pbx_sdp() } else { SDP.to_owned() };
    only(&up.bench.receive(&other, &answer(change, "200 OK", "", &other, &sdp)), "ACK ");
    ok
}

#[test]
fn what_is_nowhere_is_refused_by_the_shard_that_would_have_it() {
    for number in 5..9 {
        let mut up = Up::call(bench(Refer::Refuse), 1);
        let new =
            replacing("nobody@a;to-tag=1;from-tag=2").replace("Call-ID: 5@", &format!("Call-ID: {number}@"));
        let sent = up.bench.receive(PBX, &new);
        let last = &sent.last().unwrap().1;
        assert!(last.starts_with("SIP/2.0 481"), "{last}");
        let to = header(last, "To:");
        let ack = new.replace("INVITE", "ACK").replace("To: <sip:+15550001@10.0.0.1>", &format!("To: {to}"));
        assert!(up.bench.receive(PBX, &ack).is_empty());
        assert!(up.bench.wait(1).is_empty(), "the ACK has found its transaction");
        up.bench.settle();
    }
}

#[test]
fn a_refer_that_is_passed_on_names_a_call_of_another_shard_too() {
    for pair in pairs() {
        let (mut second, _, first_ok, sent) = attended(Refer::Pass, pair);
        let (to, refer) = only(&sent, "REFER ");
        assert_eq!(
            (to.to_string().as_str(), header(refer, "Call-ID:")),
            (CARRIER, header(&first_ok, "Call-ID:"))
        );
        let tag = header(&second.ok, "To:").split(";tag=").nth(1).unwrap();
        let named = format!("{}%40192.0.2.10%3Bto-tag%3Da{}%3Bfrom-tag%3D{tag}", pair.1, pair.1);
        assert!(header(refer, "Refer-To:").contains(&named), "{refer}");
        // The carrier comes with it, under a Call-ID of the first call's shard.
        let headers = format!(
            "Replaces: {}\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n",
            named.replace("%40", "@").replace("%3B", ";").replace("%3D", "=")
        );
        let invite = request("INVITE", "sip:+15550001@192.0.2.1", 300 + pair.0, &headers, SDP);
        let sent = second.bench.receive(CARRIER, &invite);
        let ack = by_carrier(&only(&sent, "SIP/2.0 200").1, "ACK", 1, "");
        let sent = second.bench.receive(CARRIER, &ack);
        assert_eq!(only(&sent, "BYE ").0.to_string(), PBX);
        assert_eq!(header(&only(&sent, "INVITE ").1, "Call-ID:"), header(&second.ok, "Call-ID:"));
        second.bench.settle();
    }
}

#[test]
fn a_side_that_comes_too_late_is_hung_up() {
    for pair in pairs() {
        let first = Up::call(bench(Refer::Consume), pair.0);
        let (invite, ok) = (first.invite, first.ok);
        let mut second = Up::call(first.bench, pair.1);
        let named = dialog_of_pbx(&second.invite).replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
        let target = format!("Refer-To: <sip:+15550001@10.0.0.1?Replaces={named}>\r\n");
        // The carrier hangs its first call up while the second one's side is on its way.
        second.bench.hold_notes_after = Some(3);
        second.bench.receive(PBX, &by_pbx(&invite, "REFER", 7, &target));
        let sent = second.bench.receive(CARRIER, &by_carrier(&ok, "BYE", 2, ""));
        second.bench.hold_notes_after = None;
        let mut sent = [sent, second.bench.carry_out()].concat();
        sent.retain(|(to, text)| to.to_string() == CARRIER && text.starts_with("BYE "));
        assert_eq!(sent.len(), 1, "{pair:?}");
        assert_eq!(header(&sent[0].1, "Call-ID:"), header(&second.ok, "Call-ID:"));
        assert_eq!(second.bench.settle().len(), 3);
    }
}
