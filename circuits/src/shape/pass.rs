//! The forward and the reverse pass through the linear operations of a circuit.

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use lemma_graph::{LinearMap, ZERO};
use rayon::prelude::*;

use super::{Circuit, FormId, Operation, Side, inverse_power};
use crate::field::{FieldSum, from_integer};
use crate::relation::PUBLIC_WIRES;

impl Circuit {
    /// The values of all forms for some wires.
    pub(super) fn forward(&self, wires: &[Fr]) -> Vec<Vec<Fr>> {
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
    pub(super) fn reverse(&self, rows: &[Fr], side: Side) -> Vec<Fr> {
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
