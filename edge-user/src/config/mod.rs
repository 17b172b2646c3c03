//! The configuration: one TOML file, read as a whole and checked as a whole.
//!
//! [`Config::load`] is the border. Behind it there are only values that are right: ranges of whole port pairs,
//! references that resolve, trunks that someone can be told by. Before it there is text with line numbers, and
//! [`ConfigErrors`] with everything that is wrong with it.
//!
//! Invariants: no key is ignored (`keys` lists what this version does with each); nothing here depends on the
//! host, so a file can be checked anywhere ([`crate::host::check`] compares it with the host).

mod address;
mod advertise;
mod as_target;
mod breaker;
mod changes;
mod choice;
mod conflict;
mod digest;
mod direct;
mod document;
mod dtmf;
mod fault;
mod group;
mod guards;
mod headers;
mod identity;
mod incoming;
mod keepalive;
mod keys;
mod login;
mod marks;
mod media;
mod names;
pub(crate) mod nearest;
mod node;
mod pieces;
mod plan;
mod realm;
mod register;
mod route;
mod rtp;
mod shield;
mod silence;
mod tls;
mod tones;
mod trunk;
mod value;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::Policy;
use toml::de::DeTable;

use document::{Report, Section};
use names::Names;
use node::NodeSections;
use pieces::Pieces;
use realm::RealmDraft;
use trunk::TrunkDraft;

pub use changes::{Change, Changes};
pub use conflict::ConflictFault;
pub use digest::DigestFault;
pub use fault::{ConfigErrors, Fault, Problem};
pub use headers::HeaderFault;
pub use login::{LoginFault, PasswordSource, TrunkLogin};
pub use marks::MatchFault;
pub use plan::PlanFault;
pub use register::RegisterFault;
pub use tls::{RealmTls, TlsFault};

/// Largest file that is read, in bytes: ten thousand trunks take four million, 200,000 routes about 25.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Most realms: each has sockets and media tables of its own.
const REALMS_MAX: usize = 256;

/// Most trunks: what the other bounds of a node could serve.
const TRUNKS_MAX: usize = 65_536;

/// Most routes: a numbering plan with a route a number block. What 200,000 of them take says `cargo xtask bench routes`.
const ROUTES_MAX: usize = 262_144;

/// Everything that one node does, from one file.
#[derive(Debug)]
pub struct Config {
    /// Realms, trunks, routes: what the core decides by.
    pub policy: Arc<Policy>,
    /// Who this node is and where it keeps things.
    pub node: NodeConfig,
    /// What it says.
    pub log: LogConfig,
    /// Where the admin API listens.
    pub admin: AdminConfig,
    /// How media is relayed.
    pub xdp: XdpConfig,
    /// Where call records go.
    pub cdr: CdrConfig,
    /// Whose certificates are shown and believed.
    pub tls: TlsConfig,
    /// Who we are for trunks that challenge us, by their names.
    pub logins: BTreeMap<String, TrunkLogin>,
    /// Threads that signalling is spread over; at least one.
    pub shards: usize,
    /// What happens when the process is told to end.
    pub drain: DrainConfig,
    /// Who is asked for names.
    pub dns: DnsConfig,
    /// The file as it was read.
    pub text: Arc<str>,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Name in logs, call records and bpffs: letters, digits, dashes and underscores.
    pub name: String,
    /// Directory of what must outlive the process.
    pub state_dir: PathBuf,
    /// Directory of what must not.
    pub run_dir: PathBuf,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A tracing filter that parses.
    pub filter: String,
    /// Shape of a line.
    pub format: LogFormat,
}

/// Shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[admin]`. A unix socket in `node.run_dir` there is in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdminConfig {
    /// Address to listen on, beside the unix socket.
    pub http: Option<SocketAddr>,
    /// File with the token that requests to the address need; not needed on a loopback address.
    pub token_file: Option<PathBuf>,
}

/// `[xdp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdpConfig {
    /// Where in the kernel the program is attached.
    pub mode: XdpMode,
    /// Media endpoints that the tables hold; a call has two.
    pub flows_max: u32,
    /// Directory of bpffs that holds the pins of all nodes.
    pub pin_dir: PathBuf,
    /// Whether the program may send rare diagnostics up.
    pub diagnostics: bool,
    /// What becomes of packets to media ports without a call.
    pub closed_ports: ClosedPorts,
}

