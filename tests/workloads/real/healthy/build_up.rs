//! build_up: builds an index for minutes, uses it for as long, drops it and begins again. RATE in
//! bytes.
#[path = "../real.rs"]
mod real;

const PHASE: f64 = 150.0;
const PART: usize = 256 * 1024;

fn main() {
    let mut real = real::Real::start(250e3);
    let mut index: Vec<Vec<u8>> = Vec::new();
    while real.step() {
        let phase = (real.elapsed() / PHASE) as u64 % 3;
        let at = real.elapsed() % PHASE;
        match phase {
            0 => {
                while ((index.len() * PART) as f64) < real.rate * at {
                    index.push(vec![1; PART]);
                }
            }
            1 => {
                if !index.is_empty() {
                    let chosen = (real.random() * index.len() as f64) as usize;
                    index[chosen].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
                }
            }
            _ => index = Vec::new(),
        }
        real.holds((index.len() * PART) as i64);
    }
}
