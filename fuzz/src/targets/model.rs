//! Compiled models, behind their checksum: one that is read is written as something that is read
//! the same, and its circuit computes what its graph does, at both ends of its inputs' ranges.

use anyhow::Result;
use lemma::circuits::Plan;
use lemma::circuits::check::violations;
use lemma::graph::{Graph, Node, Port};
use lemma::verifier::Digest;
use lemma::{Package, inspect};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::outcome::Outcome;
use crate::{Rng, bytes, json, seeds};

/// Magic, version and checksum.
const HEADER: usize = 8 + 4 + 32;

/// Most multiplications and elements of a graph that is also run.
const RUN: u64 = 1 << 14;

/// What lies behind the header.
#[derive(Serialize, Deserialize)]
struct Payload {
    name: String,
    classes: Vec<String>,
    tokenizer: Option<[u8; 32]>,
    plan: Plan,
    graph: Graph,
}

pub struct Model(Vec<u8>);

impl Model {
    pub fn new() -> Result<Model> {
        Ok(Model(seeds::package()?.to_bytes()?))
    }
}

/// A payload with another value somewhere; of the same types, unless that fails.
fn fields(payload: &[u8], other: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let text =
        |payload: &[u8]| serde_json::to_vec(&postcard::from_bytes::<Payload>(payload).ok()?).ok();
    let (text, other) = (text(payload)?, text(other.get(HEADER..)?).unwrap_or_default());
    // Most changes of a document make it another one of no model.
    let mutants = std::iter::repeat_with(|| json::mutate(&text, &other, rng)).take(8);
    let payload =
        mutants.filter_map(|mutant| serde_json::from_slice::<Payload>(&mutant).ok()).next()?;
    postcard::to_stdvec(&payload).ok()
}

impl Target for Model {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![self.0.clone()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        if rng.gen_ratio(1, 32) || input.len() < HEADER {
            return bytes::mutate(input, other, rng);
        }
        let payload = if rng.r#gen() { fields(&input[HEADER..], other, rng) } else { None };
        let payload = payload.unwrap_or_else(|| bytes::mutate(&input[HEADER..], other, rng));
        [&input[..HEADER - 32], &Digest::of(&payload).0, &payload].concat()
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let package = match Package::from_bytes(input) {
            Ok(package) => package,
            Err(error) => return Outcome::refused(&error),
        };
        // Another byte string may mean the same, but not something else.
        let again = package
            .to_bytes()
            .map(|bytes| Package::from_bytes(&bytes).map(|package| package.digest()));
        assert_eq!(again.ok().and_then(Result::ok), Some(package.digest()));
        drop(inspect(&package));
        let graph = package.graph();
        if graph.multiplications() > RUN || graph.activations() as u64 > RUN {
            return Outcome::Accepted("a model too large to be run often");
        }
        for end in [|node: &Node| node.bounds.low, |node: &Node| node.bounds.high] {
            let value = |port: &Port| vec![end(graph.node(port.node)); graph.node(port.node).len()];
            let inputs: Vec<Vec<i64>> = graph.inputs.iter().map(value).collect();
            match package.infer(&inputs) {
                Ok(inference) => {
                    let broken = violations(package.compiled(), inference);
                    assert!(broken.is_empty(), "{}", broken[0]);
                }
                Err(error) => {
                    let _ = Outcome::refused(&error);
                    return Outcome::Accepted("a model that refuses the ends of its range");
                }
            }
        }
        Outcome::Accepted("a model whose circuit computes what its graph does")
    }
}