/// What becomes of packets to media ports without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedPorts {
    /// Nobody hears anything.
    Drop,
    /// The host says that nobody is there, but for ports that rest after a call.
    Icmp,
}

/// Where in the kernel the XDP program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XdpMode {
    /// Native, and where the driver cannot, generic; in userspace where there is no XDP.
    Auto,
    /// In the driver, or not at all.
    Native,
    /// Behind the driver, after the kernel has allocated a buffer.
    Generic,
    /// Nowhere: the process relays media itself.
    Off,
}

/// `[cdr]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdrConfig {
    /// Directory of the records.
    pub path: PathBuf,
}

/// `[dns]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsConfig {
    /// The servers; none for those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// Of each realm, in the order of [`Policy::realms`].
    pub realms: Vec<Option<RealmTls>>,
    /// Who signs the certificate of each trunk that is reached over TLS, by its name.
    pub authorities: BTreeMap<String, PathBuf>,
}

/// What happens between the order to end and the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainConfig {
    /// How long running calls may go on before the edge ends them.
    pub grace: Duration,
}

impl Config {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let errors = |problems| ConfigErrors { file: path.to_path_buf(), problems };
        let text = read_bounded(path).map_err(|cause| {
            errors(vec![Problem { line: 1, section: String::new(), key: String::new(), fault: cause.into() }])
        })?;
        Self::parse(&text).map_err(errors)
    }

    /// Checks `text`, the content of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, in its order; never empty.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        Self::read(&Pieces::of(text))
    }

    fn read(pieces: &Pieces<'_>) -> Result<Self, Vec<Problem>> {
        let report = Report::new(&pieces.rest);
        let (document, whole) = report.parse(&pieces.rest);
        if pieces.len() > 0 && document.get_ref().contains_key("route") {
            return Self::read(&Pieces::whole(pieces.text));
        }
        // What was made of a broken document would only give rise to faults that nobody wrote.
        let config = if whole { read(&report, document.get_ref(), pieces) } else { None };
        match config {
            Some(config) if report.is_clean() => Ok(Self { text: pieces.text.into(), ..config }),
            _ => Err(report.into_problems()),
        }
    }
}

/// Where the edge that was started with the file at `path` runs, whatever is wrong with the file now: whoever has broken it
/// wants to see the calls that stand all the more.
#[must_use]
pub fn run_dir(path: &Path) -> PathBuf {
    let text = read_bounded(path).unwrap_or_default();
    let (document, _faults) = DeTable::parse_recoverable(&text);
    let written = document.get_ref().get("node").and_then(|node| node.get_ref().get("run_dir"));
    let written = written.and_then(|run_dir| run_dir.get_ref().as_str());
    written.map_or_else(|| PathBuf::from(node::RUN_DIR), PathBuf::from)
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        let complaint = format!("it has {bytes} bytes, and {FILE_BYTES_MAX} is the most");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, complaint));
    }
    std::fs::read_to_string(path)
}

/// Reads the document; `None` when a part was too wrong to go on with, which has been noted.
fn read<'a>(report: &'a Report, document: &'a DeTable<'a>, pieces: &Pieces<'_>) -> Option<Config> {
    let root = Section::root(report, document, keys::ROOT);
    let sections = NodeSections::open(&root);
    let node = node::node(&sections.node);
    let cdr = node::cdr(&sections.cdr, &node.state_dir);
    let (log, xdp) = (node::log(&sections.log), node::xdp(&sections.xdp));
    let admin = node::admin(&sections.admin);
    let (shards, drain) = (node::shards(&sections.node), node::drain(&sections.node));
    let dns = node::dns(&sections.dns);
    let (policy, tls, logins) = policy(&root, &sections, &node.name, pieces)?;
    let policy = Arc::new(policy);
    Some(Config { policy, node, log, admin, xdp, cdr, tls, logins, shards, drain, dns, text: Arc::from("") })
}

