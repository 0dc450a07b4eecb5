//! A compiled model: what `lemma compile` writes and every later step reads.

mod file;

use std::collections::BTreeMap;

use lemma_circuits::relation::Relation;
use lemma_circuits::{Compiled, Inference, Salt};
use lemma_graph::{Graph, Interval, NodeId, Op, Port, Visibility};
use lemma_model::{InputKind, InputPort};
use lemma_prover::{
    KeyInfo, Progress, ProveError, Proven, ProvingKey, SetupError, prove, random_salt, setup,
};
use lemma_quantizer::data::Samples;
use lemma_quantizer::quantize::quantize_value;
use lemma_verifier::key::circuit_digest;
use lemma_verifier::{Context, Digest, Labels, PrivateInput, Role, TensorSignature, VerifyingKey};

use crate::Inputs;
use crate::error::{CompileError, InferError};
use crate::opening::Opening;
use crate::text::Tokenizer;

/// A compiled model.
#[derive(Debug)]
pub struct Package {
    name: String,
    classes: Vec<String>,
    compiled: Compiled,
    tokenizer_digest: Option<Digest>,
    /// Where the package was not read from a file.
    tokenizer: Option<Tokenizer>,
}

impl Package {
    /// Names a compiled graph; `classes` name the entries of the first output's last axis.
    ///
    /// # Errors
    /// [`CompileError::Classes`] when their number does not fit.
    pub fn new(
        name: &str,
        classes: Vec<String>,
        compiled: Compiled,
    ) -> Result<Package, CompileError> {
        let package = Package {
            name: name.to_owned(),
            classes,
            compiled,
            tokenizer_digest: None,
            tokenizer: None,
        };
        if let Some(port) = package.graph().outputs.first().filter(|_| !package.classes.is_empty())
        {
            let expected = package.class_count(port);
            if expected != package.classes.len() {
                let found = package.classes.len();
                return Err(CompileError::Classes { output: port.name.clone(), expected, found });
            }
        }
        Ok(package)
    }

    /// The package with the tokenizer of its texts, which is written beside it.
    pub fn with_tokenizer(self, tokenizer: Option<Tokenizer>) -> Package {
        Package { tokenizer_digest: tokenizer.as_ref().map(Tokenizer::digest), tokenizer, ..self }
    }

