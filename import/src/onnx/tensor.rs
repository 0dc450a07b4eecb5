//! Constants of the file: elements of ONNX's types, wrapped or rounded as these types do.

use ndarray::{ArcArray, ArrayD, IxDyn};

use super::Problem;
use super::proto::DataType;

/// Type of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `float`.
    F32,
    /// `double`.
    F64,
    /// `float16`.
    F16,
    /// `bfloat16`.
    BF16,
    /// `int8`.
    I8,
    /// `int16`.
    I16,
    /// `int32`.
    I32,
    /// `int64`.
    I64,
    /// `uint8`.
    U8,
    /// `uint16`.
    U16,
    /// `uint32`.
    U32,
    /// `uint64`, up to the largest `int64`.
    U64,
    /// `bool`.
    Bool,
}

impl Kind {
    /// The kind that a data type of the file is; `None` for texts, complex numbers and numbers
    /// below 8 bits.
    pub(super) fn of(data_type: i32) -> Option<Kind> {
        Some(match DataType::try_from(data_type).ok()? {
            DataType::Float => Kind::F32,
            DataType::Double => Kind::F64,
            DataType::Float16 => Kind::F16,
            DataType::Bfloat16 => Kind::BF16,
            DataType::Int8 => Kind::I8,
            DataType::Int16 => Kind::I16,
            DataType::Int32 => Kind::I32,
            DataType::Int64 => Kind::I64,
            DataType::Uint8 => Kind::U8,
            DataType::Uint16 => Kind::U16,
            DataType::Uint32 => Kind::U32,
            DataType::Uint64 => Kind::U64,
            DataType::Bool => Kind::Bool,
            DataType::Undefined | DataType::String | DataType::Complex64 | DataType::Complex128 => {
                return None;
            }
        })
    }

    /// Its name in ONNX.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::F32 => "float",
            Kind::F64 => "double",
            Kind::F16 => "float16",
            Kind::BF16 => "bfloat16",
            Kind::I8 => "int8",
            Kind::I16 => "int16",
            Kind::I32 => "int32",
            Kind::I64 => "int64",
            Kind::U8 => "uint8",
            Kind::U16 => "uint16",
            Kind::U32 => "uint32",
            Kind::U64 => "uint64",
            Kind::Bool => "bool",
        }
    }

    /// Whether its elements are numbers with a fraction.
    pub(super) fn is_float(self) -> bool {
        matches!(self, Kind::F32 | Kind::F64 | Kind::F16 | Kind::BF16)
    }

    /// Whether its elements are whole numbers; truth values are not.
    pub(super) fn is_integer(self) -> bool {
        !self.is_float() && self != Kind::Bool
    }

    /// Bytes of an element.
    pub(super) fn width(self) -> usize {
        match self {
            Kind::I8 | Kind::U8 | Kind::Bool => 1,
            Kind::F16 | Kind::BF16 | Kind::I16 | Kind::U16 => 2,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::F64 | Kind::I64 | Kind::U64 => 8,
        }
    }

    /// An integer as an element of this kind: the low bits, or whether it is not zero.
    pub(super) fn wrap(self, value: i64) -> i64 {
        match self {
            Kind::I8 => i64::from(value as i8),
            Kind::I16 => i64::from(value as i16),
            Kind::I32 => i64::from(value as i32),
            Kind::U8 => i64::from(value as u8),
            Kind::U16 => i64::from(value as u16),
            Kind::U32 => i64::from(value as u32),
            Kind::Bool => i64::from(value != 0),
            _ => value,
        }
    }

    /// A number as an element of this kind: rounded to nearest, ties to even.
    pub(super) fn round(self, value: f32) -> f32 {
        match self {
            Kind::F16 => from_half(to_half(value)),
            Kind::BF16 => rounded_bits(value),
            _ => value,
        }
    }
}

/// Elements.
#[derive(Clone, Debug)]
pub(super) enum Values {
    /// Of kinds `F32`, `F16` and `BF16`.
    F32(ArcArray<f32, IxDyn>),
    /// Of kind `F64`.
    F64(ArcArray<f64, IxDyn>),
    /// Of the integer kinds, and of `Bool` as 0 and 1.
    I64(ArcArray<i64, IxDyn>),
}

/// A constant.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    /// Type of its elements.
    pub kind: Kind,
    /// Its elements, in the form that the kind has.
    pub values: Values,
}

impl Tensor {
    /// Elements as a tensor of a kind, converted to its form, wrapped and rounded. Floats that
    /// become integers are cut off towards zero and must be in the range of `i64`, which the caller
    /// sees to.
    pub(super) fn new(kind: Kind, values: Values) -> Tensor {
        let values = match (kind, values) {
            (Kind::F32, Values::F32(array)) => Values::F32(array),
            (Kind::F16 | Kind::BF16, Values::F32(array)) => {
                Values::F32(array.mapv(|value| kind.round(value)).into_shared())
            }
            (Kind::F32 | Kind::F16 | Kind::BF16, Values::F64(array)) => {
                Values::F32(array.mapv(|value| kind.round(value as f32)).into_shared())
            }
            (Kind::F32 | Kind::F16 | Kind::BF16, Values::I64(array)) => {
                Values::F32(array.mapv(|value| kind.round(value as f32)).into_shared())
            }
            (Kind::F64, Values::F64(array)) => Values::F64(array),
            (Kind::F64, Values::F32(array)) => Values::F64(array.mapv(f64::from).into_shared()),
            (Kind::F64, Values::I64(array)) => {
                Values::F64(array.mapv(|value| value as f64).into_shared())
            }
            (Kind::I64 | Kind::U64, Values::I64(array)) => Values::I64(array),
            (_, Values::I64(array)) => {
                Values::I64(array.mapv(|value| kind.wrap(value)).into_shared())
            }
            (Kind::Bool, Values::F32(array)) => {
                Values::I64(array.mapv(|value| i64::from(value != 0.0)).into_shared())
            }
            (Kind::Bool, Values::F64(array)) => {
                Values::I64(array.mapv(|value| i64::from(value != 0.0)).into_shared())
            }
            (_, Values::F32(array)) => {
                Values::I64(array.mapv(|value| kind.wrap(value as i64)).into_shared())
            }
            (_, Values::F64(array)) => {
                Values::I64(array.mapv(|value| kind.wrap(value as i64)).into_shared())
            }
        };
        Tensor { kind, values }
    }

