//! The container: header, table of tensors, and their values row by row.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use lemma_model::file::open_regular;

use super::bytes::Bytes;
use super::metadata::Metadata;
use super::{MAGIC, names};
use crate::encoding::Encoding;
use crate::language::{Place, Problem, Weights};

/// Most tensors.
const MAX_TENSORS: u64 = 1 << 14;

/// Longest name of a tensor in bytes.
const MAX_NAME: u64 = 256;

/// Most axes of a tensor.
const MAX_AXES: u32 = 4;

/// Most weights of a file.
pub const MAX_WEIGHTS: u64 = 1 << 30;

/// Where the data of a tensor begins, where the file does not say.
const ALIGNMENT: usize = 32;

/// Largest alignment.
const MAX_ALIGNMENT: usize = 1 << 20;

/// An open file.
#[derive(Debug)]
pub struct Gguf<R = BufReader<File>> {
    reader: R,
    metadata: Metadata,
    tensors: BTreeMap<String, Tensor>,
    read: BTreeSet<String>,
}

/// A tensor of the table.
#[derive(Clone, Debug)]
struct Tensor {
    /// Extents; the first is that of a row.
    shape: Vec<usize>,
    encoding: Encoding,
    /// First byte in the file.
    start: u64,
    /// Bytes.
    length: u64,
}

impl Gguf {
    /// Opens a file and reads all but the tensors' values. Memory is at most a few times the bytes
    /// before them, which are at most 64 MiB.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or of another version than 2 and 3.
    pub fn open(path: &Path) -> Result<Gguf, Problem> {
        Gguf::new(BufReader::new(open_regular(path)?))
    }
}

impl<R: BufRead + Seek> Gguf<R> {
    /// Reads all but the tensors' values of a file that is open, or in memory.
    ///
    /// # Errors
    /// As [`Gguf::open`].
    pub fn new(mut reader: R) -> Result<Gguf<R>, Problem> {
        let length = reader.seek(SeekFrom::End(0))?;
        reader.rewind()?;
        let mut bytes = Bytes::new(reader, length);
        if bytes.array()? != *MAGIC {
            return Err(Problem::Malformed("it does not begin with GGUF".into()));
        }
        match bytes.u32()? {
            2 | 3 => {}
            other if matches!(other.swap_bytes(), 1..=3) => {
                return Err(Problem::Unsupported("numbers with the highest byte first".into()));
            }
            other => {
                let problem = format!("version {other} of GGUF; versions 2 and 3 are read");
                return Err(Problem::Unsupported(problem));
            }
        }
        let count = bytes.count("tensors", 24, MAX_TENSORS)?;
        let fields = Metadata::count(&mut bytes)?;
        let mut metadata = Metadata::read(&mut bytes, fields)?;
        let alignment = alignment(&mut metadata)?;
        let mut tensors = BTreeMap::new();
        for _ in 0..count {
            let (name, tensor) = Tensor::read(&mut bytes, alignment)?;
            if tensors.contains_key(&name) {
                return Err(Problem::tensor(name, "is there twice"));
            }
            tensors.insert(name, tensor);
        }
        let data = bytes.position.next_multiple_of(alignment as u64);
        place(&mut tensors, data, length)?;
        let reader = bytes.into_reader();
        Ok(Gguf { reader, metadata, tensors, read: BTreeSet::new() })
    }

    /// The metadata.
    pub fn metadata(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The shape of a tensor, rows before columns.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|tensor| tensor.shape.iter().rev().copied().collect())
    }

    /// The values of a tensor, row by row.
    pub(super) fn values(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<(), Problem> {
        let missing = || Problem::tensor(name, "is missing");
        let tensor = self.tensors.get(name).ok_or_else(missing)?;
        let last = tensor.shape.iter().rposition(|extent| *extent != 1).map_or(1, |at| at + 1);
        let wanted = [columns, rows];
        let wanted = if rows == 1 { &wanted[..1] } else { &wanted[..] };
        let found = tensor.shape.get(..last.max(wanted.len()));
        if found != Some(wanted) {
            let found: Vec<usize> = tensor.shape.iter().rev().copied().collect();
            let shape = if rows == 1 { vec![columns] } else { vec![rows, columns] };
            let problem = format!("has shape {found:?}, the metadata ask for {shape:?}");
            return Err(Problem::tensor(name, problem));
        }
        self.read.insert(name.to_owned());
        self.reader.seek(SeekFrom::Start(tensor.start))?;
        let (values_of, size) = tensor.encoding.block();
        let mut bytes = vec![0; columns / values_of * size];
        let mut values = vec![0.0; columns];
        for row in 0..rows {
            self.reader.read_exact(&mut bytes)?;
            tensor.encoding.decode(&bytes, &mut values);
            Problem::not_finite(name, row * columns, &values)?;
            each(&values);
        }
        Ok(())
    }

    /// Refuses what the model did not need.
    pub(super) fn finish(&self) -> Result<(), Problem> {
        match self.tensors.keys().find(|name| !self.read.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(Problem::tensor(name, "is not one of this architecture")),
        }
    }
}

