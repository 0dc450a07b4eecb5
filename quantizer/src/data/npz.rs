//! NumPy archives: zip files of `.npy` arrays.
//!
//! The declared shape of each array is bounded before anything is allocated, memory grows with the
//! bytes that are really there (for arrays that are stored column by column, with the declared
//! size), and the zip checksum is verified.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use ndarray::ArrayD;
use zip::ZipArchive;

use super::npy::{Kind, array};
use super::{DataProblem, MAX_ARRAYS, MAX_VALUES};

type Arrays = BTreeMap<String, ArrayD<f32>>;

/// The arrays of a file, and the names of those that were unsigned bytes.
pub(super) fn read(source: impl Read + Seek) -> Result<(Arrays, BTreeSet<String>), DataProblem> {
    let malformed = |error: zip::result::ZipError| DataProblem::Malformed(error.to_string());
    let mut archive = ZipArchive::new(source).map_err(malformed)?;
    if archive.has_duplicate_names() {
        return Err(DataProblem::Malformed("two arrays have one name".into()));
    }
    if archive.len() > MAX_ARRAYS {
        return Err(DataProblem::Malformed(format!(
            "{} arrays; at most {MAX_ARRAYS} are read",
            archive.len()
        )));
    }
    let (mut arrays, mut from_bytes, mut total) = (Arrays::new(), BTreeSet::new(), 0usize);
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(malformed)?;
        let entry_name = entry.name().map_err(malformed)?.into_owned();
        let name = match entry_name.strip_suffix(".npy") {
            Some(name) if !name.is_empty() => name.to_string(),
            _ => {
                return Err(DataProblem::Malformed(format!("`{entry_name}` is not an .npy array")));
            }
        };
        let (array, kind) = array(entry, &name, MAX_VALUES - total)?;
        total += array.len();
        if kind == Kind::U8 {
            from_bytes.insert(name.clone());
        }
        arrays.insert(name, array);
    }
    Ok((arrays, from_bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::super::{Format, Samples};
    use super::*;

    fn npy(descriptor: &str, columns_first: bool, shape: &str, data: &[u8]) -> Vec<u8> {
        let truth = if columns_first { "True" } else { "False" };
        let header =
            format!("{{'descr': '{descriptor}', 'fortran_order': {truth}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn npz(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(std::io::Cursor::new(vec![]));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, bytes) in entries {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn parse(bytes: &[u8]) -> Result<Samples, DataProblem> {
        Samples::from_reader(std::io::Cursor::new(bytes), Format::Npz)
    }

    fn problem(entries: &[(&str, Vec<u8>)]) -> DataProblem {
        parse(&npz(entries)).unwrap_err()
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn reads_every_element_type_and_both_orders() {
        let samples = parse(&npz(&[
            ("a.npy", npy("<f4", false, "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0]))),
            (
                "b.npy",
                npy("<f8", true, "(2, 2)", &[1.0f64, 2.0, 3.0, 4.0].map(f64::to_le_bytes).concat()),
            ),
            ("c.npy", npy("|u1", false, "(3,)", &[0, 128, 255])),
            ("d.npy", npy("<i4", false, "(2,)", &[-1i32, 7].map(i32::to_le_bytes).concat())),
            ("e.npy", npy("<i8", false, "()", &(-5i64).to_le_bytes())),
        ]))
        .unwrap();
        assert_eq!(samples.arrays["a"], ndarray::array![[1.0, 2.0], [3.0, 4.0]].into_dyn());
        assert_eq!(samples.arrays["b"], ndarray::array![[1.0, 3.0], [2.0, 4.0]].into_dyn());
        let deep = (0..24u8).collect::<Vec<_>>();
        let read = parse(&npz(&[("a.npy", npy("|u1", true, "(2, 3, 4)", &deep))])).unwrap();
        let place = |(i, j, k)| (i + 2 * j + 6 * k) as f32;
        assert_eq!(read.arrays["a"], ndarray::Array3::from_shape_fn((2, 3, 4), place).into_dyn());
        assert_eq!(samples.arrays["c"], ndarray::array![0.0, 128.0, 255.0].into_dyn());
        assert_eq!(samples.arrays["d"], ndarray::array![-1.0, 7.0].into_dyn());
        assert_eq!(samples.arrays["e"].sum(), -5.0);
        assert_eq!(samples.from_bytes.iter().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn reads_narrow_numbers() {
        let samples = parse(&npz(&[
            ("half.npy", npy("<f2", false, "(4,)", &[0, 0x3c, 0, 0xc0, 1, 0, 0xff, 0x7b])),
            ("truth.npy", npy("|b1", false, "(2,)", &[0, 1])),
            ("small.npy", npy("|i1", false, "(2,)", &[0x80, 5])),
            ("short.npy", npy("<i2", false, "(2,)", &[0xff, 0xff, 1, 2])),
            ("count.npy", npy("<u2", false, "(1,)", &[0xff, 0xff])),
            ("word.npy", npy("<u4", false, "(1,)", &[0, 0, 0, 0x80])),
        ]))
        .unwrap();
        let half = [1.0, -2.0, 2f32.powi(-24), 65504.0];
        assert_eq!(samples.arrays["half"], ndarray::arr1(&half).into_dyn());
        assert_eq!(samples.arrays["truth"], ndarray::array![0.0, 1.0].into_dyn());
        assert_eq!(samples.arrays["small"], ndarray::array![-128.0, 5.0].into_dyn());
        assert_eq!(samples.arrays["short"], ndarray::array![-1.0, 513.0].into_dyn());
        assert_eq!(samples.arrays["count"], ndarray::array![65535.0].into_dyn());
        assert_eq!(samples.arrays["word"], ndarray::array![2f32.powi(31)].into_dyn());
        assert!(samples.from_bytes.is_empty());
        let infinite = npy("<f2", false, "(1,)", &[0, 0x7c]);
        assert!(matches!(problem(&[("a.npy", infinite)]), DataProblem::BadValue { .. }));
    }

    #[test]
    fn rejects_values_that_are_not_finite_or_not_exact() {
        for bytes in [floats(&[f32::NAN]), floats(&[f32::INFINITY])] {
            let found = problem(&[("a.npy", npy("<f4", false, "(1,)", &bytes))]);
            assert!(matches!(found, DataProblem::BadValue { position: 0, .. }));
        }
        let large = npy("<i8", false, "(1,)", &((1i64 << 24) + 1).to_le_bytes());
        assert!(matches!(problem(&[("a.npy", large)]), DataProblem::BadValue { .. }));
    }

    #[test]
    fn rejects_a_shape_that_is_absurd_without_allocating_it() {
        for shape in [
            "(67108864, 4)",
            "(18446744073709551615, 2)",
            "(4611686018427387904, 4)",
            "(1000000, 1000000)",
            "(0,)",
        ] {
            let found = problem(&[("a.npy", npy("<f4", false, shape, &[0; 64]))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{shape}: {found}");
        }
    }

    #[test]
    fn rejects_too_little_and_too_much_data() {
        for count in [3, 5] {
            let found =
                problem(&[("a.npy", npy("<f4", false, "(4,)", &floats(&vec![1.0; count])))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{count}");
        }
    }

    #[test]
    fn rejects_other_element_types_and_headers() {
        for descriptor in [">f4", "<c8", "|O", "<U7", "<u8"] {
            let found = problem(&[("a.npy", npy(descriptor, false, "(1,)", &[0; 8]))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{descriptor}");
        }
        for shape in ["(1", "1", "(-1,)", "(a,)", "(1,), 'x': 'y'"] {
            let found = problem(&[("a.npy", npy("<f4", false, shape, &[0; 4]))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{shape}");
        }
    }

    #[test]
    fn rejects_two_arrays_of_one_name() {
        let one = |value: f32| ("x.npy", npy("<f4", false, "(1,)", &floats(&[value])));
        // The writer refuses a second entry of a name, so the name is changed afterwards.
        let other = ("y.npy", npy("<f4", false, "(1,)", &floats(&[2.0])));
        let mut bytes = npz(&[one(1.0), other]);
        while let Some(at) = bytes.windows(5).position(|window| window == b"y.npy") {
            bytes[at] = b'x';
        }
        assert!(
            matches!(parse(&bytes).unwrap_err(), DataProblem::Malformed(said) if said.contains("one name"))
        );
    }

    #[test]
    fn rejects_an_archive_of_something_else() {
        let found = problem(&[("readme.txt", vec![1, 2, 3])]);
        assert!(matches!(found, DataProblem::Malformed(_)));
        assert!(matches!(problem(&[]), DataProblem::Malformed(_)));
    }

    fn example() -> Vec<u8> {
        npz(&[
            ("image.npy", npy("|u1", false, "(2, 3)", &[1, 2, 3, 4, 5, 6])),
            ("label.npy", npy("<i8", false, "(2,)", &[0i64, 1].map(i64::to_le_bytes).concat())),
        ])
    }

    #[test]
    fn rejects_every_truncation() {
        let bytes = example();
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_never_panics_and_never_changes_a_value_unnoticed() {
        let bytes = example();
        let expected = parse(&bytes).unwrap().arrays;
        let seed = 11;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..2000 {
            let mut damaged = bytes.clone();
            let bit = rng.gen_range(0..bytes.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(samples) = parse(&damaged) {
                let known = |array| expected.values().any(|expected| expected == array);
                assert!(samples.arrays.values().all(known), "seed {seed}, bit {bit}");
            }
        }
    }
}
