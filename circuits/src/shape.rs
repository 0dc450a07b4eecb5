//! The shape builder: the constraint system, with linear forms kept as the operations that made
//! them.
//!
//! A row of A, B or C is an element of some vector of linear forms, and each such vector is a node
//! of a graph of linear operations over the wires. The setup needs `A^T l`, not A: that is one
//! reverse pass through the graph, in which every operation is applied transposed (the chain rule
//! of a linear function). Memory is O(weights + wires + constraints); time is one
//! multiply-accumulate of an integer and a field element per weight use.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use lemma_graph::{LinearMap, ZERO};
use rayon::prelude::*;

use crate::builder::{Builder, Site, Values};
use crate::field::{FieldSum, from_integer};
use crate::relation::{Columns, Layout, PUBLIC_WIRES, Relation};

/// A vector of linear forms: an index into the operations of a [`Circuit`].
#[derive(Clone, Copy, Debug)]
pub struct FormId(u32);

#[derive(Debug)]
enum Operation {
    Constant(Arc<[i64]>),
    FieldConstant(Arc<[Fr]>),
    /// A public wire.
    Public(usize),
    /// Round-1 wires from `start`.
    Round1(usize),
    /// Round-2 wires from `start`.
    Round2(usize),
    Linear(Arc<LinearMap>, FormId),
    Gather(Arc<[u32]>, Vec<FormId>),
    Combine(Vec<(i64, FormId)>, i64),
    Divide(FormId, u32),
    Repeat(FormId),
    Total(FormId),
}

/// Constraints `a_i * b_i = c_i` on rows from `start`.
#[derive(Debug)]
struct Block {
    start: usize,
    a: FormId,
    b: FormId,
    c: Option<FormId>,
    site: Site,
}

/// Which of the three matrices.
#[derive(Clone, Copy)]
enum Side {
    A,
    B,
    C,
}

/// A constraint system with structured linear forms.
#[derive(Debug)]
pub struct Circuit {
    operations: Vec<(Operation, usize)>,
    blocks: Vec<Block>,
    constraints: usize,
    round1: usize,
    round2: usize,
    public_values: usize,
    layer: Arc<str>,
    gadget: &'static str,
}

impl Default for Circuit {
    fn default() -> Circuit {
        Circuit {
            operations: Vec::new(),
            blocks: Vec::new(),
            constraints: 0,
            round1: 0,
            round2: 0,
            public_values: 0,
            layer: "".into(),
            gadget: "",
        }
    }
}

impl Circuit {
    /// Declares the number of public values that `phi` folds.
    pub fn set_public_values(&mut self, n: usize) {
        self.public_values = n;
    }

    /// Which constraint row `row` is.
    pub fn site(&self, row: usize) -> Option<&Site> {
        let after = self.blocks.partition_point(|block| block.start <= row);
        self.blocks.get(after.checked_sub(1)?).map(|block| &block.site)
    }

    /// The sites of all constraints, each with its rows.
    pub fn sites(&self) -> impl Iterator<Item = (&Site, std::ops::Range<usize>)> {
        self.blocks
            .iter()
            .map(|block| (&block.site, block.start..block.start + self.length(block.a)))
    }

    /// `A z`, `B z` and `C z`, computed from the linear forms alone: the checker's independent
    /// reading.
    pub fn evaluate(&self, wires: &[Fr]) -> Columns {
        let values = self.forward(wires);
        let rows = |side: Side| {
            let mut out = vec![Fr::ZERO; self.constraints];
            for block in &self.blocks {
                if let Some(form) = block.form(side) {
                    let value = &values[form.0 as usize];
                    out[block.start..block.start + value.len()].copy_from_slice(value);
                }
            }
            out
        };
        Columns { a: rows(Side::A), b: rows(Side::B), c: rows(Side::C) }
    }

    fn push(&mut self, operation: Operation, len: usize) -> FormId {
        self.operations.push((operation, len));
        FormId(self.operations.len() as u32 - 1)
    }

    fn length(&self, form: FormId) -> usize {
        self.operations[form.0 as usize].1
    }

    fn site_of(&self, name: &'static str) -> Site {
        Site { layer: self.layer.clone(), gadget: self.gadget, name }
    }

