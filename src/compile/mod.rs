//! From a float model and sample data to a [`Package`].

mod files;

use std::collections::{BTreeMap, BTreeSet};

use lemma_circuits::Compiled;
use lemma_model::{Model, Node, Op};
use lemma_prover::Progress;
use lemma_quantizer::calibrate::{Method, Ranges};
use lemma_quantizer::columns::{Equalised, equalise};
use lemma_quantizer::guards;
use lemma_quantizer::quantize::{Options, Quantized};
use lemma_quantizer::report::{Report, Reporter};

use crate::error::CompileError;
use crate::generation::{Decoder, check_causal};
use crate::{Inputs, Package, placement, text};

pub use files::{SourceError, Sources};

/// Most operations of a model, without constants; each is calibrated and quantized many times.
pub const MAX_OPERATIONS: usize = 1 << 12;

/// Most values of a statement: a verifying key has a point of 64 bytes for each.
pub const MAX_SHOWN: usize = 1 << 20;

/// Choices of a compilation.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Bits of an activation's magnitude; `None` takes the most of 12 to 16 that cost at most 2%
    /// more constraints than the cheapest.
    pub bits: Option<u32>,
    /// Declared range over calibrated range, at least 1.
    pub headroom: f64,
    /// Fewest significant bits of the largest weight of a layer.
    pub weight_bits: u32,
    /// How ranges are taken.
    pub method: Method,
    /// Inputs to show in the statement.
    pub public: Vec<String>,
    /// Outputs to hide from it.
    pub private: Vec<String>,
    /// Inputs and outputs to commit to.
    pub committed: Vec<String>,
    /// Fractional bits of inputs and outputs that must have certain ones, by name.
    pub fractional_bits: BTreeMap<String, i32>,
    /// Names of the classes along the last axis of the first output.
    pub classes: Vec<String>,
}

impl Default for CompileOptions {
    fn default() -> CompileOptions {
        CompileOptions {
            bits: None,
            headroom: 2.0,
            weight_bits: 7,
            method: Method::Max,
            public: Vec::new(),
            private: Vec::new(),
            committed: Vec::new(),
            fractional_bits: BTreeMap::new(),
            classes: Vec::new(),
        }
    }
}

/// Compiles a model: calibrates it on `calibration`, quantizes it, lowers it, and measures it on
/// `test` (samples with their labels, where they have one).
///
/// # Errors
/// [`CompileError`]: data that does not fit the model, an operation without an integer form,
/// unknown tensor names, a decoder that is not causal.
pub fn compile(
    name: &str,
    model: Model,
    calibration: &[Inputs],
    test: &[(Inputs, Option<usize>)],
    options: &CompileOptions,
    progress: &dyn Progress,
) -> Result<(Package, Report), CompileError> {
    within_budget(&model)?;
    let model = model.relu_after_max_pool().fold_norm_gains();
    let public = public_tensors(&model, options)?;
    let bound =
        |name: &str| [&public, &options.committed].into_iter().flatten().any(|other| other == name);
    if let Some((tokens, open)) = text::unbound(&model, bound) {
        return Err(CompileError::Unbound { tokens, open });
    }
    progress.enter("calibrating", 0.0);
    let observed =
        |model: &Model| Ranges::observe(model, calibration.iter().cloned(), options.method);
    let mut ranges = observed(&model)?;
    let mut model = model;
    if let Some(bounded) = guards::written_out(&model, &ranges) {
        ranges = observed(&bounded)?;
        model = bounded;
    }
    let (model, ranges, mut fractional_bits) =
        match equalise(&model, &ranges, calibration, options.headroom) {
            None => (model, ranges, BTreeMap::new()),
            Some(Equalised { model, fractional_bits }) => {
                let ranges = observed(&model)?;
                (model, ranges, fractional_bits)
            }
        };
    fractional_bits.extend(options.fractional_bits.clone());
    progress.enter("quantizing", 0.4);
    let wanted = Options {
        headroom: options.headroom,
        weight_bits: options.weight_bits,
        public: Some(public),
        committed: options.committed.clone(),
        fractional_bits,
        ..Options::default()
    };
    let (quantized, chosen) = placement::cheapest(&model, &ranges, &wanted, options.bits)?;
    tracing::debug!(bits = chosen.bits, placement = ?chosen.placement, "quantized");
    progress.enter("lowering", 0.6);
    let compiled = Compiled::new(quantized.graph.clone())?;
    progress.enter("measuring accuracy", 0.7);
    let report = measured(&model, &quantized, chosen.bits, options, calibration, test)?;
    let package = Package::new(name, options.classes.clone(), compiled)?;
    // Whoever verifies takes a statement with a decoder's tensors for a text that grows.
    if let Some(decoder) = Decoder::of(&package.signature(), &package.private_inputs()) {
        check_causal(decoder, package.graph())?;
    }
    progress.enter("compiled", 1.0);
    Ok((package, report))
}

