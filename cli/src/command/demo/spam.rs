//! `lemma demo --text`: a message, a transformer, a proof of its verdict.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lemma::import::onnx;
use lemma::text::{TextInputs, Tokenizer, read_texts};
use lemma::{CompileOptions, Folder, compile, inspect};

use super::super::commitments::Commitments;
use super::super::compile::{read_classes, write};
use super::super::input::text_job;
use super::super::prove::prove;
use super::super::setup::setup;
use super::super::{bytes, grouped};
use super::temporary::Temporary;
use super::{DemoResult, check, describe, in_evm};
use crate::output::{Exit, Output};

const MODEL: &[u8] = include_bytes!("../../../../models/sms_spam_tx/model.onnx");
const TOKENIZER: &[u8] = include_bytes!("../../../../models/sms_spam_tx/tokenizer.json");
const CALIBRATION: &[u8] = include_bytes!("../../../../models/sms_spam_tx/calibration.txt");
const CONFIG: &[u8] = include_bytes!("../../../../models/sms_spam_tx/config.json");

/// Runs the demo on a message.
pub fn run(text: &str, keep: Option<&Path>, evm: bool, output: &Output) -> Result<Exit> {
    let temporary = Temporary::new()?;
    let path = keep.map_or_else(|| temporary.path().join("sms_spam_tx"), Path::to_path_buf);
    let source = |name: &str, contents: &[u8]| -> Result<PathBuf> {
        let file = temporary.path().join(name);
        std::fs::write(&file, contents)?;
        Ok(file)
    };
    output.note("1. import and quantize a transformer that tells spam (169,858 weights)");
    let model = onnx::load(&source("sms_spam_tx.onnx", MODEL)?, &onnx::Options::default())?;
    let tokenizer = Tokenizer::read(&source("tokenizer.json", TOKENIZER)?)?;
    let calibration = source("calibration.txt", CALIBRATION)?;
    let inputs = TextInputs::of(&model).map_err(|problem| problem.of(&calibration))?;
    let classes = read_classes(&source("config.json", CONFIG)?)?;
    let texts: Vec<_> = read_texts(&calibration, &tokenizer, &inputs, &classes)?.into_iter().map(|(text, _)| text).collect();
    let options = CompileOptions { classes, ..CompileOptions::default() };
    let bar = output.bar();
    let (package, report) = compile("sms_spam_tx", model, &texts, &[], &options, &bar)?;
    drop(bar);
    let package = package.with_tokenizer(Some(tokenizer));
    let folder = Folder::new(&path);
    write(&package, &report, &folder, output)?;
    let inspection = inspect(&package);
    output.note(&format!("   {} constraints", grouped(inspection.constraints as u64)));
    // Before the keys: a message that leaves the ranges is refused at once.
    let job = text_job(&folder, &package, text, &[], output)?;
    package.graph().execute(&job.inputs).map_err(lemma::InferError::from)?;
    output.note("2. make the keys");
    let keys = setup(&folder, output)?;
    output.note(&format!("   {:.2} s, proving key {}", keys.setup_seconds, bytes(keys.proving_key_bytes)));
    output.note("3. classify the message and prove it; the message stays here");
    let proof = path.join("proof.json");
    let proved = prove(&folder, &package, &job, &Commitments::default(), &proof, output)?;
    output.note(&format!("   {:.3} s, {} bytes", proved.prove_seconds, proved.proof_bytes));
    output.note("4. verify");
    let verified = check(&folder, &proof)?;
    let gas_used = if evm { Some(in_evm(&folder, &proof)?) } else { None };
    let result = DemoResult {
        constraints: inspection.constraints,
        float_accuracy: None,
        integer_accuracy: None,
        setup: keys,
        prove: proved,
        verified: verified.verified,
        verify_seconds: verified.verify_seconds,
        gas_used,
    };
    output.result(&result, describe)?;
    Ok(if result.verified { Exit::Success } else { Exit::Rejected })
}
