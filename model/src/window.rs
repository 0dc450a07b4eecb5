//! Geometry of a sliding window: how many positions it has, and which operand element lies under
//! each.

use super::{MAX_ELEMENTS, Window};

impl Window {
    /// Height and width of the result over an operand of `height` and `width`.
    pub fn output(&self, operand: [usize; 2]) -> Result<[usize; 2], String> {
        Ok([self.axis_output(0, operand[0])?, self.axis_output(1, operand[1])?])
    }

    fn axis_output(&self, axis: usize, operand: usize) -> Result<usize, String> {
        let (kernel, stride, dilation) =
            (self.kernel[axis], self.stride[axis], self.dilation[axis]);
        if kernel == 0 || stride == 0 || dilation == 0 {
            return Err(format!("window {self:?} has a kernel, stride or dilation of zero"));
        }
        let extent = (kernel - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
        let padded = operand
            .checked_add(self.before[axis])
            .and_then(|sum| sum.checked_add(self.after[axis]));
        match (extent, padded) {
            (Some(extent), Some(padded)) if extent <= padded && padded <= MAX_ELEMENTS => {
                Ok((padded - extent) / stride + 1)
            }
            _ => Err(format!("window {self:?} does not fit an axis of {operand}")),
        }
    }

    /// Operand positions under kernel element `tap` at output position `at`, where it is not
    /// padding.
    pub(super) fn source(
        &self,
        axis: usize,
        at: usize,
        tap: usize,
        operand: usize,
    ) -> Option<usize> {
        (at * self.stride[axis] + tap * self.dilation[axis])
            .checked_sub(self.before[axis])
            .filter(|&position| position < operand)
    }

    /// Whether every output position sees at least one operand element.
    pub(super) fn always_covers(&self, operand: [usize; 2], output: [usize; 2]) -> bool {
        (0..2).all(|axis| {
            (0..output[axis]).all(|at| {
                (0..self.kernel[axis])
                    .any(|tap| self.source(axis, at, tap, operand[axis]).is_some())
            })
        })
    }
}
