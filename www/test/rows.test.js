// The index that the page makes of a file, against the command's of the same file: byte for byte, or
// refused by both. Through the modules of the page, in the browsers; the form is tested with the page.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { BROWSERS, ready, start } from "../browsers.js";
import { float32 } from "../page/float32.js";

const { HITHER } = process.env;
const scratch = mkdtempSync(join(tmpdir(), "hither-rows-"));
after(() => rmSync(scratch, { recursive: true }));

let refused; // what the command said last, when it refused a file

/** What the command makes of a file: its bytes, or undefined where it refuses it. */
function built(name, bytes, ...args) {
  const [input, output] = [join(scratch, name), join(scratch, "out.hither")];
  writeFileSync(input, bytes);
  rmSync(output, { force: true });
  try {
    execFileSync(HITHER, ["build", input, "-o", output, ...args], { stdio: "pipe" });
    return readFileSync(output);
  } catch (error) {
    refused = error.stderr.toString();
    return undefined;
  }
}

/** What the page makes of it: its bytes, or the error that it shows. */
async function made(page, name, bytes, { metric = "cosine", key, types = [] } = {}) {
  const { base64, message } = await page.evaluate(
    async (name, base64, metric, key, named) => {
      const [{ readJsonLines }, { readNpy }, { makeIndex }, { schemaOf }] = await Promise.all(["jsonl", "npy", "make", "schema"].map((name) => import(`/${name}.js`)));
      try {
        const file = new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name);
        const rows = await (name.endsWith(".npy") ? readNpy : readJsonLines)(file);
        const types = new Map(named);
        // Chosen as in the form: by itself, unless one is named.
        const made = await makeIndex(rows, { metric, types, key: key ?? schemaOf(rows.columns, types).keys.find(({ isKey }) => isKey)?.name });
        return { base64: btoa(Array.from(made, (byte) => String.fromCharCode(byte)).join("")) };
      } catch (error) {
        return { message: error.message };
      }
    },
    name, Buffer.from(bytes).toString("base64"), metric, key, types,
  );
  return message ?? Buffer.from(base64, "base64");
}

/** What the page says of a value that does not fit; the package alone knows timestamps, so that they take a file. */
async function said(page, value, type) {
  if (type === "timestamp") return made(page, "a.jsonl", lines([value]), { types: [["x", type]] });
  return page.evaluate(async (value, type) => {
    try {
      (await import("/value.js")).toValue(value, type);
    } catch (error) {
      return `a.jsonl, line 1: "x" ${error.message}.`;
    }
  }, value, type);
}

const toArguments = (types = []) => types.flatMap(([name, type]) => ["--type", `${name}=${type}`]);

async function compare(page, name, bytes, options = {}, ...args) {
  const [theirs, ours] = [built(name, bytes, ...toArguments(options.types), ...args), await made(page, name, bytes, options)];
  const shown = bytes.toString().slice(0, 300);
  if (theirs === undefined) assert.equal(typeof ours, "string", `the command refuses what the page takes: ${shown}`);
  else assert.ok(typeof ours !== "string" && theirs.equals(ours), `${typeof ours === "string" ? ours : "other bytes"}: ${shown}`);
  return theirs !== undefined;
}

/** The columns of the file that the command made last. */
const columnsOf = () => JSON.parse(execFileSync(HITHER, ["info", join(scratch, "out.hither"), "--json"], { encoding: "utf8" })).columns;

