//! Tensors of safetensors files.
//!
//! Values are read row by row, where they lie: no file is held in memory, nor mapped into it, so
//! one that changes meanwhile is an error and no crash.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use lemma_model::file::open_regular;
use ndarray::Array2;
use safetensors::tensor::{Dtype, Metadata};

use super::names::{Kind, Location};
use crate::encoding::Encoding;
use crate::language::{Part, Place, Problem, Weights};

/// Largest header of a file in bytes.
const MAX_HEADER: u64 = 1 << 24;

/// Largest index of shards in bytes.
const MAX_INDEX: u64 = 1 << 24;

/// Most shards.
const MAX_SHARDS: usize = 1 << 8;

/// The file of a model in one.
const SINGLE: &str = "model.safetensors";

/// The list of a model's shards.
const INDEX: &str = "model.safetensors.index.json";

/// The tensors of a folder.
pub struct Tensors {
    kind: Kind,
    prefix: &'static str,
    shards: Vec<BufReader<File>>,
    tensors: BTreeMap<String, Tensor>,
    read: BTreeSet<String>,
}

struct Tensor {
    shard: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    /// First byte in the shard.
    start: u64,
}

impl Tensors {
    /// Opens the files of a folder and reads their headers.
    pub fn open(folder: &Path, kind: Kind) -> Result<Tensors, Problem> {
        let single = folder.join(SINGLE);
        let (mut shards, mut tensors) = (Vec::new(), BTreeMap::new());
        if single.is_file() || !folder.join(INDEX).is_file() {
            shards.push(shard(&single, 0, &mut tensors)?);
        } else {
            let index = index(&folder.join(INDEX))?;
            let names: BTreeSet<&String> = index.values().collect();
            if names.len() > MAX_SHARDS {
                let problem = format!("{} shards; at most {MAX_SHARDS} are read", names.len());
                return Err(Problem::Malformed(problem));
            }
            for (at, name) in names.into_iter().enumerate() {
                let mut own = BTreeMap::new();
                shards.push(shard(&folder.join(name), at, &mut own)?);
                for (tensor, found) in own {
                    if index.get(&tensor) != Some(name) {
                        let problem = format!("is in {name}, where {INDEX} does not have it");
                        return Err(Problem::tensor(tensor, problem));
                    }
                    tensors.insert(tensor, found);
                }
            }
            if let Some(missing) = index.keys().find(|name| !tensors.contains_key(*name)) {
                return Err(Problem::tensor(missing, format!("is in {INDEX} and in no shard")));
            }
        }
        // A model without its classifier is saved without the prefix.
        let first = kind.locate(Part::Embedding.into()).name;
        let prefix = if tensors.contains_key(&first) { "" } else { kind.prefix() };
        Ok(Tensors { kind, prefix, shards, tensors, read: BTreeSet::new() })
    }

    /// Refuses what the model did not need.
    pub fn finish(&self, tied: bool) -> Result<(), Problem> {
        let strange = |name: &&String| {
            let bare = name.strip_prefix(self.prefix).unwrap_or(name);
            !self.read.contains(*name) && !self.kind.leaves_out(bare, tied)
        };
        match self.tensors.keys().find(strange) {
            None => Ok(()),
            Some(name) => Err(Problem::tensor(name, "is not one of this model")),
        }
    }

