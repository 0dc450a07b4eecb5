//! Circuits of one operation, their honest runs, and forgeries of them.
//!
//! A forgery changes wire vectors where they are assigned, and perhaps the statement, and follows
//! the gadget honestly from there. Only the constraints are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, PrimeField};
use lemma_circuits::builder::{Site, Values};
use lemma_circuits::check::violations;
use lemma_circuits::gadgets::fold::fold;
use lemma_circuits::relation::Assignment;
use lemma_circuits::trace::Trace;
use lemma_circuits::{Compiled, Plan, Salt, lower};
use lemma_graph::{Graph, Interval, Op, Port, Visibility};
use sha3::{Digest, Keccak256};

use crate::reading::{Place, Reading};

/// A circuit with honest inputs and outputs, and its forgeries.
pub struct Case {
    pub name: &'static str,
    pub graph: Graph,
    pub inputs: Vec<Vec<i64>>,
    pub output: Vec<i64>,
    pub forgeries: Vec<Forgery>,
}

impl Case {
    pub fn new(name: &'static str, graph: Graph, inputs: &[&[i64]], output: &[i64]) -> Case {
        let inputs = inputs.iter().map(|x| x.to_vec()).collect();
        Case { name, graph, inputs, output: output.to_vec(), forgeries: Vec::new() }
    }

    /// Adds a forgery, which `refused_by` and no other constraints refuse.
    pub fn forged(
        mut self,
        what: &'static str,
        refused_by: &[&'static str],
        build: impl FnOnce(Forgery) -> Forgery,
    ) -> Case {
        let refused_by = refused_by.iter().map(|name| (*name).to_owned()).collect();
        let forgery = Forgery {
            what,
            inputs: self.inputs.clone(),
            changes: Vec::new(),
            claim: None,
            refused_by,
        };
        self.forgeries.push(build(forgery));
        self
    }

    pub fn compile(&self) -> Compiled {
        compile(self.graph.clone())
    }
}

/// What a dishonest prover does.
pub struct Forgery {
    pub what: &'static str,
    /// The constraints that refuse it, as `gadget.name`.
    pub refused_by: BTreeSet<String>,
    inputs: Vec<Vec<i64>>,
    changes: Vec<Change>,
    claim: Option<fn(&mut Vec<Fr>)>,
}

/// Changes the `occurrence`-th wire vector of a name.
#[derive(Clone)]
struct Change {
    wire: &'static str,
    occurrence: usize,
    apply: Apply,
}

/// Changes a vector, given the challenge (zero in round 1).
type Apply = Arc<dyn Fn(&mut Vec<Fr>, Fr) + Send + Sync>;

impl Forgery {
    /// Starts from other inputs.
    pub fn inputs(mut self, inputs: &[&[i64]]) -> Forgery {
        self.inputs = inputs.iter().map(|x| x.to_vec()).collect();
        self
    }

    /// Changes the first wire vector `gadget.name`.
    pub fn wire(
        self,
        wire: &'static str,
        apply: impl Fn(&mut Vec<Fr>) + Send + Sync + 'static,
    ) -> Forgery {
        self.late(wire, 0, move |v, _| apply(v))
    }

    /// Sets the first wire vector `gadget.name`.
    pub fn set(self, wire: &'static str, values: &[i64]) -> Forgery {
        let values: Vec<Fr> = values.iter().copied().map(int).collect();
        self.wire(wire, move |v| v.clone_from(&values))
    }

    /// Changes a wire vector in sight of the challenge.
    pub fn late(
        mut self,
        wire: &'static str,
        occurrence: usize,
        apply: impl Fn(&mut Vec<Fr>, Fr) + Send + Sync + 'static,
    ) -> Forgery {
        self.changes.push(Change { wire, occurrence, apply: Arc::new(apply) });
        self
    }

    /// Changes the public values that are claimed, and not the wires.
    pub fn claim(mut self, change: fn(&mut Vec<Fr>)) -> Forgery {
        self.claim = Some(change);
        self
    }