fn policy<'a>(
    root: &Section<'a>,
    node: &NodeSections<'a>,
    name: &str,
    pieces: &Pieces<'_>,
) -> Option<(Policy, TlsConfig, Logins)> {
    let (strangers, shield) = (shield::strangers(&node.shield), shield::shield(&node.shield));
    let timers = node::timers(&node.timers);
    let message_bounds = node::limits(&node.limits);

    let sections = repeated(root, "realm", keys::REALM, REALMS_MAX)?;
    let realm_names = Names::read("realm", &sections);
    let realms =
        numbered(sections, |section, index| RealmDraft::read(section, realm_names.name(index), &realm_names));

    let sections = repeated(root, "trunk", keys::TRUNK, TRUNKS_MAX)?;
    let trunk_names = Names::read("trunk", &sections);
    let trunks = numbered(sections, |section, index| {
        TrunkDraft::read(section, &trunk_names.name(index), &realm_names)
    });

    let (groups, plans) = (as_target::groups(&trunks), RefCell::default());
    let bounds = group::read(root, &groups);
    let known = route::Trunks { names: &trunk_names, drafts: &trunks, groups: &groups, plans: &plans };
    let routes = route::all(root, pieces, known);

    conflicts(&realms, &trunks);
    // Ids are positions in the file, so one section that is missing would shift all that follow it.
    let authorities = authorities(&trunks, &realms);
    let logins = logins(&trunks);
    let realms: Option<Vec<_>> = realms.into_iter().map(|realm| Some(realm?.finish())).collect();
    let finish = |trunk: Option<TrunkDraft<'_>>| Some(group::join(trunk?.said, &bounds));
    let trunks: Option<Vec<_>> = trunks.into_iter().map(finish).collect();
    let (realms, tls): (Vec<_>, Vec<_>) = realms?.into_iter().unzip();
    // References are positions in these very lists; a trunk whose realm cannot reach it has been noted above.
    let mut policy = Policy::new(name.to_owned(), realms, trunks?, routes?, strangers, timers).ok()?;
    policy.message_bounds = message_bounds;
    policy.shield = shield;
    Some((policy, TlsConfig { realms: tls, authorities }, logins))
}

/// Who we are for trunks that challenge us, by their names.
type Logins = BTreeMap<String, TrunkLogin>;

fn logins(trunks: &[Option<TrunkDraft<'_>>]) -> Logins {
    let of = |trunk: &TrunkDraft<'_>| Some((trunk.said.name.clone(), trunk.login.clone()?));
    trunks.iter().flatten().filter_map(of).collect()
}

/// Who signs the certificates of trunks: the trunk says, else its realm.
fn authorities(
    trunks: &[Option<TrunkDraft<'_>>],
    realms: &[Option<RealmDraft<'_>>],
) -> BTreeMap<String, PathBuf> {
    let over_tls = trunks.iter().flatten().filter(|trunk| trunk.tls.over_tls);
    let of = |trunk: &TrunkDraft<'_>| {
        let realm = realms.get(trunk.said.realm.index())?.as_ref()?;
        trunk.tls.ca.clone().or_else(|| realm.tls.as_ref()?.client_ca.clone())
    };
    over_tls.filter_map(|trunk| Some((trunk.said.name.clone(), of(trunk)?))).collect()
}

/// All `[[key]]` of the file; `None` when there is none or there are too many, which has been noted.
fn repeated<'a>(
    root: &Section<'a>,
    key: &'static str,
    known: keys::Keys,
    max: usize,
) -> Option<Vec<Option<Section<'a>>>> {
    let sections = root.tables(key, known);
    let example = match key {
        "realm" => "at least one [[realm]], a network that the edge has an address in",
        _ => "at least one [[trunk]], a peer that calls or is called",
    };
    root.refuse_absent(key, example);
    if sections.len() > max {
        root.note(root.line_of(key), key, Fault::TooMany { found: sections.len(), max });
        return None;
    }
    Some(sections)
}

fn numbered<'a, T>(
    sections: Vec<Option<Section<'a>>>,
    mut read: impl FnMut(Section<'a>, usize) -> Option<T>,
) -> Vec<Option<T>> {
    sections.into_iter().enumerate().map(|(index, section)| read(section?, index)).collect()
}

fn conflicts(realms: &[Option<RealmDraft<'_>>], trunks: &[Option<TrunkDraft<'_>>]) {
    let trunks: Vec<_> = trunks.iter().flatten().collect();
    conflict::between_realms(&realms.iter().flatten().collect::<Vec<_>>());
    conflict::between_trunks(&trunks, realms);
}
