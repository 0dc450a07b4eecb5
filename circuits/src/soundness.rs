//! The soundness error of the polynomial checks of a circuit.
//!
//! Each check is an identity of polynomials in `chi`; a wrong one survives a random challenge with
//! probability at most its degree over r. The errors add up. docs/protocol.md has the table, gadget
//! by gadget.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use lemma_graph::{Graph, Op};

use crate::count::Cost;
use crate::error::CompileError;
use crate::gadgets::{lookup, matmul};
use crate::lower;

/// Bits that a circuit must have. The challenge is a hash, so a forger may try as many as they can
/// compute: with fewer bits than these that would be less work than 2^128 hashes.
pub const FLOOR: f64 = 128.0;

/// Bits of soundness of the lookups, the matrix products and the fold of `public_values`, together:
/// log2 of r over the sum of their degrees.
pub fn bits(graph: &Graph, total: &Cost, public_values: usize) -> f64 {
    let products = graph.nodes().iter().map(|node| match &node.op {
        Op::MatMul(dims) => matmul::degree(dims),
        _ => 0.0,
    });
    let argmax = graph
        .nodes()
        .iter()
        .filter_map(|node| lower::product_rows(graph, node))
        .map(|(_, table)| table.width());
    let widest = argmax.chain([graph.widest_row()]).max().unwrap_or(1);
    let lookups = lookup::degree(total.lookups + total.table_rows, widest);
    bits_of(lookups + public_values as f64 + products.sum::<f64>())
}

/// log2 of r over a sum of degrees, rounded down: r lies between 2^253 and 2^254.
fn bits_of(degrees: f64) -> f64 {
    f64::from(Fr::MODULUS_BIT_SIZE - 1) - degrees.max(1.0).log2()
}

/// Refuses a circuit below the [`FLOOR`].
///
/// # Errors
/// [`CompileError::Soundness`].
pub(crate) fn require(bits: f64) -> Result<(), CompileError> {
    if bits >= FLOOR { Ok(()) } else { Err(CompileError::Soundness { bits, floor: FLOOR }) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lemma_graph::{Interval, MatMul, Port, Table, Visibility};

    use super::*;
    use crate::gadgets::Plan;
    use crate::plan;

    #[test]
    fn a_circuit_below_the_floor_is_refused() {
        assert!(require(bits_of(125f64.exp2())).is_ok());
        for degrees in [125.1f64.exp2(), 253f64.exp2(), f64::INFINITY] {
            let refused = require(bits_of(degrees));
            assert!(
                matches!(refused, Err(CompileError::Soundness { floor: FLOOR, .. })),
                "{degrees}: {refused:?}"
            );
        }
    }

    /// Two inputs of 64 values each: 32 lookups in 64 rows, of no value, so that the identity has
    /// `k` with `2^k > 2 (32 + 64) + 2`.
    #[test]
    fn degrees_of_lookups_products_and_statement_add_up() {
        let mut graph = Graph::default();
        let range = Interval { low: -32, high: 31 };
        let [a, b] = [0, 1].map(|_| graph.push("in", Op::Input { range }, &[], &[16], 0).unwrap());
        for (name, node) in [("a", a), ("b", b)] {
            graph.inputs.push(Port { name: name.into(), node, visibility: Visibility::Private });
        }
        let product =
            graph.push("product", Op::MatMul(MatMul::full(1, 4, 4, 4)), &[a, b], &[16], 0).unwrap();
        graph.outputs.push(Port {
            name: "y".into(),
            node: product,
            visibility: Visibility::Public,
        });
        let plan = Plan { widths: vec![6] };
        let bits_with =
            |graph: &Graph, public| bits(graph, &plan::count(graph, &plan).total(), public);
        // Rows of one value are allowed for, though these have none.
        let (lookups, product, statement) = (512.0 * 96.0, 4.0 * 5.0, 16.0);
        assert_eq!(bits_with(&graph, 16), 253.0 - f64::log2(lookups + product + statement));
        // A function table: 16 lookups and 64 rows more, and with them twice the degree of a pole.
        let table = Arc::new(Table::tabulate("f", Interval { low: -32, high: 31 }, |x| x).unwrap());
        let y = graph.push("table", Op::Table { shift: 0, table }, &[a], &[16], 0).unwrap();
        graph.outputs[0].node = y;
        assert_eq!(bits_with(&graph, 16), 253.0 - f64::log2(1024.0 * 176.0 + product + statement));
    }
}
