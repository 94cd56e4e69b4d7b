// once: each request listens for the end of the service, and stops when it is answered. RATE in bytes
// that requests take a second.
"use strict";
const { EventEmitter } = require("events");
const { Real } = require("../real.js");

const real = new Real(500e3);
const service = new EventEmitter();
service.setMaxListeners(0);
const open = [];
let begun = 0;
real.steps(() => {
    for (; begun < real.rate * real.elapsed(); ) {
        const request = { body: Buffer.alloc(Math.floor(real.between(5000, 15000)), 1) };
        const ended = () => request.body.length;
        service.on("end", ended);
        open.push({ ended, length: request.body.length, until: real.elapsed() + real.between(1, 30) });
        begun += request.body.length;
        real.holds(real.held + request.body.length);
    }
    for (let i = open.length - 1; i >= 0; i--) {
        if (open[i].until > real.elapsed()) continue;
        service.removeListener("end", open[i].ended);
        real.holds(real.held - open[i].length);
        open.splice(i, 1);
    }
});
