//! The unit of shared memory: 64 bits that are loaded and stored whole.
//!
//! On the host it is an atomic. For eBPF, LLVM knows no atomic load below ISA v4 (Linux 6.15), so it is a cell:
//! an aligned 64-bit access of a program compiles to one instruction, and the barriers here keep the compiler from
//! moving or merging accesses. A loaded x86 processor keeps loads in order and stores in order by itself, which is
//! all that the readers and writers of this crate need; a weaker machine would need ISA v4.

#[cfg(target_arch = "bpf")]
use core::cell::Cell;
#[cfg(not(target_arch = "bpf"))]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering;

/// 64 bits in memory that two sides share.
#[derive(Debug, Default)]
#[cfg_attr(not(target_arch = "bpf"), derive(zerocopy::FromBytes, zerocopy::IntoBytes))]
#[repr(transparent)]
pub struct Word {
    #[cfg(target_arch = "bpf")]
    bits: Cell<u64>,
    #[cfg(not(target_arch = "bpf"))]
    bits: AtomicU64,
}

const _: () = assert!(size_of::<Word>() == 8 && align_of::<Word>() == 8);

impl Word {
    /// The value now.
    #[inline(always)]
    #[must_use]
    pub fn load(&self) -> u64 {
        #[cfg(target_arch = "bpf")]
        return self.bits.get();
        #[cfg(not(target_arch = "bpf"))]
        self.bits.load(Ordering::Relaxed)
    }

    /// Replaces the value.
    #[inline(always)]
    pub fn store(&self, value: u64) {
        #[cfg(target_arch = "bpf")]
        self.bits.set(value);
        #[cfg(not(target_arch = "bpf"))]
        self.bits.store(value, Ordering::Relaxed);
    }

    /// Makes it zero, by an instruction of its own: of zeros in a row the compiler would make a call of `memset`, whose frame
    /// older kernels (6.1) count as 32 bytes of stack.
    #[inline(always)]
    pub(super) fn clear(&self) {
        self.store(0);
        store_barrier();
    }

    /// Adds to the value. For words with one writer: two at once may count as one.
    #[inline(always)]
    pub fn add(&self, more: u64) {
        self.store(self.load().wrapping_add(more));
    }

    /// Adds one and returns the new value, whoever else does the same.
    #[cfg(not(target_arch = "bpf"))]
    #[must_use]
    pub fn next(&self) -> u64 {
        self.bits.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// The value as two numbers: lower and upper half.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "halves are meant")]
    pub fn load_halves(&self) -> (u32, u32) {
        let value = self.load();
        (value as u32, (value >> 32) as u32)
    }

    /// Replaces both halves at once.
    #[inline(always)]
    pub fn store_halves(&self, lower: u32, upper: u32) {
        self.store(u64::from(lower) | u64::from(upper) << 32);
    }
}

/// Loads before it happen before loads after it.
#[inline(always)]
pub(super) fn load_barrier() {
    #[cfg(target_arch = "bpf")]
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(not(target_arch = "bpf"))]
    core::sync::atomic::fence(Ordering::Acquire);
}

/// Stores before it happen before stores after it.
#[inline(always)]
pub(super) fn store_barrier() {
    #[cfg(target_arch = "bpf")]
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(not(target_arch = "bpf"))]
    core::sync::atomic::fence(Ordering::Release);
}