const TYPES = ["bool", "int64", "float64", "text", "timestamp", "uuid", "bytes", "json"];
const uuid = "0189d3e4-7c6b-7000-8000-0123456789ab";
const moment = "2024-05-01T12:00:00+02:00";
/** Values of one column, as they are written in JSON, and the type that they have; none where the file is refused. */
const COLUMNS = [
  ["text", '"a"', '"é\\n\\u00e9"', '""', '"007"'],
  ["text", "null", "null"],
  ["text", '"\\ud83d"', '"\\ude00x"', '"\\ud83d\\ude00"'],
  ["bool", "true", "null", "false"],
  ["int64", "1", "-20", "null", "0", "-0"],
  ["int64", "9007199254740993", "9223372036854775807", "-9223372036854775808"],
  ["float64", "1", "2.5", "1e2", "-0", "1.0", "0.1234567890123456789"],
  ["float64", "0.5", "18446744073709551616", "9007199254740992"],
  ["float64", "1", '"NaN"', '"-inf"', '"Infinity"'],
  ["float64", "1e308", "5e-324", "1e-400"],
  [undefined, "1", "9223372036854775808"],
  [undefined, "18446744073709551616"],
  [undefined, "0.5", "18446744073709551617"],
  [undefined, "0.5", "1e400"],
  ["json", "1", '"x"', "9223372036854775808", "18446744073709551617"],
  ["json", "1", "true", "null"],
  ["json", '{"a":1}', '{"a": 1.0, "b" :[1e2,\t"x\\u00e9"]}', "[ 9223372036854775808 , 1 ]"],
  ["json", '{"b":{"]":"}\\""},"1":2,"0":[[],{}]}', "[]", "{}"],
  ["json", "1e400", '"x"'],
  ["json", '[1,2]', "[1]"],
  ["timestamp", `"${moment}"`, "null", '"infinity"', '"2024-05-01 12:00Z"'],
  ["timestamp", '"+012024-01-01T00:00:00.1234567Z"', '"-0044-03-15T12:00:00-0230"', '"2016-12-31T23:59:60z"'],
  ["timestamp", '"294247-01-10T04:00:53Z"', '"-290308-12-21T19:59:06Z"'],
  ["text", '"294247-01-10T04:00:55Z"'],
  ["text", '"infinity"', '"-infinity"'],
  ["text", '"2024-05-01"'],
  ["text", '"2024-05-01T12:00:00"'],
  ["text", `"${moment}"`, '"2023-02-29T00:00:00Z"'],
  ["text", `"${moment}"`, '"x"'],
  ["text", '"-0044-03-15"'],
  ["json", `"${moment}"`, "1"],
  ["uuid", `"${uuid}"`, "null", `"${uuid.replace("b", "c")}"`],
  ["text", `"${uuid.toUpperCase()}"`],
  ["text", `"${uuid.replaceAll("-", "")}"`],
  ["text", `"${uuid}"`, '"x"'],
  ["bytes", '"\\\\x00fF"', '"\\\\x"', "null"],
  ["text", '"\\\\x0"'],
  ["text", '"\\\\x00"', '"a"'],
];
/** Values as they are written that are of a type only where it is named, or nearly so. */
const SPELT = [
  '"true"', '"False"', '"TRUE"', '"yes"', '"constructor"', "1.0",
  ...["7", "+7", "-007", "-0", "9223372036854775807", "-9223372036854775808", "9223372036854775808", " 7", "0x10", "+", "+-7", "1_000", "٣"].map((text) => `"${text}"`),
  ...["1.5", "+.5e-3", "5.", "5.E1", ".", "e5", "1e", "INF", "+inf", "infinity", "NAN", "1e400", "1e-400", "1.5 "].map((text) => `"${text}"`), "123456789012345678901234567890",
  ...["2024-05-01", "2024-05-01T12:00", "-0044-03-15", "yesterday", "-infinity"].map((text) => `"${text}"`), "2024",
  ...["0189D3E47C6B70008000-0123456789AB", "-0189d3e47c6b700080000123456789ab-", "0189d3e47c6b700080000123456789a"].map((text) => `"${text}"`), "12345678901234567890123456789012",
  '"\\\\xABcd"', '"\\\\XAB"', '"\\\\xA"',
];
const VALUES = [...new Set([...COLUMNS.flatMap(([, ...values]) => values), ...SPELT])];
const lines = (values, name = "x") => Buffer.from(values.map((value, i) => `{"vector":[${i + 1},2], ${JSON.stringify(name)} : ${value}}`).join("\n"));

/** Of each type the values that the command takes where it is named, and what it says of the others. */
const NAMED = TYPES.map((type) => {
  const named = { type, types: [["x", type]], fit: [], misfits: [] };
  for (const value of VALUES) {
    if (built("a.jsonl", lines([value]), ...toArguments(named.types))) named.fit.push(value);
    else named.misfits.push({ value, theirs: refused });
  }
  return named;
});

