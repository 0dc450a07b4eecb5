//! Sliding windows: their geometry in the file's attributes, and convolutions.

use ndarray::{Array1, Array4, ArrayD, Axis};

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{NodeId, Op, View, Window};

/// Largest kernel, stride, dilation, padding or number of groups.
const MAX_WINDOW: i64 = 1 << 20;

type Results = Result<Vec<Option<Value>>, Problem>;

/// How a window slides over the one or two spatial axes of an operand
/// `[batch, channels, spatial..]`.
pub(super) struct Geometry {
    /// One or two.
    pub spatial: usize,
    /// The window, of height 1 where there is one spatial axis.
    pub window: Window,
    /// Whether the last window reaches past the padding that the file asks for.
    pub overhangs: bool,
}

/// What a node says about its window.
pub(super) struct Spoken {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    pads: Vec<usize>,
    /// `SAME_UPPER`, `SAME_LOWER` or `VALID` in place of `pads`.
    automatic: Option<String>,
}

impl Spoken {
    /// Takes the attributes of a window; the kernel is `kernel`, or an attribute of its own.
    pub(super) fn take(
        node: &mut Node,
        spatial: usize,
        kernel: Option<Vec<usize>>,
    ) -> Result<Spoken, Problem> {
        if !(1..=2).contains(&spatial) {
            return Err(node.problem(format!("{spatial} spatial axes; one or two are supported")));
        }
        let given = within(node, "kernel_shape", 1)?;
        let kernel = match (given, kernel) {
            (Some(given), Some(own)) if given != own => {
                return Err(node.problem(format!(
                    "attribute `kernel_shape` is {given:?}, the weights have {own:?}"
                )));
            }
            (given, own) => {
                given.or(own).ok_or_else(|| node.problem("attribute `kernel_shape` is missing"))?
            }
        };
        let strides = within(node, "strides", 1)?.unwrap_or(vec![1; spatial]);
        let dilations = within(node, "dilations", 1)?.unwrap_or(vec![1; spatial]);
        let automatic =
            node.attributes.string("auto_pad")?.filter(|mode| !mode.is_empty() && mode != "NOTSET");
        let pads = within(node, "pads", 0)?;
        if let (Some(mode), Some(_)) = (&automatic, &pads) {
            let mode = mode.escape_default();
            return Err(node.problem(format!(
                "`auto_pad` is {mode} and `pads` is given too; keep one of them"
            )));
        }
        if let Some(mode) = automatic
            .as_deref()
            .filter(|mode| !["SAME_UPPER", "SAME_LOWER", "VALID"].contains(mode))
        {
            return Err(node.problem(format!("attribute `auto_pad` is {}", mode.escape_default())));
        }
        let pads = pads.unwrap_or(vec![0; 2 * spatial]);
        let lengths = [kernel.len(), strides.len(), dilations.len(), pads.len() / 2];
        if lengths.iter().any(|&length| length != spatial) || pads.len() % 2 != 0 {
            return Err(node.problem(format!(
                "its window does not have the {spatial} spatial axes of its operand"
            )));
        }
        Ok(Spoken { kernel, strides, dilations, pads, automatic })
    }

