// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

import {vm} from "./Vm.sol";
import {DevelopmentToyVerifier} from "../generated/DevelopmentToyVerifier.sol";

/// @dev The calls of vectors/toy.json, which the Rust tests make and judge.
contract VectorsTest {
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;

    DevelopmentToyVerifier private verifier = new DevelopmentToyVerifier();
    string private file = vm.readFile("vectors/toy.json");

    function test_each_call_ends_as_in_rust() external view {
        uint256 count = vm.parseJsonUint(file, ".count");
        require(count > 5, "the file has calls");
        for (uint256 index = 0; index < count; ++index) {
            string memory call = string.concat(".calls[", vm.toString(index), "]");
            string memory name = vm.parseJsonString(file, string.concat(call, ".name"));
            bytes memory data = vm.parseJsonBytes(file, string.concat(call, ".calldata"));
            bytes memory expected = vm.parseJsonBytes(file, string.concat(call, ".revert"));
            (bool accepted, bytes memory output) = address(verifier).staticcall(data);
            require(accepted == (expected.length == 0), name);
            require(keccak256(output) == keccak256(expected), name);
        }
    }

    function test_the_digest_is_that_of_rust() external view {
        require(verifier.vkDigest() == vm.parseJsonBytes32(file, ".vk_digest"), "digest");
        require(verifier.developmentKey(), "a development key");
    }

    /// @dev Written out from the definition, over the first call of the file.
    function test_challenge_and_fold_are_those_of_rust() external view {
        bytes memory data = vm.parseJsonBytes(file, ".calls[0].calldata");
        (bytes32 context, uint256[10] memory proof, uint256[] memory values) =
            abi.decode(_arguments(data), (bytes32, uint256[10], uint256[]));
        require(context == keccak256(vm.parseJsonBytes(file, ".context_bytes")), "context");

        bytes memory words = abi.encode(bytes32("lemma challenge v1"), verifier.vkDigest(), context, values.length);
        uint256 phi = 0;
        for (uint256 index = 0; index < values.length; ++index) {
            words = bytes.concat(words, bytes32(values[index]));
        }
        uint256 chi = uint256(keccak256(bytes.concat(words, bytes32(proof[6]), bytes32(proof[7])))) % R;
        uint256 power = chi;
        for (uint256 index = 0; index < values.length; ++index) {
            phi = addmod(phi, mulmod(values[index], power, R), R);
            power = mulmod(power, chi, R);
        }
        require(chi == uint256(vm.parseJsonBytes32(file, ".chi")), "chi");
        require(phi == uint256(vm.parseJsonBytes32(file, ".phi")), "phi");
    }

    function test_a_typed_call_is_the_call_of_the_file() external view {
        bytes memory data = vm.parseJsonBytes(file, ".calls[0].calldata");
        (bytes32 context, uint256[10] memory proof, uint256[] memory values) =
            abi.decode(_arguments(data), (bytes32, uint256[10], uint256[]));
        require(keccak256(abi.encodeCall(verifier.verify, (context, proof, values))) == keccak256(data), "calldata");
        verifier.verify(context, proof, values);
    }

    /// @dev With any gas, a bad call does not pass.
    function testFuzz_a_bad_proof_never_passes(uint256 limit) external view {
        bytes memory data = vm.parseJsonBytes(file, ".calls[5].calldata");
        limit %= 600_000;
        (bool accepted,) = address(verifier).staticcall{gas: limit}(data);
        require(!accepted, "a bad proof passed");
    }

    /// @dev Any word in place of any word of a good call.
    function testFuzz_a_changed_word_is_refused(uint256 place, bytes32 word) external view {
        bytes memory data = vm.parseJsonBytes(file, ".calls[0].calldata");
        place = place % ((data.length - 4) / 32);
        bytes32 digest = keccak256(data);
        for (uint256 index = 0; index < 32; ++index) {
            data[4 + 32 * place + index] = word[index];
        }
        (bool accepted,) = address(verifier).staticcall(data);
        require(accepted == (keccak256(data) == digest), "a changed call passed");
    }

    function _arguments(bytes memory data) private pure returns (bytes memory arguments) {
        arguments = new bytes(data.length - 4);
        for (uint256 index = 0; index < arguments.length; ++index) {
            arguments[index] = data[4 + index];
        }
    }
}
