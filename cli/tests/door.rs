//! Models and data as people bring them: names, outputs, tables, images, many samples at once.

#[path = "support/program.rs"]
mod program;

use std::path::Path;
use std::process::Command;

use program::{fails, json};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/lenet_fashion");

fn model(file: &str) -> String {
    format!("{MODEL}/{file}")
}

/// LeNet-5 compiled in a folder, with more arguments.
fn compiled(folder: &Path, more: &[&str]) -> serde_json::Value {
    let (onnx, calibration) = (model("model.onnx"), model("calibration.npz"));
    let folder = folder.to_str().unwrap();
    let arguments = ["compile", &onnx, "--calibration", &calibration, "--bits", "11", "-o", folder];
    json(&[&arguments, more].concat())
}

#[test]
fn all_samples_are_run_at_once() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    compiled(&parent.path().join("compiled"), &["--name", "shoes"]);
    assert_eq!(json(&["inspect", &path("compiled")])["model"], "shoes");
    let (folder, input, out) = (path("compiled"), model("calibration.npz"), path("out.npz"));
    let ran = json(&["run", &folder, "--input", &input, "--all", "-o", &out]);
    assert_eq!(ran["samples"], 256);
    let outputs = lemma::Samples::read(out.as_ref()).unwrap().arrays;
    let one = json(&["run", &folder, "--input", &input, "--index", "255"]);
    let name = one["outputs"][0]["name"].as_str().unwrap();
    let values: Vec<f64> = serde_json::from_value(one["outputs"][0]["values"].clone()).unwrap();
    let last = outputs[name].index_axis(ndarray::Axis(0), 255);
    assert!(last.iter().zip(&values).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{last}");
    assert_eq!(last.len(), values.len());
    // An archive is replaced, another file is not.
    json(&["run", &folder, "--input", &input, "--all", "-o", &out]);
    let kept = path("kept.txt");
    std::fs::write(&kept, "mine").unwrap();
    fails(1, &["run", &folder, "--input", &input, "--all", "-o", &kept]);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "mine");
    fails(2, &["run", &folder, "--input", &input, "--all"]);
    fails(2, &["run", &folder, "--input", &input, "-o", &out]);
    // Samples out of range: the first, and how many others; nothing is written.
    let bright: Vec<String> = (0..3)
        .map(|at| {
            let pixel = if at == 1 { "0" } else { "900" };
            format!("[{}]", vec![format!("[{}]", vec![pixel; 28].join(",")); 28].join(","))
        })
        .collect();
    let images = path("bright.json");
    let rows = bright.iter().map(|image| format!("[{image}]")).collect::<Vec<_>>().join(",");
    std::fs::write(&images, format!("[{rows}]")).unwrap();
    let missing = path("missing.npz");
    let said = fails(4, &["run", &folder, "--input", &images, "--all", "-o", &missing]);
    assert!(said.contains("sample 0") && said.contains("1 other sample"), "{said}");
    assert!(said.contains("783 others are outside"), "{said}");
    assert!(!Path::new(&missing).exists());
    // Before the keys.
    let said = fails(1, &["prove", &folder, "--input", &input, "-o", &path("proof.json")]);
    assert!(said.contains("no keys") && said.contains("lemma setup"), "{said}");
}

#[test]
fn outputs_and_shapes_that_do_not_exist_are_named() {
    let parent = tempfile::tempdir().unwrap();
    let (onnx, calibration) = (model("model.onnx"), model("calibration.npz"));
    let folder = parent.path().join("compiled").to_str().unwrap().to_owned();
    let compile = ["compile", &onnx, "--calibration", &calibration, "-o", &folder];
    let refused = |code, more: &[&str]| fails(code, &[&compile, more].concat());
    assert!(refused(1, &["--outputs", "boxes"]).contains("no output `boxes`; the outputs are"));
    assert!(refused(1, &["--shape", "picture=1,1,28,28"]).contains("the inputs are"));
    assert!(refused(2, &["--shape", "picture=1,x"]).contains("no whole number"));
    assert!(!Path::new(&folder).exists());
}

/// The log says what goes on where no terminal shows it.
#[test]
fn stages_are_in_the_log() {
    let parent = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lemma"))
        .env("LEMMA_LOG", "info")
        .args(["compile", &model("model.onnx"), "--calibration", &model("calibration.npz")])
        .args(["--bits", "11", "-o", parent.path().join("compiled").to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    for stage in ["calibrating (0%)", "quantizing (40%)", "measuring accuracy (70%)"] {
        assert!(said.contains(stage), "{stage}: {said}");
    }
}

/// Tables and images as the input of a model.
#[test]
fn a_table_and_an_image_are_samples() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    compiled(&parent.path().join("compiled"), &[]);
    let folder = path("compiled");
    let pixel = |at: usize| (at * 37 % 256) as u8;
    let header: Vec<String> = (0..784).map(|at| format!("pixel {at}")).collect();
    let row: Vec<String> = (0..784).map(|at| format!("{}", f64::from(pixel(at)) / 255.0)).collect();
    let table = format!("kind,{}\nshoe,{}\n", header.join(","), row.join(","));
    std::fs::write(path("row.csv"), table).unwrap();
    let from_table = json(&["run", &folder, "--input", &path("row.csv")]);
    std::fs::write(path("image.png"), png(28, 28, pixel)).unwrap();
    let scaled = ["run", &folder, "--input", &path("image.png"), "--scale", "1/255"];
    assert_eq!(json(&scaled)["outputs"], from_table["outputs"]);
    // A column that leaves its range is named.
    let bright: Vec<&str> = (0..784).map(|at| if at == 300 { "700" } else { "0" }).collect();
    let table = format!("{}\n{}\n", header.join(","), bright.join(","));
    std::fs::write(path("bright.csv"), table).unwrap();
    let said = fails(4, &["run", &folder, "--input", &path("bright.csv")]);
    assert!(said.contains("column `pixel 300`") && !said.contains("700"), "{said}");
    let said = fails(1, &scaled[..4]);
    assert!(said.contains("unsigned bytes") && said.contains("--scale 1/255"), "{said}");
    std::fs::write(path("large.png"), png(56, 28, pixel)).unwrap();
    let said = fails(1, &["run", &folder, "--input", &path("large.png"), "--scale", "1"]);
    assert!(said.contains("28 x 56 pixels"), "{said}");
}

/// A grey PNG without compression (ISO/IEC 15948).
fn png(width: usize, height: usize, pixel: impl Fn(usize) -> u8) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
            })
        })
    };
    let chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body).to_be_bytes()].concat()
    };
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    header.extend([8, 0, 0, 0, 0]);
    // Each row begins with its filter, which is none.
    let raw: Vec<u8> = (0..height)
        .flat_map(|y| std::iter::once(0).chain((0..width).map(move |x| y * width + x).map(&pixel)))
        .collect();
    let (mut a, mut b) = (1u32, 0u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let length = raw.len() as u16;
    let mut data = vec![0x78, 0x01, 1];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&raw);
    data.extend((b << 16 | a).to_be_bytes());
    let signature = b"\x89PNG\r\n\x1a\n";
    [&signature[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &data), &chunk(b"IEND", &[])]
        .concat()
}
