//! What a configuration will do, in sentences: the answer of `edge check`.
//!
//! Everything is read from the same [`Config`] that `edge run` works with, so the sentences cannot tell of
//! another one. [`Sheet`] writes them; [`notes`] finds what is allowed but hardly meant.

mod direct;
mod dtmf;
mod login;
mod notes;
mod numbers;
mod presentation;
mod routes;
mod shield;
mod tones;

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use edge_core::media::SourcePolicy;
use edge_core::policy::{
    Auth, BreakerRule, CodecPolicy, DelayedOffer, Direction, Guards, Host, Hysteresis, Keepalive, Limits,
    Listener, PrefixGuard, Realm, Redirects, Refer, RefuseWith, ReliableProvisional, Strangers, Trunk,
};
use ipnet::IpNet;

use crate::config::{AdminConfig, Config, PortRangeText, RealmTls, XdpMode};

pub use notes::notes;
pub(crate) use routes::{Open, leads_on};

/// A configuration, written out.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a>(pub &'a Config);

impl Display for Sheet<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(config) = self;
        node(f, config)?;
        f.write_str("\nREALMS\n")?;
        let mut realms = config.policy.realms.iter().zip(&config.tls.realms);
        realms.try_for_each(|(at, tls)| {
            realm(f, at, tls.as_ref())?;
            direct::of_realm(f, &config.policy, at)
        })?;
        f.write_str("\nTRUNKS\n")?;
        config.policy.trunks.iter().try_for_each(|at| trunk(f, config, at))?;
        routes::write(f, &config.policy)?;
        let notes = notes(config);
        if !notes.is_empty() {
            f.write_str("\nNOTES\n")?;
        }
        notes.iter().try_for_each(|note| writeln!(f, "  - {note}"))
    }
}

fn node(f: &mut Formatter<'_>, config: &Config) -> fmt::Result {
    let Config { policy, node, log: _, admin, xdp, cdr, tls: _, logins: _, shards, drain, dns, text: _ } =
        config;
    writeln!(f, "NODE {}", node.name)?;
    row(f, "signalling", format_args!("{}", counted(*shards, "shard")))?;
    let mode = match xdp.mode {
        XdpMode::Auto => "XDP in the driver, else generic, else in userspace",
        XdpMode::Native => "XDP in the driver, or no start",
        XdpMode::Generic => "generic XDP",
        XdpMode::Off => "in userspace: a tenth of the speed, no SIP shield, and media ends with the process",
    };
    row(
        f,
        "media",
        format_args!("{mode}; tables for {} calls (flows_max = {})", xdp.flows_max / 2, xdp.flows_max),
    )?;
    let strangers = match policy.strangers {
        Strangers::Silent => "hear nothing, and are counted",
        Strangers::Forbid => "hear 403 Forbidden, and are counted",
    };
    row(f, "strangers", format_args!("{strangers}"))?;
    row(f, "shield", format_args!("{}", shield::words(&policy.shield)))?;
    row(f, "no answer", format_args!("408 after {}", Span(policy.timers.answer_max)))?;
    if !policy.questions().is_empty() {
        row(
            f,
            "silence",
            format_args!("after {} of it the next address of a name is tried", Span(policy.timers.try_next)),
        )?;
    }
    row(f, "longest call", format_args!("hung up after {}", Span(policy.timers.call_max)))?;
    row(f, "media ports", format_args!("rest {} after a call", Span(policy.timers.port_rest)))?;
    if !policy.questions().is_empty() {
        let servers = match dns.servers.as_slice() {
            [] => "the servers of /etc/resolv.conf".to_owned(),
            servers => listed(servers.iter().map(ToString::to_string)),
        };
        row(f, "names", format_args!("from DNS, by {servers}"))?;
    }
    row(f, "call records", format_args!("JSON lines in {}", cdr.path.display()))?;
    let socket = node.run_dir.display();
    match admin {
        AdminConfig { http: None, .. } => row(f, "admin API", format_args!("unix socket in {socket}"))?,
        AdminConfig { http: Some(http), token_file: None } => {
            row(f, "admin API", format_args!("unix socket in {socket}; http://{http} for this host"))?;
        }
        AdminConfig { http: Some(http), token_file: Some(file) } => {
            let file = file.display();
            row(
                f,
                "admin API",
                format_args!("unix socket in {socket}; http://{http} with the token in {file}"),
            )?;
        }
    }
    row(f, "ending", format_args!("running calls get {}", Span(drain.grace)))
}

