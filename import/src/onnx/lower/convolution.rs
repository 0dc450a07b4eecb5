//! Convolutions: of every sample by itself, over any number of spatial axes.
//!
//! A primitive convolves `[1, channels, height, width]`. Over more spatial axes every position of
//! the leading ones is an image of its own, whose channels are those of all planes that the kernel
//! covers there; what is outside the operand is zero.

use ndarray::{Array1, Array4, ArrayD, IxDyn};

use super::value::{Args, Value};
use super::window::{MAX_WINDOW, Slide, Spoken, planar, spatial_of, within};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{NodeId, Op, View};

/// Most images that a convolution is made of.
const MAX_IMAGES: usize = 1 << 12;

type Results = Result<Vec<Option<Value>>, Problem>;

/// A convolution's constants and how its kernel slides.
struct Kernel {
    /// `[out channels, in channels / groups, kernel..]`.
    weight: ArrayD<f32>,
    bias: Option<Array1<f32>>,
    groups: usize,
    slides: Vec<Slide>,
}

impl Lowering {
    pub(super) fn convolution(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 3)?;
        let extents = spatial_of(node, args)?;
        let spoken = Spoken::take(node, extents.len(), kernel_shape(args))?;
        let groups = groups(node)?;
        let weight = self.weights(node, args, 1, "kernel")?;
        let slides = spoken.over(node, &extents, false)?;
        let bias = self.bias(node, args, weight.shape()[0])?;
        let x = self.operand(node, args, 0)?;
        let id = self.convolved(node, x, &Kernel { weight, bias, groups, slides })?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

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
            "silu" | "swish" => self.push(
                &format!("{name}.activation"),
                Op::Unary(lemma_model::Unary::Silu),
                &[id],
            )?,
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

    /// `x` without the first and last elements of an axis.
    pub(super) fn cropped(
        &mut self,
        node: &Node,
        x: NodeId,
        axis: usize,
        before: usize,
        after: usize,
    ) -> Result<NodeId, Problem> {
        if before == 0 && after == 0 {
            return Ok(x);
        }
        let mut shape = self.shape_of(x).to_vec();
        let left = shape[axis].checked_sub(before + after).filter(|&left| left > 0);
        shape[axis] =
            left.ok_or_else(|| node.problem(format!("its padding leaves nothing of axis {axis}")))?;
        let name = format!("{}.crop", node.name);
        self.push_shaped(
            &name,
            Op::View(View::Slice { axis, start: before, step: 1 }),
            &[x],
            &shape,
        )
    }

    fn bias(
        &mut self,
        node: &Node,
        args: &Args,
        channels: usize,
    ) -> Result<Option<Array1<f32>>, Problem> {
        if !node.has(2) {
            return Ok(None);
        }
        let bias = self.weights(node, args, 2, "bias")?;
        if bias.shape() != [channels] {
            return Err(
                node.problem(format!("a bias of {:?} for {channels} channels", bias.shape()))
            );
        }
        Ok(bias.iter().any(|&value| value != 0.0).then(|| bias.into_iter().collect()))
    }

    /// The convolution of every sample of `x`, `[batch, channels, spatial..]`.
    fn convolved(&mut self, node: &Node, x: NodeId, kernel: &Kernel) -> Result<NodeId, Problem> {
        let batch = self.shape_of(x)[0];
        let lead = kernel.slides.len().saturating_sub(2);
        let positions = kernel.slides[..lead].iter().map(Slide::positions);
        let images = positions.fold(batch, usize::saturating_mul);
        if images > MAX_IMAGES {
            return Err(node.problem(format!(
                "a convolution of {images} images, samples and leading positions together; at most \
                    {MAX_IMAGES} are supported"
            )));
        }
        if batch == 1 {
            return self.convolved_sample(node, x, kernel);
        }
        let mut samples = vec![];
        for start in 0..batch {
            let mut shape = self.shape_of(x).to_vec();
            shape[0] = 1;
            let view = View::Slice { axis: 0, start, step: 1 };
            let sample =
                self.push_shaped(&format!("{}.sample", node.name), Op::View(view), &[x], &shape)?;
            samples.push(self.convolved_sample(node, sample, kernel)?);
        }
        self.push(&format!("{}.batch", node.name), Op::View(View::Concat(0)), &samples)
    }

