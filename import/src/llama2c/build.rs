//! From the weights of a checkpoint to the float model.

use ndarray::{Array1, Array2, ArrayD, Axis};

use super::file::{Config, Weights};
use super::{EPSILON, Options, Problem};
use lemma_model::{Model, NodeId, Op, ShapeError, Unary, View};

/// Base of the rotation frequencies.
const ROTATION_BASE: f64 = 10_000.0;

/// One layer; matrices as `[in, out]`.
struct Layer {
    attention_gain: Array1<f32>,
    query: Array2<f32>,
    key: Array2<f32>,
    value: Array2<f32>,
    output: Array2<f32>,
    mlp_gain: Array1<f32>,
    gate: Array2<f32>,
    down: Array2<f32>,
    up: Array2<f32>,
}

/// The model of a checkpoint. The file is ordered by kind of weight, so all of it is read first.
pub fn model(config: &Config, weights: &mut Weights, options: &Options) -> Result<Model, Problem> {
    let (d, hidden, count, kv) = (config.width, config.hidden, config.layers, config.kv_width());
    let embedding = weights.matrix("embedding", config.vocabulary, d)?;
    let mut attention_gain = weights.vectors("attention gain", count, d)?.into_iter();
    let mut query = weights.matrices("query", count, d, d)?.into_iter();
    let mut key = weights.matrices("key", count, kv, d)?.into_iter();
    let mut value = weights.matrices("value", count, kv, d)?.into_iter();
    let mut output = weights.matrices("attention output", count, d, d)?.into_iter();
    let mut mlp_gain = weights.vectors("mlp gain", count, d)?.into_iter();
    let mut gate = weights.matrices("gate", count, hidden, d)?.into_iter();
    let mut down = weights.matrices("down", count, d, hidden)?.into_iter();
    let mut up = weights.matrices("up", count, hidden, d)?.into_iter();
    let final_gain = weights.vectors("final gain", 1, d)?.pop();
    weights.skip(config.longest * config.head())?;
    let classifier = if config.shared {
        embedding.clone()
    } else {
        weights.matrix("classifier", config.vocabulary, d)?
    };

    let mut builder = Builder { model: Model::default(), config, tokens: options.tokens };
    let scale = (1.0 / (config.head() as f64).sqrt()) as f32;
    let mut x = builder.embed(embedding)?;
    for index in 0..count {
        // Every list has `count` entries.
        let layer = || {
            Some(Layer {
                attention_gain: attention_gain.next()?,
                query: transposed(query.next()? * scale),
                key: transposed(key.next()?),
                value: transposed(value.next()?),
                output: transposed(output.next()?),
                mlp_gain: mlp_gain.next()?,
                gate: transposed(gate.next()?),
                down: transposed(down.next()?),
                up: transposed(up.next()?),
            })
        };
        if let Some(layer) = { layer }() {
            x = builder.layer(index, layer, x)?;
        }
    }
    builder.finish(x, final_gain, transposed(classifier))?;
    Ok(builder.model)
}

fn transposed(matrix: Array2<f32>) -> Array2<f32> {
    matrix.reversed_axes().as_standard_layout().into_owned()
}

struct Builder<'a> {
    model: Model,
    config: &'a Config,
    tokens: usize,
}

