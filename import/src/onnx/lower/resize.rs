//! `Resize` and `Upsample`: the nearest element, or a linear blend of two, on each axis by itself.

use ndarray::Array2;

use super::value::{Args, Value};
use super::views::extents;
use super::{Lowering, Node, Problem, axes_of, axis_of};
use lemma_model::{NodeId, Op, View};

/// Which place of the operand an element of the result lies on.
struct Places {
    mode: String,
    extent: usize,
    result: usize,
    scale: f64,
}

impl Places {
    fn of(&self, node: &Node, at: usize) -> Result<f64, Problem> {
        let (at, extent, result) = (at as f64, self.extent as f64, self.result as f64);
        Ok(match self.mode.as_str() {
            "half_pixel" => (at + 0.5) / self.scale - 0.5,
            "pytorch_half_pixel" if self.result == 1 => 0.0,
            "pytorch_half_pixel" => (at + 0.5) / self.scale - 0.5,
            "half_pixel_symmetric" => {
                let adjusted = result / (self.scale * extent);
                extent / 2.0 * (1.0 - adjusted) + (at + 0.5) / self.scale - 0.5
            }
            "align_corners" if self.result == 1 => 0.0,
            "align_corners" => at * (extent - 1.0) / (result - 1.0),
            "asymmetric" => at / self.scale,
            other => {
                return Err(node.problem(format!(
                    "attribute `coordinate_transformation_mode` is {}",
                    other.escape_default()
                )));
            }
        })
    }
}

impl Lowering {
    pub(super) fn resize(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Result<Vec<Option<Value>>, Problem> {
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let old = node.op == "Upsample" || node.opset < 11;
        let mode = node.attributes.string("mode")?.unwrap_or_else(|| "nearest".into());
        let text = |node: &mut Node, name: &str, default: &str| {
            node.attributes.string(name).map(|text| text.unwrap_or_else(|| default.into()))
        };
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        let (scales, sizes, places, rounding) = if old {
            let scales = if node.op == "Upsample" && node.opset < 9 {
                node.takes(1, 1)?;
                node.attributes
                    .floats("scales")?
                    .ok_or_else(|| node.problem("attribute `scales` is missing"))?
            } else {
                node.takes(2, 2)?;
                self.weights(node, args, 1, "scales")?.into_iter().collect()
            };
            (Some(scales), None, "asymmetric".to_string(), "floor".to_string())
        } else {
            node.takes(1, 4)?;
            let places = text(node, "coordinate_transformation_mode", "half_pixel")?;
            let rounding = text(node, "nearest_mode", "round_prefer_floor")?;
            for (name, only) in [("exclude_outside", 0), ("antialias", 0)] {
                if let Some(value) = node.attributes.int(name)?.filter(|&value| value != only) {
                    return Err(node.problem(format!("attribute `{name}` is {value}")));
                }
            }
            for name in ["cubic_coeff_a", "extrapolation_value"] {
                node.attributes.float(name)?;
            }
            let policy = text(node, "keep_aspect_ratio_policy", "stretch")?;
            if policy != "stretch" {
                return Err(node.problem(format!(
                    "attribute `keep_aspect_ratio_policy` is {}",
                    policy.escape_default()
                )));
            }
            if let Some(given) = node.attributes.ints("axes")? {
                axes_of(node, &given, shape.len())?;
                axes = given
                    .iter()
                    .map(|&axis| axis_of(node, axis, shape.len()))
                    .collect::<Result<_, _>>()?;
            }
            let scales = match args.get(2).filter(|scales| !scales.shape().contains(&0)) {
                Some(_) => {
                    Some(self.weights(node, args, 2, "scales")?.into_iter().collect::<Vec<f32>>())
                }
                None => None,
            };
            let sizes = match args.get(3).filter(|sizes| !sizes.shape().contains(&0)) {
                Some(_) => Some(extents(node, &self.integers(node, args, 3, "sizes")?)?),
                None => None,
            };
            (scales, sizes, places, rounding)
        };
        let mut changes = vec![];
        for (at, &axis) in axes.iter().enumerate() {
            let extent = shape[axis];
            let (result, scale) = match (&scales, &sizes) {
                (Some(scales), None) if scales.len() == axes.len() => {
                    let scale = f64::from(scales[at]);
                    let result = (extent as f64 * scale).floor();
                    if result != f64::from((extent as f32 * scales[at]).floor()) {
                        let problem = format!(
                            "axis {axis} of {extent} elements times {scale} depends on rounding; \
                                give sizes"
                        );
                        return Err(node.problem(problem));
                    }
                    (result, scale)
                }
                (None, Some(sizes)) if sizes.len() == axes.len() => {
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
            if result as usize != extent || scale != 1.0 {
                changes.push((
                    axis,
                    Places { mode: places.clone(), extent, result: result as usize, scale },
                ));
            }
        }
        let mut x = self.operand(node, args, 0)?;
        for (axis, places) in changes {
            x = match mode.as_str() {
                "nearest" => self.nearest(node, x, axis, &places, &rounding)?,
                "linear" => self.blended(node, x, axis, &places)?,
                other => {
                    return Err(node.problem(format!(
                        "mode {}; nearest and linear are supported",
                        other.escape_default()
                    )));
                }
            };
        }
        Ok(vec![Some(self.computed(args.get(0).map_or(super::Kind::F32, Value::kind), x))])
    }

    fn nearest(
        &mut self,
        node: &Node,
        x: NodeId,
        axis: usize,
        places: &Places,
        rounding: &str,
    ) -> Result<NodeId, Problem> {
        self.budget.elements(&[places.result])?;
        let mut indices = Vec::with_capacity(places.result);
        for at in 0..places.result {
            let place = places.of(node, at)?;
            let rounded = match rounding {
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
            indices.push(rounded.clamp(0.0, (places.extent - 1) as f64) as usize);
        }
        self.push(&node.name, Op::View(View::Select { axis, indices }), &[x])
    }

    fn blended(
        &mut self,
        node: &Node,
        x: NodeId,
        axis: usize,
        places: &Places,
    ) -> Result<NodeId, Problem> {
        self.budget.elements(&[places.extent, places.result])?;
        let mut weight = Array2::<f32>::zeros((places.extent, places.result));
        let last = (places.extent - 1) as f64;
        for at in 0..places.result {
            let place = places.of(node, at)?;
            let (below, part) = (place.floor(), place - place.floor());
            for (neighbor, share) in [(below, 1.0 - part), (below + 1.0, part)] {
                weight[[neighbor.clamp(0.0, last) as usize, at]] += share as f32;
            }
        }
        self.along(&node.name, x, axis, |lowering, name, x| {
            lowering.push(name, Op::Dense { weight, bias: None }, &[x])
        })
    }
}
