//! A normalisation with its weights.

use lemma_model::Op;

use super::{Norm, Place, Weights};

impl Norm {
    /// The operation, with the gain times `scale`.
    pub(super) fn op<W: Weights>(
        self,
        weights: &mut W,
        place: Place,
        width: usize,
        scale: f32,
    ) -> Result<Op, W::Error> {
        let mut gain = weights.vector(place, width)?;
        if scale != 1.0 {
            gain *= scale;
        }
        let gain = Some(gain);
        Ok(Op::Norm(match self {
            Norm::Rms { epsilon } => lemma_model::Norm { gain, ..lemma_model::Norm::rms(epsilon) },
            Norm::Layer { epsilon } => {
                let bias = Some(weights.vector(place.bias(), width)?);
                lemma_model::Norm { gain, bias, ..lemma_model::Norm::layer(epsilon) }
            }
        }))
    }
}