fn realm(f: &mut Formatter<'_>, realm: &Realm, tls: Option<&RealmTls>) -> fmt::Result {
    let Realm { name, device, sip, media, reaches: _ } = realm;
    writeln!(f, "  {name}, on {device}")?;
    row(
        f,
        "SIP",
        format_args!(
            "{}",
            listed(sip.iter().map(|Listener { transport, address }| format!("{transport} {address}")))
        ),
    )?;
    if let Some(RealmTls { certificate, private_key, client_ca: _ }) = tls {
        let (certificate, key) = (certificate.display(), private_key.display());
        row(f, "TLS", format_args!("1.2 and 1.3, with certificate {certificate} and key {key}"))?;
    }
    for range in media {
        let ports = PortRangeText(range.ports);
        let calls = counted(usize::from(range.ports.pairs()), "call leg");
        row(f, "media", format_args!("{} ports {ports}: {calls}", range.address))?;
    }
    Ok(())
}

fn trunk(f: &mut Formatter<'_>, config: &Config, trunk: &Trunk) -> fmt::Result {
    let Trunk { name, realm, host, targets, sources, direction, enabled, limits, codecs, .. } = trunk;
    let Trunk {
        auth,
        nat,
        media_source,
        rtp_dscp,
        media: rules,
        session_timer,
        redirects,
        refer,
        reliable_provisional,
        delayed_offer,
        large_over_tcp,
        usage: _,
        state: _,
        keepalive,
        breaker,
        guards,
        ..
    } = trunk;
    let disabled = if *enabled { "" } else { ": DISABLED, it neither calls nor is called" };
    writeln!(f, "  {name}, in realm {}{disabled}", config.policy.realm(*realm).name)?;
    let apart = targets.iter().map(|target| target.address.ip());
    let apart = apart.filter(|address| !sources.iter().any(|net| net.contains(address))).map(IpNet::from);
    let name = matches!(host, Host::Name { .. }).then(|| format!("what {host} leads to"));
    let sources = listed(sources.iter().copied().chain(apart).map(|net| source(&net)).chain(name));
    let caller = match (direction, auth) {
        (Direction::Outbound, _) => "never (its direction is outbound)".to_owned(),
        (Direction::Inbound | Direction::Both, Auth::Address) => format!("from {sources}"),
        (Direction::Inbound | Direction::Both, Auth::Certificate) => {
            "over TLS, with its certificate, from anywhere".to_owned()
        }
        (Direction::Inbound | Direction::Both, Auth::Registration) => {
            "from where we register, for the Contact that we have registered".to_owned()
        }
        (Direction::Inbound | Direction::Both, Auth::Digest) => login::visits(trunk),
    };
    row(f, "it calls us", format_args!("{caller}"))?;
    if !trunk.marks.is_empty() {
        let marks = trunk.marks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        row(f, "told apart by", format_args!("{marks}"))?;
    }
    if host.is_encrypted() && *auth != Auth::Certificate {
        row(f, "in clear", format_args!("nothing of it is taken: it is spoken with over TLS only"))?;
    }
    row(f, "we call it", format_args!("{}", called(*direction, host)))?;
    if let Some(authority) = config.tls.authorities.get(&trunk.name) {
        let (names, authority) = (trunk.names.join(" or "), authority.display());
        row(f, "its certificate", format_args!("is for {names}, and signed by a CA in {authority}"))?;
    }
    if let Some(register) = &trunk.register {
        row(f, "we register", format_args!("{}", login::registered(register)))?;
    }
    if let Some(registrar) = &trunk.visitor.registrar {
        row(f, "it registers", format_args!("{}", login::registers(registrar)))?;
    }
    match config.logins.get(&trunk.name) {
        Some(login) if *auth == Auth::Digest => {
            row(f, "it proves itself", format_args!("{}", login::proves(login, &config.node.name)))?;
        }
        Some(login) => row(f, "its challenges", format_args!("are {}", login::said(login)))?,
        None => {}
    }
    row(f, "limits", format_args!("{}", limited(*limits)))?;
    row(f, "codecs", format_args!("{}", codec_policy(codecs)))?;
    numbers::rows(f, &trunk.numbers)?;
    presentation::rows(f, trunk)?;
    if *nat {
        row(f, "behind a NAT", format_args!("requests go to where its messages come from"))?;
    }
    if let Some(dscp) = rtp_dscp {
        row(f, "marking", format_args!("RTP and RTCP to it leave with DSCP {}", dscp.number()))?;
    }
    if let Some(Keepalive { interval, hysteresis: Hysteresis { fails, oks } }) = keepalive {
        let (fails, oks) = (counted(usize::from(*fails), "silence"), counted(usize::from(*oks), "answer"));
        let every = Span(*interval);
        row(f, "is it alive", format_args!("asked each {every}; down after {fails}, up after {oks}"))?;
    }
    if let Some(group) = &trunk.group {
        let bounds = bounds(&group.limits);
        row(
            f,
            "its group",
            format_args!("{}: {} with all trunks of the group", group.name, bounds.join(", ")),
        )?;
    }
    if let Some(incoming) = &trunk.incoming {
        row(f, "it may call", format_args!("{}", routes::taken(incoming)))?;
    }
    if let Some(guards) = guards {
        row(f, "its guards", format_args!("{}", guarded(guards)))?;
    }
    if let Some(rule) = breaker {
        row(f, "breaker", format_args!("{}", opens(rule)))?;
    }
    if let Some(interval) = session_timer {
        row(f, "session timer", format_args!("{} is proposed to it", Span(*interval)))?;
    }
    if !*large_over_tcp {
        row(f, "long INVITEs", format_args!("stay on UDP (large_over_tcp is false)"))?;
    }
    match reliable_provisional {
        ReliableProvisional::Supported => {}
        ReliableProvisional::Off => row(f, "ringing", format_args!("is never acknowledged (100rel is off)"))?,
        ReliableProvisional::Required => {
            row(f, "ringing", format_args!("is always acknowledged (100rel is required)"))?
        }
    }
    if *delayed_offer == DelayedOffer::Convert {
        row(f, "no offer", format_args!("an INVITE to it that has none gets one of ours"))?;
    }
    routes::as_target(f, &trunk.as_target)?;
    row(f, "its redirects", format_args!("{}", redirected(*redirects)))?;
    row(f, "its transfers", format_args!("{}", referred(*refer)))?;
    dtmf::rows(f, trunk)?;
    media_rules(f, *rules)?;
    direct::of_trunk(f, &config.policy, trunk)?;
    tones::of_trunk(f, trunk)?;
    row(f, "its media", format_args!("{}", media(*nat, *media_source)))
}