impl<R: BufRead + Seek> Weights for Gguf<R> {
    type Error = Problem;

    fn rows(
        &mut self,
        place: Place,
        shape: [usize; 2],
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<(), Problem> {
        self.values(&names::name(place), shape, each)
    }
}

impl Tensor {
    /// A row of the table, with its start counted from the data.
    fn read<R: BufRead + Seek>(
        bytes: &mut Bytes<R>,
        alignment: usize,
    ) -> Result<(String, Tensor), Problem> {
        let name = bytes.text("the name of a tensor", MAX_NAME)?;
        let fail = |problem: String| Problem::tensor(&name, problem);
        let axes = bytes.u32()?;
        if !(1..=MAX_AXES).contains(&axes) {
            return Err(fail(format!("has {axes} axes; 1 to {MAX_AXES} are read")));
        }
        let mut shape = Vec::new();
        let mut weights = 1u64;
        for _ in 0..axes {
            let extent = bytes.u64()?;
            weights = weights
                .checked_mul(extent)
                .filter(|weights| (1..=MAX_WEIGHTS).contains(weights))
                .ok_or_else(|| fail(format!("is empty or has more than {MAX_WEIGHTS} elements")))?;
            shape.push(extent as usize);
        }
        let encoding = Encoding::of(bytes.u32()?).map_err(|kind| {
            fail(format!(
                "is stored as {kind}; F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K \
                    and Q6_K are read"
            ))
        })?;
        let (values, size) = encoding.block();
        let row = shape.first().copied().unwrap_or(0);
        if !row.is_multiple_of(values) {
            return Err(fail(format!("has rows of {row} values in blocks of {values}")));
        }
        let start = bytes.u64()?;
        if !start.is_multiple_of(alignment as u64) {
            return Err(fail(format!("begins at byte {start}, no multiple of {alignment}")));
        }
        let length = weights / values as u64 * size as u64;
        Ok((name, Tensor { shape, encoding, start, length }))
    }
}

fn alignment(metadata: &mut Metadata) -> Result<usize, Problem> {
    const FIELD: &str = "general.alignment";
    let alignment = metadata.size(FIELD)?.unwrap_or(ALIGNMENT);
    if alignment.is_power_of_two() && alignment <= MAX_ALIGNMENT {
        Ok(alignment)
    } else {
        let problem = format!("{alignment} is no power of two up to {MAX_ALIGNMENT}");
        Err(Problem::field(FIELD, problem))
    }
}

/// Counts the tensors' starts from the beginning of the file, and checks that they lie in it, apart
/// from each other.
fn place(tensors: &mut BTreeMap<String, Tensor>, data: u64, length: u64) -> Result<(), Problem> {
    for (name, tensor) in tensors.iter_mut() {
        let start = data.checked_add(tensor.start);
        let inside =
            |start: &u64| start.checked_add(tensor.length).is_some_and(|end| end <= length);
        tensor.start = start.filter(inside).ok_or_else(|| {
            Problem::tensor(name, format!("does not lie in the file, which has {length} bytes"))
        })?;
    }
    let mut order: Vec<(&String, &Tensor)> = tensors.iter().collect();
    order.sort_by_key(|(_, tensor)| tensor.start);
    for pair in order.windows(2) {
        if let [(one, before), (other, after)] = pair
            && before.start + before.length > after.start
        {
            return Err(Problem::tensor(*other, format!("overlaps `{one}`")));
        }
    }
    Ok(())
}
