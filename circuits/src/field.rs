//! Sums of small integers times field elements, reduced once at the end.
//!
//! With weights of 64 bits and values of 254 bits, six limbs hold `2^64` products before they could
//! overflow. Positive and negative weights are summed apart. Cost: four 64-bit multiplications a
//! term instead of a field multiplication.

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};
use lemma_graph::Accumulate;

use crate::builder::Values;

/// A running sum of `integer * field element`.
#[derive(Default)]
pub struct FieldSum {
    positive: [u64; 6],
    negative: [u64; 6],
}

impl Accumulate for FieldSum {
    type Value = Fr;

    #[inline]
    fn add(&mut self, weight: i64, value: &Fr) {
        let sum = if weight >= 0 { &mut self.positive } else { &mut self.negative };
        let weight = weight.unsigned_abs() as u128;
        let mut carry = 0u128;
        for (limb, v) in sum.iter_mut().zip(&value.0.0) {
            carry += *limb as u128 + weight * *v as u128;
            *limb = carry as u64;
            carry >>= 64;
        }
        carry += sum[4] as u128;
        sum[4] = carry as u64;
        sum[5] += (carry >> 64) as u64;
    }

    fn finish(self) -> Fr {
        reduce(self.positive) - reduce(self.negative)
    }
}

/// The field element whose Montgomery representation is congruent to the six limbs.
fn reduce(limbs: [u64; 6]) -> Fr {
    let [l0, l1, l2, l3, h0, h1] = limbs;
    let mut low = BigInt([l0, l1, l2, l3]);
    while low >= Fr::MODULUS {
        subtract(&mut low.0, &Fr::MODULUS.0);
    }
    let high = BigInt([h0, h1, 0, 0]);
    // The Montgomery product with R^2 is `high * R^2 / R`: the raw limbs of `high * 2^256`.
    Fr::new_unchecked(low) + Fr::new_unchecked(high) * Fr::new_unchecked(Fr::R2)
}

fn subtract(a: &mut [u64; 4], b: &[u64; 4]) {
    let mut borrow = false;
    for (x, y) in a.iter_mut().zip(b) {
        let (d, first) = x.overflowing_sub(*y);
        let (d, second) = d.overflowing_sub(borrow.into());
        *x = d;
        borrow = first || second;
    }
}

/// The field element of an integer.
pub fn from_integer(x: i64) -> Fr {
    let magnitude = Fr::from(x.unsigned_abs());
    if x < 0 { -magnitude } else { magnitude }
}

/// The integer that a field element stands for, if it is small.
pub fn to_integer(x: &Fr) -> Option<i64> {
    let small = |limbs: [u64; 4]| match limbs {
        [low, 0, 0, 0] => i64::try_from(low).ok(),
        _ => None,
    };
    small(x.into_bigint().0).or_else(|| small((-*x).into_bigint().0).map(|n| -n))
}

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Values::Integer(x) => x.len(),
            Values::Field(x) => x.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `i` in the field; zero past the end.
    pub fn field(&self, i: usize) -> Fr {
        match self {
            Values::Integer(x) => x.get(i).map_or(Fr::from(0), |v| from_integer(*v)),
            Values::Field(x) => x.get(i).copied().unwrap_or_default(),
        }
    }

    /// All elements in the field.
    pub fn to_field(&self) -> Vec<Fr> {
        match self {
            Values::Integer(x) => x.iter().map(|v| from_integer(*v)).collect(),
            Values::Field(x) => x.to_vec(),
        }
    }

    /// All elements as integers; those that are none become zero.
    pub fn to_integers(&self) -> Vec<i64> {
        match self {
            Values::Integer(x) => x.to_vec(),
            Values::Field(x) => x.iter().map(|v| to_integer(v).unwrap_or(0)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn sums_agree_with_the_field() {
        let mut rng = StdRng::seed_from_u64(1);
        let edges = [0, 1, -1, i64::MAX, i64::MIN + 1, 1 << 40, -(1 << 33)];
        let mut sum = FieldSum::default();
        let mut expected = Fr::from(0);
        for k in 0..1000 {
            let weight = edges[k % edges.len()];
            let value = match k % 5 {
                0 => -Fr::from(1),
                1 => Fr::from(k as u64),
                _ => Fr::rand(&mut rng),
            };
            sum.add(weight, &value);
            expected += from_integer(weight) * value;
        }
        assert_eq!(sum.finish(), expected);
    }

    #[test]
    fn small_integers_survive_the_field() {
        for x in [0, 1, -1, i64::MAX, -i64::MAX, 12345] {
            assert_eq!(to_integer(&from_integer(x)), Some(x));
        }
        assert_eq!(to_integer(&(Fr::from(u64::MAX))), None);
        assert_eq!(to_integer(&(Fr::from(1) / Fr::from(2))), None);
    }
}
