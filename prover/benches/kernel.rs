//! The kernel against arkworks, on both paths.
//!
//! `cargo bench -p lemma-prover --bench kernel -- --quick` prints criterion's figures. With
//! `LEMMA_BENCH=paired` it prints instead the ratio of arkworks' time to ours, the three candidates
//! taking turns in one process: on a machine whose speed drifts, only such ratios mean anything.
//! `LEMMA_BENCH_SIZES=16,18` selects sizes (binary logarithms; 16 and 18 unless told otherwise).

use std::hint::black_box;
use std::time::{Duration, Instant};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::UniformRand;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use lemma_prover::kernel::{
    Domain, G1, G2, Path, Point, batch_inverse, fixed_base_g1, fixed_base_g2, msm_g1, msm_g1_small,
    msm_g2, set_path,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// One thing to measure: arkworks' way, if it has one, and ours.
struct Case<'a> {
    name: &'static str,
    log_size: u32,
    arkworks: Option<Box<dyn FnMut() + 'a>>,
    ours: Box<dyn FnMut() + 'a>,
}

fn sizes() -> Vec<u32> {
    let text = std::env::var("LEMMA_BENCH_SIZES").unwrap_or_else(|_| "16,18".into());
    text.split(',').filter_map(|size| size.parse().ok()).collect()
}

/// `n` distinct points, cheaply.
fn points<P: Point>(n: usize) -> Vec<P> {
    let generator = P::Affine::generator().into_group();
    let mut point = generator;
    let group: Vec<P::Group> = (0..n)
        .map(|_| {
            point += generator;
            point
        })
        .collect();
    P::Group::normalize_batch(&group).iter().map(P::from_affine).collect()
}

