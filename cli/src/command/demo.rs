//! `lemma demo`: the whole way on a model that comes with the program.

mod spam;
mod temporary;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use lemma::contracts::evm;
use lemma::{
    CompileOptions, Demand, Folder, Job, PreparedKey, ProofFile, Samples, Sources, inspect,
};
use serde::Serialize;

use super::commitments::Commitments;
use super::compile::write;
use super::prove::{ProveResult, prove};
use super::setup::{SetupResult, setup};
use super::statement::{meaning_text, statement_text};
use super::verify::{VerifyResult, verify};
use super::{bytes, grouped, read_proof};
use crate::output::{Exit, Output};
use temporary::Temporary;

const MODEL: &[u8] = include_bytes!("../../../models/lenet_fashion/model.onnx");
const CALIBRATION: &[u8] = include_bytes!("../../../models/lenet_fashion/calibration.npz");
const TEST: &[u8] = include_bytes!("../../../models/lenet_fashion/test_1000.npz");
const CLASSES: &[u8] = include_bytes!("../../../models/lenet_fashion/classes.json");

/// Arguments of `lemma demo`.
#[derive(Args)]
pub struct Demo {
    /// Which of the 1,000 test images to classify.
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// Classify this message as spam or not, with a transformer, instead of an image.
    #[arg(long, conflicts_with = "index")]
    text: Option<String>,
    /// Also run the proof through the generated contract, in an EVM on this machine.
    #[arg(long)]
    evm: bool,
    /// Keep the compiled model, the keys and the proof in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// What `lemma demo` prints.
#[derive(Serialize)]
struct DemoResult {
    constraints: usize,
    float_accuracy: Option<f64>,
    integer_accuracy: Option<f64>,
    #[serde(flatten)]
    setup: SetupResult,
    #[serde(flatten)]
    prove: ProveResult,
    verified: bool,
    verify_seconds: f64,
    /// Gas of the accepted transaction, everything included.
    #[serde(skip_serializing_if = "Option::is_none")]
    gas_used: Option<u64>,
}

impl Demo {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        if let Some(text) = &self.text {
            return spam::run(text, self.keep.as_deref(), self.evm, output);
        }
        let temporary = Temporary::new()?;
        let path = self.keep.clone().unwrap_or_else(|| temporary.path().join("lenet_fashion"));
        let source = |name: &str, contents: &[u8]| -> Result<PathBuf> {
            let file = temporary.path().join(name);
            std::fs::write(&file, contents)?;
            Ok(file)
        };
        output.note("1. import and quantize LeNet-5 (61,706 weights, Fashion-MNIST)");
        let test_path = source("test_1000.npz", TEST)?;
        let test = Samples::read(&test_path)?;
        let count = test.labels("label")?.len();
        ensure!(self.index < count, "--index {}: there are {count} images", self.index);
        let sources = Sources {
            model: source("lenet_fashion.onnx", MODEL)?,
            calibration: Some(source("calibration.npz", CALIBRATION)?),
            test: Some(test_path),
            labels: Some("label".into()),
            classes: Some(source("classes.json", CLASSES)?),
            ..Sources::default()
        };
        let bar = output.bar();
        let (package, report) = sources.compile(&CompileOptions::default(), &bar)?;
        drop(bar);
        let inspection = inspect(&package);
        let accuracy = report.accuracy;
        if let Some(accuracy) = &accuracy {
            output.note(&format!(
                "   {} constraints; accuracy on 1,000 images: float {:.1}%, integer {:.1}%",
                grouped(inspection.constraints as u64),
                100.0 * accuracy.float,
                100.0 * accuracy.integer
            ));
        }
        let folder = Folder::new(&path);
        write(&package, &report, &folder, output)?;
        output.note("2. make the keys");
        let keys = setup(&folder, output)?;
        output.note(&format!(
            "   {:.2} s, proving key {}",
            keys.setup_seconds,
            bytes(keys.proving_key_bytes)
        ));
        output
            .note(&format!("3. classify image {} and prove it; the image stays here:", self.index));
        let pixels = test.sample(self.index, &package.input_ports())?;
        if let Some(image) = pixels.values().next() {
            picture(image.iter().copied(), 28).iter().for_each(|line| output.note(line));
        }
        let proof_path = path.join("proof.json");
        let job = Job::new(package.inputs(&test, self.index)?, None, Vec::new());
        let proved = prove(&folder, &package, &job, &Commitments::default(), &proof_path, output)?;
        output.note(&format!("   {:.3} s, {} bytes", proved.prove_seconds, proved.proof_bytes));
        output.note("4. verify");
        let verified = check(&folder, &proof_path)?;
        let gas_used = if self.evm { Some(in_evm(&folder, &proof_path)?) } else { None };
        let result = DemoResult {
            constraints: inspection.constraints,
            float_accuracy: accuracy.map(|a| a.float),
            integer_accuracy: accuracy.map(|a| a.integer),
            setup: keys,
            prove: proved,
            verified: verified.verified,
            verify_seconds: verified.verify_seconds,
            gas_used,
        };
        output.result(&result, describe)?;
        Ok(if result.verified { Exit::Success } else { Exit::Rejected })
    }
}

fn check(folder: &Folder, proof: &Path) -> Result<VerifyResult> {
    let key = PreparedKey::new(folder.verifying_key()?);
    Ok(verify(&key, &read_proof(proof, ProofFile::MAX_BYTES)?, &Demand::default()))
}

/// Gas of the transaction that submits the proof to its contract.
fn in_evm(folder: &Folder, proof: &Path) -> Result<u64> {
    let key = folder.verifying_key()?;
    let (values, context, proof) =
        ProofFile::from_json(&read_proof(proof, ProofFile::MAX_BYTES)?)?.open(&key)?;
    let receipt = evm::run(&key, &values, context, &proof, evm::Fork::Osaka)?;
    ensure!(receipt.succeeded(), "the contract refused the proof: {:?}", receipt.outcome);
    Ok(receipt.gas_used)
}

fn describe(result: &DemoResult) -> String {
    let verdict = if result.verified { "verified" } else { "NOT verified" };
    let gas = result.gas_used.map_or(String::new(), |gas| {
        format!("\nthe contract accepted it for {} gas", grouped(gas))
    });
    format!(
        "{verdict} in {:.2} ms. What was proven, without the input and without the \
            weights:\n{}{}{gas}",
        result.verify_seconds * 1e3,
        statement_text(&result.prove.statement),
        meaning_text(result.prove.answer.as_deref(), None)
    )
}

/// A grey image as text, two rows a line.
fn picture(pixels: impl Iterator<Item = f32>, width: usize) -> Vec<String> {
    const SHADES: [char; 5] = [' ', '.', ':', 'o', '#'];
    let pixels: Vec<f32> = pixels.collect();
    let shade = |v: f32| SHADES[((v * SHADES.len() as f32) as usize).min(SHADES.len() - 1)];
    let rows = pixels.chunks(width).step_by(2).filter(|row| row.iter().any(|v| shade(*v) != ' '));
    rows.map(|row| format!("   {}", row.iter().map(|v| shade(*v)).collect::<String>().trim_end()))
        .collect()
}
