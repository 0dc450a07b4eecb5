//! A graph with its constraint system.

use ark_bn254::Fr;
use lemma_graph::{ExecuteError, Graph, Port, Visibility};
use sha3::{Digest, Keccak256};

use crate::commitment::{Salt, fits};
use crate::count::Count;
use crate::error::CompileError;
use crate::gadgets::Plan;
use crate::gadgets::fold::fold;
use crate::lower::{self, Pending};
use crate::plan;
use crate::relation::{Assignment, Round2};
use crate::shape::Circuit;
use crate::soundness;
use crate::trace::{Forge, Trace};

/// Version of the lowering; part of every digest, so that a change of a gadget changes the digest
/// of every circuit.
pub const LOWERING_VERSION: u32 = 2;

/// A graph, the plan of its tables and its constraint system.
#[derive(Debug)]
pub struct Compiled {
    graph: Graph,
    plan: Plan,
    circuit: Circuit,
    digest: [u8; 32],
}

impl Compiled {
    /// Lowers a graph with the cheapest tables.
    pub fn new(graph: Graph) -> Result<Compiled, CompileError> {
        let graph = graph.validated()?;
        let plan = plan::cheapest(&graph);
        Compiled::with_plan(graph, plan)
    }

    /// Lowers a graph with given tables.
    pub fn with_plan(graph: Graph, plan: Plan) -> Result<Compiled, CompileError> {
        let graph = graph.validated()?;
        let usable = (1..=4).contains(&plan.widths.len())
            && plan.widths.iter().all(|w| (4..=20).contains(w));
        if !usable {
            return Err(CompileError::Plan(plan.widths));
        }
        committable(&graph)?;
        let bytes = postcard::to_stdvec(&(LOWERING_VERSION, &graph, &plan))?;
        let digest = Keccak256::digest(&bytes).into();
        let public_values = public_values(&graph);
        soundness::require(soundness::bits(
            &graph,
            &plan::count(&graph, &plan).total(),
            public_values,
        ))?;
        let pending = lower::round1(&graph, &plan, Circuit::default(), &[], &[]);
        let mut circuit = pending.round2();
        circuit.set_public_values(public_values);
        Ok(Compiled { graph, plan, circuit, digest })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The constraint system.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Digest of the graph, the plan and the version of the lowering.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The cost, in total and per layer.
    pub fn count(&self) -> Count {
        plan::count(&self.graph, &self.plan)
    }

    /// Runs the graph on `inputs` (integer tensors in the order of the graph's inputs) and traces
    /// round 1.
    ///
    /// # Errors
    /// A wrong input, a value outside its calibrated range, or a graph with committed tensors,
    /// which need salts.
    pub fn infer(&self, inputs: &[Vec<i64>]) -> Result<Inference, ExecuteError> {
        self.infer_salted(inputs, &[])
    }

    /// As [`Compiled::infer`], with a salt for each committed tensor, inputs first, in the order of
    /// the graph.
    ///
    /// # Errors
    /// A wrong input, a value outside its calibrated range, or a wrong number of salts.
    pub fn infer_salted(
        &self,
        inputs: &[Vec<i64>],
        salts: &[Salt],
    ) -> Result<Inference, ExecuteError> {
        let expected = self.graph.committed().count();
        if salts.len() != expected {
            return Err(ExecuteError::SaltCount { expected, found: salts.len() });
        }
        let values = self.graph.execute(inputs)?;
        let outputs =
            self.graph.outputs.iter().filter_map(|port| values.get(port.node.0).cloned()).collect();
        Ok(self.trace(inputs, salts, Trace::default(), outputs))
    }

    /// Traces round 1 with a forger and without the interpreter's range checks: for tests that play
    /// the dishonest prover. Salts are zero.
    pub fn infer_forged(&self, inputs: &[Vec<i64>], forge: Forge<'static>) -> Inference {
        self.trace(inputs, &[], Trace::forged(forge), Vec::new())
    }

    fn trace(
        &self,
        inputs: &[Vec<i64>],
        salts: &[Salt],
        trace: Trace<'static>,
        outputs: Vec<Vec<i64>>,
    ) -> Inference {
        let pending = lower::round1(&self.graph, &self.plan, trace, inputs, salts);
        let public = pending.public().iter().flat_map(|form| form.to_field()).collect();
        Inference { state: State::First(Box::new(pending)), public, outputs }
    }
}

/// Number of public values of a graph.
fn public_values(graph: &Graph) -> usize {
    let ports = graph.inputs.iter().chain(&graph.outputs);
    let values = |port: &Port| match port.visibility {
        Visibility::Private => 0,
        Visibility::Public => graph.node(port.node).len(),
        Visibility::Committed => 1,
    };
    ports.map(values).sum()
}

/// Whether the bounds of every committed tensor fit.
fn committable(graph: &Graph) -> Result<(), CompileError> {
    for port in graph.committed() {
        let node = graph.node(port.node);
        if !fits(node.bounds.low) || !fits(node.bounds.high) {
            return Err(CompileError::Commitment {
                name: port.name.clone(),
                low: node.bounds.low,
                high: node.bounds.high,
                fractional_bits: node.fractional_bits,
            });
        }
    }
    Ok(())
}

enum State {
    First(Box<Pending<Trace<'static>>>),
    Second(Box<Trace<'static>>),
    Moving,
}

/// One inference: an [`Assignment`] for the prover.
pub struct Inference {
    state: State,
    public: Vec<Fr>,
    outputs: Vec<Vec<i64>>,
}

impl Inference {
    /// Output tensors in the order of the graph's outputs.
    pub fn outputs(&self) -> &[Vec<i64>] {
        &self.outputs
    }

    /// The trace, after round 2.
    pub fn finish(mut self, chi: Fr) -> Option<Trace<'static>> {
        self.advance(chi);
        match self.state {
            State::Second(trace) => Some(*trace),
            _ => None,
        }
    }

    fn advance(&mut self, chi: Fr) {
        if let State::First(mut pending) = std::mem::replace(&mut self.state, State::Moving) {
            let phi = fold(&self.public, chi);
            pending.builder_mut().set_challenge(chi, phi);
            self.state = State::Second(Box::new(pending.round2()));
        }
    }
}

impl Assignment for Inference {
    fn public_values(&self) -> &[Fr] {
        &self.public
    }

    fn round1(&self) -> &[i64] {
        match &self.state {
            State::First(pending) => pending.builder().round1(),
            State::Second(trace) => trace.round1(),
            State::Moving => &[],
        }
    }

    fn round2(&mut self, chi: Fr) -> Round2 {
        let phi = fold(&self.public, chi);
        self.advance(chi);
        match &mut self.state {
            State::Second(trace) => {
                let rows = trace.take_rows();
                Round2 { phi, wires: rows.round2, a: rows.a, b: rows.b, c: rows.c }
            }
            _ => Round2 { phi, wires: Vec::new(), a: Vec::new(), b: Vec::new(), c: Vec::new() },
        }
    }
}
