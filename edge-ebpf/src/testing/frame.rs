//! A frame in a vector.

use alloc::vec::Vec;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::frame::Frame;

/// A frame that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BytesFrame {
    /// The bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
    /// Device that received it.
    pub ifindex: u32,
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

    fn ingress_ifindex(&self) -> u32 {
        self.ifindex
    }

    fn arrival_ns(&self) -> u64 {
        self.arrival_ns
    }
}
