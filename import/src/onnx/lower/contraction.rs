//! Einstein sums: every product of matrices is one.
//!
//! Each letter of the sum is in some of A, B and the result. Letters in all three are batch axes,
//! in A and the result rows, in B and the result columns, in A and B summed. Operands are
//! transposed and reshaped to `[batch.., rows, summed]` and `[batch.., summed, columns]`,
//! multiplied, and the product is brought to the order of the result. A constant operand without
//! batch axes becomes the weight of a dense layer; a sum without summed letters is an elementwise
//! product.

use ndarray::{ArrayD, Axis, Ix2};

use super::{Lowering, Node, Problem};
use lemma_model::{NodeId, Op};

/// An operand with its letters.
pub(super) struct Operand {
    pub value: Matter,
    pub letters: Vec<char>,
}

pub(super) enum Matter {
    Node(NodeId),
    Constant(ArrayD<f32>),
}

impl Lowering {
    /// The sum of one or two operands, no letter twice in any of them, in the order of `result`.
    pub(super) fn contraction(
        &mut self,
        node: &Node,
        operands: Vec<Operand>,
        result: &[char],
    ) -> Result<NodeId, Problem> {
        let mut operands = operands.into_iter();
        match (operands.next(), operands.next(), operands.next()) {
            (Some(mut a), None, None) => {
                self.sum_out(node, &mut a, |letter| !result.contains(&letter))?;
                self.in_result_order(node, a, result)
            }
            (Some(a), Some(b), None) => self.pair(node, a, b, result),
            _ => Err(node.problem(
                "sums of more than two operands are not supported; write them as several",
            )),
        }
    }

    fn pair(
        &mut self,
        node: &Node,
        a: Operand,
        b: Operand,
        result: &[char],
    ) -> Result<NodeId, Problem> {
        // The computed operand first, so that a constant one can become a weight; the result does
        // not care.
        let (mut a, mut b) = if matches!(a.value, Matter::Constant(_)) { (b, a) } else { (a, b) };
        let (b_letters, a_letters) = (b.letters.clone(), a.letters.clone());
        self.sum_out(node, &mut a, |letter| {
            !result.contains(&letter) && !b_letters.contains(&letter)
        })?;
        self.sum_out(node, &mut b, |letter| {
            !result.contains(&letter) && !a_letters.contains(&letter)
        })?;
        self.drop_broadcast(node, &mut a, &mut b, result)?;

        let shared = |letter: &char| a.letters.contains(letter) && b.letters.contains(letter);
        let batch: Vec<char> = result.iter().copied().filter(shared).collect();
        let summed: Vec<char> =
            a.letters.iter().copied().filter(|l| shared(l) && !result.contains(l)).collect();
        let only = |own: &[char], other: &[char]| -> Vec<char> {
            result.iter().copied().filter(|l| own.contains(l) && !other.contains(l)).collect()
        };
        let rows = only(&a.letters, &b.letters);
        let columns = only(&b.letters, &a.letters);
        if summed.is_empty() {
            return self.elementwise_product(node, a, b, result);
        }
        let extent = |operand: &Operand, letters: &[char], lowering: &Self| -> Vec<usize> {
            letters.iter().filter_map(|letter| operand.extent(*letter, lowering)).collect()
        };
        let (rows_shape, columns_shape) = (extent(&a, &rows, self), extent(&b, &columns, self));
        let batch_shape = extent(&a, &batch, self);
        let depth: usize = extent(&a, &summed, self).iter().product();
        let (height, width): (usize, usize) =
            (rows_shape.iter().product(), columns_shape.iter().product());

        self.reorder(node, &mut a, &[&batch[..], &rows, &summed].concat())?;
        self.reorder(node, &mut b, &[&batch[..], &summed, &columns].concat())?;
        let product = match (b.value, batch.is_empty()) {
            (Matter::Constant(weight), true) => {
                let weight = weight
                    .into_shape_with_order((depth, width))
                    .map_err(|error| node.problem(error.to_string()))?
                    .into_dimensionality::<Ix2>()
                    .map_err(|error| node.problem(error.to_string()))?;
                let x = self.matter(node, a.value)?;
                let x = self.reshaped(
                    &format!("{}.rows", node.name),
                    x,
                    &[&rows_shape[..], &[depth]].concat(),
                )?;
                self.push(&node.name, Op::Dense { weight, bias: None }, &[x])?
            }
            (value, _) => {
                let (x, y) = (self.matter(node, a.value)?, self.matter(node, value)?);
                let x = self.reshaped(
                    &format!("{}.left", node.name),
                    x,
                    &[&batch_shape[..], &[height, depth]].concat(),
                )?;
                let y = self.reshaped(
                    &format!("{}.right", node.name),
                    y,
                    &[&batch_shape[..], &[depth, width]].concat(),
                )?;
                self.push(&node.name, Op::MatMul, &[x, y])?
            }
        };
        let shape = [&batch_shape[..], &rows_shape, &columns_shape].concat();
        let product = self.reshaped(&format!("{}.split", node.name), product, &shape)?;
        let letters = [&batch[..], &rows, &columns].concat();
        self.in_result_order(node, Operand { value: Matter::Node(product), letters }, result)
    }

