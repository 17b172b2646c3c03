//! Values that are one of a fixed set of words, and which of the words are built.

use edge_core::digest::Hash;
use edge_core::media::{Dscp, SourcePolicy};
use edge_core::policy::{
    Auth, CallsTo, DelayedOffer, Direction, Dtmf, DtmfMask, NumberFormat, Redirects, Refer, RefuseWith,
    ReliableProvisional, Rtp, ShieldMode, SilenceEnds, Srtp, Strangers, Strategy, Tones, Transport, Unknown,
    Unprefixed,
};
use edge_core::policy::{Diversions, IdentityHeader};
use edge_core::sip::RuledMessages;
use jiff::civil::Weekday;
use toml::de::DeValue;

use super::document::{FromToml, wrong_type};
use super::fault::Fault;
use super::identity::Withheld;
use super::nearest::nearest;
use super::value::form;
use super::{ClosedPorts, LogFormat, XdpMode};

/// One of a fixed set of words.
trait Choice: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
    /// Words of the contract that are not built yet, and what is.
    const PLANNED: (&'static [&'static str], &'static str) = (&[], "");

    fn choose(value: &DeValue<'_>) -> Result<Self, Fault> {
        let expected = wrong_type(value, "a string, in quotes");
        let found = value.as_str().ok_or(expected)?;
        if let Some((_, chosen)) = Self::WORDS.iter().find(|(word, _)| *word == found) {
            return Ok(*chosen);
        }
        let (planned, instead) = Self::PLANNED;
        if planned.contains(&found) {
            return Err(Fault::PlannedValue { found: found.to_owned(), instead });
        }
        let words: Vec<_> = Self::WORDS.iter().map(|(word, _)| *word).collect();
        let allowed = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        Err(Fault::Choice { found: found.to_owned(), allowed, nearest: nearest(found, words) })
    }
}

impl<'a, T: Choice> FromToml<'a> for T {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        T::choose(value)
    }
}

impl Choice for Direction {
    const WORDS: &'static [(&'static str, Self)] =
        &[("inbound", Self::Inbound), ("outbound", Self::Outbound), ("both", Self::Both)];
}

impl Choice for ReliableProvisional {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("supported", Self::Supported), ("required", Self::Required)];
}

impl Choice for DelayedOffer {
    const WORDS: &'static [(&'static str, Self)] = &[("pass", Self::Pass), ("convert", Self::Convert)];
}

impl Choice for Rtp {
    const WORDS: &'static [(&'static str, Self)] = &[("pass", Self::Pass), ("steady", Self::Steady)];
}

impl Choice for Dtmf {
    const WORDS: &'static [(&'static str, Self)] =
        &[("rfc4733", Self::Rfc4733), ("info", Self::Info), ("inband", Self::Inband), ("auto", Self::Auto)];
}

impl Choice for DtmfMask {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("star", Self::Star), ("drop", Self::Drop)];
}

impl Choice for SilenceEnds {
    const WORDS: &'static [(&'static str, Self)] =
        &[("report", Self::None), ("end-dead", Self::Dead), ("end", Self::OneWay)];
}

impl Choice for RefuseWith {
    const WORDS: &'static [(&'static str, Self)] =
        &[("503", Self::ServiceUnavailable), ("486", Self::BusyHere)];
}

impl Choice for NumberFormat {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("e164", Self::E164),
        ("national", Self::National),
        ("international", Self::International),
        ("plain", Self::Plain),
    ];
}

impl Choice for IdentityHeader {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("pai", Self::Asserted),
        ("rpid", Self::RemoteParty),
        ("ppi", Self::Preferred),
        ("none", Self::None),
    ];
}

impl Choice for Withheld {
    const WORDS: &'static [(&'static str, Self)] = &[("hide", Self::Hide), ("pass", Self::Pass)];
}

impl Choice for Diversions {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("pass", Self::Pass),
        ("remove", Self::Remove),
        ("diversion", Self::Diversion),
        ("history-info", Self::HistoryInfo),
    ];
}

impl Choice for RuledMessages {
    const WORDS: &'static [(&'static str, Self)] =
        &[("requests", Self::Requests), ("responses", Self::Responses), ("all", Self::All)];
}

impl Choice for Unprefixed {
    const WORDS: &'static [(&'static str, Self)] =
        &[("local", Self::Local), ("national", Self::National), ("plain", Self::Plain)];
}

impl Choice for edge_core::policy::Stun {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("pass", Self::Pass)];
}

impl Choice for edge_core::policy::Dtls {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("pass", Self::Pass)];
}

impl Choice for edge_core::policy::Policing {
    const WORDS: &'static [(&'static str, Self)] =
        &[("drop", Self::Drop), ("count", Self::Count), ("off", Self::Off)];
}

impl Choice for Tones {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("early-media", Self::EarlyMedia), ("answered", Self::Answered)];
}

