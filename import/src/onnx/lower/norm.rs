//! Normalizations.

use ndarray::{Array1, ArrayD, Axis};

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, taken_axis, uniform};
use lemma_model::{NodeId, Norm, NormForm, Op, Unary};

type Results = Result<Vec<Option<Value>>, Problem>;

/// Default of `SkipLayerNormalization` and of its root-mean-square form.
const SKIP_EPSILON: f32 = 1e-12;

impl Lowering {
    /// `LayerNormalization`, and the two spellings of its root-mean-square form: over all axes from
    /// `axis` on.
    pub(super) fn layer_norm(&mut self, node: &mut Node, args: &Args) -> Results {
        let simple = node.op != "LayerNormalization";
        node.takes(2, if simple { 2 } else { 3 })?;
        node.gives(if simple { 2 } else { 3 })?;
        let epsilon = node.attributes.float("epsilon")?.unwrap_or(1e-5);
        node.attributes.ignore("stash_type");
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let first = taken_axis(node, -1, shape.len())?;
        let inner = &shape[first..];
        let gain = self.parameter(node, args, 1, "scale", inner)?;
        let bias = if simple { None } else { self.parameter(node, args, 2, "bias", inner)? };
        let rows = [&shape[..first], &[inner.iter().product()]].concat();
        let flat = self.reshaped(&format!("{}.rows", node.name), x, &rows)?;
        let form = if simple { NormForm::Rms } else { NormForm::Layer };
        let id = self.push(&node.name, Op::Norm(Norm { form, epsilon, gain, bias }), &[flat])?;
        let id = self.reshaped(&format!("{}.split", node.name), id, &shape)?;
        let wants = |at: usize| node.outputs.get(at).is_some_and(Option::is_some);
        let kind = kind_of(args);
        let mut results = vec![Some(self.computed(kind, id))];
        if wants(1) || wants(2) {
            let kept: Vec<usize> =
                (0..shape.len()).map(|axis| if axis < first { shape[axis] } else { 1 }).collect();
            let statistics = self.statistics(&node.name, flat, epsilon, simple)?;
            for statistic in statistics.into_iter().flatten() {
                let statistic =
                    self.reshaped(&format!("{}.statistic", node.name), statistic, &kept)?;
                results.push(Some(self.computed(kind, statistic)));
            }
        }
        Ok(results)
    }

    /// Mean and inverse standard deviation of the last axis, which stays with size 1; around zero
    /// where `simple`.
    fn statistics(
        &mut self,
        name: &str,
        x: NodeId,
        epsilon: f32,
        simple: bool,
    ) -> Result<[Option<NodeId>; 2], Problem> {
        let part = |part: &str| format!("{name}.{part}");
        let axes = vec![self.shape_of(x).len() - 1];
        let (mut centred, mut mean) = (x, None);
        if !simple {
            let found = self.push(&part("mean"), Op::Mean { axes: axes.clone() }, &[x])?;
            centred = self.push(&part("centred"), Op::Sub, &[x, found])?;
            mean = Some(found);
        }
        let squares = self.push(&part("squares"), Op::Unary(Unary::Square), &[centred])?;
        let variance = self.push(&part("variance"), Op::Mean { axes }, &[squares])?;
        let epsilon = self.number(&part("epsilon"), epsilon, variance)?;
        let variance = self.push(&part("bounded"), Op::Add, &[variance, epsilon])?;
        Ok([mean, Some(self.push(&part("scale"), Op::Unary(Unary::Rsqrt), &[variance])?)])
    }

