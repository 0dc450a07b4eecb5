//! `lemma inspect`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lemma::quantizer::report::shortened;
use lemma::verifier::visible::visible;
use lemma::{Folder, Inspection, inspect};

use super::{bytes, grouped, table};
use crate::output::{Exit, Output};

/// Arguments of `lemma inspect`.
#[derive(Args)]
pub struct Inspect {
    /// Folder of a compiled model.
    folder: PathBuf,
}

impl Inspect {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let package = Folder::new(self.folder).package()?;
        output.result(&inspect(&package), describe)?;
        Ok(Exit::Success)
    }
}

fn describe(inspection: &Inspection) -> String {
    let rows: Vec<Vec<String>> = inspection
        .layers
        .iter()
        .map(|layer| {
            let per = if layer.activations > 0 {
                format!("{:.2}", layer.constraints as f64 / layer.activations as f64)
            } else {
                String::new()
            };
            vec![
                shortened(&visible(&layer.layer)),
                grouped(layer.constraints as u64),
                grouped(layer.wires as u64),
                grouped(layer.lookups as u64),
                grouped(layer.table_rows as u64),
                grouped(layer.activations as u64),
                per,
            ]
        })
        .collect();
    let header =
        ["layer", "constraints", "wires", "lookups", "table rows", "activations", "per activation"];
    let estimate = &inspection.estimate;
    format!(
        "{}\n\nmodel `{}`, circuit {}\n{} weights, {} multiplications (free)\n{} constraints, {} \
            wires, {} lookups, {} table rows \
         (range tables of {:?} bits), {} public values\n{} activations, {:.2} constraints \
         each\nsoundness of the lookups and the \
         statement: {:.0} bits; of the curve: about 100\nestimated: proving key {}, setup {:.1} s, \
         prove {:.2} s, peak memory {}",
        table(&header, &rows),
        visible(&inspection.model),
        inspection.circuit_digest,
        grouped(inspection.weights as u64),
        grouped(inspection.multiplications),
        grouped(inspection.constraints as u64),
        grouped(inspection.wires as u64),
        grouped(inspection.lookups as u64),
        grouped(inspection.table_rows as u64),
        inspection.table_widths,
        inspection.public_values,
        grouped(inspection.activations as u64),
        inspection.constraints_per_activation,
        inspection.soundness_bits,
        bytes(estimate.proving_key_bytes),
        estimate.setup_seconds,
        estimate.prove_seconds,
        bytes(estimate.peak_bytes),
    )
}
