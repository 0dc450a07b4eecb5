//! Lowering: the file's graph, node by node in topological order, to the float model.
//!
//! A value is a constant, folded with ONNX's own semantics, or computed by a node of the model. A
//! node whose operands are all constant is folded; any other is lowered by the function that
//! [`operators`] names for it, which takes every input, output and attribute by name.

mod activation;
mod arithmetic;
mod attention;
mod branch;
mod build;
mod cast;
mod choice;
mod comparison;
mod contraction;
mod convolution;
mod convolution_forms;
mod flags;
mod images;
mod index;
mod integers;
#[cfg(test)]
mod limits;
mod linear;
mod maps;
mod masks;
mod norm;
mod operators;
mod order;
mod pad;
mod pool;
mod products;
mod quantized;
mod quantized_products;
mod recurrent;
mod reduction;
mod resample;
mod resize;
mod rotary;
mod scatter;
mod softmax;
mod step;
mod tabular;
mod tokens;
mod value;
mod views;
mod visible;
mod window;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};

use self::flags::Assumption;
use self::operators::Lower;
use self::value::{Args, Computed, Value};
use super::budget::{Budget, MAX_NODES};
use super::constants;
use super::file::Opsets;
use super::fold;
use super::inputs::Input;
use super::node::{Node, name_of};
use super::proto::{DataType, GraphProto, NodeProto};
use super::tensor::{Kind, Tensor, Values};
use super::{Options, Problem, graph, inputs};
use lemma_model::{Model, NodeId, Op, View};

/// Elements of one computed value.
const MAX_VALUE: usize = 1 << 22;

/// Elements of all computed values.
const MAX_COMPUTED: usize = 1 << 27;

/// A model in the making.
pub(super) struct Lowering {
    model: Model,
    opsets: Opsets,
    directory: PathBuf,
    budget: Budget,
    values: HashMap<String, Value>,
    /// Names of the model's nodes.
    names: HashSet<String>,
    /// Of names that were taken: the number from which on none was tried.
    numbers: HashMap<String, usize>,
    /// Elements that may still be computed.
    computed: usize,
    /// Kinds of the inputs' elements.
    inputs: HashMap<NodeId, Kind>,
    /// Nodes whose every element is 0 or 1, where the inputs that they assume to be flags are.
    flags: HashSet<NodeId>,
    /// Inputs that the file says are flags.
    declared: BTreeSet<NodeId>,
    /// Readings of inputs that hold for flags only.
    assumptions: Vec<Assumption>,
    /// Inputs whose elements were cast to fewer bits, and where.
    narrowed: Vec<(NodeId, Problem)>,
    /// Nodes whose rows hold numbers that are not negative with a sum of one.
    unit_rows: HashSet<NodeId>,
    /// Constants that are class names, which stand in the graph as their places.
    texts: HashMap<String, Vec<String>>,
    /// Names of the places that a node chooses, or of its scores.
    classes: HashMap<NodeId, Vec<String>>,
    /// How deep the graphs in nodes are in each other.
    depth: usize,
    /// Nodes that further steps of loops may have.
    repeated: usize,
}

/// The float model of a graph.
pub(super) fn lower(
    graph: GraphProto,
    opsets: Opsets,
    directory: &Path,
    options: &Options,
) -> Result<Model, Problem> {
    let order = graph::order(&graph)?;
    operators::check(order.iter().map(|&at| &graph.node[at]))?;
    if let Some(sparse) = graph.sparse_initializer.first() {
        let tensor = sparse.values.as_ref().map(|values| values.name.clone()).unwrap_or_default();
        return Err(Problem::BadTensor {
            tensor,
            problem: "sparse initializers are not supported".into(),
        });
    }
    let inputs = inputs::fixed(&graph, options)?;
    let mut values = HashMap::new();
    let (mut brought, mut texts) = (0usize, HashMap::new());
    for tensor in graph.initializer {
        let name = tensor.name.clone();
        let tensor = if tensor.data_type == DataType::String as i32 {
            let (places, names) = constants::places_of_texts(tensor, &name)?;
            texts.insert(name.clone(), names);
            places
        } else {
            constants::read(tensor, &name, directory)?
        };
        brought += tensor.len();
        values.insert(name, Value::Constant(tensor));
    }
    let mut lowering = Lowering {
        model: Model::default(),
        opsets,
        directory: directory.to_path_buf(),
        budget: Budget::new(brought),
        values,
        names: HashSet::new(),
        numbers: HashMap::new(),
        computed: MAX_COMPUTED,
        inputs: HashMap::new(),
        flags: HashSet::new(),
        declared: BTreeSet::new(),
        assumptions: vec![],
        narrowed: vec![],
        unit_rows: HashSet::new(),
        texts,
        classes: HashMap::new(),
        depth: 0,
        repeated: MAX_NODES,
    };
    for input in inputs {
        lowering.input(input)?;
    }
    lowering.nodes(graph.node, &order)?;
    for output in graph.output {
        let id = lowering.output(&output.name)?;
        lowering.model.outputs.push((output.name, id));
    }
    lowering.settle()?;
    if let Some((_, first)) = lowering.model.outputs.first() {
        lowering.model.classes = lowering.class_names(*first).unwrap_or_default();
    }
    Ok(lowering.model)
}

