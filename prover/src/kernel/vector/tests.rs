//! The lane arithmetic against arkworks, at the ends of its ranges.

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInt, BigInteger, PrimeField};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::Avx512;
use super::field::{Coordinates, Exponents, Lanes, Modulus};
use super::memory::{load, store, transpose};

/// 256-bit values: random ones, the ends of the field, limbs of all ones and all zeros, multiples
/// of p up to five.
fn values<F: PrimeField<BigInt = BigInt<4>>>() -> Vec<[u64; 4]> {
    let mut rng = ChaCha20Rng::seed_from_u64(21);
    let p = F::MODULUS;
    let mut values = vec![[0; 4], [1, 0, 0, 0], [2, 0, 0, 0], [u64::MAX; 4]];
    let mut multiple = p;
    for _ in 0..5 {
        for small in 0..3u64 {
            let (mut above, mut below) = (multiple, multiple);
            above.add_with_carry(&BigInt::from(small));
            below.sub_with_borrow(&BigInt::from(small));
            values.extend([above.0, below.0]);
        }
        if multiple.add_with_carry(&p) {
            break;
        }
    }
    for k in 1..5u32 {
        let mut power = BigInt::<4>::from(1u64) << (52 * k);
        values.push(power.0);
        power.sub_with_borrow(&BigInt::from(1u64));
        values.push(power.0);
        power.add_with_carry(&BigInt::from(2u64));
        values.push(power.0);
    }
    for _ in 0..40 {
        values.push(rng.r#gen());
        let full: [u64; 4] = rng.r#gen();
        values.push(full.map(|word| if rng.r#gen() { u64::MAX } else { word }));
        values.push(full.map(|word| if rng.r#gen() { 0 } else { word }));
    }
    while values.len() % 8 != 0 {
        values.push(rng.r#gen());
    }
    values
}

/// A 256-bit value modulo p.
fn element<F: PrimeField>(words: [u64; 4]) -> F {
    words.iter().rev().fold(F::zero(), |sum, &word| sum * F::from(1u128 << 64) + F::from(word))
}

fn eights(values: &[[u64; 4]]) -> Vec<[[u64; 4]; 8]> {
    values.chunks_exact(8).map(|eight| std::array::from_fn(|lane| eight[lane])).collect()
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn products_agree<M: Modulus, F: PrimeField<BigInt = BigInt<4>>>(_cpu: Avx512) {
    let values = values::<F>();
    let scale = F::from(2u64).pow([260u64]).inverse().unwrap();
    let eights = eights(&values);
    for shift in 0..values.len() {
        for (i, a) in eights.iter().enumerate() {
            let b: [[u64; 4]; 8] =
                std::array::from_fn(|lane| values[(8 * i + lane + shift) % values.len()]);
            let (x, y) = (Lanes::<M>::from_array(*a), Lanes::<M>::from_array(b));
            // a, b < 5.3 p, so the product is below 1.4 p.
            let product = x.mul(&y).canonical().to_array();
            let square = x.square_wide().carry().canonical().to_array();
            for lane in 0..8 {
                let (a, b) = (element::<F>(a[lane]), element::<F>(b[lane]));
                assert_eq!(BigInt(product[lane]), (a * b * scale).into_bigint());
                assert_eq!(BigInt(square[lane]), (a * a * scale).into_bigint());
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn sums_agree<M: Modulus, F: PrimeField<BigInt = BigInt<4>>>(_cpu: Avx512) {
    // Values below 2p, as points have them.
    let mut double = F::MODULUS;
    double.mul2();
    let mut bound = double;
    bound.add_with_carry(&(BigInt::from(1u64) << 220));
    let mut values = values::<F>();
    values.retain(|&words| BigInt(words) < double);
    let eights = eights(&values);
    for shift in 0..values.len() {
        for (i, a) in eights.iter().enumerate() {
            let b: [[u64; 4]; 8] =
                std::array::from_fn(|lane| values[(8 * i + lane + shift) % values.len()]);
            let (x, y) = (Lanes::<M>::from_array(*a), Lanes::<M>::from_array(b));
            let fitted = x.minus(&y).lift::<3>().fit();
            let sum = x.plus(&y).fit().canonical().to_array();
            let difference = fitted.canonical().to_array();
            let four = x.minus(&y).lift::<3>().times_four().carry().mul(&y);
            let four = four.canonical().to_array();
            let zeros = x.minus(&y).lift::<5>().carry().zeros();
            let negative = x.minus(&y).carry().negative();
            let scale = F::from(2u64).pow([258u64]).inverse().unwrap();
            for lane in 0..8 {
                assert!(BigInt(fitted.to_array()[lane]) < bound);
                assert_eq!(negative >> lane & 1 == 1, BigInt(a[lane]) < BigInt(b[lane]));
                let (a, b) = (element::<F>(a[lane]), element::<F>(b[lane]));
                assert_eq!(BigInt(sum[lane]), (a + b).into_bigint());
                assert_eq!(BigInt(difference[lane]), (a - b).into_bigint());
                assert_eq!(BigInt(four[lane]), ((a - b) * b * scale).into_bigint());
                assert_eq!(zeros >> lane & 1 == 1, a == b);
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn memory_round_trips(_cpu: Avx512) {
    let rows: [[u64; 8]; 8] = std::array::from_fn(|i| std::array::from_fn(|j| (8 * i + j) as u64));
    let columns: [[u64; 8]; 8] = transpose(rows.map(bytemuck::cast)).map(bytemuck::cast);
    for (i, row) in rows.iter().enumerate() {
        for (j, &word) in row.iter().enumerate() {
            assert_eq!(columns[j][i], word);
        }
    }
    for eight in eights(&values::<Fr>()) {
        let lanes = load::<Exponents>(&eight);
        assert_eq!(lanes.to_array(), eight);
        let mut stored = [[0; 4]; 8];
        store(&lanes, &mut stored);
        assert_eq!(stored, eight);
    }
}

fn with_cpu(test: impl Fn(Avx512)) {
    match Avx512::detect() {
        Some(cpu) => test(cpu),
        None => println!("skipped: this processor has no AVX-512 IFMA"),
    }
}

#[test]
fn products_agree_with_arkworks() {
    // SAFETY: `cpu` shows that the processor has the instructions.
    with_cpu(|cpu| unsafe {
        products_agree::<Coordinates, Fq>(cpu);
        products_agree::<Exponents, Fr>(cpu);
    });
}

#[test]
fn sums_agree_with_arkworks() {
    // SAFETY: `cpu` shows that the processor has the instructions.
    with_cpu(|cpu| unsafe {
        sums_agree::<Coordinates, Fq>(cpu);
        sums_agree::<Exponents, Fr>(cpu);
    });
}

#[test]
fn loads_and_stores_are_inverse() {
    // SAFETY: `cpu` shows that the processor has the instructions.
    with_cpu(|cpu| unsafe { memory_round_trips(cpu) });
}
