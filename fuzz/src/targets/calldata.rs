//! Calls of the contract: bytes that decode are what their contents encode to.

use anyhow::Result;
use lemma::contracts::{Call, calldata};
use rand::Rng as _;

use super::Target;
use crate::{Rng, bytes, seeds};

/// Selector, context, proof and the offset of the values.
const FRONT: usize = 388;

pub struct Calldata(Vec<u8>);

impl Calldata {
    pub fn new() -> Result<Calldata> {
        let package = seeds::package()?;
        let (proving, _) = seeds::keys(&package)?;
        let (values, context, proof) = seeds::proof(&package, &proving)?.contents()?;
        Ok(Calldata(calldata(&proof, &values, context)))
    }
}

impl Target for Calldata {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.0.clone()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        if rng.r#gen() || input.len() < FRONT + 32 {
            return bytes::mutate(input, other, rng);
        }
        // Other values, as many as are said.
        let mut values = bytes::mutate(&input[FRONT + 32..], other, rng);
        values.truncate(values.len() / 32 * 32);
        let count = (values.len() as u64 / 32).to_be_bytes();
        [&input[..FRONT], &[0; 24], &count, &values].concat()
    }

    fn run(&self, input: &[u8]) -> bool {
        let Ok(call) = Call::decode(input) else { return false };
        assert_eq!(call.encode(), input, "a call has one encoding");
        true
    }
}
