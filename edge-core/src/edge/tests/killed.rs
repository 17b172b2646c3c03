//! What is between two processes when one is killed: answers that nobody waits for, ACKs that nobody knows of, ends that one
//! side has not heard of.

use super::journal::{found, found_with, written};
use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp, peers};
use super::*;
use crate::call::MediaFound;

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
    assert_eq!(sent, [], "who has asked may ask again");
    // The carrier has answered to nobody.
    let held = answer(&reinvite, "200 OK", "a", CARRIER, &format!("{SDP}a=recvonly\r\n"));
    let (sent, _) = call.bench.receive(CARRIER, &held);
    assert!(peers(&sent) == [CARRIER] && sent[0].1.starts_with("ACK "), "{sent:?}");
    assert_eq!(header(&sent[0].1, "CSeq:"), header(&reinvite, "CSeq:").replace("INVITE", "ACK"));
    let sent = call.wait(5);
    assert!(peers(&sent)[0] == CARRIER && sent[0].1.starts_with("INVITE "), "{sent:?}");
    assert!(!sent[0].1.contains("a=sendonly"), "what is in force: {}", sent[0].1);
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
