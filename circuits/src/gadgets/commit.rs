//! Commitment: the salted Poseidon2 digest of a tensor ([`crate::commitment`]), a form that goes
//! into the statement.
//!
//! The elements of the tensor are proven integers of `[-2^31, 2^31)`, so packing them is linear and
//! injective. The salt is four round-1 wires; they need no range, since any salt is as good as
//! another. An s-box costs
//!
//! ```text
//! x x = x2,    x2 x2 = x4,    x4 x = x5
//! ```
//!
//! and everything between is linear. All permutations of a sponge go side by side: every state is a
//! linear form of the s-box outputs, the wires `x5`, so these are assigned first, and one block of
//! each constraint covers all of them.
//!
//! Cost: 240 constraints and wires a permutation, one permutation for 14 integers: `n` integers
//! take `ceil((1 + ceil(n / 7)) / 2)`.
//!
//! The s-box wires have full width and so belong to round 2, but they leave no choice: given the
//! tensor and the salt, which round 1 fixes, each is determined by its constraint. The digest is
//! therefore fixed before the challenge, as the fold demands. A salt in round 2 would not do.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use lemma_graph::ZERO;

use super::Gadgets;
use crate::builder::{Builder, Values};
use crate::commitment::{BITS, LIMB_BITS, LIMBS, OFFSET, PER_WORD, Salt, domain, sponge};
use crate::poseidon2::{SBOXES, WIDTH, constants, fifth_power, permute_with, rounds};

impl<B: Builder> Gadgets<B> {
    /// The digest of `x`, a vector of length 1. Builders that know no values ignore the salt.
    pub fn commit(&mut self, x: &B::Form, fractional_bits: i32, salt: Option<&Salt>) -> B::Form {
        self.enter("commitment");
        let limbs = || salt.map_or_else(Vec::new, |salt| salt.limbs().to_vec());
        let limbs = self.builder.witness("salt", LIMBS, &[], |_| limbs());
        let salt = self.packed(&limbs, LIMBS, LIMB_BITS, 0);
        let words = self.packed(x, PER_WORD, BITS, OFFSET);
        let count = self.builder.len(&words);
        let permutations = (1 + count).div_ceil(2);
        let block = |lane: usize| {
            (0..permutations)
                .map(|k| 2 * k + lane)
                .map(|i| if i <= count { i as u32 } else { ZERO })
                .collect()
        };
        let (left, right): (Arc<[u32]>, Arc<[u32]>) = (block(0), block(1));
        let left = self.builder.gather(&left, &[&salt, &words]);
        let right = self.builder.gather(&right, &[&salt, &words]);
        let domain = domain(self.builder.len(x), fractional_bits);
        self.sponge(domain, [left, right])
    }

    /// `sum_j (x_(n i + j) + offset) 2^(bits j)` for every group of `n` elements; the last group is
    /// filled up with zeros.
    fn packed(&mut self, x: &B::Form, n: usize, bits: u32, offset: i64) -> B::Form {
        let len = self.builder.len(x);
        let groups = len.div_ceil(n);
        let mut sum = self.builder.field_constant(groups, || vec![Fr::ZERO; groups].into());
        for j in (0..n).rev() {
            let digits: Arc<[u32]> = (0..groups)
                .map(|i| n * i + j)
                .map(|i| if i < len { i as u32 } else { ZERO })
                .collect();
            let digits = self.builder.gather(&digits, &[x]);
            sum = self.builder.combine(&[(1 << bits, &sum), (1, &digits)], offset);
        }
        sum
    }

