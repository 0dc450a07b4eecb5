//! A fault of the program itself ends as an error like any other: one line, exit code 1, no text of
//! a library.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Result, anyhow};
use lemma::prover::random_salt;

/// Where the last panic began, whichever thread it was on.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`; a panic in it, on any thread that it waits for, is an error. The panic's own words,
/// which may hold private values, go to the log at level DEBUG only.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = take_hook();
    set_hook(Box::new(remember));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    set_hook(before);
    outcome.unwrap_or_else(|_| {
        // The standard library has no other way to say that there is no randomness.
        random_salt()?;
        let place = PLACE
            .lock()
            .ok()
            .and_then(|mut place| place.take())
            .unwrap_or_else(|| "place unknown".into());
        Err(anyhow!(
            "a fault in the program ({place}); nothing was proven or verified; please report it"
        ))
    })
}

fn remember(info: &PanicHookInfo) {
    tracing::debug!("panic: {}", info.payload_as_str().unwrap_or("no message"));
    let place = info.location().map(|place| {
        let file = Path::new(place.file()).file_name().unwrap_or_default();
        format!("{}:{}", file.to_string_lossy(), place.line())
    });
    if let Ok(mut last) = PLACE.lock() {
        *last = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_on_another_thread_is_an_error_that_names_its_place_and_not_its_words() {
        let failed: Result<()> = caught(|| {
            let other = std::thread::spawn(|| panic!("on purpose"));
            other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let said = failed.unwrap_err().to_string();
        assert!(said.contains("fault.rs:") && !said.contains("on purpose"), "{said}");
        assert_eq!(caught(|| Ok(7)).unwrap(), 7);
    }
}
