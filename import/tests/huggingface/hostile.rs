//! Folders that lie.

use std::fs;
use std::path::Path;

use lemma_import::huggingface::{Options, load};
use lemma_import::language::Problem;
use serde_json::{Value, json};

use super::{logits, path};

/// A copy of a folder.
fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&path(name), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let file = entry.unwrap().path();
        let target = to.join(file.file_name().unwrap());
        if file.is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&file, &target);
        } else {
            fs::copy(&file, target).unwrap();
        }
    }
}

fn read(folder: &Path) -> Result<Vec<Vec<f32>>, Problem> {
    logits(folder, &[1.0, 2.0, 3.0])
}

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    change(&mut value);
    fs::write(file, value.to_string()).unwrap();
}

/// The folder with another value in its configuration.
fn with(name: &str, field: &str, value: Value) -> Result<Vec<Vec<f32>>, Problem> {
    let folder = copied(name);
    edit(&folder.path().join("config.json"), |config| config[field] = value);
    read(folder.path())
}

#[track_caller]
fn refuses(name: &str, field: &str, value: Value, words: &str) {
    let said = with(name, field, value.clone()).expect_err("it must be refused").to_string();
    assert!(said.contains(words), "{field} = {value}: {said:?} does not say {words:?}");
}

/// The folder with other bytes in its tensors' file.
fn with_tensors(change: impl FnOnce(&mut Value, &mut Vec<u8>)) -> Result<Vec<Vec<f32>>, Problem> {
    let folder = copied("qwen2");
    let file = folder.path().join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut data = bytes[8 + length..].to_vec();
    change(&mut header, &mut data);
    let header = header.to_string().into_bytes();
    let length = (header.len() as u64).to_le_bytes();
    fs::write(&file, [&length[..], &header, &data].concat()).unwrap();
    read(folder.path())
}

/// Configurations of older versions of the library say the same in other fields.
#[test]
fn an_old_configuration_is_the_same_model() {
    for (name, theta, scaling) in [
        ("qwen2", 1e6, json!({ "type": "linear", "factor": 2.0 })),
        ("qwen3", 10_000.0, Value::Null),
    ] {
        let folder = copied(name);
        edit(&folder.path().join("config.json"), |config| {
            let fields = config.as_object_mut().unwrap();
            fields.remove("rope_parameters").unwrap();
            fields.insert("rope_theta".into(), theta.into());
            fields.insert("rope_scaling".into(), scaling);
        });
        assert_eq!(read(folder.path()).unwrap(), read(&path(name)).unwrap(), "{name}");
    }
}

#[test]
fn rejects_a_configuration_that_the_tensors_contradict() {
    for (name, field, value) in [
        ("llama", "hidden_size", 32),
        ("llama", "intermediate_size", 25),
        ("llama", "num_hidden_layers", 3),
        ("llama", "num_key_value_heads", 4),
        ("llama", "vocab_size", 41),
        ("gpt2", "n_positions", 13),
        ("gpt2", "n_embd", 20),
        ("qwen3", "head_dim", 4),
    ] {
        refuses(name, field, value.into(), "tensor `");
    }
    refuses("llama", "num_hidden_layers", 1.into(), "layers.1.");
    refuses("llama", "attention_bias", false.into(), "self_attn.");
    refuses("qwen2", "tie_word_embeddings", false.into(), "lm_head.weight");
}

#[test]
fn rejects_what_is_absurd_or_of_another_kind() {
    for field in ["hidden_size", "num_attention_heads", "num_hidden_layers", "vocab_size"] {
        for value in [json!(0), json!(-1), json!(1u64 << 60), json!("16"), json!(2.5), Value::Null]
        {
            assert!(with("llama", field, value.clone()).is_err(), "{field} = {value}");
        }
    }
    refuses("llama", "num_attention_heads", 3.into(), "evenly");
    refuses("llama", "rms_norm_eps", (-1.0).into(), "normalisation");
    let rope =
        |factor: Value| json!({ "rope_type": "linear", "rope_theta": 1e4, "factor": factor });
    for factor in [json!(0), json!(-2.0), Value::Null, json!("2")] {
        refuses("qwen2", "rope_parameters", rope(factor), "factor");
    }
    refuses("qwen2", "rope_parameters", json!({ "rope_theta": 0.0 }), "base");
    refuses("qwen2", "rope_parameters", json!([]), "rope_parameters");
}

