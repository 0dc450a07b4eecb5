//! What an element may depend on, in one number.

/// The last position that an element may depend on, and two more; 0 for an element that is zero
/// whatever the inputs are, 1 for another constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach(u32);

/// Zero whatever the inputs are.
pub const NOTHING: Reach = Reach(0);

/// Another constant.
pub const CONSTANT: Reach = Reach(1);

impl Reach {
    /// An input's element at a position.
    pub fn at(position: u32) -> Reach {
        Reach(position.saturating_add(2))
    }

    /// Whether it may depend on something later than a position.
    pub fn is_after(self, position: u32) -> bool {
        self > Reach::at(position)
    }

    /// The position; 0 for constants.
    pub fn position(self) -> u32 {
        self.0.saturating_sub(2)
    }
}

/// Of a function of one variable: not zero where the operand is.
pub fn function(reach: Reach) -> Reach {
    reach.max(CONSTANT)
}

/// Of a product: zero where a factor is.
pub fn product(a: Reach, b: Reach) -> Reach {
    if a.min(b) == NOTHING { NOTHING } else { a.max(b) }
}

/// Of anything that all elements of a group decide.
pub fn largest(group: &[Reach]) -> Reach {
    group.iter().copied().max().unwrap_or_default()
}
