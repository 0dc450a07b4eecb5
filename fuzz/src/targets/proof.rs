//! Proof files: one that verifies says what an honest one says.

use std::path::Path;

use anyhow::Result;
use lemma::{Context, Demand, PreparedKey, ProofFile, PublicValues};
use rand::Rng as _;

use super::Target;
use crate::outcome::Outcome;
use crate::seeds::Seeds;
use crate::{Rng, bytes, json, words};

pub struct Proof {
    key: PreparedKey,
    honest: Vec<ProofFile>,
    statements: Vec<(PublicValues, Context)>,
}

impl Proof {
    pub fn new(folder: &Path) -> Result<Proof> {
        let seeds = Seeds::of(folder)?;
        let (key, honest) = (seeds.prepared(), seeds.proofs);
        let statement =
            |file: &ProofFile| file.open(key.key()).map(|(values, context, _)| (values, context));
        let statements = honest.iter().map(statement).collect::<Result<_, _>>()?;
        Ok(Proof { key, honest, statements })
    }

    /// A file whose parts fit each other, as far as a forger can make them.
    fn forge(&self, input: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
        let mut pick = || &self.honest[rng.gen_range(0..self.honest.len())];
        let (mut file, other) = (pick().clone(), pick());
        if rng.r#gen() {
            file = ProofFile::from_json(input).unwrap_or(file);
        }
        match rng.gen_range(0..8) {
            0..=2 => {
                let digits = |file: &ProofFile| hex::decode(file.proof.get(2..)?).ok();
                let (mut own, other) = (words::of(&digits(&file)?), words::of(&digits(other)?));
                if own.len() == words::PROOF {
                    words::proof(&mut own, &other, rng);
                }
                file.proof = format!("0x{}", hex::encode(own.concat()));
            }
            3 | 4 => {
                let at = rng.gen_range(0..file.tensors.len().max(1));
                let (tensor, signature) =
                    (file.tensors.get_mut(at)?, self.key.key().parts().signature.get(at)?);
                let index = rng.gen_range(0..tensor.values.len().max(1));
                let value = tensor.values.get_mut(index)?;
                *value = if rng.r#gen() {
                    value.wrapping_add(rng.gen_range(-2..=2))
                } else {
                    bytes::extreme(rng) as i64
                };
                *tensor.decoded.get_mut(index)? = signature.readable(index, *value);
            }
            5 => {
                let digest = file.tensors.iter_mut().find_map(|tensor| tensor.digest.as_mut())?;
                let mut word = *words::of(&hex::decode(digest.get(2..)?).ok()?).first()?;
                words::value(&mut word, rng);
                *digest = format!("0x{}", hex::encode(word));
            }
            6 => {
                let context = bytes::mutate(&hex::decode(file.context.get(2..)?).ok()?, &[], rng);
                file.context = format!("0x{}", hex::encode(context));
            }
            _ => {
                // A statement with the proof, the values or the context of another.
                match rng.gen_range(0..3) {
                    0 => file.proof.clone_from(&other.proof),
                    1 => file.tensors.clone_from(&other.tensors),
                    _ => file.context.clone_from(&other.context),
                }
            }
        }
        file.to_json().ok().map(String::into_bytes)
    }
}

impl Target for Proof {
    fn seeds(&self) -> Vec<Vec<u8>> {
        self.honest.iter().filter_map(|file| file.to_json().ok()).map(String::into_bytes).collect()
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let forged = if rng.gen_ratio(1, 64) { self.forge(input, rng) } else { None };
        forged.unwrap_or_else(|| json::mutate(input, other, rng))
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let file = match ProofFile::from_json(input) {
            Ok(file) => file,
            Err(error) => return Outcome::refused(&error),
        };
        let again = file.to_json().map(|json| ProofFile::from_json(json.as_bytes()).ok());
        assert_eq!(again.ok().flatten().as_ref(), Some(&file), "it reads back as it was written");
        let honest = self.honest.iter().position(|honest| honest.proof == file.proof);
        if honest.is_some_and(|at| self.honest[at] == file) {
            return Outcome::Accepted("an honest file");
        }
        let (values, context, _) = match file.open(self.key.key()) {
            Ok(parts) => parts,
            Err(error) => {
                // What is passed on without its key must not stop a reader either. The points of an
                // honest proof cost time and were read before.
                if honest.is_none() {
                    let _ = file.contents();
                }
                return Outcome::refused(&error);
            }
        };
        let statement = (values, context);
        if honest.is_some_and(|at| self.statements[at] == statement) {
            return Outcome::Accepted("an honest file in capital digits");
        }
        match file.verify(&self.key, &Demand::default()) {
            Ok(accepted) => {
                let is_honest = self.statements.contains(&statement);
                assert!(is_honest && accepted.generation.is_none(), "another statement verifies");
                Outcome::Accepted("another proof of an honest statement")
            }
            Err(error) => Outcome::refused(&error),
        }
    }
}
