//! A point of a level: what trend and shape are computed from.

/// One known floor: when, in buckets since an arbitrary origin, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Start of the bucket, in bucket lengths from the start of the window.
    pub bucket: f64,
    /// The floor, in the unit of the samples.
    pub value: f64,
}
