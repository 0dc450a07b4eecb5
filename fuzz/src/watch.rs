//! Ends the process when an input takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// An input that takes more of a processor's time is a finding.
const LONGEST: Duration = Duration::from_secs(2);

/// An input that waits longer is one too: on a busy machine time passes without it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Which run is under way.
#[derive(Clone)]
pub struct Watch(Arc<AtomicU64>);

impl Watch {
    /// Begins to watch.
    pub fn start() -> Watch {
        let run = Arc::new(AtomicU64::new(0));
        let watched = Arc::clone(&run);
        std::thread::spawn(move || look(&watched));
        Watch(run)
    }

    /// Says that the run of this number, from 1, is under way; 0 for none.
    pub fn enter(&self, run: u64) {
        self.0.store(run, Relaxed);
    }
}

fn look(run: &AtomicU64) {
    let (mut seen, mut since, mut before) = (0, Instant::now(), Duration::ZERO);
    loop {
        std::thread::sleep(PERIOD);
        let (now, spent) = (run.load(Relaxed), processor_time());
        if now != seen {
            (seen, since, before) = (now, Instant::now(), spent);
        } else if now != 0 && (spent.saturating_sub(before) > LONGEST || since.elapsed() > PATIENCE)
        {
            eprintln!("run {} takes more than {} s", now - 1, LONGEST.as_secs());
            std::process::exit(1);
        }
    }
}

/// Time of the main thread on a processor; the time of day where the system does not say.
pub fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok();
    let spent = text.and_then(|text| text.split_whitespace().next()?.parse().ok());
    spent.map_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap_or_default(), Duration::from_nanos)
}
