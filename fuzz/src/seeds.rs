//! A small compiled model with its keys and proofs, to begin from. Keys and proofs are random: they
//! are kept in a folder, so that a run can be made again.

use std::path::Path;

use anyhow::{Context as _, Result};
use lemma::model::{Model, Op, Unary};
use lemma::prover::store::write_atomically;
use lemma::{
    CompileOptions, Context, Demand, Inputs, Package, PreparedKey, ProofFile, ProvingKey, compile,
};
use ndarray::{Array2, ArrayD};

/// The proofs: the context and the sample of each.
const PROVEN: [(&[u8], usize); 3] = [(b"seed", 0), (b"seed", 0), (b"", 1)];

/// A model with its keys, and proofs of two statements, one of them twice.
pub struct Seeds {
    pub package: Package,
    pub key: ProvingKey,
    pub proofs: Vec<ProofFile>,
}

impl Seeds {
    /// Those of a folder, or new ones that are kept there.
    pub fn of(folder: &Path) -> Result<Seeds> {
        let package = package()?;
        let path = folder.join("proving.key");
        let key = match ProvingKey::open(&path, package.digest()) {
            Ok(key) => key,
            Err(_) => {
                let (key, _) = package.setup(&())?;
                key.write(&path)?;
                key
            }
        };
        let kept = |at: usize| {
            let path = folder.join(format!("proof-{at}.json"));
            let file = ProofFile::from_json(&std::fs::read(&path).ok()?).ok()?;
            file.verify(key.prepared_key(), &Demand::default()).ok().map(|_| file)
        };
        let proof = |at: usize| match kept(at) {
            Some(file) => Ok(file),
            None => {
                let (context, index) = PROVEN[at];
                let inputs = package.quantize(&sample(index))?;
                let proven = package.prove(&key, &inputs, Context::of(context), &())?;
                let file =
                    ProofFile::new(key.verifying_key(), &proven.values, context, &proven.proof)?;
                let text = file.to_json()?;
                write_atomically(&folder.join(format!("proof-{at}.json")), |out| {
                    out.write_all(text.as_bytes())
                })?;
                Ok(file)
            }
        };
        let proofs =
            (0..PROVEN.len()).map(proof).collect::<Result<_>>().context("a proof to begin from")?;
        Ok(Seeds { package, key, proofs })
    }

    /// The verifying key, prepared.
    pub fn prepared(&self) -> PreparedKey {
        self.key.prepared_key().clone()
    }
}

/// A classifier of four shown and two hidden numbers into three named classes, with a committed
/// output.
pub fn package() -> Result<Package> {
    let mut model = Model::default();
    let x = model.push_input("x", Op::Input, &[1, 4])?;
    let hidden = model.push_input("hidden", Op::Input, &[1, 3])?;
    let weight = Array2::from_shape_fn((4, 3), |(i, j)| ((i * 5 + j * 3) % 7) as f32 / 7.0 - 0.4);
    let y = model.push("dense", Op::Dense { weight, bias: None }, &[x])?;
    let z = model.push("relu", Op::Unary(Unary::Relu), &[y])?;
    let sum = model.push("sum", Op::Add, &[z, hidden])?;
    model.outputs.push(("scores".into(), sum));
    model.outputs.push(("features".into(), z));
    let samples: Vec<Inputs> = (0..4).map(sample).collect();
    let options = CompileOptions {
        bits: Some(7),
        public: vec!["x".into()],
        committed: vec!["features".into()],
        classes: ["a", "b", "c"].map(String::from).into(),
        ..CompileOptions::default()
    };
    Ok(compile("small", model, &samples, &[], &options, &())?.0)
}

/// Numbers for the inputs.
pub fn sample(index: usize) -> Inputs {
    let numbers = |count: usize, step: usize| {
        ArrayD::from_shape_fn(vec![1, count], |at| {
            ((at[1] * step + index * 5) % 11) as f32 / 11.0 - 0.5
        })
    };
    Inputs::from([("x".into(), numbers(4, 3)), ("hidden".into(), numbers(3, 7))])
}
