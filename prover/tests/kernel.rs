//! Every path of the kernel gives the same results, on ordinary and on hostile inputs.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField, UniformRand};
use lemma_prover::kernel::{G1, G2, Path, Point, Scalars, msm, set_path};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::sync::{Mutex, MutexGuard, PoisonError};

static PATH: Mutex<()> = Mutex::new(());

/// The path is a setting of the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    let guard = PATH.lock().unwrap_or_else(PoisonError::into_inner);
    if Path::detect() == Path::Portable {
        println!("this processor has no vector path: only the portable one is tested");
    }
    guard
}

/// Points with known logarithms.
fn points<P: Point>(n: usize, rng: &mut ChaCha20Rng) -> (Vec<P>, Vec<Fr>) {
    let generator = P::Affine::generator();
    let step: P::Group = generator * Fr::from(0x1234_5678_9abc_def1u64);
    let mut log = Fr::rand(rng);
    let mut point: P::Group = generator * log;
    let mut logs = Vec::new();
    let mut group = Vec::new();
    for _ in 0..n {
        logs.push(log);
        group.push(point);
        log += Fr::from(0x1234_5678_9abc_def1u64);
        point += step;
    }
    let affine = P::Group::normalize_batch(&group);
    (affine.iter().map(P::from_affine).collect(), logs)
}

fn expected<P: Point>(logs: &[Fr], scalars: &[Fr]) -> P::Group {
    let log: Fr = logs.iter().zip(scalars).map(|(l, s)| *l * s).sum();
    P::Affine::generator() * log
}

fn check<P: Point>(bases: &[P], logs: &[Fr], scalars: &[Fr], case: &str) {
    let expected = expected::<P>(logs, scalars);
    for path in [Path::Portable, Path::Vector] {
        set_path(Some(path));
        let sum = msm(bases, Scalars::Field(scalars));
        assert_eq!(sum, expected, "{case}, {} bases, {path:?}", bases.len());
    }
    set_path(None);
}

