//! The sections that are about this node: `[node]`, `[log]`, `[admin]`, `[xdp]`, `[cdr]`, `[limits]`, `[timers]`, `[dns]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_core::policy::{CallTimers, MessageBounds};
use tracing_subscriber::EnvFilter;

use super::address::{ApiAddress, DnsServer};
use super::choice::JsonLines;
use super::document::{At, Section};
use super::fault::Fault;
use super::keys;
use super::value::{AbsolutePath, NodeName, Within};
use super::{
    AdminConfig, CdrConfig, ClosedPorts, DnsConfig, DrainConfig, LogConfig, LogFormat, NodeConfig, XdpConfig,
    XdpMode,
};

/// `run_dir` when the file does not say.
pub(super) const RUN_DIR: &str = "/run/edge";

/// Most shards: more cores than this do not serve one process well.
const SHARDS_MAX: u32 = 256;

/// Media endpoints when the file does not say: 32,768 calls.
const FLOWS_DEFAULT: u32 = 65_536;

/// Fewest media endpoints: one call has two.
const FLOWS_MIN: u32 = 2;

/// Most media endpoints: beyond this the tables alone take gigabytes.
const FLOWS_MAX: u32 = 16_777_216;

/// `[node]` without its shards and drain.
pub(super) fn node(section: &Section<'_>) -> NodeConfig {
    let name = section
        .require::<NodeName>("name", "[node] with name = \"edge-1\"")
        .map_or_else(String::new, |name| name.value.0);
    NodeConfig {
        name,
        state_dir: path(section, "state_dir", Path::new("/var/lib/edge")),
        run_dir: path(section, "run_dir", Path::new(RUN_DIR)),
    }
}

/// `shards` of `[node]`; by default the cores that this process may run on.
pub(super) fn shards(section: &Section<'_>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let most = usize::try_from(SHARDS_MAX).unwrap_or(usize::MAX);
    section
        .get::<Within<1, SHARDS_MAX>>("shards")
        .and_then(|shards| usize::try_from(shards.value.0).ok())
        .unwrap_or_else(|| cores().min(most))
}

/// `drain_grace` of `[node]`.
pub(super) fn drain(section: &Section<'_>) -> DrainConfig {
    let bounds = Bounds { min: ("0s", Duration::ZERO), max: ("24h", Duration::from_secs(86_400)) };
    DrainConfig { grace: duration(section, "drain_grace", Duration::from_secs(30), &bounds) }
}

pub(super) fn log(section: &Section<'_>) -> LogConfig {
    let filter: Option<At<&str>> = section.get("filter");
    if let Some(At { value, line }) = filter {
        let parsed = EnvFilter::builder().parse(value).map_err(|error| error.to_string());
        let read = parsed.and_then(|_| match value.split(',').any(is_about_us) {
            true => Ok(()),
            false => Err("no level and nothing of edge is named, so that nothing would be logged".to_owned()),
        });
        if let Err(reason) = read {
            section.note(line, "filter", Fault::Filter { found: value.to_owned(), reason });
        }
    }
    LogConfig {
        filter: filter.map_or("info", |filter| filter.value).to_owned(),
        format: section.get("format").map_or(LogFormat::Text, |format| format.value),
    }
}

