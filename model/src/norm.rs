//! The normalization of rows: layer norm, RMS norm and L2 norm are one operation.

use ndarray::{Array1, ArrayD, ArrayViewD};

/// A normalization of the rows of the last axis, `x / divisor * gain + bias`.
#[derive(Clone, Debug)]
pub struct Norm {
    /// What a row is divided by.
    pub form: NormForm,
    /// Keeps the divisor from zero.
    pub epsilon: f32,
    /// `[last axis]`.
    pub gain: Option<Array1<f32>>,
    /// `[last axis]`.
    pub bias: Option<Array1<f32>>,
}

/// What a normalized row is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormForm {
    /// `sqrt(variance + epsilon)`, after its mean is subtracted: layer norm.
    Layer,
    /// `sqrt(mean(x^2) + epsilon)`: RMS norm.
    Rms,
    /// `max(||x||, epsilon)`: L2 norm.
    L2,
}

impl Norm {
    /// `(x - mean) / sqrt(variance + epsilon)`.
    pub fn layer(epsilon: f32) -> Norm {
        Norm { form: NormForm::Layer, epsilon, gain: None, bias: None }
    }

    /// `x / sqrt(mean(x^2) + epsilon)`.
    pub fn rms(epsilon: f32) -> Norm {
        Norm { form: NormForm::Rms, ..Norm::layer(epsilon) }
    }

    /// `x / max(||x||, epsilon)`.
    pub fn l2(epsilon: f32) -> Norm {
        Norm { form: NormForm::L2, ..Norm::layer(epsilon) }
    }

    /// The normalized rows.
    ///
    /// # Errors
    /// A gain or bias of another length than the rows.
    pub(crate) fn evaluate(&self, x: &ArrayViewD<'_, f32>) -> Result<ArrayD<f32>, String> {
        let mut out = x.as_standard_layout().into_owned();
        for mut row in out.rows_mut() {
            let width = row.len() as f64;
            if self.form == NormForm::Layer {
                let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / width;
                row.map_inplace(|x| *x = (f64::from(*x) - mean) as f32);
            }
            let squares: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let epsilon = f64::from(self.epsilon);
            let factor = match self.form {
                NormForm::Layer | NormForm::Rms => 1.0 / (squares / width + epsilon).sqrt(),
                NormForm::L2 => 1.0 / squares.sqrt().max(epsilon),
            };
            row.map_inplace(|x| *x = (f64::from(*x) * factor) as f32);
        }
        if let Some(gain) = &self.gain {
            fits(gain, &out)?;
            out *= gain;
        }
        if let Some(bias) = &self.bias {
            fits(bias, &out)?;
            out += bias;
        }
        Ok(out)
    }
}

/// Whether there is a number for each element of the last axis of `x`, or one for all.
fn fits(values: &Array1<f32>, x: &ArrayD<f32>) -> Result<(), String> {
    match x.shape().last() {
        Some(&width) if values.len() == width || values.len() == 1 => Ok(()),
        _ => Err(format!("{} numbers for rows of an operand {:?}", values.len(), x.shape())),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn norms_follow_their_formulas() {
        let x = array![[1.0, 2.0, 3.0, 4.0]].into_dyn();
        let (gain, bias) = (Some(Array1::from_elem(4, 2.0)), Some(Array1::from_elem(4, 1.0)));
        let layer = Norm { gain: gain.clone(), bias, ..Norm::layer(0.0) };
        let rms = Norm { gain, ..Norm::rms(0.5) };
        for (norm, x, expected) in [
            (layer, &x, (&x - 2.5) / 1.25f32.sqrt() * 2.0 + 1.0),
            (rms, &x, &x / 8f32.sqrt() * 2.0),
            (Norm::l2(1e-12), &x, &x / 30f32.sqrt()),
            (Norm::l2(10.0), &x, &x / 10.0),
            (Norm::l2(1e-12), &(&x * 0.0), &x * 0.0),
        ] {
            let found = norm.evaluate(&x.view()).unwrap();
            assert!((found - expected).iter().all(|error| error.abs() < 1e-6), "{norm:?}");
        }
    }

    #[test]
    fn rejects_parameters_of_another_length() {
        let x = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
        let three = Some(Array1::ones(3));
        for norm in [Norm::layer(0.0), Norm::rms(0.0), Norm::l2(1.0)] {
            let scaled = Norm { gain: three.clone(), ..norm.clone() };
            let shifted = Norm { bias: three.clone(), ..norm };
            assert!(scaled.evaluate(&x.view()).is_err());
            assert!(shifted.evaluate(&x.view()).is_err());
        }
    }
}
