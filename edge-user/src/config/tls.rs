//! `tls` of a realm and of a trunk: which files, and which names a peer's certificate has to be for.
//!
//! Only paths and names: what is in the files is looked at by [`crate::tls`], on the host that has them.

use std::net::SocketAddr;
use std::path::PathBuf;

use edge_core::policy::{Auth, Host, Transport, is_host_name};
use toml::de::DeValue;

use super::document::{At, FromToml, Section};
use super::fault::Fault;
use super::keys;
use super::realm::RealmDraft;
use super::trunk::TrunkDraft;
use super::value::AbsolutePath;

/// The files of a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealmTls {
    /// Our certificate with what is between it and its CA, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub private_key: PathBuf,
    /// Who signs the certificates of peers, unless their trunk says otherwise.
    pub client_ca: Option<PathBuf>,
}

/// What can be wrong with TLS in a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// Files that no listener needs.
    #[error(
        "is there, but `sip` has no tls address: add for example \"tls:ADDRESS:5061\" to it, or remove the key"
    )]
    NoListener,
    /// A certificate that nobody would see.
    #[error(
        "is \"tls\", but the trunk's transport is {found}, which shows no certificate; write transport = \"tls\""
    )]
    NoCertificateSeen {
        /// The trunk's transport.
        found: Transport,
    },
    /// Names for a trunk without TLS.
    #[error("is there, but the trunk's transport is {found}; write transport = \"tls\", or remove the key")]
    OtherTransport {
        /// The trunk's transport.
        found: Transport,
    },
    /// Sources of a trunk that is not known by them.
    #[error(
        "is there, but with auth = \"tls\" a trunk is known by its certificate, wherever it comes from; remove the key"
    )]
    Sources,
    /// An address instead of a name.
    #[error(
        "needs `names`: certificates of SIP peers are for domains (RFC 5922), and the trunk's host is the address \
         {host}; write tls = {{ names = [\"sip.carrier.example\"] }} with what the peer's certificate says"
    )]
    NamesOfAddress {
        /// The trunk's host.
        host: SocketAddr,
    },
    /// A name that no certificate can be for.
    #[error("has \"{found}\", which {why}")]
    Name {
        /// As written.
        found: String,
        /// What is wrong with it, and what to write.
        why: &'static str,
    },
    /// A name that two trunks would be known by.
    #[error(
        "has {name}, and so has trunk {other} (line {line}) of the same realm: nobody could tell the two apart; give \
         each name to one trunk"
    )]
    AmbiguousName {
        /// The name.
        name: String,
        /// The other trunk.
        other: String,
        /// Its line.
        line: usize,
    },
    /// Nobody to believe.
    #[error(
        "does not say who signs the peer's certificate: write tls = {{ ca = \"/etc/edge/carrier-ca.pem\" }}, or \
         client_ca into `tls` of realm {realm}"
    )]
    NoAuthority {
        /// The trunk's realm.
        realm: String,
    },
}

/// A domain that a certificate can be for.
#[derive(Debug, Clone)]
struct Domain(String);

impl<'a> FromToml<'a> for Domain {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let why = if is_host_name(text) {
            return Ok(Self(text.to_owned()));
        } else if text.contains('*') {
            "no certificate of a SIP peer is taken for: wildcards stand for nothing (RFC 5922); write each name out"
        } else {
            "is no domain; write what the peer's certificate says, such as \"sip.carrier.example\""
        };
        Err(TlsFault::Name { found: text.to_owned(), why }.into())
    }
}

/// `tls` of a realm.
pub(super) fn of_realm(section: &Section<'_>) -> Option<RealmTls> {
    let table = section.table("tls", keys::REALM_TLS)?;
    let certificate = table.require::<AbsolutePath>(
        "certificate",
        "certificate = \"/etc/edge/edge.pem\", our certificate and its chain",
    );
    let private_key =
        table.require::<AbsolutePath>("private_key", "private_key = \"/etc/edge/edge.key\", its key");
    let client_ca = table.get::<AbsolutePath>("client_ca").map(|path| path.value.0);
    Some(RealmTls { certificate: certificate?.value.0, private_key: private_key?.value.0, client_ca })
}

/// Notes a realm that listens for TLS without a certificate, or has one without listening.
pub(super) fn check_realm(realm: &RealmDraft<'_>) {
    let listens = realm.sip.iter().find(|listener| listener.value.transport == Transport::Tls);
    match listens {
        Some(listener) if !realm.section.has("tls") => {
            let example =
                "tls = { certificate = \"/etc/edge/edge.pem\", private_key = \"/etc/edge/edge.key\" }";
            realm.section.note(listener.line, "tls", Fault::Missing { example });
        }
        None if realm.section.has("tls") => {
            realm.section.note(realm.section.line_of("tls"), "tls", TlsFault::NoListener.into());
        }
        Some(_) | None => {}
    }
}

