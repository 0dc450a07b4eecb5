// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "./Vm.sol";
import {AgentValidator} from "../AgentValidator.sol";
import {ILemmaVerifier} from "../ILemmaVerifier.sol";
import {InferenceVerifier} from "../InferenceVerifier.sol";
import {IProofVerifier} from "../IProofVerifier.sol";
import {IValidationRegistry} from "../IValidationRegistry.sol";
import {DevelopmentToyVerifier} from "../generated/DevelopmentToyVerifier.sol";

/// @dev A proof of the file, as the verifier is called with it.
contract Proofs {
    string internal file = vm.readFile("vectors/toy.json");

    function _proof(string memory key)
        internal
        view
        returns (bytes32 context, uint256[10] memory proof, uint256[] memory values)
    {
        bytes memory data = vm.parseJsonBytes(file, key);
        bytes memory arguments = new bytes(data.length - 4);
        for (uint256 index = 0; index < arguments.length; ++index) {
            arguments[index] = data[4 + index];
        }
        return abi.decode(arguments, (bytes32, uint256[10], uint256[]));
    }

    function _words(uint256[] memory values, uint256 from, uint256 to) internal pure returns (bytes memory words) {
        for (uint256 index = from; index < to; ++index) {
            words = bytes.concat(words, bytes32(values[index]));
        }
    }
}

contract InferenceVerifierTest is Proofs {
    uint256 private constant INPUTS = 3;

    ILemmaVerifier private toy = ILemmaVerifier(address(new DevelopmentToyVerifier()));
    InferenceVerifier private verifier = new InferenceVerifier(toy, toy.vkDigest(), INPUTS, true);

    bytes32 private inputHash;
    bytes32 private outputHash;
    bytes private metadata;
    bytes private proof;

    function setUp() external {
        (bytes32 context, uint256[10] memory points, uint256[] memory values) = _proof(".calls[0].calldata");
        inputHash = keccak256(_words(values, 0, INPUTS));
        outputHash = keccak256(_words(values, INPUTS, values.length));
        metadata = bytes.concat(context, _words(values, 0, values.length));
        proof = abi.encode(points);
    }

    function test_a_proof_is_good_for_its_inputs_and_outputs() external view {
        require(verifier.verify(inputHash, outputHash, metadata, proof), "a good proof");
        require(!verifier.verify(outputHash, inputHash, metadata, proof), "hashes changed places");
        require(!verifier.verify(inputHash, 0, metadata, proof), "no outputs");
        require(!verifier.verify(0, outputHash, metadata, proof), "no inputs");
    }

    function testFuzz_a_changed_byte_of_metadata_or_proof_is_refused(uint256 place, uint8 flip) external {
        if (flip == 0) return;
        bytes storage changed = place % 2 == 0 ? metadata : proof;
        place = (place / 2) % changed.length;
        changed[place] = bytes1(uint8(changed[place]) ^ flip);
        try verifier.verify(inputHash, outputHash, metadata, proof) returns (bool good) {
            require(!good, "a changed byte passed");
        } catch (bytes memory reason) {
            require(bytes4(reason) == InferenceVerifier.Undecided.selector, "another error");
        }
    }

    function test_metadata_and_proofs_of_other_lengths_are_refused() external view {
        require(!verifier.verify(inputHash, outputHash, metadata, bytes.concat(proof, bytes32(0))), "a longer proof");
        require(!verifier.verify(inputHash, outputHash, metadata, ""), "no proof");
        require(!verifier.verify(inputHash, outputHash, "", proof), "no metadata");
        require(!verifier.verify(inputHash, outputHash, bytes.concat(metadata, bytes1(0)), proof), "a byte more");
        require(!verifier.verify(inputHash, outputHash, bytes.concat(metadata, bytes32(0)), proof), "a word more");
    }

    /// @dev Too little gas is no answer.
    function testFuzz_with_any_gas_a_good_proof_is_not_called_bad(uint256 limit) external view {
        limit = 30_000 + limit % 400_000;
        try verifier.verify{gas: limit}(inputHash, outputHash, metadata, proof) returns (bool good) {
            require(good, "a good proof was called bad");
        } catch {}
    }

    function test_it_says_what_it_is() external view {
        require(verifier.proofProfile() == toy.vkDigest(), "the model");
        require(keccak256(bytes(verifier.proofSystem())) == keccak256("zk/lemma"), "the system");
        require(verifier.supportsInterface(type(IProofVerifier).interfaceId), "ERC-8274");
        require(verifier.supportsInterface(0x01ffc9a7) && !verifier.supportsInterface(0xffffffff), "ERC-165");
    }

    function test_a_development_key_and_another_model_are_refused() external {
        bytes32 model = toy.vkDigest();
        vm.expectRevert(abi.encodeWithSelector(InferenceVerifier.DevelopmentKey.selector, address(toy)));
        new InferenceVerifier(toy, model, INPUTS, false);
        vm.expectRevert(abi.encodeWithSelector(InferenceVerifier.OtherModel.selector, bytes32(0), model));
        new InferenceVerifier(toy, 0, INPUTS, true);
    }
}

