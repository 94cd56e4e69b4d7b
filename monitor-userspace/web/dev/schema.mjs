// Values that a JSON schema allows, drawn at random but the same every time, so that the page meets every
// field that the agent may send.

import { readFileSync } from "node:fs";

const SCHEMA = JSON.parse(readFileSync(new URL("../../src/output/schema.json", import.meta.url), "utf8"));

/** Numbers that look random and are the same in each run (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/** A value of the type of that name. */
export function drawn(name, next) {
  return value({ $ref: `#/$defs/${name}` }, name, next);
}

function value(schema, name, next) {
  if (schema.$ref) return value(SCHEMA.$defs[schema.$ref.split("/").pop()], name, next);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[Math.floor(next() * schema.enum.length)];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return value(choices[Math.floor(next() * choices.length)], name, next);
  const types = [schema.type ?? "null"].flat();
  const type = types.length > 1 && next() < 0.15 ? "null" : types.find((it) => it !== "null") ?? "null";
  switch (type) {
    case "object":
      return object(schema, next);
    case "array":
      return array(schema, name, next);
    case "string":
      return name.endsWith("at") || name === "ts" || /since|started|start_time/.test(name) ? new Date().toISOString() : `a ${name}`;
    case "boolean":
      return next() < 0.5;
    case "integer":
      return Math.floor(next() ** 3 * (name.endsWith("_bytes") ? 2 ** 30 : 200));
    case "number":
      return Math.round(next() * 1000) / 10;
    default:
      return null;
  }
}

function object(schema, next) {
  const made = {};
  for (const [field, of] of Object.entries(schema.properties ?? {})) made[field] = value(of, field, next);
  return made;
}

function array(schema, name, next) {
  if (schema.prefixItems) return schema.prefixItems.map((of) => value(of, name, next));
  if (!schema.items || schema.items === false || typeof schema.items !== "object") return [];
  return Array.from({ length: Math.floor(next() * 3) }, () => value(schema.items, name, next));
}
