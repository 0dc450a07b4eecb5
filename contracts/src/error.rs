//! Why a key does not become a contract.

use thiserror::Error;

/// Why a key does not become a contract.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ContractError {
    /// The name is no Solidity contract name.
    #[error("`{name}` is no contract name: use ASCII letters and digits, a capital letter first")]
    Name {
        /// What came.
        name: String,
    },
    /// The name means something else inside the contract.
    #[error("`{name}` is a name that the contract uses itself: choose another")]
    NameTaken {
        /// What came.
        name: String,
    },
    /// The table of ranges would not fit the contract.
    #[error(
        "the key has {found} public tensors, a contract holds the ranges of at most {limit}: make \
            some of them private \
         or concatenate them"
    )]
    TooManyTensors {
        /// By the key.
        found: usize,
        /// [`crate::MAX_TENSORS`].
        limit: usize,
    },
}
