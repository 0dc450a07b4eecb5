//! Tables of text as the inputs of a model.

use std::io::Cursor;

use lemma_model::{InputKind, InputPort};
use lemma_quantizer::data::{DataError, DataProblem, Format, Samples};

const IRIS: &str = "length,width,species\n5.1,3.5,setosa\n7,3.25,versicolor\n6.5,3,setosa\n";

fn samples(text: &str) -> Samples {
    Samples::from_reader(Cursor::new(text.as_bytes().to_vec()), Format::Csv).unwrap()
}

fn model(inputs: &[(&str, &[usize])]) -> Vec<InputPort> {
    let port = |(name, shape): &(&str, &[usize])| InputPort {
        name: (*name).into(),
        shape: shape.to_vec(),
        kind: InputKind::Real,
    };
    inputs.iter().map(port).collect()
}

fn problem(result: Result<impl Sized, DataError>) -> DataProblem {
    result.err().expect("the table must be refused").problem
}

#[test]
fn all_columns_of_numbers_are_the_only_input() {
    let model = model(&[("X", &[1, 2])]);
    let table = samples(IRIS);
    assert_eq!(table.count(&model).unwrap(), 3);
    let row = table.sample(1, &model).unwrap();
    assert_eq!(row["X"], ndarray::arr2(&[[7.0, 3.25]]).into_dyn());
    assert!(matches!(problem(table.sample(3, &model)), DataProblem::NoSample { count: 3, .. }));
}

#[test]
fn columns_of_a_name_are_that_input() {
    let row = samples("b[1],a,b[0],other\n1,2,3,x\n4,5,6,y\n");
    let sample = row.sample(1, &model(&[("a", &[1, 1]), ("b", &[1, 2])])).unwrap();
    assert_eq!(sample["a"], ndarray::arr2(&[[5.0]]).into_dyn());
    assert_eq!(sample["b"], ndarray::arr2(&[[6.0, 4.0]]).into_dyn());
    let missing = problem(row.sample(0, &model(&[("a", &[1, 1]), ("c", &[1, 1])])));
    assert!(matches!(missing, DataProblem::NoArray { wanted, .. } if wanted == "c"));
}

#[test]
fn a_column_too_many_is_not_left_out_by_guess() {
    let two = model(&[("X", &[1, 2])]);
    let text = "a,b,grade\n1,2,0\n3,4,1\n";
    let said = problem(samples(text).sample(0, &two)).to_string();
    assert!(said.contains("has 2 elements") && said.contains("3: a, b, grade"), "{said}");
    let labelled = samples(text).with_labels(Some("grade"));
    assert_eq!(labelled.sample(1, &two).unwrap()["X"], ndarray::arr2(&[[3.0, 4.0]]).into_dyn());
    assert_eq!(labelled.labels_of("grade", 2, &[]).unwrap(), [0, 1]);
    // Columns that are called like labels are.
    assert!(samples("a,b,target\n1,2,0\n").sample(0, &two).is_ok());
}

#[test]
fn a_cell_that_is_no_number_is_named_when_its_column_is_used() {
    let two = model(&[("X", &[1, 2])]);
    let said = problem(samples("a,b\n1,2\n3,?\n").sample(0, &two)).to_string();
    assert!(said.contains("line 3, column `b`") && said.contains('?'), "{said}");
    let said = problem(samples("a,b,kind\n1,x,k\n3,y,k\n").sample(0, &two)).to_string();
    assert!(said.contains("columns of texts are no numbers: b, kind"), "{said}");
}

#[test]
fn texts_are_labels_by_the_names_of_the_classes() {
    let table = samples(IRIS);
    let names = ["versicolor", "setosa"].map(String::from);
    assert_eq!(table.labels_of("species", 3, &names).unwrap(), [1, 0, 1]);
    let said = problem(table.labels_of("species", 3, &names[..1])).to_string();
    assert!(said.contains("`setosa` is none of the classes"), "{said}");
    let said = problem(table.labels_of("species", 3, &[])).to_string();
    assert!(said.contains("the classes have no names"), "{said}");
    assert!(matches!(problem(table.labels_of("species", 4, &names)), DataProblem::Labels { .. }));
}

/// An array alone, in NumPy's format or as JSON, is the only input.
#[test]
fn an_array_alone_has_no_name() {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend([1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()));
    let array = Samples::from_reader(Cursor::new(bytes), Format::Npy).unwrap();
    let text = Cursor::new(b"[[1, 2], [3, 4]]".to_vec());
    let list = Samples::from_reader(text, Format::Json).unwrap();
    for samples in [array, list] {
        let row = samples.sample(1, &model(&[("X", &[1, 2])])).unwrap();
        assert_eq!(row["X"], ndarray::arr2(&[[3.0, 4.0]]).into_dyn());
    }
}
