//! The bytes of a checkpoint: header, length, and where each tensor lies.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::{EPSILON, MAX_BYTES, Problem};
use crate::language::{
    Biases, Decoder, Layout, Mlp, Norm, Part, Place, Positions, Rotary, Scaling, Weights,
};
use lemma_model::Unary;
use lemma_model::file::open_regular;

/// Bytes before the weights.
pub const HEADER_BYTES: u64 = 28;

/// How files of version 1 and later begin: `ak42`, then the version.
const MAGIC: u32 = 0x616b_3432;

/// Base of the rotation frequencies.
const ROTATION_BASE: f64 = 10_000.0;

/// The header's fields, in order.
const FIELDS: [&str; 7] = [
    "width",
    "hidden width",
    "layers",
    "heads",
    "key-value heads",
    "vocabulary",
    "longest sequence",
];

/// The decoder that a header describes.
fn parse(header: &[u8; HEADER_BYTES as usize]) -> Result<Decoder, Problem> {
    let word =
        |bytes: &[u8]| bytes.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    if let [magic, version, ..] = header.as_chunks::<4>().0
        && word(magic) == MAGIC
    {
        return Err(Problem::Version { version: word(version) });
    }
    let mut fields = [0usize; 7];
    let mut tied = true;
    for ((field, bytes), name) in fields.iter_mut().zip(header.chunks_exact(4)).zip(FIELDS) {
        let value = word(bytes).cast_signed();
        if name == "vocabulary" {
            tied = value > 0;
        } else if value < 0 {
            return Err(Problem::Header(format!("{name} is {value}")));
        }
        *field = value.unsigned_abs() as usize;
    }
    let [width, hidden, layers, heads, kv_heads, vocabulary, longest] = fields;
    let positions = Positions::Rotary(Rotary {
        layout: Layout::Interleaved,
        base: ROTATION_BASE,
        scaling: Scaling::None,
    });
    let head = width.checked_div(heads).unwrap_or(0);
    if head * heads != width {
        return Err(Problem::Header(format!(
            "a width of {width} does not split into {heads} heads"
        )));
    }
    let decoder = Decoder {
        vocabulary,
        width,
        hidden,
        layers,
        heads,
        kv_heads,
        head,
        longest,
        norm: Norm::Rms { epsilon: EPSILON },
        positions,
        biases: Biases::default(),
        head_norm: false,
        mlp: Mlp::Gated(Unary::Silu),
        tied,
    };
    decoder.check().map_err(Problem::Header)?;
    Ok(decoder)
}

/// The tensors in the order of the file, with numbers of one layer (or of the model) and how many
/// layers there are of it. The limits of a decoder keep this far from an overflow.
fn parts(config: &Decoder) -> [(Part, u64, u64); 13] {
    let [d, h, l, kv, v] = [
        config.width,
        config.hidden,
        config.layers,
        config.kv_heads * config.head,
        config.vocabulary,
    ]
    .map(|n| n as u64);
    let angles = (config.longest * config.head) as u64;
    let classifier = if config.tied { 0 } else { v * d };
    [
        (Part::Embedding, v * d, 1),
        (Part::AttentionNorm, d, l),
        (Part::Query, d * d, l),
        (Part::Key, kv * d, l),
        (Part::Value, kv * d, l),
        (Part::AttentionOutput, d * d, l),
        (Part::MlpNorm, d, l),
        (Part::Gate, h * d, l),
        (Part::Down, d * h, l),
        (Part::Up, h * d, l),
        (Part::FinalNorm, d, 1),
        // Two tables of angles that nothing needs.
        (Part::Positions, angles, 1),
        (Part::Classifier, classifier, 1),
    ]
}

/// Bytes of the whole file.
fn bytes(config: &Decoder) -> u64 {
    HEADER_BYTES
        + 4 * parts(config).iter().map(|(_, numbers, layers)| numbers * layers).sum::<u64>()
}

/// Whether a file that begins so is a checkpoint, of any version.
pub fn is_header(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk() else { return false };
    matches!(parse(header), Ok(_) | Err(Problem::Version { .. }))
}

/// The tensors of a file.
pub struct Checkpoint {
    config: Decoder,
    reader: BufReader<File>,
}

/// Opens a file, and checks its header and its length.
pub fn open(path: &Path) -> Result<(Decoder, Checkpoint), Problem> {
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
    let config = parse(&header)?;
    let expected = bytes(&config);
    if found != expected {
        return Err(Problem::Length { expected, found });
    }
    Ok((config.clone(), Checkpoint { config, reader }))
}

impl Weights for Checkpoint {
    type Error = Problem;

    fn rows(
        &mut self,
        place: Place,
        [rows, columns]: [usize; 2],
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<(), Problem> {
        let parts = parts(&self.config);
        let before = parts.iter().take_while(|(part, ..)| *part != place.part);
        let before: u64 = before.map(|(_, numbers, layers)| numbers * layers).sum();
        let own = parts.iter().find(|(part, ..)| *part == place.part);
        let layer = place.layer.unwrap_or(0) as u64;
        let first = before + layer * own.map_or(0, |(_, numbers, _)| *numbers);
        self.reader.seek(SeekFrom::Start(HEADER_BYTES + 4 * first)).map_err(Problem::Read)?;
        let mut row = vec![0; 4 * columns];
        let mut values = vec![0.0; columns];
        for index in 0..rows {
            self.reader.read_exact(&mut row).map_err(Problem::Read)?;
            for (value, word) in values.iter_mut().zip(row.as_chunks().0) {
                *value = f32::from_le_bytes(*word);
            }
            if let Some((at, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                let position = index * columns + at;
                let tensor = place.part.to_string();
                return Err(Problem::NotFinite { tensor, position, value: *value });
            }
            each(&values);
        }
        Ok(())
    }
}
