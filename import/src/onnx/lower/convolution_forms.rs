//! Convolutions of another operand: of one with zeros between its elements, and of a sequence after
//! what came before it.

use ndarray::{ArrayD, IxDyn};

use super::convolution::{Kernel, groups, kernel_shape};
use super::value::{Args, Value};
use super::window::{Slide, Spoken, spatial_of, within};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{NodeId, Op, Unary, View};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// A convolution over the operand with zeros between its elements.
    pub(super) fn transposed_convolution(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 3)?;
        let extents = spatial_of(node, args)?;
        let spatial = extents.len();
        let wanted = within(node, "output_shape", 1)?;
        let spoken = Spoken::take(node, spatial, kernel_shape(args))?;
        let extra = within(node, "output_padding", 0)?.unwrap_or(vec![0; spatial]);
        let groups = groups(node)?;
        let weight = self.weights(node, args, 1, "kernel")?;
        let [channels, per_group, ..] = *weight.shape() else {
            return Err(node.problem("its kernel has no channels"));
        };
        if extra.len() != spatial || channels % groups != 0 {
            return Err(node.problem("its attributes do not fit its operands"));
        }
        let out = per_group * groups;
        self.budget.elements(&[out, channels / groups, weight.shape()[2..].iter().product()])?;
        // [in, out / groups, ..] to [out, in / groups, ..], the kernel turned round.
        let own = channels / groups;
        let mut shape = weight.shape().to_vec();
        (shape[0], shape[1]) = (out, own);
        let turned = ArrayD::from_shape_fn(IxDyn(&shape), |at| {
            let (o, i) = (at[0], at[1]);
            let mut from: Vec<usize> =
                (0..shape.len()).map(|axis| shape[axis] - 1 - at[axis]).collect();
            (from[0], from[1]) = (o / per_group * own + i, o % per_group);
            weight[from.as_slice()]
        });
        let bias = self.bias(node, args, out)?;
        let mut x = self.operand(node, args, 0)?;
        let (mut slides, mut crops) = (vec![], vec![]);
        for (at, &extra) in extra.iter().enumerate() {
            let (stride, dilation) = (spoken.strides[at], spoken.dilations[at]);
            let reach = (spoken.kernel[at] - 1) * dilation;
            let whole = stride * (extents[at] - 1) + extra + reach + 1;
            let pads = match (&wanted, spoken.automatic.as_deref()) {
                (Some(wanted), mode) => {
                    let wanted = *wanted.get(wanted.len().wrapping_sub(spatial) + at).unwrap_or(&0);
                    removed(node, at, whole, wanted, mode)?
                }
                (None, Some(mode @ ("SAME_UPPER" | "SAME_LOWER"))) => {
                    removed(node, at, whole, extents[at] * stride, Some(mode))?
                }
                (None, Some(_)) => (0, 0),
                (None, None) => (spoken.pads[at], spoken.pads[at + spatial]),
            };
            x = self.spread(&format!("{}.spread", node.name), x, 2 + at, stride)?;
            let after = reach + extra;
            crops.push((pads.0.saturating_sub(reach), pads.1.saturating_sub(after)));
            let after = after.saturating_sub(pads.1);
            let (kernel, before) = (spoken.kernel[at], reach.saturating_sub(pads.0));
            slides.push(Slide {
                extent: 0,
                kernel,
                stride: 1,
                dilation,
                before,
                after,
                asked: after,
            });
        }
        for (at, (before, after)) in crops.into_iter().enumerate() {
            x = self.cropped(node, x, 2 + at, before, after)?;
            slides[at].extent = self.shape_of(x)[2 + at];
        }
        let id = self.convolved(node, x, &Kernel { weight: turned, bias, groups, slides })?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    /// A convolution of every channel by itself with what comes before the operand; the end of the
    /// operand is what comes before the next one.
    pub(super) fn causal_convolution(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 4)?;
        let activation = node.attributes.string("activation")?.unwrap_or_else(|| "none".into());
        let weight = self.weights(node, args, 1, "kernel")?;
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let (&[batch, channels, extent], &[out, 1, kernel]) = (&shape[..], weight.shape()) else {
            return Err(node.problem(
                "its operands are not [batch, channels, length] and \
                [channels, 1, kernel]",
            ));
        };
        if out != channels {
            return Err(node.problem(format!("a kernel of {out} channels for {channels}")));
        }
        let name = node.name.clone();
        let before = kernel - 1;
        let padded = match node.has(3) {
            true => {
                let past = self.operand(node, args, 3)?;
                self.push(&format!("{name}.with_past"), Op::View(View::Concat(2)), &[past, x])?
            }
            false if before == 0 => x,
            false => {
                let amounts = vec![(0, 0), (0, 0), (before, 0)];
                let op = Op::View(View::Pad { amounts, value: 0.0 });
                self.push(&format!("{name}.padded"), op, &[x])?
            }
        };
        if self.shape_of(padded) != [batch, channels, before + extent] {
            return Err(node.problem(format!("its past state has not {before} elements")));
        }
        let bias = self.bias(node, args, channels)?;
        let slide = Slide {
            extent: before + extent,
            kernel,
            stride: 1,
            dilation: 1,
            before: 0,
            after: 0,
            asked: 0,
        };
        let kernel = Kernel { weight, bias, groups: channels, slides: vec![slide] };
        let mut id = self.convolved(node, padded, &kernel)?;
        id = match activation.as_str() {
            "none" => id,
            "silu" | "swish" => {
                self.push(&format!("{name}.activation"), Op::Unary(Unary::Silu), &[id])?
            }
            other => {
                let other = other.escape_default();
                return Err(node.problem(format!("attribute `activation` is {other}")));
            }
        };
        let kind = kind_of(args);
        let state = match before {
            0 => None,
            _ => {
                let view = View::Slice { axis: 2, start: extent, step: 1 };
                let shape = [batch, channels, before];
                let state = format!("{name}.state");
                Some(self.push_shaped(&state, Op::View(view), &[padded], &shape)?)
            }
        };
        Ok(vec![Some(self.computed(kind, id)), state.map(|state| self.computed(kind, state))])
    }

    /// `x` with `step - 1` zeros between the elements of an axis.
    fn spread(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        step: usize,
    ) -> Result<NodeId, Problem> {
        if step == 1 {
            return Ok(x);
        }
        let shape = self.shape_of(x).to_vec();
        let lead = shape[..=axis].iter().product();
        let tail = shape[axis + 1..].iter().product();
        let split = self.reshaped(name, x, &[lead, 1, tail])?;
        let amounts = vec![(0, 0), (0, step - 1), (0, 0)];
        let padded = self.push(name, Op::View(View::Pad { amounts, value: 0.0 }), &[split])?;
        let mut joined = shape.clone();
        joined[axis] = shape[axis] * step;
        let joined = self.reshaped(name, padded, &joined)?;
        let mut kept = shape.clone();
        kept[axis] = (shape[axis] - 1) * step + 1;
        self.push_shaped(name, Op::View(View::Slice { axis, start: 0, step: 1 }), &[joined], &kept)
    }
}

/// Padding that a transposed convolution of `whole` elements loses to have `wanted`.
fn removed(
    node: &Node,
    at: usize,
    whole: usize,
    wanted: usize,
    mode: Option<&str>,
) -> Result<(usize, usize), Problem> {
    let total = whole.checked_sub(wanted).ok_or_else(|| {
        node.problem(format!("axis {} would have {whole} elements, not {wanted}", at + 2))
    })?;
    let half = total / 2;
    Ok(if mode == Some("SAME_UPPER") { (half, total - half) } else { (total - half, half) })
}

fn kind_of(args: &Args) -> Kind {
    args.get(0).map_or(Kind::F32, Value::kind)
}
