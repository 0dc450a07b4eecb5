//! Compiled models from outside, damaged in every way that a checksum would not see: an error or a
//! sound graph, never a panic.

use std::path::Path;

use lemma::circuits::check::violations;
use lemma::circuits::{Compiled, Plan};
use lemma::graph::Graph;
use lemma::quantizer::calibrate::{Method, Ranges};
use lemma::quantizer::quantize::{Options, quantize};
use lemma::verifier::Digest;
use lemma::{CompileOptions, Folder, PackageError, compile, inspect};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use lemma_testkit::networks::{random_inputs, random_model};

/// A header is a magic of 8 bytes, a version of 4 and a checksum of 32.
const HEADER: usize = 8 + 4 + 32;

/// Values at which arithmetic breaks when nobody looks.
const EXTREMES: [i128; 18] = [
    0,
    1,
    -1,
    2,
    62,
    63,
    64,
    255,
    1 << 20,
    1 << 28,
    1 << 32,
    (1 << 62) - 1,
    1 << 62,
    -(1 << 62),
    i64::MAX as i128,
    i64::MIN as i128,
    u64::MAX as i128,
    u32::MAX as i128,
];

/// The integer graph of a small random network.
fn graph(seed: u64) -> Graph {
    let model = random_model(seed).relu_after_max_pool();
    let mut rng = StdRng::seed_from_u64(seed + 9000);
    let samples: Vec<_> = (0..2).map(|_| random_inputs(&model, &mut rng)).collect();
    let ranges = Ranges::observe(&model, samples, Method::Max).unwrap();
    quantize(&model, &ranges, &Options { bits: 7, ..Options::default() }).unwrap().graph
}

/// Lowers a graph from outside and, when it is accepted and small, runs it: what it computes
/// satisfies its constraints.
fn exercise(graph: Graph, rng: &mut StdRng) -> bool {
    const LARGE: usize = 1 << 14;
    let Ok(graph) = graph.validated() else { return false };
    if graph.nodes().iter().any(|node| node.len() > LARGE) {
        return true;
    }
    let Ok(compiled) = Compiled::with_plan(graph, Plan { widths: vec![7] }) else { return false };
    let inputs: Vec<Vec<i64>> = compiled
        .graph()
        .inputs
        .iter()
        .map(|port| {
            let node = compiled.graph().node(port.node);
            (0..node.len()).map(|_| rng.gen_range(node.bounds.low..=node.bounds.high)).collect()
        })
        .collect();
    compiled.count();
    if let Ok(inference) = compiled.infer(&inputs) {
        let found = violations(&compiled, inference);
        assert!(found.is_empty(), "{}", found[0]);
    }
    true
}

/// Every number in a JSON value, by reference.
fn numbers<'a>(value: &'a mut Value, out: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| numbers(item, out)),
        Value::Object(fields) => fields.values_mut().for_each(|field| numbers(field, out)),
        Value::Number(_) => out.push(value),
        _ => {}
    }
}

#[test]
fn absurd_numbers_in_a_graph_are_refused_or_harmless() {
    let (mut accepted, mut tried) = (0, 0);
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let honest = serde_json::to_value(graph(seed)).unwrap();
        for round in 0..60 {
            let mut altered = honest.clone();
            let mut leaves = Vec::new();
            numbers(&mut altered, &mut leaves);
            for _ in 0..rng.gen_range(1..3) {
                let extreme = *EXTREMES.choose(&mut rng).unwrap();
                let number = i64::try_from(extreme)
                    .map(Value::from)
                    .unwrap_or_else(|_| Value::from(extreme as u64));
                if let Some(leaf) = leaves.choose_mut(&mut rng) {
                    **leaf = number;
                }
            }
            let text = altered.to_string();
            let Ok(graph) = serde_json::from_value::<Graph>(altered) else { continue };
            tried += 1;
            let outcome =
                std::panic::catch_unwind(|| exercise(graph, &mut StdRng::seed_from_u64(round)));
            accepted += usize::from(
                outcome.unwrap_or_else(|_| panic!("seed {seed}, round {round}: {text}")),
            );
        }
    }
    println!("{accepted} of {tried} altered graphs are sound, the others refused");
}

