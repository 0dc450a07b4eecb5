//! Proof files: one that verifies says what the honest one says.

use anyhow::Result;
use lemma::{Demand, PreparedKey, ProofFile};

use super::Target;
use crate::{Rng, json, seeds};

pub struct Proof {
    key: PreparedKey,
    honest: ProofFile,
}

impl Proof {
    pub fn new() -> Result<Proof> {
        let package = seeds::package()?;
        let (proving, verifying) = seeds::keys(&package)?;
        Ok(Proof { key: PreparedKey::new(verifying), honest: seeds::proof(&package, &proving)? })
    }
}

impl Target for Proof {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.honest.to_json().unwrap_or_default().into_bytes()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        json::mutate(input, other, rng)
    }

    fn run(&self, input: &[u8]) -> bool {
        let Ok(file) = ProofFile::from_json(input) else { return false };
        let again = file.to_json().map(|json| ProofFile::from_json(json.as_bytes()).ok());
        assert_eq!(again.ok().flatten().as_ref(), Some(&file), "it reads back as it was written");
        // What is passed on without its key must not stop a reader either.
        let _ = file.contents();
        if let Ok((values, context, _)) = file.open(self.key.key()) {
            let honest = self.honest.open(self.key.key());
            let is_honest = honest.is_ok_and(|honest| honest.0 == values && honest.1 == context);
            assert!(is_honest || file.verify(&self.key, &Demand::default()).is_err(), "another statement verifies");
        }
        true
    }
}
