//! The values of unary functions, in one place for the interpreter and for lookup tables.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::Unary;

impl Unary {
    /// The function at `x`. Uses the portable `libm`, so that every machine gets the same bits.
    ///
    /// Outside a function's domain (`Sqrt`, `Ln`, `Pow` of negative numbers) the result is not a number, and so it is of what is
    /// not a number; `Rsqrt` and `Reciprocal` of zero are infinite.
    pub fn evaluate(self, x: f64) -> f64 {
        match self {
            Unary::Relu => at_least(x, 0.0),
            Unary::LeakyRelu(slope) => {
                if x > 0.0 {
                    x
                } else {
                    f64::from(slope) * x
                }
            }
            Unary::Clip(low, high) => at_most(at_least(x, f64::from(low)), f64::from(high)),
            Unary::Sigmoid => sigmoid(x),
            Unary::Tanh => libm::tanh(x),
            Unary::HardSigmoid(alpha, beta) => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
            Unary::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Unary::Elu(alpha) => {
                if x > 0.0 {
                    x
                } else {
                    f64::from(alpha) * libm::expm1(x)
                }
            }
            Unary::Softplus => at_least(x, 0.0) + libm::log1p(libm::exp(-x.abs())),
            Unary::Erf => libm::erf(x),
            Unary::Gelu => 0.5 * x * (1.0 + libm::erf(x * FRAC_1_SQRT_2)),
            Unary::GeluTanh => 0.5 * x * (1.0 + libm::tanh(FRAC_2_PI.sqrt() * (x + 0.044715 * x * x * x))),
            Unary::Silu => x * sigmoid(x),
            Unary::ReluSquared => at_least(x, 0.0) * at_least(x, 0.0),
            Unary::Exp => libm::exp(x),
            Unary::Sqrt => x.sqrt(),
            Unary::Rsqrt => 1.0 / x.sqrt(),
            Unary::Reciprocal => 1.0 / x,
            Unary::Square => x * x,
            Unary::Abs => x.abs(),
            Unary::Ln => libm::log(x),
            Unary::Pow(exponent) => libm::pow(x, f64::from(exponent)),
        }
    }

    /// Whether the function divides by its argument: it has a pole at zero.
    pub fn divides(self) -> bool {
        match self {
            Unary::Reciprocal | Unary::Rsqrt => true,
            Unary::Pow(exponent) => exponent < 0.0,
            _ => false,
        }
    }

    /// Whether numbers near zero matter however small they are: there the function has a pole or ends.
    pub fn is_steep_at_zero(self) -> bool {
        match self {
            Unary::Ln | Unary::Sqrt => true,
            Unary::Pow(exponent) => exponent < 1.0,
            other => other.divides(),
        }
    }
}

/// The larger number; not a number when `x` is none.
fn at_least(x: f64, low: f64) -> f64 {
    if x < low { low } else { x }
}

/// The smaller number; not a number when `x` is none.
fn at_most(x: f64, high: f64) -> f64 {
    if x > high { high } else { x }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_known_values() {
        let cases = [
            (Unary::Sigmoid, 0.0, 0.5),
            (Unary::Gelu, 1.0, 0.841_344_746_068_542_9),
            (Unary::GeluTanh, 1.0, 0.841_191_990_607_477_2),
            (Unary::Softplus, 0.0, std::f64::consts::LN_2),
            (Unary::Softplus, 1000.0, 1000.0),
            (Unary::Softplus, -1000.0, 0.0),
            (Unary::HardSwish, 3.0, 3.0),
            (Unary::HardSwish, -3.0, 0.0),
            (Unary::Elu(2.0), -1.0, 2.0 * (1.0 / std::f64::consts::E - 1.0)),
            (Unary::Silu, -1000.0, 0.0),
            (Unary::Clip(0.0, 6.0), 7.0, 6.0),
            (Unary::LeakyRelu(0.25), -2.0, -0.5),
            (Unary::Rsqrt, 4.0, 0.5),
            (Unary::Pow(3.0), -2.0, -8.0),
        ];
        for (function, x, expected) in cases {
            assert!((function.evaluate(x) - expected).abs() < 1e-12, "{function:?} at {x}");
        }
    }

    #[test]
    fn nothing_makes_a_number_of_what_is_none() {
        let functions = [
            Unary::Relu,
            Unary::LeakyRelu(0.1),
            Unary::Clip(-1.0, 1.0),
            Unary::HardSigmoid(0.2, 0.5),
            Unary::HardSwish,
            Unary::Elu(1.0),
            Unary::Softplus,
            Unary::ReluSquared,
            Unary::Sigmoid,
            Unary::Abs,
        ];
        for function in functions {
            assert!(function.evaluate(f64::NAN).is_nan(), "{function:?}");
        }
    }
}
