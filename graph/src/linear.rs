//! Constant linear maps, stored by their structure.
//!
//! A map is applied forwards by the interpreter, the trace and the checker, and transposed by the
//! setup (which evaluates `M^T l`); both are written once here and work on any [`Accumulate`].
//! Memory is `O(weights)`; time is one multiply-accumulate per weight use.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::MAX_ELEMENTS;
use super::interval::Interval;

/// A running sum of `weight * value`.
pub trait Accumulate: Default + Send {
    /// What is summed.
    type Value: Copy + Send + Sync;
    /// Adds `weight * value`.
    fn add(&mut self, weight: i64, value: &Self::Value);
    /// The sum.
    fn finish(self) -> Self::Value;
}

/// Sums of integers. Wraps silently; the graph's bounds exclude that for honest values.
#[derive(Default)]
pub struct IntegerSum(i64);

impl Accumulate for IntegerSum {
    type Value = i64;

    fn add(&mut self, weight: i64, value: &i64) {
        self.0 = self.0.wrapping_add(weight.wrapping_mul(*value));
    }

    fn finish(self) -> i64 {
        self.0
    }
}

/// A constant linear map between flat row-major tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LinearMap {
    /// `y[t, j] = sum_k weight[j, k] x[t, k]` for every row `t`.
    Dense {
        /// Row-major `[outputs, inputs]`.
        weight: Arc<[i32]>,
        /// Row length of `y`.
        outputs: usize,
        /// Row length of `x`.
        inputs: usize,
    },
    /// Cross-correlation over `[channels, height, width]` with zero padding.
    Conv(Conv),
    /// `y[i] = factors[i] x[i]`.
    Diagonal(Arc<[i64]>),
}

/// A two-dimensional cross-correlation with constant weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv {
    /// Row-major `[out_channels, in_channels / groups, kernel height, kernel width]`.
    pub weight: Arc<[i32]>,
    /// Channels of the operand.
    pub in_channels: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// Channel groups.
    pub groups: usize,
    /// Height and width of the operand.
    pub input: [usize; 2],
    /// Height and width of the result.
    pub output: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Distance of kernel elements.
    pub dilation: [usize; 2],
    /// Zero rows and columns before the operand.
    pub before: [usize; 2],
}

impl LinearMap {
    /// Whether the map is well formed: its dimensions agree with its weights and none is zero.
    pub fn is_consistent(&self) -> bool {
        match self {
            LinearMap::Dense { weight, outputs, inputs } => {
                *outputs > 0 && *inputs > 0 && outputs.checked_mul(*inputs) == Some(weight.len())
            }
            LinearMap::Conv(conv) => conv.is_consistent(),
            LinearMap::Diagonal(factors) => !factors.is_empty(),
        }
    }

    /// Elements of the result for an operand of `len` elements; `None` when `len` does not fit.
    pub fn output_len(&self, len: usize) -> Option<usize> {
        match self {
            LinearMap::Dense { outputs, inputs, .. } => (len.is_multiple_of(*inputs))
                .then(|| (len / inputs).checked_mul(*outputs))
                .flatten(),
            LinearMap::Conv(conv) => (len == conv.input_len()).then(|| conv.output_len()),
            LinearMap::Diagonal(factors) => (len == factors.len()).then_some(len),
        }
    }

    /// Weights that are stored.
    pub fn weights(&self) -> usize {
        match self {
            LinearMap::Dense { weight, .. } => weight.len(),
            LinearMap::Conv(conv) => conv.weight.len(),
            LinearMap::Diagonal(factors) => factors.len(),
        }
    }

