//! Requests that cross a standing call and change nothing: INFO, MESSAGE, NOTIFY.

use super::standing::{CARRIER, PBX, Standing, answer, header, pbx_sdp, peers};
use super::*;

const DIGIT: &str = "Signal=5\r\nDuration=160\r\n";

/// A request of the carrier's with these headers in place of its Content-Type.
fn by_carrier(call: &Standing, method: &str, sequence: u32, headers: &str, body: &str) -> String {
    call.by_carrier(method, sequence, body).replace("Content-Type: application/sdp\r\n", headers)
}

fn digit(call: &Standing, sequence: u32) -> String {
    by_carrier(call, "INFO", sequence, "Content-Type: application/dtmf-relay\r\n", DIGIT)
}

#[test]
fn a_digit_crosses_byte_for_byte_and_so_does_its_answer() {
    let mut call = Standing::new();
    let info = digit(&call, 2);
    let (sent, _) = call.bench.receive(CARRIER, &info);
    let [(to, info)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(to.to_string(), PBX);
    assert!(info.starts_with("INFO sip:10.0.0.20:5060 SIP/2.0\r\n"), "{info}");
    assert_eq!(header(info, "CSeq:"), "2 INFO");
    assert_eq!(header(info, "Max-Forwards:"), "69");
    assert_eq!(header(info, "Content-Type:"), "application/dtmf-relay");
    assert_eq!(info.split_once("\r\n\r\n").unwrap().1, DIGIT);

    let taken = answer(info, "200 OK", "b", PBX, "taken").replace("application/sdp", "text/plain");
    let (sent, _) = call.bench.receive(PBX, &taken);
    assert_eq!((peers(&sent), statuses(&sent)), (vec![CARRIER.to_owned()], vec!["SIP/2.0 200 OK"]));
    assert!(sent[0].1.contains("Content-Type: text/plain\r\n") && sent[0].1.ends_with("\r\n\r\ntaken"));
}

#[test]
fn only_what_describes_the_body_crosses_with_it() {
    let mut call = Standing::new();
    let headers = "Event: refer;id=7\r\nSubscription-State: terminated;reason=noresource\r\nInfo-Package: x\r\n\
                   Recv-Info: y\r\nContent-Disposition: render\r\nContent-Type: message/sipfrag\r\n\
                   Allow-Events: dialog;call-id=1@carrier\r\nAllow-Events: dialog;from=192.0.2.10:5060\r\n\
                   Call-Info: <http://192.0.2.10/>\r\nServer: carrier.example\r\nX-Host: 192.0.2.10\r\n";
    let notify = by_carrier(&call, "NOTIFY", 2, headers, "SIP/2.0 200 OK\r\n");
    let (sent, _) = call.bench.receive(CARRIER, &notify);
    let notify = &sent[0].1;
    for (name, value) in [
        ("Event:", "refer;id=7"),
        ("Subscription-State:", "terminated;reason=noresource"),
        ("Info-Package:", "x"),
        ("Recv-Info:", "y"),
        ("Content-Disposition:", "render"),
        ("Content-Type:", "message/sipfrag"),
        ("Contact:", "<sip:10.0.0.1:5060>"),
    ] {
        assert_eq!(header(notify, name), value, "{notify}");
    }
    assert_eq!(header(notify, "Allow-Events:"), "");
    assert!(!notify.contains("192.0.2.") && !notify.contains("example"), "{notify}");
}

#[test]
fn what_cannot_cross_is_refused_at_once() {
    let sdp = "Content-Type: application/sdp\r\n";
    let digit = "Content-Type: application/dtmf-relay\r\n";
    let session = "Content-Type: Application/SDP ;charset=utf-8\r\n";
    for (method, headers, body, status) in [
        ("INFO", sdp, SDP, "488 Not Acceptable Here"),
        ("MESSAGE", session, SDP, "488 Not Acceptable Here"),
        ("INFO", "", DIGIT, "400 Bad Request"),
        ("INFO", &format!("Require: foo\r\n{digit}"), DIGIT, "420 Bad Extension"),
        ("REFER", "Refer-To: <sip:9@192.0.2.7>\r\n", "", "603 Decline"),
        ("SUBSCRIBE", "Event: dialog\r\n", "", "489 Bad Event"),
        ("FOO", "", "", "501 Not Implemented"),
        ("REGISTER", "", "", "405 Method Not Allowed"),
    ] {
        let mut call = Standing::new();
        let request = by_carrier(&call, method, 2, headers, body);
        let (sent, _) = call.bench.receive(CARRIER, &request);
        assert_eq!(statuses(&sent), [format!("SIP/2.0 {status}")], "{request}");
        assert!(header(&sent[0].1, "Allow:").contains("INFO"), "{sent:?}");
    }
    let mut call = Standing::new();
    let looped = digit_with_no_hops(&call);
    let (sent, _) = call.bench.receive(CARRIER, &looped);
    assert_eq!(statuses(&sent), ["SIP/2.0 483 Too Many Hops"]);
}

fn digit_with_no_hops(call: &Standing) -> String {
    digit(call, 2).replace("Max-Forwards: 70", "Max-Forwards: 0")
}

#[test]
fn a_failure_is_told_and_one_that_says_the_call_is_gone_ends_it() {
    for (method, heard, told, ends) in [
        ("INFO", "469 Bad Info Package", "469", false),
        ("INFO", "415 Unsupported Media Type", "500", false),
        ("MESSAGE", "503 Service Unavailable", "500", false),
        ("INFO", "481 Call/Transaction Does Not Exist", "481", true),
        ("MESSAGE", "408 Request Timeout", "504", true),
        ("NOTIFY", "481 Call/Transaction Does Not Exist", "481", false),
    ] {
        let mut call = Standing::new();
        let request = by_carrier(&call, method, 2, "Event: x\r\n", "");
        let (sent, _) = call.bench.receive(CARRIER, &request);
        let (sent, _) = call.bench.receive(PBX, &answer(&sent[0].1, heard, "b", PBX, ""));
        let lines = statuses(&sent);
        assert!(lines[0].starts_with(&format!("SIP/2.0 {told} ")), "{heard}: {lines:?}");
        let byes = lines.iter().filter(|line| line.starts_with("BYE ")).count();
        assert_eq!(byes, if ends { 2 } else { 0 }, "{method} {heard}");
    }
}

#[test]
fn silence_ends_the_call_and_is_no_408() {
    let mut call = Standing::new();
    let info = digit(&call, 2);
    call.bench.receive(CARRIER, &info);
    let sent = call.wait(40);
    let told: Vec<_> = statuses(&sent).into_iter().filter(|line| line.starts_with("SIP/2.0")).collect();
    assert_eq!(told, ["SIP/2.0 504 Server Time-out"]);
    assert!(statuses(&sent).iter().any(|line| line.starts_with("BYE ")));
}

#[test]
fn the_ninth_at_once_is_asked_to_wait() {
    let mut call = Standing::new();
    for sequence in 2..10 {
        let info = digit(&call, sequence);
        assert!(statuses(&call.bench.receive(CARRIER, &info).0)[0].starts_with("INFO "));
    }
    let info = digit(&call, 10);
    let (sent, _) = call.bench.receive(CARRIER, &info);
    assert_eq!(statuses(&sent), ["SIP/2.0 500 Server Internal Error"]);
    assert!(header(&sent[0].1, "Retry-After:").parse::<u64>().is_ok_and(|seconds| seconds <= 10));
}

#[test]
fn a_hang_up_answers_what_is_under_way() {
    let mut call = Standing::new();
    let (info, bye) = (digit(&call, 2), call.by_pbx("BYE", 1, ""));
    call.bench.receive(CARRIER, &info);
    let (sent, _) = call.bench.receive(PBX, &bye);
    assert_eq!(
        statuses(&sent)[..2],
        ["SIP/2.0 200 OK".to_owned(), "SIP/2.0 487 Request Terminated".to_owned()]
    );
}

#[test]
fn before_the_answer_nothing_crosses() {
    let mut bench = Bench::new(|_, _| {});
    let (sent, _) = bench.receive(CARRIER, &invite(1));
    let (sent, _) = bench.receive(PBX, &answer(&sent[1].1, "180 Ringing", "b", PBX, ""));
    let ringing = &sent[0].1;
    let info = request("INFO", "sip:edge", 1, "Max-Forwards: 70\r\n", "")
        .replace("To: <sip:edge>", &format!("To: {}", header(ringing, "To:")))
        .replace("CSeq: 1", "CSeq: 2");
    let (sent, _) = bench.receive(CARRIER, &info);
    assert_eq!(statuses(&sent), ["SIP/2.0 500 Server Internal Error"]);
}

#[test]
fn what_a_side_takes_by_info_is_told_to_the_other() {
    let mut bench = Bench::new(|_, _| {});
    let offer = invite(1).replace("Max-Forwards", "Recv-Info: dtmf\r\nMax-Forwards");
    let (sent, _) = bench.receive(CARRIER, &offer);
    let invite = &sent[1].1;
    assert_eq!(header(invite, "Recv-Info:"), "dtmf");
    let telling = |status: &str, package: &str| {
        let head = format!("Recv-Info: {package}\r\nContent-Type");
        answer(invite, status, "b", PBX, &pbx_sdp()).replace("Content-Type", &head)
    };
    let (sent, _) = bench.receive(PBX, &telling("183 Session Progress", "one"));
    assert_eq!(header(&sent[0].1, "Recv-Info:"), "one");
    let (sent, _) = bench.receive(PBX, &telling("200 OK", "two"));
    assert_eq!(header(&sent[1].1, "Recv-Info:"), "two");
}
