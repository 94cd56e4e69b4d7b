// sawtooth: JSON in and out, all of it garbage a moment later, beside a table that stays. RATE in
// bytes of garbage a second.
"use strict";
const { Real } = require("../real.js");

const real = new Real(8e6);
const table = Array.from({ length: 20000 }, (_, i) => ({ id: i, name: "row " + i }));
let recent = [];
let done = 0;
real.steps(() => {
    for (; done < real.rate * real.elapsed(); done += 40000) {
        const from = Math.floor(real.random() * (table.length - 500));
        recent.push(JSON.parse(JSON.stringify(table.slice(from, from + 500))));
    }
    // Requests live for a while, so that they reach the old generation.
    if (recent.length > 300 * (1 + real.random())) recent = [];
    real.holds(recent.length * 40000);
});
