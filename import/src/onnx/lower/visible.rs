//! Which keys the queries of an attention see.
//!
//! What is known to be hidden, by a constant mask, a window or the causal order, is one pattern.
//! A query that sees no key at all has the result 0: its keys are shown to the softmax, which gives
//! any weights, and the result is multiplied by 0.

use ndarray::{ArrayD, Axis, Dimension, IxDyn};

use super::step::{constant, int, list, number, truths};
use super::value::Value;
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{broadcast, is_hiding};

/// Which queries see any key: 1 or 0 for each row of scores.
pub(super) enum Seeing {
    Known(ArrayD<f32>),
    Computed(Value),
}

impl Lowering {
    /// Scores under a mask and where `allowed` is 1: as the file has them where they are `read`, as
    /// a softmax takes them, and which queries see any key, where not all are known to.
    pub(super) fn visible(
        &mut self,
        node: &Node,
        scores: Value,
        allowed: Option<ArrayD<f32>>,
        mask: Option<&Value>,
        columns: usize,
        read: bool,
    ) -> Result<(Value, Value, Option<Seeing>), Problem> {
        let mut scores = scores;
        let mut known = allowed;
        match mask {
            Some(Value::Constant(mask)) => {
                let (numbers, is_flag) = (mask.as_floats(), mask.kind == Kind::Bool);
                let shown = numbers.mapv(|value| {
                    f32::from(if is_flag { value != 0.0 } else { !is_hiding(value) })
                });
                let shown = padded(shown, columns);
                known = Some(match &known {
                    Some(known) => broadcast_product(node, known, &shown)?,
                    None => shown,
                });
                let added = numbers.mapv(|value| if is_hiding(value) { 0.0 } else { value });
                if !is_flag && added.iter().any(|&value| value != 0.0) {
                    let added = constant(padded(added, columns));
                    scores = self.step_of(node, "masked", "Add", &[&scores, &added], vec![])?;
                }
            }
            Some(mask) => scores = self.under_mask(node, &scores, mask, columns)?,
            None => {}
        }
        let seeing = self.seeing(node, known.as_ref(), mask, columns)?;
        let biased = match &known {
            Some(known) if read => self.shown(node, "biased", known, &scores)?,
            _ => scores.clone(),
        };
        if let Some(mut known) = known {
            if let Some(Seeing::Known(seeing)) = &seeing {
                let blind = seeing.mapv(|seeing| 1.0 - seeing);
                known = (&known + &blind).mapv(|shown: f32| shown.min(1.0));
            }
            scores = self.shown(node, "shown", &known, &scores)?;
        }
        Ok((biased, scores, seeing))
    }

    /// Scores that are hidden where a constant is 0.
    fn shown(
        &mut self,
        node: &Node,
        part: &str,
        shown: &ArrayD<f32>,
        scores: &Value,
    ) -> Result<Value, Problem> {
        if shown.iter().all(|&shown| shown == 1.0) {
            return Ok(scores.clone());
        }
        let (shown, hidden) = (truths(shown), number(f32::NEG_INFINITY));
        self.step_of(node, part, "Where", &[&shown, scores, &hidden], vec![])
    }

