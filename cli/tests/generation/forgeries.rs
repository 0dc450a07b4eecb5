//! Generations that were not generated.

use super::*;

/// Proves altered inputs of the honest generation under any lengths, and verifies the file.
fn forged(
    name: &str,
    (prompt, length): (u32, u32),
    alter: impl Fn(&mut Vec<Vec<i64>>),
) -> (i32, String) {
    let package = package();
    let ids = [&PROMPT_IDS[..], &honest().0].concat();
    let (mut inputs, _) = fill(&package, &ids, PROMPT as usize, 1, b"").unwrap();
    alter(&mut inputs);
    let key = Folder::new(decoder()).proving_key(&package).unwrap();
    let bytes = context(prompt, length, b"");
    let proven = package.prove(&key, &inputs, Context::of(&bytes), &()).unwrap();
    let file = ProofFile::new(key.verifying_key(), &proven.values, &bytes, &proven.proof).unwrap();
    let path = at(name);
    std::fs::write(&path, file.to_json().unwrap()).unwrap();
    let output = lemma(&["--json", "verify", "--key", &at("verifying.key"), &path]);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn rejects_a_proof_with_a_token_swapped_after_the_prompt() {
    let (_, length) = honest();
    let (code, said) = forged("swapped.json", (PROMPT, length), |inputs| {
        inputs[TEXT][4] = (inputs[TEXT][4] + 1) % 40
    });
    assert!(code == 3 && said.contains("the model chose"), "{said}");
    // Neither the prompt's tensor after the prompt nor what is read after the end matters.
    let (code, said) = forged("padded.json", (PROMPT, length), |inputs| inputs[GIVEN][4..].fill(9));
    assert!(code == 0 && said.contains("\"prompt_visibility\":\"committed\""), "{said}");
}

#[test]
fn rejects_a_proof_with_other_lengths() {
    let (_, length) = honest();
    for (prompt, end) in [
        (3, length),
        (5, length),
        (4, length - 1),
        (0, length),
        (4, 11),
        (1, length),
        (length, length),
    ] {
        let (code, said) = forged(&format!("lengths{prompt}-{end}.json"), (prompt, end), |_| ());
        assert!(code == 3 && said.contains("\"verified\":false"), "{prompt}, {end}: {said}");
    }
}

#[test]
fn rejects_a_mask_with_a_hole_and_one_that_starts_late_or_early() {
    let (_, length) = honest();
    for position in [1, 3, 4, 5, length as usize] {
        let (code, said) = forged(&format!("mask{position}.json"), (PROMPT, length), |inputs| {
            inputs[GENERATED][position] ^= 1
        });
        assert!(
            code == 3 && said.contains(&format!("at position {position};")),
            "{position}: {said}"
        );
    }
}

#[test]
fn rejects_a_text_inside_the_prompt() {
    let (_, length) = honest();
    // The model reads the sum of both, here as it was.
    let (code, said) = forged("inside.json", (PROMPT, length), |inputs| {
        inputs[TEXT][2] = 4;
        inputs[GIVEN][2] -= 4;
    });
    assert!(code == 3 && said.contains("`text` is 4 at position 2"), "{said}");
}

#[test]
fn rejects_a_sum_of_prompt_and_text_past_the_vocabulary() {
    let (mut inputs, _) = fill(&package(), &PROMPT_IDS, 4, 1, b"").unwrap();
    (inputs[GIVEN][2], inputs[TEXT][2]) = (39, 1);
    let error = package().infer(&inputs).map(|_| ()).unwrap_err();
    assert!(matches!(error, InferError::Execute(ExecuteError::OutOfRange { .. })), "{error}");
}

#[test]
fn rejects_an_altered_digest_and_one_of_another_prompt_and_choices_that_are_not_the_circuits() {
    let proof: Value = serde_json::from_slice(&std::fs::read(at("proof.json")).unwrap()).unwrap();
    let path = at("other-digest.json");
    json(&[
        "prove",
        decoder().to_str().unwrap(),
        "--prompt",
        "tre",
        "--generate",
        "1",
        "-o",
        &path,
    ]);
    let other: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let choice = |file: &mut Value| {
        // The readable part agrees, as the file's check wants.
        file["tensors"][3]["values"][0] = 8.into();
        file["tensors"][3]["decoded"][0] = "e".into();
    };
    let alterations: [&dyn Fn(&mut Value); 3] = [
        &|file| file["tensors"][0]["digest"] = format!("0x{:064x}", 12345).into(),
        &|file| file["tensors"][0]["digest"] = other["tensors"][0]["digest"].clone(),
        &choice,
    ];
    for alter in alterations {
        let mut file = proof.clone();
        alter(&mut file);
        std::fs::write(at("altered.json"), file.to_string()).unwrap();
        let said = fails(3, &["verify", "--key", &at("verifying.key"), &at("altered.json")]);
        assert!(said.contains("NOT verified"), "{said}");
    }
}
