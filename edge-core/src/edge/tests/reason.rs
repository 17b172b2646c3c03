//! Why a call ends, told to the other side.

use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp};
use super::*;

#[test]
fn a_hang_up_says_on_the_other_side_why() {
    let mut call = Standing::new();
    let bye = call
        .by_carrier("BYE", 2, "")
        .replace("Max-F", "Reason: Q.850;cause=16;text=\"at carrier.example.com\"\r\nMax-F");
    let (sent, _) = call.bench.receive(CARRIER, &bye);
    assert!(sent[1].1.starts_with("BYE ") && header(&sent[1].1, "Reason:") == "Q.850;cause=16", "{sent:?}");
}

#[test]
fn a_withdrawal_says_on_the_other_side_why() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    bench.receive(PBX, &answer(&sent[1].1, "180 Ringing", "b", PBX, ""));
    let cancel = request(
        "CANCEL",
        "sip:+442071838750@192.0.2.1",
        1,
        "Reason: SIP;cause=200;text=\"Elsewhere\"\r\n",
        "",
    );
    let (sent, _) = bench.receive(CARRIER, &cancel);
    let cancel = sent.iter().find(|(_, text)| text.starts_with("CANCEL ")).unwrap();
    assert_eq!(header(&cancel.1, "Reason:"), "SIP;cause=200;text=\"Elsewhere\"");
}

#[test]
fn a_refusal_keeps_its_cause_and_when_to_come_again() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let busy = answer(&sent[1].1, "503 Service Unavailable", "b", PBX, "").replace(
        "Contact",
        "Reason: Q.850;cause=42, SIP;cause=503\r\nRetry-After: 30 (in 10.0.0.20);duration=9\r\nContact",
    );
    let (sent, _) = bench.receive(PBX, &busy);
    let told = &sent.last().unwrap().1;
    assert!(told.starts_with("SIP/2.0 500 "), "{told}");
    assert_eq!((header(told, "Reason:"), header(told, "Retry-After:")), ("Q.850;cause=42", "30"));
}

#[test]
fn an_end_of_our_own_says_why() {
    let mut call = Standing::new();
    let grace = Duration::ZERO;
    call.bench.edge.handle(Input::DrainRequested { grace }, call.bench.now);
    let sent = call.wait(1);
    let byes: Vec<_> = sent.iter().filter(|(_, text)| text.starts_with("BYE ")).collect();
    assert!(
        byes.len() >= 2 && byes.iter().all(|(_, bye)| header(bye, "Reason:").starts_with("SIP;cause=503;"))
    );
}

#[test]
fn a_refused_description_says_what_is_wrong_with_it() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1).replace("0 RTP/AVP 8 0", "00 RTP/AVP 97"));
    let told = &sent.last().unwrap().1;
    assert_eq!(header(told, "Warning:"), "305 edge \"Incompatible media format\"", "{told}");
    let (sent, _) = bench.receive(CARRIER, &invite(2));
    let useless = pbx_sdp().replace("AVP 8 0", "AVP 97");
    let (sent, _) = bench.receive(PBX, &answer(&sent[1].1, "200 OK", "b", PBX, &useless));
    let bye = sent.iter().find(|(_, text)| text.starts_with("BYE ")).unwrap();
    assert!(header(&bye.1, "Reason:").starts_with("SIP;cause=488;"));
}
