//! What kind of file a model is, by its content.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use lemma_model::Model;
use lemma_model::file::open_regular;
use thiserror::Error;

#[cfg(feature = "onnx")]
use crate::onnx;
use crate::options::Options;
use crate::{gguf, huggingface, language, llama2c};

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// ONNX, which is protobuf.
    Onnx,
    /// A checkpoint of llama2.c.
    Llama2c,
    /// GGUF, the format of llama.cpp.
    Gguf,
    /// A folder of Hugging Face.
    HuggingFace,
}

/// Why a file gives no model.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file system.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A format that is known and not read.
    #[error("{} is {kind}; {advice}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// A checkpoint has no number of tokens of its own.
    #[error("{} is a llama2.c checkpoint, which needs a number of tokens of a proof", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
    },
    /// A language model has one input and one output.
    #[error(
        "{} is a {format} file, whose input and output are known; shapes and outputs are chosen of \
            ONNX files",
        path.display()
    )]
    Fixed {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: Format,
    },
    /// A format that this build leaves out.
    #[error("{} is an ONNX file, and this build has no feature `onnx`", path.display())]
    WithoutOnnx {
        /// The file.
        path: PathBuf,
    },
    /// A checkpoint of llama2.c.
    #[error(transparent)]
    Llama2c(#[from] llama2c::ImportError),
    /// A language model in another format.
    #[error(transparent)]
    Language(#[from] language::ImportError),
    /// An ONNX file.
    #[cfg(feature = "onnx")]
    #[error(transparent)]
    Onnx(#[from] onnx::ImportError),
}

/// Reads a model of any format that [`Format::of`] knows.
///
/// # Errors
/// [`ImportError`].
pub fn load(path: &Path, options: &Options) -> Result<Model, ImportError> {
    let format = Format::of(path)?;
    if format != Format::Onnx && !(options.shapes.is_empty() && options.outputs.is_empty()) {
        return Err(ImportError::Fixed { path: path.to_owned(), format });
    }
    match format {
        Format::Llama2c => {
            let tokens =
                options.tokens.ok_or_else(|| ImportError::Tokens { path: path.to_owned() })?;
            Ok(llama2c::load(path, &llama2c::Options { tokens })?)
        }
        Format::HuggingFace => {
            Ok(huggingface::load(path, &huggingface::Options { tokens: options.tokens })?)
        }
        Format::Gguf => Ok(gguf::load(path, &gguf::Options { tokens: options.tokens })?),
        #[cfg(feature = "onnx")]
        Format::Onnx => Ok(onnx::load(path, options)?),
        #[cfg(not(feature = "onnx"))]
        Format::Onnx => Err(ImportError::WithoutOnnx { path: path.to_owned() }),
    }
}

impl Format {
    /// The format of a folder that has a `config.json`, or of a file, from its first bytes. A file that is nothing in particular is left to
    /// the reader of ONNX, whose error says more, unless its name ends in `.bin`.
    ///
    /// # Errors
    /// A file that cannot be read, or of a format that is known and not read.
    pub fn of(path: &Path) -> Result<Format, ImportError> {
        if huggingface::is_folder(path) {
            return Ok(Format::HuggingFace);
        }
        let mut head = Vec::new();
        let read = open_regular(path)
            .and_then(|file| file.take(llama2c::HEADER_BYTES).read_to_end(&mut head));
        read.map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
        if head.starts_with(gguf::MAGIC) {
            return Ok(Format::Gguf);
        }
        if let Some((_, kind, advice)) =
            FOREIGN.into_iter().find(|(magic, ..)| head.starts_with(magic))
        {
            return Err(ImportError::Format { path: path.to_owned(), kind, advice });
        }
        if llama2c::is_header(&head) || path.extension().is_some_and(|ending| ending == "bin") {
            return Ok(Format::Llama2c);
        }
        Ok(Format::Onnx)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Onnx => "ONNX",
            Format::Llama2c => "llama2.c",
            Format::Gguf => "GGUF",
            Format::HuggingFace => "Hugging Face",
        })
    }
}

/// How other formats begin, what they are, and the way from there.
const FOREIGN: [(&[u8], &str, &str); 5] = [
    (
        b"PK\x03\x04",
        "a zip file, as PyTorch and Keras save models",
        "export it: torch.onnx.export(model, example, \"model.onnx\")",
    ),
    (
        b"\x80\x02",
        "a Python pickle",
        "load it in Python and export it: torch.onnx.export(model, example, \"model.onnx\")",
    ),
    (
        b"\x80\x04",
        "a Python pickle",
        "load it in Python and export it, a scikit-learn model with skl2onnx",
    ),
    (
        b"\x80\x05",
        "a Python pickle",
        "load it in Python and export it, a scikit-learn model with skl2onnx",
    ),
    (
        b"\x89HDF",
        "an HDF5 file, as Keras saves models",
        "export it to ONNX with tf2onnx or model.export(..., format=\"onnx\")",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn format(name: &str, bytes: &[u8]) -> Result<Format, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Format::of(&path)
    }

    #[test]
    fn the_content_decides_and_not_the_name() {
        let checkpoint: Vec<u8> =
            [64, 172, 5, 8, 4, 512, 512].iter().flat_map(|n: &i32| n.to_le_bytes()).collect();
        assert_eq!(format("stories.model", &checkpoint).unwrap(), Format::Llama2c);
        for head in [&[0x08, 0x07, 0x12, 0x07, b'p'][..], &[0x3a, 0x05, 0x0a, 0x03, b'x'], &[]] {
            assert_eq!(format("model.onnx", head).unwrap(), Format::Onnx);
        }
        assert_eq!(format("damaged.bin", &[0; 28]).unwrap(), Format::Llama2c);
    }

    #[test]
    fn other_formats_are_named_with_the_way_from_there() {
        for (magic, kind, advice) in FOREIGN {
            let said = format("model.onnx", &[magic, &[0; 40]].concat()).unwrap_err().to_string();
            assert!(said.contains(kind) && said.contains(advice), "{said}");
        }
        assert!(matches!(
            Format::of(Path::new("/nowhere/model.onnx")),
            Err(ImportError::Read { .. })
        ));
    }
}
