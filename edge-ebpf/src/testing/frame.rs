//! A frame in a vector.

use alloc::vec::Vec;
use core::iter;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::frame::Frame;

/// A frame that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BytesFrame {
    /// The bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Device that received it.
    pub ifindex: u32,
    /// Bytes that the driver left free before the first one.
    pub headroom: usize,
    /// When, in nanoseconds.
    pub arrival_ns: u64,
}

impl Frame for BytesFrame {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn read<T: FromBytes>(&self, offset: usize) -> Option<T> {
        let (value, _) = T::read_from_prefix(self.bytes.get(offset..)?).ok()?;
        Some(value)
    }

    fn write<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Option<()> {
        value.write_to_prefix(self.bytes.get_mut(offset..)?).ok()
    }

    fn extend_front(&mut self, more: i32) -> Option<()> {
        let bytes = usize::try_from(more.unsigned_abs()).ok()?;
        if more < 0 {
            (bytes <= self.bytes.len()).then(|| self.bytes.drain(..bytes))?;
            self.headroom += bytes;
        } else {
            self.headroom = self.headroom.checked_sub(bytes)?;
            // Not zeros: whoever extends a frame writes what he put there.
            self.bytes.splice(..0, iter::repeat_n(0xee, bytes));
        }
        Some(())
    }

    fn shorten(&mut self, less: usize) -> Option<()> {
        let left = self.bytes.len().checked_sub(less).filter(|left| *left > 0)?;
        self.bytes.truncate(left);
        Some(())
    }

    fn ingress_ifindex(&self) -> u32 {
        self.ifindex
    }

    fn arrival_ns(&self) -> u64 {
        self.arrival_ns
    }
}
