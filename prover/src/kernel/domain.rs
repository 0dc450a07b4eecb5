//! Power-of-two evaluation domains: Fourier transforms and Lagrange evaluation.
//!
//! A domain of size n is the subgroup `{w^0, .., w^(n-1)}` of the scalar field, n a power of two up to
//! 2^28. Polynomials are coefficient vectors, lowest degree first; evaluations are in the order of the
//! powers of w.

use ark_bn254::Fr;
use ark_ff::{FftField, Field, One, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

use super::inverse::batch_inverse;
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::vector;

/// A power-of-two subgroup of the scalar field and its coset by [`Domain::coset`].
#[derive(Clone, Debug)]
pub struct Domain {
    plain: Radix2EvaluationDomain<Fr>,
    coset: Radix2EvaluationDomain<Fr>,
    #[cfg(target_arch = "x86_64")]
    vector: Option<vector::Transforms>,
}

/// Which of the four transforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Coefficients to values on the domain.
    Forward,
    /// Values on the domain to coefficients.
    Inverse,
    /// Coefficients to values on the coset.
    CosetForward,
    /// Values on the coset to coefficients.
    CosetInverse,
}

impl Domain {
    /// The smallest domain with at least `size` elements; `None` above 2^28, where the field has no
    /// such subgroup.
    pub fn new(size: usize) -> Option<Self> {
        let plain = Radix2EvaluationDomain::new(size)?;
        let coset = plain.get_coset(Fr::GENERATOR)?;
        Some(Self {
            #[cfg(target_arch = "x86_64")]
            vector: vector::Transforms::new(plain.size(), plain.group_gen()),
            plain,
            coset,
        })
    }

    /// Number of elements.
    pub fn size(&self) -> usize {
        self.plain.size()
    }

    /// The primitive root w that generates the domain.
    pub fn generator(&self) -> Fr {
        self.plain.group_gen()
    }

    /// The shift g of the coset `{g w^i}`; the vanishing polynomial `X^n - 1` has no zero there.
    pub fn coset(&self) -> Fr {
        self.coset.coset_offset()
    }

    /// `t(x) = x^n - 1`.
    pub fn vanishing(&self, x: Fr) -> Fr {
        x.pow([self.size() as u64]) - Fr::one()
    }

    /// Coefficients to evaluations on the domain, in place.
    ///
    /// # Panics
    /// When `values.len() != size()`, as do the three other transforms.
    pub fn fft(&self, values: &mut [Fr]) {
        self.transform(values, Kind::Forward);
    }

    /// Evaluations on the domain to coefficients, in place.
    pub fn ifft(&self, values: &mut [Fr]) {
        self.transform(values, Kind::Inverse);
    }

    /// Coefficients to evaluations on the coset, in place.
    pub fn coset_fft(&self, values: &mut [Fr]) {
        self.transform(values, Kind::CosetForward);
    }

    /// Evaluations on the coset to coefficients, in place.
    pub fn coset_ifft(&self, values: &mut [Fr]) {
        self.transform(values, Kind::CosetInverse);
    }

    /// `L_0(x), .., L_(n-1)(x)`: the Lagrange basis of the domain at `x`,
    /// `L_j(x) = (x^n - 1) w^j / (n (x - w^j))`.
    pub fn lagrange(&self, x: Fr) -> Vec<Fr> {
        let n = self.size();
        let w = self.generator();
        let vanishing = self.vanishing(x);
        let chunk = n.div_ceil(rayon::current_num_threads() * 4).max(64);
        let mut powers = vec![Fr::zero(); n];
        powers.par_chunks_mut(chunk).enumerate().for_each(|(i, powers)| {
            let mut power = w.pow([(i * chunk) as u64]);
            for slot in powers {
                *slot = power;
                power *= w;
            }
        });
        if vanishing.is_zero() {
            powers.par_iter_mut().for_each(|power| {
                *power = Fr::from(u64::from(*power == x));
            });
            return powers;
        }
        let mut values: Vec<Fr> = powers.par_iter().map(|power| x - power).collect();
        batch_inverse(&mut values);
        let scale = vanishing * self.plain.size_inv();
        values.par_iter_mut().zip(powers).for_each(|(value, power)| *value *= scale * power);
        values
    }