    fn forward(&self, wires: &[Fr]) -> Vec<Vec<Fr>> {
        let mut values: Vec<Vec<Fr>> = Vec::with_capacity(self.operations.len());
        for (operation, len) in &self.operations {
            let of = |form: &FormId| &values[form.0 as usize];
            let slice = |start: usize| wires[start..start + len].to_vec();
            let value = match operation {
                Operation::Constant(values) => values.iter().map(|v| from_integer(*v)).collect(),
                Operation::FieldConstant(values) => values.to_vec(),
                Operation::Public(wire) => slice(*wire),
                Operation::Round1(start) => slice(PUBLIC_WIRES + start),
                Operation::Round2(start) => slice(PUBLIC_WIRES + self.round1 + start),
                Operation::Linear(map, x) => map.apply::<FieldSum>(of(x)),
                Operation::Gather(index, operands) => {
                    let all: Vec<Fr> =
                        operands.iter().flat_map(|x| of(x).iter().copied()).collect();
                    index
                        .iter()
                        .map(|i| if *i == ZERO { Fr::ZERO } else { all[*i as usize] })
                        .collect()
                }
                Operation::Combine(terms, constant) => (0..*len)
                    .map(|i| {
                        terms.iter().fold(from_integer(*constant), |sum, (c, x)| {
                            sum + from_integer(*c) * of(x)[i]
                        })
                    })
                    .collect(),
                Operation::Divide(x, shift) => {
                    let factor = inverse_power(*shift);
                    of(x).iter().map(|v| *v * factor).collect()
                }
                Operation::Repeat(x) => {
                    let times = len / of(x).len();
                    of(x).iter().flat_map(|v| std::iter::repeat_n(*v, times)).collect()
                }
                Operation::Total(x) => vec![of(x).iter().sum()],
            };
            values.push(value);
        }
        values
    }

    /// `M^T rows` for one of the matrices.
    fn reverse(&self, rows: &[Fr], side: Side) -> Vec<Fr> {
        let mut gradients: Vec<Option<Vec<Fr>>> = vec![None; self.operations.len()];
        for block in &self.blocks {
            if let Some(form) = block.form(side) {
                let len = self.length(form);
                accumulate(
                    &mut gradients[form.0 as usize],
                    rows[block.start..block.start + len].to_vec(),
                );
            }
        }
        let mut wires = vec![Fr::ZERO; PUBLIC_WIRES + self.round1 + self.round2];
        for id in (0..self.operations.len()).rev() {
            let Some(gradient) = gradients[id].take() else { continue };
            let mut wire_range =
                |start: usize| add(&mut wires[start..start + gradient.len()], &gradient);
            match &self.operations[id].0 {
                Operation::Constant(values) => {
                    let sum = LinearMap::Diagonal(values.clone())
                        .apply::<FieldSum>(&gradient)
                        .par_iter()
                        .sum::<Fr>();
                    wires[0] += sum;
                }
                Operation::FieldConstant(values) => {
                    wires[0] += gradient.iter().zip(values.iter()).map(|(g, v)| *g * v).sum::<Fr>()
                }
                Operation::Public(wire) => wire_range(*wire),
                Operation::Round1(start) => wire_range(PUBLIC_WIRES + start),
                Operation::Round2(start) => wire_range(PUBLIC_WIRES + self.round1 + start),
                Operation::Linear(map, x) => {
                    accumulate(
                        &mut gradients[x.0 as usize],
                        map.apply_transposed::<FieldSum>(&gradient),
                    );
                }
                Operation::Gather(index, operands) => {
                    let total: usize = operands.iter().map(|x| self.length(*x)).sum();
                    let mut all = vec![Fr::ZERO; total];
                    for (i, g) in index.iter().zip(&gradient) {
                        if *i != ZERO {
                            all[*i as usize] += g;
                        }
                    }
                    let mut rest = all.as_slice();
                    for x in operands {
                        let (own, others) = rest.split_at(self.length(*x));
                        accumulate(&mut gradients[x.0 as usize], own.to_vec());
                        rest = others;
                    }
                }
                Operation::Combine(terms, constant) => {
                    if *constant != 0 {
                        wires[0] += from_integer(*constant) * gradient.par_iter().sum::<Fr>();
                    }
                    for (c, x) in terms {
                        accumulate(&mut gradients[x.0 as usize], times(&gradient, *c));
                    }
                }
                Operation::Divide(x, shift) => {
                    let factor = inverse_power(*shift);
                    let scaled = gradient.par_iter().map(|g| *g * factor).collect();
                    accumulate(&mut gradients[x.0 as usize], scaled);
                }
                Operation::Repeat(x) => {
                    let times = gradient.len() / self.length(*x);
                    let sums = gradient.par_chunks(times).map(|chunk| chunk.iter().sum()).collect();
                    accumulate(&mut gradients[x.0 as usize], sums);
                }
                Operation::Total(x) => {
                    accumulate(&mut gradients[x.0 as usize], vec![gradient[0]; self.length(*x)]);
                }
            }
        }
        wires
    }
}