    /// Multiply-accumulates for an operand of `len` elements.
    pub fn multiplications(&self, len: usize) -> u64 {
        match self {
            LinearMap::Dense { outputs, .. } => len as u64 * *outputs as u64,
            LinearMap::Conv(conv) => {
                conv.output_len() as u64
                    * (conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1]) as u64
            }
            LinearMap::Diagonal(_) => len as u64,
        }
    }

    /// `M x`.
    pub fn apply<A: Accumulate>(&self, x: &[A::Value]) -> Vec<A::Value> {
        match self {
            LinearMap::Dense { weight, outputs, inputs } => {
                let rows = x.len() / inputs;
                collect(rows * outputs, |index| {
                    let (row, j) = (index / outputs, index % outputs);
                    let mut sum = A::default();
                    let operand = &x[row * inputs..(row + 1) * inputs];
                    for (w, value) in weight[j * inputs..(j + 1) * inputs].iter().zip(operand) {
                        sum.add((*w).into(), value);
                    }
                    sum.finish()
                })
            }
            LinearMap::Conv(conv) => conv.apply::<A>(x),
            LinearMap::Diagonal(factors) => scale::<A>(factors, x),
        }
    }

    /// `M^T y`.
    pub fn apply_transposed<A: Accumulate>(&self, y: &[A::Value]) -> Vec<A::Value> {
        match self {
            LinearMap::Dense { weight, outputs, inputs } => {
                // Blocks of columns, so that the weights are read along their rows.
                let blocks = inputs.div_ceil(CHUNK);
                rows(y.len() / outputs * blocks, |index| {
                    let (row, start) = (index / blocks, index % blocks * CHUNK);
                    let width = CHUNK.min(inputs - start);
                    let mut sums: Vec<A> = std::iter::repeat_with(A::default).take(width).collect();
                    for (j, value) in y[row * outputs..(row + 1) * outputs].iter().enumerate() {
                        let weights = &weight[j * inputs + start..][..width];
                        sums.iter_mut()
                            .zip(weights)
                            .for_each(|(sum, w)| sum.add((*w).into(), value));
                    }
                    sums
                })
            }
            LinearMap::Conv(conv) => conv.apply_transposed::<A>(y),
            LinearMap::Diagonal(factors) => scale::<A>(factors, y),
        }
    }

    /// Bounds of every element of the result when every element of the operand lies in `x`; exact
    /// for independent elements.
    pub fn bounds(&self, x: Interval) -> Option<Interval> {
        match self {
            LinearMap::Dense { weight, inputs, .. } => row_bounds(weight, *inputs, x, false),
            LinearMap::Conv(conv) => {
                let row = conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1];
                row_bounds(&conv.weight, row, x, conv.pads())
            }
            LinearMap::Diagonal(factors) => {
                let factors = Interval::of(factors)?;
                x.product(factors)
            }
        }
    }
}

impl Conv {
    fn is_consistent(&self) -> bool {
        let positive = [self.in_channels, self.out_channels, self.groups]
            .into_iter()
            .chain(
                [self.input, self.output, self.kernel, self.stride, self.dilation]
                    .into_iter()
                    .flatten(),
            )
            .all(|n| n > 0);
        let plane = |channels: usize, [height, width]: [usize; 2]| {
            channels.checked_mul(height)?.checked_mul(width)
        };
        let bounded = |n: Option<usize>| n.is_some_and(|n| n <= MAX_ELEMENTS);
        // Small enough that no position in or around the operand overflows.
        let steps = [self.input, self.output, self.kernel, self.stride, self.dilation, self.before];
        positive
            && steps.into_iter().flatten().all(|n| n <= MAX_ELEMENTS)
            && bounded(plane(self.in_channels, self.input))
            && bounded(plane(self.out_channels, self.output))
            && self.in_channels.is_multiple_of(self.groups)
            && self.out_channels.is_multiple_of(self.groups)
            && [self.in_channels / self.groups, self.kernel[0], self.kernel[1]]
                .into_iter()
                .try_fold(self.out_channels, usize::checked_mul)
                == Some(self.weight.len())
    }

    fn input_len(&self) -> usize {
        self.in_channels * self.input[0] * self.input[1]
    }

    fn output_len(&self) -> usize {
        self.out_channels * self.output[0] * self.output[1]
    }

    /// Whether any window reaches into the padding.
    fn pads(&self) -> bool {
        (0..2).any(|axis| {
            let last = (self.output[axis] - 1) * self.stride[axis]
                + (self.kernel[axis] - 1) * self.dilation[axis];
            self.before[axis] > 0 || last >= self.input[axis] + self.before[axis]
        })
    }