impl Lowering {
    fn input(&mut self, input: Input) -> Result<(), Problem> {
        if let Some(value) = input.value {
            self.budget.enter(&input.name, "input");
            self.budget.elements(value.shape())?;
            if self.values.insert(input.name.clone(), Value::Constant(value)).is_some() {
                return Err(Problem::Duplicate(input.name));
            }
            return Ok(());
        }
        let is_flag = input.kind == Kind::Bool;
        let op = if is_flag { Op::Tokens { vocabulary: 2 } } else { Op::Input };
        self.pay(&input.shape)
            .map_err(|problem| Problem::BadInput { input: input.name.clone(), problem })?;
        if !self.names.insert(input.name.clone()) {
            return Err(Problem::Duplicate(input.name));
        }
        let id = self.model.push_new(input.name.clone(), op, &[], Some(&input.shape))?;
        self.model.inputs.push(id);
        if is_flag {
            self.flags.insert(id);
            self.declared.insert(id);
        }
        self.inputs.insert(id, input.kind);
        self.values.insert(input.name, Value::Computed(Computed::new(input.kind, input.shape, id)));
        Ok(())
    }

    /// Lowers `nodes` in the given order.
    fn nodes(&mut self, nodes: Vec<NodeProto>, order: &[usize]) -> Result<(), Problem> {
        let mut nodes: Vec<Option<NodeProto>> = nodes.into_iter().map(Some).collect();
        for &at in order {
            if let Some(node) = nodes.get_mut(at).and_then(Option::take) {
                let opset = self.opsets.of(&node.domain);
                self.node(Node::new(node, opset))?;
            }
        }
        Ok(())
    }

    fn node(&mut self, mut node: Node) -> Result<(), Problem> {
        self.budget.enter(&node.name, &node.op);
        if let Some(texts) =
            node.inputs.iter().flatten().find(|name| self.texts.contains_key(*name))
            && node.op != "ArrayFeatureExtractor"
        {
            return Err(node.problem(format!(
                "it reads the texts `{texts}`; only class names at computed places are understood"
            )));
        }
        let mut args = Args::default();
        for name in &node.inputs {
            args.push(match name {
                Some(name) => Some(self.value(name, &node.name)?.clone()),
                None => None,
            });
        }
        let results = self.results(&mut node, &args)?;
        for (at, name) in node.outputs.iter().enumerate() {
            let Some(name) = name else { continue };
            let value = results.get(at).cloned().flatten();
            let value =
                value.ok_or_else(|| node.problem(format!("output `{name}` is not supported")))?;
            if self.values.insert(name.clone(), value).is_some() {
                return Err(Problem::Duplicate(name.clone()));
            }
        }
        Ok(())
    }

    /// What a node makes of its operands.
    fn results(&mut self, node: &mut Node, args: &Args) -> Result<Vec<Option<Value>>, Problem> {
        let lower = operators::find(&node.domain, &node.op);
        let results = match lower {
            Some(Lower::Always(lower)) => lower(self, node, args)?,
            _ if args.all_constant() && node.domain.is_empty() && fold::knows(&node.op) => {
                let tensors = args.tensors();
                let folded = fold::fold(node, &tensors, &mut self.budget)?;
                folded.into_iter().map(|tensor| tensor.map(Value::Constant)).collect()
            }
            Some(Lower::Computed(lower)) => {
                let mut results = lower(self, node, args)?;
                self.wrapped_results(node, &mut results)?;
                results
            }
            Some(Lower::Moved(lower)) => lower(self, node, args)?,
            None => return Err(node.problem(operators::only_on_constants(&node.op))),
        };
        node.attributes.finish()?;
        Ok(results)
    }

    /// `Constant`, in every form but texts and sparse tensors.
    fn constant_node(&mut self, node: &mut Node, _: &Args) -> Result<Vec<Option<Value>>, Problem> {
        node.takes(0, 0)?;
        let tensor = if let Some(tensor) = node.attributes.tensor("value")? {
            constants::read(tensor, &node.name, &self.directory)?
        } else if let Some(value) = node.attributes.number("value_float")? {
            Tensor::new(Kind::F32, Values::F32(ArrayD::from_elem(IxDyn(&[]), value).into_shared()))
        } else if let Some(values) = node.attributes.floats("value_floats")? {
            Tensor::new(
                Kind::F32,
                Values::F32(ndarray::Array1::from(values).into_dyn().into_shared()),
            )
        } else if let Some(value) = node.attributes.int("value_int")? {
            Tensor::new(Kind::I64, Values::I64(ArrayD::from_elem(IxDyn(&[]), value).into_shared()))
        } else if let Some(values) = node.attributes.ints("value_ints")? {
            Tensor::ints(&values)
        } else {
            node.attributes.finish()?;
            return Err(node.problem("it has no value"));
        };
        Ok(vec![Some(Value::Constant(tensor))])
    }

