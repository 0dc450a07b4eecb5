//! A reader with one fault of each kind.

use rand::Rng as _;
use rand::seq::SliceRandom;

use super::Target;
use crate::Rng;
use crate::outcome::Outcome;

/// Inputs with a fault behind them.
const FAULTS: [&[u8]; 4] = [b"panic", b"memory", b"stack", b"time"];

pub struct Faulty;

impl Target for Faulty {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![b"fine".to_vec()]
    }

    fn mutate(&self, input: &[u8], _: &[u8], rng: &mut Rng) -> Vec<u8> {
        let fault = if rng.gen_ratio(1, 64) { FAULTS.choose(rng) } else { None };
        fault.map_or(input, |fault| fault).to_vec()
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        match input {
            b"panic" => panic!("as it was told"),
            b"memory" => drop(std::hint::black_box(vec![1u8; 1 << 30])),
            b"stack" => drop(std::hint::black_box(deep(u64::MAX))),
            b"time" => loop {
                std::hint::spin_loop();
            },
            _ => {}
        }
        Outcome::Accepted("fine")
    }
}

fn deep(left: u64) -> u64 {
    let frame = std::hint::black_box([left; 64]);
    if left == 0 { 0 } else { deep(left - 1) + frame[7] }
}
