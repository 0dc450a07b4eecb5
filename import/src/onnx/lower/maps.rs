//! Operators that are a constant linear map of their operand: samples of a constant grid, columns
//! put back into images, discrete Fourier transforms.

use ndarray::{Array2, IxDyn};

use super::value::{Args, Value};
use super::window::within;
use super::{Kind, Lowering, Node, Problem, axis_of};
use lemma_model::{Op, View};

type Results = Result<Vec<Option<Value>>, Problem>;

/// Where a sample lies outside its operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outside {
    Zeros,
    Border,
    Reflection,
}

/// How a grid's coordinates are read.
struct Sampling {
    mode: String,
    outside: Outside,
    corners: bool,
}

impl Sampling {
    /// The place on an axis of `extent` elements that a coordinate from -1 to 1 names.
    fn place(&self, coordinate: f64, extent: usize) -> f64 {
        let extent = extent as f64;
        if self.corners {
            (coordinate + 1.0) / 2.0 * (extent - 1.0)
        } else {
            ((coordinate + 1.0) * extent - 1.0) / 2.0
        }
    }

    /// The place with what lies outside brought inside.
    fn brought_in(&self, place: f64, extent: usize) -> f64 {
        let (low, high) =
            if self.corners { (0.0, extent as f64 - 1.0) } else { (-0.5, extent as f64 - 0.5) };
        match self.outside {
            Outside::Zeros => place,
            Outside::Border => place.clamp(0.0, extent as f64 - 1.0),
            Outside::Reflection => reflected(place, low, high),
        }
    }

    /// The elements of an axis that a sample is made of, with their shares.
    fn shares(&self, place: f64, extent: usize) -> Vec<(usize, f64)> {
        let whole = place.floor();
        let part = place - whole;
        let taps: Vec<(f64, f64)> = match self.mode.as_str() {
            "nearest" => vec![(place.round_ties_even(), 1.0)],
            "cubic" => cubic(part)
                .into_iter()
                .zip(-1..3)
                .map(|(c, at)| (whole + f64::from(at), c))
                .collect(),
            _ => vec![(whole, 1.0 - part), (whole + 1.0, part)],
        };
        let last = extent as f64 - 1.0;
        let inside = |at: f64| match self.outside {
            Outside::Zeros => (0.0..=last).contains(&at).then_some(at),
            Outside::Border => Some(at.clamp(0.0, last)),
            Outside::Reflection => {
                let (low, high) = if self.corners { (0.0, last) } else { (-0.5, last + 0.5) };
                Some(reflected(at, low, high).clamp(0.0, last))
            }
        };
        taps.into_iter()
            .filter(|(_, share)| *share != 0.0)
            .filter_map(|(at, share)| Some((inside(at)? as usize, share)))
            .collect()
    }
}

/// A place mirrored at both ends until it lies between them.
fn reflected(place: f64, low: f64, high: f64) -> f64 {
    let range = high - low;
    if range <= 0.0 {
        return low;
    }
    let beyond = (place - low).rem_euclid(2.0 * range);
    low + if beyond > range { 2.0 * range - beyond } else { beyond }
}

/// Shares of the four neighbours, for a place `part` after the second.
fn cubic(part: f64) -> [f64; 4] {
    let a = -0.75;
    let near = |x: f64| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    [far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)]
}

