//! A frame as the decision sees it: bytes that are read and written by value.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// One received Ethernet frame.
///
/// Values go in and out by copy, so that no reference into a packet exists and a host proves each access once.
pub trait Frame {
    /// Bytes of the frame, from the Ethernet header on, without the frame check sequence. A host that gets long
    /// frames in fragments counts the first one only: media packets fit it.
    fn len(&self) -> usize;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies a value out; `None` when it would reach beyond the end. The offset suits
    /// the alignment of `T`, which is two at most.
    fn read<T: FromBytes>(&self, offset: usize) -> Option<T>;

    /// Copies a value in; `None`, with nothing written, when it would reach beyond the end.
    fn write<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Option<()>;

    /// Puts `more` bytes before the first one, or takes as many away when it is negative: a multiple of two. What was
    /// at offset 0 is then at `more`, and new bytes hold anything. `None`, with nothing changed, when there is no room
    /// for them or the frame is shorter.
    fn extend_front(&mut self, more: i32) -> Option<()>;

    /// Takes `less` bytes away from the end: fewer than there are. `None`, with nothing changed, when that cannot be.
    fn shorten(&mut self, less: usize) -> Option<()>;

    /// Index of the device that received the frame.
    fn ingress_ifindex(&self) -> u32;

    /// Time of arrival on `CLOCK_MONOTONIC`, in nanoseconds.
    fn arrival_ns(&self) -> u64;
}
