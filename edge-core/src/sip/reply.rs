//! Answers to a request from nothing but the request (RFC 3261 section 8.2.6, RFC 3581 section 4).
//!
//! Works on a [`Message`] that failed the checks of [`super::Incoming`] as well as on a good one, and keeps
//! no state.

use std::net::{IpAddr, SocketAddr};

use super::grammar;
use super::{HeaderName, Message, MessageWriter, NameAddr, StatusCode, Via};

/// Starts an answer to `request`, which came from `source`: all Via (the top one with `received` and `rport`
/// as RFC 3581 wants), From, To, Call-ID and CSeq. To gets `to_tag` when it has no tag yet.
pub fn response_to(
    request: &Message,
    code: StatusCode,
    reason: impl AsRef<[u8]>,
    source: SocketAddr,
    to_tag: Option<&[u8]>,
) -> MessageWriter {
    let mut writer = MessageWriter::response(code, reason);
    for (line, value) in request.all(HeaderName::Via).enumerate() {
        writer = match line {
            0 => writer.header(HeaderName::Via, top_via(request, value, source)),
            _ => writer.header(HeaderName::Via, value),
        };
    }
    if let Some(from) = request.first(HeaderName::From) {
        writer = writer.header(HeaderName::From, from);
    }
    if let Some(to) = request.first(HeaderName::To) {
        writer = writer.header(HeaderName::To, tagged(request, to, to_tag));
    }
    for name in [HeaderName::CallId, HeaderName::CSeq] {
        if let Some(value) = request.first(name) {
            writer = writer.header(name, value);
        }
    }
    writer
}

/// The first Via line with what we saw of the sender in its first value.
fn top_via(request: &Message, line: &[u8], source: SocketAddr) -> Vec<u8> {
    let Some(top) = grammar::comma_values(line).next() else { return line.to_vec() };
    let Ok(via) = Via::parse(request.share(top)) else { return line.to_vec() };
    let mut marked = with_source(&via, source);
    let behind = grammar::Span::of(top, line).range().end;
    marked.extend_from_slice(&line[behind..]);
    marked
}

/// `via` with `received` when the sender is not at sent-by or asked for its port, and with `rport` filled if
/// asked. A `received` that the sender wrote itself is not believed.
fn with_source(via: &Via, source: SocketAddr) -> Vec<u8> {
    let asked = via.rport().is_some();
    let mut out = via.head().to_vec();
    for param in via.params() {
        if param.name.eq_ignore_ascii_case(b"received") || param.name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        out.push(b';');
        out.extend_from_slice(param.name);
        if let Some(value) = param.value {
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
    if asked {
        out.extend_from_slice(format!(";rport={}", source.port()).as_bytes());
    }
    if asked || host_of(via) != Some(source.ip()) {
        out.extend_from_slice(format!(";received={}", source.ip()).as_bytes());
    }
    out
}

fn host_of(via: &Via) -> Option<IpAddr> {
    super::uri::host_ip(via.host())
}

/// `to` with `tag` appended when it is readable and has none.
fn tagged(request: &Message, to: &[u8], tag: Option<&[u8]>) -> Vec<u8> {
    let mut out = to.to_vec();
    let untagged = NameAddr::parse(request.share(to)).is_ok_and(|to| to.tag().is_none());
    if let (Some(tag), true) = (tag, untagged) {
        out.extend_from_slice(b";tag=");
        out.extend_from_slice(tag);
    }
    out
}

#[cfg(test)]
mod tests;
