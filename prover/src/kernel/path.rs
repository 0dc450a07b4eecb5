//! Which implementation runs: chosen once from the processor, or forced.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// An implementation of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// arkworks; runs on every machine.
    Portable,
    /// Eight field elements at a time, in AVX-512 IFMA instructions.
    Vector,
}

const UNSET: u8 = 0;
const PORTABLE: u8 = 1;
const VECTOR: u8 = 2;

static FORCED: AtomicU8 = AtomicU8::new(UNSET);
static CHOSEN: OnceLock<Path> = OnceLock::new();

impl Path {
    /// The fastest path that this processor can run.
    pub fn detect() -> Path {
        #[cfg(target_arch = "x86_64")]
        if super::processor::Avx512::detect().is_some() {
            return Path::Vector;
        }
        Path::Portable
    }

    /// The path in use: the one given to [`set_path`], else the environment variable
    /// `LEMMA_KERNEL` (`portable` or `vector`, read once), else [`Path::detect`].
    ///
    /// A processor that cannot run the vector path always gets the portable one.
    pub fn current() -> Path {
        let wish = match FORCED.load(Ordering::Relaxed) {
            PORTABLE => Path::Portable,
            VECTOR => Path::Vector,
            _ => *CHOSEN.get_or_init(|| match std::env::var("LEMMA_KERNEL").as_deref() {
                Ok("portable") => Path::Portable,
                _ => Path::detect(),
            }),
        };
        match wish {
            Path::Vector => Path::detect(),
            Path::Portable => Path::Portable,
        }
    }
}

/// Forces a path for the whole process; `None` returns to the automatic choice.
///
/// Results do not depend on it. It exists so that both paths can be measured and compared in one
/// process.
pub fn set_path(path: Option<Path>) {
    let code = match path {
        None => UNSET,
        Some(Path::Portable) => PORTABLE,
        Some(Path::Vector) => VECTOR,
    };
    FORCED.store(code, Ordering::Relaxed);
}
