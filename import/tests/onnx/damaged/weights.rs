//! Weights that are no numbers, or not where the file says.

use super::*;

#[test]
fn rejects_weights_that_are_not_finite_by_name_and_position() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let file = File::new()
            .input("x", &[1, 2])
            .weights("w", array![[1.0, 2.0], [value, 4.0]].into_dyn());
        let file = file.node("MatMul", &["x", "w"], "y", &[]).output("y");
        let found = refused(&file);
        assert!(
            matches!(&found, Problem::NotFinite { tensor, position: 2, .. } if tensor == "w"),
            "{found}"
        );
    }
    let value = tensor("value", floats("", array![f32::NAN].into_dyn()));
    let file = File::new().input("x", &[1]).node("Constant", &[], "c", &[value]);
    let file = file.node("Add", &["x", "c"], "y", &[]).output("y");
    assert!(matches!(refused(&file), Problem::NotFinite { tensor, .. } if tensor == "c"));
}

#[test]
fn rejects_weights_that_are_not_finite_in_half_and_double_precision() {
    let half = TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: DataType::Float16 as i32,
        raw_data: vec![0x00, 0x3c, 0x00, 0x7e],
        ..TensorProto::default()
    };
    let double = TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: DataType::Double as i32,
        double_data: vec![1.0, f64::INFINITY],
        ..TensorProto::default()
    };
    for weight in [half, double] {
        let mut file = File::new().input("x", &[2]);
        file.graph.initializer.push(weight);
        let file = file.node("Mul", &["x", "w"], "y", &[]).output("y");
        assert!(matches!(refused(&file), Problem::NotFinite { position: 1, .. }));
    }
}

#[test]
fn rejects_minus_infinity_outside_a_mask() {
    let file = File::new().input("x", &[2]).weights("c", array![1.0, f32::NEG_INFINITY].into_dyn());
    let file = file.node("Mul", &["x", "c"], "y", &[]).output("y");
    assert!(
        matches!(refused(&file), Problem::NotFinite { value, .. } if value == f32::NEG_INFINITY)
    );
}

fn external(location: &str, length: &str) -> File {
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    let mut file = File::new().input("x", &[2]).node("Add", &["x", "w"], "y", &[]).output("y");
    file.graph.initializer.push(TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: DataType::Float as i32,
        data_location: Some(DataLocation::External as i32),
        external_data: vec![entry("location", location), entry("length", length)],
        ..TensorProto::default()
    });
    file
}

#[test]
fn reads_external_data_next_to_the_file_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("weights.bin"), [1.0f32, 2.0].map(f32::to_le_bytes).concat())
        .unwrap();
    let path = external("weights.bin", "8").write(folder.path(), "model");
    assert!(load(&path, &Options::default()).is_ok());
    for (location, length) in [
        ("missing.bin", "8"),
        ("../weights.bin", "8"),
        ("/etc/hosts", "8"),
        ("weights.bin", "4"),
        ("weights.bin", "x"),
        ("", "8"),
    ] {
        let path = external(location, length).write(folder.path(), "bad");
        let error = load(&path, &Options::default()).unwrap_err();
        assert!(matches!(error.problem, Problem::ExternalData { .. }), "{location}: {error}");
    }
    std::fs::write(folder.path().join("weights.bin"), [0; 7]).unwrap();
    assert!(matches!(
        load(&path, &Options::default()).unwrap_err().problem,
        Problem::ExternalData { .. }
    ));
}

#[test]
fn rejects_external_data_that_is_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("weights.bin"),
        [1.0f32, f32::NAN].map(f32::to_le_bytes).concat(),
    )
    .unwrap();
    let path = external("weights.bin", "8").write(folder.path(), "model");
    assert!(matches!(
        load(&path, &Options::default()).unwrap_err().problem,
        Problem::NotFinite { .. }
    ));
}
