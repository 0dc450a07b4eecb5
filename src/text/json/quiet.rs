//! Panics of a library that are its way to refuse something.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it gives `None` and prints nothing. Other threads, and this one
/// afterwards, panic as before.
pub fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    QUIET.set(outer);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_and_the_next_one_is_heard_again() {
        assert_eq!(quietly(|| 7), Some(7));
        assert_eq!(quietly(|| quietly(|| panic!("on purpose")).unwrap_or(8)), Some(8));
        assert_eq!(quietly(|| -> u8 { panic!("on purpose") }), None);
        assert!(!QUIET.get());
    }
}
