//! The torture messages of RFC 4475 and RFC 5118 sent to the running process, from a trunk's address, over UDP and TCP.
//!
//! edge-core's own test says how each is read; this one what a peer hears, and that edge lives. The messages are read from
//! beside the repository; where they are not, the drills say so and run their own.

use std::fs;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use edge_core::sip::{HeaderName, Message, MessageLimits, StreamDecoder, StreamItem};
use edge_tests::EdgeConfig;
use edge_tests::drill::{PATIENCE, with_edge};
use edge_tests::lab::{Lab, Side};
use edge_tests::process::wait_until;
use edge_tests::raw::{RawPeer, header, is_response};
use edge_tests::stream::StreamPeer;

/// What comes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// An INVITE that reaches the other trunk.
    Routed,
    /// A final answer.
    Answer(u16),
    /// Nothing at all.
    Silence,
}

use Outcome::{Answer, Routed, Silence};

const RFC4475: [(&str, Outcome); 49] = [
    // It has a tag in To, of no dialog here.
    ("wsinv", Answer(481)),
    ("intmeth", Answer(501)),
    ("esc01", Routed),
    ("escnull", Answer(405)),
    ("esc02", Answer(501)),
    ("lwsdisp", Answer(200)),
    ("longreq", Routed),
    ("dblreq", Answer(405)),
    ("semiuri", Answer(200)),
    ("transports", Answer(200)),
    ("mpart01", Answer(405)),
    ("unreason", Silence),
    ("noreason", Silence),
    ("badinv01", Answer(400)),
    ("clerr", Answer(400)),
    ("ncl", Answer(400)),
    ("scalar02", Answer(400)),
    ("scalarlg", Silence),
    ("quotbal", Answer(400)),
    ("ltgtruri", Answer(400)),
    ("lwsruri", Answer(400)),
    ("lwsstart", Answer(400)),
    ("trws", Answer(200)),
    ("escruri", Answer(400)),
    ("baddate", Routed),
    ("regbadct", Answer(400)),
    ("badaspec", Answer(400)),
    ("baddn", Answer(200)),
    ("badvers", Answer(505)),
    ("mismatch01", Answer(400)),
    ("mismatch02", Answer(400)),
    ("bigcode", Silence),
    ("badbranch", Answer(200)),
    // What an answer needs is missing.
    ("insuf", Silence),
    ("unkscm", Answer(416)),
    ("novelsc", Answer(416)),
    ("unksm2", Answer(405)),
    ("bext01", Answer(420)),
    ("invut", Answer(415)),
    ("regaut01", Answer(405)),
    ("multi01", Answer(400)),
    ("mcl01", Answer(400)),
    ("bcast", Silence),
    ("zeromf", Answer(200)),
    ("cparam01", Answer(405)),
    ("cparam02", Answer(405)),
    ("regescrt", Answer(405)),
    ("sdp01", Answer(406)),
    ("inv2543", Routed),
];

/// The lab's realms speak IPv4 for media.
const RFC5118: [(&str, Outcome); 12] = [
    ("ipv6-good", Answer(405)),
    ("ipv6-bad", Answer(400)),
    ("port-ambiguous", Answer(405)),
    ("port-unambiguous", Answer(405)),
    ("via-received-param-with-delim", Answer(481)),
    ("via-received-param-no-delim", Answer(200)),
    ("ipv6-in-sdp", Answer(488)),
    ("mult-ip-in-header", Answer(481)),
    // Its audio is IPv4.
    ("mult-ip-in-sdp", Routed),
    ("ipv4-mapped-ipv6", Answer(488)),
    ("ipv6-bug-abnf-3-colons", Answer(400)),
    ("ipv6-correct-abnf-2-colons", Answer(200)),
];

/// Ports of sent-by in the messages: answers go there.
const PORTS: [u16; 5] = [5060, 5061, 5050, 6050, 19823];

