//! Ensembles of operator set 5 of `ai.onnx.ml`, support vectors and thresholds, against their
//! definitions.

use std::collections::BTreeMap;
use std::path::Path;

use lemma_import::onnx::{Options, read};
use ndarray::ArrayD;

use crate::file::{File, TABULAR, float, floats_of, int, ints, tensor, text};
use crate::proto::{AttributeProto, DataType, TensorProto};

fn node(operator: &str, columns: usize, attributes: &[AttributeProto]) -> File {
    let file = File::new().input("x", &[1, columns]);
    file.node_of(TABULAR, operator, &["x"], &["y"], attributes).output("y")
}

fn run(file: &File, row: &[f32]) -> Vec<f32> {
    let model = read(&file.bytes(), Path::new(""), &Options::default()).unwrap();
    let row = ArrayD::from_shape_vec(vec![1, row.len()], row.to_vec()).unwrap();
    let found = model.run(&BTreeMap::from([("x".to_owned(), row)])).unwrap();
    found[0].iter().copied().collect()
}

fn refused(file: &File) -> String {
    read(&file.bytes(), Path::new(""), &Options::default()).unwrap_err().to_string()
}

fn numbers(name: &str, values: &[f32]) -> AttributeProto {
    let value = TensorProto {
        dims: vec![values.len() as i64],
        data_type: DataType::Float as i32,
        float_data: values.to_vec(),
        ..TensorProto::default()
    };
    tensor(name, value)
}

fn modes(values: &[u8]) -> AttributeProto {
    let value = TensorProto {
        dims: vec![values.len() as i64],
        data_type: DataType::Uint8 as i32,
        raw_data: values.to_vec(),
        ..TensorProto::default()
    };
    tensor("nodes_modes", value)
}

/// `x0 <= 0.5 ? (x1 < 2 ? leaf 0 : leaf 1) : leaf 2`, and a tree that is `x0 > -1 ? 3 : 3`.
fn ensemble(more: &[AttributeProto]) -> File {
    let mut attributes = vec![
        ints("tree_roots", &[0, 2]),
        ints("nodes_featureids", &[0, 1, 0]),
        numbers("nodes_splits", &[0.5, 2.0, -1.0]),
        modes(&[0, 1, 3]),
        ints("nodes_truenodeids", &[1, 0, 3]),
        ints("nodes_trueleafs", &[0, 1, 1]),
        ints("nodes_falsenodeids", &[2, 1, 3]),
        ints("nodes_falseleafs", &[1, 1, 1]),
        ints("leaf_targetids", &[0, 1, 0, 1]),
        numbers("leaf_weights", &[1.0, -2.0, 5.0, 0.25]),
        int("n_targets", 2),
    ];
    attributes.extend_from_slice(more);
    node("TreeEnsemble", 2, &attributes)
}

#[test]
fn an_ensemble_has_leaves_of_its_own() {
    let file = ensemble(&[]);
    for (row, expected) in [
        ([0.5, 1.0], [1.0, 0.25]),
        ([0.5, 2.0], [0.0, -1.75]),
        ([0.75, 1.0], [5.0, 0.25]),
        ([-3.0, 9.0], [0.0, -1.75]),
    ] {
        assert_eq!(run(&file, &row), expected, "{row:?}");
    }
    let average = ensemble(&[int("aggregate_function", 0)]);
    assert_eq!(run(&average, &[0.75, 1.0]), [2.5, 0.125]);
    let logistic = run(&ensemble(&[int("post_transform", 2)]), &[0.75, 1.0]);
    assert!((logistic[0] - 1.0 / (1.0 + (-5.0f32).exp())).abs() < 1e-6);
}

