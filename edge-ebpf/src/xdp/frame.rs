//! A frame in the buffer of the driver, or the first fragment of a long one.

use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::programs::XdpContext;
use edge_ebpf::frame::Frame;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The frame that a program was called for.
pub(crate) struct XdpFrame<'a> {
    ctx: &'a XdpContext,
}

impl<'a> XdpFrame<'a> {
    #[inline(always)]
    pub(crate) const fn new(ctx: &'a XdpContext) -> Self {
        Self { ctx }
    }

    /// Where a `T` at `offset` lies, when it lies inside: the comparison that the verifier wants to see.
    ///
    /// A `T` needs no more than an even address. Drivers begin frames at even ones (XDP headroom and `NET_IP_ALIGN`
    /// are even), and headers begin at even offsets.
    #[inline(always)]
    fn place<T>(&self, offset: usize) -> Option<*mut T> {
        const { assert!(align_of::<T>() <= 2) };
        let start = self.ctx.data() + offset;
        (start + size_of::<T>() <= self.ctx.data_end()).then_some(start as *mut T)
    }
}

impl Frame for XdpFrame<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.ctx.data_end() - self.ctx.data()
    }

    #[inline(always)]
    fn read<T: FromBytes>(&self, offset: usize) -> Option<T> {
        let place = self.place::<T>(offset)?;
        // SAFETY: `place` lies within the frame, whose bytes are initialised and belong to this program while it
        // runs, and `T: FromBytes` is valid for any of them. It is aligned: see `place`.
        Some(unsafe { place.read() })
    }

    #[inline(always)]
    fn write<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> Option<()> {
        let place = self.place::<T>(offset)?;
        // SAFETY: as for `read`; no reference into the frame exists anywhere, so nothing can alias the bytes.
        unsafe { place.write(value) };
        Some(())
    }

    #[inline(always)]
    fn extend_front(&mut self, more: i32) -> Option<()> {
        // SAFETY: the helper takes the context of this run; no pointer into the frame lives across the call, because
        // every access takes the frame's bounds from the context anew.
        let failure = unsafe { bpf_xdp_adjust_head(self.ctx.ctx, -more) };
        (failure == 0).then_some(())
    }

    #[inline(always)]
    fn shorten(&mut self, less: usize) -> Option<()> {
        // SAFETY: as for `extend_front`.
        let failure = unsafe { bpf_xdp_adjust_tail(self.ctx.ctx, -(less as i32)) };
        (failure == 0).then_some(())
    }

    #[inline(always)]
    fn ingress_ifindex(&self) -> u32 {
        self.ctx.ingress_ifindex() as u32
    }

    #[inline(always)]
    fn arrival_ns(&self) -> u64 {
        // SAFETY: the helper takes no arguments and reads a clock.
        unsafe { bpf_ktime_get_ns() }
    }
}