impl Choice for Redirects {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("pass", Self::Pass), ("follow", Self::Follow)];
}

impl Choice for Strategy {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("priority", Self::Priority),
        ("weighted", Self::Weighted),
        ("round-robin", Self::RoundRobin),
        ("least-cost", Self::LeastCost),
        ("quality", Self::Quality),
    ];
}

impl Choice for Weekday {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mon", Self::Monday),
        ("tue", Self::Tuesday),
        ("wed", Self::Wednesday),
        ("thu", Self::Thursday),
        ("fri", Self::Friday),
        ("sat", Self::Saturday),
        ("sun", Self::Sunday),
    ];
}

impl Choice for CallsTo {
    const WORDS: &'static [(&'static str, Self)] = &[("contact", Self::Contact), ("number", Self::Number)];
}

impl Choice for Refer {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("pass", Self::Pass), ("consume", Self::Consume)];
}

/// The edge itself encrypts nothing yet: it lets keys pass, or refuses them.
impl Choice for Srtp {
    const WORDS: &'static [(&'static str, Self)] = &[("off", Self::Off), ("passthrough", Self::Passthrough)];
    const PLANNED: (&'static [&'static str], &'static str) =
        (&["optional", "required"], "\"off\" or \"passthrough\"");
}

impl Choice for Hash {
    const WORDS: &'static [(&'static str, Self)] =
        &[("MD5", Self::Md5), ("SHA-256", Self::Sha256), ("SHA-512-256", Self::Sha512_256)];
}

impl Choice for Strangers {
    const WORDS: &'static [(&'static str, Self)] = &[("silent", Self::Silent), ("forbid", Self::Forbid)];
}

impl Choice for ShieldMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("shadow", Self::Shadow), ("on", Self::On)];
}

impl Choice for Unknown {
    const WORDS: &'static [(&'static str, Self)] =
        &[("limit", Self::Limit), ("drop", Self::Drop), ("pass", Self::Pass)];
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Choice for XdpMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("native", Self::Native), ("generic", Self::Generic), ("off", Self::Off)];
}

impl Choice for ClosedPorts {
    const WORDS: &'static [(&'static str, Self)] = &[("drop", Self::Drop), ("icmp", Self::Icmp)];
}

impl Choice for Transport {
    const WORDS: &'static [(&'static str, Self)] =
        &[("udp", Self::Udp), ("tcp", Self::Tcp), ("tls", Self::Tls)];
}

impl<'a> FromToml<'a> for Auth {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        const BUILT: &str = "\"ip\", \"tls\", \"register\" or \"digest\"";
        match <&str>::from_toml(value)? {
            "ip" => Ok(Self::Address),
            "tls" => Ok(Self::Certificate),
            "register" => Ok(Self::Registration),
            "digest" => Ok(Self::Digest),
            "none" => Err(Fault::Unauthenticated { found: "is \"none\"" }),
            found => Err(form(found, BUILT)),
        }
    }
}

/// Who may send media as a trunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct MediaSource(pub(super) SourcePolicy);

/// Shortest prefix that media may come from, in bits: as for the sources of signalling.
const SUBNET_BITS_MIN: u8 = 8;

impl<'a> FromToml<'a> for MediaSource {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let subnet = || {
            let prefix_len = text.strip_prefix("subnet/")?.parse().ok()?;
            (SUBNET_BITS_MIN..=128).contains(&prefix_len).then_some(SourcePolicy::Subnet { prefix_len })
        };
        let policy = match text {
            "strict" => Some(SourcePolicy::Strict),
            "port" => Some(SourcePolicy::Port),
            "latch" => Some(SourcePolicy::Latch { from: None }),
            _ => subnet(),
        };
        let expected = "\"strict\", \"port\", \"latch\", or \"subnet/24\" with 8 to 32 bits for IPv4, 33 to 128 for IPv6";
        policy.map(Self).ok_or_else(|| form(text, expected))
    }
}

impl Choice for Dscp {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ef", code_point(46)),
        ("af31", code_point(26)),
        ("af41", code_point(34)),
        ("af42", code_point(36)),
        ("af43", code_point(38)),
        ("cs0", code_point(0)),
        ("cs1", code_point(8)),
        ("cs2", code_point(16)),
        ("cs3", code_point(24)),
        ("cs4", code_point(32)),
        ("cs5", code_point(40)),
        ("cs6", code_point(48)),
    ];
}

/// RFC 2474, RFC 2597 and RFC 3246.
#[expect(clippy::expect_used, reason = "evaluated by the compiler, over constants below 64")]
const fn code_point(number: u8) -> Dscp {
    Dscp::new(number).expect("below 64")
}

/// Where call records go. JSON lines are the only sink yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonLines;

impl Choice for JsonLines {
    const WORDS: &'static [(&'static str, Self)] = &[("jsonl", Self)];
    const PLANNED: (&'static [&'static str], &'static str) = (&["sqlite"], "\"jsonl\"");
}
