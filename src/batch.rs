//! Many samples through the integer model at once.

use lemma_graph::ExecuteError;
use lemma_prover::Progress;
use lemma_quantizer::data::{DataError, Samples};
use lemma_quantizer::quantize::dequantize;
use thiserror::Error;

use crate::Package;
use crate::error::InferError;

/// Most numbers of all outputs of all samples.
const MAX_VALUES: usize = 1 << 26;

/// An output of all samples.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchOutput {
    /// Its name.
    pub name: String,
    /// Number of samples, then the shape of one.
    pub shape: Vec<usize>,
    /// Its real numbers, sample by sample.
    pub values: Vec<f64>,
}

/// Why not all samples are run.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// More numbers than are kept.
    #[error(
        "{samples} samples with {numbers} numbers of outputs each; at most {MAX_VALUES} numbers are \
            kept, run fewer samples at once"
    )]
    TooMany {
        /// Number of samples.
        samples: usize,
        /// Elements of all outputs of one.
        numbers: usize,
    },
    /// Samples that the model does not take.
    #[error(
        "sample {first}: {source}{}",
        if *others > 0 { format!("; so with {others} other samples") } else { String::new() }
    )]
    Samples {
        /// The first of them.
        first: usize,
        /// How many others.
        others: usize,
        /// Why.
        source: Box<InferError>,
    },
}

impl BatchError {
    /// Whether values left the range that their circuit was made for.
    pub fn is_out_of_range(&self) -> bool {
        let BatchError::Samples { source, .. } = self else { return false };
        matches!(**source, InferError::Execute(ExecuteError::OutOfRange { .. }))
    }
}

impl Package {
    /// Runs the integer model on all samples, without proofs.
    ///
    /// # Errors
    /// [`BatchError`]: data that does not fit, or samples that leave the calibrated range.
    pub fn run_all(
        &self,
        samples: &Samples,
        progress: &dyn Progress,
    ) -> Result<Vec<BatchOutput>, BatchError> {
        let count = samples.count(&self.input_ports())?;
        let graph = self.graph();
        let numbers = graph.outputs.iter().map(|port| graph.node(port.node).len()).sum::<usize>();
        if numbers.saturating_mul(count) > MAX_VALUES {
            return Err(BatchError::TooMany { samples: count, numbers });
        }
        let output = |port: &lemma_graph::Port| {
            let node = graph.node(port.node);
            let shape = [&[count], node.shape.as_slice()].concat();
            BatchOutput { name: port.name.clone(), shape, values: vec![] }
        };
        let mut outputs: Vec<BatchOutput> = graph.outputs.iter().map(output).collect();
        let (mut failed, mut others) = (None, 0);
        for index in 0..count {
            progress.enter("running", index as f64 / count as f64);
            let run =
                || -> Result<_, InferError> { Ok(graph.execute(&self.inputs(samples, index)?)?) };
            match run() {
                Ok(values) => {
                    for (port, output) in graph.outputs.iter().zip(&mut outputs) {
                        let bits = graph.node(port.node).fractional_bits;
                        let integers = values.get(port.node.0).into_iter().flatten();
                        output.values.extend(integers.map(|value| dequantize(*value, bits)));
                    }
                }
                Err(_) if failed.is_some() => others += 1,
                Err(error) => failed = Some((index, Box::new(error))),
            }
        }
        match failed {
            None => Ok(outputs),
            Some((first, source)) => Err(BatchError::Samples { first, others, source }),
        }
    }
}
