//! How many packets and bytes an endpoint takes: two token buckets in one word (the generic cell rate algorithm).
//!
//! Each bucket is the time at which it will be full again. What a packet costs is time: a second divided by the packets that
//! a second may have, and for its bytes likewise. A packet that would move that time further away than the bucket is deep
//! is over the budget, and costs nothing.

/// A tick of the buckets is 2^14 ns, 16.4 us: a 32-bit count of them wraps after 19 hours.
const TICK_NS_SHIFT: u32 = 14;
/// Bytes cost 1/256 of a tick each, or one for each would be too coarse.
const BYTE_SHIFT: u32 = 8;
/// How deep the buckets are: two seconds' worth. A network that held packets back lets them go at once, and jitter buffers
/// hold less than that.
pub const DEPTH_TICKS: u32 = (2_000_000_000_u64 >> TICK_NS_SHIFT) as u32;

const TICKS_PER_SECOND: u64 = 1_000_000_000 >> TICK_NS_SHIFT;

/// What packets cost. Zero costs nothing, so it is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rate {
    /// A packet, in ticks.
    pub per_packet: u32,
    /// A byte, in 1/256 of a tick.
    pub per_byte: u32,
}

impl Rate {
    /// At least so many packets and bytes a second; 0 is no bound.
    #[must_use]
    pub fn of(packets_per_second: u32, bytes_per_second: u32) -> Self {
        let cost = |ticks: u64, per_second: u32| {
            let cost = ticks.checked_div(per_second.into()).unwrap_or(0);
            u32::try_from(cost).unwrap_or(u32::MAX)
        };
        Self {
            per_packet: cost(TICKS_PER_SECOND, packets_per_second),
            per_byte: cost(TICKS_PER_SECOND << BYTE_SHIFT, bytes_per_second),
        }
    }
}

/// When the buckets are full again, in ticks that wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// That of packets.
    pub packets: u32,
    /// That of bytes.
    pub bytes: u32,
}

impl Budget {
    /// Takes a packet of `bytes` at `now_ns` from both buckets; `None`, when either has not enough left for it.
    #[inline(always)]
    #[must_use]
    pub const fn after(self, now_ns: u64, bytes: u64, rate: Rate) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "ticks wrap, and a packet is shorter than 64 KiB"
        )]
        let (now, of_bytes) =
            ((now_ns >> TICK_NS_SHIFT) as u32, ((bytes * rate.per_byte as u64) >> BYTE_SHIFT) as u32);
        match (filled(self.packets, now, rate.per_packet), filled(self.bytes, now, of_bytes)) {
            (Some(packets), Some(bytes)) => Some(Self { packets, bytes }),
            (None, _) | (_, None) => None,
        }
    }
}

/// A bucket after a packet. What lies further ahead than the bucket is deep lies in the past, as no packet leaves it there.
#[inline(always)]
const fn filled(full_at: u32, now: u32, cost: u32) -> Option<u32> {
    let ahead = full_at.wrapping_sub(now);
    let ahead = if ahead > DEPTH_TICKS { 0 } else { ahead };
    if cost > DEPTH_TICKS || ahead + cost > DEPTH_TICKS {
        return None;
    }
    Some(now.wrapping_add(ahead + cost))
}

#[cfg(test)]
mod tests;
