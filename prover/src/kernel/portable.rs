//! The kernel on arkworks, for machines without the vector instructions.

use ark_bn254::Fr;
use ark_ec::VariableBaseMSM;
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::buckets;
use super::point::Point;
use super::scalars::Scalars;
use super::transform::{Kind, Thirds};

/// Bits that arkworks has a quicker way for.
const NARROW: u32 = 64;

/// Fewer wide scalars than this are left to arkworks.
const FEW: usize = 1 << 10;

/// `sum_k scalars[k] bases[k]`.
pub(super) fn msm<P: Point>(bases: &[P], scalars: Scalars<'_>) -> P::Group {
    let value = |k: usize| -> Fr {
        match scalars {
            Scalars::Field(values) => values[k],
            Scalars::Small(values) => Fr::from(values[k]),
            Scalars::FieldAt { values, indices } => values[indices[k] as usize],
            Scalars::SmallAt { values, indices } => Fr::from(values[indices[k] as usize]),
        }
    };
    let (points, values): (Vec<P::Affine>, Vec<Fr>) = bases
        .par_iter()
        .enumerate()
        .filter_map(|(k, base)| {
            let value = value(k);
            (!value.is_zero()).then(|| (base.to_affine(), value))
        })
        .unzip();
    if points.is_empty() {
        return P::Group::ZERO;
    }
    // arkworks sorts scalars by width, which pays when many are narrow.
    let wide = values.par_iter().filter(|value| value.into_bigint().num_bits() > NARROW).count();
    if wide < FEW || 2 * wide < values.len() {
        return P::Group::msm_unchecked(&points, &values);
    }
    buckets::msm::<P>(&points, &values)
}

/// `base * scalars[k]` for every k.
pub(super) fn fixed_base<P: Point>(base: &P, scalars: &[Fr]) -> Vec<P> {
    if scalars.is_empty() {
        return Vec::new();
    }
    let table = BatchMulPreprocessing::<P::Group>::new(base.to_affine().into(), scalars.len());
    table.batch_mul(scalars).par_iter().map(P::from_affine).collect()
}

/// A transform over a coset, in place.
pub(super) fn transform(domain: &Radix2EvaluationDomain<Fr>, values: &mut [Fr], kind: Kind) {
    // A shift is not zero, and so has a coset.
    let domain = domain.get_coset(kind.shift).unwrap_or(*domain);
    let mut buffer = values.to_vec();
    if kind.inverse {
        domain.ifft_in_place(&mut buffer);
    } else {
        domain.fft_in_place(&mut buffer);
    }
    values.copy_from_slice(&buffer);
}

/// The sums between three parts of the coefficients and the polynomials of three blocks.
pub(super) fn thirds(values: &mut [Fr], thirds: &Thirds) {
    let (first, rest) = values.split_at_mut(values.len() / 3);
    let (second, third) = rest.split_at_mut(first.len());
    let Thirds { root, factors: [f0, f1, f2], inverse } = *thirds;
    first.par_iter_mut().zip(second).zip(third).with_min_len(256).for_each(|((a, b), c)| {
        let [x, y, z] = if inverse { [*a, *b, *c] } else { [*a * f0, *b * f1, *c * f2] };
        // root^2 = -1 - root
        let turned = (y - z) * root;
        let [p, q, r] = [x + y + z, x + turned - z, x - turned - y];
        [*a, *b, *c] = if inverse { [p * f0, r * f1, q * f2] } else { [p, q, r] };
    });
}

/// Montgomery's trick in chunks: three multiplications per element and one inversion per chunk. The
/// values may be secret: the running products are overwritten.
pub(super) fn batch_inverse(values: &mut [Fr]) {
    let chunk = values.len().div_ceil(rayon::current_num_threads() * 4).max(64);
    values.par_chunks_mut(chunk).for_each(|chunk| {
        let mut product = Fr::ONE;
        let mut prefix = Zeroizing::new(Vec::with_capacity(chunk.len()));
        for value in chunk.iter() {
            prefix.push(product);
            if !value.is_zero() {
                product *= value;
            }
        }
        let mut inverse = product.inverse().unwrap_or(Fr::ONE);
        for (value, before) in chunk.iter_mut().zip(prefix.iter()).rev() {
            if !value.is_zero() {
                let next = inverse * *value;
                *value = inverse * before;
                inverse = next;
            }
        }
    });
}
