//! Constants of the file: data that fits its shape, in the file or in another one of the model's
//! folder.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use ndarray::{ArrayD, IxDyn};

use super::Problem;
use super::proto::{DataLocation, TensorProto};
use super::tensor::{Kind, Tensor, Values, from_half};
use lemma_model::{MAX_ELEMENTS, MAX_RANK};

/// A constant of the file, which messages call `name`. Data outside the file is looked up in
/// `directory`.
///
/// # Errors
/// A type that is not known, a shape that is absurd, or data that does not fit the shape.
pub(super) fn read(tensor: TensorProto, name: &str, directory: &Path) -> Result<Tensor, Problem> {
    let bad = |problem: String| Problem::BadTensor { tensor: name.to_string(), problem };
    let kind = Kind::of(tensor.data_type).ok_or_else(|| {
        bad(format!(
            "data type {} is not supported; use a float, integer or bool type",
            tensor.data_type
        ))
    })?;
    let shape = shape(&tensor.dims)
        .ok_or_else(|| bad("its shape is negative, too large or of too many axes".into()))?;
    if tensor.segment.is_some() {
        return Err(bad("it is one segment of a tensor; store the tensor as a whole".into()));
    }
    let elements: usize = shape.iter().product();
    let values = if tensor.data_location == Some(DataLocation::External as i32) {
        let bytes = external(&tensor, name, elements * kind.width(), directory)?;
        of_bytes(kind, &bytes)
    } else if !tensor.raw_data.is_empty() {
        if tensor.raw_data.len() != elements * kind.width() {
            return Err(bad(format!(
                "{} bytes of data for shape {shape:?}",
                tensor.raw_data.len()
            )));
        }
        of_bytes(kind, &tensor.raw_data)
    } else {
        of_fields(kind, tensor)
    };
    let misfit = |found: usize| bad(format!("{found} elements for shape {shape:?}"));
    let values = match values {
        List::F32(list) => Values::F32(arranged(list, &shape).map_err(misfit)?.into_shared()),
        List::F64(list) => Values::F64(arranged(list, &shape).map_err(misfit)?.into_shared()),
        List::I64(list) => {
            if kind == Kind::U64 && list.iter().any(|&value| value < 0) {
                return Err(bad("an integer above the largest int64".into()));
            }
            Values::I64(arranged(list, &shape).map_err(misfit)?.into_shared())
        }
    };
    Ok(Tensor::new(kind, values))
}

/// Class names, and their places, which stand for them: they have no numbers of their own.
///
/// # Errors
/// More than one axis, another number of names than the shape says, or a name twice.
pub(super) fn places_of_texts(
    tensor: TensorProto,
    name: &str,
) -> Result<(Tensor, Vec<String>), Problem> {
    let bad =
        |problem: &str| Problem::BadTensor { tensor: name.to_string(), problem: problem.into() };
    let count = tensor.string_data.len();
    if tensor.dims != [count as i64] {
        return Err(bad("texts are understood as one list of class names"));
    }
    if tensor.string_data.iter().collect::<BTreeSet<_>>().len() != count {
        return Err(bad("two classes have the same name"));
    }
    let names = tensor.string_data.into_iter().map(String::from_utf8);
    let names = names.collect::<Result<Vec<_>, _>>().map_err(|_| bad("a class name is no text"))?;
    Ok((Tensor::ints(&(0..count as i64).collect::<Vec<_>>()), names))
}

