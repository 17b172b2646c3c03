//! What is wrong with a standing call, in words, and what to write in the file about it.
//!
//! A pure function of the call as it stands and of what its media has counted: what a person would conclude from these, most
//! important first. Nothing is said of what is as it should be.

mod reported;
mod silence;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use edge_core::call::{CallView, LegRecord, Phase};
use edge_core::media::{
    MediaEndpoint, MediaPlan, MediaReport, Offender, RelayedStream, Reported, Traffic, mean_opinion,
};
use edge_ebpf::verdict::DropReason;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use reported::is_lost_beyond;

/// Loss that a listener hears.
const LOSS_MAX: f64 = 0.01;
/// Jitter that the buffers of telephones do not take.
const JITTER_MAX_US: u64 = 30_000;
/// A score below which many users are dissatisfied (ITU-T G.107 table B.1).
const OPINION_MIN: f64 = 3.6;
/// A hole in the sound that anybody hears.
const GAP_MAX_US: u64 = 500_000;
/// Media may take so long after the answer.
const FIRST_PACKET: Duration = Duration::from_secs(2);
/// Packets that make a figure worth saying.
const PACKETS_MIN: u64 = 50;

/// Something that is wrong, or explains why it sounds wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What was found.
    pub what: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    fn new(what: String) -> Self {
        Self { what, remedy: None }
    }

    fn but(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// One direction of a call: from `near` to the other side.
struct Direction<'a> {
    /// `A to B`.
    name: &'static str,
    near: &'a LegRecord,
    far: Option<&'a LegRecord>,
    /// Of the stream that is in use; nothing while no media is installed.
    ends: Option<(&'a MediaEndpoint, &'a MediaEndpoint)>,
    report: &'a MediaReport,
    /// What the other side reports of it.
    reported: &'a Reported,
    codec: Option<&'a str>,
    /// How long nothing was heard of the near side, when something should be.
    silent_for: Option<Duration>,
}

/// What is wrong with a call; empty when nothing is.
#[must_use]
pub fn findings(call: &CallView, media: Option<&[MediaReport; 2]>, now: Instant) -> Vec<Finding> {
    let mut found: Vec<Finding> = signalling(call, now).into_iter().collect();
    let Some(media @ [a, b]) = media.filter(|_| !call.direct_media) else {
        if call.phase == Phase::Established {
            found.push(Finding::new(
                "the media goes directly from one side to the other: nothing of it is seen here".to_owned(),
            ));
        }
        return found;
    };
    let stream = call.media.as_ref().and_then(in_use);
    let codecs = [call.codec.as_deref(), call.transcoded.as_deref().or(call.codec.as_deref())];
    let silent_for = |side: usize| call.silent_since[side].map(|since| now.saturating_duration_since(since));
    let mut directions = vec![Direction {
        name: "A to B",
        near: &call.a,
        far: call.b.as_ref(),
        ends: stream.map(|stream| (&stream.a, &stream.b)),
        report: a,
        reported: &b.reported,
        codec: codecs[0],
        silent_for: silent_for(0),
    }];
    directions.extend(call.b.as_ref().map(|near| Direction {
        name: "B to A",
        near,
        far: Some(&call.a),
        ends: stream.map(|stream| (&stream.b, &stream.a)),
        report: b,
        reported: &a.reported,
        codec: codecs[1],
        silent_for: silent_for(1),
    }));
    for direction in &directions {
        found.extend(direction.drops());
        found.extend(direction.nothing(call.answered, now));
        found.extend(direction.silence());
        found.extend(direction.let_pass());
        found.extend(direction.sound());
        found.extend(direction.reported());
    }
    found.extend(reported::delay(media));
    found
}

/// The stream that is spoken or faxed over: a line that is given up has no remote addresses.
fn in_use(plan: &MediaPlan) -> Option<&RelayedStream> {
    let is_used = |stream: &&RelayedStream| stream.a.remote.is_some() || stream.b.remote.is_some();
    plan.streams.iter().find(is_used).or(plan.streams.first())
}

