//! Samples in JSON: `{"name": [[1, 2], [3, 4]]}`, a list of such objects, one per sample, or for a
//! model of one input its lists alone.
//!
//! Numbers go straight into one flat vector per array while the nesting is checked to be regular,
//! so memory is a small multiple of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek, SeekFrom};

use ndarray::ArrayD;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{DataProblem, MAX_ARRAYS, MAX_VALUES};
use lemma_model::{MAX_RANK, volume};

/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 27;

type Arrays = BTreeMap<String, ArrayD<f32>>;

/// Name of an array that has none.
pub(super) const ONLY: &str = "array";

/// The arrays of a file.
pub(super) fn read(mut source: impl Read + Seek) -> Result<Arrays, DataProblem> {
    let bytes = source.seek(SeekFrom::End(0)).map_err(DataProblem::Read)?;
    if bytes > MAX_FILE_BYTES {
        return Err(DataProblem::TooLarge { bytes, limit: MAX_FILE_BYTES });
    }
    source.rewind().map_err(DataProblem::Read)?;
    let malformed = |error: serde_json::Error| DataProblem::Malformed(error.to_string());
    let mut deserializer = serde_json::Deserializer::from_reader(source.take(MAX_FILE_BYTES));
    let arrays = deserializer.deserialize_any(Document).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    arrays.into_iter().map(|(name, nested)| Ok((name.clone(), nested.array(&name)?))).collect()
}

/// Numbers in row-major order with the sizes of the nested lists around them.
#[derive(Default)]
struct Nested {
    values: Vec<f32>,
    /// Size of each level, known once its first list has ended.
    shape: Vec<Option<usize>>,
    /// Level at which the numbers are, known once there is one.
    depth: Option<usize>,
}

impl Nested {
    fn array(self, name: &str) -> Result<ArrayD<f32>, DataProblem> {
        let bad = |problem: String| DataProblem::BadArray { array: name.to_string(), problem };
        let shape: Vec<usize> = self.shape.into_iter().map(|extent| extent.unwrap_or(0)).collect();
        volume(&shape).map_err(bad)?;
        ArrayD::from_shape_vec(shape, self.values).map_err(|error| bad(error.to_string()))
    }

    fn number<E: Error>(&mut self, value: f64, level: usize) -> Result<(), E> {
        if *self.depth.get_or_insert(level) != level {
            return Err(E::custom("numbers and lists are mixed"));
        }
        let value = value as f32;
        if !value.is_finite() {
            return Err(E::custom("a number is too large for a 32-bit float"));
        }
        if self.values.len() == MAX_VALUES {
            return Err(E::custom(format!("more than {MAX_VALUES} numbers")));
        }
        self.values.push(value);
        Ok(())
    }
}

/// One object: names and nested lists, at `level` lists deep, behind `index` objects of the same
/// list.
fn object<'de, A: MapAccess<'de>>(
    mut map: A,
    arrays: &mut BTreeMap<String, Nested>,
    level: usize,
    index: usize,
) -> Result<(), A::Error> {
    let mut seen = 0;
    let known = arrays.len();
    while let Some(name) = map.next_key::<String>()? {
        let is_new = !arrays.contains_key(&name);
        if is_new && arrays.len() == MAX_ARRAYS {
            return Err(A::Error::custom(format!("more than {MAX_ARRAYS} arrays")));
        }
        let nested = arrays.entry(name.clone()).or_default();
        if nested.shape.len() < level {
            nested.shape.resize(level, None);
        }
        map.next_value_seed(Level { nested, level })?;
        if level == 0 && !is_new {
            return Err(A::Error::custom(format!("`{name}` occurs twice")));
        }
        if level > 0 {
            let each =
                nested.shape[1..].iter().map(|extent| extent.unwrap_or(0)).product::<usize>();
            // A name twice in one object and not in another makes as many as there should be, in
            // the wrong places.
            if nested.values.len() != (index + 1).saturating_mul(each) || (is_new && known > 0) {
                return Err(A::Error::custom(format!("`{name}` differs from sample to sample")));
            }
        }
        seen += 1;
    }
    if known > 0 && seen != known {
        Err(A::Error::custom("the samples have different arrays"))
    } else {
        Ok(())
    }
}

/// The whole file.
struct Document;

impl<'de> Visitor<'de> for Document {
    type Value = BTreeMap<String, Nested>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of named arrays or a list of such objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut arrays = BTreeMap::new();
        object(map, &mut arrays, 0, 0)?;
        Ok(arrays)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut arrays = BTreeMap::new();
        let (mut only, mut count) = (None, 0);
        while list.next_element_seed(Sample(&mut arrays, &mut only, count))?.is_some() {
            count += 1;
        }
        arrays.extend(only.map(|nested| (ONLY.to_owned(), nested)));
        for nested in arrays.values_mut() {
            nested.shape[0] = Some(count);
        }
        Ok(arrays)
    }
}

/// One object of a list, or one part of an array without a name, and how many are before it.
struct Sample<'a>(&'a mut BTreeMap<String, Nested>, &'a mut Option<Nested>, usize);

impl<'de> DeserializeSeed<'de> for Sample<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Sample<'_> {
    /// The part of an array that has no name.
    fn only<E: Error>(&mut self) -> Result<Level<'_>, E> {
        let Sample(arrays, only, _) = self;
        if !arrays.is_empty() {
            return Err(E::custom("lists and objects are mixed"));
        }
        let first = || Nested { shape: vec![None], ..Nested::default() };
        Ok(Level { nested: only.get_or_insert_with(first), level: 1 })
    }
}

