//! What a trunk does, in sentences.

use std::fmt::{self, Formatter};

use edge_core::media::SourcePolicy;
use edge_core::policy::{
    Auth, BreakerRule, CodecPolicy, DelayedOffer, Direction, Dtls, Guards, Host, Hysteresis, Keepalive,
    Limits, MediaRules, Policing, PrefixGuard, Redirects, Refer, RefuseWith, ReliableProvisional, Rtp, Stun,
    Trunk,
};
use ipnet::IpNet;

use crate::config::Config;

use super::{Span, counted, direct, dtmf, listed, login, numbers, presentation, routes, row, silence, tones};

pub(super) fn write(f: &mut Formatter<'_>, config: &Config, trunk: &Trunk) -> fmt::Result {
    let disabled = if trunk.enabled { "" } else { ": DISABLED, it neither calls nor is called" };
    writeln!(f, "  {}, in realm {}{disabled}", trunk.name, config.policy.realm(trunk.realm).name)?;
    who(f, config, trunk)?;
    row(f, "limits", format_args!("{}", limited(trunk.limits)))?;
    row(f, "codecs", format_args!("{}", codec_policy(&trunk.codecs)))?;
    numbers::rows(f, &trunk.numbers)?;
    presentation::rows(f, trunk)?;
    if trunk.nat {
        row(f, "behind a NAT", format_args!("requests go to where its messages come from"))?;
    }
    for (what, dscp) in [("RTP and RTCP to it leave", trunk.rtp_dscp), ("SIP to it leaves", trunk.sip_dscp)] {
        if let Some(dscp) = dscp {
            row(f, "marking", format_args!("{what} with DSCP {}", dscp.number()))?;
        }
    }
    whether(f, trunk)?;
    signalling(f, trunk)?;
    routes::as_target(f, &trunk.as_target)?;
    row(f, "its redirects", format_args!("{}", redirected(trunk.redirects)))?;
    row(f, "its transfers", format_args!("{}", referred(trunk.refer)))?;
    dtmf::rows(f, trunk)?;
    rtp_row(f, trunk)?;
    media_rules(f, trunk.media)?;
    direct::of_trunk(f, &config.policy, trunk)?;
    tones::of_trunk(f, trunk)?;
    silence::of_trunk(f, trunk)?;
    row(f, "its media", format_args!("{}", media(trunk.nat, trunk.media_source)))
}

/// Who it is, and where.
fn who(f: &mut Formatter<'_>, config: &Config, trunk: &Trunk) -> fmt::Result {
    row(f, "it calls us", format_args!("{}", caller(trunk)))?;
    if !trunk.marks.is_empty() {
        let marks = trunk.marks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        row(f, "told apart by", format_args!("{marks}"))?;
    }
    if trunk.host.is_encrypted() && trunk.auth != Auth::Certificate {
        row(f, "in clear", format_args!("nothing of it is taken: it is spoken with over TLS only"))?;
    }
    row(f, "we call it", format_args!("{}", called(trunk.direction, &trunk.host)))?;
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
        Some(login) if trunk.auth == Auth::Digest => {
            row(f, "it proves itself", format_args!("{}", login::proves(login, &config.node.name)))
        }
        Some(login) => row(f, "its challenges", format_args!("are {}", login::said(login))),
        None => Ok(()),
    }
}

/// From where it may call.
fn caller(trunk: &Trunk) -> String {
    let Trunk { host, targets, sources, direction, auth, .. } = trunk;
    let apart = targets.iter().map(|target| target.address.ip());
    let apart = apart.filter(|address| !sources.iter().any(|net| net.contains(address))).map(IpNet::from);
    let name = matches!(host, Host::Name { .. }).then(|| format!("what {host} leads to"));
    match (direction, auth) {
        (Direction::Outbound, _) => "never (its direction is outbound)".to_owned(),
        (Direction::Inbound | Direction::Both, Auth::Address) => {
            let sources = sources.iter().copied().chain(apart).map(|net| source(&net)).chain(name);
            format!("from {}", listed(sources))
        }
        (Direction::Inbound | Direction::Both, Auth::Certificate) => {
            "over TLS, with its certificate, from anywhere".to_owned()
        }
        (Direction::Inbound | Direction::Both, Auth::Registration) => {
            "from where we register, for the Contact that we have registered".to_owned()
        }
        (Direction::Inbound | Direction::Both, Auth::Digest) => login::visits(trunk),
    }
}

