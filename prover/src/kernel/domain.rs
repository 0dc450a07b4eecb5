//! Evaluation domains: Fourier transforms and Lagrange evaluation.
//!
//! A domain of size n is a subgroup of the scalar field, n = 2^k or 3 * 2^k up to 2^28; of these
//! the smallest that fits is taken, so that 2^k + 1 rows do not cost 2^(k+1). With a root w of
//! order n, `b` = 1 or 3 and m = n / b, its elements are ordered in blocks: element `s m + k` is
//! `w^(s + b k)`. Polynomials are coefficient vectors, lowest degree first; evaluations are in the
//! order of the elements.
//!
//! Block s is the coset `w^s H` of the subgroup H of order m. On the coset `g w^s H`, `X^m` is the
//! constant `g^m z^s` with `z = w^m`, so that a polynomial in three parts of m coefficients is
//! there
//!
//! ```text
//! f0 + f1 X^m + f2 X^(2m) = f0 + z^s (g^m f1) + z^(2s) (g^(2m) f2)
//! ```
//!
//! of degree below m: three sums ([`Thirds`]), then one transform of size m per block.

use ark_bn254::Fr;
use ark_ff::{FftField, Field, One, PrimeField, Zero};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;

use super::inverse::batch_inverse;
use super::portable;
use super::transform::{Kind, Thirds};
#[cfg(target_arch = "x86_64")]
use super::vector;

/// Blocks have at least so many elements when there are three.
const LEAST_THIRD: usize = 64;

/// A subgroup of the scalar field and its coset by [`Domain::coset`].
#[derive(Clone, Debug)]
pub struct Domain {
    /// The subgroup H.
    block: Radix2EvaluationDomain<Fr>,
    /// `w^s` for each block s.
    shifts: Vec<Fr>,
    #[cfg(target_arch = "x86_64")]
    vector: Option<vector::Transforms>,
}

impl Domain {
    /// The smallest domain with at least `size` elements; `None` above 2^28, where the field has no
    /// such subgroup.
    pub fn new(size: usize) -> Option<Self> {
        let whole = Self::size_for(size)?;
        if !whole.is_power_of_two() {
            let third = whole / 3;
            let block = Radix2EvaluationDomain::<Fr>::new(third)?;
            // The cube root of the generator in H (3 is odd), times a primitive third root of one.
            let (m, mut exponent) = (third as u64, third as u64 + 1);
            while !exponent.is_multiple_of(3) {
                exponent += m;
            }
            let order_three = Fr::GENERATOR.pow((-Fr::one() / Fr::from(3u64)).into_bigint());
            let root = block.group_gen().pow([exponent / 3]) * order_three;
            return Some(Self::of(block, vec![Fr::one(), root, root.square()]));
        }
        Some(Self::of(Radix2EvaluationDomain::new(whole)?, vec![Fr::one()]))
    }

    /// Number of elements of the smallest domain with at least `size`: a power of two, or three of
    /// them. `None` as for [`Domain::new`].
    pub fn size_for(size: usize) -> Option<usize> {
        let power =
            size.checked_next_power_of_two().filter(|power| *power <= 1 << Fr::TWO_ADICITY)?;
        let third = power / 4;
        Some(if third >= LEAST_THIRD && size <= 3 * third { 3 * third } else { power })
    }

