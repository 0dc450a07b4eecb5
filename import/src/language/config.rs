//! What a decoder is, apart from its weights.

use lemma_model::Unary;

use super::rotary::Rotary;

/// Most tokens; the causal mask has their square.
pub const MAX_TOKENS: usize = 1 << 12;

/// Most angles of a model: tokens, times the width of a head, times layers.
const MAX_ANGLES: usize = 1 << 26;

/// A causal decoder: tokens to a logit for every token that could come next.
///
/// Every layer adds an attention and an MLP to the residual stream, each behind a normalisation;
/// the stream is normalised before the logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// Number of token ids.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the MLP.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head: usize,
    /// Longest sequence that the model was made for.
    pub longest: usize,
    /// The normalisations.
    pub norm: Norm,
    /// How a token knows its position.
    pub positions: Positions,
    /// Which linear maps have a bias.
    pub biases: Biases,
    /// Whether each head's query and key are normalised (RMS) before they are rotated.
    pub head_norm: bool,
    /// The MLP.
    pub mlp: Mlp,
    /// Whether the logits are products with the embedding.
    pub tied: bool,
}

/// A normalisation over the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// By the root of the mean square; a gain.
    Rms {
        /// Added to the mean square.
        epsilon: f32,
    },
    /// By mean and variance; a gain and a bias.
    Layer {
        /// Added to the variance.
        epsilon: f32,
    },
}

/// How a token knows its position.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// A vector for each position is added to the embedding.
    Learned,
    /// Queries and keys are rotated.
    Rotary(Rotary),
}

/// Which linear maps have a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biases {
    /// Queries, keys and values.
    pub query_key_value: bool,
    /// The map behind the attention.
    pub output: bool,
    /// The MLP.
    pub mlp: bool,
}

/// The MLP of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mlp {
    /// `down(f(gate x) * up x)`.
    Gated(Unary),
    /// `down(f(up x))`.
    Plain(Unary),
}

impl Decoder {
    /// Whether the sizes fit each other and are those of a small model; a sentence about the first
    /// that is not. Products of two sizes that pass are below 2^40.
    pub fn check(&self) -> Result<(), String> {
        for (name, value, limit) in [
            ("width", self.width, 1 << 14),
            ("hidden width", self.hidden, 1 << 16),
            ("layers", self.layers, 1 << 7),
            ("heads", self.heads, 1 << 10),
            ("key-value heads", self.kv_heads, 1 << 10),
            ("head width", self.head, 1 << 14),
            ("width of all heads", self.heads.saturating_mul(self.head), 1 << 16),
            ("vocabulary", self.vocabulary, 1 << 20),
            ("longest sequence", self.longest, 1 << 20),
        ] {
            if !(1..=limit).contains(&value) {
                return Err(format!("{name} is {value}; 1 to {limit} are supported"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let (heads, kv) = (self.heads, self.kv_heads);
            return Err(format!("{heads} heads do not share {kv} key-value heads evenly"));
        }
        let (Norm::Rms { epsilon } | Norm::Layer { epsilon }) = self.norm;
        if !(0.0..1.0).contains(&epsilon) {
            return Err(format!("a normalisation adds {epsilon}; 0 to 1 is supported"));
        }
        match &self.positions {
            Positions::Learned => Ok(()),
            Positions::Rotary(_) if !self.head.is_multiple_of(2) => {
                Err(format!("heads of odd width {} are not rotated in pairs", self.head))
            }
            Positions::Rotary(rotary) => rotary.check(self.head),
        }
    }

    /// The most tokens that a model can be made for.
    pub fn most_tokens(&self) -> usize {
        let angles = match self.positions {
            Positions::Learned => MAX_TOKENS,
            Positions::Rotary(_) => MAX_ANGLES / (self.head * self.layers).max(1),
        };
        self.longest.min(MAX_TOKENS).min(angles)
    }
}