    fn elementwise_product(
        &mut self,
        node: &Node,
        a: Operand,
        b: Operand,
        result: &[char],
    ) -> Result<NodeId, Problem> {
        let a = self.in_result_order(node, a, result)?;
        let b = self.in_result_order(node, b, result)?;
        self.push(&node.name, Op::Mul, &[a, b])
    }

    /// Sums the letters that `drop` names away.
    fn sum_out(
        &mut self,
        node: &Node,
        x: &mut Operand,
        drop: impl Fn(char) -> bool,
    ) -> Result<(), Problem> {
        let axes: Vec<usize> = (0..x.letters.len()).filter(|&axis| drop(x.letters[axis])).collect();
        if axes.is_empty() {
            return Ok(());
        }
        x.letters.retain(|&letter| !drop(letter));
        match &mut x.value {
            Matter::Node(id) => {
                *id = self.push(
                    &format!("{}.sum", node.name),
                    Op::Sum { axes: axes.clone() },
                    &[*id],
                )?;
                let shape: Vec<usize> = without(self.shape_of(*id), &axes);
                *id = self.reshaped(&format!("{}.summed", node.name), *id, &shape)?;
            }
            Matter::Constant(array) => {
                for &axis in axes.iter().rev() {
                    *array = array.sum_axis(Axis(axis));
                }
            }
        }
        Ok(())
    }

    /// Removes axes of size 1 from an operand where the other one has the same letter: they
    /// broadcast.
    fn drop_broadcast(
        &mut self,
        node: &Node,
        a: &mut Operand,
        b: &mut Operand,
        result: &[char],
    ) -> Result<(), Problem> {
        for letter in a.letters.clone() {
            let (Some(in_a), Some(in_b)) = (a.extent(letter, self), b.extent(letter, self)) else {
                continue;
            };
            if in_b == 1 {
                self.without_letter(node, b, letter)?;
            } else if in_a == 1 {
                self.without_letter(node, a, letter)?;
            } else if in_a != in_b {
                return Err(node.problem(format!("axes of {in_a} and {in_b} do not match")));
            }
        }
        // A summed letter that one side no longer has is summed on the other.
        let (in_a, in_b) = (a.letters.clone(), b.letters.clone());
        self.sum_out(node, a, |letter| !result.contains(&letter) && !in_b.contains(&letter))?;
        self.sum_out(node, b, |letter| !result.contains(&letter) && !in_a.contains(&letter))
    }

    fn without_letter(
        &mut self,
        node: &Node,
        x: &mut Operand,
        letter: char,
    ) -> Result<(), Problem> {
        let Some(axis) = x.letters.iter().position(|&own| own == letter) else {
            return Ok(());
        };
        x.letters.remove(axis);
        match &mut x.value {
            Matter::Node(id) => {
                let shape = without(self.shape_of(*id), &[axis]);
                *id = self.reshaped(&format!("{}.squeeze", node.name), *id, &shape)?;
            }
            Matter::Constant(array) => *array = array.index_axis(Axis(axis), 0).to_owned(),
        }
        Ok(())
    }

    fn reorder(&mut self, node: &Node, x: &mut Operand, letters: &[char]) -> Result<(), Problem> {
        let permutation: Vec<usize> = letters
            .iter()
            .filter_map(|letter| x.letters.iter().position(|own| own == letter))
            .collect();
        if permutation.len() != x.letters.len() {
            return Err(node.problem("an axis has no place in the product"));
        }
        match &mut x.value {
            Matter::Node(id) => {
                *id = self.transposed(&format!("{}.order", node.name), *id, &permutation)?
            }
            Matter::Constant(array) => {
                *array = array
                    .view()
                    .permuted_axes(permutation.as_slice())
                    .as_standard_layout()
                    .into_owned();
            }
        }
        x.letters = letters.to_vec();
        Ok(())
    }

    /// `x` in the order of the result, with axes of size 1 for the letters that it lacks.
    fn in_result_order(
        &mut self,
        node: &Node,
        mut x: Operand,
        result: &[char],
    ) -> Result<NodeId, Problem> {
        let own: Vec<char> =
            result.iter().copied().filter(|letter| x.letters.contains(letter)).collect();
        self.reorder(node, &mut x, &own)?;
        let shape: Vec<usize> =
            result.iter().map(|&letter| x.extent(letter, self).unwrap_or(1)).collect();
        let id = self.matter(node, x.value)?;
        self.reshaped(&format!("{}.result", node.name), id, &shape)
    }

    fn matter(&mut self, node: &Node, value: Matter) -> Result<NodeId, Problem> {
        match value {
            Matter::Node(id) => Ok(id),
            Matter::Constant(array) => {
                self.push(&format!("{}.constant", node.name), Op::Constant(array), &[])
            }
        }
    }
}

impl Operand {
    fn extent(&self, letter: char, lowering: &Lowering) -> Option<usize> {
        let axis = self.letters.iter().position(|&own| own == letter)?;
        match &self.value {
            Matter::Node(id) => lowering.shape_of(*id).get(axis).copied(),
            Matter::Constant(array) => array.shape().get(axis).copied(),
        }
    }
}

fn without(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    shape
        .iter()
        .enumerate()
        .filter(|(axis, _)| !axes.contains(axis))
        .map(|(_, &extent)| extent)
        .collect()
}