fn field_scalars(n: usize, rng: &mut ChaCha20Rng) -> Vec<(&'static str, Vec<Fr>)> {
    let mut draw = |f: &mut dyn FnMut(usize, &mut ChaCha20Rng) -> Fr| -> Vec<Fr> {
        (0..n).map(|k| f(k, rng)).collect()
    };
    let half = Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO);
    vec![
        ("full width", draw(&mut |_, rng| Fr::rand(rng))),
        ("bits", draw(&mut |_, rng| Fr::from(rng.r#gen::<bool>()))),
        ("bytes", draw(&mut |_, rng| Fr::from(rng.r#gen::<u8>()))),
        ("signed 16 bits", draw(&mut |_, rng| Fr::from(rng.r#gen::<i16>()))),
        ("signed 64 bits", draw(&mut |_, rng| Fr::from(rng.r#gen::<i64>()))),
        ("128 bits", draw(&mut |_, rng| Fr::from(rng.r#gen::<u128>()))),
        ("zeros", draw(&mut |_, _| Fr::ZERO)),
        ("r - 1", draw(&mut |_, _| -Fr::ONE)),
        ("around r / 2", draw(&mut |k, _| half + Fr::from(k as u64 % 3))),
        ("powers of two", draw(&mut |k, _| Fr::from(2u64).pow([k as u64 % 254]))),
        (
            "powers of two less one",
            draw(&mut |k, _| Fr::from(2u64).pow([k as u64 % 254]) - Fr::ONE),
        ),
        ("one bucket", {
            let scalar = Fr::rand(&mut ChaCha20Rng::seed_from_u64(9));
            draw(&mut |_, _| scalar)
        }),
        (
            "all widths mixed",
            draw(&mut |_, rng| {
                let bits = rng.gen_range(0..254u64);
                let value = Fr::rand(rng).into_bigint() >> (254 - bits as u32);
                let value = Fr::from_bigint(value).unwrap_or(Fr::ZERO);
                if rng.r#gen() { value } else { -value }
            }),
        ),
    ]
}

#[test]
fn g1_multi_scalar_multiplication_is_right() {
    let _guard = alone();
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    for n in [0, 1, 2, 3, 7, 8, 9, 64, 331, 3001] {
        let (bases, logs) = points::<G1>(n, &mut rng);
        for (case, scalars) in field_scalars(n, &mut rng) {
            check(&bases, &logs, &scalars, case);
        }
    }
}

#[test]
fn g2_multi_scalar_multiplication_is_right() {
    let _guard = alone();
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    for n in [0, 1, 9, 517] {
        let (bases, logs) = points::<G2>(n, &mut rng);
        for (case, scalars) in field_scalars(n, &mut rng) {
            check(&bases, &logs, &scalars, case);
        }
    }
}

#[test]
fn a_large_multi_scalar_multiplication_is_right_on_any_number_of_threads() {
    let _guard = alone();
    let mut rng = ChaCha20Rng::seed_from_u64(13);
    let n = (1 << 15) + 5;
    let (bases, logs) = points::<G1>(n, &mut rng);
    let cases = field_scalars(n, &mut rng);
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (case, scalars) in &cases {
            set_path(Some(Path::Vector));
            let sum = pool.install(|| msm(&bases, Scalars::Field(scalars)));
            assert_eq!(sum, expected::<G1>(&logs, scalars), "{case}, {threads} threads");
        }
    }
    set_path(None);
}

/// Bases for which additions are doublings, cancel, or meet infinity.
fn hostile_bases<P: Point>(
    n: usize,
    rng: &mut ChaCha20Rng,
) -> Vec<(&'static str, Vec<P>, Vec<Fr>)> {
    let (bases, logs) = points::<P>(n, rng);
    let negative = |base: &P| P::from_affine(&(-base.to_affine().into_group()).into_affine());
    let mut cases = vec![("equal", vec![bases[0]; n], vec![logs[0]; n])];
    let mut opposite = cases[0].clone();
    opposite.0 = "opposite";
    for k in (1..n).step_by(2) {
        opposite.1[k] = negative(&bases[0]);
        opposite.2[k] = -logs[0];
    }
    cases.push(opposite);
    cases.push(("infinity", vec![P::infinity(); n], vec![Fr::ZERO; n]));
    let mut mixed = ("mixed", bases.clone(), logs.clone());
    for k in 0..n {
        let other = rng.gen_range(0..n);
        match rng.gen_range(0..4) {
            0 => (mixed.1[k], mixed.2[k]) = (P::infinity(), Fr::ZERO),
            1 => (mixed.1[k], mixed.2[k]) = (mixed.1[other], mixed.2[other]),
            2 => (mixed.1[k], mixed.2[k]) = (negative(&mixed.1[other]), -mixed.2[other]),
            _ => {}
        }
        if mixed.1[k].is_infinity() {
            mixed.1[k] = P::infinity();
        }
    }
    cases.push(mixed);
    let mut few = ("one infinity", bases, logs);
    (few.1[n / 2], few.2[n / 2]) = (P::infinity(), Fr::ZERO);
    cases.push(few);
    cases
}

#[test]
fn equal_opposite_and_infinite_points_are_added_right() {
    let _guard = alone();
    let mut rng = ChaCha20Rng::seed_from_u64(14);
    for n in [2, 9, 1025] {
        for (kind, bases, logs) in hostile_bases::<G1>(n, &mut rng) {
            for (case, scalars) in field_scalars(n, &mut rng) {
                check(&bases, &logs, &scalars, &format!("{kind} bases, {case}"));
            }
        }
    }
    for (kind, bases, logs) in hostile_bases::<G2>(131, &mut rng) {
        for (case, scalars) in field_scalars(131, &mut rng) {
            check(&bases, &logs, &scalars, &format!("{kind} bases, {case}"));
        }
    }
}

#[test]
fn small_and_picked_scalars_are_right() {
    let _guard = alone();
    let mut rng = ChaCha20Rng::seed_from_u64(15);
    let n = 700;
    let (bases, logs) = points::<G1>(n, &mut rng);
    let (bases2, logs2) = points::<G2>(n, &mut rng);
    let mut values: Vec<i64> = (0..n as i64)
        .map(|k| match k % 4 {
            0 => rng.r#gen::<i64>(),
            1 => i64::from(rng.r#gen::<i8>()),
            2 => i64::from(rng.r#gen::<bool>()),
            _ => 0,
        })
        .collect();
    values[..4].copy_from_slice(&[i64::MIN, i64::MAX, -1, i64::MIN + 1]);
    let field: Vec<Fr> = values.iter().map(|&v| Fr::from(v)).collect();
    let indices: Vec<u32> = (0..n).map(|_| rng.gen_range(0..n as u32)).collect();
    let picked: Vec<Fr> = indices.iter().map(|&k| field[k as usize]).collect();
    for path in [Path::Portable, Path::Vector] {
        set_path(Some(path));
        let plain: G1Projective = expected::<G1>(&logs, &field);
        assert_eq!(msm(&bases, Scalars::Small(&values)), plain);
        let plain2: G2Projective = expected::<G2>(&logs2, &field);
        assert_eq!(msm(&bases2, Scalars::Small(&values)), plain2);
        let sum = expected::<G1>(&logs, &picked);
        let at = Scalars::SmallAt { values: &values, indices: &indices };
        assert_eq!(msm(&bases, at), sum);
        let at = Scalars::FieldAt { values: &field, indices: &indices };
        assert_eq!(msm(&bases, at), sum);
    }
    set_path(None);
}

#[test]
fn the_two_groups_have_their_generators() {
    assert_eq!(G1::from(G1Affine::generator()).to_affine(), G1Affine::generator());
    assert_eq!(G2::from(G2Affine::generator()).to_affine(), G2Affine::generator());
    assert!(G1::infinity().to_affine().is_zero());
}