    /// The norm of a sum: `SkipLayerNormalization` and its root-mean-square form.
    pub(super) fn skip_norm(&mut self, node: &mut Node, args: &Args) -> Results {
        let simple = node.op == "SkipSimplifiedLayerNormalization";
        let (beta, bias) = if simple { (None, 3) } else { (Some(3), 4) };
        node.takes(3, bias + 1)?;
        let epsilon = node.attributes.float("epsilon")?.unwrap_or(SKIP_EPSILON);
        let (x, skip) = (self.operand(node, args, 0)?, self.operand(node, args, 1)?);
        let mut sum = self.push(&format!("{}.sum", node.name), Op::Add, &[x, skip])?;
        if node.has(bias) {
            let bias = self.operand(node, args, bias)?;
            sum = self.push(&format!("{}.biased", node.name), Op::Add, &[sum, bias])?;
        }
        let width = self.shape_of(sum).last().copied().unwrap_or(1);
        let gain = self.parameter(node, args, 2, "scale", &[width])?;
        let (form, bias) = match beta {
            None => (NormForm::Rms, None),
            Some(beta) => (NormForm::Layer, self.parameter(node, args, beta, "bias", &[width])?),
        };
        let id = self.push(&node.name, Op::Norm(Norm { form, epsilon, gain, bias }), &[sum])?;
        let kind = kind_of(args);
        Ok(vec![Some(self.computed(kind, id)), None, None, Some(self.computed(kind, sum))])
    }

    /// A gain or bias of the normalized axes, which it may broadcast to.
    fn parameter(
        &mut self,
        node: &Node,
        args: &Args,
        at: usize,
        what: &str,
        inner: &[usize],
    ) -> Result<Option<Array1<f32>>, Problem> {
        if !node.has(at) {
            return Ok(None);
        }
        let values = self.weights(node, args, at, what)?;
        let mut shape = values.shape();
        while let [1, rest @ ..] = shape
            && shape.len() > inner.len()
        {
            shape = rest;
        }
        let misfit = || {
            node.problem(format!("a {what} of {:?} for normalized axes {inner:?}", values.shape()))
        };
        let own = values.to_shape(shape).map_err(|_| misfit())?;
        let whole = own.broadcast(inner).ok_or_else(misfit)?;
        Ok(Some(whole.iter().copied().collect()))
    }

