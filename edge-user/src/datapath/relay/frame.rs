//! A frame in a buffer of the relay.

use std::ops::Range;

use edge_ebpf::frame::Frame;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Bytes before a frame when it comes in: more than an IPv6 header is longer than one of IPv4.
pub(super) const HEADROOM: usize = 64;

/// A frame that was received, with room before it.
#[derive(Debug)]
pub(super) struct ReceivedFrame<'a> {
    buffer: &'a mut [u8],
    bounds: Range<usize>,
    ifindex: u32,
    arrival_ns: u64,
}

impl<'a> ReceivedFrame<'a> {
    /// The frame that lies at [`HEADROOM`] and is `len` bytes long; `None` when the buffer is shorter.
    pub(super) fn new(buffer: &'a mut [u8], len: usize) -> Option<Self> {
        let bounds = HEADROOM..HEADROOM.checked_add(len)?;
        (bounds.end <= buffer.len()).then_some(Self { buffer, bounds, ifindex: 0, arrival_ns: 0 })
    }

    /// Where and when it came in.
    pub(super) const fn arrived(&mut self, ifindex: u32, arrival_ns: u64) {
        (self.ifindex, self.arrival_ns) = (ifindex, arrival_ns);
    }

    /// Where its first byte lies in the buffer, and where its last one ends.
    pub(super) const fn bounds(&self) -> (usize, usize) {
        (self.bounds.start, self.bounds.end)
    }

    /// All its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.bounds.clone()]
    }

    /// The bytes from `offset` on.
    fn rest(&self, offset: usize) -> Option<&[u8]> {
        self.bytes().get(offset..)
    }
}

impl Frame for ReceivedFrame<'_> {
    fn len(&self) -> usize {
        self.bounds.len()
    }

    fn read<T: FromBytes>(&self, offset: usize) -> Option<T> {
        let (value, _) = T::read_from_prefix(self.rest(offset)?).ok()?;
        Some(value)
    }

    fn write<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Option<()> {
        let rest = self.buffer.get_mut(self.bounds.clone())?.get_mut(offset..)?;
        value.write_to_prefix(rest).ok()
    }

    fn extend_front(&mut self, more: i32) -> Option<()> {
        let bytes = usize::try_from(more.unsigned_abs()).ok()?;
        let start = if more < 0 {
            self.bounds.start.checked_add(bytes).filter(|start| *start <= self.bounds.end)?
        } else {
            self.bounds.start.checked_sub(bytes)?
        };
        self.bounds.start = start;
        Some(())
    }

    fn shorten(&mut self, less: usize) -> Option<()> {
        let end = self.bounds.end.checked_sub(less).filter(|end| *end > self.bounds.start)?;
        self.bounds.end = end;
        Some(())
    }

    fn ingress_ifindex(&self) -> u32 {
        self.ifindex
    }

    fn arrival_ns(&self) -> u64 {
        self.arrival_ns
    }
}
