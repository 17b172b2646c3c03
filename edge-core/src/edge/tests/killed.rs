//! What is between two processes when one is killed: answers that nobody waits for, ACKs that nobody knows of, ends that one
//! side has not heard of.

use super::journal::{found, found_with, written};
use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp, peers};
use super::*;
use crate::call::MediaFound;
use crate::policy::DelayedOffer;

const PENDING: &str = "SIP/2.0 491 Request Pending";

/// The version of the description in a message.
fn version(message: &str) -> u64 {
    header(message, "o=- ").split(' ').nth(1).and_then(|version| version.parse().ok()).unwrap_or_default()
}

#[test]
fn a_change_that_may_have_been_acknowledged_costs_no_call() {
    let mut call = Standing::new();
    let hold = call.by_pbx("INVITE", 1, &format!("{}a=sendonly\r\n", pbx_sdp()));
    let (sent, _) = call.bench.receive(PBX, &hold);
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    let held = answer(reinvite, "200 OK", "a", CARRIER, &format!("{SDP}a=recvonly\r\n"));
    let (sent, _) = call.bench.receive(CARRIER, &held);
    let ok = sent[1].clone();
    let (sent, _) = found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    assert_eq!(sent, std::slice::from_ref(&ok), "the former edge may have had its ACK, or not");
    let sent = call.wait(60);
    assert!(sent.len() > 8 && sent.iter().all(|message| *message == ok), "{sent:?}");
    let (sent, records) = {
        let bye = call.by_pbx("BYE", 2, "");
        call.bench.receive(PBX, &bye)
    };
    assert_eq!(
        (peers(&sent), records[0].cause.name()),
        ([PBX, CARRIER].map(str::to_owned).to_vec(), "hangup")
    );
}

#[test]
fn who_goes_on_has_heard_the_answer() {
    let mut call = Standing::new();
    let hold = call.by_pbx("INVITE", 1, &format!("{}a=sendonly\r\n", pbx_sdp()));
    let (sent, _) = call.bench.receive(PBX, &hold);
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    let held = answer(reinvite, "200 OK", "a", CARRIER, &format!("{SDP}a=recvonly\r\n"));
    call.bench.receive(CARRIER, &held);
    found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    let again = call.by_pbx("INVITE", 2, &pbx_sdp());
    let (sent, _) = call.bench.receive(PBX, &again);
    assert!(
        sent.iter().any(|(peer, text)| peer.to_string() == CARRIER && text.starts_with("INVITE ")),
        "{sent:?}"
    );
}

#[test]
fn an_offer_that_was_on_its_way_is_put_right() {
    let mut call = Standing::new();
    let hold = call.by_pbx("INVITE", 1, &format!("{}a=sendonly\r\n", pbx_sdp()));
    let (sent, _) = call.bench.receive(PBX, &hold);
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().clone();
    let (sent, _) = found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    assert_eq!((peers(&sent), statuses(&sent)), (vec![PBX.to_owned()], vec![PENDING]), "it may ask again");
    // The carrier has answered to nobody.
    let held = answer(&reinvite, "200 OK", "a", CARRIER, &format!("{SDP}a=recvonly\r\n"));
    let (sent, _) = call.bench.receive(CARRIER, &held);
    assert!(peers(&sent) == [CARRIER] && sent[0].1.starts_with("ACK "), "{sent:?}");
    assert_eq!(header(&sent[0].1, "CSeq:"), header(&reinvite, "CSeq:").replace("INVITE", "ACK"));
    let mut sent = call.wait(5);
    sent.retain(|(peer, _)| peer.to_string() == CARRIER);
    assert!(sent[0].1.starts_with("INVITE "), "{sent:?}");
    assert!(!sent[0].1.contains("a=sendonly"), "what is in force: {}", sent[0].1);
    assert!(version(&sent[0].1) > version(&reinvite), "or it is older than what it has: {}", sent[0].1);
}

/// A call in which the PBX's re-INVITE with this body was on its way to the carrier, which has not answered it, when the edge was
/// killed: with the re-INVITE on either side.
fn asked_and_killed(body: &str) -> (Standing, [String; 2], Vec<(SocketAddr, String)>) {
    let mut call = Standing::new();
    let asked = call.by_pbx("INVITE", 1, body);
    let (sent, _) = call.bench.receive(PBX, &asked);
    assert_eq!(statuses(&sent)[0], "SIP/2.0 100 Trying", "nobody sends it again after that");
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().clone();
    let (sent, _) = found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    (call, [asked, reinvite], sent)
}