    fn transform(&self, values: &mut [Fr], kind: Kind) {
        assert_eq!(values.len(), self.size(), "a transform needs as many values as the domain has elements");
        #[cfg(target_arch = "x86_64")]
        if let (Some(transforms), Some(cpu)) = (&self.vector, vector::cpu()) {
            return transforms.run(cpu, values, kind);
        }
        match kind {
            Kind::Forward => portable::transform(&self.plain, values, false),
            Kind::Inverse => portable::transform(&self.plain, values, true),
            Kind::CosetForward => portable::transform(&self.coset, values, false),
            Kind::CosetInverse => portable::transform(&self.coset, values, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::UniformRand;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    fn evaluate(coefficients: &[Fr], x: Fr) -> Fr {
        coefficients.iter().rev().fold(Fr::zero(), |sum, c| sum * x + c)
    }

    #[test]
    fn transforms_evaluate_on_the_domain_and_on_its_coset() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for size in [1, 2, 8, 64, 512] {
            let domain = Domain::new(size).unwrap();
            let f: Vec<Fr> = (0..size).map(|_| Fr::rand(&mut rng)).collect();
            let (mut plain, mut coset) = (f.clone(), f.clone());
            domain.fft(&mut plain);
            domain.coset_fft(&mut coset);
            let mut x = Fr::one();
            for j in 0..size {
                assert_eq!(plain[j], evaluate(&f, x));
                assert_eq!(coset[j], evaluate(&f, x * domain.coset()));
                x *= domain.generator();
            }
            domain.ifft(&mut plain);
            domain.coset_ifft(&mut coset);
            assert_eq!(plain, f);
            assert_eq!(coset, f);
        }
    }

    /// Both paths without the switch between them, which belongs to the whole process.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_paths_give_the_same_words_at_every_size_and_number_of_threads() {
        let Some(cpu) = vector::Avx512::detect() else {
            println!("skipped: this processor has no AVX-512 IFMA");
            return;
        };
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for log_size in 0..=14 {
            let domain = Domain::new(1 << log_size).unwrap();
            let Some(transforms) = &domain.vector else {
                assert!(log_size < 6);
                continue;
            };
            let random: Vec<Fr> = (0..domain.size()).map(|_| Fr::rand(&mut rng)).collect();
            let top = vec![-Fr::one(); domain.size()];
            let mut ends = random.clone();
            for value in ends.iter_mut() {
                *value = [Fr::zero(), Fr::one(), -Fr::one()][rng.gen_range(0..3)];
            }
            for (input, threads) in [(random, 1 + log_size % 8), (top, 2), (ends, 8), (vec![Fr::zero(); domain.size()], 3)] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                for kind in [Kind::Forward, Kind::Inverse, Kind::CosetForward, Kind::CosetInverse] {
                    let plain = matches!(kind, Kind::Forward | Kind::Inverse);
                    let (mut expected, mut found) = (input.clone(), input.clone());
                    let oracle = if plain { &domain.plain } else { &domain.coset };
                    portable::transform(oracle, &mut expected, matches!(kind, Kind::Inverse | Kind::CosetInverse));
                    pool.install(|| transforms.run(cpu, &mut found, kind));
                    let words = |values: Vec<Fr>| -> Vec<[u64; 4]> { values.iter().map(|value| value.0.0).collect() };
                    assert!(words(found) == words(expected), "{kind:?} of 2^{log_size} on {threads} threads");
                }
            }
        }
    }

    #[test]
    fn lagrange_values_reproduce_an_evaluation() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for size in [1, 4, 256] {
            let domain = Domain::new(size).unwrap();
            let f: Vec<Fr> = (0..size).map(|_| Fr::rand(&mut rng)).collect();
            let mut values = f.clone();
            domain.fft(&mut values);
            for x in [Fr::rand(&mut rng), Fr::zero(), Fr::one(), domain.generator()] {
                let sum: Fr = domain.lagrange(x).iter().zip(&values).map(|(l, v)| *l * v).sum();
                assert_eq!(sum, evaluate(&f, x));
            }
        }
    }

    #[test]
    fn there_is_no_domain_above_the_two_adicity() {
        assert!(Domain::new((1 << 28) + 1).is_none());
    }
}
