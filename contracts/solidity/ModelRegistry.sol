// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {ILemmaVerifier} from "./ILemmaVerifier.sol";

/// @title  ModelRegistry: an example of a consumer
/// @notice Maps the digests of models to their verifiers. A digest stands for one verifying key, so an entry is never
///         replaced; it can be retired, for good.
/// @dev    The owner is trusted to have compared the code of a verifier with `lemma contract`: any contract can claim any
///         digest, and say of any key that it is no development key. Development keys are refused, unless the registry was
///         deployed to take them.
contract ModelRegistry {
    error NotTheOwner(address caller);
    error DevelopmentKey(address verifier);
    error AlreadyRegistered(bytes32 model);
    error UnknownModel(bytes32 model);

    event Registered(bytes32 indexed model, address verifier);
    event Retired(bytes32 indexed model);

    address private constant RETIRED = address(1);

    address public immutable owner;
    /// @notice Whether development keys, whose makers could prove anything, are taken: for tests.
    bool public immutable developmentKeys;
    mapping(bytes32 model => address) private entries;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotTheOwner(msg.sender);
        _;
    }

    constructor(address owner_, bool developmentKeys_) {
        owner = owner_;
        developmentKeys = developmentKeys_;
    }

    /// @notice Registers `verifier` under the digest that it gives.
    function register(ILemmaVerifier verifier) external onlyOwner returns (bytes32 model) {
        if (!developmentKeys && verifier.developmentKey()) revert DevelopmentKey(address(verifier));
        model = verifier.vkDigest();
        if (entries[model] != address(0)) revert AlreadyRegistered(model);
        entries[model] = address(verifier);
        emit Registered(model, address(verifier));
    }

    /// @notice Ends the use of a model; its digest cannot be registered again.
    function retire(bytes32 model) external onlyOwner {
        verifierOf(model);
        entries[model] = RETIRED;
        emit Retired(model);
    }

    /// @notice The verifier of a model in use.
    function verifierOf(bytes32 model) public view returns (ILemmaVerifier) {
        address entry = entries[model];
        if (entry == address(0) || entry == RETIRED) revert UnknownModel(model);
        return ILemmaVerifier(entry);
    }

    /// @notice Reverts unless the statement is proven for a model in use.
    function verify(bytes32 model, bytes32 context, uint256[10] calldata proof, uint256[] calldata values) external view {
        verifierOf(model).verify(context, proof, values);
    }
}
