//! Multi-scalar multiplication: Pippenger's algorithm with signed digits over grouped sums.
//!
//! For a window with digits `d_i`, the buckets `B_v = sum_{d_i = v} P_i` are one grouped sum. With
//! `v = 2^k h + l`,
//!
//! ```text
//! sum_v v B_v = 2^k sum_h h (sum_l B_{h,l})  +  sum_l l (sum_h B_{h,l})
//! ```
//!
//! so the weighted sum of the buckets is another grouped sum, over rows and columns, and then two
//! running sums of about the square root of the number of buckets.
//!
//! A window of a class of scalars is a task of its own, so that tasks need not talk to each other;
//! with more threads than windows, scalars are split too.

use std::sync::{Mutex, PoisonError};

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use rayon::prelude::*;

use super::Avx512;
use super::field::{Coordinates, Modulus};
use super::points::Packed;
use super::scalars::{absolute, add};
use super::sum::{Item, Summer, Sums};
use super::windows::{Windows, classes};
use crate::kernel::point::Point;
use crate::kernel::scalars::Scalars;

/// Items that are summed at once: their points fit the caches.
const CHUNK: usize = 1 << 17;

/// Scalars per segment.
const SEGMENT: usize = 1 << 13;

/// Less work than this, in additions, is not worth a task.
const SMALL_TASK: usize = 1 << 14;

/// `sum_k scalars[k] bases[k]`.
pub(in crate::kernel) fn msm<P: Point>(cpu: Avx512, bases: &[P], scalars: Scalars<'_>) -> P::Group {
    match P::DEGREE {
        1 => degree::<P, 1>(cpu, bases, scalars),
        _ => degree::<P, 2>(cpu, bases, scalars),
    }
}

fn degree<P: Point, const D: usize>(cpu: Avx512, bases: &[P], scalars: Scalars<'_>) -> P::Group {
    assert!(bases.len() < 1 << 31, "a multi-scalar multiplication has fewer than 2^31 bases");
    let bases: &[Packed<D>] = bytemuck::cast_slice(bases);
    let magnitudes = Magnitudes::new(cpu, scalars);
    let classes = magnitudes.classes();
    let tasks = tasks(&classes);
    // The memory of finished tasks, for those that start.
    let idle: Mutex<Vec<Summer<D>>> = Mutex::new(Vec::new());
    let sums: Vec<Vec<P::Group>> = tasks
        .par_iter()
        .with_max_len(1)
        .map(|task| {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            // SAFETY: `cpu` shows that the processor has the instructions.
            let mut summer = taken.unwrap_or_else(|| unsafe { Summer::new() });
            // SAFETY: `cpu` shows that the processor has the instructions.
            let weighted = unsafe { task.run(cpu, bases, &mut summer) };
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(summer);
            weighted.into_iter().map(|weighted| weighted.total::<P>()).collect()
        })
        .collect();
    let mut total = P::Group::ZERO;
    for class in &classes {
        let mut sum = P::Group::ZERO;
        for window in (0..class.windows.count).rev() {
            for _ in 0..class.windows.bits {
                sum.double_in_place();
            }
            for (task, sums) in tasks.iter().zip(&sums) {
                if std::ptr::eq(task.class, class) && task.windows.contains(&window) {
                    sum += sums[(window - task.windows.start) as usize];
                }
            }
        }
        total += sum;
    }
    total
}

/// Scalars without their signs, and their widths.
struct Magnitudes<'a> {
    scalars: Scalars<'a>,
    /// For field elements: canonical words, the sign in the highest bit.
    words: Vec<[u64; 4]>,
    /// Bits of each scalar; zero for zero.
    widths: Vec<u8>,
}

impl<'a> Magnitudes<'a> {
    fn new(cpu: Avx512, scalars: Scalars<'a>) -> Self {
        let n = scalars.len();
        let field = |value: &(dyn Fn(usize) -> Fr + Sync)| {
            let mut words = vec![[0; 4]; n];
            words.par_chunks_mut(SEGMENT).enumerate().for_each(|(i, words)| {
                for (j, words) in words.chunks_mut(8).enumerate() {
                    let mut values = [Fr::ZERO; 8];
                    for (k, value_k) in (i * SEGMENT + 8 * j..n).zip(&mut values) {
                        *value_k = value(k);
                    }
                    // SAFETY: `cpu` shows that the processor has the instructions.
                    let absolute = unsafe { absolute(cpu, &values) };
                    words.copy_from_slice(&absolute[..words.len()]);
                }
            });
            words
        };
        let small = |value: &(dyn Fn(usize) -> i64 + Sync)| {
            let mut widths = vec![0; n];
            widths.par_iter_mut().enumerate().with_min_len(SEGMENT).for_each(|(k, width)| {
                *width = (64 - value(k).unsigned_abs().leading_zeros()) as u8;
            });
            widths
        };
        let (words, widths) = match scalars {
            Scalars::Field(values) => (field(&|k| values[k]), Vec::new()),
            Scalars::FieldAt { values, indices } => {
                (field(&|k| values[indices[k] as usize]), Vec::new())
            }
            Scalars::Small(values) => (Vec::new(), small(&|k| values[k])),
            Scalars::SmallAt { values, indices } => {
                (Vec::new(), small(&|k| values[indices[k] as usize]))
            }
        };
        let widths = if words.is_empty() {
            widths
        } else {
            words.par_iter().with_min_len(SEGMENT).map(width).collect()
        };
        Self { scalars, words, widths }
    }

