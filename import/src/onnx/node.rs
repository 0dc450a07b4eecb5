//! A node of the file, whose inputs and attributes are consumed by name: what nobody has taken is
//! refused.

use super::Problem;
use super::proto::{AttributeProto, AttributeType, GraphProto, NodeProto, TensorProto};

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Who defines the operator; empty for ONNX itself.
    pub domain: String,
    /// Version of the domain's operators.
    pub opset: i64,
    /// Values that it reads; `None` where one is left out.
    pub inputs: Vec<Option<String>>,
    /// Values that it produces; `None` where nobody wants one.
    pub outputs: Vec<Option<String>>,
    /// Its attributes.
    pub attributes: Attributes,
}

impl Node {
    /// A node of the file, where its domain has version `opset`.
    pub(super) fn new(node: NodeProto, opset: i64) -> Node {
        let given = |names: Vec<String>| {
            names.into_iter().map(|name| Some(name).filter(|name| !name.is_empty())).collect()
        };
        let name = name_of(&node);
        let domain = if node.domain == "ai.onnx" { String::new() } else { node.domain };
        let attributes =
            Attributes { node: name.clone(), op: node.op_type.clone(), list: node.attribute };
        Node {
            name,
            op: node.op_type,
            domain,
            opset,
            inputs: given(node.input),
            outputs: given(node.output),
            attributes,
        }
    }

    /// What is wrong with this node.
    pub(super) fn problem(&self, problem: impl Into<String>) -> Problem {
        self.attributes.problem(problem)
    }

    /// Refuses a node with fewer than `least` or more than `most` inputs, left out ones at the end
    /// aside, or with one of the first `least` left out.
    pub(super) fn takes(&self, least: usize, most: usize) -> Result<(), Problem> {
        let given = self.inputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if given > most {
            return Err(self.problem(format!("{given} inputs; at most {most} are understood")));
        }
        match (0..least).find(|&at| self.inputs.get(at).is_none_or(Option::is_none)) {
            Some(missing) => Err(self.problem(format!("input {missing} is missing"))),
            None => Ok(()),
        }
    }

    /// Refuses a node of which more than the first `known` outputs are named.
    pub(super) fn gives(&self, known: usize) -> Result<(), Problem> {
        match self.outputs.iter().skip(known).flatten().next() {
            Some(output) => Err(self.problem(format!("output `{output}` is not supported"))),
            None => Ok(()),
        }
    }

    /// Whether input `at` is given.
    pub(super) fn has(&self, at: usize) -> bool {
        self.inputs.get(at).is_some_and(Option::is_some)
    }
}

/// The name by which a node is reported and imported: its own, or that of its first output.
pub(super) fn name_of(node: &NodeProto) -> String {
    if node.name.is_empty() {
        node.output.iter().find(|output| !output.is_empty()).cloned().unwrap_or_default()
    } else {
        node.name.clone()
    }
}

/// The attributes of a node that nobody has taken yet.
#[derive(Debug)]
pub(super) struct Attributes {
    node: String,
    op: String,
    list: Vec<AttributeProto>,
}

impl Attributes {
    /// An integer.
    pub(super) fn int(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        self.typed(name, AttributeType::Int, |attribute| attribute.i.unwrap_or_default())
    }

