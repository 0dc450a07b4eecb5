//! What the arguments say about committed tensors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::{InferError, Opening, Openings, Package, Salt, parse_salt};

use super::named;
use crate::output::Output;

/// Arguments about committed tensors.
#[derive(Args, Default)]
pub struct Commitments {
    /// INPUT=FILE: take a committed input, integers and salt, from the openings of another proof;
    /// may be repeated.
    #[arg(long, value_name = "INPUT=FILE", value_parser = named)]
    opening: Vec<(String, String)>,
    /// NAME=HEX: the salt of a committed tensor, 31 bytes; by default a new one. Other users of the
    /// machine can see arguments.
    #[arg(long, value_name = "NAME=HEX", value_parser = named)]
    salt: Vec<(String, String)>,
    /// Write salts and integers of the committed tensors to this file, as secret as they are: it
    /// opens the digests.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,
}

/// Integers of inputs and salts of committed tensors, by name.
#[derive(Default)]
pub struct Given {
    /// The integers, by the input's name.
    pub values: BTreeMap<String, Vec<i64>>,
    /// The salts, by the tensor's name.
    pub salts: BTreeMap<String, Salt>,
}

impl Commitments {
    /// The integers and the salts that are given, by the tensor's name.
    pub fn given(&self, package: &Package) -> Result<Given> {
        let Given { mut values, mut salts } = Given::default();
        for (name, file) in &self.opening {
            let port = package.graph().inputs.iter().find(|port| port.name == *name);
            let port =
                port.with_context(|| format!("--opening {name}: the model has no such input"))?;
            let node = package.graph().node(port.node);
            let openings = Openings::read(Path::new(file)).map_err(InferError::from)?;
            let opening = openings
                .fitting(name, node.len(), node.fractional_bits)
                .map_err(InferError::from)?;
            values.insert(name.clone(), opening.values.clone());
            salts.insert(name.clone(), opening.salt.clone());
        }
        for (name, text) in &self.salt {
            let salt = parse_salt(text)
                .with_context(|| format!("--salt {name}=..: 62 hexadecimal digits are expected"))?;
            anyhow::ensure!(
                salts.insert(name.clone(), salt).is_none(),
                "`{name}` has a salt already"
            );
        }
        Ok(Given { values, salts })
    }

    /// Whether the openings may be written where they were asked for, which is not where the proof
    /// is.
    pub fn expect_place(&self, proof: &Path) -> Result<()> {
        let Some(path) = &self.openings else { return Ok(()) };
        let place = |path: &Path| {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            Some((folder.canonicalize().ok()?, path.file_name()?.to_owned()))
        };
        anyhow::ensure!(
            place(path).is_none() || place(path) != place(proof),
            "--openings and --output are both {}: the proof would replace the only copy of the \
                salts",
            path.display()
        );
        Ok(Openings::expect_replaceable(path)?)
    }

    /// Writes the openings where they were asked for.
    pub fn keep(&self, package: &Package, tensors: Vec<Opening>, output: &Output) -> Result<()> {
        match &self.openings {
            Some(path) => Openings { model: package.name().to_owned(), tensors }.write(path)?,
            None if !tensors.is_empty() => {
                output.note(
                    "the salts of the committed tensors are not kept: without --openings \
                    nobody can open the digests",
                );
            }
            None => {}
        }
        Ok(())
    }
}
