//! doubling: reads a table whose vector doubles whenever it is full, until all of it is there, and then
//! works with it. RATE in bytes a second.
#[path = "../real.rs"]
mod real;

const ALL: usize = 60_000_000;

fn main() {
    let mut real = real::Real::start(200e3);
    let mut table: Vec<u8> = Vec::new();
    while real.step() {
        let until = ALL.min((real.rate * real.elapsed()) as usize);
        while table.len() < until {
            table.push(table.len() as u8);
        }
        if until == ALL {
            let chosen = (real.random() * ALL as f64) as usize;
            table[chosen] = table[chosen].wrapping_add(1);
        }
        real.holds(table.len() as i64);
    }
}