enum List {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

fn arranged<T>(list: Vec<T>, shape: &[usize]) -> Result<ArrayD<T>, usize> {
    let found = list.len();
    ArrayD::from_shape_vec(IxDyn(shape), list).map_err(|_| found)
}

fn shape(dims: &[i64]) -> Option<Vec<usize>> {
    if dims.len() > MAX_RANK {
        return None;
    }
    let shape =
        dims.iter().map(|&extent| usize::try_from(extent).ok()).collect::<Option<Vec<_>>>()?;
    let volume =
        shape.iter().try_fold(1usize, |volume, &extent| volume.checked_mul(extent.max(1)))?;
    (volume <= MAX_ELEMENTS).then_some(shape)
}

fn of_bytes(kind: Kind, bytes: &[u8]) -> List {
    fn words<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|word| read(*word)).collect()
    }
    match kind {
        Kind::F32 => List::F32(words(bytes, f32::from_le_bytes)),
        Kind::F64 => List::F64(words(bytes, f64::from_le_bytes)),
        Kind::F16 => List::F32(words(bytes, |word| from_half(u16::from_le_bytes(word)))),
        Kind::BF16 => List::F32(words(bytes, |word| {
            f32::from_bits(u32::from(u16::from_le_bytes(word)) << 16)
        })),
        Kind::I8 => List::I64(words(bytes, |word| i64::from(i8::from_le_bytes(word)))),
        Kind::I16 => List::I64(words(bytes, |word| i64::from(i16::from_le_bytes(word)))),
        Kind::I32 => List::I64(words(bytes, |word| i64::from(i32::from_le_bytes(word)))),
        Kind::I64 | Kind::U64 => List::I64(words(bytes, i64::from_le_bytes)),
        Kind::U8 | Kind::Bool => List::I64(words(bytes, |word| i64::from(u8::from_le_bytes(word)))),
        Kind::U16 => List::I64(words(bytes, |word| i64::from(u16::from_le_bytes(word)))),
        Kind::U32 => List::I64(words(bytes, |word| i64::from(u32::from_le_bytes(word)))),
    }
}

fn of_fields(kind: Kind, tensor: TensorProto) -> List {
    match kind {
        Kind::F32 => List::F32(tensor.float_data),
        Kind::F64 => List::F64(tensor.double_data),
        Kind::I64 => List::I64(tensor.int64_data),
        Kind::U32 | Kind::U64 => {
            List::I64(tensor.uint64_data.into_iter().map(|value| value as i64).collect())
        }
        Kind::F16 => {
            List::F32(tensor.int32_data.into_iter().map(|bits| from_half(bits as u16)).collect())
        }
        Kind::BF16 => List::F32(
            tensor.int32_data.into_iter().map(|bits| f32::from_bits((bits as u32) << 16)).collect(),
        ),
        Kind::I8 | Kind::I16 | Kind::I32 | Kind::U8 | Kind::U16 | Kind::Bool => {
            List::I64(tensor.int32_data.into_iter().map(i64::from).collect())
        }
    }
}

/// Data in another file: inside the model's folder, present and long enough.
fn external(
    tensor: &TensorProto,
    name: &str,
    bytes: usize,
    directory: &Path,
) -> Result<Vec<u8>, Problem> {
    let entry = |key: &str| {
        tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    };
    let location = entry("location").cloned().unwrap_or_default();
    let bad = |problem: String| Problem::ExternalData {
        tensor: name.to_string(),
        location: location.clone(),
        problem,
    };
    let path = Path::new(&location);
    let inside =
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if location.is_empty() || !inside {
        return Err(bad("is not a path inside the model's directory".into()));
    }
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text
            .parse::<u64>()
            .map(Some)
            .map_err(|_| bad(format!("has an {key} that is no number"))),
    };
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?;
    if length.is_some_and(|length| length != bytes as u64) {
        return Err(bad(format!(
            "is said to hold another number of bytes than the {bytes} of the shape"
        )));
    }
    let unreadable = |error: std::io::Error| bad(format!("cannot be read: {error}"));
    let whole = directory.join(path);
    // Links may lead out of the folder.
    let (folder, target) =
        (root(directory).map_err(unreadable)?, whole.canonicalize().map_err(unreadable)?);
    if !target.starts_with(folder) {
        return Err(bad("is not a path inside the model's directory".into()));
    }
    let found = match std::fs::metadata(&target).map_err(unreadable)? {
        metadata if metadata.is_file() => metadata.len(),
        _ => return Err(bad("is not a file".into())),
    };
    if length.is_none() && offset == 0 && found != bytes as u64 {
        return Err(bad(format!("holds {found} bytes; the shape needs {bytes}")));
    }
    if offset.checked_add(bytes as u64).is_none_or(|end| end > found) {
        return Err(bad(format!("holds {found} bytes; {bytes} are needed from byte {offset}")));
    }
    let mut file = File::open(&target).map_err(unreadable)?;
    file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
    let mut data = vec![0; bytes];
    file.read_exact(&mut data).map_err(unreadable)?;
    Ok(data)
}

fn root(directory: &Path) -> std::io::Result<std::path::PathBuf> {
    if directory.as_os_str().is_empty() {
        Path::new(".").canonicalize()
    } else {
        directory.canonicalize()
    }
}