/// What is not as it is by default.
fn media_rules(f: &mut Formatter<'_>, rules: edge_core::policy::MediaRules) -> fmt::Result {
    let edge_core::policy::MediaRules { policing, stun, converts_law, direct: _, tones: _, tone_country: _ } =
        rules;
    match policing {
        edge_core::policy::Policing::Drop => {}
        edge_core::policy::Policing::Count => {
            row(f, "policing", format_args!("media that was not agreed on crosses, counted"))?
        }
        edge_core::policy::Policing::Off => {
            row(f, "policing", format_args!("media that was not agreed on crosses"))?
        }
    }
    if stun == edge_core::policy::Stun::Pass {
        row(f, "STUN", format_args!("crosses on media ports, to and from trunks that say the same"))?;
    }
    if converts_law {
        row(f, "transcoding", format_args!("PCMA and PCMU, where one side has only the one"))?;
    }
    Ok(())
}

/// What becomes of a 3xx.
const fn redirected(redirects: Redirects) -> &'static str {
    match redirects {
        Redirects::Refuse => "a 3xx of it is a failure",
        Redirects::Pass => "the caller hears its 3xx, with our address",
        Redirects::Follow => "its 3xx are followed by its own routes, or to itself",
    }
}

/// What becomes of a REFER.
const fn referred(refer: Refer) -> &'static str {
    match refer {
        Refer::Refuse => "its REFER is refused (603)",
        Refer::Pass => "its REFER goes to the other side",
        Refer::Consume => "its REFER is carried out here, by its own routes",
    }
}

/// Who may send media as a trunk, and where media for it goes.
fn media(nat: bool, policy: SourcePolicy) -> String {
    match policy {
        _ if nat => {
            "from the address of its signalling and the port that sends first, and to there".to_owned()
        }
        SourcePolicy::Strict => "from the address and port of its SDP only".to_owned(),
        SourcePolicy::Port => "from the address of its SDP, any port".to_owned(),
        SourcePolicy::Subnet { prefix_len } => {
            format!("from the /{prefix_len} of its SDP's address, any port")
        }
        SourcePolicy::Latch { from: _ } => {
            "from the address of its SDP and the port that sends first, and to there".to_owned()
        }
    }
}

