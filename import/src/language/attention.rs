//! Attention over heads, and what it is built of.
//!
//! Rotary positions are `x * cos + partner(x) * sin` with constants; grouped key-value heads are
//! repeated by a view; masks are an [`Op::Mask`], the causal one by a constant.

use lemma_model::{Model, NodeId, Op, ShapeError, View};
use ndarray::{Array2, ArrayD, s};

use super::{Affine, Rotary};

/// A model of text under construction.
pub(super) struct Builder {
    pub model: Model,
    /// Tokens of a run.
    pub tokens: usize,
}

/// The heads of an attention.
#[derive(Clone, Copy)]
pub(super) struct Heads {
    pub heads: usize,
    pub kv_heads: usize,
    /// Width of one.
    pub head: usize,
}

impl Builder {
    pub fn new(tokens: usize) -> Builder {
        Builder { model: Model::default(), tokens }
    }

    pub fn dense(&mut self, name: String, map: Affine, x: NodeId) -> Result<NodeId, ShapeError> {
        self.model.push(name, Op::Dense { weight: map.weight, bias: map.bias }, &[x])
    }

    /// Adds rows `first`, `first + 1`, .. of a table to the tokens, one each.
    pub fn add_positions(
        &mut self,
        name: &str,
        x: NodeId,
        table: &Array2<f32>,
        first: usize,
    ) -> Result<NodeId, ShapeError> {
        let rows = table.slice(s![first..first + self.tokens, ..]);
        let rows = rows.to_owned().insert_axis(ndarray::Axis(0)).into_dyn();
        let positions = self.model.push(format!("{name}.positions"), Op::Constant(rows), &[])?;
        self.model.push(format!("{name}.placed"), Op::Add, &[x, positions])
    }

    /// `[1, T, heads * head]` to `[1, heads, T, head]`.
    pub fn split(
        &mut self,
        name: &str,
        x: NodeId,
        heads: usize,
        head: usize,
    ) -> Result<NodeId, ShapeError> {
        let shape = [1, self.tokens, heads, head];
        let x = self.model.push_shaped(
            format!("{name}.split"),
            Op::View(View::Reshape),
            &[x],
            &shape,
        )?;
        self.model.push(format!("{name}.heads"), Op::View(View::Transpose(vec![0, 2, 1, 3])), &[x])
    }

    /// Every pair of `[1, heads, T, head]` turned by the angle of its position.
    pub fn rotate(
        &mut self,
        name: &str,
        x: NodeId,
        heads: usize,
        head: usize,
        rotary: &Rotary,
    ) -> Result<NodeId, ShapeError> {
        let shape = vec![1, 1, self.tokens, head];
        let angle = |at: usize, entry: usize| rotary.angle(at, entry, head);
        let cos = ArrayD::from_shape_fn(shape.clone(), |i| libm::cos(angle(i[2], i[3])) as f32);
        let sin = ArrayD::from_shape_fn(shape, |i| {
            let sin = libm::sin(angle(i[2], i[3])) as f32;
            if rotary.is_first(i[3], head) { -sin } else { sin }
        });
        let cos = self.model.push(format!("{name}.cos"), Op::Constant(cos), &[])?;
        let sin = self.model.push(format!("{name}.sin"), Op::Constant(sin), &[])?;
        let straight = self.model.push(format!("{name}.straight"), Op::Mul, &[x, cos])?;
        let indices = (0..head).map(|entry| rotary.partner(entry, head)).collect();
        let swapped = self.model.push_shaped(
            format!("{name}.swap"),
            Op::View(View::Select { axis: 3, indices }),
            &[x],
            &[1, heads, self.tokens, head],
        )?;
        let across = self.model.push(format!("{name}.across"), Op::Mul, &[swapped, sin])?;
        self.model.push(format!("{name}.rotated"), Op::Add, &[straight, across])
    }

    /// Causal attention; otherwise as [`Builder::attention`].
    pub fn causal(
        &mut self,
        at: &str,
        heads: Heads,
        operands: [NodeId; 3],
    ) -> Result<NodeId, ShapeError> {
        let t = self.tokens;
        self.attention(at, heads, operands, |model| {
            let later =
                ArrayD::from_shape_fn(vec![1, 1, t, t], |i| f32::from(u8::from(i[3] > i[2])));
            model.push(format!("{at}.later"), Op::Constant(later), &[])
        })
    }

    /// Attention of queries and keys `[1, heads, T, head]` over values `[1, T, kv_heads * head]`,
    /// with the scale in the queries and the scores hidden that a node says: `[1, T, heads * head]`.
    pub fn attention(
        &mut self,
        at: &str,
        heads: Heads,
        [query, key, value]: [NodeId; 3],
        hidden: impl FnOnce(&mut Model) -> Result<NodeId, ShapeError>,
    ) -> Result<NodeId, ShapeError> {
        let t = self.tokens;
        let key = self.repeat(format!("{at}.key.repeat"), key, heads)?;
        let flipped = View::Transpose(vec![0, 1, 3, 2]);
        let key = self.model.push(format!("{at}.key.transpose"), Op::View(flipped), &[key])?;
        let value = self.split(&format!("{at}.value"), value, heads.kv_heads, heads.head)?;
        let value = self.repeat(format!("{at}.value.repeat"), value, heads)?;

        let scores = self.model.push(format!("{at}.scores"), Op::MatMul, &[query, key])?;
        let hidden = hidden(&mut self.model)?;
        let scores = self.model.push(format!("{at}.masked"), Op::Mask, &[scores, hidden])?;
        let weights = self.model.push(format!("{at}.softmax"), Op::Softmax, &[scores])?;
        let mixed = self.model.push(format!("{at}.mix"), Op::MatMul, &[weights, value])?;
        let joined = View::Transpose(vec![0, 2, 1, 3]);
        let mixed = self.model.push(format!("{at}.mix.transpose"), Op::View(joined), &[mixed])?;
        self.model.push_shaped(
            format!("{at}.mix.join"),
            Op::View(View::Reshape),
            &[mixed],
            &[1, t, heads.heads * heads.head],
        )
    }

    /// Key-value heads, each as often as query heads share it.
    fn repeat(&mut self, name: String, x: NodeId, heads: Heads) -> Result<NodeId, ShapeError> {
        let Heads { heads, kv_heads, head } = heads;
        if heads == kv_heads {
            return Ok(x);
        }
        let indices = (0..heads).map(|index| index / (heads / kv_heads)).collect();
        let shape = [1, heads, self.tokens, head];
        self.model.push_shaped(name, Op::View(View::Select { axis: 1, indices }), &[x], &shape)
    }
}
