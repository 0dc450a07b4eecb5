//! From the integer graph to gadgets. One node, one gadget; nodes without one are linear and cost
//! nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use lemma_graph::{Graph, LinearMap, Node, NodeId, Op, RowTable, Visibility};

use crate::builder::Builder;
use crate::commitment::Salt;
use crate::gadgets::{Gadgets, Plan, argmax, range};

/// A relation between its two rounds.
pub struct Pending<B: Builder> {
    gadgets: Gadgets<B>,
    public: Vec<B::Form>,
}

/// Round 1: the graph, and the commitments, whose digests are fixed with it. `inputs` are integer
/// tensors in the order of the graph's inputs, `salts` those of its committed tensors; builders
/// that know no values ignore both.
pub fn round1<B: Builder>(
    graph: &Graph,
    plan: &Plan,
    builder: B,
    inputs: &[Vec<i64>],
    salts: &[Salt],
) -> Pending<B> {
    let mut gadgets = Gadgets::new(builder, plan);
    let mut forms: Vec<B::Form> = Vec::with_capacity(graph.nodes().len());
    for (id, node) in graph.nodes().iter().enumerate() {
        gadgets.enter_layer(&Arc::from(node.layer.as_str()));
        let form = match &node.op {
            Op::Input { range } => {
                gadgets.enter("input");
                let position = graph.inputs.iter().position(|port| port.node.0 == id);
                let given = || position.and_then(|p| inputs.get(p)).cloned().unwrap_or_default();
                let x = gadgets.builder.witness("value", node.len(), &[], |_| given());
                gadgets.inside(&x, *range);
                x
            }
            _ => operation(graph, node, &mut gadgets, &forms),
        };
        forms.push(form);
    }
    gadgets.count_lookups();
    let mut salts = salts.iter();
    let mut public = Vec::new();
    for port in graph.inputs.iter().chain(&graph.outputs) {
        let form = &forms[port.node.0];
        match port.visibility {
            Visibility::Private => {}
            Visibility::Public => public.push(form.clone()),
            Visibility::Committed => {
                gadgets.enter_layer(&format!("commitment to {}", port.name).into());
                public.push(gadgets.commit(
                    form,
                    graph.node(port.node).fractional_bits,
                    salts.next(),
                ));
            }
        }
    }
    Pending { gadgets, public }
}

impl<B: Builder> Pending<B> {
    /// The public values, in fold order.
    pub fn public(&self) -> &[B::Form] {
        &self.public
    }

    /// How many elements the gadgets asked to lie in which range.
    pub(crate) fn ranges(&self) -> &BTreeMap<range::Wanted, usize> {
        &self.gadgets.ranges
    }

    /// The builder.
    pub fn builder(&self) -> &B {
        &self.gadgets.builder
    }

    /// The builder, to hand it the challenge.
    pub fn builder_mut(&mut self) -> &mut B {
        &mut self.gadgets.builder
    }

    /// Round 2: the arguments that need the challenge.
    pub fn round2(mut self) -> B {
        self.gadgets.prove_matmuls();
        self.gadgets.prove_energies();
        self.gadgets.prove_lookups();
        self.gadgets.fold_statement(&self.public);
        self.gadgets.builder
    }
}

fn operation<B: Builder>(
    graph: &Graph,
    node: &Node,
    gadgets: &mut Gadgets<B>,
    forms: &[B::Form],
) -> B::Form {
    let operand = |i: usize| &forms[node.inputs[i].0];
    let bounds = |i: usize| graph.node(node.inputs[i]).bounds;
    match &node.op {
        Op::Input { .. } => operand(0).clone(),
        Op::Constant(values) => gadgets.builder.constant(values.len(), || values.clone()),
        Op::Linear(map) => gadgets.builder.linear(map, operand(0)),
        Op::Gather(index) => {
            let operands: Vec<&B::Form> = node.inputs.iter().map(|id| &forms[id.0]).collect();
            gadgets.builder.gather(index, &operands)
        }
        Op::Sum(coefficients) => {
            let terms: Vec<(i64, &B::Form)> = coefficients
                .iter()
                .copied()
                .zip(node.inputs.iter().map(|id| &forms[id.0]))
                .collect();
            gadgets.builder.combine(&terms, 0)
        }
        Op::Product => gadgets.product(operand(0), operand(1)),
        Op::Rescale { shift, range } => {
            if *shift == 0 && range.covers(bounds(0)) {
                operand(0).clone()
            } else {
                gadgets.rescale(operand(0), *shift, *range)
            }
        }
        Op::Relu { shift, bits, leak } => gadgets.relu(operand(0), *shift, *bits, leak),
        Op::Table { shift, table } => gadgets.table(operand(0), *shift, table),
        Op::TableBelowMax { shift, groups, range, table } => match node.inputs.get(1) {
            None => gadgets.table_below_max(operand(0), *shift, groups, *range, table),
            Some(hidden) => gadgets.table_below_visible_max(
                operand(0),
                &forms[hidden.0],
                (*shift, groups),
                *range,
                table,
            ),
        },
        Op::MatMul(dims) => gadgets.matmul(*dims, operand(0), operand(1)),
        Op::RowGather(table) => gadgets.row_gather(operand(0), table),
        Op::Normalize { energy, bits } => gadgets.normalize(operand(0), *energy, *bits),
        Op::Max { shift, group, bits, range } => {
            gadgets.max(operand(0), *shift, *group, *bits, *range, bounds(0))
        }
        Op::ArgMax { group } => match product_rows(graph, node) {
            Some((h, table)) => gadgets.argmax_by_row(operand(0), &forms[h.0], &table, bounds(0)),
            None => gadgets.argmax(operand(0), *group, bounds(0)),
        },
        Op::Reciprocal { bits } => gadgets.reciprocal(operand(0), *bits, bounds(0)),
    }
}

/// The operand `h` and the rows of `W`, when an ArgMax is over `W h` and has more candidates than
/// its winner's row costs.
pub(crate) fn product_rows(graph: &Graph, node: &Node) -> Option<(NodeId, Arc<RowTable>)> {
    let Op::ArgMax { group } = &node.op else { return None };
    let source = unmoved(graph, *node.inputs.first()?);
    let Op::Linear(map) = &source.op else { return None };
    let LinearMap::Dense { weight, outputs, inputs } = &**map else { return None };
    let table = RowTable::new(*inputs, weight.clone())
        .filter(|table| outputs == group && table.rows() == *group)?;
    let cheaper = argmax::row_is_cheaper(node.len(), &table);
    Some((*source.inputs.first()?, Arc::new(table))).filter(|_| cheaper)
}

/// The node that a tensor comes from, through gathers that keep every element in its place.
fn unmoved(graph: &Graph, id: NodeId) -> &Node {
    let node = graph.node(id);
    match (&node.op, node.inputs.as_slice()) {
        (Op::Gather(index), [source])
            if index.len() == graph.node(*source).len()
                && index.iter().enumerate().all(|(i, from)| *from as usize == i) =>
        {
            unmoved(graph, *source)
        }
        _ => node,
    }
}
