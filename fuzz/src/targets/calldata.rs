//! Calls of the contract: bytes that decode are what their contents encode to, and verify when they
//! are honest.

use std::path::Path;

use anyhow::Result;
use lemma::PreparedKey;
use lemma::contracts::{Call, calldata};
use rand::Rng as _;

use super::Target;
use crate::bytes::hash;
use crate::outcome::Outcome;
use crate::seeds::Seeds;
use crate::{Rng, bytes, words};

/// Selector and context, before the proof.
const PROOF: usize = 36;

/// Where the offset of the values is, behind the proof.
const OFFSET: usize = PROOF + 320;

/// Where the values are, behind their number.
const VALUES: usize = OFFSET + 64;

/// One of so many calls that decode is also verified.
const SELDOM: u64 = 8;

pub struct Calldata {
    key: PreparedKey,
    honest: Vec<Vec<u8>>,
}

impl Calldata {
    pub fn new(folder: &Path) -> Result<Calldata> {
        let seeds = Seeds::of(folder)?;
        let call = |(values, context, proof)| calldata(&proof, &values, context);
        let honest =
            seeds.proofs.iter().map(|file| file.contents().map(call)).collect::<Result<_, _>>()?;
        Ok(Calldata { key: seeds.prepared(), honest })
    }
}

/// A call with other words in their places.
fn forge(input: &[u8], other: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let (front, values) = input.split_at_checked(VALUES)?;
    let (mut front, mut values) = (front.to_vec(), words::of(values));
    match rng.gen_range(0..8) {
        0..=2 => {
            let (mut own, other) =
                (words::of(&front[PROOF..OFFSET]), words::of(other.get(PROOF..OFFSET)?));
            words::proof(&mut own, &other, rng);
            front[PROOF..OFFSET].copy_from_slice(&own.concat());
        }
        3 | 4 => {
            let at = rng.gen_range(0..values.len().max(1));
            words::value(values.get_mut(at)?, rng);
        }
        5 => drop(values.pop()),
        6 => values.push(values.first().copied().unwrap_or_default()),
        // The context.
        _ => front[4..PROOF].copy_from_slice(&rng.r#gen::<words::Word>()),
    }
    // As many as are said.
    front[OFFSET + 32..].fill(0);
    front[VALUES - 8..].copy_from_slice(&(values.len() as u64).to_be_bytes());
    Some([front, values.concat()].concat())
}

impl Target for Calldata {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.honest.clone()
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let forged = if rng.gen_ratio(1, 16) { forge(input, other, rng) } else { None };
        forged.unwrap_or_else(|| bytes::mutate(input, other, rng))
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let call = match Call::decode(input) {
            Ok(call) => call,
            Err(error) => return Outcome::refused(&error),
        };
        assert_eq!(call.encode(), input, "a call has one encoding");
        if self.honest.iter().any(|honest| honest == input) {
            return Outcome::Accepted("an honest call");
        }
        if !hash(input).is_multiple_of(SELDOM) {
            return Outcome::Accepted("a call");
        }
        match call.verify(&self.key) {
            Ok(_) => {
                let statement = |call: &[u8]| [&call[..PROOF], &call[OFFSET..]].concat();
                assert!(
                    self.honest.iter().any(|honest| statement(honest) == statement(input)),
                    "another statement verifies"
                );
                Outcome::Accepted("another proof of an honest statement")
            }
            Err(error) => Outcome::refused(&error),
        }
    }
}
