//! cycle: parents and children that own each other, so that neither is ever freed. RATE in bytes.
use std::cell::RefCell;
use std::rc::Rc;

#[path = "../real.rs"]
mod real;

struct Node {
    text: Vec<u8>,
    other: RefCell<Option<Rc<Node>>>,
}

fn node(length: usize) -> Rc<Node> {
    Rc::new(Node { text: vec![1; length], other: RefCell::new(None) })
}

/// What malloc takes for so many bytes.
fn chunk(length: usize) -> usize {
    (length + 8).next_multiple_of(16)
}

fn main() {
    let mut real = real::Real::start(60e3);
    while real.step() {
        let mut due = real.due();
        while due > 0.0 {
            let lengths = [0, 1].map(|_| 200 + (real.random() * 1800.0) as usize);
            let [parent, child] = lengths.map(node);
            *parent.other.borrow_mut() = Some(Rc::clone(&child));
            *child.other.borrow_mut() = Some(Rc::clone(&parent));
            let taken: usize =
                [&parent, &child].iter().map(|node| chunk(node.text.len()) + chunk(56)).sum();
            real.holds(real.held + taken as i64);
            due -= taken as f64;
        }
    }
}