/// How far the call is, when it is not up.
fn signalling(call: &CallView, now: Instant) -> Option<Finding> {
    let since = now.saturating_duration_since(call.started).as_secs();
    let called = call.b.as_ref().map_or_else(
        || "the called side".to_owned(),
        |leg| format!("trunk {} at {}", leg.trunk, leg.signalling),
    );
    let what = match call.phase {
        Phase::Trying => format!("waiting: {called} has said nothing of the call for {since} s"),
        Phase::Ringing => format!("waiting: {called} rings; the call began {since} s ago"),
        Phase::Ending => {
            "the call is over, which a side has not confirmed yet; its record says who hung up".to_owned()
        }
        Phase::Established => return None,
    };
    Some(Finding::new(what))
}

impl Direction<'_> {
    /// What was dropped, most of it first.
    fn drops(&self) -> Vec<Finding> {
        let mut drops = self.report.drops.clone();
        drops.sort_by_key(|(_, packets)| std::cmp::Reverse(*packets));
        drops.into_iter().map(|(reason, packets)| self.dropped(reason, packets)).collect()
    }

    fn dropped(&self, reason: &str, packets: u64) -> Finding {
        let (name, near) = (self.name, &self.near.trunk);
        let offender = self.report.offender.as_ref().filter(|offender| offender.reason == reason);
        let dropped = format!("{name}: {} dropped", counted(packets));
        let known = DropReason::ALL.iter().copied().find(|known| known.name() == reason);
        match (known, offender) {
            (Some(DropReason::UnexpectedSource), Some(offender)) => self.other_source(&dropped, offender),
            (Some(DropReason::LatchedElsewhere), Some(Offender { source, .. })) => Finding::new(format!(
                "{dropped}, source {source} is not the one that this side's media was found to come from"
            ))
            .but("somebody else sends to this port, or the sender has started anew from another port; a re-INVITE latches anew"),
            (Some(DropReason::SourceNotKnown), _) => Finding::new(format!(
                "{dropped}: {near} has not said yet where its media comes from"
            )),
            (Some(DropReason::PayloadType), offender) => {
                let number = offender.map_or_else(String::new, |it| format!(" {}", it.payload_type));
                Finding::new(format!("{dropped}: payload type{number} was not negotiated with {near}"))
                    .but(format!("if it should cross: policing = \"count\" of trunk {near}"))
            }
            (Some(DropReason::OverRate), _) => Finding::new(format!(
                "{dropped}: {near} sends more than its codecs need"
            ))
            .but(format!("if it should cross: policing = \"count\" of trunk {near}")),
            (Some(reason @ DropReason::Dtls), _) => Finding::new(format!("{dropped}: {}", reason.description()))
                .but("if it should cross: dtls = \"pass\" of both trunks"),
            (Some(reason @ DropReason::Stun), _) => Finding::new(format!("{dropped}: {}", reason.description()))
                .but("if it should cross: stun = \"pass\" of both trunks"),
            (Some(DropReason::NoRemote), _) => Finding::new(format!(
                "{dropped}: {} is on hold, or has not said where it receives",
                self.other()
            )),
            (Some(DropReason::NotLatched), _) => Finding::new(format!(
                "{dropped}: {} is behind a NAT and has sent nothing yet, so nobody knows where it receives",
                self.other()
            ))
            .but(format!("if it is not behind a NAT: nat = false of trunk {}", self.other())),
            (Some(DropReason::NoNextHop | DropReason::NextHopUnresolved), _) => {
                let to = self.ends.and_then(|(_, far)| far.remote).map(|remote| remote.rtp.ip().to_string());
                let to = to.unwrap_or_else(|| self.other().to_owned());
                let why = known.map_or("", DropReason::description);
                Finding::new(format!("{dropped} on the way to {to}: {why}"))
                    .but(format!("`ip route get {to}` and `ip neigh` say where it should go"))
            }
            (Some(reason), offender) => {
                let from = offender.map_or_else(String::new, |it| format!(" from {}", it.source));
                Finding::new(format!("{dropped}{from}: {}", reason.description()))
            }
            (None, _) => Finding::new(format!("{dropped}: {reason}")),
        }
    }

    /// A source that the trunk's policy does not take, and what would.
    fn other_source(&self, dropped: &str, offender: &Offender) -> Finding {
        let (source, near) = (offender.source, &self.near.trunk);
        let Some(signalled) = self.signalled() else {
            return Finding::new(format!("{dropped}, source {source}, but {near} has signalled none"));
        };
        let finding = Finding::new(format!("{dropped}, source {source} is not the signalled {signalled}"));
        if source.ip() == signalled.ip() {
            return finding.but(format!("if {near} may send from other ports: media_source = \"port\""));
        }
        if source.ip() == self.near.signalling.ip() || is_private(signalled) {
            return finding.but(format!("if {near} is behind a NAT: nat = true"));
        }
        finding.but(format!(
            "if {source} belongs to {near}: media_source = \"subnet/24\", or as many bits as hold both; else somebody \
             else sends to this port"
        ))
    }

    /// Nothing comes, though it should.
    fn nothing(&self, answered: Option<Instant>, now: Instant) -> Option<Finding> {
        let talked = now.saturating_duration_since(answered?);
        let (near, far) = self.ends?;
        if self.report.packets > 0 || talked < FIRST_PACKET || near.remote.is_none() && far.remote.is_none() {
            return None;
        }
        let from = self.signalled().map_or_else(String::new, |remote| format!(" from {remote}"));
        let what = format!(
            "{}: nothing has come from {} in the {} s since the answer; it is expected{from} at {}",
            self.name,
            self.near.trunk,
            talked.as_secs(),
            near.local
        );
        let dropped = !self.report.drops.is_empty();
        let remedy = if dropped {
            "what does come is dropped: see there"
        } else {
            "is it on hold? does a firewall before this host let UDP through to that address?"
        };
        Some(Finding::new(what).but(remedy))
    }

    /// What crossed without having been agreed on.
    fn let_pass(&self) -> Vec<Finding> {
        let said = |(reason, packets): &(&str, u64)| {
            Finding::new(format!(
                "{}: {} crossed only because policing = \"count\": {reason}",
                self.name,
                counted(*packets)
            ))
        };
        self.report.let_pass.iter().map(said).collect()
    }

    /// How it sounds.
    fn sound(&self) -> Vec<Finding> {
        let rtp = &self.report.rtp;
        let mut found = Vec::new();
        if self.ends.is_some_and(|(near, _)| near.traffic == Traffic::Udptl) || rtp.expected() < PACKETS_MIN {
            return found;
        }
        let name = self.name;
        if rtp.loss() >= LOSS_MAX {
            let bursts = match rtp.bursts {
                0 => String::new(),
                1 => ", part of them in a burst".to_owned(),
                bursts => format!(", part of them in {bursts} bursts"),
            };
            let (lost, percent) = (counted(rtp.lost), rtp.loss() * 100.0);
            found.push(Finding::new(format!(
                "{name}: {lost} ({percent:.1} %) lost between {} and here{bursts}",
                self.near.trunk
            )));
        }
        if rtp.jitter_us >= JITTER_MAX_US {
            let jitter_ms = rtp.jitter_us / 1000;
            found.push(Finding::new(format!("{name}: jitter of {jitter_ms} ms; many telephones take less")));
        }
        if rtp.largest_gap_us >= GAP_MAX_US {
            let gap_ms = rtp.largest_gap_us / 1000;
            found.push(Finding::new(format!(
                "{name}: once nothing came for {gap_ms} ms; that may have been suppressed silence"
            )));
        }
        let opinion = self.codec.and_then(|codec| mean_opinion(codec, rtp));
        if let Some(opinion) = opinion.filter(|opinion| *opinion < OPINION_MIN) {
            found
                .push(Finding::new(format!("{name}: the sound is rated {opinion:.1} of 4.4 (MOS by G.107)")));
        }
        found
    }

    /// Where signalling says that the near side sends from.
    fn signalled(&self) -> Option<SocketAddr> {
        let (near, _) = self.ends?;
        near.remote.map(|remote| remote.rtp)
    }

    /// The trunk of the other side.
    fn other(&self) -> &str {
        self.far.map_or("the other side", |far| &far.trunk)
    }
}

fn counted(packets: u64) -> String {
    if packets == 1 { "1 packet".to_owned() } else { format!("{packets} packets") }
}

/// Whether an address means something only in its own network (RFC 1918, RFC 6598, RFC 4193).
fn is_private(address: SocketAddr) -> bool {
    match address.ip() {
        std::net::IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && second & 0xc0 == 64)
        }
        std::net::IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