impl Block {
    fn form(&self, side: Side) -> Option<FormId> {
        match side {
            Side::A => Some(self.a),
            Side::B => Some(self.b),
            Side::C => self.c,
        }
    }
}

impl Relation for Circuit {
    fn layout(&self) -> Layout {
        Layout {
            constraints: self.constraints,
            round1: self.round1,
            round2: self.round2,
            public_values: self.public_values,
        }
    }

    fn columns(&self, rows: &[Fr]) -> Columns {
        Columns {
            a: self.reverse(rows, Side::A),
            b: self.reverse(rows, Side::B),
            c: self.reverse(rows, Side::C),
        }
    }
}

impl Builder for Circuit {
    type Form = FormId;

    fn enter(&mut self, layer: &Arc<str>, gadget: &'static str) {
        self.layer = layer.clone();
        self.gadget = gadget;
    }

    fn len(&self, x: &FormId) -> usize {
        self.length(*x)
    }

    fn constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[i64]>) -> FormId {
        self.push(Operation::Constant(values()), len)
    }

    fn field_constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[Fr]>) -> FormId {
        self.push(Operation::FieldConstant(values()), len)
    }

    fn linear(&mut self, map: &Arc<LinearMap>, x: &FormId) -> FormId {
        let len = map.output_len(self.length(*x)).unwrap_or(0);
        self.push(Operation::Linear(map.clone(), *x), len)
    }

    fn gather(&mut self, index: &Arc<[u32]>, operands: &[&FormId]) -> FormId {
        let operands = operands.iter().map(|x| **x).collect();
        self.push(Operation::Gather(index.clone(), operands), index.len())
    }

    fn combine(&mut self, terms: &[(i64, &FormId)], constant: i64) -> FormId {
        let len = terms.first().map_or(0, |(_, x)| self.length(**x));
        debug_assert!(terms.iter().all(|(_, x)| self.length(**x) == len));
        self.push(Operation::Combine(terms.iter().map(|(c, x)| (*c, **x)).collect(), constant), len)
    }

    fn divide(&mut self, x: &FormId, shift: u32) -> FormId {
        let len = self.length(*x);
        self.push(Operation::Divide(*x, shift), len)
    }

    fn repeat(&mut self, x: &FormId, len: usize) -> FormId {
        debug_assert!(len.is_multiple_of(self.length(*x)));
        self.push(Operation::Repeat(*x), len)
    }

    fn total(&mut self, x: &FormId) -> FormId {
        self.push(Operation::Total(*x), 1)
    }

    fn chi(&mut self) -> FormId {
        self.push(Operation::Public(1), 1)
    }

    fn phi(&mut self) -> FormId {
        self.push(Operation::Public(2), 1)
    }

    fn witness(
        &mut self,
        _name: &'static str,
        len: usize,
        _of: &[&FormId],
        _hint: impl FnOnce(&[&[i64]]) -> Vec<i64>,
    ) -> FormId {
        let start = self.round1;
        self.round1 += len;
        self.push(Operation::Round1(start), len)
    }

    fn late_witness(
        &mut self,
        _name: &'static str,
        len: usize,
        _of: &[&FormId],
        _hint: impl FnOnce(&[&Values]) -> Vec<Fr>,
    ) -> FormId {
        let start = self.round2;
        self.round2 += len;
        self.push(Operation::Round2(start), len)
    }

    fn enforce(&mut self, name: &'static str, a: &FormId, b: &FormId, c: Option<&FormId>) {
        let len = self.length(*a);
        debug_assert!(self.length(*b) == len && c.is_none_or(|c| self.length(*c) == len));
        let site = self.site_of(name);
        self.blocks.push(Block { start: self.constraints, a: *a, b: *b, c: c.copied(), site });
        self.constraints += len;
    }

    fn note_lookups(&mut self, _lookups: usize, _rows: usize) {}
}

