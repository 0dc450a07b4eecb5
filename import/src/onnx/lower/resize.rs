//! `Resize` and `Upsample`: the nearest element, or a blend of neighbours, on each axis by itself.
//!
//! A blend is a constant matrix for each axis. Its rows hold a filter, linear or cubic, around the
//! place that an element of the result comes from; a shrunk image may have it widened.

use ndarray::{Array2, ArrayD, IxDyn};

use super::resample::{Change, Style};
use super::value::{Args, Value};
use super::views::extents;
use super::{Lowering, Node, Problem, axes_of, axis_of};
use lemma_model::{NodeId, Op, View};

impl Lowering {
    pub(super) fn resize(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Result<Vec<Option<Value>>, Problem> {
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let old = node.op == "Upsample" || node.opset < 11;
        let mode = node.attributes.string("mode")?.unwrap_or_else(|| "nearest".into());
        if !["nearest", "linear", "cubic"].contains(&mode.as_str()) {
            let mode = mode.escape_default();
            return Err(node.problem(format!("mode {mode}; nearest, linear and cubic are known")));
        }
        let style = self.style(node, mode, old)?;
        let policy = node.attributes.string("keep_aspect_ratio_policy")?;
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        if !old && let Some(given) = node.attributes.ints("axes")? {
            axes_of(node, &given, shape.len())?;
            axes = given
                .iter()
                .map(|&axis| axis_of(node, axis, shape.len()))
                .collect::<Result<_, _>>()?;
        }
        let (scales, sizes) = self.factors(node, args, old)?;
        let crops = self.crops(node, args, &style, axes.len())?;
        let changes = self.changes(node, &shape, &axes, scales, sizes, policy, &style, &crops)?;
        let mut x = self.operand(node, args, 0)?;
        for change in &changes {
            if change.result == change.extent
                && change.scale == 1.0
                && style.places != "tf_crop_and_resize"
            {
                continue;
            }
            x = match style.mode.as_str() {
                "nearest" => self.nearest(node, x, change, &style)?,
                _ => self.blended(node, x, change, &style)?,
            };
        }
        if style.places == "tf_crop_and_resize" {
            x = self.extrapolated(node, x, &changes, &style)?;
        }
        Ok(vec![Some(self.computed(args.get(0).map_or(super::Kind::F32, Value::kind), x))])
    }

    fn style(&mut self, node: &mut Node, mode: String, old: bool) -> Result<Style, Problem> {
        let fixed = |places: &str, rounding: &str| Style {
            mode: mode.clone(),
            places: places.into(),
            rounding: rounding.into(),
            sharpness: -0.75,
            antialias: false,
            excludes: false,
            extrapolation: 0.0,
        };
        if old {
            return Ok(fixed("asymmetric", "floor"));
        }
        let places = node.attributes.string("coordinate_transformation_mode")?;
        let rounding = node.attributes.string("nearest_mode")?;
        Ok(Style {
            sharpness: f64::from(node.attributes.float("cubic_coeff_a")?.unwrap_or(-0.75)),
            antialias: node.attributes.flag("antialias")?.unwrap_or(false),
            excludes: node.attributes.flag("exclude_outside")?.unwrap_or(false),
            extrapolation: node.attributes.float("extrapolation_value")?.unwrap_or(0.0),
            ..fixed(
                places.as_deref().unwrap_or("half_pixel"),
                rounding.as_deref().unwrap_or("round_prefer_floor"),
            )
        })
    }

    /// Scales or sizes, as they are given.
    #[expect(clippy::type_complexity, reason = "one of two lists")]
    fn factors(
        &mut self,
        node: &mut Node,
        args: &Args,
        old: bool,
    ) -> Result<(Option<Vec<f32>>, Option<Vec<usize>>), Problem> {
        if old {
            let scales = if node.op == "Upsample" && node.opset < 9 {
                node.takes(1, 1)?;
                node.attributes
                    .floats("scales")?
                    .ok_or_else(|| node.problem("attribute `scales` is missing"))?
            } else {
                node.takes(2, 2)?;
                self.weights(node, args, 1, "scales")?.into_iter().collect()
            };
            return Ok((Some(scales), None));
        }
        node.takes(1, 4)?;
        let given = |at: usize| args.get(at).filter(|value| !value.shape().contains(&0)).is_some();
        let scales = match given(2) {
            true => Some(self.weights(node, args, 2, "scales")?.into_iter().collect()),
            false => None,
        };
        let sizes = match given(3) {
            true => Some(extents(node, &self.integers(node, args, 3, "sizes")?)?),
            false => None,
        };
        Ok((scales, sizes))
    }

    /// The part of each axis that a crop keeps.
    fn crops(
        &mut self,
        node: &Node,
        args: &Args,
        style: &Style,
        axes: usize,
    ) -> Result<Vec<(f64, f64)>, Problem> {
        if style.places != "tf_crop_and_resize" {
            return Ok(vec![(0.0, 1.0); axes]);
        }
        let region: Vec<f32> =
            self.weights(node, args, 1, "region of interest")?.into_iter().collect();
        if region.len() != 2 * axes {
            return Err(node.problem(format!("a region of {} numbers", region.len())));
        }
        Ok((0..axes).map(|at| (f64::from(region[at]), f64::from(region[at + axes]))).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "what a node says of its axes")]
    fn changes(
        &self,
        node: &Node,
        shape: &[usize],
        axes: &[usize],
        scales: Option<Vec<f32>>,
        sizes: Option<Vec<usize>>,
        policy: Option<String>,
        style: &Style,
        crops: &[(f64, f64)],
    ) -> Result<Vec<Change>, Problem> {
        let common = match (policy.as_deref(), &sizes) {
            (None | Some("stretch"), _) | (_, None) => None,
            (Some(policy @ ("not_larger" | "not_smaller")), Some(sizes)) => {
                let ratios =
                    sizes.iter().zip(axes).map(|(&size, &axis)| size as f64 / shape[axis] as f64);
                if policy == "not_larger" {
                    ratios.reduce(f64::min)
                } else {
                    ratios.reduce(f64::max)
                }
            }
            (Some(other), _) => {
                let other = other.escape_default();
                return Err(
                    node.problem(format!("attribute `keep_aspect_ratio_policy` is {other}"))
                );
            }
        };
        let mut changes = vec![];
        for (at, &axis) in axes.iter().enumerate() {
            let extent = shape[axis];
            let (result, scale) = match (&scales, &sizes, common) {
                (_, Some(_), Some(common)) => ((common * extent as f64 + 0.5).floor(), common),
                (Some(scales), None, _) if scales.len() == axes.len() => {
                    let scale = f64::from(scales[at]);
                    let whole = extent as f64 * scale;
                    let corners = style.places == "align_corners" && whole.fract() != 0.0;
                    if corners || whole.floor() != f64::from((extent as f32 * scales[at]).floor()) {
                        let problem = format!(
                            "axis {axis} of {extent} elements times {scale} depends on rounding; \
                                give sizes"
                        );
                        return Err(node.problem(problem));
                    }
                    (whole.floor(), scale)
                }
                (None, Some(sizes), _) if sizes.len() == axes.len() => {
                    (sizes[at] as f64, sizes[at] as f64 / extent as f64)
                }
                _ => {
                    return Err(node.problem("either scales or sizes for every axis must be given"));
                }
            };
            if !(scale > 0.0 && result >= 1.0 && result <= super::MAX_VALUE as f64) {
                return Err(
                    node.problem(format!("axis {axis} of {extent} elements is scaled by {scale}"))
                );
            }
            changes.push(Change { axis, extent, result: result as usize, scale, crop: crops[at] });
        }
        Ok(changes)
    }

    fn nearest(
        &mut self,
        node: &Node,
        x: NodeId,
        change: &Change,
        style: &Style,
    ) -> Result<NodeId, Problem> {
        self.budget.elements(&[change.result])?;
        let mut indices = Vec::with_capacity(change.result);
        for at in 0..change.result {
            let place = change.place(node, style, at)?;
            let rounded = match style.rounding.as_str() {
                "round_prefer_floor" => (place - 0.5).ceil(),
                "round_prefer_ceil" => (place + 0.5).floor(),
                "floor" => place.floor(),
                "ceil" => place.ceil(),
                other => {
                    return Err(node.problem(format!(
                        "attribute `nearest_mode` is {}",
                        other.escape_default()
                    )));
                }
            };
            indices.push(rounded.clamp(0.0, (change.extent - 1) as f64) as usize);
        }
        self.push(&node.name, Op::View(View::Select { axis: change.axis, indices }), &[x])
    }

    fn blended(
        &mut self,
        node: &Node,
        x: NodeId,
        change: &Change,
        style: &Style,
    ) -> Result<NodeId, Problem> {
        self.budget.elements(&[change.extent, change.result])?;
        let mut weight = Array2::<f32>::zeros((change.extent, change.result));
        for at in 0..change.result {
            for (from, share) in change.shares(style, change.place(node, style, at)?) {
                weight[[from, at]] += share as f32;
            }
        }
        self.along(&node.name, x, change.axis, |lowering, name, x| {
            lowering.push(name, Op::Dense { weight, bias: None }, &[x])
        })
    }

    /// `x` with the extrapolation value where a place lies outside the operand.
    fn extrapolated(
        &mut self,
        node: &Node,
        x: NodeId,
        changes: &[Change],
        style: &Style,
    ) -> Result<NodeId, Problem> {
        let shape = self.shape_of(x).to_vec();
        let mut inside = ArrayD::<f32>::ones(IxDyn(&shape));
        for change in changes {
            for at in 0..change.result {
                let place = change.place(node, style, at)?;
                if !(0.0..=(change.extent - 1) as f64).contains(&place) {
                    inside.index_axis_mut(ndarray::Axis(change.axis), at).fill(0.0);
                }
            }
        }
        if inside.iter().all(|&inside| inside == 1.0) {
            return Ok(x);
        }
        let outside = inside.mapv(|inside| (1.0 - inside) * style.extrapolation);
        let inside = self.constant(&format!("{}.inside", node.name), inside)?;
        let kept = self.push(&format!("{}.kept", node.name), Op::Mul, &[x, inside])?;
        let outside = self.constant(&format!("{}.outside", node.name), outside)?;
        self.push(&format!("{}.whole", node.name), Op::Add, &[kept, outside])
    }
}
