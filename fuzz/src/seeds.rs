//! A small compiled model with its keys and a proof, to begin from.

use anyhow::Result;
use lemma::model::{Model, Op, Unary};
use lemma::{CompileOptions, Context, Inputs, Package, ProofFile, ProvingKey, VerifyingKey, compile};
use ndarray::{Array2, ArrayD};

/// The context of the proof.
pub const CONTEXT: &[u8] = b"seed";

/// A classifier of four numbers into three named classes, whose input is shown.
pub fn package() -> Result<Package> {
    let mut model = Model::default();
    let x = model.push_input("x", Op::Input, &[1, 4])?;
    let weight = Array2::from_shape_fn((4, 3), |(i, j)| ((i * 5 + j * 3) % 7) as f32 / 7.0 - 0.4);
    let y = model.push("dense", Op::Dense { weight, bias: None }, &[x])?;
    let z = model.push("relu", Op::Unary(Unary::Relu), &[y])?;
    model.outputs.push(("scores".into(), z));
    let samples: Vec<Inputs> = (0..4).map(|i| Inputs::from([("x".into(), sample(i))])).collect();
    let classes = ["a", "b", "c"].map(String::from).into();
    let options = CompileOptions { bits: Some(7), public: vec!["x".into()], classes, ..CompileOptions::default() };
    Ok(compile("small", model, &samples, &[], &options, &())?.0)
}

fn sample(index: usize) -> ArrayD<f32> {
    ArrayD::from_shape_fn(vec![1, 4], |at| ((at[1] * 3 + index * 5) % 11) as f32 / 11.0 - 0.5)
}

/// Its keys.
pub fn keys(package: &Package) -> Result<(ProvingKey, VerifyingKey)> {
    Ok(package.setup(&())?)
}

/// A proof of the first sample.
pub fn proof(package: &Package, key: &ProvingKey) -> Result<ProofFile> {
    let inputs = package.quantize(&Inputs::from([("x".into(), sample(0))]))?;
    let proven = package.prove(key, &inputs, Context::of(CONTEXT), &())?;
    Ok(ProofFile::new(key.verifying_key(), &proven.values, CONTEXT, &proven.proof)?)
}
