//! ONNX files, written field by field.

use crate::bytes::varint;

/// A field that holds bytes.
fn field(number: u64, contents: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(contents.len() as u64), contents.to_vec()].concat()
}

/// A field that holds a number.
fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

fn fields(number: u64, all: &[Vec<u8>]) -> Vec<u8> {
    all.iter().flat_map(|contents| field(number, contents)).collect()
}

/// An attribute of whole numbers, or of one.
pub fn integers(name: &str, values: &[i64]) -> Vec<u8> {
    let name = field(1, name.as_bytes());
    match values {
        [value] => [name, number(3, *value), number(20, 2)].concat(),
        _ => [name, list(values), number(20, 7)].concat(),
    }
}

/// An attribute of whole numbers that is a list, however short.
pub fn axes(name: &str, values: &[i64]) -> Vec<u8> {
    [field(1, name.as_bytes()), list(values), number(20, 7)].concat()
}

fn list(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| number(8, *value)).collect()
}

/// An attribute of one real number.
pub fn float(name: &str, value: f32) -> Vec<u8> {
    let tagged = [varint(2 << 3 | 5), value.to_le_bytes().to_vec()].concat();
    [field(1, name.as_bytes()), tagged, number(20, 1)].concat()
}

/// An attribute of text.
pub fn text(name: &str, value: &str) -> Vec<u8> {
    [field(1, name.as_bytes()), field(4, value.as_bytes()), number(20, 3)].concat()
}

/// An attribute that is a constant.
pub fn constant(name: &str, tensor: &[u8]) -> Vec<u8> {
    [field(1, name.as_bytes()), field(5, tensor), number(20, 4)].concat()
}

/// A node; names of several outputs are divided by spaces.
pub fn node(operator: &str, inputs: &str, outputs: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let names = |number: u64, names: &str| match names {
        "" => Vec::new(),
        names => {
            names.split(' ').flat_map(|name| field(number, name.as_bytes())).collect::<Vec<u8>>()
        }
    };
    let own = [field(3, outputs.as_bytes()), field(4, operator.as_bytes())].concat();
    [names(1, inputs), names(2, outputs), own, fields(5, attributes)].concat()
}

/// A constant of real numbers.
pub fn floats(name: &str, shape: &[i64], values: &[f32]) -> Vec<u8> {
    tensor(name, shape, 1, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A constant of whole numbers.
pub fn whole(name: &str, values: &[i64]) -> Vec<u8> {
    tensor(
        name,
        &[values.len() as i64],
        7,
        values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    )
}

/// A constant that is one whole number.
pub fn scalar(name: &str, value: i64) -> Vec<u8> {
    tensor(name, &[], 7, value.to_le_bytes().to_vec())
}

fn tensor(name: &str, shape: &[i64], kind: i64, raw: Vec<u8>) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|extent| number(1, *extent)).collect();
    [shape, number(2, kind), field(8, name.as_bytes()), field(9, &raw)].concat()
}

fn value(name: &str, kind: i64, shape: &[i64]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|extent| field(1, &number(1, *extent))).collect();
    let tensor = [number(1, kind), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A model of `x`, whose elements are of some kind (1 for real, 7 for whole numbers), with the
/// output `y`.
pub fn model(
    kind: i64,
    input: &[i64],
    constants: &[Vec<u8>],
    nodes: &[Vec<u8>],
    output: &[i64],
) -> Vec<u8> {
    let graph = [
        fields(1, nodes),
        field(2, b"graph"),
        fields(5, constants),
        field(11, &value("x", kind, input)),
        field(12, &value("y", 1, output)),
    ];
    let operators = [field(1, b""), number(2, 17)].concat();
    [number(1, 8), field(8, &operators), field(7, &graph.concat())].concat()
}