    /// The tokenizer that was given with [`Package::with_tokenizer`]; one that was read has it in
    /// its folder.
    pub(crate) fn tokenizer(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    /// keccak256 of the file of the tokenizer, for models of text.
    pub fn tokenizer_digest(&self) -> Option<Digest> {
        self.tokenizer_digest
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

    /// Digest of the circuit with the names, ranges and labels of its inputs and outputs.
    pub fn digest(&self) -> Digest {
        circuit_digest(Digest(self.compiled.digest()), &self.signature(), &self.private_inputs())
    }

    /// Makes development keys.
    ///
    /// # Errors
    /// A circuit too large for the field's roots of unity.
    pub fn setup(&self, progress: &dyn Progress) -> Result<(ProvingKey, VerifyingKey), SetupError> {
        let info = KeyInfo {
            model: self.name.clone(),
            graph_digest: Digest(self.compiled.digest()),
            signature: self.signature(),
            private_inputs: self.private_inputs(),
        };
        setup(self.compiled.circuit(), info, progress)
    }

    /// Sample `index` of `samples`, quantized: one integer tensor for each input of the graph.
    ///
    /// # Errors
    /// Data that does not fit the model's inputs.
    pub fn inputs(&self, samples: &Samples, index: usize) -> Result<Vec<Vec<i64>>, InferError> {
        let sample = samples.sample(index, &self.input_ports())?;
        self.quantize(&sample)
    }

    /// As [`Package::inputs`], with the integers of some inputs given, by name; without samples, of
    /// all.
    ///
    /// # Errors
    /// Data that does not fit the model's other inputs, or none.
    pub fn inputs_beside(
        &self,
        given: &BTreeMap<String, Vec<i64>>,
        samples: Option<(&Samples, usize)>,
    ) -> Result<Vec<Vec<i64>>, InferError> {
        let mut others = self.input_ports();
        others.retain(|port| !given.contains_key(&port.name));
        let sample = match samples {
            Some((samples, index)) => samples.sample(index, &others)?,
            None => Inputs::new(),
        };
        let integers = |port: &Port| match given.get(&port.name) {
            Some(values) => Ok(values.clone()),
            None => self.quantized(port, &sample),
        };
        self.graph().inputs.iter().map(integers).collect()
    }

    /// Real input tensors, quantized.
    ///
    /// # Errors
    /// A missing input.
    pub fn quantize(&self, sample: &Inputs) -> Result<Vec<Vec<i64>>, InferError> {
        self.graph().inputs.iter().map(|port| self.quantized(port, sample)).collect()
    }

    fn quantized(&self, port: &Port, sample: &Inputs) -> Result<Vec<i64>, InferError> {
        let frac = self.graph().node(port.node).fractional_bits;
        let values =
            sample.get(&port.name).ok_or_else(|| InferError::MissingInput(port.name.clone()))?;
        Ok(values.iter().map(|v| quantize_value(f64::from(*v), frac)).collect())
    }

    /// The inputs, as data are fitted to them. Inputs of whole numbers from 0 are ids or flags, or
    /// may be taken for them.
    pub fn input_ports(&self) -> Vec<InputPort> {
        let port = |port: &Port| {
            let node = self.graph().node(port.node);
            let whole = node.fractional_bits == 0 && node.bounds.low == 0;
            InputPort {
                name: port.name.clone(),
                shape: node.shape.clone(),
                kind: if whole { InputKind::Whole } else { InputKind::Real },
            }
        };
        self.graph().inputs.iter().map(port).collect()
    }

    /// Runs the integer model and traces round 1. Committed tensors get new salts.
    ///
    /// # Errors
    /// A wrong input, or a value outside its calibrated range.
    pub fn infer(&self, inputs: &[Vec<i64>]) -> Result<Inference, InferError> {
        Ok(self.compiled.infer_salted(inputs, &self.salts(&BTreeMap::new())?)?)
    }

    /// A salt for each committed tensor, inputs first: those of `given` by the tensor's name, else
    /// new ones from the operating system.
    ///
    /// # Errors
    /// A name that is no committed tensor's, or a system without randomness.
    pub fn salts(&self, given: &BTreeMap<String, Salt>) -> Result<Vec<Salt>, InferError> {
        let committed: Vec<String> =
            self.graph().committed().map(|port| port.name.clone()).collect();
        if let Some(name) = given.keys().find(|name| !committed.contains(name)) {
            return Err(InferError::Salt { name: name.clone(), committed });
        }
        let salt = |name: &String| given.get(name).cloned().map_or_else(random_salt, Ok);
        committed.iter().map(|name| salt(name).map_err(InferError::Prove)).collect()
    }

    /// Runs the integer model and proves it. Committed tensors get new salts, which nobody keeps.
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
        self.prove_salted(key, inputs, &self.salts(&BTreeMap::new())?, context, progress)
            .map(|(proven, _)| proven)
    }

    /// As [`Package::prove`] with the salts of [`Package::salts`]; gives also the openings of the
    /// committed tensors.
    ///
    /// # Errors
    /// As [`Package::prove`], or a wrong number of salts.
    pub fn prove_salted(
        &self,
        key: &ProvingKey,
        inputs: &[Vec<i64>],
        salts: &[Salt],
        context: Context,
        progress: &dyn Progress,
    ) -> Result<(Proven, Vec<Opening>), InferError> {
        progress.enter("running the model", 0.0);
        let mut inference = self.compiled.infer_salted(inputs, salts)?;
        let ports = self
            .graph()
            .inputs
            .iter()
            .zip(inputs)
            .map(|(port, values)| (port, values, Role::CommittedInput));
        let results = self.graph().outputs.iter().zip(inference.outputs());
        let ports =
            ports.chain(results.map(|(port, values)| (port, values, Role::CommittedOutput)));
        let committed = ports.filter(|(port, ..)| port.visibility == Visibility::Committed);
        let opening = |((port, values, role), salt): ((&Port, &Vec<i64>, Role), &Salt)| {
            let node = self.graph().node(port.node);
            let (name, shape) = (port.name.clone(), node.shape.clone());
            Opening {
                name,
                role,
                shape,
                fractional_bits: node.fractional_bits,
                salt: salt.clone(),
                values: values.clone(),
            }
        };
        let openings = committed.zip(salts).map(opening).collect();
        let proven = prove(key, &mut inference, context, progress)
            .map_err(|error| self.name_constraint(error))?;
        Ok((proven, openings))
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

    /// What the verifying key says about the public and committed tensors.
    pub fn signature(&self) -> Vec<TensorSignature> {
        let role = |port: &Port, public: Role, committed: Role| match port.visibility {
            Visibility::Private => None,
            Visibility::Public => Some(public),
            Visibility::Committed => Some(committed),
        };
        let inputs = self
            .graph()
            .inputs
            .iter()
            .map(|port| (port, role(port, Role::Input, Role::CommittedInput)));
        let outputs = self
            .graph()
            .outputs
            .iter()
            .map(|port| (port, role(port, Role::Output, Role::CommittedOutput)));
        inputs
            .chain(outputs)
            .filter_map(|(port, role)| Some(self.tensor_signature(port, role?)))
            .collect()
    }

    /// What the verifying key says about the inputs that no statement shows.
    pub fn private_inputs(&self) -> Vec<PrivateInput> {
        let private =
            self.graph().inputs.iter().filter(|port| port.visibility == Visibility::Private);
        let described = |port: &Port| {
            let node = self.graph().node(port.node);
            let (name, shape, fractional_bits) =
                (port.name.clone(), node.shape.clone(), node.fractional_bits);
            PrivateInput {
                name,
                shape,
                fractional_bits,
                low: node.bounds.low,
                high: node.bounds.high,
            }
        };
        private.map(described).collect()
    }

    /// Number of public values.
    pub fn public_values(&self) -> usize {
        self.compiled.circuit().layout().public_values
    }

    fn tensor_signature(&self, port: &Port, role: Role) -> TensorSignature {
        let node = self.graph().node(port.node);
        let first = self.graph().outputs.first().is_some_and(|first| first.node == port.node);
        let labels = match self.choices(port.node) {
            _ if !first || self.classes.is_empty() => Labels::None,
            Some(_) => Labels::Values(self.classes.clone()),
            None => Labels::Entries(self.classes.clone()),
        };
        TensorSignature {
            name: port.name.clone(),
            role,
            shape: node.shape.clone(),
            fractional_bits: node.fractional_bits,
            low: node.bounds.low,
            high: node.bounds.high,
            labels,
        }
    }

    fn class_count(&self, port: &Port) -> usize {
        let last = self.graph().node(port.node).shape.last().copied();
        self.choices(port.node).or(last).unwrap_or(1)
    }

    /// Number of entries that a node chose among, when it holds indices of the largest, or 0 where
    /// a mask hides them.
    fn choices(&self, id: NodeId) -> Option<usize> {
        let node = self.graph().node(id);
        match (&node.op, &node.inputs[..]) {
            (Op::ArgMax { group }, _) => Some(*group),
            (Op::Product, [mask, chosen])
                if self.graph().node(*mask).bounds == (Interval { low: 0, high: 1 }) =>
            {
                self.choices(*chosen)
            }
            _ => None,
        }
    }
}