    /// The window over an operand of these spatial extents. `ceil` lets the last window begin
    /// wherever it still meets the operand or the padding before it.
    pub(super) fn over(
        &self,
        node: &Node,
        extents: &[usize],
        ceil: bool,
    ) -> Result<Geometry, Problem> {
        let spatial = extents.len();
        let mut window = Window {
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            before: [0, 0],
            after: [0, 0],
        };
        let mut overhangs = false;
        for (at, &extent) in extents.iter().enumerate() {
            let axis = 2 - spatial + at;
            let (kernel, stride, dilation) =
                (self.kernel[at], self.strides[at], self.dilations[at]);
            let reach = (kernel - 1) * dilation + 1;
            let (before, after) = match self.automatic.as_deref() {
                Some("VALID") => (0, 0),
                Some(mode) => {
                    let steps = extent.div_ceil(stride) - 1;
                    let total = (steps * stride + reach).saturating_sub(extent);
                    let half = total / 2;
                    if mode == "SAME_UPPER" { (half, total - half) } else { (total - half, half) }
                }
                None => (self.pads[at], self.pads[at + spatial]),
            };
            let padded = extent + before + after;
            let room = padded.checked_sub(reach).ok_or_else(|| {
                node.problem(format!(
                    "a window of {reach} does not fit axis {} of {padded} with its padding",
                    at + 2
                ))
            })?;
            let mut count = room / stride + 1;
            if ceil && room % stride != 0 && count * stride < extent + before {
                // The last window must not begin in the padding after the operand.
                count += 1;
            }
            let needed = ((count - 1) * stride + reach).saturating_sub(extent + before);
            overhangs |= needed > after;
            window.kernel[axis] = kernel;
            window.stride[axis] = stride;
            window.dilation[axis] = dilation;
            window.before[axis] = before;
            // Padding that no window reaches changes nothing, so what the last window needs is what
            // counts.
            window.after[axis] = needed;
        }
        Ok(Geometry { spatial, window, overhangs })
    }
}

/// Integers of an attribute, each at least `least`.
fn within(node: &mut Node, name: &str, least: i64) -> Result<Option<Vec<usize>>, Problem> {
    let Some(values) = node.attributes.ints(name)? else { return Ok(None) };
    match values.iter().find(|value| !(least..=MAX_WINDOW).contains(*value)) {
        Some(value) => Err(node
            .problem(format!("attribute `{name}` holds {value}, outside {least}..={MAX_WINDOW}"))),
        None => Ok(Some(values.into_iter().map(|value| value as usize).collect())),
    }
}

/// Spatial extents of an operand `[batch, channels, spatial..]`.
pub(super) fn spatial_of(node: &Node, args: &Args) -> Result<Vec<usize>, Problem> {
    let shape = args.get(0).map(Value::shape).unwrap_or_default();
    match shape {
        [_, _, spatial @ ..] => Ok(spatial.to_vec()),
        _ => Err(node.problem("its operand has no batch and channels")),
    }
}

