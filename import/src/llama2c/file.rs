//! The bytes of a checkpoint: header, length, and weights one tensor after the other.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use ndarray::{Array1, Array2};

use super::{MAX_BYTES, Problem};
use lemma_model::file::open_regular;

/// Bytes before the weights.
pub const HEADER_BYTES: u64 = 28;

/// How files of version 1 and later begin: `ak42`, then the version.
const MAGIC: u32 = 0x616b_3432;

/// Largest value of each header field; a model past it is no small model.
const LIMITS: [(&str, u64); 7] = [
    ("width", 1 << 14),
    ("hidden width", 1 << 16),
    ("layers", 1 << 7),
    ("heads", 1 << 10),
    ("key-value heads", 1 << 10),
    ("vocabulary", 1 << 20),
    ("longest sequence", 1 << 20),
];

/// The header of a checkpoint, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the MLP.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Longest sequence.
    pub longest: usize,
    /// Whether the classifier is the embedding.
    pub shared: bool,
}

impl Config {
    /// Width of one head; even.
    pub fn head(&self) -> usize {
        self.width / self.heads
    }

    /// Width of all keys of a position.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head()
    }

    fn parse(header: &[u8; HEADER_BYTES as usize]) -> Result<Config, Problem> {
        let word =
            |bytes: &[u8]| bytes.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        if let [magic, version, ..] = header.as_chunks::<4>().0
            && word(magic) == MAGIC
        {
            return Err(Problem::Version { version: word(version) });
        }
        let mut fields = [0usize; 7];
        let mut shared = true;
        for ((field, bytes), (name, limit)) in
            fields.iter_mut().zip(header.chunks_exact(4)).zip(LIMITS)
        {
            let value = word(bytes).cast_signed();
            if name == "vocabulary" {
                shared = value > 0;
            } else if value < 0 {
                return Err(Problem::Header(format!("{name} is {value}")));
            }
            let size = u64::from(value.unsigned_abs());
            if !(1..=limit).contains(&size) {
                return Err(Problem::Header(format!(
                    "{name} is {value}; 1 to {limit} are supported"
                )));
            }
            *field = size as usize;
        }
        let [width, hidden, layers, heads, kv_heads, vocabulary, longest] = fields;
        if !width.is_multiple_of(heads) || !(width / heads).is_multiple_of(2) {
            return Err(Problem::Header(format!(
                "a width of {width} does not split into {heads} heads of even width"
            )));
        }
        if !heads.is_multiple_of(kv_heads) {
            return Err(Problem::Header(format!(
                "{heads} heads do not share {kv_heads} key-value heads evenly"
            )));
        }
        Ok(Config { width, hidden, layers, heads, kv_heads, vocabulary, longest, shared })
    }

    /// Bytes of the whole file; the limits keep this far from an overflow.
    fn bytes(&self) -> u64 {
        let [d, h, l, kv, v] =
            [self.width, self.hidden, self.layers, self.kv_width(), self.vocabulary]
                .map(|n| n as u64);
        let layer = 2 * d + 2 * d * d + 2 * d * kv + 3 * d * h;
        let rotations = (self.longest * self.head()) as u64;
        let tables = if self.shared { v * d } else { 2 * v * d };
        HEADER_BYTES + 4 * (tables + l * layer + d + rotations)
    }
}

/// Whether a file that begins so is a checkpoint, of any version.
pub fn is_header(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk() else { return false };
    matches!(Config::parse(header), Ok(_) | Err(Problem::Version { .. }))
}

/// Tensors in the order of the file.
pub struct Weights {
    reader: BufReader<File>,
}

/// Opens a file, and checks its header and its length.
pub fn open(path: &Path) -> Result<(Config, Weights), Problem> {
    let file = open_regular(path).map_err(Problem::Read)?;
    let found = file.metadata().map_err(Problem::Read)?.len();
    if found > MAX_BYTES {
        return Err(Problem::TooLarge { bytes: found });
    }
    if found < HEADER_BYTES {
        return Err(Problem::Length { expected: HEADER_BYTES, found });
    }
    let mut reader = BufReader::new(file);
    let mut header = [0; HEADER_BYTES as usize];
    reader.read_exact(&mut header).map_err(Problem::Read)?;
    let config = Config::parse(&header)?;
    let expected = config.bytes();
    if found != expected {
        return Err(Problem::Length { expected, found });
    }
    Ok((config, Weights { reader }))
}

impl Weights {
    /// The next `rows` vectors of `width`.
    pub fn vectors(
        &mut self,
        tensor: &str,
        rows: usize,
        width: usize,
    ) -> Result<Vec<Array1<f32>>, Problem> {
        (0..rows).map(|_| Ok(Array1::from(self.values(tensor, width)?))).collect()
    }

    /// The next `count` matrices `[rows, columns]`.
    pub fn matrices(
        &mut self,
        tensor: &str,
        count: usize,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<Array2<f32>>, Problem> {
        (0..count).map(|_| self.matrix(tensor, rows, columns)).collect()
    }

    /// The next matrix `[rows, columns]`.
    pub fn matrix(
        &mut self,
        tensor: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Array2<f32>, Problem> {
        let values = self.values(tensor, rows * columns)?;
        Array2::from_shape_vec((rows, columns), values)
            .map_err(|error| Problem::Header(error.to_string()))
    }

    /// Skips `count` numbers.
    pub fn skip(&mut self, count: usize) -> Result<(), Problem> {
        self.reader.seek(SeekFrom::Current(4 * count as i64)).map(|_| ()).map_err(Problem::Read)
    }

    fn values(&mut self, tensor: &str, count: usize) -> Result<Vec<f32>, Problem> {
        let mut bytes = vec![0; 4 * count];
        self.reader.read_exact(&mut bytes).map_err(Problem::Read)?;
        let values: Vec<f32> =
            bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        match values.iter().position(|v| !v.is_finite()) {
            Some(position) => {
                let value = values.get(position).copied().unwrap_or(f32::NAN);
                Err(Problem::NotFinite { tensor: tensor.to_owned(), position, value })
            }
            None => Ok(values),
        }
    }
}
