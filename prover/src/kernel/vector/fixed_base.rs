//! Many multiples of one point.
//!
//! A scalar is cut into signed digits of `c` bits, `s = sum_w d_w 2^(c w)`, and a table per window
//! holds the multiples `v 2^(c w) B`, `0 <= v <= 2^(c-1)`. Then `s B` is a sum with one point from
//! each table. Batches of scalars go through the windows in step, a lane per scalar, and all
//! additions of a step share one inversion: about `254 / c` affine additions per scalar.
//!
//! A table is itself made in batches: `v + k` from `v` for all `v <= k`, k = 1, 2, 4, ..

use ark_bn254::Fr;
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, Zero};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::Avx512;
use super::points::{Adder, Addition, BATCH, Packed, Points, Upcoming};
use super::scalars::{absolute, add};
use super::windows::Windows;
use crate::kernel::point::Point;

/// Bits of the magnitude of a scalar, which is at most `(r - 1) / 2`.
const WIDTH: u32 = 253;

/// Scalars that go through the windows together.
const CHUNK: usize = 8 * BATCH;

/// `base * scalars[k]` for every k.
pub(in crate::kernel) fn fixed_base<P: Point>(cpu: Avx512, base: &P, scalars: &[Fr]) -> Vec<P> {
    match P::DEGREE {
        1 => degree::<P, 1>(cpu, base, scalars),
        _ => degree::<P, 2>(cpu, base, scalars),
    }
}

fn degree<P: Point, const D: usize>(cpu: Avx512, base: &P, scalars: &[Fr]) -> Vec<P> {
    let windows = choose(scalars.len());
    let tables: Vec<Vec<Packed<D>>> = starts(base, &windows)
        .par_iter()
        .map(|start| {
            // SAFETY: `cpu` shows that the processor has the instructions.
            unsafe { multiples(cpu, bytemuck::cast(*start), windows.buckets()) }
        })
        .collect();
    let mut products = vec![P::infinity(); scalars.len()];
    products.par_chunks_mut(CHUNK).zip(scalars.par_chunks(CHUNK)).for_each_init(
        Vec::new,
        |points, (products, scalars)| {
            // SAFETY: `cpu` shows that the processor has the instructions.
            unsafe {
                multiply(
                    cpu,
                    &tables,
                    &windows,
                    scalars,
                    points,
                    bytemuck::cast_slice_mut(products),
                )
            }
        },
    );
    products
}

/// The cut with the fewest additions, tables included, whose tables stay in the third-level cache.
fn choose(scalars: usize) -> Windows {
    let cut = |bits| Windows { width: WIDTH, bits, count: WIDTH.div_ceil(bits) };
    let cost = |windows: &Windows| windows.count as usize * (scalars + windows.buckets());
    (2..=MAX_BITS).map(cut).min_by_key(cost).unwrap_or(cut(2))
}

/// Windows of more bits than this have tables that are slow to read.
const MAX_BITS: u32 = 15;

/// `2^(c w) B` for each window w.
fn starts<P: Point>(base: &P, windows: &Windows) -> Vec<P> {
    let mut point: P::Group = base.to_affine().into();
    let mut starts = Vec::with_capacity(windows.count as usize);
    for _ in 0..windows.count {
        starts.push(point);
        for _ in 0..windows.bits {
            point.double_in_place();
        }
    }
    P::Group::normalize_batch(&starts).iter().map(P::from_affine).collect()
}