    /// Magnitude and sign of scalar `k`.
    fn get(&self, k: usize) -> ([u64; 4], u32) {
        let small = |value: i64| ([value.unsigned_abs(), 0, 0, 0], u32::from(value < 0));
        match self.scalars {
            Scalars::Small(values) => small(values[k]),
            Scalars::SmallAt { values, indices } => small(values[indices[k] as usize]),
            _ => {
                let [a, b, c, d] = self.words[k];
                ([a, b, c, d & (u64::MAX >> 1)], (d >> 63) as u32)
            }
        }
    }

    /// The scalars sorted by width.
    fn classes(&self) -> Vec<Class> {
        let histogram = self
            .widths
            .par_chunks(SEGMENT)
            .map(|widths| {
                let mut histogram = [0; 256];
                for &width in widths {
                    histogram[width as usize] += 1;
                }
                histogram
            })
            .reduce(
                || [0; 256],
                |mut left, right| {
                    for (l, r) in left.iter_mut().zip(right) {
                        *l += r;
                    }
                    left
                },
            );
        let windows = classes(&histogram);
        let mut class_of = [0; 256];
        for (width, class) in class_of.iter_mut().enumerate() {
            *class = windows.iter().take_while(|windows| (windows.width as usize) < width).count();
        }
        let offsets: Vec<[u64; 4]> = windows.iter().map(Windows::offset).collect();
        let strides: Vec<usize> = windows.iter().map(|windows| stride(windows.width)).collect();
        let segments: Vec<Vec<Segment>> = self
            .widths
            .par_chunks(SEGMENT)
            .enumerate()
            .map(|(i, widths)| {
                let mut segments: Vec<Segment> = vec![Segment::default(); windows.len()];
                for (k, &width) in (i * SEGMENT..).zip(widths) {
                    if width == 0 {
                        continue;
                    }
                    let class = class_of[width as usize];
                    let (magnitude, sign) = self.get(k);
                    let shifted = add(magnitude, offsets[class]);
                    segments[class].entries.push(2 * k as u32 + sign);
                    // No slice: its length would be known only at run time, and the copy a call.
                    segments[class].words.extend(shifted.into_iter().take(strides[class]));
                }
                segments
            })
            .collect();
        let mut classes: Vec<Class> = windows
            .into_iter()
            .map(|windows| Class { windows, scalars: 0, segments: Vec::new() })
            .collect();
        for segments in segments {
            for (class, segment) in classes.iter_mut().zip(segments) {
                class.scalars += segment.entries.len();
                class.segments.push(segment);
            }
        }
        classes
    }
}

/// Bits of a magnitude, its sign bit apart.
fn width(words: &[u64; 4]) -> u8 {
    let magnitude = [words[0], words[1], words[2], words[3] & (u64::MAX >> 1)];
    (0..4)
        .rev()
        .find(|&i| magnitude[i] != 0)
        .map_or(0, |i| (64 * i as u32 + 64 - magnitude[i].leading_zeros()) as u8)
}

/// Words that hold a scalar of `width` bits plus its offset.
fn stride(width: u32) -> usize {
    match width {
        0..64 => 1,
        64..128 => 2,
        _ => 4,
    }
}

/// Some scalars of a class.
#[derive(Clone, Debug, Default)]
struct Segment {
    /// Twice the index of the base, plus the sign.
    entries: Vec<u32>,
    /// The scalars plus the offset of their windows, [`stride`] words each.
    words: Vec<u64>,
}

/// Scalars that are cut in the same way.
#[derive(Debug)]
struct Class {
    windows: Windows,
    scalars: usize,
    segments: Vec<Segment>,
}

/// Some windows of some scalars of a class.
struct Task<'a> {
    class: &'a Class,
    windows: std::ops::Range<u32>,
    segments: &'a [Segment],
}