    /// Position in the operand that output position `out` reads through kernel element `k`.
    fn source(&self, axis: usize, out: usize, k: usize) -> Option<usize> {
        (out * self.stride[axis] + k * self.dilation[axis])
            .checked_sub(self.before[axis])
            .filter(|position| *position < self.input[axis])
    }

    /// Output position that reads operand position `at` through kernel element `k`.
    fn target(&self, axis: usize, at: usize, k: usize) -> Option<usize> {
        let offset = (at + self.before[axis]).checked_sub(k * self.dilation[axis])?;
        (offset % self.stride[axis] == 0)
            .then(|| offset / self.stride[axis])
            .filter(|out| *out < self.output[axis])
    }

    fn weight_at(&self, out_channel: usize, channel: usize, ky: usize, kx: usize) -> i64 {
        let per_group = self.in_channels / self.groups;
        let [kh, kw] = self.kernel;
        self.weight[((out_channel * per_group + channel) * kh + ky) * kw + kx].into()
    }

    /// One thread sums a row of the result at a time, so that the innermost loop has one weight and
    /// runs along rows.
    fn apply<A: Accumulate>(&self, x: &[A::Value]) -> Vec<A::Value> {
        let per_group = self.in_channels / self.groups;
        let out_per_group = self.out_channels / self.groups;
        let [oh, ow] = self.output;
        let [ih, iw] = self.input;
        rows(self.out_channels * oh, |row| {
            let (channel, y0) = (row / oh, row % oh);
            let first = channel / out_per_group * per_group;
            let mut sums: Vec<A> = std::iter::repeat_with(A::default).take(ow).collect();
            for ky in 0..self.kernel[0] {
                let Some(sy) = self.source(0, y0, ky) else { continue };
                for c in 0..per_group {
                    let line = &x[((first + c) * ih + sy) * iw..][..iw];
                    for kx in 0..self.kernel[1] {
                        let weight = self.weight_at(channel, c, ky, kx);
                        for (x0, sum) in sums.iter_mut().enumerate() {
                            if let Some(sx) = self.source(1, x0, kx) {
                                sum.add(weight, &line[sx]);
                            }
                        }
                    }
                }
            }
            sums
        })
    }

    fn apply_transposed<A: Accumulate>(&self, y: &[A::Value]) -> Vec<A::Value> {
        let per_group = self.in_channels / self.groups;
        let out_per_group = self.out_channels / self.groups;
        let [oh, ow] = self.output;
        let [ih, iw] = self.input;
        rows(self.in_channels * ih, |row| {
            let (channel, y0) = (row / ih, row % ih);
            let (group, c) = (channel / per_group, channel % per_group);
            let mut sums: Vec<A> = std::iter::repeat_with(A::default).take(iw).collect();
            for ky in 0..self.kernel[0] {
                let Some(ty) = self.target(0, y0, ky) else { continue };
                for out in group * out_per_group..(group + 1) * out_per_group {
                    let line = &y[(out * oh + ty) * ow..][..ow];
                    for kx in 0..self.kernel[1] {
                        let weight = self.weight_at(out, c, ky, kx);
                        for (tx, value) in line.iter().enumerate() {
                            if let Some(x0) = self.source(1, tx, kx) {
                                sums[x0].add(weight, value);
                            }
                        }
                    }
                }
            }
            sums
        })
    }
}

/// Elements that one thread handles at a time.
const CHUNK: usize = 64;

fn collect<T: Send>(len: usize, element: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    (0..len).into_par_iter().with_min_len(CHUNK).map(element).collect()
}

/// `count` rows of sums, finished and laid one after the other.
fn rows<A: Accumulate>(count: usize, row: impl Fn(usize) -> Vec<A> + Sync + Send) -> Vec<A::Value> {
    let finish = |index| row(index).into_iter().map(A::finish).collect::<Vec<_>>();
    (0..count).into_par_iter().flat_map_iter(finish).collect()
}

fn scale<A: Accumulate>(factors: &[i64], x: &[A::Value]) -> Vec<A::Value> {
    let element = |(factor, value): (&i64, &A::Value)| {
        let mut sum = A::default();
        sum.add(*factor, value);
        sum.finish()
    };
    factors.par_iter().with_min_len(CHUNK).zip(x).map(element).collect()
}

