// What the real programs in JavaScript share, as README.md describes it.
"use strict";
const fs = require("fs");

const STEP_MS = 100;

function setting(name, otherwise) {
    return process.env[name] === undefined ? otherwise : Number(process.env[name]);
}

class Real {
    constructor(rate) {
        this.rate = setting("RATE", rate);
        this.noise = setting("NOISE", 0.5);
        this.onset = setting("ONSET", 0);
        this.duration = setting("DURATION", 1e9);
        this.state = setting("SEED", 1) >>> 0;
        this.held = 0;
        const path = process.env.PROGRESS;
        const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT;
        this.progress = path ? fs.openSync(path, flags, 0o644) : null;
        this.started = process.hrtime.bigint();
    }

    elapsed() {
        return Number(process.hrtime.bigint() - this.started) / 1e9;
    }

    // 0 to 1 (mulberry32).
    random() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    }

    between(low, high) {
        return low + (high - low) * this.random();
    }

    // How much is to be lost in this step.
    due() {
        const seconds = Math.max(0, this.elapsed() - this.onset);
        return (this.rate * seconds - this.held) * (1 - this.noise * this.random());
    }

    holds(units) {
        this.held = units;
        if (this.progress === null) return;
        fs.writeSync(this.progress, String(Math.round(units)).padStart(20, "0") + "\n", 0);
    }

    // Calls `work` at each step, until the program is to end.
    steps(work) {
        const timer = setInterval(() => {
            if (this.elapsed() >= this.duration) clearInterval(timer);
            else work();
        }, STEP_MS);
    }
}

module.exports = { Real };
