//! Whether an integer model may stand for its float model.
//!
//! With labels the accuracy decides. Without, choices must be alike except near ties, and numbers
//! must follow the float model's.

use std::fmt;

use super::{OutputError, Report, shortened};

/// Most accuracy that may be lost, as a share of the labelled samples.
pub const ACCURACY_LOSS: f64 = 0.02;

/// Largest share of choices that may differ without being near ties.
pub const DISAGREEMENT: f64 = 0.05;

/// Largest share of an output's variance that errors may make up, `1 - R^2`.
pub const UNEXPLAINED: f64 = 0.02;

/// From this part of a limit on there is a warning.
const WARNING: f64 = 0.25;

/// Largest error, over the largest value, of an output that does not vary.
const CONSTANT_ERROR: f64 = 0.02;

/// What speaks against an integer model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Reasons to refuse it.
    pub errors: Vec<Finding>,
    /// Reasons to look.
    pub warnings: Vec<Finding>,
}

/// One thing that speaks against an integer model.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Accuracy on labelled samples falls.
    Accuracy {
        /// Of the float model.
        float: f64,
        /// Of the integer model.
        integer: f64,
        /// Labelled samples.
        samples: usize,
    },
    /// The models choose differently.
    Choices {
        /// The output.
        output: String,
        /// Share of the rows whose choice differs and is no near tie.
        reversed: f64,
        /// Rows.
        rows: usize,
    },
    /// An output does not follow the float model's.
    Numbers {
        /// The output.
        output: String,
        /// Its coefficient of determination, where it varies.
        r_squared: Option<f64>,
        /// Its largest error.
        largest_error: f64,
        /// Its range.
        range: [f64; 2],
    },
    /// Samples leave the calibrated range, so that nothing is proven of them.
    OutOfRange {
        /// How many.
        samples: usize,
        /// Of how many.
        of: usize,
        /// Why the first does.
        first: String,
    },
    /// A label is no class.
    NoClass {
        /// The sample.
        sample: usize,
        /// Its label.
        label: usize,
        /// Classes of the model; zero when its first output chooses none.
        classes: usize,
    },
}

impl Report {
    /// The verdict on the integer model.
    pub fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::default();
        if let Some(no) = self.no_class {
            verdict.errors.push(Finding::NoClass {
                sample: no.sample,
                label: no.label,
                classes: no.classes,
            });
        }
        if self.out_of_range > 0 {
            let first = self.first_out_of_range.clone().unwrap_or_default();
            verdict.errors.push(Finding::OutOfRange {
                samples: self.out_of_range,
                of: self.samples,
                first,
            });
        }
        let labelled = self.accuracy.filter(|_| self.no_class.is_none());
        if let Some(accuracy) = labelled {
            let loss = (accuracy.float - accuracy.integer) / ACCURACY_LOSS;
            // A single sample says nothing.
            let several = (accuracy.float - accuracy.integer) * accuracy.samples as f64 > 1.5;
            let finding = Finding::Accuracy {
                float: accuracy.float,
                integer: accuracy.integer,
                samples: accuracy.samples,
            };
            verdict.add(loss, several, finding);
        }
        for (at, output) in self.outputs.iter().enumerate() {
            let (excess, several, finding) = judged(output);
            // What labels say of the first output counts for more.
            verdict.add(excess, several && !(at == 0 && labelled.is_some()), finding);
        }
        verdict
    }
}

impl Verdict {
    /// `excess`: the measure over its limit.
    fn add(&mut self, excess: f64, may_refuse: bool, finding: Finding) {
        // A measure that is no number is over its limit.
        let passes = |limit: f64| excess.is_nan() || excess > limit;
        if may_refuse && passes(1.0) {
            self.errors.push(finding);
        } else if passes(WARNING) {
            self.warnings.push(finding);
        }
    }
}

