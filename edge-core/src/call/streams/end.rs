//! Our end of the streams of one side: what its trunk and the address of its signalling make of it.

use std::net::{IpAddr, SocketAddr};

use super::super::Side;
use super::super::context::Random;
use super::steady;
use crate::media::{Dscp, Encryption, Family, MediaEndpoint, RelayedStream, SourcePolicy, Steady, Traffic};
use crate::policy::{Policing, RealmId, Stun, Trunk};

/// RTP clock of telephony codecs, until an answer says otherwise (RFC 3551 table 4).
const CLOCK_RATE: u32 = 8000;

/// What all streams of one side have in common.
#[derive(Debug, Clone, Copy)]
pub(in crate::call) struct End {
    pub(super) realm: RealmId,
    pub(super) family: Family,
    pub(super) source_policy: SourcePolicy,
    pub(super) dscp: Option<Dscp>,
    pub(super) policing: Policing,
    pub(super) stun: Stun,
    /// SSRC of the stream that the side is sent, if that is one of ours.
    pub(super) ssrc: Option<u32>,
}

impl End {
    /// The end that faces a side of `trunk`, whose signalling comes from `signalling`.
    pub(in crate::call) fn of(trunk: &Trunk, signalling: IpAddr, random: &mut Random) -> Self {
        Self {
            realm: trunk.realm,
            family: Family::of(signalling),
            source_policy: trunk.source_policy(signalling),
            dscp: trunk.rtp_dscp,
            policing: trunk.media.policing,
            stun: trunk.media.stun,
            ssrc: steady::ssrc(trunk, random),
        }
    }

    /// The same with media of a family of its own.
    pub(in crate::call) const fn in_family(self, family: Family) -> Self {
        Self { family, ..self }
    }

    /// Its end of a stream, about whose other end nothing is known yet.
    pub(super) fn endpoint(self, local: SocketAddr) -> MediaEndpoint {
        let Self { realm: _, family: _, source_policy, dscp, policing: _, stun: _, ssrc } = self;
        let traffic = Traffic::Rtp;
        MediaEndpoint {
            local,
            remote: None,
            source_policy,
            traffic,
            stun: false,
            dscp,
            clock_rate: CLOCK_RATE,
            steady: ssrc.map(Steady::begun),
            sends: None,
            talks: false,
            encryption: Encryption::Clear,
        }
    }
}

impl RelayedStream {
    /// The end that faces `side`.
    pub(in crate::call) const fn end(&self, side: Side) -> &MediaEndpoint {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// The same, to be changed.
    pub(super) const fn end_mut(&mut self, side: Side) -> &mut MediaEndpoint {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }
}
