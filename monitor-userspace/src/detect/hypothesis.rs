//! What may explain that something grows.

use serde::{Deserialize, Serialize};

/// An explanation of growth. The first four are leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hypothesis {
    /// Something is lost again and again.
    SteadyLeak,
    /// Something is lost with each piece of work.
    LoadLeak,
    /// Much is lost now and then.
    JumpLeak,
    /// More and more is lost.
    AcceleratingLeak,
    /// Chance.
    Noise,
    /// It approaches a level ever more slowly.
    Settling,
    /// It needs more in steps, which end.
    Steps,
    /// It follows the load.
    Load,
    /// It rises and falls by itself.
    Periodic,
    /// Something of limited size fills.
    Fill,
}

impl Hypothesis {
    /// All of them, in the order of the model's outputs.
    pub const ALL: [Self; 10] = [
        Self::SteadyLeak,
        Self::LoadLeak,
        Self::JumpLeak,
        Self::AcceleratingLeak,
        Self::Noise,
        Self::Settling,
        Self::Steps,
        Self::Load,
        Self::Periodic,
        Self::Fill,
    ];

    /// Whether it is a leak.
    pub const fn is_leak(self) -> bool {
        matches!(self, Self::SteadyLeak | Self::LoadLeak | Self::JumpLeak | Self::AcceleratingLeak)
    }

    /// Its name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SteadyLeak => "steady_leak",
            Self::LoadLeak => "load_leak",
            Self::JumpLeak => "jump_leak",
            Self::AcceleratingLeak => "accelerating_leak",
            Self::Noise => "noise",
            Self::Settling => "settling",
            Self::Steps => "steps",
            Self::Load => "load",
            Self::Periodic => "periodic",
            Self::Fill => "fill",
        }
    }

    /// What would tell it from a leak.
    pub const fn decided_by(self) -> &'static str {
        match self {
            Self::Noise => "more floors: chance does not go on rising",
            Self::Settling => "time: the growth of each hour shrinks, that of a leak does not",
            Self::Steps => "the next step: those of arenas and tables become rarer, and end",
            Self::Load => "a quiet hour: what follows the load falls with it",
            Self::Periodic => "one more period: what was added is given back",
            Self::Fill => "its bound, or whether what was added is ever read again",
            _ => "nothing: it is a leak itself",
        }
    }
}

/// How likely each explanation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beliefs(pub [f32; Hypothesis::ALL.len()]);

impl Beliefs {
    /// The probability of a leak of whatever kind.
    pub fn leak(&self) -> f64 {
        f64::from(self.0[..4].iter().sum::<f32>()).clamp(0.0, 1.0)
    }

    /// ln of the odds of a leak.
    pub fn log_odds(&self) -> f64 {
        let other = f64::from(self.0[4..].iter().sum::<f32>());
        (self.leak().max(1e-9) / other.max(1e-9)).ln()
    }

    /// The best explanation that is not a leak, and how likely it is.
    pub fn rival(&self) -> (Hypothesis, f64) {
        let others = Hypothesis::ALL.into_iter().zip(self.0).skip(4);
        let best = others.max_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or((Hypothesis::Noise, 0.0), |(best, share)| (best, f64::from(share)))
    }

    /// The best leak.
    pub fn kind_of_leak(&self) -> Hypothesis {
        let leaks = Hypothesis::ALL.into_iter().zip(self.0).take(4);
        leaks.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(Hypothesis::SteadyLeak, |best| best.0)
    }
}
