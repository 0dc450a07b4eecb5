//! One target, fed until time or runs are up.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::{Rng as _, SeedableRng};

use crate::current::Current;
use crate::outcome::{Outcome, Tally};
use crate::targets::Target;
use crate::watch::{Watch, processor_time};
use crate::{Rng, memory};

/// Most inputs that are kept as seeds beside those of the target, of accepted ones and of refused
/// ones each.
const CORPUS: usize = 256;

/// Inputs are not longer than this, or than the one that they come from: the same place grows again
/// and again.
const LONG: usize = 1 << 16;

/// Longest input in bytes.
const LONGEST: usize = 1 << 20;

/// When to end.
pub struct Until {
    /// Seconds for each target.
    pub seconds: u64,
    /// Runs of each target; when given, the time does not end it.
    pub runs: Option<u64>,
}

/// The inputs that others are made of.
struct Corpus {
    own: Vec<Vec<u8>>,
    accepted: Vec<Vec<u8>>,
    refused: Vec<Vec<u8>>,
}

impl Corpus {
    /// Half of the time one of the target's own, so that what is accepted does not drift away.
    fn pick(&self, rng: &mut Rng) -> &[u8] {
        let list = match rng.gen_range(0..8) {
            0..=2 if !self.accepted.is_empty() => &self.accepted,
            3 if !self.refused.is_empty() => &self.refused,
            _ => &self.own,
        };
        &list[rng.gen_range(0..list.len())]
    }
}

fn keep(list: &mut Vec<Vec<u8>>, input: Vec<u8>, rng: &mut Rng) {
    if list.len() < CORPUS {
        list.push(input);
    } else {
        list[rng.gen_range(0..CORPUS)] = input;
    }
}

/// One target with what watches over it.
pub struct Campaign<'a> {
    target: &'a mut dyn Target,
    current: Current,
    watch: Watch,
    tally: Tally,
}

impl<'a> Campaign<'a> {
    /// Inputs are kept at `path` while they are read; `longest` bytes of each, or as many as
    /// mutants have.
    pub fn new(target: &'a mut dyn Target, path: &Path, longest: usize) -> Result<Campaign<'a>> {
        Ok(Campaign {
            target,
            current: Current::create(path, longest.max(LONGEST))?,
            watch: Watch::start(),
            tally: Tally::default(),
        })
    }

    /// Feeds mutants; prints what became of them.
    pub fn fuzz(mut self, name: &str, until: &Until, seed: u64) -> Result<()> {
        let mut corpus =
            Corpus { own: self.target.seeds(), accepted: Vec::new(), refused: Vec::new() };
        for (at, seed) in corpus.own.iter().enumerate() {
            let outcome = self.target.run(seed);
            ensure!(outcome.is_accepted(), "seed {at} is refused: {outcome:?}");
        }
        let mut rng = Rng::seed_from_u64(seed);
        let (begun, spent) = (Instant::now(), processor_time());
        let limit = Duration::from_secs(until.seconds);
        while until.runs.map_or_else(|| begun.elapsed() < limit, |most| self.tally.runs < most) {
            let (chosen, other) = (corpus.pick(&mut rng), corpus.pick(&mut rng));
            let mut input = self.target.mutate(chosen, other, &mut rng);
            input.truncate(LONG.max(chosen.len()).min(LONGEST));
            let (outcome, is_new) = self.run(&input);
            if outcome.is_accepted() {
                keep(&mut corpus.accepted, input, &mut rng);
            } else if is_new {
                keep(&mut corpus.refused, input, &mut rng);
            }
        }
        self.watch.enter(0);
        let (seconds, processor) =
            (begun.elapsed().as_secs_f64(), (processor_time() - spent).as_secs_f64());
        let Tally { runs, slowest, largest, .. } = self.tally;
        println!(
            "{name}: {runs} runs in {seconds:.1} s, {:.0} a second; seed {seed}; at most {:.1} ms \
                and {:.1} MB each",
            runs as f64 / seconds,
            slowest.as_secs_f64() * 1e3,
            largest as f64 / f64::from(1 << 20),
        );
        println!(
            "  {processor:.1} s of processor time, {:.1} us each",
            processor * 1e6 / runs.max(1) as f64
        );
        print!("{}", self.tally);
        Ok(())
    }

    /// Feeds one input; prints what became of it.
    pub fn replay(mut self, name: &str, input: &[u8]) -> Result<()> {
        self.run(input);
        let Tally { slowest, largest, .. } = self.tally;
        println!(
            "{name}: {:.1} ms, {:.1} MB",
            slowest.as_secs_f64() * 1e3,
            largest as f64 / f64::from(1 << 20)
        );
        print!("{}", self.tally);
        Ok(())
    }

    fn run(&mut self, input: &[u8]) -> (Outcome, bool) {
        self.current.keep(self.tally.runs, input);
        self.watch.enter(self.tally.runs + 1);
        let (mark, start) = (memory::mark(), Instant::now());
        let outcome = self.target.run(input);
        let (time, bytes) = (start.elapsed(), memory::above(mark));
        (outcome, self.tally.add(outcome, time, bytes))
    }
}