/// `2^-shift`.
pub(crate) fn inverse_power(shift: u32) -> Fr {
    Fr::from(2u64).inverse().unwrap_or(Fr::ZERO).pow([shift as u64])
}

fn accumulate(slot: &mut Option<Vec<Fr>>, gradient: Vec<Fr>) {
    match slot {
        Some(sum) => add(sum, &gradient),
        None => *slot = Some(gradient),
    }
}

fn add(sum: &mut [Fr], gradient: &[Fr]) {
    sum.par_iter_mut().with_min_len(1024).zip(gradient).for_each(|(s, g)| *s += g);
}

fn times(x: &[Fr], factor: i64) -> Vec<Fr> {
    match factor {
        1 => x.to_vec(),
        -1 => x.par_iter().map(|v| -*v).collect(),
        _ => {
            let factor = from_integer(factor);
            x.par_iter().map(|v| *v * factor).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation once, with random rows: `l · (M z) = (M^T l) · z`.
    #[test]
    fn the_reverse_pass_is_adjoint_to_the_forward_pass() {
        let mut c = Circuit::default();
        let x = c.witness("x", 6, &[], |_| vec![]);
        let y = c.late_witness("y", 2, &[], |_| vec![]);
        let k = c.constant(6, || Arc::from([3, -4, 5, 6, 7, -8]));
        let map =
            LinearMap::Dense { weight: Arc::from([1, -2, 3, 4, 5, -6]), outputs: 2, inputs: 3 };
        let dense = c.linear(&Arc::new(map), &x);
        let gathered = c.gather(&Arc::from([3, ZERO, 1, 0, 7, 2]), &[&dense, &x]);
        let repeated = c.repeat(&y, 6);
        let field = c.field_constant(6, || (0..6u64).map(|i| -Fr::from(i).pow([99])).collect());
        let mixed = c.combine(&[(2, &gathered), (-1, &repeated), (7, &k), (3, &field)], -9);
        let divided = c.divide(&mixed, 3);
        let total = c.total(&divided);
        let chi = c.chi();
        let phi = c.phi();
        c.enforce("vector", &divided, &x, Some(&repeated));
        c.enforce("scalar", &total, &chi, Some(&phi));
        let layout = c.layout();
        let random = |n: usize, seed: u64| -> Vec<Fr> {
            (0..n as u64).map(|i| Fr::from(seed + i).pow([5 + i])).collect()
        };
        let mut wires = random(layout.wires(), 3);
        wires[0] = Fr::ONE;
        let rows = random(layout.constraints, 77);
        let dot = |a: &[Fr], b: &[Fr]| -> Fr { a.iter().zip(b).map(|(x, y)| *x * y).sum() };
        let (forward, reverse) = (c.evaluate(&wires), c.columns(&rows));
        assert_eq!(dot(&rows, &forward.a), dot(&reverse.a, &wires));
        assert_eq!(dot(&rows, &forward.b), dot(&reverse.b, &wires));
        assert_eq!(dot(&rows, &forward.c), dot(&reverse.c, &wires));
    }

    #[test]
    fn a_row_knows_its_site() {
        let mut c = Circuit::default();
        let x = c.witness("x", 3, &[], |_| vec![]);
        c.enter(&"first".into(), "gadget");
        c.enforce("one", &x, &x, None);
        c.enter(&"second".into(), "gadget");
        c.enforce("two", &x, &x, None);
        assert_eq!(c.site(2).map(|s| s.name), Some("one"));
        assert_eq!(c.site(3).map(|s| (&*s.layer, s.name)), Some(("second", "two")));
    }
}
