//! The soundness error of the polynomial checks of a circuit.
//!
//! Each check is an identity of polynomials in `chi`; a wrong one survives a random challenge with probability at most its degree over r.
//! The errors add up.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use lemma_quantizer::graph::{Graph, Op};

use crate::count::Cost;
use crate::gadgets::{lookup, matmul};
use crate::lower;

/// Bits of soundness of the lookups, the matrix products and the fold of `public_values`, together: log2 of r over the sum of their degrees.
pub fn bits(graph: &Graph, total: &Cost, public_values: usize) -> f64 {
    let products = graph.nodes().iter().map(|node| match &node.op {
        Op::MatMul(dims) => matmul::degree(dims),
        _ => 0.0,
    });
    let argmax = graph.nodes().iter().filter_map(|node| lower::product_rows(graph, node)).map(|(_, table)| table.width());
    let widest = argmax.chain([graph.widest_row()]).max().unwrap_or(1);
    let lookups = lookup::degree(total.lookups + total.table_rows, widest);
    let degrees = lookups + public_values as f64 + products.sum::<f64>();
    // r lies between 2^253 and 2^254.
    f64::from(Fr::MODULUS_BIT_SIZE - 1) - degrees.max(1.0).log2()
}
