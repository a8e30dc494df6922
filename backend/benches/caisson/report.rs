//! The report: a table for people, then one JSON text a line for programs.

use std::fmt;

use serde::Serialize;

/// All figures, in the order they were measured in.
#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
}

/// One figure: the median of several measurements.
#[derive(Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    min: f64,
    max: f64,
    samples: usize,
    /// What a ratio was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    sides: Option<[Side; 2]>,
    /// What it should reach.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
}

/// What a figure should reach.
#[derive(Clone, Copy, Serialize)]
pub enum Target {
    /// Not more than this.
    #[serde(rename = "target")]
    AtMost(f64),
    /// Not less than this.
    #[serde(rename = "targetAtLeast")]
    AtLeast(f64),
}

/// One side of a ratio: its own median.
#[derive(Clone, Serialize)]
struct Side {
    name: String,
    value: f64,
    unit: &'static str,
}

/// Measurements of one thing.
pub struct Samples {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
}

impl Samples {
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, values: Vec::new() }
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
        f64::midpoint(low, high)
    }

    fn side(&self) -> Side {
        Side { name: self.name.clone(), value: self.median(), unit: self.unit }
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
        let name = samples.name.clone();
        let figure = Figure {
            name,
            value: samples.median(),
            unit: samples.unit,
            min,
            max,
            samples: values.len(),
            sides,
            target,
        };
        eprintln!("  {figure}");
        self.figures.push(figure);
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [value, min, max] = [self.value, self.min, self.max].map(short);
        write!(to, "{:<46} {value:>9} {:<8} {min:>9} {max:>9}", self.name, self.unit)?;
        if let Some([of, against]) = &self.sides {
            write!(to, "  {} : {} {}", short(of.value), short(against.value), against.unit)?;
        }
        if let Some(target) = self.target {
            let (words, target, met) = match target {
                Target::AtMost(most) => ("at most", most, self.value <= most),
                Target::AtLeast(least) => ("at least", least, least <= self.value),
            };
            write!(to, "  {words} {} {}", short(target), self.unit)?;
            to.write_str(if met { "" } else { ", missed" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{:<46} {:>9} {:<8} {:>9} {:>9}", "figure", "median", "unit", "min", "max")?;
        for figure in &self.figures {
            writeln!(to, "{}", figure.to_string().trim_end())?;
        }
        writeln!(to)?;
        for figure in &self.figures {
            writeln!(to, "{}", serde_json::to_string(figure).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

/// Three significant digits, or all digits of a larger number.
fn short(value: f64) -> String {
    let digits = if value.abs() < 10.0 { 3 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$}")
}