/// How long an INVITE that hears nothing may take to cross: it is answered at once when it does not.
const WAIT: Duration = Duration::from_secs(2);

/// A message with its name and what comes of it.
type Case = (String, Vec<u8>, Outcome);

/// All messages with their rows; `None`, said aloud, where they are not. One without a row, or a row without one, fails.
fn corpus() -> Result<Option<Vec<Case>>> {
    let mut cases = Vec::new();
    for (folder, table) in [("rfc4475", &RFC4475[..]), ("rfc5118", &RFC5118[..])] {
        let path: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "..", "..", "shared", "corpora", folder].iter().collect();
        let Ok(entries) = fs::read_dir(&path) else {
            println!("LEFT OUT: no corpus {folder} on this machine: {} is not there", path.display());
            return Ok(None);
        };
        let mut found = 0;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "dat") {
                continue;
            }
            let name = path.file_stem().context("a name")?.to_string_lossy().into_owned();
            let row = table.iter().find(|(row, _)| *row == name);
            let (_, outcome) = row.with_context(|| format!("{name} has no row"))?;
            cases.push((name, fs::read(&path)?, *outcome));
            found += 1;
        }
        ensure!(found == table.len(), "{found} messages of {folder} for {} rows", table.len());
    }
    cases.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    Ok(Some(cases))
}

/// One thread, so that answers come in order; any number goes to the PBX.
fn config() -> EdgeConfig {
    let any = "[[route]]\nname = \"any\"\nfrom = [\"carrier\"]\nto = { prefix = \"\" }\ntargets = [{ trunk = \"pbx\" }]";
    EdgeConfig::default().shards(1).section(any)
}

/// Media of the messages goes to documentation networks, and edge looks for a way there.
fn route_everything(lab: &Lab) -> Result<()> {
    let carrier = Side::Carrier.peer_address().to_string();
    lab.edge().ip(&["route", "add", "default", "via", &carrier])
}

/// Call-ID of a message, when it has one.
fn call_id(message: &[u8]) -> String {
    let read = Message::parse(Bytes::copy_from_slice(message), &MessageLimits::default());
    let call_id = read.ok().and_then(|message| message.first(HeaderName::CallId).map(<[u8]>::to_vec));
    String::from_utf8_lossy(&call_id.unwrap_or_default()).into_owned()
}

/// Status of a final response.
fn final_status(message: &str) -> Option<u16> {
    let status = message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
    (status >= 200).then_some(status)
}

/// Busy, as the PBX says it.
fn busy(invite: &str) -> String {
    let copied = ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| {
        let tag = if name == "To" { ";tag=busy" } else { "" };
        format!("{name}: {}{tag}\r\n", header(invite, name).unwrap_or_default())
    });
    format!("SIP/2.0 486 Busy Here\r\n{}Content-Length: 0\r\n\r\n", copied.concat())
}

/// Both peers of the drills over UDP.
struct Peers {
    carrier: Vec<RawPeer>,
    pbx: RawPeer,
    /// Asks for an answer behind everything else.
    last: RawPeer,
}

impl Peers {
    fn new(lab: &Lab) -> Result<Self> {
        let carrier = PORTS.map(|port| RawPeer::bind(lab, Side::Carrier, port));
        Ok(Self {
            carrier: carrier.into_iter().collect::<Result<_>>()?,
            pbx: RawPeer::bind(lab, Side::Pbx, 5060)?,
            last: RawPeer::bind(lab, Side::Carrier, 5077)?,
        })
    }

