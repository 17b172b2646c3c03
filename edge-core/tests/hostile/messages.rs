//! What a hostile trunk says, and what it reads of what it hears.

use std::net::SocketAddr;

use edge_core::media::MediaPlan;

use super::SDP;

pub(crate) fn invite(side: usize, number: u8, with_offer: bool) -> String {
    let reliable = ["", "Supported: 100rel\r\n", "Require: 100rel\r\n"][usize::from(number % 3)];
    let (host, edge) = [("192.0.2.10", "192.0.2.1"), ("10.0.0.20", "10.0.0.1")][side];
    let (headers, body) = if with_offer { ("Content-Type: application/sdp\r\n", SDP) } else { ("", "") };
    format!(
        "INVITE sip:+44{number}@{edge} SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{side}-{number};rport\r\n\
         From: <sip:1@{host}>;tag=t{number}\r\nTo: <sip:+44{number}@{edge}>\r\nCall-ID: {number}@{host}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:{host}>\r\nMax-Forwards: 70\r\n{reliable}{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn header<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

/// Where a plan has media come in.
pub(crate) fn locals(plan: &MediaPlan) -> impl Iterator<Item = SocketAddr> {
    plan.streams.iter().flat_map(|stream| [stream.a.local, stream.b.local])
}

/// Where a message of the edge's wants media.
pub(crate) fn described(realm: usize, message: &str) -> Option<SocketAddr> {
    let line = message.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let port = line.split(' ').next()?.parse().expect("a port of the edge's");
    let ours = [[192, 0, 2, 1], [10, 0, 0, 1]][realm];
    (port != 0).then_some(SocketAddr::from((ours, port)))
}

/// The dialog of `message`, as Replaces names it to the edge.
pub(crate) fn replaced(message: &str) -> String {
    let tag = |name| header(message, name).split(";tag=").nth(1).unwrap_or("peer");
    let (ours, theirs) =
        if message.starts_with("SIP/2.0") { (tag("To:"), tag("From:")) } else { (tag("From:"), tag("To:")) };
    format!("{};to-tag={ours};from-tag={theirs}", header(message, "Call-ID:"))
}

/// A response to a request of the edge's, with a tag of ours.
pub(crate) fn answer(request: &str, code: u16, with_sdp: bool, timer: &str) -> String {
    let to = header(request, "To:");
    let tag = match code {
        _ if to.contains("tag=") => "",
        183 => ";tag=place",
        _ => ";tag=peer",
    };
    let (kind, body) = if with_sdp { ("Content-Type: application/sdp\r\n", SDP) } else { ("", "") };
    format!(
        "SIP/2.0 {code} Any Thing\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:449@10.0.0.20>, <sip:+447@a>;q=0.1\r\n{timer}{kind}Content-Length: {}\r\n\r\n{body}",
        header(request, "Via:"),
        header(request, "From:"),
        header(request, "Call-ID:"),
        header(request, "CSeq:"),
        body.len()
    )
}

/// A request in the dialog of `message`, whichever side made it.
pub(crate) fn in_dialog(message: &str, method: &str, sequence: u32, headers: &str, body: &str) -> String {
    let (from, to) = (header(message, "From:"), header(message, "To:"));
    // A response of the edge has our tag in To, a request of the edge in From.
    let (from, to) =
        if message.starts_with("SIP/2.0") { (from.to_owned(), to) } else { (format!("{to};tag=peer"), from) };
    let via = header(message, "Via:").split(';').next().unwrap_or_default();
    let call = header(message, "Call-ID:").replace(['@', '.', ':'], "");
    // What a PRACK acknowledges is in the response that it is for.
    let rack = match (method, header(message, "RSeq:")) {
        ("PRACK", "") => "RAck: 1 1 INVITE\r\n".to_owned(),
        ("PRACK", rseq) => format!("RAck: {rseq} 1 INVITE\r\n"),
        _ => String::new(),
    };
    format!(
        "{method} sip:edge SIP/2.0\r\nVia: {via};branch=z9hG4bKd{method}{sequence}{call};rport\r\nFrom: {from}\r\nTo: {to}\r\n\
         Call-ID: {}\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\n{rack}{headers}\
         Content-Length: {}\r\n\r\n{body}",
        header(message, "Call-ID:"),
        body.len()
    )
}
