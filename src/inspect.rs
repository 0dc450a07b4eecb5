//! What a compiled model costs, before any key is made.

use lemma_circuits::soundness;
use lemma_prover::kernel::Domain;
use serde::Serialize;

use crate::Package;

/// The cost of a layer.
#[derive(Clone, Debug, Serialize)]
pub struct LayerCost {
    /// The layer.
    pub layer: String,
    /// Rank-1 constraints.
    pub constraints: usize,
    /// Wires of both rounds.
    pub wires: usize,
    /// Lookups.
    pub lookups: usize,
    /// Table rows.
    pub table_rows: usize,
    /// Elements that pass a non-linear operation.
    pub activations: usize,
}

/// What a setup and a proof will take, estimated from the sizes and the rates measured in
/// `docs/results.md`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Estimate {
    /// Size of the proving key in bytes, at most.
    pub proving_key_bytes: u64,
    /// Peak memory while proving in bytes.
    pub peak_bytes: u64,
    /// Seconds of a setup on two cores.
    pub setup_seconds: f64,
    /// Seconds of a proof on two cores.
    pub prove_seconds: f64,
}

/// What a compiled model costs.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The model's name.
    pub model: String,
    /// Digest of the circuit, in hexadecimal.
    pub circuit_digest: String,
    /// Rank-1 constraints.
    pub constraints: usize,
    /// Wires, the public ones included.
    pub wires: usize,
    /// Lookups.
    pub lookups: usize,
    /// Table rows.
    pub table_rows: usize,
    /// Values in the statement.
    pub public_values: usize,
    /// Elements that pass a non-linear operation.
    pub activations: usize,
    /// Constraints per activation.
    pub constraints_per_activation: f64,
    /// Weights.
    pub weights: usize,
    /// Multiply-accumulates of one inference; they cost no constraint.
    pub multiplications: u64,
    /// Widths of the range tables in bits.
    pub table_widths: Vec<u32>,
    /// Bits of soundness of the lookups, the matrix products and the fold together; the curve gives
    /// about 100.
    pub soundness_bits: f64,
    /// Estimates.
    pub estimate: Estimate,
    /// Per layer, in the order of their names.
    pub layers: Vec<LayerCost>,
}

/// Bytes of a point in G1 and in G2.
const G1_BYTES: u64 = 64;
const G2_BYTES: u64 = 128;

/// Microseconds per constraint on two cores with the vector kernel: the dearest of the four models
/// of docs/results-transformers.md, on the machine that is named there. Others take up to twice as
/// long.
const SETUP_RATE: f64 = 2.5;
const PROVE_RATE: f64 = 1.7;

/// Memory that a proof takes besides what grows with the circuit.
const BASE_BYTES: u64 = 20_000_000;

/// Prices a compiled model.
pub fn inspect(package: &Package) -> Inspection {
    let compiled = package.compiled();
    let graph = package.graph();
    let count = compiled.count();
    let total = count.total();
    let wires = lemma_circuits::relation::PUBLIC_WIRES + total.round1 + total.round2;
    let activations = graph.activations();
    let rows = total.constraints + lemma_circuits::relation::PUBLIC_WIRES;
    // A circuit beyond every domain has no key.
    let domain = Domain::size_for(rows).unwrap_or(rows) as u64;
    let proving_key_bytes = wires as u64 * (3 * G1_BYTES + G2_BYTES) + domain * G1_BYTES;
    let scalar = 32;
    let estimate = Estimate {
        proving_key_bytes,
        peak_bytes: BASE_BYTES
            + proving_key_bytes
            + domain * 5 * scalar
            + (total.round1 + total.round2) as u64 * 4 * scalar,
        setup_seconds: total.constraints as f64 * SETUP_RATE * 1e-6,
        prove_seconds: total.constraints as f64 * PROVE_RATE * 1e-6,
    };
    let activations_by_layer = graph.activations_by_layer();
    let layers = count.layers().into_iter().map(|(layer, cost)| LayerCost {
        layer: layer.to_string(),
        constraints: cost.constraints,
        wires: cost.round1 + cost.round2,
        lookups: cost.lookups,
        table_rows: cost.table_rows,
        activations: activations_by_layer.get(&*layer).copied().unwrap_or(0),
    });
    Inspection {
        model: package.name().to_owned(),
        circuit_digest: package.digest().to_string(),
        constraints: total.constraints,
        wires,
        lookups: total.lookups,
        table_rows: total.table_rows,
        public_values: package.public_values(),
        activations,
        constraints_per_activation: total.constraints as f64 / activations.max(1) as f64,
        weights: graph.weights(),
        multiplications: graph.multiplications(),
        table_widths: compiled.plan().widths.clone(),
        soundness_bits: soundness::bits(graph, &total, package.public_values()),
        estimate,
        layers: layers.collect(),
    }
}
