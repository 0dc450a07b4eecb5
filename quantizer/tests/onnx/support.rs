//! Running a file with tract and with the importer, and comparing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lemma_quantizer::import::onnx::{Options, load};
use lemma_quantizer::model::{Model, Op};
use ndarray::ArrayD;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

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

/// The outputs that tract computes for `path`, without the importer.
pub fn tract_outputs(path: &Path, inputs: &[(&str, &ArrayD<f32>)]) -> TractResult<Vec<ArrayD<f32>>> {
    let mut model = tract_onnx::onnx().with_ignore_value_info(true).model_for_path(path)?;
    let mut values = tvec!();
    for outlet in model.input_outlets()?.to_vec() {
        let name = model.node(outlet.node).name.clone();
        let kind = model.outlet_fact(outlet)?.datum_type.concretize().unwrap_or(f32::datum_type());
        let (_, array) = inputs.iter().find(|(given, _)| *given == name).expect("every input is given");
        model.set_outlet_fact(outlet, InferenceFact::dt_shape(kind, array.shape()))?;
        let flat: Vec<f32> = array.iter().copied().collect();
        let tensor = Tensor::from_shape(array.shape(), &flat)?;
        values.push(tensor.cast_to_dt(kind)?.into_owned().into_tvalue());
    }
    let results = model.into_optimized()?.into_runnable()?.run(values)?;
    results
        .iter()
        .map(|result| {
            let result = result.cast_to::<f32>()?;
            let values = result.to_plain_array_view::<f32>()?.iter().copied().collect();
            Ok(ArrayD::from_shape_vec(result.shape(), values)?)
        })
        .collect()
}

fn integer_inputs(path: &Path) -> TractResult<Vec<String>> {
    let model = tract_onnx::onnx().with_ignore_value_info(true).model_for_path(path)?;
    let mut names = vec![];
    for outlet in model.input_outlets()? {
        let kind = model.outlet_fact(*outlet)?.datum_type.concretize();
        if kind.is_some_and(|kind| kind.is_integer()) {
            names.push(model.node(outlet.node).name.clone());
        }
    }
    Ok(names)
}

/// Imports `path` and checks that it computes what tract computes, to within `tolerance`, on a few random inputs.
pub fn agrees_with_tract(path: &Path, options: &Options, tolerance: f32) -> Model {
    let model = load(path, options).unwrap_or_else(|error| panic!("{error}"));
    let whole = integer_inputs(path).unwrap();
    for seed in 0..3 {
        let mut inputs = random_inputs(&model, seed);
        for (_, array) in inputs.iter_mut().filter(|(name, _)| whole.contains(name)) {
            array.mapv_inplace(f32::round);
        }
        let found = model.run(&inputs).unwrap();
        let given: Vec<_> = inputs.iter().map(|(name, array)| (name.as_str(), array)).collect();
        let expected = tract_outputs(path, &given).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.shape(), expected.shape(), "{}", path.display());
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= tolerance, "{}: seed {seed}, error {worst}", path.display());
        }
    }
    model
}

/// A trained model or its data: in this repository, or in the folder of models that are too large or not free enough to
/// be kept here, where there is one.
pub fn model_file(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let given = std::env::var_os("LEMMA_SHARED_MODELS").map(PathBuf::from);
    let above = here.ancestors().map(|folder| folder.join("shared/models"));
    let folders = std::iter::once(here.join("../models")).chain(given).chain(above);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