    /// Lane 0 of the sponge after all blocks, `(left_k, right_k)` each.
    fn sponge(&mut self, domain: Fr, [left, right]: [B::Form; 2]) -> B::Form {
        let blocks = self.builder.len(&left);
        let outputs = self.builder.late_witness("fifth", SBOXES * blocks, &[&left, &right], |v| {
            sboxes(domain, v[0], v[1])
        });
        let output =
            |gadgets: &mut Self, i: usize| gadgets.pick(&outputs, i * blocks..(i + 1) * blocks);

        // What each permutation starts from: the last state, or the domain, and a block.
        let previous: Arc<[u32]> =
            (0..blocks as u32).map(|k| k.checked_sub(1).unwrap_or(ZERO)).collect();
        let last = [0, 1, 2].map(|lane| output(self, SBOXES - WIDTH + lane));
        let last = self.external(last);
        let [a, b, c] = [0, 1, 2].map(|lane: usize| self.builder.gather(&previous, &[&last[lane]]));
        let start = self.builder.field_constant(blocks, || {
            let mut capacity = vec![Fr::ZERO; blocks];
            capacity.iter_mut().take(1).for_each(|first| *first = domain);
            capacity.into()
        });
        let sum = |gadgets: &mut Self, x: &B::Form, y: &B::Form| {
            gadgets.builder.combine(&[(1, x), (1, y)], 0)
        };
        let state = [sum(self, &a, &left), sum(self, &b, &right), sum(self, &c, &start)];
        let mut state = self.external(state);

        let mut inputs = Vec::with_capacity(SBOXES);
        for lanes in rounds() {
            for lane in state.iter_mut().take(lanes) {
                let output = output(self, inputs.len());
                inputs.push(std::mem::replace(lane, output));
            }
            state = if lanes == WIDTH { self.external(state) } else { self.internal(state) };
        }
        let all: Arc<[u32]> = (0..(SBOXES * blocks) as u32).collect();
        let inputs = self.builder.gather(&all, &inputs.iter().collect::<Vec<_>>());
        let constants = self.builder.field_constant(SBOXES, || constants().as_slice().into());
        let constants = self.builder.repeat(&constants, SBOXES * blocks);
        let inputs = sum(self, &inputs, &constants);

        let square =
            |v: &[&Values]| (0..v[0].len()).map(|i| v[0].field(i).square()).collect::<Vec<Fr>>();
        let squares = self.builder.late_witness("square", SBOXES * blocks, &[&inputs], square);
        self.builder.enforce("square", &inputs, &inputs, Some(&squares));
        let fourths = self.builder.late_witness("fourth", SBOXES * blocks, &[&squares], square);
        self.builder.enforce("fourth", &squares, &squares, Some(&fourths));
        self.builder.enforce("fifth", &fourths, &inputs, Some(&outputs));
        self.pick(&state[0], std::iter::once(blocks - 1))
    }

    /// The external matrix.
    fn external(&mut self, [a, b, c]: [B::Form; WIDTH]) -> [B::Form; WIDTH] {
        self.lanes([a, b, c], [2, 2, 2])
    }

    /// The internal matrix.
    fn internal(&mut self, [a, b, c]: [B::Form; WIDTH]) -> [B::Form; WIDTH] {
        self.lanes([a, b, c], [2, 2, 3])
    }

    /// The matrix with this diagonal and ones elsewhere.
    fn lanes(&mut self, [a, b, c]: [B::Form; WIDTH], diagonal: [i64; WIDTH]) -> [B::Form; WIDTH] {
        let sum = self.builder.combine(&[(1, &a), (1, &b), (1, &c)], 0);
        [(a, diagonal[0]), (b, diagonal[1]), (c, diagonal[2])]
            .map(|(lane, d)| self.builder.combine(&[(1, &sum), (d - 1, &lane)], 0))
    }
}

/// Outputs of all s-boxes: of the first of every permutation, then of the second, and so on.
fn sboxes(domain: Fr, left: &Values, right: &Values) -> Vec<Fr> {
    let blocks = left.len();
    let mut outputs = vec![Fr::ZERO; SBOXES * blocks];
    let mut k = 0;
    sponge(domain, (0..blocks).map(|k| [left.field(k), right.field(k)]), |state| {
        let state = permute_with(state, |i, x| {
            let output = fifth_power(x);
            outputs[i * blocks + k] = output;
            output
        });
        k += 1;
        state
    });
    outputs
}
