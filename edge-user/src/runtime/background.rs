//! Threads that nobody waits for, where they want the core of one that a peer waits for.
//!
//! Invariant: they come to their turn all the same. A journal that never ran would lose what calls are.

/// Beside one thread of signalling that has no end of work, one of these gets a quarter of the core.
const NICENESS: libc::c_int = 5;

/// Lets the calling thread, and those that it starts from now on, stand back behind signalling (`sched(7)`: niceness). It is called
/// once everything that must not wait has been started.
pub fn stand_back() {
    // SAFETY: it takes plain integers; 0 is the calling thread. To be nicer is allowed to everybody.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS);
    }
}