struct Data {
    log_size: u32,
    g1: Vec<G1>,
    g1_affine: Vec<G1Affine>,
    g2: Vec<G2>,
    g2_affine: Vec<G2Affine>,
    full: Vec<Fr>,
    small: Vec<(&'static str, Vec<i64>)>,
}

impl Data {
    fn new(log_size: u32) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let n = 1usize << log_size;
        let g1: Vec<G1> = points(n);
        let g2: Vec<G2> = points(n.min(1 << 18));
        let mut draw = |f: fn(&mut ChaCha20Rng) -> i64| (0..n).map(|_| f(&mut rng)).collect();
        let small = vec![
            ("msm g1 bit", draw(|rng| i64::from(rng.r#gen::<bool>()))),
            ("msm g1 u8", draw(|rng| i64::from(rng.r#gen::<u8>()))),
            ("msm g1 u16", draw(|rng| i64::from(rng.r#gen::<u16>()))),
            ("msm g1 i64", draw(|rng| rng.r#gen::<i64>())),
        ];
        Self {
            log_size,
            g1_affine: g1.iter().map(G1::to_affine).collect(),
            g2_affine: g2.iter().map(G2::to_affine).collect(),
            g1,
            g2,
            full: (0..n).map(|_| Fr::rand(&mut rng)).collect(),
            small,
        }
    }

    fn cases(&self) -> Vec<Case<'_>> {
        let log_size = self.log_size;
        let mut cases: Vec<Case<'_>> = Vec::new();
        for (name, values) in &self.small {
            let field: Vec<Fr> = values.iter().map(|&v| Fr::from(v)).collect();
            cases.push(Case {
                name,
                log_size,
                arkworks: Some(Box::new(move || {
                    keep(G1Projective::msm_unchecked(&self.g1_affine, &field));
                })),
                ours: Box::new(|| {
                    keep(msm_g1_small(&self.g1, values));
                }),
            });
        }
        cases.push(Case {
            name: "msm g1 full",
            log_size,
            arkworks: Some(Box::new(|| {
                keep(G1Projective::msm_unchecked(&self.g1_affine, &self.full));
            })),
            ours: Box::new(|| {
                keep(msm_g1(&self.g1, &self.full));
            }),
        });
        let g2_scalars = &self.full[..self.g2.len()];
        cases.push(Case {
            name: "msm g2 full",
            log_size: g2_scalars.len().ilog2(),
            arkworks: Some(Box::new(move || {
                keep(G2Projective::msm_unchecked(&self.g2_affine, g2_scalars));
            })),
            ours: Box::new(move || {
                keep(msm_g2(&self.g2, g2_scalars));
            }),
        });
        if let Some(domain) = Domain::new(self.full.len()) {
            let theirs = Radix2EvaluationDomain::<Fr>::new(self.full.len());
            let (mut a, mut b) = (self.full.clone(), self.full.clone());
            cases.push(Case {
                name: "fft",
                log_size,
                arkworks: theirs.map(|theirs| -> Box<dyn FnMut()> {
                    Box::new(move || theirs.fft_in_place(&mut a))
                }),
                ours: Box::new(move || domain.fft(&mut b)),
            });
        }
        cases.push(Case {
            name: "fixed base g1",
            log_size,
            arkworks: Some(Box::new(|| {
                let table = ark_ec::scalar_mul::BatchMulPreprocessing::<G1Projective>::new(
                    G1Affine::generator().into(),
                    self.full.len(),
                );
                keep(table.batch_mul(&self.full));
            })),
            ours: Box::new(|| {
                keep(fixed_base_g1(&G1Affine::generator().into(), &self.full));
            }),
        });
        cases.push(Case {
            name: "fixed base g2",
            log_size: g2_scalars.len().ilog2(),
            arkworks: Some(Box::new(move || {
                let table = ark_ec::scalar_mul::BatchMulPreprocessing::<G2Projective>::new(
                    G2Affine::generator().into(),
                    g2_scalars.len(),
                );
                keep(table.batch_mul(g2_scalars));
            })),
            ours: Box::new(move || {
                keep(fixed_base_g2(&G2Affine::generator().into(), g2_scalars));
            }),
        });
        let (mut a, mut b) = (self.full.clone(), self.full.clone());
        cases.push(Case {
            name: "batch inversion",
            log_size,
            arkworks: Some(Box::new(move || ark_ff::batch_inversion(&mut a))),
            ours: Box::new(move || batch_inverse(&mut b)),
        });
        cases
    }
}

/// Computes a value for its time only.
fn keep<T>(value: T) {
    drop(black_box(value));
}

fn time(f: &mut dyn FnMut()) -> Duration {
    let start = Instant::now();
    f();
    start.elapsed()
}

/// The three candidates in turns; the least time of each.
fn paired(cases: Vec<Case<'_>>) {
    let only = std::env::var("LEMMA_BENCH_ONLY").unwrap_or_default();
    for mut case in cases.into_iter().filter(|case| case.name.contains(&only)) {
        let mut least = [Duration::MAX; 3];
        for _ in 0..3 {
            if let Some(arkworks) = &mut case.arkworks {
                least[0] = least[0].min(time(arkworks.as_mut()));
            }
            for (slot, path) in [(1, Path::Portable), (2, Path::Vector)] {
                if path == Path::Vector || std::env::var("LEMMA_BENCH_PORTABLE").is_ok() {
                    set_path(Some(path));
                    least[slot] = least[slot].min(time(case.ours.as_mut()));
                }
            }
        }
        set_path(None);
        let [arkworks, portable, vector] = least.map(|time| time.as_secs_f64() * 1e3);
        print!("{:16} 2^{:<2}  arkworks {arkworks:9.2} ms", case.name, case.log_size);
        if least[1] < Duration::MAX {
            print!("  portable {portable:9.2} ms");
        }
        println!("  vector {vector:9.2} ms  vector / arkworks {:.3}", vector / arkworks);
    }
}

fn criterion(cases: Vec<Case<'_>>) {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for mut case in cases {
        let mut group = criterion.benchmark_group(case.name);
        group.sampling_mode(SamplingMode::Flat);
        if let Some(mut arkworks) = case.arkworks {
            group.bench_function(BenchmarkId::new("arkworks", case.log_size), |b| {
                b.iter(&mut arkworks)
            });
        }
        for path in [Path::Portable, Path::Vector] {
            set_path(Some(path));
            let id = BenchmarkId::new(format!("{path:?}"), case.log_size);
            group.bench_function(id, |b| b.iter(&mut case.ours));
        }
        set_path(None);
        group.finish();
    }
}

fn main() {
    for log_size in sizes() {
        let data = Data::new(log_size);
        match std::env::var("LEMMA_BENCH").as_deref() {
            Ok("paired") => paired(data.cases()),
            _ => criterion(data.cases()),
        }
    }
}
