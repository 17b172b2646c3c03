//! What can be wrong with a configuration file, and the sentence that says so.
//!
//! Each sentence is the predicate of a key ("`port` ..."): what was found, and what to write instead. A value is
//! repeated only for keys that are built, and none of those holds a secret.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use edge_core::policy::PortRangeError;
use ipnet::IpNet;

use super::advertise::AdvertiseFault;
use super::conflict::ConflictFault;
use super::digest::DigestFault;
use super::direct::DirectFault;
use super::dtmf::DtmfFault;
use super::headers::HeaderFault;
use super::login::LoginFault;
use super::marks::MatchFault;
use super::plan::PlanFault;
use super::register::RegisterFault;
use super::route::RouteFault;
use super::rtp::RtpFault;
use super::silence::SilenceFault;
use super::tls::TlsFault;
use super::tones::TonesFault;

/// Everything that is wrong with one file.
#[derive(Debug, thiserror::Error)]
pub struct ConfigErrors {
    /// The file, as it was named to us.
    pub file: PathBuf,
    /// Never empty; in the order of the file.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { line, section, key, fault }) in self.problems.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{line}: ", self.file.display())?;
            if !section.is_empty() {
                write!(f, "{section}: ")?;
            }
            if !key.is_empty() {
                write!(f, "`{key}` ")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong, and where.
#[derive(Debug)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: usize,
    /// The section as an operator calls it, such as `trunk carrier-a`; empty at the top of the file.
    pub section: String,
    /// The key; empty when the section itself is meant.
    pub key: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// The file is not TOML.
    #[error("this is not TOML: {0}")]
    Syntax(String),
    /// No version of `edge` has this key here.
    #[error("is not known here{}", did_you_mean(nearest.as_ref()))]
    UnknownKey {
        /// A known key that is spelt almost so.
        nearest: Option<String>,
    },
    /// The value is in the contract, but this version does not do it.
    #[error("is \"{found}\", which is not built yet in this version; write {instead}")]
    PlannedValue {
        /// The value.
        found: String,
        /// What this version does.
        instead: &'static str,
    },
    /// A needed key is absent.
    #[error("is missing; write {example}")]
    Missing {
        /// A line that would do.
        example: &'static str,
    },
    /// A trunk without authentication.
    #[error(
        "{found}: there is no unauthenticated trunk; write auth = \"ip\" and let `sources` say who it is, \
         auth = \"tls\" and let its certificate, or auth = \"register\" where we register like a phone"
    )]
    Unauthenticated {
        /// "is missing" or "is \"none\"".
        found: &'static str,
    },
    /// The key does nothing without another one.
    #[error("does nothing by itself; write {key}, too, or remove the key")]
    Needs {
        /// The other one, as it could be written.
        key: &'static str,
    },
    /// The value has the wrong type.
    #[error("is of type {found}; write {expected}")]
    Type {
        /// The TOML type that was found.
        found: &'static str,
        /// What to write.
        expected: Cow<'static, str>,
    },
    /// The value is none of a fixed set.
    #[error("is \"{found}\"; write one of {allowed}{}", did_you_mean(nearest.as_ref()))]
    Choice {
        /// The value.
        found: String,
        /// All values, listed.
        allowed: String,
        /// The one that is spelt almost so.
        nearest: Option<String>,
    },
    /// A number outside its bounds.
    #[error("is {found}; write a number from {min} to {max}")]
    OutOfRange {
        /// The number as written.
        found: String,
        /// Least that is allowed.
        min: u64,
        /// Most that is allowed.
        max: u64,
    },
    /// A bound of nothing.
    #[error("is 0; write at least 1, or enabled = false to switch the trunk off")]
    Zero,
    /// A duration outside its bounds.
    #[error("is {found}; write a duration from {min} to {max}")]
    DurationOutOfRange {
        /// The duration as written.
        found: String,
        /// Least that is allowed.
        min: &'static str,
        /// Most that is allowed.
        max: &'static str,
    },
    /// A list that needs an element.
    #[error("is an empty list; {instead}")]
    EmptyList {
        /// What to do.
        instead: &'static str,
    },
    /// More than this version bears.
    #[error("has {found} entries; {max} is the most")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// The value does not have the form of the key.
    #[error("is \"{found}\"; write {expected}")]
    Form {
        /// The value.
        found: String,
        /// The form, with an example.
        expected: &'static str,
    },
    /// An IPv6 address of one link.
    #[error(
        "is {found}, a link-local address, which means nothing without its link; write a global address, or a unique \
         local one (fd00::/8)"
    )]
    LinkLocal {
        /// The address.
        found: Ipv6Addr,
    },
    /// An IPv4 address in the form of IPv6.
    #[error("is {found}, which is an IPv4 address; write {instead}")]
    MappedIpv4 {
        /// The address.
        found: Ipv6Addr,
        /// The address that it stands for.
        instead: Ipv4Addr,
    },
    /// An address that cannot be one host's own.
    #[error("is {found}, which is not the address of one host")]
    NotUnicast {
        /// The address.
        found: IpAddr,
    },
    /// A source prefix with bits set behind its length.
    #[error("is {found}, which has bits set behind the prefix; write {instead}")]
    HostBits {
        /// The prefix as written.
        found: IpNet,
        /// The prefix that was probably meant.
        instead: IpNet,
    },
    /// A source so wide that it stands for anybody.
    #[error(
        "is {found}: that would be an unauthenticated trunk; name the peer's own networks, no wider than /{widest}"
    )]
    AnySource {
        /// The prefix.
        found: IpNet,
        /// Least prefix length that is taken.
        widest: u8,
    },
    /// The media ports are no range of RTP/RTCP pairs.
    #[error("{0}")]
    Ports(#[from] PortRangeError),
    /// A tracing filter that does not parse.
    #[error("is \"{found}\", which is no tracing filter ({reason}); write for example \"info\"")]
    Filter {
        /// The filter.
        found: String,
        /// The parser's words.
        reason: String,
    },
    /// A value that stands elsewhere already.
    #[error("is {found}, which line {first} has already")]
    Duplicate {
        /// The value.
        found: String,
        /// Line of the first.
        first: usize,
    },
    /// A reference to nothing.
    #[error("is \"{found}\", but there is no {kind} of that name{}", did_you_mean(nearest.as_ref()))]
    NoSuch {
        /// `realm` or `trunk`.
        kind: &'static str,
        /// The name.
        found: String,
        /// A name that is spelt almost so.
        nearest: Option<String>,
    },
    /// An admin API that anybody could reach.
    #[error("is {address}, which others can reach: name a token_file, or listen on 127.0.0.1")]
    OpenDoor {
        /// The address.
        address: SocketAddr,
    },
    /// A codec that is allowed and denied.
    #[error("has {found}, which `allow` has too; remove one of them")]
    AllowedAndDenied {
        /// The codec.
        found: String,
    },
    /// A list of codecs that no call can use.
    #[error("leaves no audio codec: telephone-event and CN need one beside them; add for example \"PCMA\"")]
    NoAudio,
    /// A codec that is not converted into another one.
    #[error(
        "names \"{found}\", which is not converted: write transcode = [\"PCMA\", \"PCMU\"], or remove the key"
    )]
    NotTranscoded {
        /// The codec.
        found: String,
    },
    /// A conversion of which one end is missing, or said twice.
    #[error(
        "is [{found}], but a conversion has two ends: write transcode = [\"PCMA\", \"PCMU\"], or remove the key"
    )]
    TranscodeNeedsBoth {
        /// What is there.
        found: String,
    },
    /// A rule about the SDP's address for a peer whose SDP has a wrong one.
    #[error(
        "is {found}, and nat = true lets media come only from where its signalling does: remove one of them"
    )]
    SourceBehindNat {
        /// The value.
        found: &'static str,
    },
    /// Something about what two sections have in common.
    #[error(transparent)]
    Conflict(#[from] ConflictFault),
    /// Something about the address that a NAT gives us.
    #[error(transparent)]
    Advertise(#[from] AdvertiseFault),
    /// Something about media that is left out.
    #[error(transparent)]
    Direct(#[from] DirectFault),
    /// Something about RTP streams.
    #[error(transparent)]
    Rtp(#[from] RtpFault),
    /// Something about digits.
    #[error(transparent)]
    Dtmf(#[from] DtmfFault),
    /// Something about a registration.
    #[error(transparent)]
    Register(#[from] RegisterFault),
    /// Something about a trunk that comes to us.
    #[error(transparent)]
    Digest(#[from] DigestFault),
    /// Something about a login.
    #[error(transparent)]
    Login(#[from] LoginFault),
    /// Something about TLS.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// Something about a rule of headers.
    #[error(transparent)]
    Headers(#[from] HeaderFault),
    /// Something about trunks that share an address.
    #[error(transparent)]
    Match(#[from] MatchFault),
    /// Something about a route.
    #[error(transparent)]
    Route(#[from] RouteFault),
    /// Something about silence.
    #[error(transparent)]
    Silence(#[from] SilenceFault),
    /// Something about tones.
    #[error(transparent)]
    Tones(#[from] TonesFault),
    /// Something about a numbering plan.
    #[error(transparent)]
    Plan(#[from] PlanFault),
    /// A failover group without trunks that are called.
    #[error("is \"{found}\", but no trunk that we may call has that `failover_group`{}", did_you_mean(nearest.as_ref()))]
    NoSuchGroup {
        /// The group.
        found: String,
        /// A group that is spelt almost so.
        nearest: Option<String>,
    },
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"))
}
