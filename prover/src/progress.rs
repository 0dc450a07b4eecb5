//! Where a long job stands.

/// Receives reports. `()` ignores them; a closure `Fn(&'static str, f64)` is one too.
pub trait Progress: Sync {
    /// The job enters `stage`, and `done` of all its work (0 to 1, an estimate) lies behind it.
    fn enter(&self, stage: &'static str, done: f64);
}

impl Progress for () {
    fn enter(&self, _: &'static str, _: f64) {}
}

impl<F: Fn(&'static str, f64) + Sync> Progress for F {
    fn enter(&self, stage: &'static str, done: f64) {
        self(stage, done);
    }
}