impl<'de> Visitor<'de> for Sample<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of named arrays")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        if self.1.is_some() {
            return Err(A::Error::custom("lists and objects are mixed"));
        }
        object(map, self.0, 1, self.2)
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.only()?.visit_f64(value)
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.only()?.visit_u64(value)
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.only()?.visit_i64(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, list: A) -> Result<(), A::Error> {
        self.only()?.visit_seq(list)
    }
}

/// A number or a list, at `level` lists deep.
struct Level<'a> {
    nested: &'a mut Nested,
    level: usize,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.nested.number(value, self.level)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.nested.number(value as f64, self.level)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.nested.number(value as f64, self.level)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Level { nested, level } = self;
        if level >= MAX_RANK || nested.depth.is_some_and(|depth| level >= depth) {
            return Err(A::Error::custom("lists are nested irregularly or too deeply"));
        }
        if nested.shape.len() <= level {
            nested.shape.push(None);
        }
        let mut count = 0;
        while list.next_element_seed(Level { nested: &mut *nested, level: level + 1 })?.is_some() {
            count += 1;
        }
        if *nested.shape[level].get_or_insert(count) == count {
            return Ok(());
        }
        Err(A::Error::custom("lists of one level have different lengths"))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::{Format, Samples};
    use super::*;

    fn parse(text: &[u8]) -> Result<Samples, DataProblem> {
        Samples::from_reader(std::io::Cursor::new(text), Format::Json)
    }

    #[test]
    fn reads_an_object_of_nested_arrays() {
        let samples =
            parse(br#"{"x": [[1, -2.5], [3e1, 4]], "label": [7, 8], "scalar": 3}"#).unwrap();
        assert_eq!(samples.arrays["x"], array![[1.0, -2.5], [30.0, 4.0]].into_dyn());
        assert_eq!(samples.labels("label").unwrap(), [7, 8]);
        assert_eq!(samples.arrays["scalar"].ndim(), 0);
    }

    #[test]
    fn reads_lists_without_a_name() {
        let samples = parse(b"[[1, 2.5], [3, -4]]").unwrap();
        assert_eq!(samples.arrays[ONLY], array![[1.0, 2.5], [3.0, -4.0]].into_dyn());
        assert_eq!(parse(b"[1, 2]").unwrap().arrays[ONLY], array![1.0, 2.0].into_dyn());
    }

    #[test]
    fn stacks_a_list_of_objects() {
        let samples = parse(br#"[{"x": [[1, 2]], "y": 0}, {"x": [[3, 4]], "y": 1}]"#).unwrap();
        assert_eq!(samples.arrays["x"], array![[[1.0, 2.0]], [[3.0, 4.0]]].into_dyn());
        assert_eq!(samples.labels("y").unwrap(), [0, 1]);
    }

    #[test]
    fn rejects_what_is_irregular() {
        let cases = [
            r#"{"x": [[1, 2], [3]]}"#,
            r#"{"x": [1, [2]]}"#,
            r#"{"x": [[1], 2]}"#,
            r#"{"x": []}"#,
            r#"{"x": [[], []]}"#,
            r#"{"x": "text"}"#,
            r#"{"x": [null]}"#,
            r#"{"x": [1e39]}"#,
            r#"{"x": [1], "x": [2]}"#,
            r#"{"x": [1]} trailing"#,
            r#"{"x": [[[[[[[[[1]]]]]]]]]}"#,
            r#"[{"x": [1]}, {"x": [1, 2]}]"#,
            r#"[{"x": [1]}, {"y": [1]}]"#,
            r#"[{"x": [1]}, {"x": [1], "y": [1]}]"#,
            r#"[{"x": [1]}, {}]"#,
            r#"[{"x": [1], "x": [2]}]"#,
            r#"[{"x": 1, "y": 3}, {"y": 4, "y": 5}, {"x": 6, "x": 7}]"#,
            "[]",
            "{}",
            "3",
            "[1, [2]]",
            "[[1], [2, 3]]",
            r#"[[1], {"x": [2]}]"#,
            r#"[[1], {"array": [2]}]"#,
            r#"[{"array": [2]}, [1]]"#,
            r#"[{}, [1]]"#,
            r#"[{"x": [2]}, [1]]"#,
        ];
        for case in cases {
            let error = parse(case.as_bytes()).expect_err(case);
            let named = matches!(error, DataProblem::Malformed(_) | DataProblem::BadArray { .. });
            assert!(named, "{case}: {error}");
        }
    }

    #[test]
    fn rejects_deep_nesting_without_overflowing_the_stack() {
        let text = format!("{{\"x\": {}", "[".repeat(1_000_000));
        assert!(parse(text.as_bytes()).is_err());
    }

    #[test]
    fn rejects_every_truncation_and_survives_flipped_bits() {
        let text = br#"[{"x": [[1, 2.5]], "y": 0}, {"x": [[3, -4]], "y": 1}]"#;
        for length in 0..text.len() {
            assert!(parse(&text[..length]).is_err(), "{length} bytes");
        }
        let seed = 12;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..1000 {
            let mut damaged = text.to_vec();
            let bit = rng.gen_range(0..damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            let _ = parse(&damaged);
        }
    }
}
