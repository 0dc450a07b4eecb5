// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ILemmaVerifier} from "./ILemmaVerifier.sol";
import {IProofVerifier} from "./IProofVerifier.sol";

/// @title  InferenceVerifier: one model behind the proof layer of ERC-8274
/// @notice `verify` is true when the model, whose digest is the profile, was proven to give the outputs on the inputs, in the
///         context that the metadata names.
/// @dev    Encoding, all words of 32 bytes one after the other, without lengths:
///         - `metadata`: the context, then the public values as `lemma calldata` has them; the first `inputs` of them are the
///           model's public inputs;
///         - `inputHash`, `outputHash`: keccak256 of the words of the inputs and of the others;
///         - `proof`: A, B, C1, C2, ten words.
///         The context is what makes a proof good for one purpose: a caller that pays for an answer builds the context
///         itself and compares it, or anyone can show an old proof again. A private input of the model is in no hash.
contract InferenceVerifier is IProofVerifier {
    error DevelopmentKey(address verifier);
    error OtherModel(bytes32 expected, bytes32 found);
    /// @notice A precompile failed, or the gas ran out: the proof is bad or the gas was too little, and a caller with enough of
    ///         it finds out which.
    error Undecided();

    bytes4 private constant PRECOMPILE_FAILED = bytes4(keccak256("PrecompileFailed(uint256)"));

    uint256 private constant PROOF = 320;
    uint256 private constant WORD = 32;

    ILemmaVerifier public immutable verifier;
    /// @notice How many of the public values are inputs.
    uint256 public immutable inputs;
    bytes32 public immutable proofProfile;

    /// @param model           the digest of the model's verifying key; the verifier must be for it
    /// @param developmentKey  whether the key may be a development key, whose maker could prove anything: for tests
    constructor(ILemmaVerifier verifier_, bytes32 model, uint256 inputs_, bool developmentKey) {
        if (!developmentKey && verifier_.developmentKey()) revert DevelopmentKey(address(verifier_));
        bytes32 found = verifier_.vkDigest();
        if (found != model) revert OtherModel(model, found);
        (verifier, inputs, proofProfile) = (verifier_, inputs_, model);
    }

    /// @inheritdoc IProofVerifier
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        view
        returns (bool)
    {
        uint256 split = WORD + inputs * WORD;
        if (proof.length != PROOF || metadata.length < split || metadata.length % WORD != 0) return false;
        if (keccak256(metadata[WORD:split]) != inputHash || keccak256(metadata[split:]) != outputHash) return false;
        uint256[] memory values = new uint256[](metadata.length / WORD - 1);
        for (uint256 index = 0; index < values.length; ++index) {
            uint256 word = WORD + index * WORD;
            values[index] = uint256(bytes32(metadata[word:word + WORD]));
        }
        uint256[10] memory points = abi.decode(proof, (uint256[10]));
        try verifier.verify(bytes32(metadata[:WORD]), points, values) {
            return true;
        } catch (bytes memory reason) {
            if (reason.length == 0 || bytes4(reason) == PRECOMPILE_FAILED) revert Undecided();
            return false;
        }
    }

    /// @inheritdoc IProofVerifier
    function proofSystem() external pure returns (string memory) {
        return "zk/lemma";
    }

    /// @notice ERC-165.
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IProofVerifier).interfaceId || id == 0x01ffc9a7;
    }
}