    fn of(block: Radix2EvaluationDomain<Fr>, shifts: Vec<Fr>) -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            vector: vector::Transforms::new(block.size(), block.group_gen()),
            block,
            shifts,
        }
    }

    /// Number of elements.
    pub fn size(&self) -> usize {
        self.shifts.len() * self.block.size()
    }

    /// Element `index`, below the size.
    pub fn element(&self, index: usize) -> Fr {
        let (block, at) = (index / self.block.size(), index % self.block.size());
        self.shifts[block] * self.block.element(at)
    }

    /// The shift g of the coset `g D`; the vanishing polynomial `X^n - 1` has no zero there.
    pub fn coset(&self) -> Fr {
        Fr::GENERATOR
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
        self.forward(values, Fr::one());
    }

    /// Evaluations on the domain to coefficients, in place.
    pub fn ifft(&self, values: &mut [Fr]) {
        self.backward(values, Fr::one());
    }

    /// Coefficients to evaluations on the coset, in place.
    pub fn coset_fft(&self, values: &mut [Fr]) {
        self.forward(values, self.coset());
    }

    /// Evaluations on the coset to coefficients, in place.
    pub fn coset_ifft(&self, values: &mut [Fr]) {
        self.backward(values, self.coset());
    }

    /// `L_0(x), .., L_(n-1)(x)`: the Lagrange basis of the domain at `x`,
    /// `L_j(x) = (x^n - 1) e_j / (n (x - e_j))` for the elements `e_j`.
    pub fn lagrange(&self, x: Fr) -> Vec<Fr> {
        let n = self.size();
        let vanishing = self.vanishing(x);
        let generator = self.block.group_gen();
        let mut elements = vec![Fr::zero(); n];
        for (block, &shift) in elements.chunks_exact_mut(self.block.size()).zip(&self.shifts) {
            let chunk = block.len().div_ceil(rayon::current_num_threads() * 4).max(64);
            block.par_chunks_mut(chunk).enumerate().for_each(|(i, elements)| {
                let mut element = shift * generator.pow([(i * chunk) as u64]);
                for slot in elements {
                    *slot = element;
                    element *= generator;
                }
            });
        }
        if vanishing.is_zero() {
            elements.par_iter_mut().for_each(|element| {
                *element = Fr::from(u64::from(*element == x));
            });
            return elements;
        }
        let mut values: Vec<Fr> = elements.par_iter().map(|element| x - element).collect();
        batch_inverse(&mut values);
        let scale = vanishing / Fr::from(n as u64);
        values.par_iter_mut().zip(elements).for_each(|(value, element)| *value *= scale * element);
        values
    }

    fn forward(&self, values: &mut [Fr], shift: Fr) {
        assert_eq!(
            values.len(),
            self.size(),
            "a transform needs as many values as the domain has elements"
        );
        if let &[_, root, _] = self.shifts.as_slice() {
            let m = self.block.size() as u64;
            let factor = shift.pow([m]);
            let thirds = Thirds {
                root: root.pow([m]),
                factors: [Fr::one(), factor, factor.square()],
                inverse: false,
            };
            self.thirds(values, &thirds);
        }
        self.blocks(values, shift, false);
    }

    fn backward(&self, values: &mut [Fr], shift: Fr) {
        assert_eq!(
            values.len(),
            self.size(),
            "a transform needs as many values as the domain has elements"
        );
        self.blocks(values, shift, true);
        if let &[_, root, _] = self.shifts.as_slice() {
            let m = self.block.size() as u64;
            let (third, factor) = (
                Fr::from(3u64).inverse().unwrap_or_default(),
                shift.pow([m]).inverse().unwrap_or_default(),
            );
            let factors = [third, third * factor, third * factor.square()];
            self.thirds(values, &Thirds { root: root.pow([m]), factors, inverse: true });
        }
    }

    fn thirds(&self, values: &mut [Fr], thirds: &Thirds) {
        #[cfg(target_arch = "x86_64")]
        if self.vector.is_some()
            && let Some(cpu) = vector::cpu()
        {
            return vector::thirds(cpu, values, thirds);
        }
        portable::thirds(values, thirds);
    }

    fn blocks(&self, values: &mut [Fr], shift: Fr, inverse: bool) {
        for (values, &of_block) in values.chunks_exact_mut(self.block.size()).zip(&self.shifts) {
            let kind = Kind { inverse, shift: shift * of_block };
            #[cfg(target_arch = "x86_64")]
            if let (Some(transforms), Some(cpu)) = (&self.vector, vector::cpu()) {
                transforms.run(cpu, values, kind);
                continue;
            }
            portable::transform(&self.block, values, kind);
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
        for size in [1, 2, 8, 64, 192, 384, 512] {
            let domain = Domain::new(size).unwrap();
            let f: Vec<Fr> = (0..size).map(|_| Fr::rand(&mut rng)).collect();
            let (mut plain, mut coset) = (f.clone(), f.clone());
            domain.fft(&mut plain);
            domain.coset_fft(&mut coset);
            assert_eq!(domain.size(), size);
            for j in 0..size {
                let x = domain.element(j);
                assert_eq!(domain.vanishing(x), Fr::zero());
                assert_eq!(plain[j], evaluate(&f, x));
                assert_eq!(coset[j], evaluate(&f, x * domain.coset()));
            }
            let mut elements: Vec<Fr> = (0..size).map(|j| domain.element(j)).collect();
            elements.sort();
            elements.dedup();
            assert_eq!(elements.len(), size);
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
        let Some(cpu) = crate::kernel::processor::Avx512::detect() else {
            println!("skipped: this processor has no AVX-512 IFMA");
            return;
        };
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for log_size in 0..=14 {
            let domain = Domain::new(1 << log_size).unwrap();
            let n = domain.size();
            let Some(transforms) = &domain.vector else {
                assert!(log_size < 6);
                continue;
            };
            let random: Vec<Fr> = (0..n).map(|_| Fr::rand(&mut rng)).collect();
            let top = vec![-Fr::one(); n];
            let mut ends = random.clone();
            for value in ends.iter_mut() {
                *value = [Fr::zero(), Fr::one(), -Fr::one()][rng.gen_range(0..3)];
            }
            let words =
                |values: &[Fr]| -> Vec<[u64; 4]> { values.iter().map(|value| value.0.0).collect() };
            for (input, threads) in
                [(random, 1 + log_size % 8), (top, 2), (ends, 8), (vec![Fr::zero(); n], 3)]
            {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                for (inverse, shift) in [
                    (false, Fr::one()),
                    (true, Fr::one()),
                    (false, Fr::GENERATOR),
                    (true, -Fr::GENERATOR),
                ] {
                    let kind = Kind { inverse, shift };
                    let (mut expected, mut found) = (input.clone(), input.clone());
                    portable::transform(&domain.block, &mut expected, kind);
                    pool.install(|| transforms.run(cpu, &mut found, kind));
                    assert!(
                        words(&found) == words(&expected),
                        "{kind:?} of 2^{log_size} on {threads} threads"
                    );
                }
                let root = Fr::GENERATOR.pow((-Fr::one() / Fr::from(3u64)).into_bigint());
                for (inverse, factors) in [
                    (false, [Fr::one(); 3]),
                    (false, [1, 5, 25].map(Fr::from)),
                    (true, [-Fr::one(); 3]),
                ] {
                    let three = [&input[..], &input, &input].concat();
                    let (mut expected, mut found) = (three.clone(), three);
                    let thirds = Thirds { root, factors, inverse };
                    portable::thirds(&mut expected, &thirds);
                    pool.install(|| vector::thirds(cpu, &mut found, &thirds));
                    assert!(
                        words(&found) == words(&expected),
                        "{thirds:?} of 3 * 2^{log_size} on {threads} threads"
                    );
                }
            }
        }
    }

    #[test]
    fn lagrange_values_reproduce_an_evaluation() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for size in [1, 4, 192, 256] {
            let domain = Domain::new(size).unwrap();
            let f: Vec<Fr> = (0..size).map(|_| Fr::rand(&mut rng)).collect();
            let mut values = f.clone();
            domain.fft(&mut values);
            for x in [Fr::rand(&mut rng), Fr::zero(), Fr::one(), domain.element(size - 1)] {
                let sum: Fr = domain.lagrange(x).iter().zip(&values).map(|(l, v)| *l * v).sum();
                assert_eq!(sum, evaluate(&f, x));
            }
        }
    }

    #[test]
    fn there_is_no_domain_above_the_two_adicity() {
        assert!(Domain::new((1 << 28) + 1).is_none());
    }

    #[test]
    fn the_smallest_domain_that_fits_is_taken() {
        for (rows, size) in [
            (5, 8),
            (129, 192),
            (192, 192),
            (193, 256),
            (257, 384),
            (385, 512),
            (1025, 1536),
            (1537, 2048),
        ] {
            assert_eq!(
                (Domain::new(rows).unwrap().size(), Domain::size_for(rows)),
                (size, Some(size))
            );
        }
    }
}
