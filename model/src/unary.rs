//! Functions of one number: which there are, their values for the interpreter and for lookup
//! tables, and the ONNX operators that they are.
//!
//! A new one without parameters is a variant, an arm of [`Unary::evaluate`] and a line of the table
//! of operators; nothing else names it.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use serde::{Deserialize, Serialize};

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Unary {
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, `slope * x` elsewhere.
    LeakyRelu(f32),
    /// `min(max(x, low), high)`; ReLU6 is `Clip(0, 6)`. The smallest and the largest number bound
    /// nothing, so that what is infinite stays so.
    Clip(f32, f32),
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `clip(alpha * x + beta, 0, 1)`.
    HardSigmoid(f32, f32),
    /// `x * clip(x / 6 + 1/2, 0, 1)`.
    HardSwish,
    /// `x` where positive, `alpha * (exp(x) - 1)` elsewhere.
    Elu(f32),
    /// `ln(1 + exp(x))`.
    Softplus,
    /// The error function.
    Erf,
    /// `x * (1 + erf(x / sqrt 2)) / 2`.
    Gelu,
    /// GELU by the tanh approximation.
    GeluTanh,
    /// `x * sigmoid(x)`.
    Silu,
    /// `max(x, 0)^2`.
    ReluSquared,
    /// `exp(x)`.
    Exp,
    /// `sqrt(x)`.
    Sqrt,
    /// `1 / sqrt(x)`.
    Rsqrt,
    /// `1 / x`.
    Reciprocal,
    /// `x^2`.
    Square,
    /// `|x|`.
    Abs,
    /// `ln x`.
    Ln,
    /// `x^p` for a constant `p`.
    Pow(f32),
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Inverse sine, on -1 to 1.
    Asin,
    /// Inverse cosine, on -1 to 1.
    Acos,
    /// Inverse tangent.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse hyperbolic cosine, from 1.
    Acosh,
    /// Inverse hyperbolic tangent, between -1 and 1.
    Atanh,
    /// -1, 0 or 1.
    Sign,
    /// The largest whole number that is not above.
    Floor,
    /// The smallest whole number that is not below.
    Ceil,
    /// The nearest whole number, the even one on ties.
    Round,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x * tanh(softplus(x))`.
    Mish,
    /// The whole number next to it towards zero.
    Trunc,
    /// `x - c floor(x / c)`, of the sign of `c`.
    Remainder(f32),
    /// `x - c trunc(x / c)`, of the sign of `x`.
    TruncatedRemainder(f32),
    /// `trunc(x / c)`.
    Quotient(f32),
    /// `x / c` rounded to the nearest whole number, the even one on ties.
    Steps(f32),
    /// Bits of a whole number and of a constant, both in two's complement.
    Bits(Bits, i64),
}

/// How two bits make one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Bits {
    /// Both.
    And,
    /// Either or both.
    Or,
    /// Either, not both.
    Xor,
}

/// The operators that are functions of one number without parameters: name, and the version of
/// ONNX's operators that introduced it.
const OPERATORS: [(&str, i64, Unary); 28] = [
    ("Abs", 1, Unary::Abs),
    ("Acos", 7, Unary::Acos),
    ("Acosh", 9, Unary::Acosh),
    ("Asin", 7, Unary::Asin),
    ("Asinh", 9, Unary::Asinh),
    ("Atan", 7, Unary::Atan),
    ("Atanh", 9, Unary::Atanh),
    ("Ceil", 1, Unary::Ceil),
    ("Cos", 7, Unary::Cos),
    ("Cosh", 9, Unary::Cosh),
    ("Erf", 9, Unary::Erf),
    ("Exp", 1, Unary::Exp),
    ("Floor", 1, Unary::Floor),
    ("HardSwish", 14, Unary::HardSwish),
    ("Log", 1, Unary::Ln),
    ("Mish", 18, Unary::Mish),
    ("Reciprocal", 1, Unary::Reciprocal),
    ("Relu", 1, Unary::Relu),
    ("Round", 11, Unary::Round),
    ("Rsqrt", 1, Unary::Rsqrt),
    ("Sigmoid", 1, Unary::Sigmoid),
    ("Sign", 9, Unary::Sign),
    ("Sin", 7, Unary::Sin),
    ("Sinh", 9, Unary::Sinh),
    ("Softplus", 1, Unary::Softplus),
    ("Softsign", 1, Unary::Softsign),
    ("Sqrt", 1, Unary::Sqrt),
    ("Tanh", 1, Unary::Tanh),
];

impl Unary {
    /// The function that an ONNX operator is, and the version that introduced the operator.
    pub fn of_operator(name: &str) -> Option<(Unary, i64)> {
        OPERATORS
            .iter()
            .find(|(other, ..)| *other == name)
            .map(|(_, since, function)| (*function, *since))
    }

    /// Names of the operators that [`Unary::of_operator`] knows, sorted.
    pub fn operators() -> impl Iterator<Item = &'static str> {
        OPERATORS.iter().map(|(name, ..)| *name)
    }

    /// The function at `x`. Uses the portable `libm`, so that every machine gets the same bits.
    ///
    /// Outside a function's domain (`Sqrt`, `Ln`, `Pow` of negative numbers, `Asin` beyond 1) the
    /// result is not a number, and so it is of what is not a number; `Rsqrt` and `Reciprocal` of
    /// zero are infinite.
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
            Unary::Clip(low, high) => {
                let low = if low > f32::MIN { f64::from(low) } else { f64::NEG_INFINITY };
                let high = if high < f32::MAX { f64::from(high) } else { f64::INFINITY };
                at_most(at_least(x, low), high)
            }
            Unary::Sigmoid => sigmoid(x),
            Unary::Tanh => libm::tanh(x),
            Unary::HardSigmoid(alpha, beta) => {
                (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0)
            }
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
            Unary::GeluTanh => {
                0.5 * x * (1.0 + libm::tanh(FRAC_2_PI.sqrt() * (x + 0.044715 * x * x * x)))
            }
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
            Unary::Sin => libm::sin(x),
            Unary::Cos => libm::cos(x),
            Unary::Asin => libm::asin(x),
            Unary::Acos => libm::acos(x),
            Unary::Atan => libm::atan(x),
            Unary::Sinh => libm::sinh(x),
            Unary::Cosh => libm::cosh(x),
            Unary::Asinh => libm::asinh(x),
            Unary::Acosh => libm::acosh(x),
            Unary::Atanh => libm::atanh(x),
            Unary::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)) + 0.0 * x,
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Round => x.round_ties_even(),
            Unary::Softsign => x / (1.0 + x.abs()),
            Unary::Mish => x * libm::tanh(Unary::Softplus.evaluate(x)),
            Unary::Trunc => x.trunc(),
            Unary::Remainder(c) => {
                let c = f64::from(c);
                let rest = x % c;
                if rest != 0.0 && (rest < 0.0) != (c < 0.0) { rest + c } else { rest }
            }
            Unary::TruncatedRemainder(c) => x % f64::from(c),
            Unary::Steps(c) => (x / f64::from(c)).round_ties_even(),
            Unary::Quotient(c) => (x / f64::from(c)).trunc(),
            Unary::Bits(_, _) if x.is_nan() => x,
            Unary::Bits(bits, c) => {
                let x = x.floor() as i64;
                (match bits {
                    Bits::And => x & c,
                    Bits::Or => x | c,
                    Bits::Xor => x ^ c,
                }) as f64
            }
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

    /// Whether the function is one of whole numbers, and means nothing of one that was rounded.
    pub fn is_whole(self) -> bool {
        matches!(
            self,
            Unary::Remainder(_)
                | Unary::TruncatedRemainder(_)
                | Unary::Quotient(_)
                | Unary::Bits(..)
        )
    }

    /// Whether numbers near zero matter however small they are: there the function has a pole or
    /// ends.
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
            (Unary::Round, 2.5, 2.0),
            (Unary::Round, -1.5, -2.0),
            (Unary::Floor, -0.25, -1.0),
            (Unary::Ceil, -0.25, 0.0),
            (Unary::Sign, -0.25, -1.0),
            (Unary::Sign, 0.0, 0.0),
            (Unary::Softsign, -3.0, -0.75),
            (Unary::Mish, 1.0, 0.865_098_388_267_293_7),
            (Unary::Atanh, 0.5, 0.549_306_144_334_054_8),
            (Unary::Trunc, -1.5, -1.0),
            (Unary::Remainder(3.0), -4.0, 2.0),
            (Unary::Remainder(-3.0), 4.0, -2.0),
            (Unary::Remainder(256.0), 256.0, 0.0),
            (Unary::TruncatedRemainder(3.0), -4.0, -1.0),
            (Unary::Quotient(3.0), -7.0, -2.0),
            (Unary::Steps(3.0), 7.5, 2.0),
            (Unary::Steps(3.0), 4.5, 2.0),
            (Unary::Bits(Bits::And, 6), 11.0, 2.0),
            (Unary::Bits(Bits::Or, 6), -8.0, -2.0),
            (Unary::Bits(Bits::Xor, -1), 5.0, -6.0),
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
            Unary::Gelu,
        ];
        for function in functions.into_iter().chain(OPERATORS.map(|(.., function)| function)) {
            assert!(function.evaluate(f64::NAN).is_nan(), "{function:?}");
        }
    }

    #[test]
    fn a_clip_without_a_bound_leaves_what_is_infinite() {
        let infinite = f64::INFINITY;
        assert_eq!(Unary::Clip(0.0, f32::MAX).evaluate(infinite), infinite);
        assert_eq!(Unary::Clip(f32::MIN, 1.0).evaluate(-infinite), -infinite);
        assert_eq!(Unary::Clip(0.0, 1.0).evaluate(infinite), 1.0);
    }

    #[test]
    fn the_operators_are_sorted_and_without_duplicates() {
        assert!(OPERATORS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(Unary::of_operator("Log"), Some((Unary::Ln, 1)));
        assert_eq!(Unary::of_operator("Gelu"), None);
    }
}
