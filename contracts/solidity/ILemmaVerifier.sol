// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title  What every generated verifier has
interface ILemmaVerifier {
    /// @notice Public value `index` is outside the range that the key declares for it; the last such value, when there are several.
    error ValueOutOfRange(uint256 index);

    /// @notice Reverts unless `proof` proves that the model has the public values `values`, in `context`.
    function verify(bytes32 context, uint256[10] calldata proof, uint256[] calldata values) external view;

    /// @notice keccak256 of the verifying key: the model, bit for bit.
    function vkDigest() external view returns (bytes32);

    /// @notice Whether a single machine made the key and must be trusted to have forgotten the trapdoor.
    function developmentKey() external view returns (bool);
}
