//! The datapath of a world, and what must hold of the media that it relays.

use std::net::SocketAddr;
use std::time::Duration;

use edge_core::Input;
use edge_core::call::{CallKey, CallRecord, LegRecord};
use edge_core::media::{LastHeard, MediaPlan, MediaRefusal, RelayedStream, RemoteMedia, Tone};

use super::World;
use crate::peer::Peer;
use crate::policy::{EDGE, name};

impl World {
    pub(super) fn keep(&mut self, record: CallRecord) {
        // Without a codec the caller never answered the offer in the 200.
        if record.codec.is_some() {
            self.check_plan(&record);
        }
        self.records.push(record);
    }

    pub(super) fn note_media(&mut self, plan: &MediaPlan) {
        self.known_media.extend(locals(plan));
    }

    /// A tone comes from a port of the call, and goes to where the caller is.
    pub(super) fn play(&mut self, call: CallKey, tone: Tone) {
        let plan = self.installed.get(&call).expect("a tone for a call that is installed");
        let ends =
            plan.streams.iter().map(|stream| (stream.a.local, stream.a.remote.map(|remote| remote.rtp)));
        let mut ends = ends.filter(|end| *end == (tone.local, Some(tone.remote)));
        assert!(ends.next().is_some(), "{tone:?} beside {plan:?}");
        assert!(self.playing.insert(call, tone).is_none(), "two tones at once");
    }

    pub(super) fn install(&mut self, call: CallKey, plan: MediaPlan) {
        if self.media_refused {
            let refusal = MediaRefusal::Datapath { reason: "no room".to_owned() };
            return self.soon(Input::MediaRefused { call, refusal });
        }
        self.note_media(&plan);
        self.installed.insert(call, plan);
        self.soon(Input::MediaInstalled { call });
    }

    /// Everybody talks all the time, until it is silent. What was to be heard of a call that is gone is of no use.
    pub(super) fn listen_to(&mut self, call: CallKey) {
        let last = Duration::from_millis(20);
        let heard = self.silent_from.map(|from| {
            let silent = from.map(|from| self.now.saturating_duration_since(from));
            LastHeard { media: Some(silent.unwrap_or_default().max(last)), control: None }
        });
        if self.installed.contains_key(&call) {
            self.soon(Input::MediaHeard { call, heard });
        }
    }

    /// The datapath takes some time.
    pub(super) fn soon(&mut self, input: Input) {
        let delay = self.dice.millis(20);
        self.later(delay, input);
    }

    /// The answers for one call come in the order that they were asked for.
    pub(super) fn answer_media(&mut self, call: CallKey, answer: Input) {
        let at = self.now + self.dice.millis(20);
        let (asked, last) = self.media_asked.entry(call).or_insert((0, at));
        (*asked, *last) = (*asked + 1, at.max(*last));
        let after = last.saturating_duration_since(self.now);
        self.later(after, answer);
    }

    /// SDP that names one of our ports leaves only after its media exists and is as the datapath was told last, and names
    /// the address of its own realm.
    pub(super) fn check_sdp(&mut self, realm: usize, text: &str) {
        let ip = EDGE[realm].ip();
        if text.contains("\r\nm=") && !text.contains(&format!("c=IN IP4 {ip}\r\n")) {
            return self.check_direct(realm, text);
        }
        let first = text.contains("\r\nm=") && self.described.insert(text.to_owned());
        let ports = text.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').nth(1));
        for port in ports.map(|port| port.parse::<u16>().unwrap()).filter(|port| *port != 0) {
            let local = SocketAddr::new(ip, port);
            assert!(self.known_media.contains(&local), "SDP names {local} before its media is there");
            let of_call =
                self.installed.iter().find(|(_, plan)| locals(plan).any(|of_plan| of_plan == local));
            let asked =
                of_call.and_then(|(call, _)| self.media_asked.get(call)).map_or(0, |(asked, _)| *asked);
            assert!(!first || asked == 0, "SDP leaves before the datapath has agreed: {text}");
            assert!(text.contains(&format!("c=IN IP4 {ip}\r\n")), "{text}");
        }
    }

    /// SDP that names no port of ours names that of a side whose media is left out, in a session that is ours.
    fn check_direct(&self, realm: usize, text: &str) {
        let of_edge = format!(" IN IP4 {}\r\ns=", EDGE[realm].ip());
        assert!(text.contains(&of_edge), "another one's session: {text}");
        let ports = text.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').nth(1));
        let ports: Vec<u16> = ports.map(|port| port.parse().unwrap()).filter(|port| *port != 0).collect();
        let named = |peer: &&Peer| {
            let address = text.contains(&format!("c=IN IP4 {}\r\n", peer.address.ip()));
            address && ports.iter().all(|port| *port == peer.media_port)
        };
        let peer = self.peers().find(named).unwrap_or_else(|| panic!("it names no peer: {text}"));
        let trunk = self.policy.trunks.iter().find(|trunk| trunk.name == name(peer.address));
        assert!(trunk.is_some_and(|trunk| trunk.goes_direct()), "{} is to be hidden: {text}", peer.address);
    }

    /// What is relayed is what both sides of the record's call were told.
    fn check_plan(&self, record: &CallRecord) {
        let remote = |peer: &Peer| SocketAddr::new(peer.address.ip(), peer.media_port);
        let of_trunk = |trunk: &str, end: Option<RemoteMedia>| {
            let mut peers = self.peers().filter(|peer| name(peer.address) == trunk).map(remote);
            end.is_some_and(|end| peers.any(|peer| peer == end.rtp))
        };
        let b = record.b.as_ref().map_or("", |leg| leg.trunk.as_str());
        if record.direct_media {
            let said = |trunk: &str, leg: &LegRecord| {
                let mut peers = self.peers().filter(|peer| name(peer.address) == trunk).map(remote);
                leg.media_local.is_none() && peers.any(|peer| Some(peer) == leg.media_remote)
            };
            let both = said(&record.a.trunk, &record.a) && record.b.as_ref().is_some_and(|leg| said(b, leg));
            return assert!(both, "media that is left out goes elsewhere: {record:?}");
        }
        let ends = |stream: &RelayedStream| {
            of_trunk(&record.a.trunk, stream.a.remote) && of_trunk(b, stream.b.remote)
        };
        let right = |plan: &&MediaPlan| plan.streams.iter().any(ends);
        assert!(self.plans.values().any(|plan| right(&plan)), "the media of {record:?} goes elsewhere");
    }
}

/// Nothing of one side may be read on the other: no address of its network, which is also in its Call-ID.
pub(super) fn check_hiding(realm: usize, text: &str) {
    let foreign = ["10.0.0.", "203.0.113."][realm];
    assert!(!text.contains(foreign), "an address of the other side: {text}");
}

/// The ports that a plan has of ours.
pub(super) fn locals(plan: &MediaPlan) -> impl Iterator<Item = SocketAddr> {
    plan.streams.iter().flat_map(|stream| [stream.a.local, stream.b.local])
}
