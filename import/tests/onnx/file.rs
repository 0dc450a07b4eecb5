//! Writing small ONNX files.

use std::path::{Path, PathBuf};

use crate::proto::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use ndarray::ArrayD;
use prost::Message;

/// The domain of models of tables.
pub const TABULAR: &str = "ai.onnx.ml";

/// An ONNX file in the making.
#[derive(Clone)]
pub struct File {
    pub graph: GraphProto,
    pub opset: i64,
}

impl File {
    pub fn new() -> File {
        File { graph: GraphProto { name: "graph".into(), ..GraphProto::default() }, opset: 17 }
    }

    pub fn opset(mut self, opset: i64) -> File {
        self.opset = opset;
        self
    }

    pub fn input(self, name: &str, shape: &[usize]) -> File {
        let extents = shape.iter().map(|&extent| fixed(extent as i64)).collect();
        self.typed_input(name, DataType::Float, extents)
    }

    pub fn ids(self, name: &str, shape: &[usize]) -> File {
        let extents = shape.iter().map(|&extent| fixed(extent as i64)).collect();
        self.typed_input(name, DataType::Int64, extents)
    }

    pub fn typed_input(mut self, name: &str, kind: DataType, dim: Vec<Dimension>) -> File {
        let tensor = TensorType { elem_type: kind as i32, shape: Some(TensorShapeProto { dim }) };
        self.graph.input.push(ValueInfoProto {
            name: name.into(),
            r#type: Some(TypeProto { tensor_type: Some(tensor) }),
        });
        self
    }

    pub fn weights(mut self, name: &str, array: ArrayD<f32>) -> File {
        self.graph.initializer.push(floats(name, array));
        self
    }

    pub fn integers(mut self, name: &str, values: &[i64]) -> File {
        self.graph.initializer.push(integers(name, &[values.len() as i64], values));
        self
    }

    pub fn integer(mut self, name: &str, value: i64) -> File {
        self.graph.initializer.push(integers(name, &[], &[value]));
        self
    }

    /// Integers of 32 bits.
    pub fn counts(mut self, name: &str, values: &[i32]) -> File {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int32 as i32,
            int32_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// Integers of 8 bits.
    pub fn small(mut self, name: &str, kind: DataType, shape: &[i64], values: &[i32]) -> File {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: shape.to_vec(),
            data_type: kind as i32,
            int32_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    pub fn booleans(mut self, name: &str, shape: &[i64], values: &[bool]) -> File {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: shape.to_vec(),
            data_type: DataType::Bool as i32,
            raw_data: values.iter().map(|&value| u8::from(value)).collect(),
            ..TensorProto::default()
        });
        self
    }

    pub fn node(
        self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[AttributeProto],
    ) -> File {
        self.node_of("", operator, inputs, &[output], attributes)
    }

    pub fn node_of(
        mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attributes: &[AttributeProto],
    ) -> File {
        let strings = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        self.graph.node.push(NodeProto {
            name: format!("{}/{operator}", outputs[0]),
            domain: domain.into(),
            op_type: operator.into(),
            input: strings(inputs),
            output: strings(outputs),
            attribute: attributes.to_vec(),
            ..NodeProto::default()
        });
        self
    }

    pub fn output(self, name: &str) -> File {
        self.typed_output(name, DataType::Float)
    }

    pub fn typed_output(mut self, name: &str, kind: DataType) -> File {
        let tensor = TensorType { elem_type: kind as i32, shape: None };
        self.graph.output.push(ValueInfoProto {
            name: name.into(),
            r#type: Some(TypeProto { tensor_type: Some(tensor) }),
        });
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let opset = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        let mut opsets = vec![opset("", self.opset), opset("com.microsoft", 1)];
        if self.graph.node.iter().any(|node| node.domain == TABULAR) {
            opsets.push(opset(TABULAR, 3));
        }
        let model = ModelProto {
            ir_version: 8,
            opset_import: opsets,
            graph: Some(self.graph.clone()),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }

    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(format!("{name}.onnx"));
        std::fs::write(&path, self.bytes()).unwrap();
        path
    }
}

/// An axis of a fixed size.
pub fn fixed(extent: i64) -> Dimension {
    Dimension { dim_value: Some(extent), ..Dimension::default() }
}

/// An axis that is open.
pub fn open(name: &str) -> Dimension {
    Dimension { dim_param: Some(name.into()), ..Dimension::default() }
}

pub fn floats(name: &str, array: ArrayD<f32>) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: array.shape().iter().map(|&extent| extent as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: array.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

pub fn integers(name: &str, shape: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: shape.to_vec(),
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int as i32,
        i: Some(value),
        ..AttributeProto::default()
    }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let ints = values.to_vec();
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints,
        ..AttributeProto::default()
    }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Float as i32,
        f: Some(value),
        ..AttributeProto::default()
    }
}

pub fn text(name: &str, value: &str) -> AttributeProto {
    let s = Some(value.as_bytes().to_vec());
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::String as i32,
        s,
        ..AttributeProto::default()
    }
}

pub fn texts(name: &str, values: &[&str]) -> AttributeProto {
    let strings = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Strings as i32,
        strings,
        ..AttributeProto::default()
    }
}

pub fn floats_of(name: &str, values: &[f32]) -> AttributeProto {
    let floats = values.to_vec();
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Floats as i32,
        floats,
        ..AttributeProto::default()
    }
}

pub fn tensor(name: &str, value: TensorProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Tensor as i32,
        t: Some(value),
        ..AttributeProto::default()
    }
}