/// A network by its prefix, one host by its address.
fn source(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

fn called(direction: Direction, host: &Host) -> String {
    match direction {
        Direction::Inbound => "never (its direction is inbound)".to_owned(),
        Direction::Outbound | Direction::Both => match host {
            Host::Address { address, transport } => format!("at {address} over {}", transport.via_token()),
            Host::Name { port: Some(port), transport, name } => {
                let over = transport.unwrap_or_default().via_token();
                format!("at the addresses of {name}, port {port} over {over}")
            }
            Host::Name { port: None, transport: Some(transport), .. } => {
                format!("where DNS says that {host} takes SIP over {}", transport.via_token())
            }
            Host::Name { port: None, transport: None, .. } => {
                format!("where and over what DNS says that {host} takes SIP")
            }
            Host::Visiting => "where it registers from".to_owned(),
        },
    }
}

/// What stops a trunk's calls.
fn guarded(guards: &Guards) -> String {
    let Guards { deny, calls_per_caller_max, call_max, prefixes, callers: _ } = guards;
    let denied = (!deny.is_empty())
        .then(|| format!("it never calls {}", listed(deny.iter().map(|p| format!("{p}...")))));
    let each = calls_per_caller_max.map(|max| format!("{max} at once of one caller"));
    let longest = call_max.map(|max| format!("none longer than {}", Span(max)));
    let to = prefixes.iter().map(|PrefixGuard { prefix, calls_max, calls_per_minute_max, usage: _ }| {
        let bounds = [
            calls_max.map(|max| format!("{max} at once")),
            calls_per_minute_max.map(|max| format!("{max} a minute")),
        ];
        let bounds: Vec<_> = bounds.into_iter().flatten().collect();
        let to = if prefix.is_empty() { "all numbers".to_owned() } else { format!("{prefix}...") };
        format!("{} to {to}", bounds.join(" and "))
    });
    let all: Vec<_> = denied.into_iter().chain(each).chain(longest).chain(to).collect();
    all.join("; ")
}

/// When a breaker opens, and for how long.
fn opens(rule: &BreakerRule) -> String {
    let BreakerRule { asr_min, pdd_max, loss_max, window, calls_min, rest } = rule;
    let faults = [
        asr_min.map(|least| format!("fewer than {:.0} % are answered", least * 100.0)),
        pdd_max.map(|most| format!("they ring after {} or more", Span(most))),
        loss_max.map(|most| format!("more than {:.1} % of RTP is lost", most * 100.0)),
    ];
    let faults: Vec<_> = faults.into_iter().flatten().collect();
    let (calls, window, rest) =
        (counted(usize::try_from(*calls_min).unwrap_or_default(), "call"), Span(*window), Span(*rest));
    format!("opens for {rest} when, of at least {calls} to it in {window}, {}", faults.join(", or "))
}

/// Bounds of calls, each in words.
fn bounds(limits: &Limits) -> Vec<String> {
    let Limits { calls_max, calls_in_max, calls_out_max, calls_per_second_max, burst_max, refuse_with: _ } =
        limits;
    [
        calls_max.map(|max| format!("{max} at once")),
        calls_in_max.map(|max| format!("{max} from it at once")),
        calls_out_max.map(|max| format!("{max} to it at once")),
        calls_per_second_max.map(|max| format!("{max} new a second")),
        burst_max.map(|max| format!("{max} in a burst")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn limited(limits: Limits) -> String {
    let bounds = bounds(&limits);
    if bounds.is_empty() {
        return "none".to_owned();
    }
    let status = match limits.refuse_with {
        RefuseWith::ServiceUnavailable => "503 Service Unavailable",
        RefuseWith::BusyHere => "486 Busy Here",
    };
    format!("{} (both directions together); above that the caller hears {status}", bounds.join(", "))
}

fn codec_policy(codecs: &CodecPolicy) -> String {
    let CodecPolicy { allow, deny } = codecs;
    let allowed = match allow.as_slice() {
        [] => "all".to_owned(),
        [one] => format!("{one} only"),
        several => format!("{} only, in this order", listed(several.iter().map(ToString::to_string))),
    };
    if deny.is_empty() {
        return allowed;
    }
    format!("{allowed}, never {}", listed(deny.iter().map(ToString::to_string)))
}

fn row(f: &mut Formatter<'_>, what: &str, does: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(f, "    {what:<16} {does}")
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A duration, as an operator writes it.
struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (seconds, 0) if seconds > 0 && seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            (seconds, 0) => write!(f, "{seconds}s"),
            _ => write!(f, "{}ms", self.0.as_millis()),
        }
    }
}