/// @dev The rules of the registry that a validator meets.
contract Registry is IValidationRegistry {
    struct Status {
        address validator;
        uint8 response;
        bytes32 responseHash;
        string tag;
        uint256 answers;
    }

    mapping(bytes32 requestHash => Status) private requests;

    function validationRequest(address validator, uint256, string calldata, bytes32 requestHash) external {
        require(requests[requestHash].validator == address(0), "requested before");
        requests[requestHash].validator = validator;
    }

    function validationResponse(bytes32 requestHash, uint8 response, string calldata, bytes32 responseHash, string calldata tag)
        external
    {
        Status storage status = requests[requestHash];
        require(msg.sender == status.validator && response <= 100, "not the validator");
        (status.response, status.responseHash, status.tag) = (response, responseHash, tag);
        ++status.answers;
    }

    function getValidationStatus(bytes32 requestHash)
        external
        view
        returns (address, uint256, uint8, bytes32, string memory, uint256)
    {
        Status storage status = requests[requestHash];
        return (status.validator, 0, status.response, status.responseHash, status.tag, status.answers);
    }
}

contract AgentValidatorTest is Proofs {
    ILemmaVerifier private toy = ILemmaVerifier(address(new DevelopmentToyVerifier()));
    Registry private registry = new Registry();
    AgentValidator private validator;

    bytes32 private salt;
    bytes32 private request;
    uint256[10] private proof;
    uint256[] private values;

    function setUp() external {
        uint256 inputs = vm.parseJsonUint(file, ".validation.inputs");
        // Where the proof of the file is for.
        validator = AgentValidator(vm.parseJsonAddress(file, ".validation.validator"));
        vm.etch(address(validator), address(_validator(inputs)).code);
        salt = vm.parseJsonBytes32(file, ".validation.salt");
        request = vm.parseJsonBytes32(file, ".validation.request");
        (, proof, values) = _proof(".validation.calldata");
    }

    function _validator(uint256 inputs) private returns (AgentValidator) {
        return new AgentValidator(registry, toy, toy.vkDigest(), inputs, true);
    }

    function _ask() private {
        registry.validationRequest(address(validator), 7, "", request);
    }

    function test_a_request_is_answered_by_a_proof_once() external {
        _ask();
        require(validator.respond(salt, proof, values, "ipfs://proof") == request, "the request");
        (, , uint8 response, bytes32 responseHash, string memory tag, uint256 answers) = registry.getValidationStatus(request);
        require(response == 100 && answers == 1 && keccak256(bytes(tag)) == keccak256("lemma"), "answered");
        require(responseHash == keccak256(abi.encode(toy.vkDigest(), proof, values)), "what was shown");
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.AlreadyAnswered.selector, request));
        validator.respond(salt, proof, values, "ipfs://proof");
    }

    function test_a_request_of_nobody_or_of_another_validator_is_not_answered() external {
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.AnotherValidator.selector, address(0)));
        validator.respond(salt, proof, values, "");
        registry.validationRequest(address(this), 7, "", request);
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.AnotherValidator.selector, address(this)));
        validator.respond(salt, proof, values, "");
    }

    function test_another_salt_or_input_is_another_request() external {
        _ask();
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.AnotherValidator.selector, address(0)));
        validator.respond(keccak256("salt"), proof, values, "");
        ++values[0];
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.AnotherValidator.selector, address(0)));
        validator.respond(salt, proof, values, "");
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.TooFewValues.selector, 0));
        validator.respond(salt, proof, new uint256[](0), "");
    }

    function test_another_output_chain_or_place_is_not_proven() external {
        _ask();
        uint256 output = values[values.length - 1]--;
        vm.expectRevert(abi.encodeWithSelector(DevelopmentToyVerifier.PairingFailed.selector));
        validator.respond(salt, proof, values, "");
        values[values.length - 1] = output;

        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        vm.expectRevert(abi.encodeWithSelector(DevelopmentToyVerifier.PairingFailed.selector));
        validator.respond(salt, proof, values, "");
        vm.chainId(chain);

        AgentValidator other = _validator(validator.inputs());
        bytes32 salted = keccak256("another");
        uint256[] memory inputs = new uint256[](validator.inputs());
        for (uint256 index = 0; index < inputs.length; ++index) {
            inputs[index] = values[index];
        }
        registry.validationRequest(address(other), 7, "", other.requestHashOf(salted, inputs));
        vm.expectRevert(abi.encodeWithSelector(DevelopmentToyVerifier.PairingFailed.selector));
        other.respond(salted, proof, values, "");
    }

    function test_a_development_key_and_another_model_are_refused() external {
        bytes32 model = toy.vkDigest();
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.DevelopmentKey.selector, address(toy)));
        new AgentValidator(registry, toy, model, 3, false);
        vm.expectRevert(abi.encodeWithSelector(AgentValidator.OtherModel.selector, bytes32(0), model));
        new AgentValidator(registry, toy, 0, 3, true);
    }
}