    fn value(&self, name: &str, reader: &str) -> Result<&Value, Problem> {
        let undefined =
            || Problem::Undefined { reader: reader.to_string(), value: name.to_string() };
        self.values.get(name).ok_or_else(undefined)
    }

    /// Names of what a node chooses among, where it has them itself or was only reshaped.
    fn class_names(&self, id: NodeId) -> Option<Vec<String>> {
        let reshaped = || match (self.op_of(id), self.inputs_of(id)) {
            (Op::View(View::Reshape), &[x]) => self.class_names(x),
            _ => None,
        };
        self.classes.get(&id).cloned().or_else(reshaped)
    }

    /// The node of an output.
    fn output(&mut self, name: &str) -> Result<NodeId, Problem> {
        let value = self.value(name, "the graph's outputs")?.clone();
        match value {
            Value::Constant(tensor) => self.constant(name, tensor.finite(name)?),
            Value::Computed(value) => value.plain.clone().map_err(|problem| Problem::Unsupported {
                node: name.to_string(),
                operator: "output".into(),
                problem,
            }),
        }
    }

    /// The node of operand `at`; constants become nodes.
    fn operand(&mut self, node: &Node, args: &Args, at: usize) -> Result<NodeId, Problem> {
        match args.get(at) {
            None => Err(node.problem(format!("input {at} is missing"))),
            Some(value) => self.plain(node, value, args.name(node, at)),
        }
    }

    /// The node of a value, where it is a number of its own.
    fn plain(&mut self, node: &Node, value: &Value, name: &str) -> Result<NodeId, Problem> {
        match value {
            Value::Constant(tensor) => self.constant(name, tensor.finite(name)?),
            Value::Computed(value) => value.plain.clone().map_err(|problem| node.problem(problem)),
        }
    }

    /// A constant that operand `at` must be; `what` it is.
    fn known<'a>(
        &self,
        node: &Node,
        args: &'a Args,
        at: usize,
        what: &str,
    ) -> Result<&'a Tensor, Problem> {
        match args.get(at) {
            Some(Value::Constant(tensor)) => Ok(tensor),
            Some(Value::Computed(_)) => Err(node
                .problem(format!("the {what} must be constant; here it would depend on an input"))),
            None => Err(node.problem(format!("the {what} is missing"))),
        }
    }

    /// Integers that operand `at` must be.
    fn integers(
        &self,
        node: &Node,
        args: &Args,
        at: usize,
        what: &str,
    ) -> Result<Vec<i64>, Problem> {
        let tensor = self.known(node, args, at, what)?;
        tensor.as_ints().ok_or_else(|| {
            node.problem(format!("the {what} is of type {}; integers expected", tensor.kind.name()))
        })
    }

    /// Finite numbers that operand `at` must be.
    fn weights(
        &self,
        node: &Node,
        args: &Args,
        at: usize,
        what: &str,
    ) -> Result<ArrayD<f32>, Problem> {
        self.known(node, args, at, what)?.finite(args.name(node, at))
    }
}

/// Axis `axis` of `rank` axes, counted from the end where it is negative.
fn axis_of(node: &Node, axis: i64, rank: usize) -> Result<usize, Problem> {
    let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    let found = counted.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
    found.ok_or_else(|| node.problem(format!("axis {axis} of a tensor with {rank} axes")))
}

/// The attribute `axis`, counted from the end where it is negative.
fn taken_axis(node: &mut Node, default: i64, rank: usize) -> Result<usize, Problem> {
    let axis = node.attributes.int("axis")?.unwrap_or(default);
    axis_of(node, axis, rank)
}

/// Distinct axes, ascending.
fn axes_of(node: &Node, axes: &[i64], rank: usize) -> Result<Vec<usize>, Problem> {
    let mut found =
        axes.iter().map(|&axis| axis_of(node, axis, rank)).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    if found.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(node.problem(format!("axes {axes:?} name an axis twice")));
    }
    Ok(found)
}

/// The value of every element, where they are all the same.
fn uniform(array: &ArrayD<f32>) -> Option<f32> {
    let first = *array.first()?;
    array.iter().all(|&value| value == first).then_some(first)
}

/// Names of a file's nodes.
pub(super) fn node_names(graph: &GraphProto) -> HashSet<String> {
    graph.node.iter().map(name_of).collect()
}
