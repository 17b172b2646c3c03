//! Memory that a configuration was read with, given back to the host.
//!
//! What reading a large file has used lies between what stays of it, and a policy that a reload has replaced leaves a hole of its
//! size. The allocator keeps both for the process unless it is told.

/// Hands everything back that is free; what is in use stays where it is. It takes about a millisecond for each 100 MB, in which who
/// allocates from the same arena waits, so it is for once after a reload and never for each call.
pub fn give_back() {
    // SAFETY: it reads and writes nothing but what the allocator holds free.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