/// `0, P, 2 P, .., count P`. Coordinates are below `2p + 2^220`.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn multiples<const D: usize>(_cpu: Avx512, point: Packed<D>, count: usize) -> Vec<Packed<D>> {
    let mut table = vec![[[[0; 4]; D]; 2], point];
    let mut adder = Adder::new();
    let mut points = vec![Points::infinity(); BATCH + 1];
    let mut additions = Vec::with_capacity(BATCH);
    while table.len() <= count {
        // Entries 1 to `known` give as many new ones.
        let known = table.len() - 1;
        let new = known.min(count - known);
        points[BATCH] = Points::gather(&table, &[2 * known as u32; 8]);
        for start in (0..new).step_by(8 * BATCH) {
            additions.clear();
            for at in (start..new.min(start + 8 * BATCH)).step_by(8) {
                let entries = std::array::from_fn(|lane| {
                    if at + lane < new { 2 * (at + lane + 1) as u32 } else { 0 }
                });
                let left = additions.len() as u32;
                points[additions.len()] = Points::gather(&table, &entries);
                additions.push(Addition { left, right: BATCH as u32, mask: lanes(new - at) });
            }
            adder.add(&mut points, &additions, &Upcoming::NONE);
            for sums in &points[..additions.len()] {
                table.extend(sums.pack());
            }
            table.truncate(known + 1 + new.min(start + 8 * BATCH));
        }
    }
    table
}

/// The first `count` lanes.
fn lanes(count: usize) -> u8 {
    if count < 8 { (1 << count) - 1 } else { u8::MAX }
}

/// The multiples for at most [`CHUNK`] scalars; `points` is memory to use again. The scalars may be
/// secret: their copy and its digits are overwritten.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn multiply<const D: usize>(
    cpu: Avx512,
    tables: &[Vec<Packed<D>>],
    windows: &Windows,
    scalars: &[Fr],
    points: &mut Vec<Points<D>>,
    products: &mut [Packed<D>],
) {
    let offset = windows.offset();
    // Scalars plus the offset, and their signs.
    let mut shifted = Zeroizing::new(Vec::with_capacity(scalars.len().next_multiple_of(8)));
    for eight in scalars.chunks(8) {
        let mut values = [Fr::zero(); 8];
        values[..eight.len()].copy_from_slice(eight);
        shifted.extend(
            absolute(cpu, &values).map(|[a, b, c, d]| {
                (add([a, b, c, d & (u64::MAX >> 1)], offset), (d >> 63) as u32)
            }),
        );
    }
    let vectors = shifted.len() / 8;
    if points.len() < 2 * BATCH {
        points.resize(2 * BATCH, Points::infinity());
    }
    let mut adder = Adder::new();
    let mut additions = Vec::with_capacity(vectors);
    let mut entries: Zeroizing<Vec<[u32; 8]>> = Zeroizing::new(Vec::with_capacity(vectors));
    let mut next = Zeroizing::new(Vec::with_capacity(vectors));
    // One vector is fetched per addition; the order names it twice.
    let order: Vec<u32> = (0..2 * vectors as u32).map(|i| i / 2).collect();
    entries.extend(shifted.chunks_exact(8).map(|eight| digits(windows, 0, eight)));
    for (window, table) in tables.iter().enumerate() {
        additions.clear();
        for (i, entries) in entries.iter().enumerate() {
            let mask = (0..8).fold(0, |mask, lane| mask | u8::from(entries[lane] > 1) << lane);
            if window == 0 {
                points[i] = Points::gather(table, entries);
            } else if mask != 0 {
                points[BATCH + i] = Points::gather(table, entries);
                additions.push(Addition { left: i as u32, right: (BATCH + i) as u32, mask });
            }
        }
        next.clear();
        let mut upcoming = Upcoming::NONE;
        if let Some(table) = tables.get(window + 1) {
            next.extend(
                shifted.chunks_exact(8).map(|eight| digits(windows, window as u32 + 1, eight)),
            );
            upcoming = Upcoming { bases: table, entries: &next, order: &order };
        }
        adder.add(points, &additions, &upcoming);
        std::mem::swap(&mut entries, &mut next);
    }
    for (sums, products) in points.iter().zip(products.chunks_mut(8)) {
        let sums = Points { x: sums.x.canonical(), y: sums.y.canonical() };
        products.copy_from_slice(&sums.pack()[..products.len()]);
    }
}

/// Where the table of a window has its points for eight scalars.
fn digits(windows: &Windows, window: u32, scalars: &[([u64; 4], u32)]) -> [u32; 8] {
    std::array::from_fn(|lane| {
        let (words, sign) = &scalars[lane];
        let digit = windows.digit(words, window);
        2 * digit.unsigned_abs() + (sign ^ u32::from(digit < 0))
    })
}