    /// Which queries see any key, one for each row of scores: nothing where all are known to.
    fn seeing(
        &mut self,
        node: &Node,
        known: Option<&ArrayD<f32>>,
        mask: Option<&Value>,
        columns: usize,
    ) -> Result<Option<Seeing>, Problem> {
        if let Some(Value::Computed(mask)) = mask
            && mask.kind == Kind::Bool
        {
            let flags = Value::Computed(mask.clone());
            let mut flags = self.step_of(node, "flags", "Cast", &[&flags], vec![int("to", 1)])?;
            if let Some(known) = known {
                // Columns past the end of the mask are hidden.
                let last = flags.shape().last().copied().unwrap_or(1);
                let width = if last == 1 { columns } else { last.min(columns) };
                let axis = known.ndim() - 1;
                let known = match known.shape()[axis] {
                    1 => known.view(),
                    _ => known.slice_axis(Axis(axis), (..width).into()),
                };
                let known = constant(known.as_standard_layout().into_owned());
                flags = self.step_of(node, "visible", "Mul", &[&flags, &known], vec![])?;
            }
            let count =
                self.step_of(node, "visible_keys", "ReduceSum", &[&flags, &list(&[-1])], vec![])?;
            let any = self.step_of(node, "any", "Sign", &[&count], vec![])?;
            return Ok(Some(Seeing::Computed(any)));
        }
        let any = known.map(|known| {
            let last = Axis(known.ndim().saturating_sub(1));
            known
                .map_axis(last, |row| f32::from(row.iter().any(|&flag| flag != 0.0)))
                .insert_axis(last)
        });
        Ok(any.filter(|any| any.iter().any(|&flag| flag == 0.0)).map(Seeing::Known))
    }

    /// Scores under a mask of truth values or of numbers to add, which hides what lies past its
    /// end.
    fn under_mask(
        &mut self,
        node: &Node,
        scores: &Value,
        mask: &Value,
        columns: usize,
    ) -> Result<Value, Problem> {
        let mut mask = mask.clone();
        let last = mask.shape().last().copied().unwrap_or(1);
        let is_flag = mask.kind() == Kind::Bool;
        let hidden = number(f32::NEG_INFINITY);
        let shape = scores.shape().to_vec();
        let within = last < columns && last > 1;
        if within {
            // The columns that the mask has; the others are hidden after it.
            let mut filled = mask.shape().to_vec();
            if let Some(last) = filled.last_mut() {
                *last = columns - *last;
            }
            let neutral = if is_flag {
                truths(&ArrayD::ones(filled))
            } else {
                constant(ArrayD::zeros(filled))
            };
            mask =
                self.step_of(node, "mask", "Concat", &[&mask, &neutral], vec![int("axis", -1)])?;
        }
        let mut result = if is_flag {
            self.step_of(node, "masked", "Where", &[&mask, scores, &hidden], vec![])?
        } else {
            self.step_of(node, "masked", "Add", &[scores, &mask], vec![])?
        };
        if within {
            let inside = truths(&flags(&[1, 1, 1, columns], |at| at[3] < last));
            result = self.step_of(node, "inside", "Where", &[&inside, &result, &hidden], vec![])?;
        }
        if result.shape() != shape {
            return Err(
                node.problem(format!("a mask of {:?} for scores of {shape:?}", mask.shape()))
            );
        }
        Ok(result)
    }
}
/// 1 where something holds, 0 elsewhere.
pub(super) fn flags(shape: &[usize], holds: impl Fn(&[usize]) -> bool) -> ArrayD<f32> {
    ArrayD::from_shape_fn(IxDyn(shape), |at| f32::from(holds(at.slice())))
}

/// Flags with zeros up to `columns`.
fn padded(flags: ArrayD<f32>, columns: usize) -> ArrayD<f32> {
    let Some(&last) = flags.shape().last() else { return flags };
    if last == 1 || last >= columns {
        return flags;
    }
    let mut shape = flags.shape().to_vec();
    let axis = shape.len() - 1;
    shape[axis] = columns - last;
    let zeros = ArrayD::zeros(shape);
    ndarray::concatenate(Axis(axis), &[flags.view(), zeros.view()]).unwrap_or(flags)
}

fn broadcast_product(
    node: &Node,
    a: &ArrayD<f32>,
    b: &ArrayD<f32>,
) -> Result<ArrayD<f32>, Problem> {
    let misfit = || node.problem("its mask does not fit its scores");
    let shape = broadcast(a.shape(), b.shape()).ok_or_else(misfit)?;
    let (a, b) = (
        a.broadcast(shape.as_slice()).ok_or_else(misfit)?,
        b.broadcast(shape.as_slice()).ok_or_else(misfit)?,
    );
    Ok(&a * &b)
}
