//! Fits the weights: cross-entropy, one hidden layer, Adam.

use monitor_userspace::detect::{FEATURES, Features, Hypothesis, Model};

use super::random::Random;

const OUTPUTS: usize = Hypothesis::ALL.len();
const BATCH: usize = 256;
const RATE: f32 = 2e-3;
/// Weight decay.
const DECAY: f32 = 1e-4;

/// Something to learn from.
#[derive(Clone)]
pub struct Example {
    pub features: Features,
    pub truth: Hypothesis,
    /// How much it counts.
    pub weight: f32,
}

/// All weights in a row: hidden rows with their bias last, then output rows likewise.
struct Net {
    units: usize,
    weights: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
    steps: i32,
}

impl Net {
    fn new(units: usize, random: &mut Random) -> Self {
        let count = units * (FEATURES + 1) + OUTPUTS * (units + 1);
        let scale = (1.0 / FEATURES as f64).sqrt();
        let weights = (0..count).map(|_| (scale * random.normal()) as f32).collect();
        Self { units, weights, mean: vec![0.0; count], square: vec![0.0; count], steps: 0 }
    }

    const fn outputs_at(&self) -> usize {
        self.units * (FEATURES + 1)
    }

    fn forward(&self, inputs: &[f32; FEATURES], active: &mut [f32]) -> [f32; OUTPUTS] {
        for (unit, value) in active.iter_mut().enumerate() {
            let row = &self.weights[unit * (FEATURES + 1)..][..=FEATURES];
            let sum: f32 = row.iter().zip(inputs).map(|(weight, input)| weight * input).sum();
            *value = (sum + row[FEATURES]).tanh();
        }
        let mut scores = [0.0; OUTPUTS];
        for (output, score) in scores.iter_mut().enumerate() {
            let row = &self.weights[self.outputs_at() + output * (self.units + 1)..][..=self.units];
            *score = row.iter().zip(&*active).map(|(w, a)| w * a).sum::<f32>() + row[self.units];
        }
        let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let parts = scores.map(|score| (score - most).exp());
        let sum: f32 = parts.iter().sum();
        parts.map(|part| part / sum)
    }

    fn backward(
        &self,
        inputs: &[f32; FEATURES],
        active: &[f32],
        errors: &[f32; OUTPUTS],
        gradient: &mut [f32],
    ) {
        let mut back = vec![0.0; self.units];
        for (output, error) in errors.iter().enumerate() {
            let at = self.outputs_at() + output * (self.units + 1);
            for (unit, value) in active.iter().enumerate() {
                gradient[at + unit] += error * value;
                back[unit] += error * self.weights[at + unit];
            }
            gradient[at + self.units] += error;
        }
        for (unit, (value, back)) in active.iter().zip(back).enumerate() {
            let error = back * (1.0 - value * value);
            let at = unit * (FEATURES + 1);
            for (input, slot) in inputs.iter().zip(&mut gradient[at..]) {
                *slot += error * input;
            }
            gradient[at + FEATURES] += error;
        }
    }

    fn step(&mut self, gradient: &[f32], rate: f32) {
        self.steps += 1;
        let (fade_mean, fade_square) = (0.9_f32, 0.999_f32);
        let correct_mean = 1.0 - fade_mean.powi(self.steps);
        let correct_square = 1.0 - fade_square.powi(self.steps);
        for (at, weight) in self.weights.iter_mut().enumerate() {
            let slope = gradient[at] + DECAY * *weight;
            self.mean[at] = fade_mean * self.mean[at] + (1.0 - fade_mean) * slope;
            self.square[at] = fade_square * self.square[at] + (1.0 - fade_square) * slope * slope;
            let (mean, square) = (self.mean[at] / correct_mean, self.square[at] / correct_square);
            *weight -= rate * mean / (square.sqrt() + 1e-8);
        }
    }
}

/// Mean cross-entropy of a model.
pub fn loss(model: &Model, examples: &[Example]) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for example in examples {
        let truth = model.weigh(&example.features).0[example.truth as usize];
        sum -= f64::from(example.weight) * f64::from(truth.max(1e-9)).ln();
        weights += f64::from(example.weight);
    }
    sum / weights
}

/// Fits `units` hidden units in `rounds` passes; what does best on `tuning` is kept.
pub fn fit(examples: &[Example], tuning: &[Example], units: usize, rounds: usize) -> Model {
    let mut model = standardised(examples);
    let inputs: Vec<[f32; FEATURES]> =
        examples.iter().map(|example| model.standardise(&example.features)).collect();
    let mut random = Random::new(7);
    let mut net = Net::new(units, &mut random);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mean_weight =
        examples.iter().map(|example| example.weight).sum::<f32>() / examples.len() as f32;
    let mut best = (f64::INFINITY, model.clone());
    for round in 0..rounds {
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        let rate = RATE * (1.0 - round as f32 / rounds as f32).max(0.02);
        for batch in order.chunks(BATCH) {
            let mut gradient = vec![0.0; net.weights.len()];
            let mut active = vec![0.0; units];
            for &at in batch {
                let weight = examples[at].weight / mean_weight / batch.len() as f32;
                let mut errors = net.forward(&inputs[at], &mut active);
                errors[examples[at].truth as usize] -= 1.0;
                let errors = errors.map(|error| error * weight);
                net.backward(&inputs[at], &active, &errors, &mut gradient);
            }
            net.step(&gradient, rate);
        }
        write(&net, &mut model);
        let tuned = loss(&model, tuning);
        if round % 5 == 0 || round + 1 == rounds {
            println!("round {round}: fitted {:.4}, tuning {tuned:.4}", loss(&model, examples));
        }
        if tuned < best.0 {
            best = (tuned, model.clone());
        }
    }
    best.1
}

fn standardised(examples: &[Example]) -> Model {
    let mut model = Model::undecided();
    let total: f64 = examples.iter().map(|example| f64::from(example.weight)).sum();
    for at in 0..FEATURES {
        let mean_of = |of: &dyn Fn(f64) -> f64| {
            let weighted = |e: &Example| f64::from(e.weight) * of(f64::from(e.features.0[at]));
            examples.iter().map(weighted).sum::<f64>() / total
        };
        let mean = mean_of(&|value| value);
        let variance = mean_of(&|value| (value - mean).powi(2));
        model.mean[at] = mean as f32;
        model.sd[at] = variance.sqrt().max(1e-3) as f32;
    }
    model
}

fn write(net: &Net, model: &mut Model) {
    let round = |value: &f32| (value * 1e4).round() / 1e4;
    let rows = |from: usize, count: usize, width: usize| -> (Vec<Vec<f32>>, Vec<f32>) {
        (0..count)
            .map(|row| {
                let row = &net.weights[from + row * (width + 1)..][..=width];
                (row[..width].iter().map(round).collect::<Vec<f32>>(), round(&row[width]))
            })
            .unzip()
    };
    (model.hidden, model.hidden_bias) = rows(0, net.units, FEATURES);
    (model.output, model.output_bias) = rows(net.outputs_at(), OUTPUTS, net.units);
}