#[test]
fn who_was_told_to_wait_hears_that_nothing_came_of_it_and_may_ask_again() {
    let (mut call, [asked, _], sent) = asked_and_killed(&format!("{}a=sendonly\r\n", pbx_sdp()));
    assert_eq!(
        header(&sent[0].1, "Via:"),
        header(&asked, "Via:").replace(";rport", ";rport=5060;received=10.0.0.20")
    );
    let again: Vec<_> = call.wait(2).into_iter().filter(|(peer, _)| peer.to_string() == PBX).collect();
    assert!(again.len() >= 2 && again.iter().all(|message| *message == sent[0]), "until its ACK: {again:?}");
    let ack = call.by_pbx("ACK", 1, "");
    call.bench.receive(PBX, &ack);
    let hold = call.by_pbx("INVITE", 2, &format!("{}a=sendonly\r\n", pbx_sdp()));
    let (sent, _) = call.bench.receive(PBX, &hold);
    let (to, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap();
    assert!(to.to_string() == CARRIER && reinvite.contains("a=sendonly"), "{sent:?}");
}

#[test]
fn what_comes_again_has_its_answer_again_and_does_not_cross() {
    let (mut call, [asked, _], refused) = asked_and_killed(&pbx_sdp());
    for _ in 0..2 {
        assert_eq!(call.bench.receive(PBX, &asked).0, refused);
    }
    let ack = call.by_pbx("ACK", 1, "").replace("z9hG4bKACK1", "z9hG4bKINVITE1");
    assert_eq!(call.bench.receive(PBX, &ack), (vec![], vec![]));
    assert!(call.wait(3).iter().all(|(peer, _)| peer.to_string() != PBX), "it has acknowledged");
}

#[test]
fn the_other_side_may_change_the_session_meanwhile_and_a_second_kill_costs_neither() {
    let (mut call, _, refused) = asked_and_killed(&pbx_sdp());
    let hold = call.by_carrier("INVITE", 2, &format!("{SDP}a=sendonly\r\n"));
    let (sent, _) = call.bench.receive(CARRIER, &hold);
    assert!(
        sent.iter().any(|(peer, text)| peer.to_string() == PBX && text.starts_with("INVITE ")),
        "{sent:?}"
    );
    let (sent, _) = found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    assert_eq!((peers(&sent), statuses(&sent)), (vec![CARRIER.to_owned()], vec![PENDING]));
    assert_ne!(sent, refused);
}

#[test]
fn an_offer_in_a_2xx_whose_ack_was_lost_with_the_process_is_answered_and_both_hear_what_is_in_force() {
    let mut call = Standing::new();
    let asked = call.by_pbx("INVITE", 1, "").replace("Content-Type: application/sdp\r\n", "");
    let (sent, _) = call.bench.receive(PBX, &asked);
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().clone();
    assert!(!reinvite.contains("m=audio"), "{reinvite}");
    let offers = answer(&reinvite, "200 OK", "a", CARRIER, &SDP.replace("AVP 8 0", "AVP 8"));
    let (sent, _) = call.bench.receive(CARRIER, &offers);
    let ok = sent.last().unwrap().clone();
    assert!(ok.1.starts_with("SIP/2.0 200") && ok.1.contains("m=audio"), "{sent:?}");

    let (sent, _) = found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    assert_eq!(sent, std::slice::from_ref(&ok));
    let ack = call.by_pbx("ACK", 1, &format!("{}a=recvonly\r\n", pbx_sdp()));
    assert_eq!(call.bench.receive(PBX, &ack), (vec![], vec![]));
    let (sent, _) = call.bench.receive(CARRIER, &offers);
    assert!(
        sent[0].1.starts_with("ACK ") && sent[0].1.contains("m=audio"),
        "an offer has an answer: {sent:?}"
    );
    let mut told = Vec::new();
    for _ in 0..12 {
        for (peer, text) in call.wait(1) {
            assert!(text.starts_with("INVITE "), "{text}");
            let (ours, sdp) =
                if peer.to_string() == PBX { (PBX, pbx_sdp()) } else { (CARRIER, SDP.to_owned()) };
            told.push((ours, version(&text)));
            call.bench.receive(ours, &answer(&text, "200 OK", "a", ours, &sdp));
        }
    }
    told.sort_unstable();
    let offered = version(&ok.1);
    assert_eq!(told, [(PBX, offered + 1), (CARRIER, 1)], "each once, and what was offered since is older");
}

#[test]
fn an_answer_to_an_offer_of_our_own_is_acknowledged_without_a_description() {
    let wants_offers = |trunks: &mut [Trunk; 2], _: &mut Strangers| {
        trunks[0].delayed_offer = DelayedOffer::Convert;
    };
    let mut call = Standing::with(Bench::new(wants_offers)).acknowledged();
    let asked = call.by_pbx("INVITE", 1, "").replace("Content-Type: application/sdp\r\n", "");
    let (sent, _) = call.bench.receive(PBX, &asked);
    let (_, reinvite) = sent.iter().find(|(_, text)| text.starts_with("INVITE ")).unwrap().clone();
    assert!(reinvite.contains("m=audio"), "{reinvite}");
    let (sent, _) = found_with(&mut call, policy(wants_offers, |_| {}), MediaFound::Relayed);
    assert_eq!((peers(&sent), statuses(&sent)), (vec![PBX.to_owned()], vec![PENDING]));
    let (sent, _) = call.bench.receive(CARRIER, &answer(&reinvite, "200 OK", "a", CARRIER, SDP));
    assert!(peers(&sent) == [CARRIER] && sent[0].1.starts_with("ACK "), "{sent:?}");
    assert!(!sent[0].1.contains("m=audio"), "it would be an offer: {}", sent[0].1);
    let told = call.wait(5);
    let told: Vec<_> = told.iter().filter(|(_, text)| text.starts_with("INVITE ")).collect();
    assert!(!told.is_empty() && told.iter().all(|(peer, _)| peer.to_string() == CARRIER), "{told:?}");
}

#[test]
fn a_fork_that_the_former_process_did_not_come_to_hang_up_is_hung_up_and_the_call_stands() {
    let mut call = Standing::new();
    let [ours, fork] = ["b", "fork"].map(|tag| answer(&call.invite, "200 OK", tag, PBX, &pbx_sdp()));
    found_with(&mut call, policy(|_, _| {}, |_| {}), MediaFound::Relayed);
    let (sent, _) = call.bench.receive(PBX, &fork);
    assert!(sent[0].1.starts_with("ACK ") && sent[1].1.starts_with("BYE "), "{sent:?}");
    assert!(sent.iter().all(|(_, text)| header(text, "To:").ends_with(";tag=fork")), "{sent:?}");
    for (said, tag) in [(&ours, "b"), (&fork, "fork")] {
        let (sent, _) = call.bench.receive(PBX, said);
        let [(_, ack)] = &sent[..] else { panic!("an ACK alone: {sent:?}") };
        assert!(ack.starts_with("ACK ") && header(ack, "To:").ends_with(&format!(";tag={tag}")), "{ack}");
    }
    let bye = call.by_carrier("BYE", 2, "");
    let (sent, records) = call.bench.receive(CARRIER, &bye);
    assert!(header(&sent[1].1, "To:").ends_with(";tag=b") && records.len() == 1, "{sent:?}");
}

#[test]
fn who_has_not_heard_of_the_end_hears_of_it_though_the_record_is_kept() {
    let mut call = Standing::new();
    let bye = call.by_carrier("BYE", 2, "");
    let (_, records) = call.bench.receive(CARRIER, &bye);
    assert_eq!((records.len(), call.bench.journal.len()), (1, 1), "its BYE was not answered yet");
    let mut journaled = written(&call.bench);
    journaled.note_recorded();
    let (sent, records) =
        found(&mut call, journaled, policy(|_, _| {}, |_| {}), MediaFound::Gone(Box::default()));
    assert!(peers(&sent) == [PBX] && sent[0].1.starts_with("BYE "), "{sent:?}");
    assert_eq!(records, [], "there is one");
    let gone = answer(&sent[0].1, "481 Call/Transaction Does Not Exist", "", PBX, "");
    call.bench.receive(PBX, &gone);
    assert!(call.bench.journal.is_empty() && call.bench.edge.calls().count() == 0);
}

#[test]
fn who_answers_a_call_that_nobody_knows_is_hung_up() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let invite = sent[1].1.clone();
    let mut after = Bench::new(|_, _| {});
    let ok = answer(&invite, "200 OK", "b", PBX, &pbx_sdp());
    let (sent, records) = after.receive(PBX, &ok);
    assert_eq!((peers(&sent), records.len()), ([PBX, PBX].map(str::to_owned).to_vec(), 0));
    assert!(sent[0].1.starts_with("ACK ") && sent[1].1.starts_with("BYE "), "{sent:?}");
    assert_eq!(header(&sent[0].1, "CSeq:"), header(&invite, "CSeq:").replace("INVITE", "ACK"));
    for (_, text) in &sent {
        assert_eq!(header(text, "To:"), format!("{};tag=b", header(&invite, "To:")));
        assert_eq!(header(text, "From:"), header(&invite, "From:"));
    }
    // Nothing that this edge would not have written, and from nobody who is no trunk.
    let foreign = ok.replace(header(&invite, "Call-ID:"), "another@192.0.2.1");
    assert_eq!(after.receive(PBX, &foreign), (vec![], vec![]));
    assert_eq!(after.receive("10.0.0.99:5060", &ok), (vec![], vec![]));
}
