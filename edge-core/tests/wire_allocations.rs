//! A promise, measured: a trunk INVITE is read without a single allocation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use edge_core::sip::{HeaderName, Incoming, MessageLimits};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed to `System` unchanged; the counter is a constant-initialised thread local
// without a destructor, so touching it allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn a_trunk_invite_is_read_without_allocating() {
    let datagram = Bytes::from_static(include_bytes!("../../tests/fuzz/seeds/message/invite.sip"));
    let before = ALLOCATIONS.with(Cell::get);
    let read = Incoming::parse(datagram, &MessageLimits::default());
    let Ok(Incoming::Request(request)) = read else { panic!("the seed is a good request") };
    let identities = request.message.values(HeaderName::PAssertedIdentity).count();
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    assert_eq!(identities, 2);
    assert_eq!(request.uri.number().as_deref(), Some("+4930123456"));
    assert_eq!(allocations, 0);
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.with(Cell::get);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 1);
}
