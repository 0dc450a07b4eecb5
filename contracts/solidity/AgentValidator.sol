// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ILemmaVerifier} from "./ILemmaVerifier.sol";
import {IValidationRegistry} from "./IValidationRegistry.sol";

/// @title  AgentValidator: a validator of ERC-8004 that nobody runs
/// @notice An agent asks the Validation Registry to have an inference validated and names this contract. Whoever has a proof
///         then answers the request with 100; there is no other answer.
/// @dev    A request says which model and which inputs: its hash is `requestHashOf`. So two proofs for one request differ in
///         nothing but what a private input of the model makes of the outputs; a model without private inputs has one answer.
///         The context (request, chain, this contract) makes a proof good for this request alone.
///         What the deployer must check: that `verifier` is the code generated for this key, and no proxy.
contract AgentValidator {
    error DevelopmentKey(address verifier);
    error OtherModel(bytes32 expected, bytes32 found);
    error AnotherValidator(address validator);
    error AlreadyAnswered(bytes32 requestHash);
    error TooFewValues(uint256 found);

    uint8 private constant VALID = 100;
    string private constant TAG = "lemma";

    IValidationRegistry public immutable registry;
    ILemmaVerifier public immutable verifier;
    bytes32 public immutable model;
    /// @notice How many of the public values are inputs; they come first.
    uint256 public immutable inputs;

    /// @notice Whether a request was answered.
    mapping(bytes32 requestHash => bool) public answered;

    /// @param model_          the digest of the model's verifying key; the verifier must be for it
    /// @param developmentKey  whether the key may be a development key, whose maker could prove anything: for tests
    constructor(
        IValidationRegistry registry_,
        ILemmaVerifier verifier_,
        bytes32 model_,
        uint256 inputs_,
        bool developmentKey
    ) {
        if (!developmentKey && verifier_.developmentKey()) revert DevelopmentKey(address(verifier_));
        bytes32 found = verifier_.vkDigest();
        if (found != model_) revert OtherModel(model_, found);
        (registry, verifier, model, inputs) = (registry_, verifier_, model_, inputs_);
    }

    /// @notice The hash of a request: the model, a salt of the agent's, and the public inputs as field elements.
    function requestHashOf(bytes32 salt, uint256[] memory publicInputs) public view returns (bytes32) {
        return keccak256(abi.encode(model, salt, publicInputs));
    }

    /// @notice The bytes to prove with, `lemma prove --context`.
    function contextBytes(bytes32 requestHash) public view returns (bytes memory) {
        return abi.encode(requestHash, block.chainid, address(this));
    }

    /// @notice Answers a request, with a proof for it.
    /// @param  values       the public values, inputs first
    /// @param  responseURI  where the proof file can be had; may be empty
    function respond(
        bytes32 salt,
        uint256[10] calldata proof,
        uint256[] calldata values,
        string calldata responseURI
    ) external returns (bytes32 requestHash) {
        if (values.length < inputs) revert TooFewValues(values.length);
        requestHash = requestHashOf(salt, values[:inputs]);
        (address validator,,,,,) = registry.getValidationStatus(requestHash);
        if (validator != address(this)) revert AnotherValidator(validator);
        if (answered[requestHash]) revert AlreadyAnswered(requestHash);
        answered[requestHash] = true;
        verifier.verify(keccak256(contextBytes(requestHash)), proof, values);
        bytes32 responseHash = keccak256(abi.encode(model, proof, values));
        registry.validationResponse(requestHash, VALID, responseURI, responseHash, TAG);
    }
}
