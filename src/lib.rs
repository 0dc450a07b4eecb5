//! Zero-knowledge proofs of small-model inference.
//!
//! A model is compiled once into a [`Package`]: an integer graph, its constraint system and an
//! accuracy report. A setup makes its keys. From then on, whoever holds the package and the proving
//! key proves inferences, and anyone with the verifying key checks them.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use lemma::{Context, Folder, Package};
//!
//! let folder = Folder::new("compiled");
//! let package = folder.package()?;
//! let key = folder.proving_key(&package)?;
//! let samples = lemma::Samples::read("input.npz".as_ref())?;
//! let inputs = package.inputs(&samples, 0)?;
//! let proven = package.prove(&key, &inputs, Context::of(b"nonce 7"), &())?;
//! for tensor in &proven.verified.statement().tensors {
//!     println!("{} = {:?}", tensor.signature.name, tensor.reals());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | crate | subject |
//! |---|---|
//! | [`graph`] | the integer graph and its exact interpreter |
//! | [`model`] | the float model |
//! | [`import`] | model files to the float model |
//! | [`quantizer`] | data, calibration, quantization, the report of what was lost |
//! | [`circuits`] | gadgets, the lowering to constraints, the checker |
//! | [`prover`] | setup, keys on disk, proofs |
//! | [`verifier`] | verification, for whoever only checks |
//! | [`contracts`] | the verifier as an Ethereum contract |
//! | [`receipts`] | logs of decisions and their proofs |

mod batch;
mod compile;
mod error;
mod folder;
pub mod generation;
#[cfg(feature = "image")]
mod image;
mod inspect;
mod job;
mod opening;
mod package;
mod placement;
mod samples;
pub mod text;

pub use lemma_circuits as circuits;
pub use lemma_contracts as contracts;
pub use lemma_graph as graph;
pub use lemma_import as import;
pub use lemma_model as model;
pub use lemma_prover as prover;
pub use lemma_quantizer as quantizer;
pub use lemma_receipts as receipts;
pub use lemma_verifier as verifier;

pub use batch::{BatchError, BatchOutput};
pub use compile::{CompileOptions, SourceError, Sources, compile};
pub use error::{CompileError, FormatError, InferError, OpeningError, PackageError};
pub use folder::{Folder, Lock, report_text};
pub use inspect::{Estimate, Inspection, LayerCost, inspect};
pub use job::{Cut, Integers, Job, JobError, ProvenJob, Request, answer};
pub use lemma_circuits::Salt;
pub use lemma_prover::{Progress, ProvingKey};
pub use lemma_quantizer::data::Samples;
pub use lemma_quantizer::report::Report;
pub use lemma_verifier::{
    Accepted, Context, Demand, PreparedKey, Proof, ProofFile, PublicValues, Statement, Verified,
    VerifyingKey,
};
pub use lemma_verifier::{ChainError, Link, chain};
pub use opening::{Opening, Openings, parse_salt, salt_text};
pub use package::Package;
pub use samples::read_samples;

/// Named input tensors of one sample.
pub type Inputs = std::collections::BTreeMap<String, ndarray::ArrayD<f32>>;