#[test]
fn an_ensemble_that_is_none_is_refused() {
    assert!(refused(&ensemble(&[int("aggregate_function", 3)])).contains("aggregate_function 3"));
    let mut sets = ensemble(&[numbers("membership_values", &[1.0])]);
    assert!(refused(&sets).contains("sets"));
    let change = |file: &mut File, name: &str, value: AttributeProto| {
        let attributes = &mut file.graph.node[0].attribute;
        *attributes.iter_mut().find(|attribute| attribute.name == name).unwrap() = value;
    };
    sets = ensemble(&[]);
    change(&mut sets, "nodes_modes", modes(&[0, 4, 3]));
    assert!(refused(&sets).contains("mode 4"));
    // A circle, a leaf and a node that are not there.
    for (name, value) in [
        ("nodes_falseleafs", ints("nodes_falseleafs", &[0, 0, 0])),
        ("nodes_truenodeids", ints("nodes_truenodeids", &[1, 7, 3])),
        ("nodes_truenodeids", ints("nodes_truenodeids", &[9, 0, 3])),
        ("nodes_truenodeids", ints("nodes_truenodeids", &[1, -1, 3])),
        ("leaf_targetids", ints("leaf_targetids", &[0, 2, 0, 1])),
    ] {
        let mut file = ensemble(&[]);
        change(&mut file, name, value.clone());
        assert!(refused(&file).contains("TreeEnsemble"), "{name}");
    }
}

const VECTORS: [f32; 6] = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5];
const COEFFICIENTS: [f32; 3] = [0.75, -1.25, 0.5];

fn machine(kernel: &str, more: &[AttributeProto]) -> File {
    let mut attributes = vec![
        text("kernel_type", kernel),
        floats_of("kernel_params", &[0.3, 0.2, 3.0]),
        floats_of("coefficients", &COEFFICIENTS),
        floats_of("support_vectors", &VECTORS),
        floats_of("rho", &[0.125]),
        int("n_supports", 3),
    ];
    attributes.extend_from_slice(more);
    node("SVMRegressor", 2, &attributes)
}

/// The sum over support vectors, as the operator is defined.
fn score(kernel: &str, x: [f32; 2]) -> f32 {
    let similar = |v: &[f32]| {
        let dot = x[0] * v[0] + x[1] * v[1];
        let far = (x[0] - v[0]).powi(2) + (x[1] - v[1]).powi(2);
        match kernel {
            "LINEAR" => dot,
            "RBF" => (-0.3 * far).exp(),
            "SIGMOID" => (0.3 * dot + 0.2).tanh(),
            _ => (0.3 * dot + 0.2).powi(3),
        }
    };
    VECTORS.chunks(2).zip(COEFFICIENTS).map(|(v, c)| c * similar(v)).sum::<f32>() + 0.125
}

#[test]
fn support_vectors_with_every_kernel() {
    for kernel in ["LINEAR", "RBF", "SIGMOID", "POLY"] {
        for x in [[0.0, 0.0], [1.5, -0.5], [-2.0, 3.0]] {
            let (found, expected) = (run(&machine(kernel, &[]), &x)[0], score(kernel, x));
            assert!((found - expected).abs() < 1e-4, "{kernel} {x:?}: {found}, {expected}");
            let side = run(&machine(kernel, &[int("one_class", 1)]), &x);
            assert_eq!(side, [if expected > 0.0 { 1.0 } else { -1.0 }], "{kernel} {x:?}");
        }
    }
    assert!(refused(&machine("COSINE", &[])).contains("COSINE"));
    assert!(refused(&machine("RBF", &[text("post_transform", "LOGISTIC")])).contains("transform"));
}

#[test]
fn a_linear_machine_has_no_vectors() {
    let attributes = [
        text("kernel_type", "LINEAR"),
        floats_of("coefficients", &[2.0, -0.5]),
        floats_of("rho", &[1.0]),
    ];
    assert_eq!(run(&node("SVMRegressor", 2, &attributes), &[3.0, 4.0]), [5.0]);
}

#[test]
fn a_threshold_belongs_to_the_side_below() {
    let file = node("Binarizer", 3, &[float("threshold", 0.5)]);
    assert_eq!(run(&file, &[0.5, 0.625, -1.0]), [0.0, 1.0, 0.0]);
}
