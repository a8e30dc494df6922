//! The report: what was measured so far, as a table for people and one JSON text a line for programs.

use std::{fs, io, path::Path};

pub(crate) use crate::figure::Target;
use crate::figure::{Figure, Side, Usual, table};

/// From so many samples on, those far off are left out of what is usual.
const MANY: usize = 8;

/// All figures, in the order they were measured in.
#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
}

/// Measurements of one thing.
pub struct Samples {
    name: String,
    unit: &'static str,
    reference: bool,
    values: Vec<f64>,
}

impl Samples {
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, reference: false, values: Vec::new() }
    }

    /// Measurements of the machine without Caisson, which others are compared with.
    pub fn reference(name: impl Into<String>, unit: &'static str) -> Self {
        Self { reference: true, ..Self::new(name, unit) }
    }

    pub fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values
    }

    fn median(&self) -> f64 {
        let values = self.sorted();
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        significant(f64::midpoint(low, high))
    }

    fn side(&self) -> Side {
        Side { name: self.name.clone(), value: self.median(), unit: self.unit.to_owned() }
    }
}

impl Report {
    /// Adds what was measured.
    pub fn add(&mut self, samples: &Samples) {
        self.push(samples, None, None);
    }

    /// Adds what was measured, and what it should reach.
    pub fn add_with_target(&mut self, samples: &Samples, target: Target) {
        self.push(samples, None, Some(target));
    }

    /// Adds `of` in units of `against`. Both were measured in turns: each pair gives one ratio.
    pub fn add_ratio(
        &mut self,
        name: impl Into<String>,
        of: &Samples,
        against: &Samples,
        target: Option<Target>,
    ) {
        let mut ratios = Samples::new(name, "ratio");
        ratios.values.extend(of.values.iter().zip(&against.values).map(|(of, against)| of / against));
        self.push(&ratios, Some([of.side(), against.side()]), target);
    }

    fn push(&mut self, samples: &Samples, sides: Option<[Side; 2]>, target: Option<Target>) {
        let values = samples.sorted();
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else { return };
        let left_out = if values.len() < MANY { 0 } else { values.len() / 4 };
        let usual = Usual {
            low: significant(values[left_out]),
            high: significant(values[values.len() - 1 - left_out]),
        };
        let figure = Figure {
            name: samples.name.clone(),
            value: samples.median(),
            unit: samples.unit.to_owned(),
            min: significant(min),
            max: significant(max),
            samples: values.len(),
            usual: Some(usual),
            reference: samples.reference,
            sides,
            target,
        };
        eprintln!("  {figure}");
        self.figures.push(figure);
    }

    /// How many figures there are.
    pub fn len(&self) -> usize {
        self.figures.len()
    }

    /// The table.
    pub fn table(&self) -> String {
        table(&self.figures)
    }

    /// Writes one JSON text a line to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let lines = self.figures.iter().map(|figure| Ok(serde_json::to_string(figure)? + "\n"));
        fs::write(file, lines.collect::<io::Result<String>>()?)
    }
}

/// Five digits: no measurement is more exact.
fn significant(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}
