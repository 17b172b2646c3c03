//! What a peer hears of media only after the datapath has agreed to it.

use super::standing::{CARRIER, PBX, Standing, answer, pbx_sdp};
use super::*;

/// No route leads there.
const NOWHERE: &str = "198.51.100.7";

fn bench() -> Bench {
    let mut bench = Bench::new(|_, _| {});
    bench.unreachable = Some(NOWHERE.parse().unwrap());
    bench
}

fn nowhere(sdp: &str) -> String {
    sdp.replace("c=IN IP4 192.0.2.10", &format!("c=IN IP4 {NOWHERE}"))
        .replace("c=IN IP4 10.0.0.20", &format!("c=IN IP4 {NOWHERE}"))
}

#[test]
fn an_offer_that_cannot_be_reached_is_refused_before_anything_crosses() {
    let mut bench = bench();
    let headers = "Max-Forwards: 70\r\nContent-Type: application/sdp\r\n";
    let (sent, records) =
        bench.receive(CARRIER, &request("INVITE", "sip:+442071838750@192.0.2.1", 1, headers, &nowhere(SDP)));
    assert_eq!(statuses(&sent), ["SIP/2.0 100 Trying", "SIP/2.0 488 Not Acceptable Here"]);
    assert_eq!(records[0].cause.name(), "media_address");
}

#[test]
fn an_answer_that_cannot_be_reached_ends_the_call_and_is_never_told() {
    for progress in ["183 Session Progress", "200 OK"] {
        let mut bench = bench();
        let (sent, _) = bench.receive(CARRIER, &invite(1));
        let invite = sent[1].1.clone();
        let (sent, records) = bench.receive(PBX, &answer(&invite, progress, "b", PBX, &nowhere(&pbx_sdp())));
        let lines = statuses(&sent);
        assert!(lines.contains(&"SIP/2.0 503 Service Unavailable"), "{lines:?}");
        assert!(!sent.iter().any(|(peer, text)| peer.to_string() == CARRIER && text.contains("m=audio")));
        let end = if progress.starts_with("200") { "BYE " } else { "CANCEL " };
        assert!(lines.iter().any(|line| line.starts_with(end)), "{lines:?}");
        assert_eq!(records[0].cause.name(), "datapath");
        assert_eq!(records[0].b.as_ref().unwrap().media_remote, None, "it was never in force");
    }
}

#[test]
fn a_change_that_cannot_be_reached_is_refused_and_the_call_goes_on() {
    let mut call = Standing::new();
    call.bench.unreachable = Some(NOWHERE.parse().unwrap());
    for (sequence, method) in [(2, "INVITE"), (3, "UPDATE")] {
        let change = call.by_carrier(method, sequence, &nowhere(SDP));
        let (sent, records) = call.bench.receive(CARRIER, &change);
        assert_eq!(statuses(&sent).last(), Some(&"SIP/2.0 488 Not Acceptable Here"), "{method}");
        assert!(sent.iter().all(|(peer, _)| peer.to_string() == CARRIER), "{method} crossed");
        assert_eq!((records.len(), call.bench.edge.counters().calls_standing), (0, 1));
    }
    let change = call.by_carrier("INVITE", 4, SDP);
    assert!(statuses(&call.bench.receive(CARRIER, &change).0)[1].starts_with("INVITE "));
}
