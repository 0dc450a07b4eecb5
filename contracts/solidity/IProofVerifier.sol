// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title  The proof layer of ERC-8274, AI Inference Proof Verification Interfaces (draft of May to November 2026)
interface IProofVerifier {
    /// @notice Whether `proof` shows that an inference on what `inputHash` stands for gave what `outputHash` stands for.
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        returns (bool);

    /// @notice The kind of proof.
    function proofSystem() external view returns (string memory);

    /// @notice What tells this verifier from others of its kind.
    function proofProfile() external view returns (bytes32);
}