/// Every field that is no weight, set to every extreme.
#[test]
fn every_dimension_and_range_is_checked() {
    for seed in 0..6 {
        let honest = serde_json::to_value(graph(seed)).unwrap();
        let count = {
            let mut copy = honest.clone();
            let mut leaves = Vec::new();
            fields(&mut copy, &mut leaves);
            leaves.len()
        };
        for position in 0..count {
            for extreme in EXTREMES {
                let mut altered = honest.clone();
                let mut leaves = Vec::new();
                fields(&mut altered, &mut leaves);
                *leaves[position] = i64::try_from(extreme)
                    .map(Value::from)
                    .unwrap_or_else(|_| Value::from(extreme as u64));
                let Ok(graph) = serde_json::from_value::<Graph>(altered) else { continue };
                let outcome =
                    std::panic::catch_unwind(|| exercise(graph, &mut StdRng::seed_from_u64(seed)));
                assert!(outcome.is_ok(), "seed {seed}, field {position} set to {extreme}");
            }
        }
    }
}

/// The numbers outside long lists: shapes, strides, shifts, ranges, ports.
fn fields<'a>(value: &'a mut Value, out: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(items) if items.len() > 6 && items.iter().all(Value::is_number) => {}
        Value::Array(items) => items.iter_mut().for_each(|item| fields(item, out)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| fields(entry, out)),
        Value::Number(_) => out.push(value),
        _ => {}
    }
}

fn write_altered(path: &Path, honest: &[u8], alter: impl FnOnce(&mut Vec<u8>)) {
    let mut payload = honest[HEADER..].to_vec();
    alter(&mut payload);
    let mut bytes = honest[..HEADER - 32].to_vec();
    bytes.extend_from_slice(&Digest::of(&payload).0);
    bytes.extend_from_slice(&payload);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_payload_with_a_right_checksum_is_refused_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    for seed in 0..12 {
        let model = random_model(seed);
        let mut rng = StdRng::seed_from_u64(seed + 400);
        let samples: Vec<_> = (0..2).map(|_| random_inputs(&model, &mut rng)).collect();
        let options = CompileOptions { bits: Some(7), ..CompileOptions::default() };
        let (package, report) = compile("small", model, &samples, &[], &options, &()).unwrap();
        let folder = Folder::new(directory.path().join(seed.to_string()));
        folder.write_package(&package, &report).unwrap();
        let path = folder.path().join("model.lemma");
        let honest = std::fs::read(&path).unwrap();
        assert_eq!(folder.package().unwrap().digest(), package.digest());
        for round in 0..80 {
            write_altered(&path, &honest, |payload| match rng.gen_range(0..4) {
                0 => {
                    let at = rng.gen_range(0..payload.len());
                    payload[at] ^= 1 << rng.gen_range(0..8);
                }
                1 => {
                    let at = rng.gen_range(0..payload.len());
                    payload[at] = rng.r#gen();
                }
                // A length or a number as large as its encoding can be.
                2 => {
                    let at = rng.gen_range(0..payload.len());
                    payload.splice(at..=at, [0xff; 9].into_iter().chain([1]));
                }
                _ => payload.truncate(rng.gen_range(0..honest.len() - HEADER)),
            });
            let read =
                std::panic::catch_unwind(|| folder.package().map(|package| inspect(&package)));
            match read.unwrap_or_else(|_| panic!("seed {seed}, round {round}")) {
                Ok(_) => {}
                Err(PackageError::Damaged { path: named, .. }) => assert_eq!(named, path),
                Err(other) => panic!("seed {seed}, round {round}: {other}"),
            }
        }
    }
}