impl Builder<'_> {
    fn embed(&mut self, table: Array2<f32>) -> Result<NodeId, ShapeError> {
        let vocabulary = self.config.vocabulary;
        let ids = self.model.push_input("tokens", Op::Tokens { vocabulary }, &[1, self.tokens])?;
        self.model.push("embedding", Op::Embedding { table }, &[ids])
    }

    fn layer(&mut self, index: usize, layer: Layer, x: NodeId) -> Result<NodeId, ShapeError> {
        let at = |part: &str| format!("layer{index}.{part}");
        let gain = Some(layer.attention_gain);
        let normed =
            self.model.push(at("attention.norm"), Op::RmsNorm { epsilon: EPSILON, gain }, &[x])?;
        let query = self.dense(at("attention.query"), layer.query, normed)?;
        let key = self.dense(at("attention.key"), layer.key, normed)?;
        let value = self.dense(at("attention.value"), layer.value, normed)?;
        let heads = self.attention(&at("attention"), query, key, value)?;
        let output = self.dense(at("attention.output"), layer.output, heads)?;
        let x = self.model.push(at("attention.residual"), Op::Add, &[x, output])?;

        let gain = Some(layer.mlp_gain);
        let normed =
            self.model.push(at("mlp.norm"), Op::RmsNorm { epsilon: EPSILON, gain }, &[x])?;
        let gate = self.dense(at("mlp.gate"), layer.gate, normed)?;
        let gate = self.model.push(at("mlp.silu"), Op::Unary(Unary::Silu), &[gate])?;
        let up = self.dense(at("mlp.up"), layer.up, normed)?;
        let gated = self.model.push(at("mlp.gated"), Op::Mul, &[gate, up])?;
        let down = self.dense(at("mlp.down"), layer.down, gated)?;
        self.model.push(at("mlp.residual"), Op::Add, &[x, down])
    }

    /// Causal attention over `[1, T, heads * head]`.
    fn attention(
        &mut self,
        at: &str,
        query: NodeId,
        key: NodeId,
        value: NodeId,
    ) -> Result<NodeId, ShapeError> {
        let (heads, kv_heads, head, t) =
            (self.config.heads, self.config.kv_heads, self.config.head(), self.tokens);
        let query = self.split(format!("{at}.query"), query, heads)?;
        let query = self.rotate(&format!("{at}.query"), query, heads)?;
        let key = self.split(format!("{at}.key"), key, kv_heads)?;
        let key = self.rotate(&format!("{at}.key"), key, kv_heads)?;
        let key = self.repeat(format!("{at}.key.repeat"), key)?;
        let flipped = View::Transpose(vec![0, 1, 3, 2]);
        let key = self.model.push(format!("{at}.key.transpose"), Op::View(flipped), &[key])?;
        let value = self.split(format!("{at}.value"), value, kv_heads)?;
        let value = self.repeat(format!("{at}.value.repeat"), value)?;

        let scores = self.model.push(format!("{at}.scores"), Op::MatMul, &[query, key])?;
        let later = ArrayD::from_shape_fn(vec![1, 1, t, t], |i| f32::from(u8::from(i[3] > i[2])));
        let later = self.model.push(format!("{at}.later"), Op::Constant(later), &[])?;
        let scores = self.model.push(format!("{at}.masked"), Op::Mask, &[scores, later])?;
        let weights = self.model.push(format!("{at}.softmax"), Op::Softmax, &[scores])?;
        let mixed = self.model.push(format!("{at}.mix"), Op::MatMul, &[weights, value])?;
        let joined = View::Transpose(vec![0, 2, 1, 3]);
        let mixed = self.model.push(format!("{at}.mix.transpose"), Op::View(joined), &[mixed])?;
        self.model.push_shaped(
            format!("{at}.mix.join"),
            Op::View(View::Reshape),
            &[mixed],
            &[1, t, heads * head],
        )
    }

    fn dense(
        &mut self,
        name: String,
        weight: Array2<f32>,
        x: NodeId,
    ) -> Result<NodeId, ShapeError> {
        self.model.push(name, Op::Dense { weight, bias: None }, &[x])
    }

    /// `[1, T, heads * head]` to `[1, heads, T, head]`.
    fn split(&mut self, name: String, x: NodeId, heads: usize) -> Result<NodeId, ShapeError> {
        let shape = [1, self.tokens, heads, self.config.head()];
        let x = self.model.push_shaped(
            format!("{name}.split"),
            Op::View(View::Reshape),
            &[x],
            &shape,
        )?;
        self.model.push(format!("{name}.heads"), Op::View(View::Transpose(vec![0, 2, 1, 3])), &[x])
    }

    /// Pair `(2i, 2i + 1)` of `[1, heads, T, head]` at position t turned by
    /// `t * base^(-2i / head)`.
    fn rotate(&mut self, name: &str, x: NodeId, heads: usize) -> Result<NodeId, ShapeError> {
        let (head, t) = (self.config.head(), self.tokens);
        let angle = |at: usize, entry: usize| {
            let pair = (entry - entry % 2) as f64;
            at as f64 * libm::pow(ROTATION_BASE, -pair / head as f64)
        };
        let shape = vec![1, 1, t, head];
        let cos = ArrayD::from_shape_fn(shape.clone(), |i| libm::cos(angle(i[2], i[3])) as f32);
        let sin = ArrayD::from_shape_fn(shape, |i| {
            let sin = libm::sin(angle(i[2], i[3])) as f32;
            if i[3] % 2 == 0 { -sin } else { sin }
        });
        let cos = self.model.push(format!("{name}.cos"), Op::Constant(cos), &[])?;
        let sin = self.model.push(format!("{name}.sin"), Op::Constant(sin), &[])?;
        let straight = self.model.push(format!("{name}.straight"), Op::Mul, &[x, cos])?;
        let swap = View::Select { axis: 3, indices: (0..head).map(|entry| entry ^ 1).collect() };
        let swapped = self.model.push_shaped(
            format!("{name}.swap"),
            Op::View(swap),
            &[x],
            &[1, heads, t, head],
        )?;
        let across = self.model.push(format!("{name}.across"), Op::Mul, &[swapped, sin])?;
        self.model.push(format!("{name}.rotated"), Op::Add, &[straight, across])
    }

    /// Key-value heads, each as often as query heads share it.
    fn repeat(&mut self, name: String, x: NodeId) -> Result<NodeId, ShapeError> {
        let (heads, kv_heads) = (self.config.heads, self.config.kv_heads);
        if heads == kv_heads {
            return Ok(x);
        }
        let indices = (0..heads).map(|index| index / (heads / kv_heads)).collect();
        let shape = [1, heads, self.tokens, self.config.head()];
        self.model.push_shaped(name, Op::View(View::Select { axis: 1, indices }), &[x], &shape)
    }

    fn finish(
        &mut self,
        x: NodeId,
        gain: Option<Array1<f32>>,
        classifier: Array2<f32>,
    ) -> Result<(), ShapeError> {
        debug_assert_eq!(classifier.len_of(Axis(1)), self.config.vocabulary);
        let x = self.model.push("norm", Op::RmsNorm { epsilon: EPSILON, gain }, &[x])?;
        let logits = self.dense("logits".into(), classifier, x)?;
        self.model.outputs.push(("logits".into(), logits));
        Ok(())
    }
}
