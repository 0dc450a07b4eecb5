//! A compiled model: what `lemma compile` writes and every later step reads.
//!
//! File `model.lemma`: magic `lemma.mg`, version (u32, big-endian), keccak256 of the payload, payload (postcard).

use std::path::Path;

use lemma_circuits::relation::Relation;
use lemma_circuits::{Compiled, Inference, Plan};
use lemma_prover::store::write_atomically;
use lemma_prover::{KeyInfo, Progress, ProveError, Proven, ProvingKey, SetupError, prove, setup};
use lemma_quantizer::data::Samples;
use lemma_quantizer::graph::{Graph, Op, Port};
use lemma_quantizer::model::{Model, Op as FloatOp};
use lemma_quantizer::quantize::quantize_value;
use lemma_verifier::{Context, Digest, Labels, Role, TensorSignature, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::compile::Inputs;
use crate::error::{CompileError, InferError, PackageError};

const MAGIC: &[u8; 8] = b"lemma.mg";
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 32;

/// A compiled model.
#[derive(Debug)]
pub struct Package {
    name: String,
    classes: Vec<String>,
    compiled: Compiled,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    name: String,
    classes: Vec<String>,
    plan: Plan,
    graph: Graph,
}

impl Package {
    /// Names a compiled graph; `classes` name the entries of the first output's last axis.
    ///
    /// # Errors
    /// [`CompileError::Classes`] when their number does not fit.
    pub fn new(name: &str, classes: Vec<String>, compiled: Compiled) -> Result<Package, CompileError> {
        let package = Package { name: name.to_owned(), classes, compiled };
        if let Some(port) = package.graph().outputs.first().filter(|_| !package.classes.is_empty()) {
            let expected = package.class_count(port);
            if expected != package.classes.len() {
                let found = package.classes.len();
                return Err(CompileError::Classes { output: port.name.clone(), expected, found });
            }
        }
        Ok(package)
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the classes, if any.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The integer graph.
    pub fn graph(&self) -> &Graph {
        self.compiled.graph()
    }

    /// The graph with its constraint system.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Digest of the circuit.
    pub fn digest(&self) -> Digest {
        Digest(self.compiled.digest())
    }

    /// Makes development keys.
    ///
    /// # Errors
    /// A circuit too large for the field's roots of unity.
    pub fn setup(&self, progress: &dyn Progress) -> Result<(ProvingKey, VerifyingKey), SetupError> {
        let info = KeyInfo { model: self.name.clone(), circuit_digest: self.digest(), signature: self.signature() };
        setup(self.compiled.circuit(), info, progress)
    }

    /// Sample `index` of `samples`, quantized: one integer tensor for each input of the graph.
    ///
    /// # Errors
    /// Data that does not fit the model's inputs.
    pub fn inputs(&self, samples: &Samples, index: usize) -> Result<Vec<Vec<i64>>, InferError> {
        let sample = samples.sample(index, &self.input_model())?;
        self.quantize(&sample)
    }

    /// Real input tensors, quantized.
    ///
    /// # Errors
    /// A missing input.
    pub fn quantize(&self, sample: &Inputs) -> Result<Vec<Vec<i64>>, InferError> {
        let quantized = |port: &Port| {
            let frac = self.graph().node(port.node).fractional_bits;
            let values = sample.get(&port.name).ok_or_else(|| InferError::MissingInput(port.name.clone()))?;
            Ok(values.iter().map(|v| quantize_value(f64::from(*v), frac)).collect())
        };
        self.graph().inputs.iter().map(quantized).collect()
    }

    /// A float model with this package's inputs and nothing else, to fit data to.
    pub fn input_model(&self) -> Model {
        let mut model = Model::default();
        for port in &self.graph().inputs {
            // A compiled graph has distinct, non-empty inputs, so this cannot fail.
            let _ = model.push_input(port.name.clone(), FloatOp::Input, &self.graph().node(port.node).shape);
        }
        model
    }

    /// Runs the integer model and traces round 1.
    ///
    /// # Errors
    /// A wrong input, or a value outside its calibrated range.
    pub fn infer(&self, inputs: &[Vec<i64>]) -> Result<Inference, InferError> {
        Ok(self.compiled.infer(inputs)?)
    }

    /// Runs the integer model and proves it.
    ///
    /// # Errors
    /// As [`Package::infer`], and what the prover says.
    pub fn prove(
        &self,
        key: &ProvingKey,
        inputs: &[Vec<i64>],
        context: Context,
        progress: &dyn Progress,
    ) -> Result<Proven, InferError> {
        progress.enter("running the model", 0.0);
        let mut inference = self.infer(inputs)?;
        prove(key, &mut inference, context, progress).map_err(|error| self.name_constraint(error))
    }

    /// The constraint that a row number stands for.
    fn name_constraint(&self, error: ProveError) -> InferError {
        match error {
            ProveError::Unsatisfied { row } => match self.compiled.circuit().site(row) {
                Some(site) => InferError::Unsatisfied { site: site.clone(), row },
                None => InferError::Prove(error),
            },
            other => InferError::Prove(other),
        }
    }

    /// What the verifying key says about the public tensors.
    pub fn signature(&self) -> Vec<TensorSignature> {
        let inputs = self.graph().inputs.iter().map(|port| (port, Role::Input));
        let outputs = self.graph().outputs.iter().map(|port| (port, Role::Output));
        let shown = inputs.chain(outputs).filter(|(port, _)| port.public);
        shown.map(|(port, role)| self.tensor_signature(port, role)).collect()
    }

    /// Number of public values.
    pub fn public_values(&self) -> usize {
        self.compiled.circuit().layout().public_values
    }

    fn tensor_signature(&self, port: &Port, role: Role) -> TensorSignature {
        let node = self.graph().node(port.node);
        let first = self.graph().outputs.first().is_some_and(|first| first.node == port.node);
        let labels = match &node.op {
            _ if !first || self.classes.is_empty() => Labels::None,
            Op::ArgMax { .. } => Labels::Values(self.classes.clone()),
            _ => Labels::Entries(self.classes.clone()),
        };
        TensorSignature {
            name: port.name.clone(),
            role,
            shape: node.shape.clone(),
            fractional_bits: node.fractional_bits,
            low: node.bounds.lo,
            high: node.bounds.hi,
            labels,
        }
    }

    fn class_count(&self, port: &Port) -> usize {
        let node = self.graph().node(port.node);
        match &node.op {
            Op::ArgMax { group } => *group,
            _ => node.shape.last().copied().unwrap_or(1),
        }
    }

    /// Writes `model.lemma`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), PackageError> {
        let payload = Payload {
            name: self.name.clone(),
            classes: self.classes.clone(),
            plan: self.compiled.plan().clone(),
            graph: self.graph().clone(),
        };
        let damaged = |problem: String| PackageError::Damaged { path: path.to_owned(), problem };
        let bytes = postcard::to_stdvec(&payload).map_err(|e| damaged(e.to_string()))?;
        write_atomically(path, |file| {
            file.write_all(MAGIC)?;
            file.write_all(&VERSION.to_be_bytes())?;
            file.write_all(&Digest::of(&bytes).0)?;
            file.write_all(&bytes)
        })?;
        Ok(())
    }

    /// Reads `model.lemma`; nothing in it is trusted.
    pub(crate) fn read(path: &Path) -> Result<Package, PackageError> {
        let damaged = |problem: &str| PackageError::Damaged { path: path.to_owned(), problem: problem.to_owned() };
        let bytes = std::fs::read(path).map_err(|source| PackageError::Read { path: path.to_owned(), source })?;
        let (header, payload) = bytes.split_at_checked(HEADER).ok_or_else(|| damaged("the file is cut short"))?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (version, checksum) = rest.split_at(4);
        if magic != MAGIC {
            return Err(damaged("not a compiled model"));
        }
        if version != VERSION.to_be_bytes() {
            return Err(damaged(&format!("format version {version:?}, this program reads {VERSION}")));
        }
        if checksum != Digest::of(payload).0 {
            return Err(damaged("the checksum does not match: the file is damaged"));
        }
        let payload: Payload = postcard::from_bytes(payload).map_err(|_| damaged("the contents do not decode"))?;
        let compiled = Compiled::with_plan(payload.graph, payload.plan).map_err(|error| damaged(&error.to_string()))?;
        Package::new(&payload.name, payload.classes, compiled).map_err(|error| damaged(&error.to_string()))
    }
}
