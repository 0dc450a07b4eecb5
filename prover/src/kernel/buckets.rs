//! Multi-scalar multiplication without vector instructions: signed digits, and buckets summed by
//! affine additions that share their inversions (Montgomery's trick). An addition takes about six
//! multiplications where a projective one takes eleven.

use ark_bn254::Fr;
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use rayon::prelude::*;

use super::point::Point;

/// Additions that share one inversion: few enough to stay in a cache.
const BATCH: usize = 512;

/// Affine coordinates; zero twice, which is on no curve here, is the point at infinity.
type Pair<F> = (F, F);

/// `sum_k scalars[k] points[k]` for points that are not at infinity.
pub(super) fn msm<P: Point>(points: &[P::Affine], scalars: &[Fr]) -> P::Group {
    let window = window_bits(points.len());
    let digits = signed_digits(scalars, window);
    let windows = digits.len() / scalars.len().max(1);
    let sums: Vec<P::Group> = (0..windows)
        .into_par_iter()
        .map(|index| window_sum::<P>(points, |k| digits[k * windows + index], 1 << (window - 1)))
        .collect();
    sums.into_iter().rev().fold(P::Group::ZERO, |sum, next| {
        let mut shifted = sum;
        (0..window).for_each(|_| {
            shifted.double_in_place();
        });
        shifted + next
    })
}

/// Bits of a window, where n additions and the weighted sum of the buckets together cost least.
fn window_bits(n: usize) -> u32 {
    (n.max(32).ilog2().saturating_sub(4)).clamp(4, 15)
}

/// Digits of `-2^(c-1) .. 2^(c-1)`, lowest first, those of a scalar together.
fn signed_digits(scalars: &[Fr], c: u32) -> Vec<i32> {
    // One bit more than the modulus has, for the last carry.
    let windows = (Fr::MODULUS_BIT_SIZE + 1).div_ceil(c) as usize;
    let mut digits = vec![0i32; scalars.len() * windows];
    digits.par_chunks_mut(windows).zip(scalars).for_each(|(digits, scalar)| {
        let limbs = scalar.into_bigint().0;
        let mut carry = 0;
        for (index, digit) in digits.iter_mut().enumerate() {
            let (limb, shift) = (index * c as usize / 64, index * c as usize % 64);
            let low = limbs.get(limb).map_or(0, |x| x >> shift);
            let high =
                if shift == 0 { 0 } else { limbs.get(limb + 1).map_or(0, |x| x << (64 - shift)) };
            let value = ((low | high) & ((1 << c) - 1)) as i32 + carry;
            carry = i32::from(value > 1 << (c - 1));
            *digit = value - (carry << c);
        }
    });
    digits
}

/// `sum_k digit(k) points[k]` for digits of magnitude up to `largest`.
fn window_sum<P: Point>(
    points: &[P::Affine],
    digit: impl Fn(usize) -> i32,
    largest: usize,
) -> P::Group {
    // Points by bucket, negated where their digit is negative.
    let mut ends = vec![0usize; largest + 1];
    (0..points.len()).for_each(|k| ends[digit(k).unsigned_abs() as usize] += 1);
    ends[0] = 0;
    let mut lengths = ends.clone();
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let zero = <P::Base as AdditiveGroup>::ZERO;
    let mut sorted = vec![(zero, zero); total];
    for (k, point) in points.iter().enumerate() {
        let digit = digit(k);
        if let Some((x, y)) = point.xy().filter(|_| digit != 0) {
            let place = &mut ends[digit.unsigned_abs() as usize];
            sorted[*place] = (x, if digit < 0 { -y } else { y });
            *place += 1;
        }
    }
    while lengths.iter().any(|length| *length > 1) {
        halve(&mut sorted, &mut lengths);
    }
    // sum_b b B_b, from the top.
    let (mut running, mut sum) = (P::Group::ZERO, P::Group::ZERO);
    for length in lengths.iter().skip(1).rev() {
        if *length == 1
            && let Some(bucket) = sorted.pop()
            && bucket != (zero, zero)
        {
            running += P::affine(bucket);
        }
        sum += running;
    }
    sum
}

/// `points[to] = points[from] + points[from + 1]`, or just `points[from]` where it has no partner;
/// `to <= from`.
struct Step {
    from: usize,
    to: usize,
    paired: bool,
}

