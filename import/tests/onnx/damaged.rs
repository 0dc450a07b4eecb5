//! Files that must be refused: each with the error that says why, and nothing that panics.

mod weights;

use std::path::Path;

use crate::file::{File, floats, int, integers, ints, tensor};
use crate::operators::{attention, embedding};
use crate::proto::{
    AttributeProto, DataLocation, DataType, ModelProto, NodeProto, StringStringEntryProto,
    TensorProto,
};
use lemma_import::onnx::{Options, Problem, load};
use lemma_model::Model;
use ndarray::{ArrayD, array};
use prost::Message;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn import(bytes: &[u8], options: &Options) -> Result<Model, Problem> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, bytes).unwrap();
    load(&path, options).map_err(|error| {
        assert_eq!(error.path, path);
        assert!(error.to_string().contains("model.onnx"));
        error.problem
    })
}

fn refused(file: &File) -> Problem {
    import(&file.bytes(), &Options::default()).expect_err("the file must be refused")
}

/// A small classifier: conv, pooling, dense, softmax.
fn classifier() -> File {
    let ramp = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        let values = (0..count).map(|at| (at % 7) as f32 * 0.1 - 0.3).collect();
        ArrayD::from_shape_vec(shape, values).unwrap()
    };
    File::new()
        .input("x", &[1, 1, 6, 6])
        .weights("kernel", ramp(&[2, 1, 3, 3]))
        .weights("weight", ramp(&[8, 3]))
        .weights("bias", ramp(&[3]))
        .integers("flat", &[1, -1])
        .node("Conv", &["x", "kernel"], "c", &[ints("pads", &[0, 0, 0, 0])])
        .node("Relu", &["c"], "r", &[])
        .node(
            "AveragePool",
            &["r"],
            "p",
            &[ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
        )
        .node("Reshape", &["p", "flat"], "f", &[])
        .node("Gemm", &["f", "weight", "bias"], "g", &[])
        .node("Softmax", &["g"], "y", &[])
        .output("y")
}

#[test]
fn the_undamaged_file_is_accepted() {
    assert!(import(&classifier().bytes(), &Options::default()).is_ok());
}

#[test]
fn rejects_a_file_that_does_not_exist() {
    let error = load(Path::new("/nonexistent/model.onnx"), &Options::default()).unwrap_err();
    assert!(matches!(error.problem, Problem::Read(_)));
}

#[test]
fn rejects_bytes_that_are_not_a_model() {
    assert!(matches!(
        import(b"not a model at all", &Options::default()),
        Err(Problem::Malformed(_))
    ));
    assert!(matches!(import(b"", &Options::default()), Err(Problem::Malformed(_))));
}

