//! How much memory the library's own data take, beside PostgreSQL's memory contexts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, and a count of what it has handed out. Compiled rules and regular
/// expressions do not know their size; what they took is the difference. A nanosecond an allocation.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static USED: AtomicUsize = AtomicUsize::new(0);

/// Bytes in use by now.
pub fn used() -> usize {
    USED.load(Relaxed)
}

/// A backend has one thread, so no addition is lost; where there are more (unit tests) only the count
/// would suffer.
fn count(change: impl FnOnce(usize) -> usize) {
    USED.store(change(USED.load(Relaxed)), Relaxed);
}

// SAFETY: all is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|used| used.wrapping_add(layout.size()));
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(|used| used.wrapping_add(layout.size()));
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(|used| used.wrapping_sub(layout.size()));
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|used| used.wrapping_sub(layout.size()).wrapping_add(size));
        // SAFETY: the caller's.
        unsafe { System.realloc(memory, layout, size) }
    }
}