#[test]
fn rejects_what_is_not_understood() {
    refuses("llama", "model_type", "mamba".into(), "\"mamba\"");
    refuses("llama", "architectures", json!(["LlamaForSequenceClassification"]), "Llama");
    refuses("llama", "num_local_experts", 8.into(), "num_local_experts");
    refuses("llama", "quantization_config", json!({ "bits": 4 }), "quantization_config");
    refuses("llama", "logits_scaling", 2.0.into(), "logits_scaling");
    refuses("llama", "hidden_act", "xielu".into(), "xielu");
    let yarn = json!({ "rope_type": "yarn", "factor": 4.0 });
    refuses("qwen3", "rope_parameters", yarn, "yarn");
    let partial = json!({ "rope_type": "default", "partial_rotary_factor": 0.5 });
    refuses("qwen3", "rope_parameters", partial, "partial_rotary_factor");
    refuses("mistral", "sliding_window", 2.into(), "1 to 2");
    refuses("qwen2", "layer_types", json!(vec!["sliding_attention"; 2]), "sliding_window");
    refuses("gpt2", "scale_attn_weights", false.into(), "scale_attn_weights");
    refuses("gpt2", "scale_attn_by_inverse_layer_idx", true.into(), "scale_attn_by_inverse");
}

#[test]
fn rejects_tensors_that_do_not_fit_their_file() {
    assert!(with_tensors(|_, _| {}).is_ok());
    const NAME: &str = "model.layers.1.mlp.up_proj.weight";
    let said = |change: fn(&mut Value)| {
        with_tensors(|header, _| change(&mut header[NAME])).unwrap_err().to_string()
    };
    for change in [
        |tensor: &mut Value| tensor["data_offsets"] = json!([0, 1536]),
        |tensor: &mut Value| tensor["data_offsets"] = json!([u64::MAX, 0]),
        |tensor: &mut Value| tensor["data_offsets"] = json!([-1, 3]),
        |tensor: &mut Value| tensor["shape"] = json!([1u64 << 60, 1 << 20]),
        |tensor: &mut Value| tensor["shape"] = json!([24, 17]),
        |tensor: &mut Value| tensor["dtype"] = json!("F17"),
        |tensor: &mut Value| *tensor = json!(3),
    ] {
        assert!(said(change).contains("model.safetensors"), "{}", said(change));
    }
    assert!(said(|tensor| tensor["shape"] = json!([16, 24])).contains("[24, 16]"));
    assert!(said(|tensor| tensor["dtype"] = json!("I32")).contains("I32"));
    for length in [0, 1, 7, 8, 100, 3000] {
        assert!(with_tensors(|_, data| data.truncate(length)).is_err(), "{length}");
    }
    assert!(with_tensors(|_, data| data.push(0)).is_err());
    let strange = with_tensors(|header, data| {
        let end = data.len();
        header["mystery"] = json!({ "dtype": "F32", "shape": [1], "data_offsets": [end, end + 4] });
        data.extend([0; 4]);
    });
    assert!(strange.unwrap_err().to_string().contains("mystery"));
    let infinite = with_tensors(|_, data| data[8..12].copy_from_slice(&f32::NAN.to_le_bytes()));
    assert!(matches!(infinite, Err(Problem::NotFinite { position: 2, .. })));
}

#[test]
fn rejects_headers_that_the_file_cannot_hold() {
    let folder = copied("qwen2");
    let file = folder.path().join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    for length in [0, 7, 9, 100, 1 << 24, 1 << 40, u64::MAX] {
        let mut bytes = bytes.clone();
        bytes[..8].copy_from_slice(&u64::to_le_bytes(length));
        fs::write(&file, bytes).unwrap();
        assert!(matches!(read(folder.path()), Err(Problem::Malformed(_))), "{length}");
    }
    for length in [0, 3, 8, 9, 500] {
        fs::write(&file, &bytes[..length]).unwrap();
        assert!(matches!(read(folder.path()), Err(Problem::Malformed(_))), "{length}");
    }
}