/** Whole files, and what the command is told besides. */
const FILES = {
  "blank lines, spaces, carriage returns and a byte order mark": "\ufeff\n \n {\"v\":[1,2]}\r\n\t{ \"v\" : [ 3 , 4.5e0 ] } \f\n\n",
  "a column that comes late, and one that is missing": '{"v":[1,2],"a":1}\n{"v":[3,4],"b":"x"}\n{"v":[5,6]}',
  "names like numbers, and odd ones": '{"2":1,"v":[1,2],"1":2,"":3,"__proto__":4,"constructor":5,"a\\u0062":6}',
  "the vector by its name": '{"other":[1,2],"embedding":[3,4],"uneven":[1]}\n{"other":[1,2],"embedding":[3,5],"uneven":[]}',
  "the vector that is the only one": '{"uneven":[1],"v":[3,4]}\n{"uneven":[],"v":[3,5]}',
  "several that could be the vector": '{"a":[1,2],"b":[3,4]}',
  "none that could be": '{"a":1}\n{"a":[1]}',
  "the key by its name": '{"v":[1,2],"id":7}\n{"v":[1,3],"id":-9223372036854775808}',
  "the key before the id": '{"v":[1,2],"id":7,"key":"a"}\n{"v":[1,3],"id":8,"key":"b"}',
  "a key of UUIDs": `{"v":[1,2],"id":"${uuid}"}\n{"v":[1,3],"id":"${uuid.replace("b", "c")}"}`,
  "a key of moments is text": `{"v":[1,2],"id":"${moment}"}\n{"v":[1,3],"id":"x"}`,
  "an id that not every row has": '{"v":[1,2],"id":7}\n{"v":[1,3],"id":null}\n{"v":[1,4]}',
  "an id of several types": '{"v":[1,2],"id":7}\n{"v":[1,3],"id":"x"}',
  "an id beyond int64": '{"v":[1,2],"id":7}\n{"v":[1,3],"id":9223372036854775808}',
  "an id that comes twice": '{"v":[1,2],"id":7}\n{"v":[1,3],"id":7}',
  "a row without a vector": '{"vector":[1,2]}\n{"x":1}',
  "a vector that is null": '{"vector":[1,2]}\n{"vector":null}',
  "a vector that holds null": '{"vector":[1,2]}\n{"vector":[1,null]}',
  "a vector of another length": '{"vector":[1,2]}\n{"vector":[1]}',
  "an empty vector": '{"vector":[1,2]}\n{"vector":[]}',
  "a vector beyond float32": '{"vector":[1,2]}\n{"vector":[1,1e39]}',
  "a vector of zeros": '{"vector":[1,2]}\n{"vector":[0,0]}',
  "a name twice": '{"v":[1,2],"x":1,"x":2}',
  "half of a pair in a name": '{"v":[1,2],"\\ud83d":1}',
  "an array": "[1,2]",
  "no JSON": '{"v":[1,2],"x":NaN}',
  "what is left over": '{"v":[1,2]} 5',
  "nothing": "",
  "only blank lines": "\n \n",
};

