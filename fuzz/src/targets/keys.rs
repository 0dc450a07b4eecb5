//! Key files, behind their checksums.

use std::path::PathBuf;

use anyhow::Result;
use lemma::prover::store::checksum;
use lemma::verifier::Digest;
use lemma::{PreparedKey, ProvingKey, VerifyingKey};
use rand::Rng as _;

use super::Target;
use crate::{Rng, bytes, seeds};

/// Magic, version and length before the key, and its digest after it.
const FRONT: usize = 20;
const DIGEST: usize = 32;

pub struct Verifying(Vec<u8>);

impl Verifying {
    pub fn new() -> Result<Verifying> {
        Ok(Verifying(seeds::keys(&seeds::package()?)?.1.to_file()))
    }
}

impl Target for Verifying {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.0.clone()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        if rng.gen_ratio(1, 16) {
            return bytes::mutate(input, other, rng);
        }
        let Some(body) = input.get(FRONT..input.len().saturating_sub(DIGEST)) else { return input.to_vec() };
        // The points fill the front; the names and numbers behind them have more to read.
        let points = if rng.gen_ratio(1, 4) { 0 } else { body.len().min(800) };
        let body = [&body[..points], &bytes::mutate(&body[points..], other, rng)].concat();
        let length = (body.len() as u64).to_be_bytes();
        [&input[..FRONT - 8], &length, &body, &Digest::of(&body).0].concat()
    }

    fn run(&self, input: &[u8]) -> bool {
        let Ok(key) = VerifyingKey::from_file(input) else { return false };
        assert_eq!(key.to_file(), input, "a key has one encoding");
        drop(PreparedKey::new(key));
        true
    }
}

/// Header fields: see `lemma::prover::store`.
const SECTIONS: usize = 112;

pub struct Proving {
    folder: tempfile::TempDir,
    circuit: Digest,
    key: Vec<u8>,
}

impl Proving {
    pub fn new() -> Result<Proving> {
        let package = seeds::package()?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("seed");
        seeds::keys(&package)?.0.write(&path)?;
        Ok(Proving { key: std::fs::read(path)?, folder, circuit: package.digest() })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("proving.key")
    }
}

/// Makes the checksums of a changed key fit, as far as its sections still are where its header says.
fn reseal(key: &mut [u8]) -> Option<()> {
    let word = |key: &[u8], at: usize| Some(u64::from_le_bytes(*key.get(at..)?.first_chunk::<8>()?));
    let header = u32::from_le_bytes(*key.get(12..)?.first_chunk::<4>()?) as usize;
    let mut end = header;
    for index in 0..lemma::prover::store::SECTIONS.len() {
        let at = SECTIONS + 16 * index;
        let start = end.checked_next_multiple_of(64)?;
        end = start.checked_add(usize::try_from(word(key, at)?).ok()?)?;
        let sum = checksum(key.get(start..end)?);
        key.get_mut(at + 8..at + 16)?.copy_from_slice(&sum.to_le_bytes());
    }
    let front = header.checked_sub(8)?;
    let sum = checksum(key.get(..front)?);
    key.get_mut(front..header)?.copy_from_slice(&sum.to_le_bytes());
    Some(())
}

impl Target for Proving {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.key.clone()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let mut key = input.to_vec();
        if rng.gen_ratio(1, 8) {
            key = bytes::mutate(input, other, rng);
        } else {
            // In place, in the header or anywhere.
            for _ in 0..rng.gen_range(1..=3) {
                let end = if rng.r#gen() { key.len().min(2000) } else { key.len() };
                let at = rng.gen_range(0..end);
                let new = if rng.r#gen() { rng.r#gen() } else { bytes::extreme(rng) as u8 };
                key[at] = new;
            }
        }
        let _ = reseal(&mut key);
        key
    }

    fn run(&self, input: &[u8]) -> bool {
        let path = self.path();
        std::fs::write(&path, input).is_ok() && ProvingKey::open(&path, self.circuit).is_ok()
    }
}