/// Whether a call may be, now.
fn whether(f: &mut Formatter<'_>, trunk: &Trunk) -> fmt::Result {
    if let Some(Keepalive { interval, hysteresis: Hysteresis { fails, oks } }) = trunk.keepalive {
        let (fails, oks) = (counted(usize::from(fails), "silence"), counted(usize::from(oks), "answer"));
        let every = Span(interval);
        row(f, "is it alive", format_args!("asked each {every}; down after {fails}, up after {oks}"))?;
    }
    if let Some(group) = &trunk.group {
        let (name, bounds) = (&group.name, bounds(&group.limits).join(", "));
        row(f, "its group", format_args!("{name}: {bounds} with all trunks of the group"))?;
    }
    if let Some(incoming) = &trunk.incoming {
        row(f, "it may call", format_args!("{}", routes::taken(incoming)))?;
    }
    if let Some(guards) = &trunk.guards {
        row(f, "its guards", format_args!("{}", guarded(guards)))?;
    }
    if let Some(rule) = &trunk.breaker {
        row(f, "breaker", format_args!("{}", opens(rule)))?;
    }
    Ok(())
}

/// How calls are set up with it.
fn signalling(f: &mut Formatter<'_>, trunk: &Trunk) -> fmt::Result {
    if let Some(interval) = trunk.session_timer {
        row(f, "session timer", format_args!("{} is proposed to it", Span(interval)))?;
    }
    if !trunk.large_over_tcp {
        row(f, "long INVITEs", format_args!("stay on UDP (large_over_tcp is false)"))?;
    }
    match trunk.reliable_provisional {
        ReliableProvisional::Supported => {}
        ReliableProvisional::Off => row(f, "ringing", format_args!("is never acknowledged (100rel is off)"))?,
        ReliableProvisional::Required => {
            row(f, "ringing", format_args!("is always acknowledged (100rel is required)"))?
        }
    }
    if trunk.delayed_offer == DelayedOffer::Convert {
        row(f, "no offer", format_args!("an INVITE to it that has none gets one of ours"))?;
    }
    Ok(())
}

/// What is not as it is by default.
fn media_rules(f: &mut Formatter<'_>, rules: MediaRules) -> fmt::Result {
    let MediaRules { policing, stun, dtls, converts_law, .. } = rules;
    match policing {
        Policing::Drop => {}
        Policing::Count => row(f, "policing", format_args!("media that was not agreed on crosses, counted"))?,
        Policing::Off => row(f, "policing", format_args!("media that was not agreed on crosses"))?,
    }
    if stun == Stun::Pass {
        row(f, "STUN", format_args!("crosses on media ports, to and from trunks that say the same"))?;
    }
    if dtls == Dtls::Pass {
        let what = "media with keys by DTLS crosses untouched, to and from trunks that say the same";
        row(f, "DTLS", format_args!("{what}"))?;
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
pub(super) fn source(net: &IpNet) -> String {
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

/// Whose stream it is sent, when not that of whoever the other side is.
fn rtp_row(f: &mut Formatter<'_>, trunk: &Trunk) -> fmt::Result {
    match trunk.media.rtp {
        Rtp::Pass => Ok(()),
        Rtp::Steady => row(
            f,
            "RTP to it",
            format_args!(
                "is one stream for the life of a call (SSRC, numbers, timestamps), whoever the other side is"
            ),
        ),
    }
}