    /// Whether the claimed public values are not those of the honest run on the same inputs.
    pub fn states_a_falsehood(&self, compiled: &Compiled, claimed: &[Fr]) -> bool {
        let salts = vec![Salt::new([0; Salt::BYTES]); compiled.graph().committed().count()];
        compiled
            .infer_salted(&self.inputs, &salts)
            .map_or(true, |honest| honest.public_values() != claimed)
    }
}

/// What a run shows.
pub struct Outcome {
    /// Constraints that do not hold, as `gadget.name`.
    pub violated: BTreeSet<String>,
    /// The public values that are claimed.
    pub claimed: Vec<Fr>,
    /// Places of the code that asked for something, with the names of their constraints.
    pub places: BTreeMap<Place, BTreeSet<String>>,
}

/// Runs a forgery, or honestly, on the circuit less what one place of the code asks for.
pub fn run(case: &Case, forgery: Option<&Forgery>, without: Option<Place>) -> Outcome {
    let challenge = Arc::new(Mutex::new(Fr::ZERO));
    let mut changes = forgery.map_or_else(Vec::new, |forgery| forgery.changes.clone());
    let seen = challenge.clone();
    let forge = move |site: &Site, honest: &Values| {
        let name = format!("{}.{}", site.gadget, site.name);
        let chi = *seen.lock().unwrap();
        let mut forged = None;
        changes.retain_mut(|change| match () {
            () if change.wire != name => true,
            () if change.occurrence > 0 => {
                change.occurrence -= 1;
                true
            }
            () => {
                (change.apply)(forged.get_or_insert_with(|| honest.to_field()), chi);
                false
            }
        });
        forged.map(|values| Values::Field(Arc::new(values)))
    };
    let inputs = forgery.map_or(&case.inputs, |forgery| &forgery.inputs);
    let builder = Reading::new(Trace::forged(Box::new(forge)), without);
    let mut pending = lower::round1(&case.graph, &plan(), builder, inputs, &[]);
    let mut claimed: Vec<Fr> = pending.public().iter().flat_map(|form| form.to_field()).collect();
    if let Some(claim) = forgery.and_then(|forgery| forgery.claim) {
        claim(&mut claimed);
    }
    let mut hash = Keccak256::new();
    pending.builder().inner.round1().iter().for_each(|v| hash.update(v.to_be_bytes()));
    let chi = Fr::from_be_bytes_mod_order(&hash.finalize());
    *challenge.lock().unwrap() = chi;
    pending.builder_mut().inner.set_challenge(chi, fold(&claimed, chi));
    let reading = pending.round2();
    let (a, b, c) = reading.inner.rows();
    if without.is_none() {
        let formed = case.compile().circuit().evaluate(&reading.inner.wires());
        assert_eq!(
            (a, b, c),
            (&*formed.a, &*formed.b, &*formed.c),
            "{}: trace and circuit disagree",
            case.name
        );
    }
    let fails =
        |rows: std::ops::Range<usize>| rows.into_iter().any(|row| a[row] * b[row] != c[row]);
    let violated = reading
        .blocks
        .into_iter()
        .filter(|(_, rows)| fails(rows.clone()))
        .map(|(name, _)| name)
        .collect();
    Outcome { violated, claimed, places: reading.places }
}

/// A graph of one operation on public inputs of these lengths, with a public result.
pub fn graph(range: Interval, inputs: &[usize], op: Op, result: usize) -> Graph {
    let mut graph = Graph::default();
    let mut operands = Vec::new();
    for (i, len) in inputs.iter().enumerate() {
        let node = graph.push("in", Op::Input { range }, &[], &[*len], 0).unwrap();
        graph.inputs.push(Port { name: format!("x{i}"), node, visibility: Visibility::Public });
        operands.push(node);
    }
    let node = graph.push("layer", op, &operands, &[result], 0).unwrap();
    graph.outputs.push(Port { name: "y".into(), node, visibility: Visibility::Public });
    graph
}

/// One range table of 64 rows.
fn plan() -> Plan {
    Plan { widths: vec![6] }
}

pub fn compile(graph: Graph) -> Compiled {
    Compiled::with_plan(graph, plan()).unwrap()
}

/// Asks that the honest run gives `expected` and satisfies every constraint.
pub fn honest(compiled: &Compiled, inputs: &[&[i64]], expected: &[i64]) {
    let inputs: Vec<Vec<i64>> = inputs.iter().map(|x| x.to_vec()).collect();
    let inference = compiled.infer(&inputs).unwrap();
    assert_eq!(inference.outputs(), [expected.to_vec()]);
    assert_eq!(violations(compiled, inference), []);
}

/// Whether constraints refuse these inputs of a prover who asks no interpreter.
pub fn refused(compiled: &Compiled, inputs: &[&[i64]]) -> bool {
    let inputs: Vec<Vec<i64>> = inputs.iter().map(|x| x.to_vec()).collect();
    !violations(compiled, compiled.infer_forged(&inputs, Box::new(|_, _| None))).is_empty()
}

pub fn int(x: i64) -> Fr {
    lemma_circuits::field::from_integer(x)
}

pub const WIDE: Interval = Interval { low: -2000, high: 2000 };
pub const NARROW: Interval = Interval { low: -32, high: 31 };
