//! The report as text.

use std::fmt;

use super::{Difference, LayerError, OutputError, Report};

/// Most characters of a name in a table.
const LONGEST_NAME: usize = 60;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = [
            "layer",
            "operation",
            "shape",
            "bits",
            "largest value",
            "largest error",
            "mean error",
            "of largest",
        ];
        let rows = std::iter::once(header.map(str::to_owned)).chain(self.layers.iter().map(row));
        write_columns(f, &rows.collect::<Vec<_>>())?;
        write!(
            f,
            "\n{} activation bits, headroom {}, {} samples, {} outside the calibrated range",
            self.activation_bits, self.headroom, self.samples, self.out_of_range
        )?;
        for output in &self.outputs {
            write!(f, "\n{}", described(output))?;
        }
        if let Some(accuracy) = &self.accuracy {
            let [float, integer] = [accuracy.float, accuracy.integer].map(|share| 100.0 * share);
            write!(
                f,
                "\naccuracy on {} labelled samples: float {float:.2}%, integer {integer:.2}%",
                accuracy.samples
            )?;
        }
        if let Some(agreement) = self.agreement {
            write!(f, "\nboth models choose alike: {:.2}%", 100.0 * agreement)?;
        }
        for close in &self.close_to_edge {
            let layer = shortened(&close.layer);
            write!(
                f,
                "\nclose to its edge: {layer} ({}), {:.0}% of the range",
                close.operation,
                100.0 * close.used
            )?;
        }
        Ok(())
    }
}

fn row(layer: &LayerError) -> [String; 8] {
    let [largest, mean, relative] = match layer.difference {
        Difference::Numbers { largest_error, mean_error, relative_error } => {
            [number(largest_error), number(mean_error), format!("{:.2}%", 100.0 * relative_error)]
        }
        Difference::Indices { equal } => {
            [String::new(), String::new(), format!("{:.2}% equal", 100.0 * equal)]
        }
    };
    let (name, shape) = (shortened(&layer.layer), format!("{:?}", layer.shape));
    let bits = layer.fractional_bits.to_string();
    [name, layer.operation.clone(), shape, bits, number(layer.magnitude), largest, mean, relative]
}

fn described(output: &OutputError) -> String {
    let name = shortened(&output.output);
    let (range, errors) = (
        format!("{} to {}", number(output.lowest), number(output.highest)),
        number(output.largest_error),
    );
    let share = 100.0 * super::ratio(output.largest_error, output.highest - output.lowest);
    let share = if output.highest > output.lowest {
        format!(" ({share:.2}% of that)")
    } else {
        String::new()
    };
    let fit = output.r_squared.map_or(String::new(), |r| format!(", R^2 {r:.5}"));
    match (output.r_squared, output.agreement) {
        (None, Some(agreement)) => {
            format!("output `{name}`: {:.2}% of {} choices alike", 100.0 * agreement, output.rows)
        }
        _ => format!("output `{name}`: {range}, largest error {errors}{share}{fit}"),
    }
}

/// Four significant digits, in a form that is neither long nor zero when the number is not.
fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        1e-4..1e6 => {
            let digits = (3 - x.abs().log10().floor() as i32).clamp(0, 7) as usize;
            format!("{x:.digits$}")
        }
        _ => format!("{x:.3e}"),
    }
}

/// Columns as wide as their widest cell; the first three aligned left, the others right. Widths
/// stay below those that a format takes, since cells are short.
fn write_columns<const N: usize>(f: &mut fmt::Formatter<'_>, rows: &[[String; N]]) -> fmt::Result {
    let widths: [usize; N] = std::array::from_fn(|at| {
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    });
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            if at < 3 { format!("{cell}{gap}") } else { format!("{gap}{cell}") }
        });
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A name from outside, for a line of text: its ends when it is long, and nothing that moves a
/// cursor.
pub fn shortened(name: &str) -> String {
    let visible: Vec<char> = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if visible.len() <= LONGEST_NAME {
        return visible.into_iter().collect();
    }
    let half = LONGEST_NAME / 2;
    let (begin, end) = (visible.iter().take(half), visible.iter().skip(visible.len() - (half - 1)));
    begin.chain(std::iter::once(&'…')).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let cases = [
            (0.0, "0"),
            (1.0, "1.000"),
            (0.012_349, "0.01235"),
            (123.456, "123.5"),
            (12345.0, "12345"),
            (1e-9, "1.000e-9"),
        ];
        for (x, text) in cases {
            assert_eq!(number(x), text);
        }
    }

    #[test]
    fn long_names_keep_their_ends_and_control_characters_do_not_pass() {
        assert_eq!(shortened("conv1"), "conv1");
        assert_eq!(shortened("a\u{1b}[2J\nb"), "a?[2J?b");
        let long = shortened(&format!("begin{}end", "x".repeat(100_000)));
        assert_eq!(long.chars().count(), LONGEST_NAME);
        assert!(long.starts_with("begin") && long.ends_with("end"));
    }
}