    /// A multiple and an offset of each channel, from statistics of the training.
    pub(super) fn batch_norm(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(5, 5)?;
        let epsilon = node.attributes.float("epsilon")?.unwrap_or(1e-5);
        node.attributes.ignore("momentum");
        node.attributes.ignore("consumed_inputs");
        if node.attributes.flag("training_mode")? == Some(true) {
            return Err(node.problem(
                "attribute `training_mode` is set; export the model with `model.eval()`",
            ));
        }
        let is_test =
            if node.opset < 7 { node.attributes.flag("is_test")? == Some(true) } else { true };
        if node.outputs.len() > 1 || !is_test {
            return Err(
                node.problem("it is in training mode; export the model with `model.eval()`")
            );
        }
        if node.opset < 9 && node.attributes.flag("spatial")? == Some(false) {
            return Err(node
                .problem("attribute `spatial` is 0; convert the file to operator set 9 or later"));
        }
        let names = ["scale", "bias", "mean", "variance"];
        let mut parts = vec![];
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let channels = shape.get(1).copied().unwrap_or(1);
        for (at, what) in names.into_iter().enumerate() {
            let values = self.weights(node, args, at + 1, what)?;
            if values.shape() != [channels] {
                return Err(node
                    .problem(format!("a {what} of {:?} for {channels} channels", values.shape())));
            }
            parts.push(values.mapv(f64::from));
        }
        let factor = &parts[0] / &parts[3].mapv(|variance| (variance + f64::from(epsilon)).sqrt());
        let offset = &parts[1] - &(&parts[2] * &factor);
        let (factor, offset) =
            (factor.mapv(|value| value as f32), offset.mapv(|value| value as f32));
        if factor.iter().chain(&offset).any(|value| !value.is_finite()) {
            return Err(node.problem("its variances give factors that are not finite"));
        }
        let x = self.operand(node, args, 0)?;
        let id = self.affine(&node.name, x, 1, factor, offset)?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    /// `factor * x + offset` along an axis.
    fn affine(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        factor: ArrayD<f32>,
        offset: ArrayD<f32>,
    ) -> Result<NodeId, Problem> {
        let rank = self.shape_of(x).len();
        let along = |mut values: ArrayD<f32>| {
            for _ in axis + 1..rank {
                let end = Axis(values.ndim());
                values = values.insert_axis(end);
            }
            values
        };
        let factor = self.constant(&format!("{name}.factor"), along(factor))?;
        let offset = self.constant(&format!("{name}.offset"), along(offset))?;
        let scaled = self.push(&format!("{name}.scaled"), Op::Mul, &[x, factor])?;
        self.push(name, Op::Add, &[scaled, offset])
    }

    /// Layer norm of each channel, or of each group of channels, with a gain and a bias for each
    /// channel.
    pub(super) fn group_norm(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(3, 3)?;
        let epsilon = node.attributes.float("epsilon")?.unwrap_or(1e-5);
        node.attributes.ignore("consumed_inputs");
        node.attributes.ignore("stash_type");
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let [batch, channels, ..] = shape[..] else {
            return Err(node.problem("its operand has no channels"));
        };
        let groups = match node.op.as_str() {
            "InstanceNormalization" => channels,
            _ => {
                let groups = node
                    .attributes
                    .int("num_groups")?
                    .and_then(|groups| usize::try_from(groups).ok());
                groups.filter(|&groups| groups > 0).ok_or_else(|| {
                    node.problem("attribute `num_groups` is missing or not positive")
                })?
            }
        };
        if channels % groups != 0 {
            return Err(node.problem(format!("{channels} channels in {groups} groups")));
        }
        let per_group = node.op == "GroupNormalization" && node.opset < 21;
        let mut parameters = vec![];
        for (at, what) in [(1, "scale"), (2, "bias")] {
            let values = self.weights(node, args, at, what)?;
            let expected = if per_group { groups } else { channels };
            if values.shape() != [expected] {
                return Err(node.problem(format!(
                    "a {what} of {:?}; {expected} numbers expected",
                    values.shape()
                )));
            }
            let repeat = channels / expected;
            parameters.push(
                values
                    .iter()
                    .flat_map(|&value| vec![value; repeat])
                    .collect::<Array1<f32>>()
                    .into_dyn(),
            );
        }
        let (name, width) = (node.name.clone(), shape[1..].iter().product::<usize>() / groups);
        let flat = self.reshaped(&format!("{name}.groups"), x, &[batch, groups, width])?;
        let normal = self.push(&format!("{name}.norm"), Op::Norm(Norm::layer(epsilon)), &[flat])?;
        let normal = self.reshaped(&format!("{name}.channels"), normal, &shape)?;
        let bias = parameters.pop().unwrap_or_default();
        let gain = parameters.pop().unwrap_or_default();
        let plain = uniform(&gain) == Some(1.0) && uniform(&bias) == Some(0.0);
        let id = if plain { normal } else { self.affine(&name, normal, 1, gain, bias)? };
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    /// Division of each row by its norm, without a bound: a row of zeros has none.
    pub(super) fn lp_norm(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let power = node.attributes.int("p")?.unwrap_or(2);
        let x = self.operand(node, args, 0)?;
        let rank = self.shape_of(x).len();
        let axis = taken_axis(node, -1, rank)?;
        let name = node.name.clone();
        let part = |part: &str| format!("{name}.{part}");
        let id = match power {
            1 => {
                let sizes = self.push(&part("sizes"), Op::Unary(Unary::Abs), &[x])?;
                let sum = self.push(&part("sum"), Op::Sum { axes: vec![axis] }, &[sizes])?;
                let inverse = self.push(&part("inverse"), Op::Unary(Unary::Reciprocal), &[sum])?;
                self.push(&name, Op::Mul, &[x, inverse])?
            }
            2 => {
                let squares = self.push(&part("squares"), Op::Unary(Unary::Square), &[x])?;
                let sum = self.push(&part("sum"), Op::Sum { axes: vec![axis] }, &[squares])?;
                let inverse = self.push(&part("inverse"), Op::Unary(Unary::Rsqrt), &[sum])?;
                self.push(&name, Op::Mul, &[x, inverse])?
            }
            other => {
                return Err(
                    node.problem(format!("attribute `p` is {other}; 1 and 2 are supported"))
                );
            }
        };
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }
}

fn kind_of(args: &Args) -> Kind {
    args.get(0).map_or(Kind::F32, Value::kind)
}
