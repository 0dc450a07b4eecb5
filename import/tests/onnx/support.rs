//! Comparing the importer with onnxruntime, whose outputs are kept in `expected.json`.
//!
//! An entry is found by the file and its inputs. After a test has a new file or other inputs,
//! `LEMMA_MISSING=FOLDER cargo test` writes those that have no entry to the folder, and
//! `reference.py FOLDER` computes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lemma_import::onnx::{Options, load};
use lemma_model::{Model, Op};
use ndarray::ArrayD;
use prost::Message;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::proto::{DataType, ModelProto};

/// An array in JSON.
#[derive(Serialize, Deserialize)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

static EXPECTED: LazyLock<BTreeMap<String, Vec<Array>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("expected.json")).expect("expected.json is well formed")
});

/// Random values for every input of a model: ids for token inputs, numbers in (-1, 1) otherwise.
pub fn random_inputs(model: &Model, seed: u64) -> BTreeMap<String, ArrayD<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let nodes = model.inputs.iter().map(|id| &model.nodes[id.0]);
    nodes
        .map(|node| {
            let mut value = || match node.op {
                Op::Tokens { vocabulary } => rng.gen_range(0..vocabulary) as f32,
                _ => rng.gen_range(-1.0..1.0),
            };
            (node.name.clone(), ArrayD::from_shape_fn(node.shape.as_slice(), |_| value()))
        })
        .collect()
}

/// The outputs that onnxruntime computes for `path`.
pub fn reference_outputs(path: &Path, inputs: &[(&str, &ArrayD<f32>)]) -> Vec<ArrayD<f32>> {
    let file = std::fs::read(path).unwrap();
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.update(&file);
    let mut given = BTreeMap::new();
    for (name, array) in inputs {
        hash.update(name.as_bytes());
        array.iter().for_each(|value| hash.update(&value.to_le_bytes()));
        given.insert(
            name.to_string(),
            Array { shape: array.shape().to_vec(), values: array.iter().copied().collect() },
        );
    }
    let key = format!("{:016x}", hash.0);
    let Some(outputs) = EXPECTED.get(&key) else {
        if let Some(folder) = std::env::var_os("LEMMA_MISSING").map(PathBuf::from) {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{key}.onnx")), &file).unwrap();
            std::fs::write(folder.join(format!("{key}.json")), serde_json::to_vec(&given).unwrap())
                .unwrap();
        }
        panic!("no entry {key} of {} in expected.json", path.display());
    };
    outputs
        .iter()
        .map(|array| ArrayD::from_shape_vec(array.shape.clone(), array.values.clone()).unwrap())
        .collect()
}

/// The hash of Fowler, Noll and Vo.
struct Fnv(u64);

impl Fnv {
    fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

fn integer_inputs(path: &Path) -> Vec<String> {
    let graph = ModelProto::decode(std::fs::read(path).unwrap().as_slice()).unwrap().graph.unwrap();
    let kind = |kind: Option<&crate::proto::TypeProto>| {
        kind.and_then(|kind| kind.tensor_type.as_ref()).map(|tensor| tensor.elem_type)
    };
    let integers = graph.input.iter().filter(|input| {
        let kind = kind(input.r#type.as_ref());
        kind != Some(DataType::Float as i32)
    });
    integers.map(|input| input.name.clone()).collect()
}

/// Imports `path` and checks that it computes what onnxruntime computes, to within `tolerance`, on
/// a few random inputs.
pub fn agrees_with_reference(path: &Path, options: &Options, tolerance: f32) -> Model {
    agrees_on(path, options, tolerance, 2)
}

/// The same on `samples` random inputs.
pub fn agrees_on(path: &Path, options: &Options, tolerance: f32, samples: u64) -> Model {
    let model = load(path, options).unwrap_or_else(|error| panic!("{error}"));
    let whole = integer_inputs(path);
    let mut missing = false;
    for seed in 0..samples {
        let mut inputs = random_inputs(&model, seed);
        for (_, array) in inputs.iter_mut().filter(|(name, _)| whole.contains(name)) {
            array.mapv_inplace(f32::round);
        }
        let found = model.run(&inputs).unwrap();
        let given: Vec<_> = inputs.iter().map(|(name, array)| (name.as_str(), array)).collect();
        // Every missing entry is written before the test fails.
        let Ok(expected) = std::panic::catch_unwind(|| reference_outputs(path, &given)) else {
            missing = true;
            continue;
        };
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.shape(), expected.shape(), "{}", path.display());
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= tolerance, "{}: seed {seed}, error {worst}", path.display());
        }
    }
    assert!(!missing, "{} has no entry in expected.json", path.display());
    model
}
