//! Who calls and who is called: no more of SIP than calls of nobody's interest need.

use std::time::Duration;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 HOST\r\ns=-\r\nc=IN IP4 HOST\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8\r\n";

/// When an INVITE or BYE without an answer is sent again, after it was sent first (RFC 3261 timers A and E).
pub(crate) const AGAIN: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_millis(1500), Duration::from_millis(3500)];

/// How far a call is, as its caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The INVITE is out.
    Inviting,
    /// It rings, or would.
    Proceeding,
    /// Answered; the BYE is out, with this To.
    Leaving(String),
    /// Heard that it is over.
    Completed,
    /// Heard 503.
    Refused,
}

pub(crate) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// A request of call number `call` of the trunk at `host`.
pub(crate) fn request(host: &str, call: usize, method: &str, to: &str) -> String {
    let (sequence, body) = match method {
        "INVITE" => (1, SDP.replace("HOST", host)),
        "ACK" => (1, String::new()),
        _ => (2, String::new()),
    };
    let branch = if to.contains("tag=") { method } else { "first" };
    format!(
        "{method} sip:+44{call}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{branch}{call}\r\n\
         From: <sip:1@{host}>;tag=c{call}\r\nTo: {to}\r\nCall-ID: {call}@{host}\r\nCSeq: {sequence} {method}\r\n\
         Contact: <sip:{host}:5060>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The To of a call's INVITE.
pub(crate) fn callee(call: usize) -> String {
    format!("<sip:+44{call}@192.0.2.1>")
}

/// The 200 that the called side gives to anything.
pub(crate) fn ok(request: &str) -> String {
    let to = header(request, "To:");
    let tag = if to.contains("tag=") { "" } else { ";tag=b" };
    let body = if request.starts_with("INVITE") { SDP.replace("HOST", "10.0.0.20") } else { String::new() };
    format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:10.0.0.20:5060>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        header(request, "Via:"),
        header(request, "From:"),
        header(request, "Call-ID:"),
        header(request, "CSeq:"),
        body.len()
    )
}
