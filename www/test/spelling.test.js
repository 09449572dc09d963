// The distance between spellings, against its definition.
import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance } from "../page/spelling.js";

/** By the definition, each way tried. */
function slowly(a, b) {
  if (!a || !b) return a.length + b.length;
  const ways = [slowly(a.slice(1), b) + 1, slowly(a, b.slice(1)) + 1, slowly(a.slice(1), b.slice(1)) + Number(a[0] !== b[0])];
  if (a[0] === b[1] && a[1] === b[0] && a.length > 1 && b.length > 1) ways.push(slowly(a.slice(2), b.slice(2)) + 1);
  return Math.min(...ways);
}

test("distances are those of the definition, up to their limit", () => {
  let state = 1;
  const random = (below) => (state = (state * 48271) % 2147483647) % below;
  const word = () => Array.from({ length: random(7) }, () => "abc"[random(3)]).join("");
  for (let i = 0; i < 3000; i++) {
    const [a, b, limit] = [word(), word(), random(5)];
    const right = slowly(a, b);
    assert.equal(editDistance(a, b), right, `${a} ${b}`);
    assert.equal(editDistance(a, b, limit), Math.min(right, limit + 1), `${a} ${b} up to ${limit}`);
  }
});

test("slips of the pen are near", () => {
  for (const [a, b, far] of [["lanterm", "lantern", 1], ["recieve", "receive", 1], ["hapiness", "happiness", 1], ["ocean", "oceans", 1], ["", "abc", 3], ["kitten", "sitting", 3]]) {
    assert.equal(editDistance(a, b), far, `${a} ${b}`);
  }
});
