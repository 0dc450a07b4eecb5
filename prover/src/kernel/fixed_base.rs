//! Many multiples of one point, for setup.

use ark_bn254::Fr;

use super::point::{G1, G2, Point};
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::vector;

/// `base * scalars[k]` for every k, from a table of multiples of the base.
pub fn fixed_base_g1(base: &G1, scalars: &[Fr]) -> Vec<G1> {
    fixed_base(base, scalars)
}

/// [`fixed_base_g1`] in G2.
pub fn fixed_base_g2(base: &G2, scalars: &[Fr]) -> Vec<G2> {
    fixed_base(base, scalars)
}

fn fixed_base<P: Point>(base: &P, scalars: &[Fr]) -> Vec<P> {
    #[cfg(target_arch = "x86_64")]
    if let Some(cpu) = vector::cpu() {
        return vector::fixed_base(cpu, base, scalars);
    }
    portable::fixed_base(base, scalars)
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::{Field, One, UniformRand, Zero};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    /// Digits of every kind: none, one, borrows through all windows, the ends of the field.
    fn edges() -> Vec<Fr> {
        let mut scalars = vec![
            Fr::zero(),
            Fr::one(),
            -Fr::one(),
            -Fr::from(2u64),
            Fr::from(2u64).inverse().unwrap(),
        ];
        for bit in 0..254 {
            let power = Fr::from(2u64).pow([bit]);
            scalars.extend([power, power - Fr::one(), -power, power * Fr::from(3u64)]);
        }
        scalars
    }

    fn agrees<P: Point>(generator: &P, sizes: &[usize]) {
        let Some(cpu) = crate::kernel::processor::Avx512::detect() else {
            println!("skipped: this processor has no AVX-512 IFMA");
            return;
        };
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let edges = edges();
        for &size in sizes {
            let mut scalars: Vec<Fr> = edges.iter().copied().take(size).collect();
            scalars.resize_with(size, || Fr::rand(&mut rng));
            for base in [generator, &P::infinity()] {
                let found = vector::fixed_base(cpu, base, &scalars);
                assert!(found == portable::fixed_base(base, &scalars), "{size} scalars");
            }
        }
    }

    #[test]
    fn both_paths_give_the_same_points_in_g1() {
        agrees(&G1::from(G1Affine::generator()), &[0, 1, 7, 8, 9, 100, 2047, 2048, 2049, 20_000]);
    }

    #[test]
    fn both_paths_give_the_same_points_in_g2() {
        agrees(&G2::from(G2Affine::generator()), &[0, 1, 9, 2049, 5000]);
    }
}
