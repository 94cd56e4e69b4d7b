// A program that leaks: 100 KiB each tenth of a second, all of it written to, and never touched again.
// It says each second how much that is, so that its true rate is known.

const PIECE = 100 * 1024;
const kept = [];
setInterval(() => kept.push(Buffer.alloc(PIECE, 1)), 100);
setInterval(() => process.stdout.write(`${Date.now()} ${kept.length * PIECE}\n`), 1000);