    /// A tensor of one axis of `int64`s.
    pub(super) fn ints(values: &[i64]) -> Tensor {
        let array = ndarray::ArrayView1::from(values).into_dyn().to_shared();
        Tensor { kind: Kind::I64, values: Values::I64(array) }
    }

    /// Its shape; axes may be empty.
    pub(super) fn shape(&self) -> &[usize] {
        match &self.values {
            Values::F32(array) => array.shape(),
            Values::F64(array) => array.shape(),
            Values::I64(array) => array.shape(),
        }
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Its elements in row-major order where they are integers or truth values.
    pub(super) fn as_ints(&self) -> Option<Vec<i64>> {
        match &self.values {
            Values::I64(array) => Some(array.iter().copied().collect()),
            _ => None,
        }
    }

    /// Its only element, where it is an integer.
    pub(super) fn as_int(&self) -> Option<i64> {
        self.as_ints().and_then(|values| <[i64; 1]>::try_from(values).ok()).map(|[value]| value)
    }

    /// Its elements as `f32`: doubles and large integers are rounded.
    pub(super) fn as_floats(&self) -> ArrayD<f32> {
        match &self.values {
            Values::F32(array) => array.to_owned(),
            Values::F64(array) => array.mapv(|value| value as f32),
            Values::I64(array) => array.mapv(|value| value as f32),
        }
    }

    /// Its elements as `f64`, exact but for integers past 2^53.
    pub(super) fn as_doubles(&self) -> ArrayD<f64> {
        match &self.values {
            Values::F32(array) => array.mapv(f64::from),
            Values::F64(array) => array.to_owned(),
            Values::I64(array) => array.mapv(|value| value as f64),
        }
    }

    /// Its only element as `f32`.
    pub(super) fn as_float(&self) -> Option<f32> {
        if self.len() == 1 { self.as_floats().first().copied() } else { None }
    }

    /// Its elements as weights, every one of which must be finite.
    pub(super) fn finite(&self, name: &str) -> Result<ArrayD<f32>, Problem> {
        let array = self.as_floats();
        match array.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((position, &value)) => {
                Err(Problem::NotFinite { tensor: name.to_string(), position, value })
            }
            None => Ok(array),
        }
    }
}

/// The number that the bits of a `float16` are.
pub(super) fn from_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

/// The bits of the `float16` next to a number; ties go to the even one.
pub(super) fn to_half(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 1u16 << 15 } else { 0 };
    let magnitude = value.abs();
    if value.is_nan() {
        return sign | 0x7e00;
    }
    // Halfway between the largest number and the one that would come next.
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    let exponent =
        if magnitude < 2f32.powi(-14) { -14 } else { (magnitude.to_bits() >> 23) as i32 - 127 };
    // A multiple of the last place; counting on carries into the exponent.
    let steps = (f64::from(magnitude) * 2f64.powi(10 - exponent)).round_ties_even() as u16;
    sign | ((((exponent + 14) as u16) << 10) + steps)
}

/// The `bfloat16` next to a number.
fn rounded_bits(value: f32) -> f32 {
    if !value.is_finite() {
        return value;
    }
    let bits = value.to_bits();
    let carry = 0x7fff + (bits >> 16 & 1);
    f32::from_bits(bits.wrapping_add(carry) & 0xffff_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_there_and_back() {
        for bits in (0..=u16::MAX).filter(|bits| !from_half(*bits).is_nan()) {
            assert_eq!(to_half(from_half(bits)), bits, "{bits:#x}");
        }
        assert_eq!(from_half(0x3c01), 1.000_976_6);
        assert_eq!(to_half(1.0 + 1.0 / 2048.0), 0x3c00);
        assert_eq!(to_half(1.0 + 3.0 / 2048.0), 0x3c02);
        assert_eq!(to_half(65519.0), 0x7bff);
        assert_eq!(to_half(1e-30), 0);
    }

    #[test]
    fn integers_wrap_and_numbers_round() {
        assert_eq!(Kind::I8.wrap(300), 44);
        assert_eq!(Kind::U8.wrap(-1), 255);
        assert_eq!(Kind::Bool.wrap(-7), 1);
        assert_eq!(Kind::BF16.round(1.003_906_3), 1.0);
        assert_eq!(Kind::BF16.round(1.011_718_8), 1.015_625);
        let cut = Tensor::new(
            Kind::I32,
            Values::F32(ndarray::arr1(&[-1.7, 2.9]).into_dyn().into_shared()),
        );
        assert_eq!(cut.as_ints(), Some(vec![-1, 2]));
    }
}
