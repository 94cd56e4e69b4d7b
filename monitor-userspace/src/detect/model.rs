//! The judge: a small network that weighs the evidence for ten explanations of growth.
//!
//! One hidden layer over standardised evidence, softmax at the end. Its weights are data
//! (`weights.json`), fitted by `cargo xtask evaluate fit` on synthetic series of known cause.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::features::{COUNT, Features, NAMES};
use super::hypothesis::{Beliefs, Hypothesis};

const OUTPUTS: usize = Hypothesis::ALL.len();

/// A standardised value further out than this says no more than this.
const FAR: f32 = 4.0;

static FITTED: LazyLock<Model> = LazyLock::new(|| {
    let model: Option<Model> = serde_json::from_str(include_str!("weights.json")).ok();
    // A test holds the file to its shape; with another one nothing is ever more than undecided.
    model.filter(Model::fits).unwrap_or_else(Model::undecided)
});

/// The weights. Rows are outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// What made it, for whoever reads the file.
    pub fitted_by: String,
    /// Names of the evidence, in order.
    pub features: Vec<String>,
    /// Mean of each piece of evidence over the series it was fitted on.
    pub mean: Vec<f32>,
    /// Its standard deviation.
    pub sd: Vec<f32>,
    /// Weights of the hidden layer, a row for each of its units.
    pub hidden: Vec<Vec<f32>>,
    /// Its biases.
    pub hidden_bias: Vec<f32>,
    /// Weights of the explanations, a row for each.
    pub output: Vec<Vec<f32>>,
    /// Their biases.
    pub output_bias: Vec<f32>,
}

impl Model {
    /// The one in the repository.
    pub fn fitted() -> &'static Self {
        &FITTED
    }

    /// A model of the right shape to which all explanations are alike.
    pub fn undecided() -> Self {
        Self {
            fitted_by: String::new(),
            features: NAMES.iter().map(|&name| name.to_owned()).collect(),
            mean: vec![0.0; COUNT],
            sd: vec![1.0; COUNT],
            hidden: Vec::new(),
            hidden_bias: Vec::new(),
            output: vec![Vec::new(); OUTPUTS],
            output_bias: vec![0.0; OUTPUTS],
        }
    }

    /// Whether it is of this program's evidence and explanations.
    pub fn fits(&self) -> bool {
        let units = self.hidden.len();
        self.features.iter().map(String::as_str).eq(NAMES)
            && self.mean.len() == COUNT
            && self.sd.len() == COUNT
            && self.hidden.iter().all(|row| row.len() == COUNT)
            && self.hidden_bias.len() == units
            && self.output.len() == OUTPUTS
            && self.output.iter().all(|row| row.len() == units)
            && self.output_bias.len() == OUTPUTS
    }

    /// Standardises evidence.
    pub fn standardise(&self, features: &Features) -> [f32; COUNT] {
        let mut inputs = [0.0; COUNT];
        for (at, input) in inputs.iter_mut().enumerate() {
            *input = ((features.0[at] - self.mean[at]) / self.sd[at]).clamp(-FAR, FAR);
        }
        inputs
    }

    /// Weighs the evidence.
    pub fn weigh(&self, features: &Features) -> Beliefs {
        let inputs = self.standardise(features);
        let mut scores = [0.0_f32; OUTPUTS];
        scores.copy_from_slice(&self.output_bias);
        for (unit, (row, bias)) in self.hidden.iter().zip(&self.hidden_bias).enumerate() {
            let active =
                bias + row.iter().zip(inputs).map(|(weight, input)| weight * input).sum::<f32>();
            let active = active.tanh();
            for (score, row) in scores.iter_mut().zip(&self.output) {
                *score += row[unit] * active;
            }
        }
        softmax(&scores)
    }
}

fn softmax(scores: &[f32; OUTPUTS]) -> Beliefs {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let parts = scores.map(|score| (score - most).exp());
    let sum: f32 = parts.iter().sum();
    Beliefs(parts.map(|part| part / sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_in_the_repository_are_of_this_evidence() {
        let model: Model = serde_json::from_str(include_str!("weights.json")).unwrap();
        assert!(model.fits(), "fit them anew: cargo xtask evaluate fit");
    }

    #[test]
    fn without_weights_nothing_is_decided() {
        let beliefs = Model::undecided().weigh(&Features([0.0; COUNT]));
        assert!((beliefs.leak() - 0.4).abs() < 1e-6, "{beliefs:?}");
        assert!((beliefs.0.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
