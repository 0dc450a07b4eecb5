//! Files that lie.

use lemma_import::gguf::{Options, load};
use lemma_import::language::Problem;

use super::writer::{Writer, text};

fn read(bytes: &[u8]) -> Result<(), Problem> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, bytes).unwrap();
    let model = load(&path, &Options { tokens: Some(3) }).map_err(|error| error.problem)?;
    model.check().unwrap();
    Ok(())
}

/// The words with which a change of a good file is refused.
fn said(change: impl FnOnce(&mut Writer)) -> String {
    let mut file = Writer::model();
    change(&mut file);
    read(&file.bytes()).expect_err("the file must be refused").to_string()
}

#[track_caller]
fn refuses(words: &str, change: impl FnOnce(&mut Writer)) {
    let said = said(change);
    assert!(said.contains(words), "{said:?} does not say {words:?}");
}

#[test]
fn the_file_that_is_changed_below_is_good() {
    read(&Writer::model().bytes()).unwrap();
    let mut old = Writer::model();
    old.version = 2;
    read(&old.bytes()).unwrap();
}

#[test]
fn rejects_a_file_that_is_cut_anywhere() {
    let mut file = Writer::model();
    // Padding at the end is no part of a tensor.
    file.data.truncate(file.data.len() - 16);
    let bytes = file.bytes();
    read(&bytes).unwrap();
    for length in (0..bytes.len()).step_by(3).chain([bytes.len() - 1]) {
        assert!(read(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn rejects_other_formats_and_versions() {
    refuses("begin with GGUF", |file| file.magic = *b"GGML");
    for version in [0, 1, 4, u32::MAX] {
        refuses(&format!("version {version}"), |file| file.version = version);
    }
    refuses("highest byte first", |file| file.version = 3u32.swap_bytes());
}

#[test]
fn rejects_counts_that_the_file_cannot_hold() {
    for count in [1 << 12, 1 << 20, 1 << 60, u64::MAX] {
        for tensors in [false, true] {
            let said = said(|file| {
                let field = if tensors { &mut file.tensor_count } else { &mut file.field_count };
                *field = Some(count);
            });
            assert!(said.contains(&count.to_string()) || said.contains("ends"), "{said}");
        }
    }
}

#[test]
fn rejects_absurd_lengths_of_texts_and_lists() {
    for length in [1 << 14, 1 << 40, u64::MAX] {
        refuses(&length.to_string(), |file| {
            file.fields.push(("general.name".into(), 8, length.to_le_bytes().into()));
        });
        for kind in [0u32, 4, 6, 7, 8, 12] {
            refuses(&length.to_string(), |file| {
                let list = [&kind.to_le_bytes()[..], &length.to_le_bytes()].concat();
                file.fields.push(("general.tags".into(), 9, list));
            });
        }
    }
    refuses("list of lists", |file| {
        let list = [&9u32.to_le_bytes()[..], &0u64.to_le_bytes()].concat();
        file.set_whole("general.tags", 9, &list);
    });
    for kind in [13, u32::MAX] {
        refuses("no kind", |file| file.set_whole("general.tags", kind, &[0; 16]));
        refuses("no kind", |file| {
            file.set_whole("general.tags", 9, &[&kind.to_le_bytes()[..], &[0; 16]].concat());
        });
    }
    refuses("UTF-8", |file| {
        file.set_whole("general.name", 8, &[&1u64.to_le_bytes()[..], &[0xff]].concat());
    });
    refuses("truth value", |file| file.set_whole("general.flag", 7, &[2]));
    refuses("twice", |file| file.fields.push(file.fields[0].clone()));
}

#[test]
fn rejects_alignments_that_are_none() {
    for alignment in [0u32, 3, 33, 1 << 21, u32::MAX] {
        refuses("general.alignment", |file| {
            file.set_whole("general.alignment", 4, &alignment.to_le_bytes());
        });
    }
}

#[test]
fn rejects_tensors_that_do_not_fit_the_file() {
    const NAME: &str = "blk.0.attn_q.weight";
    for start in [1, 33, u64::MAX] {
        refuses("no multiple", |file| file.tensor(NAME).start = start);
    }
    for start in [1 << 20, 1 << 62, u64::MAX - 31] {
        refuses("does not lie in the file", |file| file.tensor(NAME).start = start);
    }
    refuses("overlaps", |file| file.tensor(NAME).start = 0);
    for shape in [&[0][..], &[1 << 60], &[1 << 32, 1 << 32], &[u64::MAX, 2], &[1 << 31], &[4, 0]] {
        refuses("elements", |file| file.tensor(NAME).shape = shape.into());
    }
    for axes in [0, 5, 1000] {
        refuses("axes", |file| file.tensor(NAME).shape = vec![1; axes]);
    }
    refuses("shape", |file| file.tensor(NAME).shape = vec![4]);
    refuses("shape", |file| file.tensor(NAME).shape = vec![2, 4, 2]);
    refuses("shape", |file| file.tensor("output_norm.weight").shape = vec![2, 2]);
    refuses("blocks of 32", |file| file.tensor(NAME).kind = 2);
    refuses("Q2_K", |file| file.tensor(NAME).kind = 10);
    refuses("77", |file| file.tensor(NAME).kind = 77);
    refuses("twice", |file| file.tensors.push(file.tensors[3].clone()));
}

#[test]
fn rejects_tensors_that_are_missing_or_too_many() {
    for index in 1..Writer::model().tensors.len() {
        let mut name = String::new();
        let said = said(|file| name = file.tensors.remove(index).name);
        assert!(said.contains(&name) && said.contains("missing"), "{said}");
    }
    for name in ["blk.1.attn_q.weight", "blk.0.attn_k.bias", "blk.0.attn_q_norm.weight", "mystery"]
    {
        refuses("not one of this architecture", |file| file.push(name, &[2]));
    }
}

#[test]
fn rejects_values_that_are_not_finite() {
    for value in [f32::NAN, f32::INFINITY] {
        let mut file = Writer::model();
        let at = file.tensor("blk.0.attn_k.weight").start as usize + 20;
        file.data[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let problem = read(&file.bytes()).unwrap_err();
        assert!(
            matches!(&problem, Problem::NotFinite { tensor, position: 5, .. }
                if tensor == "blk.0.attn_k.weight"),
            "{problem}"
        );
    }
}

#[test]
fn rejects_metadata_that_are_missing_absurd_or_of_another_kind() {
    for field in [
        "context_length",
        "embedding_length",
        "block_count",
        "feed_forward_length",
        "attention.head_count",
        "attention.layer_norm_rms_epsilon",
    ] {
        refuses(field, |file| file.remove(field));
        refuses(field, |file| file.set(field, 8, &text("4")));
        if !field.ends_with("epsilon") {
            refuses(field, |file| file.set(field, 5, &(-4i32).to_le_bytes()));
            refuses(field, |file| file.set(field, 10, &(1u64 << 60).to_le_bytes()));
            for value in [0u32, 1 << 21, u32::MAX] {
                assert!(!said(|file| file.set(field, 4, &value.to_le_bytes())).is_empty());
            }
        }
    }
    for epsilon in [f32::NAN, -1.0, f32::INFINITY] {
        refuses("normalisation", |file| {
            file.set("attention.layer_norm_rms_epsilon", 6, &epsilon.to_le_bytes());
        });
    }
    for base in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refuses("base", |file| file.set("rope.freq_base", 6, &base.to_le_bytes()));
    }
    refuses("head_count", |file| file.set("attention.head_count", 4, &3u32.to_le_bytes()));
    refuses("evenly", |file| file.set("attention.head_count_kv", 4, &3u32.to_le_bytes()));
    refuses("value_length", |file| file.set("attention.value_length", 4, &4u32.to_le_bytes()));
    refuses("vocab_size", |file| file.set("vocab_size", 4, &4u32.to_le_bytes()));
    refuses("tokenizer.ggml.tokens", |file| {
        let list = [&8u32.to_le_bytes()[..], &1u64.to_le_bytes(), &text("a")].concat();
        file.set_whole("tokenizer.ggml.tokens", 9, &list);
    });
}

/// What would be another model is refused by name.
#[test]
fn rejects_what_is_not_understood() {
    refuses("\"mamba\"", |file| file.set_whole("general.architecture", 8, &text("mamba")));
    refuses("adapter", |file| file.set_whole("general.type", 8, &text("adapter")));
    refuses("split.count", |file| file.set_whole("split.count", 2, &3u16.to_le_bytes()));
    refuses("8 experts", |file| file.set("expert_count", 4, &8u32.to_le_bytes()));
    refuses("yarn", |file| file.set("rope.scaling.type", 8, &text("yarn")));
    refuses("rope.dimension_count", |file| {
        file.set("rope.dimension_count", 4, &4u32.to_le_bytes());
    });
    refuses("attention.causal", |file| file.set("attention.causal", 7, &[0]));
    refuses("logit_scale", |file| file.set("logit_scale", 6, &2f32.to_le_bytes()));
    for window in [1u32, 2] {
        let change = |file: &mut Writer| {
            file.set("attention.sliding_window", 4, &window.to_le_bytes());
        };
        refuses(&format!("1 to {window} can be compiled"), change);
    }
    let mut wide = Writer::model();
    wide.set("attention.sliding_window", 4, &3u32.to_le_bytes());
    read(&wide.bytes()).unwrap();
    for (value, words) in [(0f32, "divisor"), (f32::NAN, "position 0")] {
        refuses(words, |file| {
            file.push("rope_freqs.weight", &[1]);
            let at = file.tensor("rope_freqs.weight").start as usize;
            file.data[at..at + 4].copy_from_slice(&value.to_le_bytes());
        });
    }
}
