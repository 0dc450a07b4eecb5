//! Compiled models, behind their checksum.

use anyhow::Result;
use lemma::verifier::Digest;
use lemma::{Package, inspect};
use rand::Rng as _;

use super::Target;
use crate::{Rng, bytes, seeds};

/// Magic, version and checksum.
const HEADER: usize = 8 + 4 + 32;

pub struct Model(Vec<u8>);

impl Model {
    pub fn new() -> Result<Model> {
        Ok(Model(seeds::package()?.to_bytes()?))
    }
}

impl Target for Model {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.0.clone()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        if rng.gen_ratio(1, 32) {
            return bytes::mutate(input, other, rng);
        }
        let payload = bytes::mutate(&input[HEADER..], other, rng);
        [&input[..HEADER - 32], &Digest::of(&payload).0, &payload].concat()
    }

    fn run(&self, input: &[u8]) -> bool {
        let Ok(package) = Package::from_bytes(input) else { return false };
        // Another byte string may mean the same, but not something else.
        let again = package.to_bytes().map(|bytes| Package::from_bytes(&bytes).map(|package| package.digest()));
        assert_eq!(again.ok().and_then(Result::ok), Some(package.digest()));
        drop(inspect(&package));
        true
    }
}