    /// Sends a message and says what came of it.
    fn outcome(&self, number: usize, message: &[u8]) -> Result<Outcome> {
        self.carrier[0].send(message)?;
        let ping = self.last.options(&format!("ping{number}"));
        self.last.send(ping.as_bytes())?;
        let mine = format!("ping{number}-");
        self.last
            .expect(PATIENCE, |answer| header(answer, "Call-ID").is_some_and(|id| id.starts_with(&mine)))?;
        let id = call_id(message);
        for peer in &self.carrier {
            let heard = peer.receive_waiting()?;
            let mine = heard.iter().filter(|heard| header(heard, "Call-ID") == Some(id.as_str()));
            if let Some(status) = mine.filter_map(|heard| final_status(heard)).next() {
                return Ok(Answer(status));
            }
        }
        if !message.starts_with(b"INVITE") {
            return Ok(Silence);
        }
        // It leaves through another socket than the ping's answer, in no certain order.
        let asked = self.pbx.receive_until(WAIT, |asked| asked.starts_with("INVITE "))?;
        match asked.last().filter(|asked| asked.starts_with("INVITE ")) {
            Some(invite) => {
                self.pbx.send(busy(invite).as_bytes())?;
                Ok(Routed)
            }
            None => Ok(Silence),
        }
    }
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn each_message_meets_its_expectation_over_udp() -> Result<()> {
    let Some(corpus) = corpus()? else { return Ok(()) };
    with_edge(config(), |lab, edge| {
        route_everything(lab)?;
        let peers = Peers::new(lab)?;
        let mut wrong = Vec::new();
        for (number, (name, message, expected)) in corpus.iter().enumerate() {
            let outcome = peers.outcome(number, message)?;
            if outcome != *expected {
                wrong.push(format!("{name}: {outcome:?} instead of {expected:?}"));
            }
        }
        ensure!(wrong.is_empty(), "{wrong:#?}");
        edge.kill()
    })
}

/// Whether these bytes are a stream of whole messages to its end.
fn is_framed(message: &[u8]) -> bool {
    let mut decoder = StreamDecoder::default();
    decoder.push(message);
    let items: Vec<_> = std::iter::from_fn(|| decoder.next()).collect();
    !decoder.is_within_message() && items.iter().all(|item| matches!(item, Ok(StreamItem::Message(_))))
}

#[test]
#[ignore = "needs root: cargo xtask test"]
fn each_message_meets_its_expectation_over_tcp_or_ends_its_connection() -> Result<()> {
    let Some(corpus) = corpus()? else { return Ok(()) };
    with_edge(config(), |lab, edge| {
        route_everything(lab)?;
        let pbx = RawPeer::bind(lab, Side::Pbx, 5060)?;
        for (name, message, expected) in &corpus {
            println!("{name}");
            let peer = StreamPeer::connect(lab, Side::Carrier, Side::Carrier.peer_address())?;
            peer.send_bytes(message)?;
            match expected {
                _ if !is_framed(message) => {
                    // So that what only waits for its end is seen to be broken.
                    peer.finish()?;
                    ensure!(peer.is_closed_within(PATIENCE)?, "{name}: its end is not known, and it goes on");
                }
                Answer(status) => {
                    drop(peer.expect(PATIENCE, &format!("SIP/2.0 {status} ")).context(name.clone())?)
                }
                Routed => {
                    let invite =
                        pbx.expect(PATIENCE, |asked| asked.starts_with("INVITE ")).context(name.clone())?;
                    pbx.send(busy(&invite).as_bytes())?;
                    peer.expect(PATIENCE, "SIP/2.0 486 ").context(name.clone())?;
                }
                Silence => {
                    peer.send(&options_over_tcp(name))?;
                    peer.expect(PATIENCE, "SIP/2.0 200 ").context(name.clone())?;
                }
            }
        }
        edge.kill()
    })
}

fn options_over_tcp(call: &str) -> String {
    let (from, to) = (Side::Carrier.peer_address(), Side::Carrier.edge_address());
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/TCP {from};branch=z9hG4bK{call}\r\nFrom: <sip:a@{from}>;tag=a\r\n\
         To: <sip:{to}>\r\nCall-ID: after-{call}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// What is wrong with an INVITE, what is written instead of what, and what it hears with which header.
const REFUSALS: [(&str, &str, &str, u16, &str); 9] = [
    ("scheme", "INVITE sip:", "INVITE nobody:", 416, "Allow"),
    ("require", "Max-Forwards", "Require: foo\r\nMax-Forwards", 420, "Unsupported"),
    ("proxy-require", "Max-Forwards", "Proxy-Require: foo\r\nMax-Forwards", 420, "Unsupported"),
    ("version", " SIP/2.0\r\nVia", " SIP/3.0\r\nVia", 505, "Via"),
    ("media type", "application/sdp", "text/plain", 415, "Accept"),
    ("encoding", "Max-Forwards", "Content-Encoding: gzip\r\nMax-Forwards", 415, "Accept-Encoding"),
    ("disposition", "Max-Forwards", "Content-Disposition: icon\r\nMax-Forwards", 415, "Accept"),
    ("answers taken", "Max-Forwards", "Accept: text/plain\r\nMax-Forwards", 406, "Allow"),
    ("hops", "Max-Forwards: 70", "Max-Forwards: 0", 483, "Allow"),
];

#[test]
#[ignore = "needs root: cargo xtask test"]
fn what_is_not_understood_is_refused_with_what_would_be() -> Result<()> {
    with_edge(config(), |lab, edge| {
        let peer = RawPeer::bind(lab, Side::Carrier, 5060)?;
        for (index, (what, from, to, status, with)) in REFUSALS.into_iter().enumerate() {
            let invite = peer.invite(&format!("refusal{index}"), "+442071838750", 7000).replacen(from, to, 1);
            peer.send(invite.as_bytes())?;
            let answer = peer.expect(PATIENCE, |heard| is_response(heard, status, "INVITE")).context(what)?;
            ensure!(header(&answer, with).is_some(), "{what}: no {with} in {answer}");
        }
        for (method, status) in [("PUBLISH", 405), ("NEWMETHOD", 501), ("BYE", 481), ("CANCEL", 481)] {
            let request = peer.invite(&format!("method{status}{method}"), "+442071838750", 7000);
            peer.send(request.replace("INVITE", method).as_bytes())?;
            peer.expect(PATIENCE, |heard| is_response(heard, status, method)).context(method)?;
        }
        edge.kill()
    })
}

/// Cuts of each message, and a byte of each changed: enough to meet every header's parser.
const MUTATIONS: usize = 120;

#[test]
#[ignore = "needs root: cargo xtask test"]
fn broken_messages_without_end_cost_neither_life_nor_memory() -> Result<()> {
    let Some(corpus) = corpus()? else { return Ok(()) };
    with_edge(config(), |lab, edge| {
        let peer = RawPeer::bind(lab, Side::Carrier, 5060)?;
        let stranger =
            RawPeer::bind_to(lab, Side::Carrier, SocketAddrV4::new(Side::Carrier.stranger_address(), 5060))?;
        let before_kb = edge.resident_kb()?;
        for (_, message, _) in &corpus {
            for step in 0..MUTATIONS {
                let at = (step * 7919) % message.len();
                let mut broken = message.clone();
                broken[at] = broken[at].wrapping_add(u8::try_from(step)?);
                peer.send(&broken)?;
                peer.send(&message[..at])?;
                stranger.send(&broken)?;
            }
            peer.receive_for(Duration::ZERO)?;
        }
        let last = RawPeer::bind(lab, Side::Carrier, 5077)?;
        // As a peer does: what asks for something new may be lost while so much waits.
        let answered = wait_until(PATIENCE, || {
            last.send(last.options("alive").as_bytes()).ok()?;
            last.expect(WAIT, |answer| is_response(answer, 200, "OPTIONS")).ok()
        });
        ensure!(answered.is_some(), "edge answers no more");
        let grown_kb = edge.resident_kb()?.saturating_sub(before_kb);
        // Each INVITE among them may hold a transaction for half a minute, with a message of 64 kB at most.
        ensure!(grown_kb < 65_536, "{grown_kb} kB for {} broken messages", 3 * MUTATIONS * corpus.len());
        edge.kill()
    })
}
