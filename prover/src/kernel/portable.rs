//! The kernel on arkworks, for machines without the vector instructions.

use ark_bn254::Fr;
use ark_ec::VariableBaseMSM;
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ff::{AdditiveGroup, Field, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

use super::msm::Scalars;
use super::point::Point;

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
    P::Group::msm_unchecked(&points, &values)
}

/// `base * scalars[k]` for every k.
pub(super) fn fixed_base<P: Point>(base: &P, scalars: &[Fr]) -> Vec<P> {
    if scalars.is_empty() {
        return Vec::new();
    }
    let table = BatchMulPreprocessing::<P::Group>::new(base.to_affine().into(), scalars.len());
    table.batch_mul(scalars).par_iter().map(P::from_affine).collect()
}

/// The transform (or its inverse) over a coset, in place.
pub(super) fn transform(domain: &Radix2EvaluationDomain<Fr>, values: &mut [Fr], inverse: bool) {
    let mut buffer = values.to_vec();
    if inverse {
        domain.ifft_in_place(&mut buffer);
    } else {
        domain.fft_in_place(&mut buffer);
    }
    values.copy_from_slice(&buffer);
}

/// Montgomery's trick in chunks: three multiplications per element and one inversion per chunk.
pub(super) fn batch_inverse(values: &mut [Fr]) {
    let chunk = values.len().div_ceil(rayon::current_num_threads() * 4).max(64);
    values.par_chunks_mut(chunk).for_each(|chunk| {
        let mut product = Fr::ONE;
        let mut prefix = Vec::with_capacity(chunk.len());
        for value in chunk.iter() {
            prefix.push(product);
            if !value.is_zero() {
                product *= value;
            }
        }
        let mut inverse = product.inverse().unwrap_or(Fr::ONE);
        for (value, before) in chunk.iter_mut().zip(prefix).rev() {
            if !value.is_zero() {
                let next = inverse * *value;
                *value = inverse * before;
                inverse = next;
            }
        }
    });
}
