//! The steps of the demo's model under criterion: inference, tracing, proof, verification.
//!
//! `cargo bench --bench pipeline`

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use lemma::{Context, PreparedKey};

fn pipeline(criterion: &mut Criterion) {
    let model =
        lemma::import::onnx::load("models/lenet_fashion/model.onnx".as_ref(), &Default::default())
            .unwrap();
    let (package, _, input) =
        support::compiled("lenet_fashion", model, &lemma::CompileOptions::default());
    let (proving, verifying) = package.setup(&()).unwrap();
    let key = PreparedKey::new(verifying);
    let proven = package.prove(&proving, &input, Context::NONE, &()).unwrap();
    let mut group = criterion.benchmark_group("lenet_fashion");
    group.sample_size(10);
    group.bench_function("infer and trace round 1", |b| b.iter(|| package.infer(&input).unwrap()));
    group.bench_function("prove", |b| {
        b.iter(|| package.prove(&proving, &input, Context::NONE, &()).unwrap())
    });
    group.bench_function("verify", |b| {
        b.iter(|| key.verify(&proven.values, Context::NONE, &proven.proof).unwrap())
    });
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
