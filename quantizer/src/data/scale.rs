//! What an unsigned byte of a file stands for.

use std::str::FromStr;

/// The real number that a byte is multiplied by: `1` for 0 to 255, `1/255` for 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByteScale {
    numerator: f64,
    denominator: f64,
}

impl ByteScale {
    /// Bytes as they are, 0 to 255.
    pub const ONE: ByteScale = ByteScale { numerator: 1.0, denominator: 1.0 };

    /// Bytes as shares, 0 to 1.
    pub const SHARE: ByteScale = ByteScale { numerator: 1.0, denominator: 255.0 };

    pub(super) fn of(self, byte: f32) -> f32 {
        (f64::from(byte) * self.numerator / self.denominator) as f32
    }
}

impl FromStr for ByteScale {
    type Err = String;

    /// A positive number, or two with a `/` between them.
    fn from_str(text: &str) -> Result<ByteScale, String> {
        let positive =
            |text: &str| text.trim().parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0);
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        match (positive(numerator), positive(denominator)) {
            (Some(numerator), Some(denominator)) => Ok(ByteScale { numerator, denominator }),
            _ => Err(format!("`{text}` is no scale; write a number such as 1 or 1/255")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_a_number_or_a_fraction() {
        assert_eq!("1".parse(), Ok(ByteScale::ONE));
        assert_eq!("1/255".parse(), Ok(ByteScale::SHARE));
        assert_eq!(ByteScale::SHARE.of(51.0), 0.2);
        assert_eq!("2/51".parse::<ByteScale>().unwrap().of(51.0), 2.0);
        for text in ["", "x", "1/0", "0", "-1", "nan", "inf", "1/2/3"] {
            assert!(text.parse::<ByteScale>().is_err(), "{text}");
        }
    }
}
