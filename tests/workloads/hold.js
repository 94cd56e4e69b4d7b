// hold.js DIRECTORY: waits for a line, opens and gives back things of every kind, says "ready" and
// holds still until its input ends. Needs --expose-gc.
'use strict';
const { spawn, spawnSync, fork } = require('node:child_process');
const crypto = require('node:crypto');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const readline = require('node:readline');
const { setTimeout: pause } = require('node:timers/promises');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const zlib = require('node:zlib');

const directory = process.argv[2];
const kept = [];

// What a worker thread or a forked process does: says that it is up, and holds still.
if (!isMainThread) {
  kept.push(fs.watch(__dirname, () => {}), net.createServer().listen(0, '127.0.0.1'));
  kept[1].once('listening', () => parentPort.postMessage('up'));
  parentPort.on('message', () => {});
} else if (process.send) {
  process.on('message', (message) => process.send(message));
} else {
  main().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}

async function connections() {
  for (const where of [{ port: 0, host: '127.0.0.1' }, { path: path.join(directory, 'node') }]) {
    const accepted = [];
    const server = net.createServer((socket) => accepted.push(socket.on('error', () => {})));
    await once(server.listen(where), 'listening');
    const at = where.path ? { path: where.path } : server.address();
    for (let number = 0; number < 30; number += 1) {
      const client = net.connect({ ...at, host: at.address }).on('error', () => {});
      await once(client, 'connect');
      client.write('x');
      if (number % 3 === 0) {
        client.destroy();
      } else {
        kept.push(client);
      }
    }
    while (accepted.length < 30) await pause(5);
    kept.push(server);
  }
  for (let number = 0; number < 4; number += 1) {
    const socket = dgram.createSocket('udp4');
    await once(socket.bind(0, '127.0.0.1'), 'listening');
    if (number % 2) socket.close();
    else kept.push(socket);
  }
}

async function requests() {
  const server = http.createServer((request, response) => response.end('answer'));
  server.keepAliveTimeout = 600_000;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 6 });
  const ask = (choice) => new Promise((resolve, reject) => {
    const options = { ...server.address(), host: '127.0.0.1', ...choice };
    http.get(options, (answer) => answer.resume().on('end', resolve)).on('error', reject);
  });
  await Promise.all(Array.from({ length: 300 }, () => ask({ agent })));
  await Promise.all(Array.from({ length: 60 }, () => ask({ agent: false })));
  kept.push(server, agent);
}

async function files() {
  const names = Array.from({ length: 12 }, (_, number) => path.join(directory, `file-${number}`));
  await Promise.all(names.map((name) => fs.promises.writeFile(name, 'x'.repeat(100_000))));
  const opened = await Promise.all(names.map((name) => fs.promises.open(name)));
  await Promise.all(opened.slice(0, 6).map((handle) => handle.close()));
  kept.push(...opened.slice(6));
  const watchers = names.map((name) => fs.watch(name, () => {}));
  watchers.slice(0, 5).forEach((watcher) => watcher.close());
  kept.push(...watchers.slice(5));
  fs.unlinkSync(names[11]);
  await new Promise((resolve) => {
    fs.createReadStream(names[0]).pipe(zlib.createGzip()).resume().on('end', resolve);
  });
}

async function programs() {
  for (let number = 0; number < 5; number += 1) spawnSync('/bin/true');
  for (let number = 0; number < 4; number += 1) {
    const child = spawn('cat', { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.write('x\n');
    await once(child.stdout, 'data');
    if (number % 2) {
      child.stdin.end();
      await once(child, 'close');
    } else {
      kept.push(child);
    }
  }
  const child = fork(__filename);
  child.send('hello');
  await once(child, 'message');
  kept.push(child);
}

async function workers() {
  const all = Array.from({ length: 4 }, () => new Worker(__filename));
  await Promise.all(all.map((worker) => once(worker, 'message')));
  await all[0].terminate();
  kept.push(...all.slice(1));
}

async function memory() {
  for (let round = 0; round < 20; round += 1) {
    kept.push(Buffer.alloc(1 << 20, round));
    Array.from({ length: 50_000 }, (_, number) => ({ number }));
    Buffer.alloc(8 << 20, 1);
  }
  await Promise.all(Array.from({ length: 8 }, () => new Promise((resolve) => {
    crypto.pbkdf2('x', 'y', 5_000, 64, 'sha512', resolve);
  })));
  kept.push(new WebAssembly.Memory({ initial: 10, maximum: 1000 }));
  kept[kept.length - 1].grow(20);
  global.gc();
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('close', () => process.exit(0));
  const line = once(lines, 'line');
  console.log('waiting');
  await line;
  await connections();
  await requests();
  await files();
  await programs();
  await workers();
  await memory();
  for (let number = 0; number < 50; number += 1) kept.push(setTimeout(() => {}, 3_600_000));
  await pause(20);
  console.log('ready');
}