for (const name of Object.keys(BROWSERS)) {
  test(`the page in ${name} makes the file that the command makes`, { timeout: 720_000 }, async (t) => {
    const { browser, url } = await start(t, name);
    const page = await browser.newPage();
    await page.goto(url);
    await ready(page);

    await t.test("types of columns", async () => {
      for (const [type, ...values] of COLUMNS) {
        assert.equal(await compare(page, "a.jsonl", lines(values)), type !== undefined, values.join());
        if (!type) continue;
        assert.deepEqual(columnsOf().map((column) => column.type), [type], values.join());
      }
      const types = COLUMNS.filter(([type]) => type);
      const all = Array.from({ length: 7 }, (_, i) => `{"v":[${i + 1},2]${types.map(([, ...values], at) => `,"c${at}":${values[i] ?? "null"}`).join("")}}`);
      assert.ok(await compare(page, "a.jsonl", Buffer.from(all.join("\n"))));
    });

    await t.test("values in any mixture", async () => {
      const pool = [...new Set(COLUMNS.flatMap(([, ...values]) => values))];
      let state = 7;
      const random = (below) => (state = (state * 48271) % 2147483647) % below;
      let taken = 0;
      for (let round = 0; round < 60; round++) {
        const values = Array.from({ length: 1 + random(3) }, () => pool[random(pool.length)]);
        taken += Number(await compare(page, "a.jsonl", lines(values, ["x", "id"][random(2)])));
      }
      assert.ok(taken > 20);
    });

    await t.test("types that are named", async () => {
      for (const { type, types, fit, misfits } of NAMED) {
        assert.ok(fit.length > 4 && misfits.length > 5 === !["text", "json"].includes(type), `${type}: ${fit.length} fit, ${misfits.length} do not`);
        assert.ok(await compare(page, "a.jsonl", lines(fit), { types }), type);
        assert.deepEqual(columnsOf().map((column) => column.type), [type]);
        for (const { value, theirs } of misfits) {
          // It says what the command says, without a folder, and what to do.
          const [reason] = /[^/]+, line 1: "x" is .*, and the column is \w+/.exec(theirs) ?? assert.fail(theirs);
          const ours = (await said(page, value, type)) ?? assert.fail(`the page takes ${value} as ${type}`);
          assert.equal(ours.toString().replaceAll("\t", "\\t"), `${reason}; name another type: text and json take every value.`);
        }
      }
    });

    await t.test("types that are named in any mixture, of keys too", async () => {
      let state = 11;
      const random = (below) => (state = (state * 48271) % 2147483647) % below;
      let taken = 0;
      for (let round = 0; round < 100; round++) {
        const rows = Array.from({ length: 1 + random(3) }, (_, i) => `{"id":${VALUES[random(VALUES.length)]},"v":[${i + 1},2],"x":${VALUES[random(VALUES.length)]}}`);
        const types = ["id", "x"].filter(() => random(3)).map((name) => [name, TYPES[random(TYPES.length)]]);
        taken += Number(await compare(page, "a.jsonl", Buffer.from(rows.join("\n")), { types }));
      }
      assert.ok(taken > 20, String(taken));
    });

    await t.test("the key whose type is named", async () => {
      const file = Buffer.from('{"v":[1,2],"name":"0189D3E47C6B70008000-0123456789AB","id":1,"n":"-7"}\n{"v":[1,3],"name":"0189d3e47c6b700080000123456789ac","id":"b","n":"+8"}');
      for (const [key, type, isTaken] of [[undefined, "text", true], ["name", "uuid", true], ["n", "int64", true], ["n", "float64", false], ["id", "int64", false]]) {
        const named = key ?? "id";
        assert.equal(await compare(page, "a.jsonl", file, { key, types: [[named, type]] }, ...(key ? ["--key-column", key] : [])), isTaken, named);
        if (isTaken) assert.ok(!columnsOf().some(({ name }) => name === named));
      }
    });

    await t.test("a value that does not fit is named with its line, and what to do", async () => {
      for (const [type, value, text] of [
        ["int64", "1.5", '"x" is 1.5, and the column is int64; name another type: text and json take every value.'],
        ["timestamp", '"2024-02-30"', '"x" is "2024-02-30", and the column is timestamp; name another type: text and json take every value.'],
        ["timestamp", "2024", '"x" is 2024, and the column is timestamp; name another type: text and json take every value.'],
        ["bool", `"${"é".repeat(50)}"`, `"x" is "${"é".repeat(39)}…, and the column is bool; name another type: text and json take every value.`],
      ]) {
        // In a second batch of rows, after a blank line.
        const many = Array.from({ length: 300 }, (_, i) => `{"v":[${i + 1},2]}\n`).join("");
        assert.ok(!(await compare(page, "a.jsonl", Buffer.from(`${many}\n{"v":[1,2],"x":${value}}`), { types: [["x", type]] })));
        assert.equal(await made(page, "a.jsonl", Buffer.from(`${many}\n{"v":[1,2],"x":${value}}`), { types: [["x", type]] }), `a.jsonl, line 302: ${text}`);
      }
    });

    await t.test("whole files", async () => {
      for (const text of Object.values(FILES)) await compare(page, "a.jsonl", Buffer.from(text));
      await compare(page, "a.jsonl", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x5b, 0x31, 0x5d, 0x7d]));
      const named = Buffer.from('{"v":[1,2],"name":"b","id":1}\n{"v":[1,3],"name":"a","id":2}');
      assert.ok(await compare(page, "a.jsonl", named, { key: "name" }, "--key-column", "name"));
      const many = Array.from({ length: 5000 }, (_, i) => `{"v":[${Math.sin(i)},${Math.cos(i)}],"at":"2024-05-01T12:00:00.${i}Z","j":{"a": ${i}.0}}`);
      assert.ok(await compare(page, "a.jsonl", Buffer.from(many.join("\n"))));
      many[4999] = many[4999].replace("2024-05-01", "2024-05-32");
      assert.ok(await compare(page, "a.jsonl", Buffer.from(many.join("\n"))));
    });

    await t.test("numbers of vectors are rounded once", async () => {
      // Between 1 and the float32 above the middle of two float16, by less than a float64 tells.
      const middle = (1 + 2 ** -11 + 2 ** -24).toFixed(24);
      const above = `{"v":[${middle}${"0".repeat(9)}1, 1]}`;
      assert.ok(await compare(page, "a.jsonl", Buffer.from(`${above}\n{"v":[${middle}, -${middle}]}`), { metric: "l2" }, "--metric", "l2"));
      assert.ok(!built("a.jsonl", Buffer.from(above), "--metric", "l2").equals(built("a.jsonl", Buffer.from(`{"v":[${middle}, 1]}`), "--metric", "l2")));
    });

    await t.test("matrices of all types and orders", async () => {
      const values = Array.from({ length: 60 }, (_, i) => Math.round(100 * Math.sin(i + 1)));
      const floats = values.map((value) => value / 7);
      const shape = "(20, 3)";
      const whole = [
        npy({ descr: "<f2", shape, body: Uint16Array.from(values, (_, i) => 500 * i + 0x8000 * (i % 2)) }),
        npy({ descr: "<f4", shape, body: Float32Array.from(floats) }),
        npy({ descr: "<f8", shape, body: Float64Array.from(floats) }),
        npy({ descr: "|i1", shape, body: Int8Array.from(values) }),
        npy({ descr: "|u1", shape, body: Uint8Array.from(values, Math.abs) }),
        npy({ descr: ">f4", shape, body: Buffer.from(Float32Array.from(floats).buffer).swap32() }),
        npy({ descr: ">f8", shape, body: Buffer.from(Float64Array.from(floats).buffer).swap64() }),
        npy({ descr: ">f2", shape, body: Buffer.from(Uint16Array.from(values, (_, i) => 500 * i + 0x8000 * (i % 2)).buffer).swap16() }),
        npy({ descr: "<f4", shape, order: "True", body: Float32Array.from(floats) }),
        npy({ descr: "<f4", shape: "(20L, 3L,)", body: Float32Array.from(floats) }),
        npy({ descr: "<f4", shape, version: 2, body: Float32Array.from(floats) }),
        npy({ descr: "<f4", shape: "(1, 60)", version: 3, order: "True", body: Float32Array.from(floats) }),
      ];
      for (const [i, bytes] of whole.entries()) assert.ok(await compare(page, "a.npy", bytes, { metric: "l2" }, "--metric", "l2"), String(i));
      const body = Float32Array.of(1, 2, 3, 4, 5, 6);
      const refused = [
        npy({ descr: "<i8", shape: "(2, 3)", body: new BigInt64Array(6) }),
        npy({ descr: "<c8", shape: "(1, 3)", body }),
        npy({ descr: "<f4", shape: "(2, 3)", body: Float32Array.of(1, NaN, 2, 3, 4, 5) }),
        npy({ descr: "<f8", shape: "(2, 3)", body: Float64Array.of(1, 1e39, 2, 3, 4, 5) }),
        npy({ descr: "<f4", shape: "(2, 4)", body }),
        npy({ descr: "<f4", shape: "(2, 2)", body }),
        npy({ descr: "<f4", shape: "(6,)", body }),
        npy({ descr: "<f4", shape: "(1, 2, 3)", body }),
        npy({ descr: "<f4", shape: "(0, 3)", body: [] }),
        npy({ descr: "<f4", shape: "(2, 3)", version: 4, body }),
        npy({ descr: "<f4", shape: "(2, 3)", body }).subarray(0, 60),
        Buffer.from("nothing of the kind"),
        Buffer.alloc(0),
      ];
      for (const [i, bytes] of refused.entries()) assert.ok(!(await compare(page, "a.npy", bytes, { metric: "l2" }, "--metric", "l2")), String(i));
    });
  });
}

