//! Source policies: who may send to an endpoint, and where packets for its far side go.
//!
//! Under `strict`, `port` and `subnet` signalling alone says where packets go, so no packet can move a flow. Under
//! `latch` the first RTP packet from the allowed prefix does, and from then on only these move it: RTP of the same
//! SSRC with a plausible sequence number, as after a NAT has given the same sender another port; and RTCP of that
//! SSRC from the address that RTP comes from. UDPTL has nothing like an SSRC: its first packet is the latch for good, and one
//! that looks like RTP, of the call that the fax began as, is no first packet. Where keys are agreed on by DTLS, the first packet of
//! the handshake is the latch, for no media comes before it; RTP of whoever it is moves it as it moves any other. Everything here is in the tables, so it holds while the process is dead.

use super::datagram::{Datagram, Media};
use crate::abi::{
    Address, Endpoint, EndpointState, LATCH_PREFIX_MIN, Latch, SOURCE_LATCH, SOURCE_PORT, SOURCE_STRICT,
    SOURCE_SUBNET,
};
use crate::tables::Tables;
use crate::verdict::DropReason;
use crate::wire::Stream;

/// Where a packet is sent.
#[derive(Clone, Copy)]
pub(super) struct Destination {
    pub(super) address: Address,
    pub(super) port: u16,
}

/// Whether the sender may send to this endpoint. `state` is that of the endpoint's call already.
#[inline(always)]
pub(super) fn admit(
    near: &Endpoint,
    state: Option<&EndpointState>,
    datagram: &Datagram,
    media: &Media,
) -> Result<(), DropReason> {
    let expected = near.remote_port(datagram.stream());
    let latching = near.source_policy == SOURCE_LATCH;
    if near.remote == Address::UNSPECIFIED || (expected == 0 && !latching) {
        return Err(DropReason::SourceNotKnown);
    }
    let (address, port) = datagram.source();
    let allowed = match near.source_policy {
        SOURCE_STRICT => address == near.remote && port == expected,
        SOURCE_PORT => address == near.remote,
        SOURCE_SUBNET => address.shares_prefix(near.remote, near.source_prefix),
        SOURCE_LATCH => {
            let prefix = near.source_prefix;
            port != 0 && prefix >= LATCH_PREFIX_MIN && address.shares_prefix(near.remote, prefix)
        }
        _ => false,
    };
    match (allowed, latching) {
        (false, _) => Err(DropReason::UnexpectedSource),
        (true, false) => Ok(()),
        (true, true) => latch(near, state.ok_or(DropReason::SourceNotKnown)?, datagram, media),
    }
}

/// Takes a sender from the allowed prefix for the far side, when it is the first or the same one elsewhere.
#[inline(always)]
fn latch(
    near: &Endpoint,
    state: &EndpointState,
    datagram: &Datagram,
    media: &Media,
) -> Result<(), DropReason> {
    let generation = near.generation;
    let (address, port) = datagram.source();
    let here = Latch { tail: address.to_v4(), port, generation };
    let stream = datagram.stream();
    let held = state.latch(stream, near.call, generation);
    if held == Some(here) {
        return Ok(());
    }
    match media {
        Media::Rtp(rtp) => {
            let (ssrc, sequence) = (rtp.ssrc.get(), rtp.sequence.get());
            if held.is_some() && !state.is_continued_by(ssrc, sequence) {
                return Err(DropReason::LatchedElsewhere);
            }
            state.expect_rtp(ssrc, sequence);
        }
        // On RTP's port it follows RTP, and moves nothing.
        Media::Rtcp(_) if stream == Stream::Rtp => return Err(not_the_latch(held)),
        // Anybody can write a STUN packet.
        Media::Beside { is_dtls: false } => return Err(not_the_latch(held)),
        // Nothing else comes before the keys are agreed on.
        Media::Beside { is_dtls: true } => begin(state, stream, held, here, near.call)?,
        Media::Rtcp(rtcp) => {
            let rtp = state.latch(Stream::Rtp, near.call, generation).ok_or(DropReason::SourceNotKnown)?;
            if rtp.tail != here.tail || !state.is_of(rtcp.ssrc.get()) {
                return Err(DropReason::LatchedElsewhere);
            }
        }
        Media::Udptl { like_rtp } => {
            if held.is_some() {
                return Err(DropReason::LatchedElsewhere);
            }
            if *like_rtp {
                return Err(DropReason::SourceNotKnown);
            }
        }
    }
    state.keep_latch(stream, here);
    Ok(())
}

/// Whether a handshake may be the latch: as the first of all on RTP's port, and on RTCP's from the address that RTP's has.
#[inline(always)]
fn begin(
    state: &EndpointState,
    stream: Stream,
    held: Option<Latch>,
    here: Latch,
    call: u32,
) -> Result<(), DropReason> {
    let before = match stream {
        Stream::Rtp => None,
        Stream::Rtcp => Some(state.latch(Stream::Rtp, call, here.generation)),
    };
    match (held, before) {
        (Some(_), _) => Err(DropReason::LatchedElsewhere),
        (None, None) => Ok(()),
        (None, Some(None)) => Err(DropReason::SourceNotKnown),
        (None, Some(Some(rtp))) if rtp.tail == here.tail => Ok(()),
        (None, Some(Some(_))) => Err(DropReason::LatchedElsewhere),
    }
}

/// Why a packet is refused that is no latch itself.
#[inline(always)]
const fn not_the_latch(held: Option<Latch>) -> DropReason {
    if held.is_some() { DropReason::LatchedElsewhere } else { DropReason::SourceNotKnown }
}

/// Where packets that leave by `far`, the endpoint at `index`, go: to its latch, else where signalling says.
#[inline(always)]
pub(super) fn destination(
    tables: &impl Tables,
    index: u32,
    far: &Endpoint,
    stream: Stream,
) -> Result<Destination, DropReason> {
    if far.remote == Address::UNSPECIFIED {
        return Err(DropReason::NoRemote);
    }
    let latching = far.source_policy == SOURCE_LATCH;
    if latching {
        let held = tables.state(index).and_then(|state| state.latch(stream, far.call, far.generation));
        if let Some(Latch { tail, port, generation: _ }) = held {
            return Ok(Destination { address: far.remote.with_tail(tail), port });
        }
    }
    match far.remote_port(stream) {
        0 if latching => Err(DropReason::NotLatched),
        0 => Err(DropReason::NoRemote),
        port => Ok(Destination { address: far.remote, port }),
    }
}