/// What a trunk's `tls` says.
#[derive(Debug, Default)]
pub(super) struct TrunkTls {
    /// Whether it may be reached so.
    pub(super) over_tls: bool,
    /// Domains that its certificate may be for; empty for a trunk without TLS.
    pub(super) names: Vec<At<String>>,
    /// Who signs it, when that is not the realm's affair.
    pub(super) ca: Option<PathBuf>,
}

/// `tls` of a trunk, whose names are by default the one of its host. One whose transport DNS says may be reached over TLS when
/// the key is there, and is when its certificate says who it is.
pub(super) fn of_trunk(section: &Section<'_>, auth: At<Auth>, host: Option<&At<Host>>) -> TrunkTls {
    // What is wrong with the host has been noted.
    let Some(host) = host else { return TrunkTls::default() };
    let by_certificate = auth.value == Auth::Certificate;
    match host.value.transport() {
        Some(Transport::Tls) => {}
        None if by_certificate || section.has("tls") => {}
        None => return TrunkTls::default(),
        Some(found) => {
            if by_certificate {
                section.note(auth.line, "auth", TlsFault::NoCertificateSeen { found }.into());
            }
            if section.has("tls") {
                section.note(section.line_of("tls"), "tls", TlsFault::OtherTransport { found }.into());
            }
            return TrunkTls::default();
        }
    }
    let table = section.table("tls", keys::TRUNK_TLS);
    let ca = table.as_ref().and_then(|table| table.get::<AbsolutePath>("ca")).map(|path| path.value.0);
    let names = match &table {
        Some(table) if table.has("names") => {
            table.refuse_empty(
                "names",
                "write what the peer's certificate is for, such as \"sip.carrier.example\"",
            );
            table.list::<Domain>("names").unwrap_or_default()
        }
        Some(_) | None => of_host(section, host),
    };
    let names = names.into_iter().map(|At { value: Domain(value), line }| At { value, line }).collect();
    TrunkTls { over_tls: true, names, ca }
}

/// The host's name, when it has one.
fn of_host(section: &Section<'_>, host: &At<Host>) -> Vec<At<Domain>> {
    match &host.value {
        Host::Visiting => Vec::new(),
        Host::Name { name, .. } => vec![At { value: Domain(name.clone()), line: host.line }],
        Host::Address { address, .. } => {
            let fault = TlsFault::NamesOfAddress { host: *address };
            section.note(section.line_of("tls"), "tls", fault.into());
            Vec::new()
        }
    }
}

/// Notes trunks that could be taken for each other, or that nobody vouches for.
pub(super) fn check_trunks(trunks: &[&TrunkDraft<'_>], realms: &[Option<RealmDraft<'_>>]) {
    for (index, trunk) in trunks.iter().enumerate() {
        if trunk.tls.over_tls {
            check_authority(trunk, realms);
        }
        if trunk.said.auth == Auth::Certificate {
            check_names(trunk, &trunks[..index]);
        }
    }
}

fn check_authority(trunk: &TrunkDraft<'_>, realms: &[Option<RealmDraft<'_>>]) {
    let Some(Some(realm)) = realms.get(trunk.said.realm.index()) else { return };
    let of_realm = realm.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if trunk.tls.ca.is_none() && !of_realm {
        let fault = TlsFault::NoAuthority { realm: realm.name.clone() };
        trunk.section.note(trunk.section.line_of("tls"), "tls", fault.into());
    }
}

fn check_names(trunk: &TrunkDraft<'_>, earlier: &[&TrunkDraft<'_>]) {
    let others = || {
        earlier
            .iter()
            .filter(|other| other.said.realm == trunk.said.realm && other.said.auth == Auth::Certificate)
    };
    for name in &trunk.tls.names {
        let same = |at: &&At<String>| at.value.eq_ignore_ascii_case(&name.value);
        let taken = others().find_map(|other| Some((other, other.tls.names.iter().find(same)?)));
        if let Some((other, first)) = taken {
            let fault = TlsFault::AmbiguousName {
                name: name.value.clone(),
                other: other.said.name.clone(),
                line: first.line,
            };
            trunk.section.note(name.line, "tls", fault.into());
        }
    }
}