#[test]
fn rejects_shards_that_the_index_contradicts() {
    const INDEX: &str = "model.safetensors.index.json";
    let said = |change: fn(&mut Value)| {
        let folder = copied("mistral");
        edit(&folder.path().join(INDEX), change);
        read(folder.path()).expect_err("it must be refused").to_string()
    };
    assert!(read(&path("mistral")).is_ok());
    assert!(said(|index| index["weight_map"] = json!(3)).contains("weight_map"));
    for name in ["../model.safetensors", "/model.safetensors", "a/b.safetensors", "config.json", ""]
    {
        let folder = copied("mistral");
        edit(&folder.path().join(INDEX), |index| {
            index["weight_map"]["lm_head.weight"] = name.into();
        });
        let said = read(folder.path()).unwrap_err().to_string();
        assert!(said.contains("no file of the folder"), "{name}: {said}");
    }
    assert!(
        said(|index| index["weight_map"]["lm_head.weight"] = "other.safetensors".into())
            .contains("lm_head.weight")
    );
    assert!(
        said(|index| index["weight_map"]["more"] = index["weight_map"]["lm_head.weight"].clone())
            .contains("more")
    );
    assert!(
        said(|index| drop(index["weight_map"].as_object_mut().unwrap().remove("lm_head.weight")))
            .contains("lm_head.weight")
    );
}

#[test]
fn rejects_encoders_that_are_not_understood() {
    let read = |folder: &Path| {
        load(folder, &Options { tokens: Some(4) }).map(drop).map_err(|error| error.to_string())
    };
    let with = |name: &str, file: &str, field: &str, value: Value| {
        let folder = copied(name);
        edit(&folder.path().join(file), |config| config[field] = value);
        read(folder.path()).unwrap_err()
    };
    for (name, field, value) in [
        ("bert", "position_embedding_type", json!("relative_key")),
        ("bert", "is_decoder", json!(true)),
        ("bert", "architectures", json!(["BertForQuestionAnswering"])),
        ("bert", "layer_norm_eps", json!(-1.0)),
        ("roberta", "pad_token_id", json!(12)),
    ] {
        let said = with(name, "config.json", field, value);
        assert!(!said.contains("tensor"), "{field}: {said}");
    }
    for (name, field, value, tensor) in [
        ("bert", "id2label", json!({ "0": "a" }), "classifier.weight"),
        ("bert", "type_vocab_size", json!(3), "token_type_embeddings"),
        ("electra", "embedding_size", json!(16), "word_embeddings"),
        ("distilbert", "n_layers", json!(1), "transformer.layer.1."),
        ("roberta", "max_position_embeddings", json!(13), "position_embeddings"),
    ] {
        let said = with(name, "config.json", field, value);
        assert!(said.contains(tensor), "{field}: {said}");
    }
    let both = with("sentences", "1_Pooling/config.json", "pooling_mode_cls_token", json!(true));
    assert!(both.contains("pooling_mode"), "{both}");
    let weighted = "pooling_mode_weightedmean_tokens";
    let other = with("sentences", "1_Pooling/config.json", weighted, json!(true));
    assert!(other.contains(weighted), "{other}");
    let folder = copied("sentences");
    edit(&folder.path().join("modules.json"), |modules| {
        modules[2]["type"] = "sentence_transformers.models.Dense".into();
    });
    assert!(read(folder.path()).unwrap_err().contains("Dense"));
    let folder = copied("sentences");
    edit(&folder.path().join("modules.json"), |modules| modules[1]["path"] = "../x".into());
    assert!(read(folder.path()).unwrap_err().contains("modules.json"));
}

#[test]
fn rejects_folders_without_a_model() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read(folder.path()), Err(Problem::Read(_))));
    for text in ["", "[]", "{", "3", "{\"model_type\": 3}", "{}"] {
        fs::write(folder.path().join("config.json"), text).unwrap();
        assert!(read(folder.path()).is_err(), "{text}");
    }
    fs::copy(path("gpt2").join("config.json"), folder.path().join("config.json")).unwrap();
    let said = read(folder.path()).unwrap_err().to_string();
    assert!(said.contains("model.safetensors"), "{said}");
}
