//! An allocator that counts and has a limit: an input that asks for more ends the process.

#![allow(
    unsafe_code,
    reason = "an allocator is unsafe by its signature; this one passes every call on"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Most bytes that may be in use at once: an input that takes more is a finding.
pub const LIMIT: usize = 500 << 20;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The bytes in use now, from where [`above`] counts.
pub fn mark() -> usize {
    let used = USED.load(Relaxed);
    PEAK.store(used, Relaxed);
    used
}

/// The most bytes in use since [`mark`], above what it gave.
pub fn above(mark: usize) -> usize {
    PEAK.load(Relaxed).saturating_sub(mark)
}

/// The system's allocator behind the count.
pub struct Counting;

impl Counting {
    /// Whether there is room for `bytes` more, which are then counted.
    fn take(bytes: usize) -> bool {
        let used = USED.fetch_add(bytes, Relaxed).saturating_add(bytes);
        if used > LIMIT {
            USED.fetch_sub(bytes, Relaxed);
            return false;
        }
        if used > PEAK.load(Relaxed) {
            PEAK.fetch_max(used, Relaxed);
        }
        true
    }
}

// SAFETY: every pointer comes from the system's allocator and goes back to it with the layout that
// it was asked for with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if Counting::take(layout.size()) {
            unsafe { System.alloc(layout) }
        } else {
            std::ptr::null_mut()
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if Counting::take(layout.size()) {
            unsafe { System.alloc_zeroed(layout) }
        } else {
            std::ptr::null_mut()
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && !Counting::take(size - layout.size()) {
            return std::ptr::null_mut();
        }
        if size < layout.size() {
            USED.fetch_sub(layout.size() - size, Relaxed);
        }
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