    /// An integer that is 0 or 1.
    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        match self.int(name)? {
            None => Ok(None),
            Some(value @ (0 | 1)) => Ok(Some(value == 1)),
            Some(value) => {
                Err(self.problem(format!("attribute `{name}` is {value}; 0 or 1 expected")))
            }
        }
    }

    /// Integers.
    pub(super) fn ints(&mut self, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        self.typed(name, AttributeType::Ints, |attribute| attribute.ints)
    }

    /// A number, which is finite.
    pub(super) fn float(&mut self, name: &str) -> Result<Option<f32>, Problem> {
        let value =
            self.typed(name, AttributeType::Float, |attribute| attribute.f.unwrap_or_default())?;
        match value {
            Some(value) if !value.is_finite() => {
                Err(self.problem(format!("attribute `{name}` is {value}")))
            }
            value => Ok(value),
        }
    }

    /// A number, which may be infinite.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<f32>, Problem> {
        self.typed(name, AttributeType::Float, |attribute| attribute.f.unwrap_or_default())
    }

    /// Numbers, which may be infinite.
    pub(super) fn floats(&mut self, name: &str) -> Result<Option<Vec<f32>>, Problem> {
        self.typed(name, AttributeType::Floats, |attribute| attribute.floats)
    }

    /// A text.
    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let bytes =
            self.typed(name, AttributeType::String, |attribute| attribute.s.unwrap_or_default())?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| self.problem(format!("attribute `{name}` is no text")))
    }

    /// Texts.
    pub(super) fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, Problem> {
        let lists = self.typed(name, AttributeType::Strings, |attribute| attribute.strings)?;
        let texts = lists
            .map(|list| list.into_iter().map(String::from_utf8).collect::<Result<Vec<_>, _>>())
            .transpose();
        texts.map_err(|_| self.problem(format!("attribute `{name}` holds what is no text")))
    }

    /// A tensor.
    pub(super) fn tensor(&mut self, name: &str) -> Result<Option<TensorProto>, Problem> {
        Ok(self.typed(name, AttributeType::Tensor, |attribute| attribute.t)?.flatten())
    }

    /// A graph.
    pub(super) fn graph(&mut self, name: &str) -> Result<Option<GraphProto>, Problem> {
        Ok(self.typed(name, AttributeType::Graph, |attribute| attribute.g)?.flatten())
    }

    /// Whether an attribute is given and nobody has taken it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|attribute| attribute.name == name)
    }

    /// The attributes that nobody has taken yet, for the operator that this one is made of.
    pub(super) fn rest(&mut self) -> Vec<AttributeProto> {
        std::mem::take(&mut self.list)
    }

    /// Drops an attribute that does not change the result.
    pub(super) fn ignore(&mut self, name: &str) {
        self.list.retain(|attribute| attribute.name != name);
    }

    /// Refuses the attributes that nobody has taken.
    pub(super) fn finish(&self) -> Result<(), Problem> {
        match self.list.first() {
            Some(attribute) => {
                Err(self.problem(format!("attribute `{}` is not understood", attribute.name)))
            }
            None => Ok(()),
        }
    }

    /// What is wrong with the node.
    pub(super) fn problem(&self, problem: impl Into<String>) -> Problem {
        Problem::Unsupported {
            node: self.node.clone(),
            operator: self.op.clone(),
            problem: problem.into(),
        }
    }

    fn typed<T>(
        &mut self,
        name: &str,
        kind: AttributeType,
        read: impl Fn(AttributeProto) -> T,
    ) -> Result<Option<T>, Problem> {
        let Some(at) = self.list.iter().position(|attribute| attribute.name == name) else {
            return Ok(None);
        };
        let attribute = self.list.remove(at);
        if self.has(name) {
            return Err(self.problem(format!("attribute `{name}` is given twice")));
        }
        if !attribute.ref_attr_name.is_empty() {
            return Err(
                self.problem(format!("attribute `{name}` refers to a function's attribute"))
            );
        }
        let filled = filled(&attribute);
        let declared =
            AttributeType::try_from(attribute.r#type).unwrap_or(AttributeType::Undefined);
        let is_kind = declared == kind || declared == AttributeType::Undefined && filled == [kind];
        if !is_kind || filled.iter().any(|&other| other != kind) {
            return Err(self.problem(format!(
                "attribute `{name}` is {declared:?} with {filled:?}; {kind:?} expected"
            )));
        }
        Ok(Some(read(attribute)))
    }
}

/// Which fields of an attribute hold something.
fn filled(attribute: &AttributeProto) -> Vec<AttributeType> {
    let fields = [
        (attribute.f.is_some(), AttributeType::Float),
        (attribute.i.is_some(), AttributeType::Int),
        (attribute.s.is_some(), AttributeType::String),
        (attribute.t.is_some(), AttributeType::Tensor),
        (attribute.g.is_some(), AttributeType::Graph),
        (!attribute.floats.is_empty(), AttributeType::Floats),
        (!attribute.ints.is_empty(), AttributeType::Ints),
        (!attribute.strings.is_empty(), AttributeType::Strings),
        (!attribute.tensors.is_empty(), AttributeType::Tensors),
        (!attribute.graphs.is_empty(), AttributeType::Graphs),
        (attribute.sparse_tensor.is_some(), AttributeType::SparseTensor),
    ];
    fields.into_iter().filter(|(holds, _)| *holds).map(|(_, kind)| kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(list: Vec<AttributeProto>) -> Attributes {
        Attributes { node: "n".into(), op: "Op".into(), list }
    }

    fn axis(kind: AttributeType) -> AttributeProto {
        AttributeProto {
            name: "axis".into(),
            i: Some(2),
            r#type: kind as i32,
            ..AttributeProto::default()
        }
    }

    #[test]
    fn an_attribute_is_taken_once() {
        let mut given = attributes(vec![axis(AttributeType::Int)]);
        assert!(given.finish().is_err());
        assert_eq!(given.int("axis").unwrap(), Some(2));
        assert_eq!(given.int("axis").unwrap(), None);
        given.finish().unwrap();
    }

    #[test]
    fn an_attribute_of_another_type_is_refused() {
        assert!(attributes(vec![axis(AttributeType::Int)]).float("axis").is_err());
        assert!(attributes(vec![axis(AttributeType::Float)]).float("axis").is_err());
        assert!(
            attributes(vec![axis(AttributeType::Int), axis(AttributeType::Int)])
                .int("axis")
                .is_err()
        );
        assert_eq!(attributes(vec![axis(AttributeType::Undefined)]).int("axis").unwrap(), Some(2));
    }

    #[test]
    fn inputs_and_outputs_are_counted() {
        let node = NodeProto {
            input: vec!["a".into(), "".into(), "".into()],
            output: vec!["y".into(), "".into()],
            ..NodeProto::default()
        };
        let node = Node::new(node, 17);
        assert_eq!(node.name, "y");
        node.takes(1, 1).unwrap();
        node.gives(1).unwrap();
        assert!(node.takes(2, 3).is_err());
        assert!(node.takes(0, 0).is_err());
        assert!(node.gives(0).is_err());
    }
}