fn row_bounds(weight: &[i32], row: usize, x: Interval, padded: bool) -> Option<Interval> {
    // A padded window drops some terms, so each term may also be zero.
    let x = if padded { x.hull(Interval { low: 0, high: 0 }) } else { x };
    weight
        .par_chunks(row)
        .map(|row| {
            // A row of 2^31 weights would not reach 2^63.
            let (positive, negative) = row.iter().fold((0i64, 0i64), |(p, n), w| {
                (p + i64::from((*w).max(0)), n + i64::from((*w).min(0)))
            });
            x.weighted(positive.into(), negative.into())
        })
        .try_reduce_with(|a, b| Some(a.hull(b)))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dot(a: &[i64], b: &[i64]) -> i64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    fn conv() -> impl Strategy<Value = LinearMap> {
        (
            (1usize..4, 1usize..3, 1usize..3),
            (
                [1usize..4, 1usize..4],
                [1usize..3, 1usize..3],
                [1usize..3, 1usize..3],
                [0usize..2, 0usize..2],
            ),
            any::<u64>(),
        )
            .prop_map(
                |((groups, per_in, per_out), (kernel, stride, dilation, before), seed)| {
                    let input = [7, 8];
                    let output = [0, 1].map(|a: usize| {
                        (input[a] + 2 * before[a] - ((kernel[a] - 1) * dilation[a] + 1)) / stride[a]
                            + 1
                    });
                    let len = groups * per_out * per_in * kernel[0] * kernel[1];
                    let weight = (0..len as u64)
                        .map(|i| (seed.wrapping_mul(i * i + 7) >> 40) as i32 % 50 - 25)
                        .collect();
                    LinearMap::Conv(Conv {
                        weight,
                        in_channels: groups * per_in,
                        out_channels: groups * per_out,
                        groups,
                        input,
                        output,
                        kernel,
                        stride,
                        dilation,
                        before,
                    })
                },
            )
    }

    fn dense() -> impl Strategy<Value = LinearMap> {
        (1usize..6, 1usize..6).prop_flat_map(|(outputs, inputs)| {
            proptest::collection::vec(-9i32..9, outputs * inputs)
                .prop_map(move |weight| LinearMap::Dense { weight: weight.into(), outputs, inputs })
        })
    }

    fn input_len(map: &LinearMap) -> usize {
        match map {
            LinearMap::Dense { inputs, .. } => 3 * inputs,
            LinearMap::Conv(conv) => conv.input_len(),
            LinearMap::Diagonal(factors) => factors.len(),
        }
    }

    proptest! {
        #[test]
        fn the_transpose_is_adjoint(map in prop_oneof![dense(), conv()], seed in any::<u64>()) {
            prop_assert!(map.is_consistent());
            let n = input_len(&map);
            let m = map.output_len(n).unwrap();
            let integers = |n: usize, step: u64, shift: u32, least: i64| -> Vec<i64> {
                let integer = |i| (seed.wrapping_mul(i + step) >> shift) as i64 - least;
                (0..n as u64).map(integer).collect()
            };
            let (x, y) = (integers(n, 3, 50, 8000), integers(m, 11, 52, 2000));
            let forward = map.apply::<IntegerSum>(&x);
            prop_assert_eq!(forward.len(), m);
            prop_assert_eq!(dot(&forward, &y), dot(&x, &map.apply_transposed::<IntegerSum>(&y)));
            let bounds = map.bounds(Interval::of(&x).unwrap()).unwrap();
            prop_assert!(forward.iter().all(|v| bounds.contains(*v)));
        }
    }

    #[test]
    fn bounds_are_reached() {
        let map = LinearMap::Dense { weight: vec![2, -3, 1, 1].into(), outputs: 2, inputs: 2 };
        let bounds = map.bounds(Interval { low: -1, high: 4 }).unwrap();
        assert_eq!(bounds, Interval { low: -14, high: 11 });
        assert_eq!(map.apply::<IntegerSum>(&[-1, 4])[0], -14);
        assert_eq!(map.apply::<IntegerSum>(&[4, -1])[0], 11);
    }
}
