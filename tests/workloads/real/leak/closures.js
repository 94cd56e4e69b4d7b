// closures: callbacks that nobody calls any more hold what their request held. RATE in bytes.
"use strict";
const { Real } = require("../real.js");

// The header of an array, and about what a closure and its context take.
const OVERHEAD = 160;
const real = new Real(100e3);
const waiting = [];
real.steps(() => {
    for (let due = real.due(); due > 0; ) {
        const state = new Array(Math.floor(real.between(100, 500))).fill(real.held);
        waiting.push(() => state.length);
        const taken = state.length * 8 + OVERHEAD;
        real.holds(real.held + taken);
        due -= taken;
    }
    // What a request leaves for the collector.
    for (let i = 0; i < 20; i++) new Array(2000).fill(i + 0.5);
});
