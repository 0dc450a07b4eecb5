//! Functions of one number.

use super::value::{Args, Computed, Value};
use super::{Lowering, Node, Problem};
use lemma_model::{NodeId, Op, Unary};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// Functions without parameters.
    pub(super) fn function(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        node.attributes.ignore("consumed_inputs");
        let Some((function, _)) = Unary::of_operator(&node.op) else {
            return Err(node.problem("it is no function of one number"));
        };
        self.of_operand(node, args, |lowering, name, x| {
            lowering.push(name, Op::Unary(function), &[x])
        })
    }

    /// Functions with parameters, and those made of others.
    pub(super) fn parametric(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        node.attributes.ignore("consumed_inputs");
        let mut number = |name: &str, default: f32| {
            node.attributes.float(name).map(|value| value.unwrap_or(default))
        };
        match node.op.as_str() {
            "Celu" => {
                let alpha = number("alpha", 1.0)?;
                let inverse = finite_inverse(node, alpha)?;
                self.of_operand(node, args, |lowering, name, x| {
                    let inner = lowering.scaled(&format!("{name}.inner"), x, inverse)?;
                    let unit = lowering.push(
                        &format!("{name}.unit"),
                        Op::Unary(Unary::Elu(1.0)),
                        &[inner],
                    )?;
                    lowering.scaled(name, unit, alpha)
                })
            }
            "Elu" => {
                let alpha = number("alpha", 1.0)?;
                self.unary(node, args, Unary::Elu(alpha))
            }
            "HardSigmoid" => {
                let (alpha, beta) = (number("alpha", 0.2)?, number("beta", 0.5)?);
                self.unary(node, args, Unary::HardSigmoid(alpha, beta))
            }
            "LeakyRelu" => {
                let alpha = number("alpha", 0.01)?;
                self.unary(node, args, Unary::LeakyRelu(alpha))
            }
            "Selu" => {
                let (alpha, gamma) = (number("alpha", 1.673_263_2)?, number("gamma", 1.050_701)?);
                self.of_operand(node, args, |lowering, name, x| {
                    let unit = lowering.push(
                        &format!("{name}.unit"),
                        Op::Unary(Unary::Elu(alpha)),
                        &[x],
                    )?;
                    lowering.scaled(name, unit, gamma)
                })
            }
            "Shrink" => {
                let (bias, lambda) = (number("bias", 0.0)?, number("lambd", 0.5)?);
                if bias != lambda || lambda < 0.0 {
                    return Err(node.problem(format!(
                        "bias {bias} and lambd {lambda} make it jump; only \
                            bias = lambd is supported"
                    )));
                }
                self.of_operand(node, args, |lowering, name, x| {
                    let middle = lowering.push(
                        &format!("{name}.middle"),
                        Op::Unary(Unary::Clip(-lambda, lambda)),
                        &[x],
                    )?;
                    lowering.push(name, Op::Sub, &[x, middle])
                })
            }
            "ThresholdedRelu" => match number("alpha", 1.0)? {
                0.0 => self.unary(node, args, Unary::Relu),
                alpha => {
                    Err(node
                        .problem(format!("it jumps at alpha {alpha}; only alpha = 0 is supported")))
                }
            },
            "QuickGelu" => {
                let alpha = number("alpha", 1.702)?;
                self.of_operand(node, args, |lowering, name, x| lowering.swish(name, x, alpha))
            }
            _ => {
                let alpha = number("alpha", 1.0)?;
                self.of_operand(node, args, |lowering, name, x| lowering.swish(name, x, alpha))
            }
        }
    }

    /// `x * sigmoid(alpha * x)`.
    fn swish(&mut self, name: &str, x: NodeId, alpha: f32) -> Result<NodeId, Problem> {
        if alpha == 1.0 {
            return self.push(name, Op::Unary(Unary::Silu), &[x]);
        }
        let inner = self.scaled(&format!("{name}.inner"), x, alpha)?;
        let gate = self.push(&format!("{name}.gate"), Op::Unary(Unary::Sigmoid), &[inner])?;
        self.push(name, Op::Mul, &[x, gate])
    }

    /// The tangent, as a quotient: where the cosine is zero it has a pole.
    pub(super) fn tangent(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        self.of_operand(node, args, |lowering, name, x| {
            let sine = lowering.push(&format!("{name}.sine"), Op::Unary(Unary::Sin), &[x])?;
            let cosine = lowering.push(&format!("{name}.cosine"), Op::Unary(Unary::Cos), &[x])?;
            let inverse = lowering.push(
                &format!("{name}.inverse"),
                Op::Unary(Unary::Reciprocal),
                &[cosine],
            )?;
            lowering.push(name, Op::Mul, &[sine, inverse])
        })
    }

    pub(super) fn gelu(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let function = match node.attributes.string("approximate")?.as_deref() {
            None | Some("none") => Unary::Gelu,
            Some("tanh") => Unary::GeluTanh,
            Some(other) => {
                return Err(
                    node.problem(format!("attribute `approximate` is {}", other.escape_default()))
                );
            }
        };
        self.unary(node, args, function)
    }

    /// GELU of a sum with a bias: `BiasGelu`, and `FastGelu`, which may have one and uses the tanh
    /// approximation.
    pub(super) fn biased_gelu(&mut self, node: &mut Node, args: &Args) -> Results {
        let fast = node.op == "FastGelu";
        node.takes(if fast { 1 } else { 2 }, 2)?;
        let mut x = self.operand(node, args, 0)?;
        if node.has(1) {
            let bias = self.operand(node, args, 1)?;
            x = self.push(&format!("{}.biased", node.name), Op::Add, &[x, bias])?;
        }
        let function = if fast { Unary::GeluTanh } else { Unary::Gelu };
        let id = self.push(&node.name, Op::Unary(function), &[x])?;
        Ok(vec![Some(self.computed(args.get(0).map_or(super::Kind::F32, Value::kind), id))])
    }

    pub(super) fn negative(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        node.attributes.ignore("consumed_inputs");
        self.of_operand(node, args, |lowering, name, x| lowering.scaled(name, x, -1.0))
    }

    pub(super) fn inverse(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        node.attributes.ignore("consumed_inputs");
        self.of_operand(node, args, |lowering, name, x| lowering.reciprocal(name, x))
    }

    /// `Clip`, with bounds as attributes or as operands.
    pub(super) fn clip(&mut self, node: &mut Node, args: &Args) -> Results {
        let bounds = if node.opset < 11 {
            node.takes(1, 1)?;
            node.attributes.ignore("consumed_inputs");
            [node.attributes.float("min")?, node.attributes.float("max")?]
        } else {
            node.takes(1, 3)?;
            let bound = |at: usize, what: &str| -> Result<Option<f32>, Problem> {
                if !node.has(at) {
                    return Ok(None);
                }
                let tensor = self.known(node, args, at, what)?;
                let value = tensor.as_float().filter(|value| !value.is_nan());
                value.map(Some).ok_or_else(|| node.problem(format!("the {what} is not one number")))
            };
            [bound(1, "lower bound")?, bound(2, "upper bound")?]
        };
        let low = bounds[0].filter(|low| *low > f32::MIN);
        let high = bounds[1].filter(|high| *high < f32::MAX);
        match (low, high) {
            (None, None) => Ok(vec![args.get(0).cloned()]),
            (Some(0.0), None) => self.unary(node, args, Unary::Relu),
            (low, high) => self.unary(
                node,
                args,
                Unary::Clip(low.unwrap_or(f32::MIN), high.unwrap_or(f32::MAX)),
            ),
        }
    }

    /// `PRelu`: in the oldest sets one slope for each channel.
    pub(super) fn prelu(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        node.attributes.ignore("consumed_inputs");
        let mut slope = self.weights(node, args, 1, "slope")?;
        if node.opset < 7 && slope.len() > 1 {
            let rank = args.get(0).map_or(0, |x| x.shape().len());
            let mut shape = vec![1; rank.max(2)];
            shape[1] = slope.len();
            shape.truncate(rank.max(2));
            slope = slope
                .into_shape_with_order(shape)
                .map_err(|error| node.problem(error.to_string()))?;
        }
        if slope.ndim() > args.get(0).map_or(0, |x| x.shape().len()) && slope.len() == 1 {
            slope = ndarray::ArrayD::from_elem(ndarray::IxDyn(&[]), slope.sum());
        }
        self.of_operand(node, args, |lowering, name, x| match super::uniform(&slope) {
            Some(slope) => lowering.push(name, Op::Unary(Unary::LeakyRelu(slope)), &[x]),
            None => lowering.push(name, Op::PRelu { slope: slope.clone() }, &[x]),
        })
    }

    /// Values that pass unchanged; a training flag must not be set.
    pub(super) fn passed(&mut self, node: &mut Node, args: &Args) -> Results {
        if node.op == "Dropout" {
            node.takes(1, 3)?;
            for name in ["ratio", "seed", "is_test", "consumed_inputs"] {
                node.attributes.ignore(name);
            }
            if node.has(2) && self.known(node, args, 2, "training mode")?.as_int() != Some(0) {
                return Err(
                    node.problem("it is in training mode; export the model with `model.eval()`")
                );
            }
        } else {
            node.takes(1, 1)?;
        }
        Ok(vec![args.get(0).cloned()])
    }

    /// Whether an element is no number, or infinite: no element of an input or a softmax is.
    pub(super) fn is_nan(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let mut id = self.operand(node, args, 0)?;
        while let (Op::View(_), &[source]) = (self.op_of(id), self.inputs_of(id)) {
            id = source;
        }
        if !matches!(self.op_of(id), Op::Softmax | Op::Input | Op::Tokens { .. }) {
            return Err(node.problem(
                "its operand is neither an input nor a softmax; only there it is known that all \
                    are finite numbers",
            ));
        }
        node.attributes.ignore("detect_negative");
        node.attributes.ignore("detect_positive");
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        self.budget.elements(&shape)?;
        let never = super::super::tensor::Values::I64(ndarray::ArrayD::zeros(shape).into_shared());
        Ok(vec![Some(Value::Constant(super::super::tensor::Tensor::new(super::Kind::Bool, never)))])
    }

    /// Ones on a diagonal, of the operand's shape: a constant.
    pub(super) fn eye(&mut self, node: &mut Node, args: &Args) -> Results {
        use super::super::tensor::{Tensor, Values};
        let x = args.get(0).ok_or_else(|| node.problem("input 0 is missing"))?;
        self.budget.elements(x.shape())?;
        let zeros = ndarray::ArrayD::zeros(x.shape());
        let zeros = Tensor::new(x.kind(), Values::F64(zeros.into_shared()));
        let folded = super::super::fold::fold(node, &[Some(&zeros)], &mut self.budget)?;
        Ok(folded.into_iter().map(|tensor| tensor.map(Value::Constant)).collect())
    }

    fn unary(&mut self, node: &Node, args: &Args, function: Unary) -> Results {
        self.of_operand(node, args, |lowering, name, x| {
            lowering.push(name, Op::Unary(function), &[x])
        })
    }

    /// A result of the first operand's kind.
    pub(super) fn of_operand(
        &mut self,
        node: &Node,
        args: &Args,
        make: impl FnOnce(&mut Self, &str, NodeId) -> Result<NodeId, Problem>,
    ) -> Results {
        let x = self.operand(node, args, 0)?;
        let id = make(self, &node.name, x)?;
        let kind = args.get(0).map_or(super::Kind::F32, Value::kind);
        Ok(vec![Some(Value::Computed(Computed::new(kind, self.shape_of(id).to_vec(), id)))])
    }
}

fn finite_inverse(node: &Node, value: f32) -> Result<f32, Problem> {
    let inverse = value.recip();
    if inverse.is_finite() {
        Ok(inverse)
    } else {
        Err(node.problem(format!("attribute `alpha` is {value}")))
    }
}
