//! What reading and writing a SIP message costs, beside the rsip crate in the same run.

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use edge_core::sdp::Offer;
use edge_core::sip::{HeaderName, Incoming, Message, MessageLimits, MessageWriter};
use serde_json::json;

/// An INVITE as a carrier sends it, about 1.4 kB: the seed of the fuzz targets with more headers.
fn trunk_invite() -> Bytes {
    let seed = include_str!("../../tests/fuzz/seeds/message/invite.sip");
    let extra = "P-Charging-Vector: icid-value=0123456789abcdef;icid-generated-at=198.51.100.9\r\n\
                 History-Info: <sip:+4930123455@192.0.2.1;cause=302>;index=1, <sip:+4930123456@192.0.2.1>;index=1.1\r\n\
                 Diversion: \"Miller\" <sip:+4930123455@192.0.2.1>;reason=unconditional;counter=1;privacy=off\r\n\
                 Accept: application/sdp, application/isup, multipart/mixed\r\n\
                 Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
                 Content-Type:";
    Bytes::from(seed.replacen("Content-Type:", extra, 1))
}

type Work<'a> = (&'static str, Box<dyn Fn() + 'a>);

/// One thing that was measured.
#[derive(Debug, Clone)]
struct Row {
    name: &'static str,
    microseconds: f64,
}

/// What a run found: medians over its rounds, all rows of a round measured one after the other.
#[derive(Debug, Clone)]
pub struct Report {
    bytes: usize,
    rows: Vec<Row>,
    /// Largest hostile messages: name, bytes, microseconds as SIP, microseconds as SDP.
    hostile: Vec<(&'static str, usize, f64, f64)>,
}

/// Measures over `rounds` rounds of `messages` messages each.
///
/// # Errors
/// When the message that is measured does not parse.
pub fn run(rounds: u32, messages: u32) -> Result<Report> {
    let bytes = trunk_invite();
    let limits = MessageLimits::default();
    let message = Message::parse(bytes.clone(), &limits).context("the message does not parse")?;
    let works: [Work<'_>; 5] = [
        ("rsip: parse", Box::new(|| drop(black_box(rsip::SipMessage::try_from(&bytes[..]))))),
        ("edge: frame", Box::new(|| drop(black_box(Message::parse(bytes.clone(), &limits))))),
        ("edge: read, all checks", Box::new(|| drop(black_box(Incoming::parse(bytes.clone(), &limits))))),
        ("edge: write anew", Box::new(|| drop(black_box(written_anew(&message))))),
        ("edge: read the offer", Box::new(|| drop(black_box(Offer::parse(&message.body()))))),
    ];
    let mut times = vec![Vec::new(); works.len()];
    for _ in 0..rounds {
        for (times, (_, work)) in times.iter_mut().zip(&works) {
            times.push(took(|| (0..messages).for_each(|_| work())).as_secs_f64() * 1e6 / f64::from(messages));
        }
    }
    let rows = works.iter().zip(times).map(|((name, _), times)| Row { name, microseconds: median(times) });
    let hostile = hostile().into_iter().map(|(name, data)| {
        let bytes = Bytes::from(data.clone());
        let sip = took(|| drop(black_box(Incoming::parse(bytes, &limits)))).as_secs_f64() * 1e6;
        let sdp = took(|| drop(black_box(Offer::parse(&data)))).as_secs_f64() * 1e6;
        (name, data.len(), sip, sdp)
    });
    Ok(Report { bytes: bytes.len(), rows: rows.collect(), hostile: hostile.collect() })
}

/// The message with a Via of ours: what a relay writes, less the decisions.
fn written_anew(message: &Message) -> Option<Bytes> {
    let start = MessageWriter::request(message.method()?, message.request_uri()?)
        .header(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1");
    let replaced = [HeaderName::ContentLength, HeaderName::ContentType, HeaderName::Via];
    let kept = message.headers().filter(|header| !replaced.contains(&header.name));
    let written = kept.fold(start, |writer, header| writer.raw(header.raw_name, header.value));
    Some(written.body("application/sdp", message.body()))
}

/// Inputs near every limit, each made to visit one loop as often as it can: a cost that grew with the square of the
/// length would show here.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let options = |headers: String| {
        let rest = "From: <sip:f@h>;tag=f\r\nTo: <sip:t@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS";
        format!("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=b\r\n{rest}\r\n{headers}\r\n")
            .into_bytes()
    };
    let session = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
    let formats: String = (0..128).map(|number| format!(" {number}")).collect();
    let maps = "a=rtpmap:200 X/1\r\n".repeat(500);
    vec![
        ("parameters", options(format!("m: <sip:a@b>{}\r\n", ";a=b".repeat(2_000)).repeat(8))),
        ("contacts", options(format!("m: {}\r\n", "<sip:a@b>,".repeat(800)).repeat(8))),
        ("quotes", options(format!("Subject: {}\r\n", "\"".repeat(8_000)).repeat(8))),
        ("open quotes", options(format!("Subject: {}\r\n", ",\"x\\".repeat(2_000)).repeat(8))),
        ("brackets", options(format!("Route: {}\r\n", "<,".repeat(4_000)).repeat(8))),
        ("headers", options("a: b\r\n".repeat(250))),
        ("vias", options(format!("v: {}\r\n", "SIP/2.0/UDP h,".repeat(500)).repeat(8))),
        ("folds", options(format!("Subject: x{}\r\n", "\r\n y".repeat(32)).repeat(240))),
        ("escapes", options(format!("m: <sip:{}@b>\r\n", "%41".repeat(2_500)).repeat(8))),
        ("formats", format!("{session}m=audio 4 RTP/AVP{formats}\r\n{maps}").into()),
        ("streams", format!("{session}{}", "m=audio 4 RTP/AVP 0\r\n".repeat(500)).into()),
    ]
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn took(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

impl Report {
    /// The figures as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let rows: serde_json::Map<_, _> =
            self.rows.iter().map(|row| (row.name.to_owned(), row.microseconds.into())).collect();
        let hostile: Vec<_> = self
            .hostile
            .iter()
            .map(
                |(name, bytes, sip, sdp)| json!({"name": name, "bytes": bytes, "sip_us": sip, "sdp_us": sdp}),
            )
            .collect();
        json!({"bytes": self.bytes, "microseconds": rows, "hostile": hostile}).to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "an INVITE of {} bytes{:>17} {:>8}", self.bytes, "us", "ratio")?;
        let baseline = self.rows.first().map_or(1.0, |row| row.microseconds);
        for Row { name, microseconds } in &self.rows {
            writeln!(f, "  {name:<34}{microseconds:>6.2} {:>8.2}", microseconds / baseline)?;
        }
        writeln!(f, "hostile messages{:>12} {:>10} {:>10}", "bytes", "us as SIP", "us as SDP")?;
        for (name, bytes, sip, sdp) in &self.hostile {
            writeln!(f, "  {name:<18}{bytes:>8} {sip:>10.0} {sdp:>10.0}")?;
        }
        Ok(())
    }
}
