//! The one interface that gadgets are written against.
//!
//! A gadget is a function generic over [`Builder`]; running it with another builder gives another
//! reading of the same relation: [`crate::shape`] the constraint system, [`crate::trace`] the wires
//! and `A z, B z, C z`, [`crate::count`] the cost.
//!
//! Everything is a vector: a [`Builder::Form`] is a vector of linear forms in the wires, and
//! [`Builder::enforce`] adds one constraint per element. Coefficients are integers, or integers
//! over a power of two.

use std::sync::Arc;

use ark_bn254::Fr;
use lemma_graph::LinearMap;

/// Where in a circuit something happens: for counts per layer, for errors, for named forgeries in
/// tests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Layer of the model.
    pub layer: Arc<str>,
    /// The gadget.
    pub gadget: &'static str,
    /// The wire or constraint of the gadget.
    pub name: &'static str,
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "layer `{}`, gadget {}, `{}`", self.layer, self.gadget, self.name)
    }
}

/// Values of a vector of linear forms: integers as long as they are exact, field elements
/// otherwise.
#[derive(Clone, Debug)]
pub enum Values {
    /// Small integers.
    Integer(Arc<Vec<i64>>),
    /// Field elements.
    Field(Arc<Vec<Fr>>),
}

/// Receives a relation.
pub trait Builder {
    /// A vector of linear forms in the wires.
    type Form: Clone;

    /// Enters a gadget of a layer; what follows belongs to it.
    fn enter(&mut self, layer: &Arc<str>, gadget: &'static str);
    /// Number of elements.
    fn len(&self, x: &Self::Form) -> usize;

    /// `len` constants; `values` runs only where they matter.
    fn constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[i64]>) -> Self::Form;
    /// `len` constants of the field.
    fn field_constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[Fr]>) -> Self::Form;
    /// `M x`.
    fn linear(&mut self, map: &Arc<LinearMap>, x: &Self::Form) -> Self::Form;
    /// Element `i` is element `index[i]` of the operands laid one after the other, or zero
    /// ([`ZERO`](lemma_graph::ZERO)).
    fn gather(&mut self, index: &Arc<[u32]>, operands: &[&Self::Form]) -> Self::Form;
    /// `constant + sum_j c_j x_j`, element by element.
    fn combine(&mut self, terms: &[(i64, &Self::Form)], constant: i64) -> Self::Form;
    /// `x / 2^shift` in the field.
    fn divide(&mut self, x: &Self::Form, shift: u32) -> Self::Form;
    /// Every element of `x` (each `len / x.len()` times in a row):
    /// `[a, b] -> [a, .., a, b, .., b]`.
    fn repeat(&mut self, x: &Self::Form, len: usize) -> Self::Form;
    /// The sum of all elements, a vector of length 1.
    fn total(&mut self, x: &Self::Form) -> Self::Form;

    /// The public wire `chi`. Only after the first round.
    fn chi(&mut self) -> Self::Form;
    /// The public wire `phi`.
    fn phi(&mut self) -> Self::Form;
    /// Round-1 wires, computed from the integer values of `of` by `hint`. The hint runs only where
    /// values are known; forged operands that are no small integers reach it as zeros.
    fn witness(
        &mut self,
        name: &'static str,
        len: usize,
        of: &[&Self::Form],
        hint: impl FnOnce(&[&[i64]]) -> Vec<i64>,
    ) -> Self::Form;
    /// Round-2 wires, computed from the values of `of` by `hint`.
    fn late_witness(
        &mut self,
        name: &'static str,
        len: usize,
        of: &[&Self::Form],
        hint: impl FnOnce(&[&Values]) -> Vec<Fr>,
    ) -> Self::Form;
    /// `a_i * b_i = c_i` for every element; `None` stands for zeros.
    fn enforce(
        &mut self,
        name: &'static str,
        a: &Self::Form,
        b: &Self::Form,
        c: Option<&Self::Form>,
    );
    /// Whether the range, lookup or row that a gadget asks for stays. Every reading says yes; tests
    /// leave out one call site at a time, by its location, to see which forgery then passes.
    fn keeps(&mut self) -> bool {
        true
    }
    /// Notes `n` lookups and `rows` table rows, for the cost report.
    fn note_lookups(&mut self, lookups: usize, rows: usize);
}
