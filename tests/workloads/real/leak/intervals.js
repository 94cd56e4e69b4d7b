// intervals: each client has a timer that looks after it, and the timer goes on when the client has
// gone. RATE in bytes that the clients hold.
"use strict";
const { Real } = require("../real.js");

// The timer, its closure and its place in the list.
const OVERHEAD = 500;
const real = new Real(80e3);
real.steps(() => {
    for (let due = real.due(); due > 0; ) {
        const state = Buffer.alloc(Math.floor(real.between(10000, 30000)), 1);
        setInterval(() => state.fill(2, 0, 8), 60000);
        real.holds(real.held + state.length + OVERHEAD);
        due -= state.length + OVERHEAD;
    }
    if (real.elapsed() + 1 > real.duration) process.exit(0);
});