#[test]
fn rejects_a_truncated_file_at_every_boundary() {
    let bytes = classifier().bytes();
    for length in 0..bytes.len() {
        // The last operator set import, of a domain that is not used, may be missing.
        if let Ok(model) = import(&bytes[..length], &Options::default()) {
            assert!(
                length > bytes.len() - 24 && model.nodes.len() > 4,
                "{length} of {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_a_consistent_model() {
    let seed = 13;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut accepted = 0;
    for file in [classifier(), attention(), embedding()] {
        let bytes = file.bytes();
        for _ in 0..800 {
            let mut damaged = bytes.clone();
            let bit = rng.gen_range(0..bytes.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(model) = import(&damaged, &Options::default()) {
                assert_eq!(model.check(), Ok(()), "seed {seed}, bit {bit}");
                accepted += 1;
            }
        }
    }
    println!("seed {seed}: {accepted} accepted");
}

#[test]
fn rejects_an_unknown_operator_by_node_and_name() {
    let file = File::new().input("x", &[2]).node("Wobble", &["x"], "y", &[]).output("y");
    let found = refused(&file);
    assert!(
        matches!(&found, Problem::UnsupportedOperator { node, operator } if node == "y/Wobble" && operator == "Wobble")
    );
    let file =
        File::new().input("x", &[2]).node_of("my.domain", "Relu", &["x"], &["y"], &[]).output("y");
    assert!(
        matches!(refused(&file), Problem::UnsupportedOperator { operator, .. } if operator == "my.domain.Relu")
    );
}

#[test]
fn rejects_scans_and_noise_with_what_to_do() {
    for (operator, words) in [("Scan", "unroll"), ("RandomNormalLike", "as an input")] {
        let file = File::new().input("x", &[2]).node(operator, &["x"], "y", &[]).output("y");
        let found = refused(&file);
        assert!(
            matches!(&found, Problem::UnsupportedOperators { operators, .. } if operators.len() == 1),
            "{found}"
        );
        assert!(
            found.to_string().contains(operator) && found.to_string().contains(words),
            "{found}"
        );
    }
}

#[test]
fn names_every_operator_that_is_missing() {
    let file = File::new().input("x", &[2]).node("Wobble", &["x"], "a", &[]).node(
        "Scan",
        &["a"],
        "b",
        &[],
    );
    let file = file.node("Wobble", &["b"], "c", &[]).node("Hum", &["c"], "y", &[]).output("y");
    let Problem::UnsupportedOperators { node, operators } = refused(&file) else {
        panic!("{}", refused(&file))
    };
    assert_eq!(node, "a/Wobble");
    assert_eq!(operators.len(), 3);
    assert!(
        operators[0] == "Wobble" && operators[1].starts_with("Scan (") && operators[2] == "Hum",
        "{operators:?}"
    );
}

#[test]
fn names_operators_of_other_domains_where_no_operator_set_is_given() {
    let of = |domain: &str| {
        let node = NodeProto {
            op_type: "Wobble".into(),
            domain: domain.into(),
            input: vec!["x".into()],
            output: vec!["y".into()],
            ..NodeProto::default()
        };
        let mut graph = File::new().input("x", &[2]).output("y").graph;
        graph.node.push(node);
        let model = ModelProto { ir_version: 8, graph: Some(graph), ..ModelProto::default() };
        import(&model.encode_to_vec(), &Options::default()).unwrap_err()
    };
    assert!(
        matches!(of("my.domain"), Problem::UnsupportedOperator { operator, .. } if operator == "my.domain.Wobble")
    );
    assert!(matches!(of(""), Problem::Malformed(_)));
}

#[test]
fn what_no_output_needs_is_not_read() {
    let file = File::new()
        .input("x", &[2])
        .node("Wobble", &["x"], "a", &[])
        .node("Relu", &["x"], "y", &[])
        .output("y");
    assert!(import(&file.bytes(), &Options::default()).is_ok());
}

#[test]
fn rejects_what_nobody_understands_by_name() {
    let relu = |attributes: &[AttributeProto]| {
        File::new().input("x", &[2]).node("Relu", &["x"], "y", attributes).output("y")
    };
    let words = |file: &File| refused(file).to_string();
    assert!(words(&relu(&[int("ceiling", 6)])).contains("attribute `ceiling`"));
    let typed =
        File::new().input("x", &[2]).node("LeakyRelu", &["x"], "y", &[int("alpha", 6)]).output("y");
    assert!(words(&typed).contains("attribute `alpha`"));
    let more = File::new().input("x", &[2]).node("Relu", &["x", "x"], "y", &[]).output("y");
    assert!(words(&more).contains("2 inputs"));
    let second =
        File::new().input("x", &[2]).node_of("", "Relu", &["x"], &["y", "z"], &[]).output("y");
    assert!(words(&second).contains("output `z`"));
}

#[test]
fn rejects_a_file_that_asks_for_too_much_before_it_is_made() {
    let doubled = (0..30).fold(File::new().input("v0", &[1, 4]), |file, at| {
        let (from, to) = (format!("v{at}"), format!("v{}", at + 1));
        file.node("Concat", &[&from, &from], &to, &[int("axis", 1)])
    });
    assert!(matches!(refused(&doubled.output("v30")), Problem::Budget { .. }));
    let constants = (0..30).fold(
        File::new().input("x", &[1]).weights("v0", ArrayD::ones(vec![1, 4])),
        |file, at| {
            let (from, to) = (format!("v{at}"), format!("v{}", at + 1));
            file.node("Concat", &[&from, &from], &to, &[int("axis", 1)])
        },
    );
    let constants = constants.node("Add", &["x", "v30"], "y", &[]).output("y");
    assert!(matches!(refused(&constants), Problem::Budget { .. }));
    let mut long = File::new().input("x", &[2]).node("Relu", &["x"], "y", &[]).output("y");
    long.graph.node[0].name = "n".repeat(5000);
    let found = refused(&long);
    assert!(matches!(found, Problem::Budget { .. }) && found.to_string().len() < 200, "{found}");
    let mut many = File::new().input("v0", &[2]);
    for at in 0..(1 << 15) + 1 {
        many = many.node("Neg", &[&format!("v{at}")], &format!("v{}", at + 1), &[]);
    }
    assert!(matches!(refused(&many.output("v9")), Problem::Budget { .. }));
}

#[test]
fn rejects_a_weight_whose_shape_is_absurd_or_does_not_fit_its_data() {
    for dims in
        [vec![i64::MAX, 2], vec![1 << 40], vec![1 << 20, 1 << 20], vec![-1, 2], vec![3], vec![]]
    {
        let mut weight = floats("w", array![1.0, 2.0].into_dyn());
        weight.dims = dims.clone();
        let mut file = File::new().input("x", &[2]).node("Add", &["x", "w"], "y", &[]).output("y");
        file.graph.initializer.push(weight);
        let found = refused(&file);
        assert!(
            matches!(&found, Problem::BadTensor { tensor, .. } if tensor == "w"),
            "{dims:?}: {found}"
        );
    }
}

#[test]
fn rejects_a_weight_of_an_unknown_type() {
    for kind in [0, 8, 14, 16, 99] {
        let mut file = File::new().input("x", &[2]).node("Add", &["x", "w"], "y", &[]).output("y");
        let mut weight = floats("w", array![1.0, 2.0].into_dyn());
        weight.data_type = kind;
        file.graph.initializer.push(weight);
        assert!(matches!(refused(&file), Problem::BadTensor { .. }), "{kind}");
    }
}

#[test]
fn rejects_an_input_whose_shape_overflows() {
    for shape in [&[usize::MAX / 2, 4][..], &[1 << 20, 1 << 20]] {
        let file = File::new().input("x", shape).node("Relu", &["x"], "y", &[]).output("y");
        assert!(
            matches!(refused(&file), Problem::BadInput { input, .. } if input == "x"),
            "{shape:?}"
        );
    }
}

#[test]
fn rejects_a_shape_operand_that_stands_for_too_much() {
    let expand = File::new().input("x", &[1]).integers("s", &[1 << 20, 1 << 20]);
    let expand = expand.node("Expand", &["x", "s"], "y", &[]).output("y");
    let zeros = File::new().input("x", &[1]).integers("s", &[1 << 40]).node(
        "ConstantOfShape",
        &["s"],
        "c",
        &[],
    );
    let zeros = zeros.node("Add", &["x", "c"], "y", &[]).output("y");
    let range = File::new().input("x", &[1]).integer("a", 0).integer("b", 1 << 50).integer("c", 1);
    let range = range
        .node("Range", &["a", "b", "c"], "r", &[])
        .node("Add", &["x", "r"], "y", &[])
        .output("y");
    let constant = tensor("value", integers("", &[2], &[1 << 20, 1 << 20]));
    let tile = File::new().input("x", &[1, 1]).node("Constant", &[], "s", &[constant]);
    let tile = tile.node("Tile", &["x", "s"], "y", &[]).output("y");
    for file in [expand, zeros, range, tile] {
        let found = refused(&file);
        let bounded = matches!(
            found,
            Problem::Budget { .. } | Problem::Unsupported { .. } | Problem::Shape(_)
        );
        assert!(bounded, "{found}");
    }
}

#[test]
fn rejects_a_result_that_is_too_large() {
    let file = File::new().input("a", &[1 << 20, 1]).input("b", &[1, 1 << 20]);
    let file = file.node("Add", &["a", "b"], "y", &[]).output("y");
    let found = refused(&file);
    assert!(matches!(&found, Problem::Shape(error) if error.node.starts_with("y/Add")), "{found}");
}

#[test]
fn rejects_windows_out_of_range() {
    for attribute in [
        ints("strides", &[0, 1]),
        ints("dilations", &[-1, 1]),
        ints("pads", &[0, -1, 0, 0]),
        int("group", 0),
    ] {
        let mut file = classifier();
        file.graph.node[0].attribute = vec![attribute.clone()];
        let found = refused(&file);
        assert!(
            matches!(&found, Problem::Unsupported { node, .. } if node == "c/Conv"),
            "{attribute:?}: {found}"
        );
    }
}

#[test]
fn rejects_a_cycle() {
    let mut file = File::new().input("x", &[2]);
    file = file.node("Add", &["x", "b"], "a", &[]).node("Relu", &["a"], "b", &[]).output("b");
    assert!(matches!(refused(&file), Problem::Cycle { .. }));
    let own = File::new().input("x", &[2]).node("Add", &["x", "y"], "y", &[]).output("y");
    assert!(matches!(refused(&own), Problem::Cycle { node } if node == "y/Add"));
}

#[test]
fn rejects_dangling_and_duplicate_names() {
    let dangling =
        File::new().input("x", &[2]).node("Add", &["x", "nowhere"], "y", &[]).output("y");
    assert!(
        matches!(refused(&dangling), Problem::Undefined { reader, value } if reader == "y/Add" && value == "nowhere")
    );
    let output = File::new().input("x", &[2]).node("Relu", &["x"], "y", &[]).output("z");
    assert!(matches!(refused(&output), Problem::Undefined { value, .. } if value == "z"));
    let twice = File::new()
        .input("x", &[2])
        .node("Relu", &["x"], "y", &[])
        .node("Tanh", &["x"], "y", &[])
        .output("y");
    assert!(matches!(refused(&twice), Problem::Duplicate(name) if name == "y"));
    let silent = File::new().input("x", &[2]).node("Relu", &["x"], "y", &[]);
    assert!(matches!(refused(&silent), Problem::Malformed(_)));
}

#[test]
fn rejects_forms_that_depend_on_values() {
    let condition =
        File::new().input("x", &[2]).input("z", &[2]).node("Equal", &["x", "z"], "c", &[]);
    let condition = condition.node("Where", &["c", "x", "z"], "y", &[]).output("y");
    assert!(
        matches!(refused(&condition), Problem::Unsupported { node, .. } if node.starts_with("c/Equal"))
    );
    let shape = File::new()
        .input("x", &[4])
        .ids("s", &[2])
        .node("Reshape", &["x", "s"], "y", &[])
        .output("y");
    refused(&shape);
    let kernel = File::new().input("x", &[1, 1, 4, 4]).input("k", &[1, 1, 2, 2]);
    let kernel = kernel.node("Conv", &["x", "k"], "y", &[]).output("y");
    refused(&kernel);
    let rows = File::new()
        .input("t", &[4, 2])
        .ids("i", &[2])
        .node("Gather", &["t", "i"], "y", &[])
        .output("y");
    refused(&rows);
}

#[test]
fn rejects_too_many_images_and_too_many_spatial_axes() {
    let conv = |x: &[usize]| {
        let kernel = ArrayD::ones([&[1, 1][..], &vec![1; x.len() - 2]].concat());
        File::new()
            .input("x", x)
            .weights("k", kernel)
            .node("Conv", &["x", "k"], "y", &[])
            .output("y")
    };
    for (shape, words) in [
        (&[5000, 1, 2, 2][..], "5000 images"),
        (&[2, 1, 5000, 2, 2], "10000 images"),
        (&[1; 9], "axes"),
    ] {
        let found = refused(&conv(shape));
        assert!(found.to_string().contains(words), "{found}");
    }
}
