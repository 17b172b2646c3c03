//! Where a packet goes next: the device it leaves by and the station that takes it there.

use zerocopy::{FromBytes, Immutable, IntoBytes, transmute};

use super::word::{Word, store_barrier};

/// What userspace knows about one next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextHop {
    /// Index of the device that packets leave by.
    pub ifindex: u32,
    /// Bytes of an IP packet that the device takes; 0 when that is not known.
    pub mtu: u16,
    /// Its slot in the devmap.
    pub device: u16,
    /// Address of that device.
    pub source: [u8; 6],
    /// Address of the next hop; `None` until the neighbour answers.
    pub destination: Option<[u8; 6]>,
}

/// The place of a [`NextHop`] in shared memory.
///
/// Device and source address stay for the life of a row; a neighbour that changes its address changes one word,
/// so a reader needs no lock. A row serves another hop only after no endpoint has named it for a second.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(C)]
pub struct NextHopSlot {
    destination: Word,
    source: Word,
    /// And the MTU.
    ifindex: Word,
}

const _: () = assert!(size_of::<NextHopSlot>() == 24);

/// A link-layer address and a number in one word.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C, align(8))]
struct Station {
    mac: [u8; 6],
    number: u16,
}

const RESOLVED: u16 = 1;

impl NextHopSlot {
    /// The row as it is now.
    #[inline(always)]
    #[must_use]
    pub fn read(&self) -> NextHop {
        let destination: Station = transmute!(self.destination.load());
        let source: Station = transmute!(self.source.load());
        let (ifindex, mtu) = self.ifindex.load_halves();
        NextHop {
            ifindex,
            #[expect(clippy::cast_possible_truncation, reason = "it was written from 16 bits")]
            mtu: mtu as u16,
            device: source.number,
            source: source.mac,
            destination: (destination.number == RESOLVED).then_some(destination.mac),
        }
    }

    /// Makes the row lead nowhere.
    pub fn clear(&self) {
        self.destination.store(0);
    }

    /// Replaces a row that no endpoint names, or its destination.
    pub fn write(&self, hop: &NextHop) {
        let source = Station { mac: hop.source, number: hop.device };
        let destination = match hop.destination {
            Some(mac) => Station { mac, number: RESOLVED },
            None => Station { mac: [0; 6], number: 0 },
        };
        self.ifindex.store_halves(hop.ifindex, u32::from(hop.mtu));
        self.source.store(transmute!(source));
        store_barrier();
        self.destination.store(transmute!(destination));
    }
}