/// Refuses a model of too many operations.
fn within_budget(model: &Model) -> Result<(), CompileError> {
    let computing = || model.nodes.iter().filter(|node| !matches!(node.op, Op::Constant(_)));
    match computing().nth(MAX_OPERATIONS) {
        None => Ok(()),
        Some(node) => Err(CompileError::Operations {
            first: node.name.clone(),
            found: computing().count(),
            most: MAX_OPERATIONS,
        }),
    }
}

fn public_tensors(model: &Model, options: &CompileOptions) -> Result<Vec<String>, CompileError> {
    let inputs = model.inputs.iter().filter_map(|id| model.node(*id)).map(|node| node.name.clone());
    let outputs = model.outputs.iter().map(|(name, _)| name.clone());
    let known: Vec<String> = inputs.chain(outputs.clone()).collect();
    let names: BTreeSet<&String> = known.iter().collect();
    let named = || options.public.iter().chain(&options.private).chain(&options.committed);
    for name in named() {
        let lists = [&options.public, &options.private, &options.committed];
        if lists.into_iter().filter(|list| list.contains(name)).count() > 1 {
            return Err(CompileError::Contradiction { name: name.clone() });
        }
    }
    for name in named().chain(options.fractional_bits.keys()) {
        if !names.contains(name) {
            return Err(CompileError::UnknownTensor { name: name.clone(), known });
        }
    }
    let shown = outputs.filter(|name| !options.private.contains(name));
    let public: Vec<String> = options.public.iter().cloned().chain(shown).collect();
    let found = shown_values(model, |name| {
        public.iter().any(|other| other == name)
            && !options.committed.iter().any(|other| other == name)
    });
    if found > MAX_SHOWN {
        return Err(CompileError::Shown { found, most: MAX_SHOWN });
    }
    Ok(public)
}

/// Elements of the inputs and outputs that a statement shows.
fn shown_values(model: &Model, shown: impl Fn(&str) -> bool) -> usize {
    let inputs = model.inputs.iter().filter_map(|id| model.node(*id));
    let outputs = model.outputs.iter().filter_map(|(name, id)| Some((name, model.node(*id)?)));
    let ports = inputs.map(|node| (&node.name, node)).chain(outputs);
    let len = |(_, node): (&String, &Node)| node.shape.iter().product();
    ports.filter(|(name, _)| shown(name)).map(len).fold(0, usize::saturating_add)
}

fn measured(
    model: &Model,
    quantized: &Quantized,
    bits: u32,
    options: &CompileOptions,
    calibration: &[Inputs],
    test: &[(Inputs, Option<usize>)],
) -> Result<Report, CompileError> {
    let mut reporter = Reporter::new(model, quantized);
    let failed = |sample, source| CompileError::Sample { sample, source };
    if test.is_empty() {
        for (sample, inputs) in calibration.iter().enumerate() {
            reporter.add(inputs, None).map_err(|source| failed(sample, source))?;
        }
    }
    for (sample, (inputs, label)) in test.iter().enumerate() {
        reporter.add(inputs, *label).map_err(|source| failed(sample, source))?;
    }
    Ok(reporter.finish(bits, options.headroom))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_operation_that_is_one_too_many_is_named() {
        let mut model = Model::default();
        let mut x = model.push_input("x", Op::Input, &[1, 2]).unwrap();
        for at in 1..MAX_OPERATIONS {
            x = model.push_new(format!("softmax {at}"), Op::Softmax, &[x], None).unwrap();
        }
        // Constants are none.
        model
            .push_new("unused".into(), Op::Constant(ndarray::ArrayD::zeros(vec![1])), &[], None)
            .unwrap();
        assert!(within_budget(&model).is_ok());
        model.push_new("last".into(), Op::Softmax, &[x], None).unwrap();
        let refused = within_budget(&model).unwrap_err();
        assert!(
            matches!(&refused, CompileError::Operations { first, found: 4097, most: 4096 } if first == "last"),
            "{refused}"
        );
    }
    #[test]
    fn a_statement_of_too_many_values_is_refused_unless_they_are_hidden() {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[2, MAX_SHOWN]).unwrap();
        let wide = model.push("wide", Op::Unary(lemma_model::Unary::Relu), &[x]).unwrap();
        model.outputs.push(("wide".into(), wide));
        let check = |options: CompileOptions| public_tensors(&model, &options);
        assert!(matches!(
            check(CompileOptions::default()),
            Err(CompileError::Shown { found, .. }) if found == 2 * MAX_SHOWN
        ));
        let names = || vec!["wide".to_owned()];
        let shown = check(CompileOptions { private: names(), ..CompileOptions::default() });
        assert_eq!(shown.unwrap(), [""; 0]);
        let shown = check(CompileOptions { committed: names(), ..CompileOptions::default() });
        assert_eq!(shown.unwrap(), names());
    }
}