impl Lowering {
    pub(super) fn convolution(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 3)?;
        let extents = spatial_of(node, args)?;
        let spoken = {
            let kernel = args
                .get(1)
                .map(Value::shape)
                .and_then(|shape| shape.get(2..))
                .unwrap_or_default()
                .to_vec();
            Spoken::take(node, extents.len(), Some(kernel))?
        };
        let groups = groups(node)?;
        let weight = self.weights(node, args, 1, "kernel")?;
        let geometry = spoken.over(node, &extents, false)?;
        let weight = image_kernel(node, weight)?;
        let bias = self.bias(node, args, weight.dim().0)?;
        let window = geometry.window.clone();
        self.windowed(node, args, &geometry, Op::Conv { weight, bias, window, groups })
    }

    /// A convolution over the operand with zeros between its elements.
    pub(super) fn transposed_convolution(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 3)?;
        let extents = spatial_of(node, args)?;
        let spatial = extents.len();
        let kernel = args
            .get(1)
            .map(Value::shape)
            .and_then(|shape| shape.get(2..))
            .unwrap_or_default()
            .to_vec();
        if node.attributes.has("output_shape") {
            return Err(node.problem(
                "attribute `output_shape` is not supported; give `pads` and `output_padding`",
            ));
        }
        let spoken = Spoken::take(node, spatial, Some(kernel))?;
        if spoken.automatic.is_some() {
            return Err(node.problem("attribute `auto_pad` is not supported; give `pads`"));
        }
        let extra = within(node, "output_padding", 0)?.unwrap_or(vec![0; spatial]);
        let groups = groups(node)?;
        let weight = image_kernel(node, self.weights(node, args, 1, "kernel")?)?;
        let (channels, per_group, height, width) = weight.dim();
        if extra.len() != spatial || channels % groups != 0 {
            return Err(node.problem("its attributes do not fit its operands"));
        }
        let out = per_group * groups;
        self.budget.elements(&[out, channels / groups, height, width])?;
        // [in, out / groups, h, w] to [out, in / groups, h, w], the kernel turned round.
        let own = channels / groups;
        let turned = Array4::from_shape_fn((out, own, height, width), |(o, i, y, x)| {
            let group = o / per_group;
            weight[[group * own + i, o % per_group, height - 1 - y, width - 1 - x]]
        });
        let bias = self.bias(node, args, out)?;
        let mut x = self.operand(node, args, 0)?;
        let mut window = Window {
            kernel: [height, width],
            stride: [1, 1],
            dilation: [1, 1],
            before: [0, 0],
            after: [0, 0],
        };
        let mut crop = vec![];
        for (at, &extra) in extra.iter().enumerate().take(spatial) {
            let axis = 2 - spatial + at;
            x = self.spread(&format!("{}.spread", node.name), x, 2 + at, spoken.strides[at])?;
            let reach = (spoken.kernel[at] - 1) * spoken.dilations[at];
            window.dilation[axis] = spoken.dilations[at];
            window.before[axis] = reach.saturating_sub(spoken.pads[at]);
            let after = reach + extra;
            window.after[axis] = after.saturating_sub(spoken.pads[at + spatial]);
            crop.push((
                spoken.pads[at].saturating_sub(reach),
                spoken.pads[at + spatial].saturating_sub(after),
            ));
        }
        for (at, (before, after)) in crop.into_iter().enumerate() {
            x = self.cropped(node, x, 2 + at, before, after)?;
        }
        let geometry = Geometry { spatial, window: window.clone(), overhangs: false };
        let id = self.over_images(
            node,
            x,
            &geometry,
            &Op::Conv { weight: turned, bias, window, groups },
        )?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
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
        let mut split = shape.clone();
        split.insert(axis + 1, 1);
        let split_x = self.reshaped(name, x, &split)?;
        let mut amounts = vec![(0, 0); split.len()];
        amounts[axis + 1] = (0, step - 1);
        let padded = self.push(name, Op::View(View::Pad { amounts, value: 0.0 }), &[split_x])?;
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

    /// A window operation on the first operand.
    pub(super) fn windowed(
        &mut self,
        node: &Node,
        args: &Args,
        geometry: &Geometry,
        op: Op,
    ) -> Results {
        let x = self.operand(node, args, 0)?;
        let id = self.over_images(node, x, geometry, &op)?;
        Ok(vec![Some(self.computed(kind_of(args), id))])
    }

    /// A window operation on every sample of a batch, `[n, channels, spatial..]`.
    pub(super) fn over_images(
        &mut self,
        node: &Node,
        x: NodeId,
        geometry: &Geometry,
        op: &Op,
    ) -> Result<NodeId, Problem> {
        let shape = self.shape_of(x).to_vec();
        if shape[0] != 1 {
            return Err(
                node.problem(format!("a batch of {}; give the batch axis the size 1", shape[0]))
            );
        }
        let mut image = shape.clone();
        if geometry.spatial == 1 {
            image.insert(2, 1);
        }
        let x = self.reshaped(&format!("{}.image", node.name), x, &image)?;
        let result = self.push(&node.name, op.clone(), &[x])?;
        let mut shape = self.shape_of(result).to_vec();
        if geometry.spatial == 1 {
            shape.remove(2);
        }
        self.reshaped(&format!("{}.line", node.name), result, &shape)
    }
}

fn groups(node: &mut Node) -> Result<usize, Problem> {
    let groups = node.attributes.int("group")?.unwrap_or(1);
    let found =
        usize::try_from(groups).ok().filter(|groups| (1..=MAX_WINDOW as usize).contains(groups));
    found.ok_or_else(|| {
        node.problem(format!("attribute `group` holds {groups}, outside 1..={MAX_WINDOW}"))
    })
}

/// A kernel of one or two spatial axes as one of two.
fn image_kernel(node: &Node, mut weight: ArrayD<f32>) -> Result<Array4<f32>, Problem> {
    if weight.ndim() == 3 {
        weight = weight.insert_axis(Axis(2));
    }
    weight.into_dimensionality().map_err(|error| node.problem(error.to_string()))
}

fn kind_of(args: &Args) -> Kind {
    args.get(0).map_or(Kind::F32, Value::kind)
}
