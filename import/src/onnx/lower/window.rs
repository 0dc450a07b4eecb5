//! Sliding windows: their geometry in the file's attributes.

use super::value::{Args, Value};
use super::{Node, Problem};
use lemma_model::{MAX_RANK, Window};

/// Largest kernel, stride, dilation, padding or number of groups.
pub(super) const MAX_WINDOW: i64 = 1 << 20;

/// How a window slides over an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slide {
    /// Elements of the axis.
    pub extent: usize,
    /// Elements of the kernel.
    pub kernel: usize,
    /// Steps.
    pub stride: usize,
    /// Distance of kernel elements.
    pub dilation: usize,
    /// Padding before the first element.
    pub before: usize,
    /// Padding after the last element that a window reaches.
    pub after: usize,
    /// Padding after the last element that the file asks for.
    pub asked: usize,
}

impl Slide {
    /// Whether the last window reaches past the padding that the file asks for.
    pub(super) fn overhangs(&self) -> bool {
        self.after > self.asked
    }

    /// Positions of the window.
    pub(super) fn positions(&self) -> usize {
        let reach = (self.kernel - 1) * self.dilation + 1;
        (self.before + self.extent + self.after).saturating_sub(reach) / self.stride + 1
    }

    /// Elements under the window at position `at`; those of the padding that the file asks for
    /// count where `padding`.
    pub(super) fn covered(&self, at: usize, padding: bool) -> usize {
        let inside = if padding {
            0..self.before + self.extent + self.asked
        } else {
            self.before..self.before + self.extent
        };
        (0..self.kernel)
            .filter(|tap| inside.contains(&(at * self.stride + tap * self.dilation)))
            .count()
    }
}

/// The window over the last one or two of `slides`, of height 1 where there is one.
pub(super) fn planar(slides: &[Slide]) -> Window {
    let mut window =
        Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] };
    for (slide, axis) in slides.iter().rev().zip([1, 0]) {
        window.kernel[axis] = slide.kernel;
        window.stride[axis] = slide.stride;
        window.dilation[axis] = slide.dilation;
        window.before[axis] = slide.before;
        window.after[axis] = slide.after;
    }
    window
}

/// What a node says about its window.
pub(super) struct Spoken {
    pub kernel: Vec<usize>,
    pub strides: Vec<usize>,
    pub dilations: Vec<usize>,
    pub pads: Vec<usize>,
    /// `SAME_UPPER`, `SAME_LOWER` or `VALID` in place of `pads`.
    pub automatic: Option<String>,
}

impl Spoken {
    /// Takes the attributes of a window; the kernel is `kernel`, or an attribute of its own.
    pub(super) fn take(
        node: &mut Node,
        spatial: usize,
        kernel: Option<Vec<usize>>,
    ) -> Result<Spoken, Problem> {
        if !(1..=MAX_RANK - 2).contains(&spatial) {
            let most = MAX_RANK - 2;
            return Err(
                node.problem(format!("{spatial} spatial axes; one to {most} are supported"))
            );
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
    ) -> Result<Vec<Slide>, Problem> {
        let spatial = extents.len();
        let mut slides = Vec::with_capacity(spatial);
        for (at, &extent) in extents.iter().enumerate() {
            let (kernel, stride, dilation) =
                (self.kernel[at], self.strides[at], self.dilations[at]);
            let reach = (kernel - 1) * dilation + 1;
            let (before, asked) = match self.automatic.as_deref() {
                Some("VALID") => (0, 0),
                Some(mode) => {
                    let steps = extent.div_ceil(stride) - 1;
                    let total = (steps * stride + reach).saturating_sub(extent);
                    let half = total / 2;
                    if mode == "SAME_UPPER" { (half, total - half) } else { (total - half, half) }
                }
                None => (self.pads[at], self.pads[at + spatial]),
            };
            let padded = extent + before + asked;
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
            // Padding that no window reaches changes nothing, so what the last window needs is what
            // counts.
            let after = ((count - 1) * stride + reach).saturating_sub(extent + before);
            slides.push(Slide { extent, kernel, stride, dilation, before, after, asked });
        }
        Ok(slides)
    }
}

/// Integers of an attribute, each at least `least`.
pub(super) fn within(
    node: &mut Node,
    name: &str,
    least: i64,
) -> Result<Option<Vec<usize>>, Problem> {
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
