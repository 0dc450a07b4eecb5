//! Columns of a table: scaled, normalised, joined and chosen.

use ndarray::{ArrayD, IxDyn};

use super::super::Value;
use super::scores::Labels;
use super::{Args, Kind, Lowering, Node, Results, axis_of};
use lemma_model::{NodeId, Norm, Op, Unary, View};

impl Lowering {
    /// `Scaler`: `(x - offset) * scale`, with a number for each column or one for all.
    pub(in crate::onnx::lower) fn scaler(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let columns = self.table(node, args, 0)?;
        let mut x = self.operand(node, args, 0)?;
        for (attribute, op, neutral) in [("offset", Op::Sub, 0.0), ("scale", Op::Mul, 1.0)] {
            let Some(values) = node.attributes.floats(attribute)? else { continue };
            super::finite(node, attribute, &values)?;
            if values.len() != 1 && values.len() != columns {
                return Err(node.problem(format!(
                    "attribute `{attribute}` has {} numbers for {columns} columns",
                    values.len()
                )));
            }
            if values.iter().all(|value| *value == neutral) {
                continue;
            }
            let shape = [vec![1; self.shape_of(x).len() - 1], vec![values.len()]].concat();
            let values = ArrayD::from_shape_vec(IxDyn(&shape), values)
                .map_err(|error| node.problem(error.to_string()))?;
            let name = format!("{}.{attribute}", node.name);
            let constant = self.constant(&format!("{name}.values"), values)?;
            x = self.push(&name, op, &[x, constant])?;
        }
        Ok(vec![Some(self.computed(Kind::F32, x))])
    }

    /// `Normalizer`: rows divided by the sum of their absolute values, by their length or by their
    /// largest value.
    pub(in crate::onnx::lower) fn normalizer(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        self.table(node, args, 0)?;
        let x = self.operand(node, args, 0)?;
        let last = self.shape_of(x).len() - 1;
        let name = node.name.clone();
        let part = |part: &str| format!("{name}.{part}");
        let norm = node.attributes.string("norm")?.unwrap_or("MAX".into());
        let size = match norm.as_str() {
            // Rows of a softmax have a sum of one already.
            "L1" if self.has_unit_rows(x) => return Ok(vec![Some(self.computed(Kind::F32, x))]),
            "L1" => {
                let sizes = self.push(&part("sizes"), Op::Unary(Unary::Abs), &[x])?;
                self.push(&part("sum"), Op::Sum { axes: vec![last] }, &[sizes])?
            }
            "L2" => {
                let id = self.push(&name, Op::Norm(Norm::l2(f32::MIN_POSITIVE.sqrt())), &[x])?;
                return Ok(vec![Some(self.computed(Kind::F32, id))]);
            }
            "MAX" => self.largest(&part("largest"), x, &[last])?,
            other => {
                return Err(node.problem(format!("norm {other}; L1, L2 and MAX are supported")));
            }
        };
        let inverse = self.push(&part("inverse"), Op::Unary(Unary::Reciprocal), &[size])?;
        let id = self.push(&name, Op::Mul, &[x, inverse])?;
        Ok(vec![Some(self.computed(Kind::F32, id))])
    }

    /// Whether rows hold numbers that are not negative with a sum of one.
    fn has_unit_rows(&self, id: NodeId) -> bool {
        matches!(self.op_of(id), Op::Softmax) || self.unit_rows.contains(&id)
    }

    /// `FeatureVectorizer`: tables side by side.
    pub(in crate::onnx::lower) fn side_by_side(&mut self, node: &mut Node, args: &Args) -> Results {
        let count = node.inputs.len();
        node.takes(count.max(1), count)?;
        let widths = node.attributes.ints("inputdimensions")?.unwrap_or_default();
        let mut parts = vec![];
        for at in 0..count {
            let columns = self.table(node, args, at)?;
            if widths.get(at).is_none_or(|width| *width != columns as i64) {
                return Err(node.problem(format!(
                    "attribute `inputdimensions` is {widths:?}; operand {at} has {columns} columns"
                )));
            }
            parts.push(self.operand(node, args, at)?);
        }
        let id = match parts.as_slice() {
            [x] => *x,
            parts => self.push(&node.name, Op::View(View::Concat(1)), parts)?,
        };
        Ok(vec![Some(self.computed(Kind::F32, id))])
    }

