//! Multi-scalar multiplication `sum_i s_i P_i`.

use ark_bn254::{Fr, G1Projective, G2Projective};

use super::point::{G1, G2, Point};
use super::portable;
use super::scalars::Scalars;
#[cfg(target_arch = "x86_64")]
use super::vector;

/// `sum_k scalars[k] bases[k]`. Zero scalars cost nothing but a look; the others are grouped by the
/// number of bits they really have, up to sign.
///
/// # Panics
/// When the number of scalars is not the number of bases, or an index is out of range: both come
/// from a key whose shape the caller has checked.
pub fn msm<P: Point>(bases: &[P], scalars: Scalars<'_>) -> P::Group {
    assert_eq!(
        bases.len(),
        scalars.len(),
        "a multi-scalar multiplication needs as many scalars as bases"
    );
    #[cfg(target_arch = "x86_64")]
    if let Some(cpu) = vector::cpu() {
        return vector::msm(cpu, bases, scalars);
    }
    portable::msm(bases, scalars)
}

/// [`msm`] in G1 with field elements.
pub fn msm_g1(bases: &[G1], scalars: &[Fr]) -> G1Projective {
    msm(bases, Scalars::Field(scalars))
}

/// [`msm`] in G1 with signed integers.
pub fn msm_g1_small(bases: &[G1], scalars: &[i64]) -> G1Projective {
    msm(bases, Scalars::Small(scalars))
}

/// [`msm`] in G2 with field elements.
pub fn msm_g2(bases: &[G2], scalars: &[Fr]) -> G2Projective {
    msm(bases, Scalars::Field(scalars))
}

/// [`msm`] in G2 with signed integers.
pub fn msm_g2_small(bases: &[G2], scalars: &[i64]) -> G2Projective {
    msm(bases, Scalars::Small(scalars))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fixed_base_g1;
    use ark_bn254::G1Affine;
    use ark_ec::AffineRepr;
    use ark_ff::UniformRand;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn picked_scalars_equal_copied_ones() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let generator = G1Affine::generator();
        let logs: Vec<Fr> = (0..40).map(|_| Fr::rand(&mut rng)).collect();
        let bases = fixed_base_g1(&G1::from(generator), &logs);
        let small: Vec<i64> = (0..40).map(|k| k * 7 - 90).collect();
        let field: Vec<Fr> = small.iter().map(|&s| Fr::from(s)).collect();
        let indices: Vec<u32> = (0..40).map(|k| (k * 13) % 40).collect();
        let copied: Vec<Fr> = indices.iter().map(|&k| field[k as usize]).collect();
        let log: Fr = logs.iter().zip(&copied).map(|(l, s)| *l * s).sum();
        let expected = generator * log;
        assert_eq!(msm_g1(&bases, &copied), expected);
        let at = Scalars::FieldAt { values: &field, indices: &indices };
        assert_eq!(msm(&bases, at), expected);
        let at = Scalars::SmallAt { values: &small, indices: &indices };
        assert_eq!(msm(&bases, at), expected);
    }
}