/// How far an output is from its limit, whether that is enough to refuse it, and the finding.
fn judged(output: &OutputError) -> (f64, bool, Finding) {
    let range = [output.lowest, output.highest];
    let numbers = Finding::Numbers {
        output: output.output.clone(),
        r_squared: output.r_squared,
        largest_error: output.largest_error,
        range,
    };
    let magnitude = output.lowest.abs().max(output.highest.abs());
    let by_numbers = match output.r_squared {
        Some(r) => (1.0 - r) / UNEXPLAINED,
        None => super::ratio(output.largest_error, magnitude) / CONSTANT_ERROR,
    };
    let Some(reversed) = output.reversed else { return (by_numbers, true, numbers) };
    let choices = Finding::Choices { output: output.output.clone(), reversed, rows: output.rows };
    let several = reversed * output.rows as f64 > 1.5 || output.rows == 1;
    // Scores that all rows share say little about the choices, so that errors beside their small
    // variance count only when they are large themselves.
    let small = output.rms_error <= 0.5 * CONSTANT_ERROR * magnitude;
    if output.r_squared.is_some() && !small && by_numbers > 1.0 && reversed <= DISAGREEMENT {
        return (by_numbers, true, numbers);
    }
    (reversed / DISAGREEMENT, several, choices)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Accuracy { float, integer, samples } => write!(
                f,
                "accuracy on {samples} labelled samples falls from {:.2}% to {:.2}%, {:.0} points \
                    are allowed",
                100.0 * float,
                100.0 * integer,
                100.0 * ACCURACY_LOSS
            ),
            Finding::Choices { output, reversed, rows } => write!(
                f,
                "output `{}`: the integer model chooses differently in {:.2}% of {rows} rows, near \
                    ties not counted; {:.0}% are allowed",
                shortened(output),
                100.0 * reversed,
                100.0 * DISAGREEMENT
            ),
            Finding::Numbers { output, r_squared, largest_error, range: [lowest, highest] } => {
                let fit = r_squared.map_or("it does not vary".into(), |r| {
                    format!("R^2 {r:.4}, at least {} is asked", 1.0 - UNEXPLAINED)
                });
                let name = shortened(output);
                write!(
                    f,
                    "output `{name}` lies between {lowest:.4e} and {highest:.4e} and is wrong by \
                        up to {largest_error:.4e}: {fit}"
                )
            }
            Finding::OutOfRange { samples, of, first } => {
                write!(
                    f,
                    "{samples} of {of} samples leave the calibrated range and could not be proven; \
                        the first: {first}"
                )
            }
            Finding::NoClass { sample, label, classes: 0 } => write!(
                f,
                "sample {sample} has the label {label}, but the first output chooses no class: it \
                    is one number or several rows; leave the labels out"
            ),
            Finding::NoClass { sample, label, classes } => {
                write!(
                    f,
                    "sample {sample} has the label {label}; the first output has classes 0 to {}",
                    classes - 1
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Accuracy;
    use super::*;

    fn report() -> Report {
        Report {
            activation_bits: 12,
            headroom: 2.0,
            samples: 100,
            out_of_range: 0,
            first_out_of_range: None,
            layers: Vec::new(),
            outputs: Vec::new(),
            close_to_edge: Vec::new(),
            accuracy: None,
            no_class: None,
            agreement: None,
        }
    }

    fn output(r_squared: Option<f64>, reversed: Option<f64>) -> OutputError {
        OutputError {
            output: "y".into(),
            lowest: -1.0,
            highest: 1.0,
            largest_error: 0.01,
            rms_error: 0.005,
            r_squared,
            rows: 100,
            agreement: reversed.map(|reversed| 1.0 - reversed),
            reversed,
        }
    }

    fn counts(report: &Report) -> (usize, usize) {
        let verdict = report.verdict();
        (verdict.errors.len(), verdict.warnings.len())
    }

    #[test]
    fn accuracy_may_fall_by_two_points_and_by_one_sample() {
        for (samples, float, integer, expected) in [
            (1000, 0.9, 0.9, (0, 0)),
            (1000, 0.9, 0.91, (0, 0)),
            (1000, 0.9, 0.89, (0, 1)),
            (1000, 0.9, 0.87, (1, 0)),
            (10, 0.9, 0.8, (0, 1)),
            (10, 0.9, 0.7, (1, 0)),
        ] {
            let accuracy = Some(Accuracy { samples, float, integer, agreement: 1.0 });
            assert_eq!(counts(&Report { accuracy, ..report() }), expected, "{float} {integer}");
        }
    }

    #[test]
    fn choices_and_numbers_have_their_limits() {
        for (output, expected) in [
            (output(Some(0.9999), None), (0, 0)),
            (output(Some(0.99), None), (0, 1)),
            (output(Some(0.9), None), (1, 0)),
            (output(Some(f64::NAN), None), (1, 0)),
            (output(None, None), (0, 1)),
            (OutputError { largest_error: 0.1, ..output(None, None) }, (1, 0)),
            (output(Some(0.9), Some(0.0)), (0, 0)),
            (OutputError { rms_error: 0.1, ..output(Some(0.9), Some(0.0)) }, (1, 0)),
            (output(Some(0.9999), Some(0.02)), (0, 1)),
            (output(Some(0.9999), Some(0.06)), (1, 0)),
            (output(None, Some(0.06)), (1, 0)),
            (OutputError { rows: 10, ..output(None, Some(0.1)) }, (0, 1)),
            (OutputError { rows: 1, ..output(None, Some(1.0)) }, (1, 0)),
        ] {
            assert_eq!(
                counts(&Report { outputs: vec![output.clone()], ..report() }),
                expected,
                "{output:?}"
            );
        }
    }

    #[test]
    fn samples_outside_and_labels_without_a_class_are_errors() {
        assert_eq!(counts(&Report { out_of_range: 1, ..report() }), (1, 0));
        let no_class = Some(super::super::NoClass { sample: 3, label: 7, classes: 3 });
        let verdict = Report { no_class, ..report() }.verdict();
        assert_eq!(verdict.errors.len(), 1);
        assert!(verdict.errors[0].to_string().contains("classes 0 to 2"), "{}", verdict.errors[0]);
    }
}