    fn convolved_sample(
        &mut self,
        node: &Node,
        x: NodeId,
        kernel: &Kernel,
    ) -> Result<NodeId, Problem> {
        let slides = &kernel.slides;
        let lead = slides.len().saturating_sub(2);
        let (outer, inner) = slides.split_at(lead);
        let weight = image_kernel(node, kernel.weight.clone())?;
        let op = Op::Conv {
            weight,
            bias: kernel.bias.clone(),
            window: planar(inner),
            groups: kernel.groups,
        };
        let channels = self.shape_of(x)[1];
        let plane: Vec<usize> = match *inner {
            [ref only] => vec![1, only.extent],
            _ => inner.iter().map(|slide| slide.extent).collect(),
        };
        if lead == 0 {
            let image = [&[1, channels], &plane[..]].concat();
            let x = self.reshaped(&format!("{}.image", node.name), x, &image)?;
            let result = self.push(&node.name, op, &[x])?;
            let mut shape = self.shape_of(result).to_vec();
            if inner.len() == 1 {
                shape.remove(2);
            }
            return self.reshaped(&format!("{}.line", node.name), result, &shape);
        }
        let mut amounts = vec![(0, 0); 2 + slides.len()];
        for (axis, slide) in outer.iter().enumerate() {
            amounts[2 + axis] = (slide.before, slide.after);
        }
        let padded = if amounts.iter().all(|&amount| amount == (0, 0)) {
            x
        } else {
            let op = Op::View(View::Pad { amounts, value: 0.0 });
            self.push(&format!("{}.padded", node.name), op, &[x])?
        };
        let counts: Vec<usize> = outer.iter().map(Slide::positions).collect();
        let depth: usize = outer.iter().map(|slide| slide.kernel).product();
        let mut images = vec![];
        for position in ndarray::indices(IxDyn(&counts)) {
            let mut covered = padded;
            for (axis, slide) in outer.iter().enumerate() {
                let taps = (0..slide.kernel)
                    .map(|tap| position[axis] * slide.stride + tap * slide.dilation);
                let taps: Vec<usize> = taps.collect();
                let name = format!("{}.planes", node.name);
                covered = self.selected(&name, covered, 2 + axis, &taps)?;
            }
            let image = [&[1, channels * depth], &plane[..]].concat();
            let image = self.reshaped(&format!("{}.image", node.name), covered, &image)?;
            let result = self.push(&node.name, op.clone(), &[image])?;
            let mut shape = self.shape_of(result).to_vec();
            shape.insert(2, 1);
            images.push(self.reshaped(&format!("{}.plane", node.name), result, &shape)?);
        }
        let joined =
            self.push(&format!("{}.stacked", node.name), Op::View(View::Concat(2)), &images)?;
        let out = self.shape_of(joined).to_vec();
        let shape = [&out[..2], &counts, &out[3..]].concat();
        self.reshaped(&format!("{}.volume", node.name), joined, &shape)
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

/// Spatial extents of the kernel.
fn kernel_shape(args: &Args) -> Option<Vec<usize>> {
    let shape = args.get(1).map(Value::shape).and_then(|shape| shape.get(2..));
    Some(shape.unwrap_or_default().to_vec())
}

fn groups(node: &mut Node) -> Result<usize, Problem> {
    let groups = node.attributes.int("group")?.unwrap_or(1);
    let found =
        usize::try_from(groups).ok().filter(|groups| (1..=MAX_WINDOW as usize).contains(groups));
    found.ok_or_else(|| {
        node.problem(format!("attribute `group` holds {groups}, outside 1..={MAX_WINDOW}"))
    })
}

/// A kernel as one of two spatial axes: of one with height 1, of more with the leading ones joined
/// to the channels.
fn image_kernel(node: &Node, weight: ArrayD<f32>) -> Result<Array4<f32>, Problem> {
    let (shape, rank) = (weight.shape().to_vec(), weight.ndim());
    let image = match shape[..] {
        [out, own, width] => [out, own, 1, width],
        [out, .., height, width] if rank > 3 => {
            [out, shape[1..rank - 2].iter().product(), height, width]
        }
        _ => return Err(node.problem("its kernel has no spatial axes")),
    };
    weight.into_shape_with_order(image).map_err(|error| node.problem(error.to_string()))
}

fn kind_of(args: &Args) -> Kind {
    args.get(0).map_or(Kind::F32, Value::kind)
}