/// Adds neighbours in every bucket: buckets of n points become buckets of n / 2, rounded up, still
/// in order.
fn halve<F: Field>(points: &mut Vec<Pair<F>>, lengths: &mut [usize]) {
    let mut steps: Vec<Step> = Vec::with_capacity(2 * BATCH);
    let mut slopes = Vec::with_capacity(2 * BATCH);
    let (mut start, mut to, mut additions) = (0, 0, 0);
    for length in lengths {
        let end = start + *length;
        for from in (start..end).step_by(2) {
            let paired = from + 1 < end;
            steps.push(Step { from, to, paired });
            additions += usize::from(paired);
            to += 1;
        }
        if additions >= BATCH {
            take(points, &mut steps, &mut slopes);
            additions = 0;
        }
        start = end;
        *length = length.div_ceil(2);
    }
    take(points, &mut steps, &mut slopes);
    points.truncate(to);
}

/// Takes the steps, which go forward: a step writes behind everything that later ones read.
fn take<F: Field>(points: &mut [Pair<F>], steps: &mut Vec<Step>, slopes: &mut Vec<Pair<F>>) {
    // The denominator of each slope, with the product of those before it.
    slopes.clear();
    let mut product = F::ONE;
    for step in steps.iter() {
        let denominator = if step.paired {
            denominator(points[step.from], points[step.from + 1])
        } else {
            F::ONE
        };
        slopes.push((denominator, product));
        product *= denominator;
    }
    // No denominator is zero. From the product's inverse, each one's own.
    let mut inverse = product.inverse().unwrap_or(F::ONE);
    for (denominator, before) in slopes.iter_mut().rev() {
        let own = inverse * *before;
        inverse *= *denominator;
        *before = own;
    }
    for (step, (_, inverse)) in steps.iter().zip(slopes.iter()) {
        points[step.to] = if step.paired {
            add(points[step.from], points[step.from + 1], *inverse)
        } else {
            points[step.from]
        };
    }
    steps.clear();
}

fn is_infinity<F: Field>((x, y): Pair<F>) -> bool {
    x.is_zero() && y.is_zero()
}

/// The denominator of the slope through two points; one where there is no slope.
fn denominator<F: Field>(a: Pair<F>, b: Pair<F>) -> F {
    if is_infinity(a) || is_infinity(b) {
        F::ONE
    } else if a.0 != b.0 {
        b.0 - a.0
    } else if a.1 == b.1 {
        // A point twice. No point here has order two, so this is not zero.
        a.1.double()
    } else {
        F::ONE
    }
}

/// `a + b`, given the inverse of their [`denominator`].
fn add<F: Field>(a: Pair<F>, b: Pair<F>, inverse: F) -> Pair<F> {
    let ((x, y), (u, v)) = (a, b);
    if is_infinity(a) {
        return b;
    }
    if is_infinity(b) {
        return a;
    }
    if x == u && y != v {
        return (F::ZERO, F::ZERO);
    }
    let rise = if x == u { x.square().double() + x.square() } else { v - y };
    let slope = rise * inverse;
    let sum = slope.square() - x - u;
    (sum, slope * (x - sum) - y)
}

#[cfg(test)]
mod tests {
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::{CurveGroup, VariableBaseMSM};
    use ark_ff::{One, UniformRand};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::kernel::{G1, G2};

    /// Points of which many are equal or opposite, and scalars of all kinds, against arkworks.
    fn agrees<P: Point>(generator: P::Affine, sizes: &[usize]) {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let few: Vec<P::Affine> =
            (0..40).map(|_| (generator * Fr::rand(&mut rng)).into_affine()).collect();
        for &size in sizes {
            let points: Vec<P::Affine> = (0..size)
                .map(|_| {
                    let point = few[rng.gen_range(0..few.len())];
                    if rng.r#gen() { point } else { (-point.into_group()).into_affine() }
                })
                .collect();
            let kinds =
                [Fr::ZERO, Fr::one(), -Fr::one(), Fr::from(2u64).pow([253]), Fr::from(u64::MAX)];
            let scalars: Vec<Fr> = (0..size)
                .map(|_| match rng.gen_range(0..8) {
                    kind @ 0..5 => kinds[kind],
                    _ => Fr::rand(&mut rng),
                })
                .collect();
            assert_eq!(
                msm::<P>(&points, &scalars),
                P::Group::msm_unchecked(&points, &scalars),
                "{size} points"
            );
        }
    }

    #[test]
    fn sums_agree_with_arkworks() {
        agrees::<G1>(G1Affine::generator(), &[0, 1, 2, 3, 31, 200, 1025, 5000]);
        agrees::<G2>(G2Affine::generator(), &[0, 1, 7, 300]);
    }
}