/// Cuts the work so that all threads have some of it to the end.
fn tasks(classes: &[Class]) -> Vec<Task<'_>> {
    let threads = rayon::current_num_threads();
    let work: usize =
        classes.iter().map(|class| class.scalars * class.windows.count as usize).sum();
    let share = (work / (8 * threads)).max(SMALL_TASK);
    let mut tasks = Vec::new();
    for class in classes {
        let count = class.windows.count as usize;
        let windows = (share / class.scalars.max(1)).clamp(1, count);
        // Every part has to sum its own buckets.
        let most_parts = (class.scalars / (8 * class.windows.buckets())).max(1);
        let parts = (2 * threads).div_ceil(count.div_ceil(windows)).min(most_parts);
        let parts = parts.min(class.scalars.div_ceil(share));
        let length = class.segments.len().div_ceil(parts.max(1)).max(1);
        for start in (0..class.windows.count).step_by(windows) {
            let windows = start..(start + windows as u32).min(class.windows.count);
            for segments in class.segments.chunks(length) {
                tasks.push(Task { class, windows: windows.clone(), segments });
            }
        }
    }
    tasks
}

impl Task<'_> {
    /// The row and column sums of each window.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    fn run<const D: usize>(
        &self,
        _cpu: Avx512,
        bases: &[Packed<D>],
        summer: &mut Summer<D>,
    ) -> Vec<Weighted<D>> {
        let cut = &self.class.windows;
        let stride = stride(cut.width);
        let buckets = cut.buckets();
        let groups = self.windows.len() * buckets;
        let mut sums = Sums::new();
        let mut items = Vec::with_capacity(CHUNK);
        for segment in self.segments {
            if items.len() + segment.entries.len() * self.windows.len() > CHUNK {
                summer.pass(bases, &items, groups, &mut sums);
                items.clear();
            }
            for (window, first) in self.windows.clone().zip((0..).step_by(buckets)) {
                for (words, &entry) in segment.words.chunks_exact(stride).zip(&segment.entries) {
                    let digit = cut.digit(words, window);
                    if digit != 0 {
                        items.push(Item {
                            group: first + digit.unsigned_abs() - 1,
                            entry: entry ^ u32::from(digit < 0),
                        });
                    }
                }
            }
        }
        summer.pass(bases, &items, groups, &mut sums);
        let sums = summer.finish(sums, groups);
        weigh(summer, &sums, self.windows.len(), buckets)
    }
}

/// What remains of the buckets of a window: `sum_h h 2^k rows_h + sum_l l columns_l`.
struct Weighted<const D: usize> {
    low_bits: u32,
    rows: Vec<Option<Packed<D>>>,
    columns: Vec<Option<Packed<D>>>,
}

/// Sums the buckets of each window by the high and by the low half of their digits.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn weigh<const D: usize>(
    summer: &mut Summer<D>,
    sums: &Sums<D>,
    windows: usize,
    buckets: usize,
) -> Vec<Weighted<D>> {
    let low_bits = buckets.ilog2().div_ceil(2);
    let (rows, columns) = ((buckets >> low_bits) + 1, 1usize << low_bits);
    let mut items = Vec::with_capacity(2 * sums.groups.len());
    for (&group, entry) in sums.groups.iter().zip((0..).step_by(2)) {
        let (window, digit) = (group as usize / buckets, group as usize % buckets + 1);
        let (high, low) = (digit >> low_bits, digit & (columns - 1));
        let first = window * (rows + columns);
        for (half, group) in [(high, first + high), (low, first + rows + low)] {
            if half != 0 {
                items.push(Item { group: group as u32, entry });
            }
        }
    }
    let halves = summer.sum(&sums.points, &items, windows * (rows + columns));
    let mut weighted: Vec<Weighted<D>> = (0..windows)
        .map(|_| Weighted { low_bits, rows: vec![None; rows], columns: vec![None; columns] })
        .collect();
    for (&group, point) in halves.groups.iter().zip(&halves.points) {
        let (window, half) = (group as usize / (rows + columns), group as usize % (rows + columns));
        let point = Some(point.map(|coordinate| coordinate.map(canonical)));
        if half < rows {
            weighted[window].rows[half] = point;
        } else {
            weighted[window].columns[half - rows] = point;
        }
    }
    weighted
}

/// Reduces words of a coordinate below the modulus.
fn canonical(mut words: [u64; 4]) -> [u64; 4] {
    let p = Coordinates::WORDS;
    while words.iter().rev().ge(p.iter().rev()) {
        let mut borrow = false;
        for (word, p) in words.iter_mut().zip(p) {
            let (difference, first) = word.overflowing_sub(p);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            *word = difference;
            borrow = first | second;
        }
    }
    words
}

impl<const D: usize> Weighted<D> {
    fn total<P: Point>(&self) -> P::Group {
        let mut total = running::<P, D>(&self.rows);
        for _ in 0..self.low_bits {
            total.double_in_place();
        }
        total + running::<P, D>(&self.columns)
    }
}

/// `sum_v v points_v`.
fn running<P: Point, const D: usize>(points: &[Option<Packed<D>>]) -> P::Group {
    let (mut sum, mut total) = (P::Group::ZERO, P::Group::ZERO);
    for point in points.iter().skip(1).rev() {
        if let Some(point) = point {
            sum += bytemuck::cast::<Packed<D>, P>(*point).to_affine();
        }
        total += sum;
    }
    total
}
