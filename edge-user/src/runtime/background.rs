//! Threads that nobody waits for, where they want the core of one that a peer waits for.
//!
//! Invariant: they come to their turn all the same. A journal that never ran would lose what calls are.

/// So much nicer than signalling: beside one thread of it that has no end of work, one of these gets a quarter of the core.
const NICER_BY: libc::c_int = 5;

/// Lets the calling thread, and those that it starts from now on, stand back behind signalling (`sched(7)`: niceness). It is called
/// once, when everything that must not wait has been started.
pub fn stand_back() {
    // SAFETY: it takes plain integers; 0 is the calling thread.
    let niceness = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    // SAFETY: as above. Everybody may be nicer, and the kernel knows the end of the scale.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, niceness + NICER_BY);
    }
}

/// How such a thread goes about many things that are to be done at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A thread that has no other core gets this one between any two.
    GivesWay,
    /// More waits behind them. To give way costs a slice of a core that has no end of work (4 ms), which with each thing would be
    /// never to catch up: its share of the core has to do.
    Behind,
}

impl Pace {
    /// What comes after each thing.
    pub fn after_one(self) {
        if self == Self::GivesWay {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    //! Who stands back, and who does not.

    use super::{NICER_BY, stand_back};

    fn niceness() -> libc::c_int {
        // SAFETY: it takes plain integers; 0 is the calling thread.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    #[test]
    fn a_thread_stands_back_with_those_that_it_starts_and_no_other() {
        let before = niceness();
        let other = std::thread::spawn(|| {
            stand_back();
            (niceness(), std::thread::spawn(niceness).join().unwrap_or_default())
        });
        assert_eq!(other.join().unwrap_or_default(), (before + NICER_BY, before + NICER_BY));
        assert_eq!(niceness(), before);
    }
}
