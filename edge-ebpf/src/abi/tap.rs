//! What the tap of a capture holds: frames of watched endpoints, as they came in and as they were decided about.

/// Bytes that are kept of a frame: any media packet of an Ethernet frame of the usual size.
pub const TAPPED_BYTES_MAX: usize = 1536;

/// Bytes of the ring; a power of two, and a multiple of a page. Room for 2,600 frames.
pub const TAP_RING_BYTES: usize = 4 << 20;

/// Endpoints that may be watched at once: all streams of one call.
pub const WATCHED_MAX: u32 = 32;

/// [`TappedFrame::counter`] of a frame that has just come in.
pub const TAPPED_ARRIVAL: u32 = u32::MAX;

/// One frame in the ring.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::Immutable, zerocopy::KnownLayout))]
#[repr(C)]
pub struct TappedFrame {
    /// When it came in, on `CLOCK_MONOTONIC` in nanoseconds; what was decided about it says the same.
    pub arrived_ns: u64,
    /// Index of the endpoint that it came to.
    pub endpoint: u32,
    /// Slot of the counter of what was decided; [`TAPPED_ARRIVAL`] before that.
    pub counter: u32,
    /// Bytes of the frame; more than are kept, when it is longer than these. 0 for what was decided about a frame that does
    /// not leave, or not like this.
    pub len: u32,
    /// Index of the device that it came in by.
    pub ifindex: u32,
    /// The beginning of it.
    pub bytes: [u8; TAPPED_BYTES_MAX],
}

const _: () = assert!(size_of::<TappedFrame>() == 24 + TAPPED_BYTES_MAX);