/// Levels of a tracing filter.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Whether a directive of a tracing filter is for all targets, or for one of ours.
fn is_about_us(directive: &str) -> bool {
    let target = directive.split(['=', '[']).next().unwrap_or_default().trim();
    let is_level = LEVELS.iter().any(|level| level.eq_ignore_ascii_case(target));
    // Levels are numbers, too, and a span may have any target.
    is_level || target.starts_with("edge") || target.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn admin(section: &Section<'_>) -> AdminConfig {
    let http: Option<At<ApiAddress>> = section.get("http");
    let token_file = section.get::<AbsolutePath>("token_file").map(|path| path.value.0);
    if let Some(At { value: ApiAddress(address), line }) = http
        && !address.ip().is_loopback()
        && token_file.is_none()
    {
        section.note(line, "http", Fault::OpenDoor { address });
    }
    AdminConfig { http: http.map(|http| http.value.0), token_file }
}

pub(super) fn xdp(section: &Section<'_>) -> XdpConfig {
    let flows = section.get::<Within<FLOWS_MIN, FLOWS_MAX>>("flows_max");
    XdpConfig {
        mode: section.get("mode").map_or(XdpMode::Auto, |mode| mode.value),
        flows_max: flows.map_or(FLOWS_DEFAULT, |flows| flows.value.0),
        pin_dir: path(section, "pin_dir", Path::new("/sys/fs/bpf/edge")),
        diagnostics: section.get("diagnostics").is_some_and(|diagnostics| diagnostics.value),
        closed_ports: section.get("closed_ports").map_or(ClosedPorts::Drop, |closed| closed.value),
    }
}

pub(super) fn cdr(section: &Section<'_>, state_dir: &Path) -> CdrConfig {
    section.refuse_empty("sinks", "write [\"jsonl\"]: every call leaves a record");
    let sinks: Vec<At<JsonLines>> = section.list("sinks").unwrap_or_default();
    if let [first, second, ..] = sinks.as_slice() {
        section.note(
            second.line,
            "sinks",
            Fault::Duplicate { found: "\"jsonl\"".to_owned(), first: first.line },
        );
    }
    CdrConfig { path: path(section, "path", &state_dir.join("cdr")) }
}

/// `[limits]`: no less than what honest peers send, no more than what is read at all.
pub(super) fn limits(section: &Section<'_>) -> MessageBounds {
    let usual = MessageBounds::default();
    let size = |found: Option<u32>, usual: usize| {
        found.and_then(|found| usize::try_from(found).ok()).unwrap_or(usual)
    };
    let message = section.get::<Within<4_096, 65_535>>("message_bytes").map(|bytes| bytes.value.0);
    let headers = section.get::<Within<32, 256>>("headers").map(|headers| headers.value.0);
    let header = section.get::<Within<512, 8_192>>("header_bytes").map(|bytes| bytes.value.0);
    let vias = section.get::<Within<4, 100>>("vias").map(|vias| vias.value.0);
    MessageBounds {
        message_bytes_max: size(message, usual.message_bytes_max),
        headers_max: size(headers, usual.headers_max),
        header_bytes_max: size(header, usual.header_bytes_max),
        vias_max: size(vias, usual.vias_max),
    }
}

pub(super) fn timers(section: &Section<'_>) -> CallTimers {
    let usual = CallTimers::default();
    let answer = Bounds { min: ("1s", Duration::from_secs(1)), max: ("1h", Duration::from_secs(3600)) };
    let call = Bounds { min: ("1s", Duration::from_secs(1)), max: ("168h", Duration::from_secs(604_800)) };
    let rest = Bounds { min: ("1s", Duration::from_secs(1)), max: ("10m", Duration::from_secs(600)) };
    // Timer B gives up after 32 s by itself.
    let next = Bounds { min: ("500ms", Duration::from_millis(500)), max: ("32s", Duration::from_secs(32)) };
    CallTimers {
        try_next: duration(section, "try_next", usual.try_next, &next),
        answer_max: duration(section, "answer_max", usual.answer_max, &answer),
        call_max: duration(section, "call_max", usual.call_max, &call),
        port_rest: duration(section, "port_rest", usual.port_rest, &rest),
    }
}

/// Most DNS servers: as many as the C library takes.
const DNS_SERVERS_MAX: usize = 3;

pub(super) fn dns(section: &Section<'_>) -> DnsConfig {
    section.refuse_empty("servers", "remove the key to ask those of /etc/resolv.conf");
    let servers: Vec<At<DnsServer>> = section.list("servers").unwrap_or_default();
    if servers.len() > DNS_SERVERS_MAX {
        let fault = Fault::TooMany { found: servers.len(), max: DNS_SERVERS_MAX };
        section.note(section.line_of("servers"), "servers", fault);
    }
    for (index, server) in servers.iter().enumerate() {
        if let Some(first) = servers[..index].iter().find(|first| first.value.0 == server.value.0) {
            let fault = Fault::Duplicate { found: server.value.0.to_string(), first: first.line };
            section.note(server.line, "servers", fault);
        }
    }
    DnsConfig { servers: servers.into_iter().map(|server| server.value.0).collect() }
}

fn path(section: &Section<'_>, key: &'static str, usual: &Path) -> PathBuf {
    section.get::<AbsolutePath>(key).map_or_else(|| usual.to_path_buf(), |path| path.value.0)
}

/// Least and most of a duration, each with its spelling.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) min: (&'static str, Duration),
    pub(super) max: (&'static str, Duration),
}

pub(super) fn duration(
    section: &Section<'_>,
    key: &'static str,
    usual: Duration,
    bounds: &Bounds,
) -> Duration {
    let Some(At { value, line }) = section.get::<Duration>(key) else { return usual };
    let Bounds { min, max } = bounds;
    if value < min.1 || value > max.1 {
        let found = section.get::<&str>(key).map_or("", |text| text.value).to_owned();
        section.note(line, key, Fault::DurationOutOfRange { found, min: min.0, max: max.0 });
    }
    value
}

/// The sections of this node, as they stand in the document.
#[derive(Debug)]
pub(super) struct NodeSections<'a> {
    pub(super) node: Section<'a>,
    pub(super) log: Section<'a>,
    pub(super) admin: Section<'a>,
    pub(super) xdp: Section<'a>,
    pub(super) cdr: Section<'a>,
    pub(super) shield: Section<'a>,
    pub(super) limits: Section<'a>,
    pub(super) timers: Section<'a>,
    pub(super) dns: Section<'a>,
}

impl<'a> NodeSections<'a> {
    pub(super) fn open(root: &Section<'a>) -> Self {
        Self {
            node: root.section("node", keys::NODE),
            log: root.section("log", keys::LOG),
            admin: root.section("admin", keys::ADMIN),
            xdp: root.section("xdp", keys::XDP),
            cdr: root.section("cdr", keys::CDR),
            shield: root.section("shield", keys::SHIELD),
            limits: root.section("limits", keys::LIMITS),
            timers: root.section("timers", keys::TIMERS),
            dns: root.section("dns", keys::DNS),
        }
    }
}
