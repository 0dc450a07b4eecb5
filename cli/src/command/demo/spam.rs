//! `lemma demo --text`: a message, a transformer, a proof of its verdict.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lemma::{CompileOptions, Folder, Integers, Request, Sources, inspect};

use super::super::commitments::Commitments;
use super::super::compile::write;
use super::super::input::job;
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
    let sources = Sources {
        model: source("sms_spam_tx.onnx", MODEL)?,
        calibration: Some(source("calibration.txt", CALIBRATION)?),
        tokenizer: Some(source("tokenizer.json", TOKENIZER)?),
        classes: Some(source("config.json", CONFIG)?),
        ..Sources::default()
    };
    let bar = output.bar();
    let (package, report) = sources.compile(&CompileOptions::default(), &bar)?;
    drop(bar);
    let folder = Folder::new(&path);
    write(&package, &report, &folder, output)?;
    let inspection = inspect(&package);
    output.note(&format!("   {} constraints", grouped(inspection.constraints as u64)));
    // Before the keys: a message that leaves the ranges is refused at once.
    let job = job(&folder, &package, &Request::Text(text), &Integers::new(), &[], output)?;
    package.graph().execute(&job.inputs).map_err(lemma::InferError::from)?;
    output.note("2. make the keys");
    let keys = setup(&folder, output)?;
    output.note(&format!(
        "   {:.2} s, proving key {}",
        keys.setup_seconds,
        bytes(keys.proving_key_bytes)
    ));
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
