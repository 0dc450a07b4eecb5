//! Convolutions: of every sample by itself, over any number of spatial axes.
//!
//! A primitive convolves `[1, channels, height, width]`. Over more spatial axes every position of
//! the leading ones is an image of its own, whose channels are those of all planes that the kernel
//! covers there; what is outside the operand is zero.

use ndarray::{Array1, Array4, ArrayD, IxDyn};

use super::value::{Args, Value};
use super::window::{MAX_WINDOW, Slide, Spoken, planar, spatial_of};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{NodeId, Op, View};

/// Most images that a convolution is made of.
const MAX_IMAGES: usize = 1 << 12;

type Results = Result<Vec<Option<Value>>, Problem>;

/// A convolution's constants and how its kernel slides.
pub(super) struct Kernel {
    /// `[out channels, in channels / groups, kernel..]`.
    pub weight: ArrayD<f32>,
    pub bias: Option<Array1<f32>>,
    pub groups: usize,
    pub slides: Vec<Slide>,
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

    pub(super) fn bias(
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
    pub(super) fn convolved(
        &mut self,
        node: &Node,
        x: NodeId,
        kernel: &Kernel,
    ) -> Result<NodeId, Problem> {
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

/// Spatial extents of the kernel.
pub(super) fn kernel_shape(args: &Args) -> Option<Vec<usize>> {
    let shape = args.get(1).map(Value::shape).and_then(|shape| shape.get(2..));
    Some(shape.unwrap_or_default().to_vec())
}

pub(super) fn groups(node: &mut Node) -> Result<usize, Problem> {
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