    fn locate(&self, place: Place) -> Location {
        let mut location = self.kind.locate(place);
        if !location.is_head {
            location.name.insert_str(0, self.prefix);
        }
        // As the first files of BERT have it.
        let old = [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")];
        for (new, old) in old {
            let renamed = location.name.replace(new, old);
            if !self.tensors.contains_key(&location.name) && self.tensors.contains_key(&renamed) {
                location.name = renamed;
            }
        }
        location
    }

    /// The rows of a tensor of this shape; one of one axis is a row.
    fn values(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
        is_vector: bool,
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<(), Problem> {
        let missing = || Problem::tensor(name, "is missing");
        let tensor = self.tensors.get(name).ok_or_else(missing)?;
        let wanted = if is_vector { vec![columns] } else { vec![rows, columns] };
        if tensor.shape != wanted {
            let problem = format!("has shape {:?}, config.json asks for {wanted:?}", tensor.shape);
            return Err(Problem::tensor(name, problem));
        }
        let encoding = match tensor.dtype {
            Dtype::F32 => Encoding::F32,
            Dtype::F16 => Encoding::F16,
            Dtype::BF16 => Encoding::Bf16,
            other => {
                let problem = format!("is stored as {other:?}; F32, F16 and BF16 are read");
                return Err(Problem::tensor(name, problem));
            }
        };
        let reader = self.shards.get_mut(tensor.shard).ok_or_else(missing)?;
        self.read.insert(name.to_owned());
        reader.seek(SeekFrom::Start(tensor.start))?;
        let mut bytes = vec![0; columns * encoding.block().1];
        let mut values = vec![0.0; columns];
        for row in 0..rows {
            reader.read_exact(&mut bytes)?;
            encoding.decode(&bytes, &mut values);
            Problem::not_finite(name, row * columns, &values)?;
            each(&values);
        }
        Ok(())
    }
}

impl Weights for Tensors {
    type Error = Problem;

    fn rows(
        &mut self,
        place: Place,
        [rows, columns]: [usize; 2],
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<(), Problem> {
        let Location { name, share, .. } = self.locate(place);
        let is_vector = place.is_bias || place.part.is_vector();
        let (own, all) = share.unwrap_or((0, 1));
        self.values(&name, [rows, columns * all], is_vector, &mut |row| {
            each(row.get(own * columns..(own + 1) * columns).unwrap_or_default());
        })
    }

    fn linear(
        &mut self,
        place: Place,
        inputs: usize,
        outputs: usize,
    ) -> Result<Array2<f32>, Problem> {
        let Location { rows_are_inputs, .. } = self.locate(place);
        if rows_are_inputs {
            self.table(place, [inputs, outputs])
        } else {
            self.transposed(place, inputs, outputs)
        }
    }
}

/// Opens a file and adds its tensors.
fn shard(
    path: &Path,
    shard: usize,
    tensors: &mut BTreeMap<String, Tensor>,
) -> Result<BufReader<File>, Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let malformed = |problem: String| Problem::Malformed(format!("{name}: {problem}"));
    let file = open_regular(path).map_err(|error| {
        Problem::Read(std::io::Error::new(error.kind(), format!("{name}: {error}")))
    })?;
    let whole = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut length = [0; 8];
    reader.read_exact(&mut length).map_err(|_| malformed("it has no header".into()))?;
    let length = u64::from_le_bytes(length);
    let data = length.saturating_add(8);
    if length > MAX_HEADER || data > whole {
        return Err(malformed(format!(
            "a header of {length} bytes; at most {MAX_HEADER}, and no more than the file, are read"
        )));
    }
    let mut header = vec![0; length as usize];
    reader.read_exact(&mut header)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| malformed(error.to_string()))?;
    if metadata.data_len() as u64 != whole - data {
        let (wanted, found) = (metadata.data_len(), whole - data);
        return Err(malformed(format!("{found} bytes of tensors, its header lists {wanted}")));
    }
    for (name, info) in metadata.tensors() {
        let start = data + info.data_offsets.0 as u64;
        let tensor = Tensor { shard, dtype: info.dtype, shape: info.shape.clone(), start };
        tensors.insert(name, tensor);
    }
    Ok(reader)
}

/// The shard of each tensor.
fn index(path: &Path) -> Result<BTreeMap<String, String>, Problem> {
    let malformed = |problem: String| Problem::Malformed(format!("{INDEX}: {problem}"));
    let mut bytes = Vec::new();
    open_regular(path)?.take(MAX_INDEX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_INDEX {
        return Err(malformed(format!("more than {MAX_INDEX} bytes")));
    }
    let mut index: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let map = index.get_mut("weight_map").map(serde_json::Value::take).unwrap_or_default();
    let map: BTreeMap<String, String> =
        serde_json::from_value(map).map_err(|error| malformed(format!("weight_map: {error}")))?;
    let plain = |name: &&String| {
        Path::new(name).file_name().is_some_and(|file| file == name.as_str())
            && name.ends_with(".safetensors")
    };
    match map.values().find(|name| !plain(name)) {
        Some(name) => Err(malformed(format!("{name:?} is no file of the folder"))),
        None => Ok(map),
    }
}
