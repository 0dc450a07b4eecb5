//! Key files, behind their checksums: a verifying key has one encoding, and what a proving key
//! proves verifies.

use std::path::Path;

use anyhow::Result;
use lemma::prover::store::{SECTIONS, checksum};
use lemma::verifier::Digest;
use lemma::{Context, Package, PreparedKey, ProvingKey, VerifyingKey};
use rand::Rng as _;

use super::Target;
use crate::bytes::hash;
use crate::outcome::Outcome;
use crate::seeds::{Seeds, sample};
use crate::{Rng, bytes, words};

/// Magic, version and length before the key, and its digest after it.
const FRONT: usize = 20;
const DIGEST: usize = 32;

/// Magic, version, flag and graph digest of the key, before its points.
const POINTS: usize = 45;

/// Words of the points.
const WORDS: usize = 24;

/// Behind the points.
const NAMES: usize = POINTS + 32 * WORDS;

pub struct Verifying {
    honest: Vec<u8>,
}

impl Verifying {
    pub fn new(folder: &Path) -> Result<Verifying> {
        Ok(Verifying { honest: Seeds::of(folder)?.key.verifying_key().to_file() })
    }
}

/// Puts one of the points elsewhere, or another number in its place.
fn points(body: &mut [u8], rng: &mut Rng) {
    let Some(place) = body.get_mut(POINTS..NAMES) else { return };
    let mut all = words::of(place);
    let (from, to) = (rng.gen_range(0..WORDS), rng.gen_range(0..WORDS));
    match rng.gen_range(0..4) {
        0 => all[to] = all[from],
        // A whole point of G1, or of G2.
        1 => {
            let g1 = [0, 18, 20, 22];
            let (from, to) = (g1[rng.gen_range(0..4)], g1[rng.gen_range(0..4)]);
            all.copy_within(from..from + 2, to);
        }
        2 => all.copy_within(2 + from / 6 * 4..6 + from / 6 * 4, 2 + to / 6 * 4),
        _ => words::value(&mut all[to], rng),
    }
    place.copy_from_slice(&all.concat());
}

impl Target for Verifying {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.honest.clone()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let body =
            input.get(FRONT..input.len().saturating_sub(DIGEST)).filter(|body| body.len() > NAMES);
        let Some(body) = body.filter(|_| !rng.gen_ratio(1, 16)) else {
            return bytes::mutate(input, other, rng);
        };
        let mut body = body.to_vec();
        match rng.gen_range(0..16) {
            0 => points(&mut body, rng),
            1 => body = bytes::mutate(&body, other, rng),
            // The names and numbers have more to read.
            _ => drop(body.splice(
                NAMES..,
                bytes::mutate(&body[NAMES..], other.get(FRONT + NAMES..).unwrap_or(&[]), rng),
            )),
        }
        let length = (body.len() as u64).to_be_bytes();
        [&input[..FRONT - 8], &length, &body, &Digest::of(&body).0].concat()
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let key = match VerifyingKey::from_file(input) {
            Ok(key) => key,
            Err(error) => return Outcome::refused(&error),
        };
        assert_eq!(key.to_file(), input, "a key has one encoding");
        drop(PreparedKey::new(key));
        Outcome::Accepted(if input == self.honest { "the honest key" } else { "another key" })
    }
}

/// One of so many keys that are read is also proven with.
const SELDOM: u64 = 64;

/// Header fields: see `lemma::prover::store`.
const LENGTHS: usize = 112;

pub struct Proving {
    package: Package,
    inputs: Vec<Vec<i64>>,
    honest: Vec<u8>,
}

impl Proving {
    pub fn new(folder: &Path) -> Result<Proving> {
        let Seeds { package, .. } = Seeds::of(folder)?;
        let inputs = package.quantize(&sample(2))?;
        Ok(Proving { inputs, package, honest: std::fs::read(folder.join("proving.key"))? })
    }
}

/// Number of bytes before the sections.
fn header(key: &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(*key.get(12..)?.first_chunk()?) as usize)
}

