// listeners: each request listens for the end of the service, and none ever stops. RATE in bytes.
"use strict";
const { EventEmitter } = require("events");
const { Real } = require("../real.js");

const real = new Real(80e3);
const service = new EventEmitter();
service.setMaxListeners(0);
real.steps(() => {
    for (let due = real.due(); due > 0; ) {
        const request = { body: Buffer.alloc(Math.floor(real.between(5000, 15000)), 1) };
        service.on("end", () => request.body.length);
        // With the object of the buffer, its backing store, the closure and its context.
        const taken = request.body.length + 300;
        real.holds(real.held + taken);
        due -= taken;
    }
});