    /// `ArrayFeatureExtractor`: constant columns of a table, or entries of a constant list at
    /// computed places, as class numbers are.
    pub(in crate::onnx::lower) fn extracted(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        if args.tensor(1).is_none() {
            let list =
                self.known(node, args, 0, "list of which entries at computed places are chosen")?;
            let numbers = list.as_ints().filter(|_| {
                list.shape().iter().product::<usize>() == list.shape().last().copied().unwrap_or(0)
            });
            let numbers = numbers.ok_or_else(|| {
                node.problem("entries at computed places of what is no list of integers")
            })?;
            let place = self.operand(node, args, 1)?;
            if self.places(place) != Some(numbers.len()) {
                return Err(node.problem(
                    "entries at computed places are supported at places that an \
                        ArgMax over as many entries gives",
                ));
            }
            let chosen = self.renamed(node, place, &numbers)?;
            let count = self.shape_of(place).iter().product();
            let id = self.plain(node, &chosen, &node.name)?;
            let id = self.reshaped(&format!("{}.row", node.name), id, &[1, count])?;
            if let Some(names) = self.texts.get(args.name(node, 0)) {
                self.classes.insert(id, names.clone());
            }
            return Ok(vec![Some(self.computed(list.kind, id))]);
        }
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let indices = self.integers(node, args, 1, "columns")?;
        let last = shape.last().copied().unwrap_or(0);
        let chosen =
            indices.iter().map(|&index| usize::try_from(index).ok().filter(|&index| index < last));
        let chosen = chosen.collect::<Option<Vec<_>>>().filter(|chosen| !chosen.is_empty());
        let chosen = chosen.ok_or_else(|| {
            node.problem(format!("a column is outside the {last} of its operand"))
        })?;
        let axis = axis_of(node, -1, shape.len())?;
        let rows = if shape.len() == 1 {
            vec![1, chosen.len()]
        } else {
            [&shape[..axis], &[chosen.len()]].concat()
        };
        self.view(node, args, |lowering, name, x| {
            let x = lowering.selected(name, x, axis, &chosen)?;
            lowering.reshaped(&format!("{name}.row"), x, &rows)
        })
    }

    /// Among how many entries a value is the place of the largest, where it is one.
    pub(super) fn places(&self, id: NodeId) -> Option<usize> {
        match (self.op_of(id), self.inputs_of(id)) {
            (Op::ArgMax, &[scores]) => self.shape_of(scores).last().copied(),
            (Op::View(View::Reshape), &[x]) => self.places(x),
            _ => None,
        }
    }

    /// `Imputer`. What it replaces by default is no number, and inputs that are none have no proof:
    /// nothing is replaced.
    pub(in crate::onnx::lower) fn imputer(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let replaced = node.attributes.number("replaced_value_float")?.unwrap_or(0.0);
        node.attributes.ignore("imputed_value_floats");
        if !replaced.is_nan() {
            return Err(node.problem(format!(
                "it replaces {replaced}; only a missing number (NaN) is \
                    understood, which no input may be"
            )));
        }
        Ok(vec![args.get(0).cloned()])
    }

    /// `ZipMap`: pairs of label and score; the scores alone.
    pub(in crate::onnx::lower) fn zip_map(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let labels = Labels::taken(node, "classlabels_int64s")?;
        if let Some(Value::Computed(scores)) = args.get(0)
            && let Ok(scores) = scores.plain
        {
            self.name_scores(scores, &labels);
        }
        Ok(vec![args.get(0).cloned()])
    }
}