/** A .npy file of such a header. */
function npy({ descr, shape, order = "False", version = 1, body }) {
  const header = Buffer.from(`{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`.padEnd(117) + "\n");
  const length = Buffer.alloc(version > 1 ? 4 : 2);
  length.writeUInt8(header.length);
  return Buffer.concat([Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]), length, header, Buffer.from(body.buffer ?? body)]);
}

test("float32 by its digits", () => {
  const half = (2 ** 128 - 2 ** 103).toString();
  assert.equal(half, "3.4028235677973366e+38");
  const digits = BigInt(2 ** 128 - 2 ** 103);
  for (const [text, value] of [
    ["0.1", Math.fround(0.1)], ["-0.1", Math.fround(-0.1)], ["0", 0], ["-0", -0], ["1e400", Infinity], ["-1e400", -Infinity], ["1e-400", 0],
    ["1.000000059604644775390625", 1], ["1.0000000596046447753906250000000000000001", 1 + 2 ** -23], ["10000000596046447753906250000000000000001e-40", 1 + 2 ** -23],
    ["1.000000178813934326171875", 1 + 2 ** -22], ["1.0000001788139343261718749999999999999999", 1 + 2 ** -23],
    ["-1.0000000596046447753906250000000000000001E0", -1 - 2 ** -23],
    [String(digits), Infinity], [String(digits - 1n), (2 - 2 ** -23) * 2 ** 127],
    ["7.006492321624085e-46", 0], [`7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319094181060791015625e-46`, 0],
    [`7.006492321624085354618647916449580656401309709382578858785341419448955413429303007433190941810607910156250001e-46`, 2 ** -149],
  ]) assert.ok(Object.is(float32(text), value), `${text}: ${float32(text)} is not ${value}`);
});
