//! What the datapath asks of the kernel through raw system calls; all its unsafe code is here. Above all: a BPF
//! array in this process's memory.

use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;

use edge_ebpf::abi::{
    DigitSlot, EndpointSlot, EndpointState, LatencyRow, Meta, NextHopSlot, ProfileSlot, RtcpPlaces,
    ShieldSettings, SteadySlot, Word,
};

/// A value of a map that may be shared with the kernel.
pub(super) trait Shared: sealed::Shared {}

/// Closed, because [`Mapping`] relies on what its types are: `repr(C)` structs of nothing but 64-bit atomics.
/// These are valid for any bytes, may change under a shared reference, and their size is a multiple of eight.
mod sealed {
    pub(in crate::datapath) trait Shared: Sync {}
}

macro_rules! shared {
    ($($value:ty),+) => { $(impl sealed::Shared for $value {} impl Shared for $value {})+ };
}
shared!(
    DigitSlot,
    EndpointSlot,
    EndpointState,
    LatencyRow,
    Meta,
    NextHopSlot,
    ProfileSlot,
    RtcpPlaces,
    ShieldSettings,
    SteadySlot,
    Word
);

/// The values of an array map, shared with the kernel for as long as this lives; or of a file, as an array map has them.
pub(super) struct Mapping<T: Shared> {
    start: NonNull<T>,
    entries: usize,
    values: PhantomData<[T]>,
}

// SAFETY: the mapping belongs to the process, not to a thread, and its values are `Sync`.
unsafe impl<T: Shared> Send for Mapping<T> {}
// SAFETY: as above; only shared references to the values are ever handed out.
unsafe impl<T: Shared> Sync for Mapping<T> {}

impl<T: Shared> Mapping<T> {
    /// Maps the array behind `map`, which was made with `BPF_F_MMAPABLE` and has `entries` values; or a file of that size.
    ///
    /// # Errors
    /// What the kernel says: `EINVAL` for a map that is smaller, `EPERM` for one without the flag.
    pub(super) fn new(map: impl AsFd, entries: u32) -> io::Result<Self> {
        let entries = entries as usize;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let (length, fd) = (entries * size_of::<T>(), map.as_fd().as_raw_fd());
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, entries, values: PhantomData })
    }
}

impl<T: Shared> Deref for Mapping<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping is page-aligned, holds `entries` values that are valid for any bytes (see `sealed`),
        // and lives as long as `self`; the kernel checked its length against the map.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.entries) }
    }
}

impl<T: Shared> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: `start` and the length are those of the mapping, and no reference into it outlives `self`.
        let unmapped = unsafe { libc::munmap(self.start.as_ptr().cast(), self.entries * size_of::<T>()) };
        debug_assert_eq!(unmapped, 0, "the arguments are those of the mapping");
    }
}

impl<T: Shared> std::fmt::Debug for Mapping<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mapping").field("entries", &self.entries).finish_non_exhaustive()
    }
}

/// Empties the slot of a map of devices.
///
/// # Errors
/// What the kernel says; that it is empty already is none.
pub(super) fn clear_slot(map: impl AsFd, slot: u32) -> io::Result<()> {
    const BPF_MAP_DELETE_ELEM: libc::c_int = 3;
    /// The arm of `union bpf_attr` for this command.
    #[repr(C)]
    struct Attributes {
        map: u32,
        _pad: u32,
        key: u64,
        _value_and_flags: [u64; 2],
    }
    let map = u32::try_from(map.as_fd().as_raw_fd()).map_err(|_negative| io::ErrorKind::InvalidInput)?;
    let key = std::ptr::from_ref(&slot) as u64;
    let attributes = Attributes { map, _pad: 0, key, _value_and_flags: [0; 2] };
    // SAFETY: the attributes and the key, which has four bytes as those of the map, outlive the call, which only reads them.
    let outcome = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_MAP_DELETE_ELEM, &raw const attributes, size_of::<Attributes>())
    };
    match io::Error::last_os_error() {
        error if outcome != 0 && error.raw_os_error() != Some(libc::ENOENT) => Err(error),
        _ => Ok(()),
    }
}

/// Type of the file system that holds `path`, as `statfs(2)` tells it.
///
/// # Errors
/// What the kernel says.
pub(super) fn file_system(path: &CStr) -> io::Result<libc::__fsword_t> {
    let mut status = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `path` ends with a zero, and `status` has room for what the call writes.
    let result = unsafe { libc::statfs(path.as_ptr(), status.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it filled the structure.
    let status = unsafe { status.assume_init() };
    Ok(status.f_type)
}

/// Lets this process lock as much memory as maps may need; only kernels before 5.11 count maps against it, so a
/// refusal is of no account.
pub(super) fn raise_memlock_limit() {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid structure that the call only reads.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
    if result != 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "the limit on locked memory stays");
    }
}

/// Lets this process open as many files as it may be allowed; returns how many these are.
pub(super) fn raise_file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid structure that the call writes.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the call only reads the structure.
    if read != 0 || unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "the limit on open files stays");
    }
    limit.rlim_cur
}

/// Index of the network interface that has this name now; `None` when there is none.
///
/// # Errors
/// When the kernel cannot say, as without a free descriptor.
pub(super) fn interface_index(name: &str) -> io::Result<Option<u32>> {
    let name = std::ffi::CString::new(name)?;
    // SAFETY: the name is a C string that lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index != 0 {
        return Ok(Some(index));
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        error => Err(error),
    }
}

/// Waits until `source` can be read, at most so long.
///
/// # Errors
/// What the kernel says; an interruption is none.
pub(super) fn wait_readable(source: &impl AsRawFd, patience: std::time::Duration) -> io::Result<()> {
    let mut wanted = libc::pollfd { fd: source.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let patience_ms = libc::c_int::try_from(patience.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: one valid structure, which the call reads and writes.
    let ready = unsafe { libc::poll(&raw mut wanted, 1, patience_ms) };
    match io::Error::last_os_error() {
        error if ready < 0 && error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}