impl Lowering {
    /// `GridSample` at constant places.
    pub(super) fn grid_sample(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let mode = node.attributes.string("mode")?.unwrap_or_else(|| "linear".into());
        let mode = match mode.as_str() {
            "bilinear" | "linear" => "linear",
            "bicubic" | "cubic" => "cubic",
            "nearest" => "nearest",
            other => {
                return Err(node.problem(format!("attribute `mode` is {}", other.escape_default())));
            }
        };
        let padding = node.attributes.string("padding_mode")?;
        let outside = match padding.as_deref() {
            None | Some("zeros") => Outside::Zeros,
            Some("border") => Outside::Border,
            Some("reflection") => Outside::Reflection,
            Some(other) => {
                let other = other.escape_default();
                return Err(node.problem(format!("attribute `padding_mode` is {other}")));
            }
        };
        let corners = node.attributes.flag("align_corners")?.unwrap_or(false);
        let sampling = Sampling { mode: mode.into(), outside, corners };
        let grid = self.weights(node, args, 1, "grid")?;
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let (Some(extents), [batch, out @ .., axes]) = (shape.get(2..), grid.shape()) else {
            return Err(node.problem("its operand has no spatial axes"));
        };
        let (batch, axes, out) = (*batch, *axes, out.to_vec());
        if batch != shape[0] || axes != extents.len() || out.len() != axes || axes == 0 {
            return Err(
                node.problem(format!("a grid of {:?} for an operand of {shape:?}", grid.shape()))
            );
        }
        let (inner, points): (usize, usize) = (extents.iter().product(), out.iter().product());
        self.budget.elements(&[batch, inner, points])?;
        let mut samples = vec![];
        for (sample, places) in grid.outer_iter().enumerate() {
            let mut weight = Array2::<f32>::zeros((inner, points));
            let places = places.as_standard_layout();
            let places = places.as_slice().unwrap_or_default();
            for (point, coordinates) in places.chunks(axes).enumerate() {
                let mut flat = vec![(0usize, 1.0f64)];
                // The grid names the last axis first.
                for (axis, &extent) in extents.iter().enumerate() {
                    let place = sampling.place(f64::from(coordinates[axes - 1 - axis]), extent);
                    let place = sampling.brought_in(place, extent);
                    let shares = sampling.shares(place, extent);
                    flat = flat
                        .iter()
                        .flat_map(|&(at, share)| {
                            shares.iter().map(move |&(own, part)| (at * extent + own, share * part))
                        })
                        .collect();
                }
                for (at, share) in flat {
                    weight[[at, point]] += share as f32;
                }
            }
            let image = self.part(&format!("{}.sample", node.name), x, 0, sample, 1)?;
            let rows = self.reshaped(&format!("{}.rows", node.name), image, &[shape[1], inner])?;
            samples.push(self.push(&node.name, Op::Dense { weight, bias: None }, &[rows])?);
        }
        let all = match samples[..] {
            [only] => only,
            _ => self.push(&format!("{}.all", node.name), Op::View(View::Concat(0)), &samples)?,
        };
        let result = [&shape[..2], &out].concat();
        let id = self.reshaped(&format!("{}.shape", node.name), all, &result)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// `Col2Im`: each element of a block added where the block lies in the image.
    pub(super) fn columns_to_image(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(3, 3)?;
        let image = self.integers(node, args, 1, "shape of the image")?;
        let block = self.integers(node, args, 2, "shape of a block")?;
        let image = super::views::extents(node, &image)?;
        let block = super::views::extents(node, &block)?;
        let axes = image.len();
        let strides = within(node, "strides", 1)?.unwrap_or(vec![1; axes]);
        let dilations = within(node, "dilations", 1)?.unwrap_or(vec![1; axes]);
        let pads = within(node, "pads", 0)?.unwrap_or(vec![0; 2 * axes]);
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let misfit = || node.problem(format!("its attributes do not fit an operand of {shape:?}"));
        let lengths = [block.len(), strides.len(), dilations.len(), pads.len() / 2];
        let &[batch, columns, blocks] = &shape[..] else { return Err(misfit()) };
        if lengths.iter().any(|&length| length != axes) || axes == 0 || block.contains(&0) {
            return Err(misfit());
        }
        let counts = (0..axes).map(|axis| {
            let reach = (block[axis] - 1) * dilations[axis] + 1;
            let padded = image[axis] + pads[axis] + pads[axis + axes];
            padded.checked_sub(reach).map(|room| room / strides[axis] + 1)
        });
        let counts: Vec<usize> = counts.collect::<Option<_>>().ok_or_else(misfit)?;
        let (area, cells): (usize, usize) = (block.iter().product(), image.iter().product());
        if counts.iter().product::<usize>() != blocks || columns % area != 0 {
            return Err(misfit());
        }
        self.budget.elements(&[area * blocks, cells])?;
        let mut weight = Array2::<f32>::zeros((area * blocks, cells));
        for (tap, inside) in ndarray::indices(IxDyn(&block)).into_iter().enumerate() {
            for (place, at) in ndarray::indices(IxDyn(&counts)).into_iter().enumerate() {
                let cell = (0..axes).try_fold(0, |flat, axis| {
                    let own = at[axis] * strides[axis] + inside[axis] * dilations[axis];
                    let own = own.checked_sub(pads[axis]).filter(|&own| own < image[axis])?;
                    Some(flat * image[axis] + own)
                });
                if let Some(cell) = cell {
                    weight[[tap * blocks + place, cell]] += 1.0;
                }
            }
        }
        let channels = columns / area;
        let rows = [batch, channels, area * blocks];
        let x = self.reshaped(&format!("{}.rows", node.name), x, &rows)?;
        let id = self.push(&node.name, Op::Dense { weight, bias: None }, &[x])?;
        let result = [&[batch, channels], &image[..]].concat();
        let id = self.reshaped(&format!("{}.shape", node.name), id, &result)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// `DFT`: sums of real and imaginary parts times cosines and sines.
    pub(super) fn fourier(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 3)?;
        let inverse = node.attributes.flag("inverse")?.unwrap_or(false);
        let onesided = node.attributes.flag("onesided")?.unwrap_or(false);
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let rank = shape.len();
        let one = |lowering: &Self, at: usize, what: &str| -> Result<Option<i64>, Problem> {
            if !node.has(at) {
                return Ok(None);
            }
            let found = lowering.known(node, args, at, what)?.as_int();
            found.map(Some).ok_or_else(|| node.problem(format!("the {what} is not one integer")))
        };
        let (length, given) = (one(self, 1, "length")?, one(self, 2, "axis")?);
        let axis = match node.opset < 20 {
            true => node.attributes.int("axis")?.unwrap_or(1),
            false => given.unwrap_or(-2),
        };
        let axis = axis_of(node, axis, rank)?;
        let parts = shape.last().copied().unwrap_or(0);
        if axis + 1 == rank || !(1..=2).contains(&parts) {
            return Err(node.problem(format!(
                "axis {axis} of {shape:?}, whose last axis must hold \
                real and imaginary parts"
            )));
        }
        let extent = shape[axis];
        let length = match length {
            // One side of a spectrum is half of it and one more.
            None if inverse && onesided => (2 * extent).saturating_sub(2).max(1),
            None => extent,
            Some(length) => usize::try_from(length)
                .ok()
                .filter(|&length| length > 0)
                .ok_or_else(|| node.problem(format!("a length of {length}")))?,
        };
        // The other half of the spectrum of real numbers follows from the first.
        let backwards = inverse && onesided;
        let count = if onesided && !inverse { length / 2 + 1 } else { length };
        let results = if backwards { 1 } else { 2 };
        self.budget.elements(&[extent * parts, count * results])?;
        let mut weight = Array2::<f32>::zeros((extent * parts, count * results));
        for from in 0..extent.min(if backwards { length / 2 + 1 } else { length }) {
            for to in 0..count {
                let angle = std::f64::consts::TAU * ((from * to) % length) as f64 / length as f64;
                let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
                let sine = if inverse { sine } else { -sine };
                let mut share = if inverse { 1.0 / length as f64 } else { 1.0 };
                if backwards && from != 0 && 2 * from != length {
                    share *= 2.0;
                }
                let mut set = |part: usize, result: usize, value: f64| {
                    weight[[from * parts + part, to * results + result]] = (share * value) as f32;
                };
                set(0, 0, cosine);
                if results == 2 {
                    set(0, 1, sine);
                }
                if parts == 2 {
                    set(1, 0, -sine);
                    if results == 2 {
                        set(1, 1, cosine);
                    }
                }
            }
        }
        let order: Vec<usize> =
            (0..rank - 1).filter(|&at| at != axis).chain([axis, rank - 1]).collect();
        let x = self.transposed(&format!("{}.order", node.name), x, &order)?;
        let lead: Vec<usize> = order[..rank - 2].iter().map(|&at| shape[at]).collect();
        let rows = [&lead[..], &[extent * parts]].concat();
        let x = self.reshaped(&format!("{}.rows", node.name), x, &rows)?;
        let id = self.push(&node.name, Op::Dense { weight, bias: None }, &[x])?;
        let split = [&lead[..], &[count, results]].concat();
        let id = self.reshaped(&format!("{}.split", node.name), id, &split)?;
        let mut back = vec![0; rank];
        order.iter().enumerate().for_each(|(at, &from)| back[from] = at);
        let id = self.transposed(&format!("{}.back", node.name), id, &back)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }
}
