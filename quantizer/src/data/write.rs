//! Arrays as a NumPy archive.

use std::io::{self, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Numbers that are converted at a time.
const CHUNK: usize = 1 << 13;

/// Writes named arrays of a shape as an `.npz` file, in row-major order.
///
/// # Errors
/// What `out` says, or a name that an archive cannot hold.
pub fn write_npz<'a>(
    out: impl Write,
    arrays: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f64])>,
) -> io::Result<()> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut archive = ZipWriter::new_stream(out);
    for (name, shape, values) in arrays {
        archive.start_file(format!("{name}.npy"), options)?;
        archive.write_all(&header(shape))?;
        for chunk in values.chunks(CHUNK) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|value| value.to_le_bytes()).collect();
            archive.write_all(&bytes)?;
        }
    }
    archive.finish()?;
    Ok(())
}

/// The header of an array of `f64`, padded as NumPy pads it.
fn header(shape: &[usize]) -> Vec<u8> {
    const ALIGNMENT: usize = 64;
    let extents: String = shape.iter().map(|extent| format!("{extent},")).collect();
    let fields = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({extents}), }}");
    let length = (10 + fields.len() + 1).next_multiple_of(ALIGNMENT) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{fields:<width$}\n", width = length - 1).as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{Format, Samples};
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let long: Vec<f64> = (0..20_000).map(f64::from).collect();
        let mut bytes = vec![];
        let arrays: [(&str, &[usize], &[f64]); 3] = [
            ("scores/a", &[2, 3], &[1.0, -2.5, 3.0, 0.125, 0.0, -7.0]),
            ("label", &[2], &[4.0, 5.0]),
            ("long", &[20_000, 1], &long),
        ];
        write_npz(&mut bytes, arrays).unwrap();
        let samples = Samples::from_reader(Cursor::new(bytes), Format::Npz).unwrap();
        for (name, shape, values) in arrays {
            let array = &samples.arrays[name];
            assert_eq!(array.shape(), shape);
            assert!(array.iter().zip(values).all(|(a, b)| f64::from(*a) == *b), "{name}");
        }
    }
}