/// Length of a section.
fn length(key: &[u8], section: usize) -> Option<usize> {
    let word = key.get(LENGTHS + 16 * section..)?.first_chunk()?;
    usize::try_from(u64::from_le_bytes(*word)).ok()
}

/// Where a section is.
fn place(key: &[u8], section: usize) -> Option<std::ops::Range<usize>> {
    let mut end = header(key)?;
    let mut start = end;
    for section in 0..=section {
        start = end.checked_next_multiple_of(64)?;
        end = start.checked_add(length(key, section)?)?;
    }
    Some(start..end)
}

/// Makes the checksums of a changed key fit, as far as its sections still are where its header
/// says.
fn reseal(key: &mut [u8]) -> Option<()> {
    for section in 0..SECTIONS.len() {
        let sum = checksum(key.get(place(key, section)?)?);
        let at = LENGTHS + 16 * section + 8;
        key.get_mut(at..at + 8)?.copy_from_slice(&sum.to_le_bytes());
    }
    let front = header(key)?.checked_sub(8)?;
    let sum = checksum(key.get(..front)?);
    key.get_mut(front..front + 8)?.copy_from_slice(&sum.to_le_bytes());
    Some(())
}

/// Gives a section another length, with contents to fit.
fn resize(key: &mut Vec<u8>, rng: &mut Rng) -> Option<()> {
    let section = rng.gen_range(0..SECTIONS.len());
    let mut sections: Vec<Vec<u8>> = (0..SECTIONS.len())
        .map(|section| Some(key.get(place(key, section)?)?.to_vec()))
        .collect::<Option<_>>()?;
    let unit = [4, 64, 128][rng.gen_range(0..3)];
    let new = match rng.gen_range(0..4) {
        0 => sections[section].len() + unit,
        1 => sections[section].len().saturating_sub(unit),
        2 => 0,
        _ => rng.gen_range(0..512),
    };
    sections[section].resize(new, 0);
    let at = LENGTHS + 16 * section;
    key.get_mut(at..at + 8)?.copy_from_slice(&(new as u64).to_le_bytes());
    key.truncate(header(key)?);
    for section in sections {
        key.resize(key.len().next_multiple_of(64), 0);
        key.extend(section);
    }
    Some(())
}

impl Target for Proving {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.honest.clone()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut key = input.to_vec();
        match rng.gen_range(0..8) {
            0 => key = bytes::mutate(input, other, rng),
            1 | 2 => drop(resize(&mut key, rng)),
            choice => {
                // In place: in the header, in a list of wires, or anywhere.
                for _ in 0..rng.gen_range(1..=3) {
                    let list = [1, 3, 7, 9, 14][rng.gen_range(0..5)];
                    let place = match choice {
                        3 | 4 => Some(0..header(&key).unwrap_or(0)),
                        5 | 6 => place(&key, list),
                        _ => None,
                    };
                    let place = place
                        .filter(|place| !place.is_empty() && place.end <= key.len())
                        .unwrap_or(0..key.len());
                    if !place.is_empty() {
                        key[rng.gen_range(place)] =
                            if rng.r#gen() { rng.r#gen() } else { bytes::extreme(rng) as u8 };
                    }
                }
            }
        }
        if !rng.gen_ratio(1, 16) {
            let _ = reseal(&mut key);
        }
        key
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let key = match ProvingKey::from_bytes(input, self.package.digest()) {
            Ok(key) => key,
            Err(error) => return Outcome::refused(&error),
        };
        if !hash(input).is_multiple_of(SELDOM) {
            return Outcome::Accepted("it is read");
        }
        // Points are not checked one by one: a wrong one makes a proof that its own check refuses.
        match self.package.prove(&key, &self.inputs, Context::of(b"other"), &()) {
            Ok(proven) => {
                let verified =
                    key.prepared_key().verify(&proven.values, Context::of(b"other"), &proven.proof);
                assert!(verified.is_ok(), "a proof that was given out does not verify");
                Outcome::Accepted("it is read, and proves")
            }
            Err(error) => {
                let _ = Outcome::refused(&error);
                Outcome::Accepted("it is read, and its proofs are held back")
            }
        }
    }
}
