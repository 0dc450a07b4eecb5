//! Private inputs: a statement names them, and tokens are not shown beside a mask that is not.

use std::collections::BTreeMap;
use std::process::Command;

use lemma::model::{Model, Op, View};
use lemma::{
    CompileError, CompileOptions, Context, Folder, Inputs, Package, ProofFile, Report, compile,
};
use ndarray::{Array2, ArrayD, arr2};

/// Scores of two classes for four tokens of five, each counted where a mask says so.
fn classifier() -> Model {
    let mut model = Model::default();
    let ids = model.push_input("ids", Op::Tokens { vocabulary: 5 }, &[1, 4]).unwrap();
    let mask = model.push_input("mask", Op::Tokens { vocabulary: 2 }, &[1, 4]).unwrap();
    let table = arr2(&[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.5, 0.5]]);
    let rows = model.push("rows", Op::Embedding { table }, &[ids]).unwrap();
    let column = model.push_shaped("column", Op::View(View::Reshape), &[mask], &[1, 4, 1]).unwrap();
    let counted = model.push("counted", Op::Mul, &[rows, column]).unwrap();
    let flat = model.push_shaped("flat", Op::View(View::Reshape), &[counted], &[1, 8]).unwrap();
    let weight = Array2::from_shape_fn((8, 2), |(i, j)| f32::from(u8::from(i % 2 == j)));
    let scores = model.push("scores", Op::Dense { weight, bias: None }, &[flat]).unwrap();
    model.outputs.push(("scores".into(), scores));
    model
}

fn sample(ids: [f32; 4], mask: [f32; 4]) -> Inputs {
    let row = |values: [f32; 4]| -> ArrayD<f32> { arr2(&[values]).into_dyn() };
    BTreeMap::from([("ids".to_owned(), row(ids)), ("mask".to_owned(), row(mask))])
}

fn compiled(public: &[&str], committed: &[&str]) -> Result<(Package, Report), CompileError> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let classes = vec!["spam".to_owned(), "ham".to_owned()];
    let options = CompileOptions {
        bits: Some(10),
        public: names(public),
        committed: names(committed),
        classes,
        ..CompileOptions::default()
    };
    let samples = [
        sample([3.0, 2.0, 2.0, 1.0], [1.0; 4]),
        sample([1.0, 4.0, 2.0, 0.0], [1.0, 1.0, 1.0, 0.0]),
    ];
    compile("messages", classifier(), &samples, &[], &options, &())
}

#[test]
fn tokens_are_neither_shown_nor_committed_to_beside_a_private_mask() {
    for (public, committed) in [(&["ids"][..], &[][..]), (&[], &["ids"])] {
        let error = compiled(public, committed).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, CompileError::Unbound { tokens, open } if tokens == "ids" && open == &["mask"]),
            "{error}"
        );
        assert!(
            error.to_string().contains("`ids`") && error.to_string().contains("show `mask` too"),
            "{error}"
        );
    }
    for (public, committed) in [
        (&["ids", "mask"][..], &[][..]),
        (&["mask"], &["ids"]),
        (&[], &["ids", "mask"]),
        (&["mask"], &[]),
        (&[], &[]),
    ] {
        assert!(compiled(public, committed).is_ok(), "{public:?}, {committed:?}");
    }
}

/// Compiles, proves one message under a mask, and returns what `verify` prints.
fn told(public: &[&str], mask: [f32; 4]) -> (Vec<String>, String) {
    let (package, report) = compiled(public, &[]).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::new(parent.path());
    folder.write_package(&package, &report).unwrap();
    let (proving, verifying) = package.setup(&()).unwrap();
    folder.write_keys(&package, &proving, &verifying).unwrap();
    assert_eq!(verifying.parts().circuit_digest(), package.digest());
    let inputs = package.quantize(&sample([3.0, 2.0, 2.0, 2.0], mask)).unwrap();
    let proven = package.prove(&proving, &inputs, Context::NONE, &()).unwrap();
    let file = ProofFile::new(&verifying, &proven.values, b"", &proven.proof).unwrap();
    let proof = parent.path().join("proof.json");
    std::fs::write(&proof, file.to_json().unwrap()).unwrap();
    let mut verify = Command::new(env!("CARGO_BIN_EXE_lemma"));
    let output = verify
        .arg("verify")
        .arg("--key")
        .arg(folder.verifying_key_path())
        .arg(&proof)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    (file.private_inputs.iter().map(|input| input.name.clone()).collect(), said)
}

/// The same four tokens are spam and ham, as the mask has it: the reader is told who chose it, or
/// sees it.
#[test]
fn a_reader_is_told_of_every_private_input_and_sees_a_mask_that_is_shown() {
    let (names, said) = told(&[], [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(names, ["ids", "mask"]);
    assert!(
        said.contains("private: `ids` [1, 4] 0..4") && said.contains("private: `mask` [1, 4] 0..1"),
        "{said}"
    );
    assert!(said.contains("answer: \"spam\""), "{said}");
    let (names, said) = told(&["ids", "mask"], [0.0, 1.0, 1.0, 1.0]);
    assert!(names.is_empty() && !said.contains("private:"), "{said}");
    assert!(
        said.contains("input `mask` = [0, 1 (3 times)]")
            && said.contains("input `ids` = [3, 2 (3 times)]"),
        "{said}"
    );
    assert!(said.contains("answer: \"ham\""), "{said}");
}
