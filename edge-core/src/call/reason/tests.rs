use crate::sip::{MessageLimits, Method};

use super::*;

fn told(reason: &str) -> Vec<String> {
    let message = format!("BYE sip:a SIP/2.0\r\n{reason}\r\n");
    let message = Message::parse(message.into(), &MessageLimits::default()).unwrap();
    let written = Reason::of(&message).tell(MessageWriter::request(&Method::Bye, "sip:a")).empty();
    let written = String::from_utf8(written.to_vec()).unwrap();
    written.lines().filter_map(|line| line.strip_prefix("Reason: ").map(str::to_owned)).collect()
}

#[test]
fn causes_of_sip_and_q850_cross_and_nothing_else_does() {
    for (said, crosses) in [
        ("Reason: Q.850;cause=16\r\n", vec!["Q.850;cause=16"]),
        ("Reason: Q.850 ; cause=16 ; text=\"Normal\"\r\n", vec!["Q.850;cause=16;text=\"Normal\""]),
        (
            "Reason: SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=26\r\n",
            vec!["SIP;cause=200;text=\"Call completed elsewhere\"", "Q.850;cause=26"],
        ),
        ("Reason: preemption;cause=1, q.850;cause=17\r\n", vec!["Q.850;cause=17"]),
        ("Reason: Q.850;cause=16\r\nReason: Q.850;cause=17\r\n", vec!["Q.850;cause=16"]),
        ("Reason: Q.850;text=\"no cause\"\r\n", vec![]),
        ("Reason: Q.850;cause=99999\r\n", vec![]),
        ("Reason: Q.850;cause=16;text=\"at 10.0.0.7:5060\"\r\n", vec!["Q.850;cause=16"]),
        ("Reason: Q.850;cause=16;text=\"pbx.example.com said\"\r\n", vec!["Q.850;cause=16"]),
        ("Reason: Q.850;cause=16;text=\"a \\\" b\\\\\"\r\n", vec!["Q.850;cause=16;text=\"a  b\""]),
        ("Reason: Q.850;cause=16;text=\"unclosed\r\n", vec![]),
        ("Reason: \r\n", vec![]),
    ] {
        assert_eq!(told(said), crosses, "{said}");
    }
}

#[test]
fn a_response_carries_only_q850() {
    let message = "BYE sip:a SIP/2.0\r\nReason: SIP;cause=486, Q.850;cause=17\r\n\r\n";
    let message = Message::parse(message.into(), &MessageLimits::default()).unwrap();
    let code = crate::sip::StatusCode::BUSY_HERE;
    let written = Reason::of(&message).explain(MessageWriter::response(code, "Busy")).empty();
    let written = String::from_utf8(written.to_vec()).unwrap();
    assert!(written.contains("Reason: Q.850;cause=17\r\n") && !written.contains("SIP;cause"), "{written}");
}
