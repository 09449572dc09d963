// The page in real browsers, over the index and the package that it is published with. The oracle
// is the command, over the same file. SITE is the assembled site, HITHER the command.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { BROWSERS, drop, ready, start, type, until } from "../browsers.js";

const { SITE, HITHER } = process.env;
const scratch = mkdtempSync(join(tmpdir(), "hither-www-"));
after(() => rmSync(scratch, { recursive: true }));
const words = readFileSync(new URL("../../sample/words.tsv", import.meta.url), "utf8").trim().split("\n").slice(1).map((line) => line.split("\t"));
const rowOf = (word, part) => words.findIndex(([, pos, spelt]) => pos === part && spelt.split(", ").includes(word));

/** Keys that the command finds nearest to a row. */
function command(file, key, k, ...more) {
  const text = execFileSync(HITHER, ["search", file, "--like", String(key), "-k", String(k), "--json", ...more], { encoding: "utf8" });
  return [...text.matchAll(/"key":\s*("?)([^",}]+)\1/g)].map((match) => match[2]);
}

const listed = (page) => page.$$eval("#neighbours li", (items) => items.map((item) => item.dataset.key));
/** Keeps the index just made in the browser, and gives the bytes that are kept. */
async function stored(page, name) {
  await page.evaluate(() => [...document.querySelectorAll("#make button")].find((button) => button.textContent.startsWith("Keep")).click());
  await until(page, () => document.querySelector("#make .work").textContent.includes("Kept."));
  const base64 = await page.evaluate(async (name) => {
    const { get } = await import("/hither/storage.js");
    const bytes = new Uint8Array(await (await get(name)).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  }, name);
  return Buffer.from(base64, "base64");
}
/** Waits until the service worker has kept the site and answers for the page; says how far it is where it does not. */
async function kept(page) {
  try {
    await page.waitForFunction(() => navigator.serviceWorker.controller, { timeout: 180_000 });
  } catch (error) {
    const state = await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      const of = (worker) => worker?.state ?? "none";
      const put = await Promise.all((await caches.keys()).map(async (name) => `${name}: ${(await (await caches.open(name)).keys()).length} files`));
      return `installing ${of(registration?.installing)}, waiting ${of(registration?.waiting)}, active ${of(registration?.active)}; ${put.join(", ")}`;
    });
    throw new Error(`no service worker for the page: ${state}`, { cause: error });
  }
}
const entryOf = (page, text) => until(page, (text) => document.querySelector("#entry h3")?.textContent.startsWith(text), text);

for (const name of Object.keys(BROWSERS)) {
  test(`the page in ${name}`, { timeout: 600_000 }, async (t) => {
    const { site, browser, url } = await start(t, name);
    const page = await browser.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
    await page.evaluateOnNewDocument(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    await page.setViewport({ width: 1280, height: 900 });
    await page.goto(url);
    await ready(page);
    const lantern = rowOf("lantern", "noun");
    const file = join(SITE, "words.hither");

    await t.test("typing a prefix finds the words, and the neighbours that the command finds", async () => {
      await type(page, "lanter");
      await entryOf(page, "lantern");
      const spelt = await page.$$eval("#letters .spelt", (items) => items.map((item) => item.textContent));
      assert.ok(spelt.length > 0 && spelt.every((text) => text.startsWith("lanter")), spelt.join());
      await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, command(file, lantern, 40)[0]);
      assert.deepEqual(await listed(page), command(file, lantern, 40).slice(0, 12));
    });

    await t.test("the filter is the index's", async () => {
      const verbs = command(file, lantern, 40, "--filter", '{"pos": "verb"}');
      await page.evaluate(() => document.querySelector("#parts input[value=verb]").click());
      await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, verbs[0]);
      assert.ok(verbs.every((key) => words[key][1] === "verb"));
      await until(page, (all) => [...document.querySelectorAll("#neighbours li")].map((li) => li.dataset.key).join() === all, verbs.slice(0, 12).join());
      await page.evaluate(() => document.querySelector("#parts input[value='']").click());
      await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, command(file, lantern, 40)[0]);
    });

    await t.test("a change of neighbours is announced, once it lasts", async () => {
      // What was said before may be the same and still to come: once something else was said, it is not.
      for (const [part, text] of [["verb", "40 verbs near lantern"], ["", "40 words near lantern"]]) {
        await page.evaluate((part) => document.querySelector(`#parts input[value="${part}"]`).click(), part);
        await until(page, (text) => document.getElementById("heard").textContent === text, text);
      }
      await page.evaluate(() => {
        window.heard = [];
        const region = document.getElementById("heard");
        new MutationObserver(() => window.heard.push(region.textContent)).observe(region, { childList: true });
        for (const text of ["w", "wo", "won", "wond"]) {
          document.getElementById("word").value = text; // faster than any hand
          document.getElementById("word").dispatchEvent(new InputEvent("input"));
        }
      });
      await until(page, () => window.heard.length > 0);
      const near = await page.$eval("#entry h3", (title) => title.textContent.split(/,| /)[0]);
      assert.equal(near, "wonder");
      assert.deepEqual(await page.evaluate(() => window.heard), [`40 words near ${near}`]);
      await page.evaluate(() => document.querySelector("#parts input[value=verb]").click());
      await until(page, (text) => window.heard.at(-1) === text, `40 verbs near ${near}`);
      await page.evaluate(() => document.querySelector("#parts input[value='']").click());
      await until(page, (text) => window.heard.at(-1) === text, `40 words near ${near}`);
      assert.equal(await page.$eval("#heard", (region) => region.role), "status"); // which is polite
    });

    await t.test("a part of speech that is chosen while a word is sought is of that word", async () => {
      await page.evaluate(() => {
        document.getElementById("word").value = "lantern";
        document.getElementById("word").dispatchEvent(new InputEvent("input"));
        document.querySelector("#parts input[value=verb]").click();
      });
      const [verb] = command(file, lantern, 40, "--filter", '{"pos": "verb"}');
      await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, verb);
      await entryOf(page, "lantern");
      await page.evaluate(() => document.querySelector("#parts input[value='']").click());
      await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, command(file, lantern, 40)[0]);
    });

    await t.test("a word that is not there is said to be absent, and has no neighbours", async () => {
      await type(page, "lanterm");
      await until(page, () => document.querySelector("#entry h3")?.textContent === "lanterm");
      assert.match(await page.$eval("#entry", (entry) => entry.innerText), /is none of the 1\d,\d+ words[^]*Spelt nearly so: lantern/);
      assert.match(await page.$eval("#status", (status) => status.textContent), /^Not in this dictionary/);
      await new Promise((resume) => setTimeout(resume, 300)); // what a search for another word might still bring
      assert.deepEqual(await listed(page), []);
      assert.equal(await page.$$eval("#map [role=option]", (options) => options.length), 0);
      const near = await page.$$eval("#letters .spelt", (items) => items.map((item) => item.textContent));
      assert.equal(near[0], "lantern");
      assert.equal(await page.$eval("#word", (input) => input.getAttribute("aria-activedescendant")), null);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, command(file, lantern, 40)[0]);
      assert.equal(await page.$eval("#word", (input) => input.value), "lantern");
      await type(page, "xyzzyq");
      await until(page, () => document.querySelector("#entry h3")?.textContent === "xyzzyq");
      assert.equal(await page.$$eval("#letters li", (items) => items.length), 0);
      assert.deepEqual(await listed(page), []);
    });

    await t.test("a field that is emptied after such a word shows again what was shown before it", async () => {
      for (const empty of [["Backspace"], ["Escape", "Escape"]]) {
        await type(page, "lantern");
        await entryOf(page, "lantern");
        await type(page, "lanterm");
        await until(page, () => document.querySelector("#entry h3")?.textContent === "lanterm");
        await page.click("#word", { count: 3 });
        for (const key of empty) await page.keyboard.press(key);
        assert.equal(await page.$eval("#word", (input) => input.value), "");
        await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, command(file, lantern, 40)[0]);
        await entryOf(page, "lantern");
        const [verb] = command(file, lantern, 40, "--filter", '{"pos": "verb"}');
        await page.evaluate(() => document.querySelector("#parts input[value=verb]").click());
        await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, verb);
        await page.evaluate(() => document.querySelector("#parts input[value='']").click());
        await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, command(file, lantern, 40)[0]);
      }
    });

    await t.test("what is absent is announced once, and then the words spelt nearly so", async () => {
      await type(page, "lantern");
      await entryOf(page, "lantern");
      await page.evaluate(() => {
        window.said = [];
        const region = document.getElementById("status");
        // Each time that it is set is told, and is read out, be it the same.
        new MutationObserver((all) => window.said.push(...all.map(({ addedNodes }) => addedNodes[0]?.textContent))).observe(region, { childList: true });
        for (const text of ["lanterm", "lantermm", "lanterm"]) {
          document.getElementById("word").value = text;
          document.getElementById("word").dispatchEvent(new InputEvent("input"));
        }
      });
      await until(page, () => document.getElementById("heard").textContent.startsWith("Spelt nearly so: lantern"));
      assert.deepEqual(await page.evaluate(() => window.said), ["Not in this dictionary. Spelt nearly so:"]);
    });

    await t.test("a button of the entry that is pressed leaves the focus in the entry", async () => {
      const press = async (text) => {
        await page.evaluate((text) => [...document.querySelectorAll("#entry button")].find((button) => !text || button.textContent === text).focus(), text);
        const before = await page.$eval("#entry h3", (title) => title.textContent);
        await page.keyboard.press("Enter");
        await until(page, (before) => document.querySelector("#entry h3").textContent !== before, before);
        assert.equal(await page.evaluate(() => document.activeElement === document.querySelector("#entry h3")), true, before);
      };
      await type(page, "lanterm");
      await until(page, () => document.querySelector("#entry h3")?.textContent === "lanterm");
      await press("lantern"); // spelt nearly so
      await type(page, "wonder");
      await entryOf(page, "wonder");
      await press(); // another sense
      // What is drawn after typing leaves the focus in the field.
      await type(page, "lantern");
      await entryOf(page, "lantern");
      assert.equal(await page.evaluate(() => document.activeElement.id), "word");
    });

    await t.test("the keyboard: the list of words, and the map", async () => {
      await type(page, "wonder");
      await entryOf(page, "wonder");
      const first = await page.$eval("#word", (input) => input.getAttribute("aria-activedescendant"));
      await page.keyboard.press("ArrowDown");
      const second = await page.$eval("#word", (input) => input.getAttribute("aria-activedescendant"));
      assert.notEqual(first, second);
      assert.equal(await page.$eval(`#${second}`, (option) => option.getAttribute("aria-selected")), "true");
      await page.keyboard.press("Enter");
      assert.equal(await page.$eval("#word", (input) => input.getAttribute("aria-expanded")), "false");
      const before = await page.evaluate(() => location.hash);
      assert.match(before, /^#\d+$/);
      await until(page, () => document.querySelectorAll("#map [role=option]").length === 41);
      await new Promise((resume) => setTimeout(resume, 500)); // the map comes to rest
      await page.focus("#map");
      await page.keyboard.press("ArrowRight");
      assert.match(await page.$eval("#map", (map) => map.getAttribute("aria-activedescendant")), /^map-[1-9]\d*$/);
      await page.keyboard.press("Enter");
      await until(page, (before) => location.hash !== before, before);
    });

    await t.test("the panel has measured", async () => {
      await until(page, () => /Recall@10\s+[01]\.\d/.test(document.getElementById("measures").innerText.replaceAll("\n", " ")));
      assert.match(await page.$eval("#measures", (list) => list.innerText), /median[^]*95th percentile/);
    });

    await t.test("a dropped .hither file is explored", async () => {
      await drop(page, "words.hither", readFileSync(file));
      await page.waitForSelector("#explore tbody tr", { timeout: 60_000 });
      assert.match(await page.$eval("#explore .facts", (facts) => facts.innerText), /10,000[^]*definition \(text\)/);
      await page.type("#explore input[name=key]", String(lantern));
      await page.keyboard.press("Enter");
      await until(page, (key) => document.querySelector("#explore tbody button")?.textContent === key, command(file, lantern, 20)[0]);
    });

    await t.test("what is no index says so", async () => {
      await drop(page, "broken.hither", Buffer.from("this is no index"));
      await until(page, () => document.querySelector("#own-status.error")?.textContent.length > 10);
    });

    await t.test("dropped JSON Lines become an index that the command opens", async () => {
      const lines = Array.from({ length: 300 }, (_, i) =>
        JSON.stringify({ id: `row ${i}`, year: 1900 + (i % 100), vector: Array.from({ length: 16 }, (_, d) => Math.sin(i * 0.7 + d * d)) }));
      await drop(page, "mine.jsonl", Buffer.from(lines.join("\n")));
      await page.waitForSelector("#make:not([hidden]) [type=submit]", { timeout: 60_000 });
      await page.evaluate(() => ([...document.querySelectorAll("#make label")].find((label) => label.textContent.startsWith("Key")).control.value = "id"));
      await page.click("#make [type=submit]");
      const link = await page.waitForSelector("#make a[download]", { timeout: 60_000 });
      assert.equal(await link.evaluate((a) => a.download), "mine.hither");
      await until(page, () => document.querySelector("#explore h3")?.textContent === "mine.hither" && document.querySelector("#explore tbody tr"));
      const path = join(scratch, `${name}.hither`);
      writeFileSync(path, await stored(page, "mine.hither"));
      execFileSync(HITHER, ["verify", path]);
      await page.$eval("#explore input[name=key]", (input) => (input.value = "row 7"));
      await page.focus("#explore input[name=key]");
      await page.keyboard.press("Enter");
      await until(page, (keys) => [...document.querySelectorAll("#explore tbody button")].map((b) => b.textContent).join() === keys, command(path, "row 7", 20).join());
    });

    await t.test("a file that is read slowly does not replace one that was dropped after it", async () => {
      await page.evaluate(() => {
        const { stream } = File.prototype;
        File.prototype.stream = function () {
          if (this.name !== "slow.jsonl") return stream.call(this);
          const held = new TransformStream();
          window.release = () => stream.call(this).pipeTo(held.writable);
          return held.readable;
        };
      });
      const row = Buffer.from('{"v":[1,2]}');
      await drop(page, "slow.jsonl", row);
      await until(page, () => window.release);
      await drop(page, "fast.jsonl", row);
      await until(page, () => !document.getElementById("make").hidden && document.querySelector("#make .note").textContent.startsWith("fast.jsonl"));
      await page.evaluate(() => window.release());
      await new Promise((resume) => setTimeout(resume, 300)); // what the slow file might still bring
      assert.match(await page.$eval("#make .note", (note) => note.textContent), /^fast\.jsonl: 1 rows/);
    });

    await t.test("JSON columns are encoded once, and integers keep every digit, as the command has them", async () => {
      const lines = ["9007199254740993", "-9223372036854775808", "9223372036854775807"].map((big, i) =>
        `{"v":[${i + 1},2],"big":${big},"meta":{"a":${big},"list":[1,null,"x"]}}`).join("\n");
      writeFileSync(join(scratch, "digits.jsonl"), lines);
      execFileSync(HITHER, ["build", join(scratch, "digits.jsonl"), "-o", join(scratch, `digits-${name}.hither`)], { stdio: "pipe" });
      await drop(page, "digits.jsonl", Buffer.from(lines));
      await until(page, () => document.querySelector("#make .note")?.textContent.startsWith("digits.jsonl: 3 rows"));
      await page.click("#make [type=submit]");
      await page.waitForSelector("#make a[download='digits.hither']", { timeout: 60_000 });
      assert.ok((await stored(page, "digits.hither")).equals(readFileSync(join(scratch, `digits-${name}.hither`))));
    });

    await t.test("types of columns can be named, by the keyboard too, and the index is made again", async () => {
      const lines = [1, 2, '"c"'].map((id, i) => `{"v":[${i + 1},2],"id":${id},"year":${1900 + i},"big":${2n ** 63n + BigInt(i)}}`).join("\n");
      writeFileSync(join(scratch, "types.jsonl"), lines);
      const theirs = (...types) => {
        const out = join(scratch, `types-${name}.hither`);
        execFileSync(HITHER, ["build", join(scratch, "types.jsonl"), "-o", out, ...types.flatMap((type) => ["--type", type])], { stdio: "pipe" });
        return readFileSync(out);
      };
      const status = () => page.$eval("#make [role=status]", ({ textContent, className }) => `${className}: ${textContent}`);
      const said = (text, failed = false) => until(page, (text, failed) => {
        const { textContent, classList } = document.querySelector("#make [role=status]");
        return textContent === text && classList.contains("error") === failed;
      }, text, failed).catch(async () => assert.fail(`${text} is not ${await status()}`));
      const lists = () => page.$$eval("#make .types label", (labels) => labels.map(({ innerText, control }) => [innerText.split("\n")[0], control.selectedOptions[0].text, control.ariaInvalid]));
      const key = () => page.$$eval("#make label", (labels) => labels.find((label) => label.textContent.startsWith("Key")).control.selectedOptions[0].text);
      const type = async (column, type) => {
        const list = await page.evaluateHandle((column) => [...document.querySelectorAll("#make .types label")].find((label) => label.textContent.startsWith(column)).control, column);
        await list.select(type);
      };

      await drop(page, "types.jsonl", Buffer.from(lines));
      const problem = 'The column "big" holds 9223372036854775808, which is beyond int64; name its type: text keeps the digits, float64 rounds them.';
      await said(problem, true);
      assert.deepEqual(await lists(), [["id", "json (inferred)", "false"], ["year", "int64 (inferred)", "false"], ["big", "float64 (inferred)", "true"]]);
      assert.equal(await key(), "row number");
      // It does not help to insist.
      await page.click("#make [type=submit]");
      await said(problem, true);
      assert.equal(await page.$("#make a[download]"), null);

      // From then on what is named makes it. A letter chooses in a list.
      await page.evaluate(() => document.querySelectorAll("#make .types select")[2].focus());
      await page.keyboard.type("tex");
      const made = "The index is made, and shown below.";
      await said(made);
      assert.deepEqual((await lists())[2], ["big", "text", "false"]);
      assert.ok((await stored(page, "types.hither")).equals(theirs("big=text")));
      assert.match(await page.$eval("#explore .facts", (facts) => facts.innerText), /id \(json\), year \(int64\), big \(text\)/);

      await type("id", "text");
      await said(made);
      assert.equal(await key(), "id (text)");
      assert.ok((await stored(page, "types.hither")).equals(theirs("big=text", "id=text")));

      await type("year", "bool");
      await said('types.jsonl, line 1: "year" is 1900, and the column is bool; name another type: text and json take every value.', true);
      assert.equal(await page.$("#make a[download]"), null);
      await type("year", "float64");
      await said(made);
      assert.ok((await stored(page, "types.hither")).equals(theirs("big=text", "id=text", "year=float64")));
      for (const column of ["id", "year"]) {
        await type(column, "");
        await said(made);
      }
      assert.equal(await key(), "row number");
      assert.ok((await stored(page, "types.hither")).equals(theirs("big=text")));
    });

    await t.test("before an index was made, a type that is named waits for it; a key that goes is said", async () => {
      await drop(page, "waits.jsonl", Buffer.from('{"v":[1,2],"id":1}\n{"v":[1,3],"id":2}'));
      await until(page, () => document.querySelector("#make .note")?.textContent.startsWith("waits.jsonl: 2 rows"));
      const heard = () => page.$eval("#make [role=status]", (status) => status.textContent);
      await page.select("#make .types select", "float64");
      assert.equal(await heard(), "Rows go by their numbers now.");
      await page.select("#make .types select", "text");
      assert.equal(await heard(), "Rows go by “id” now.");
      assert.equal(await page.$eval("#make .work", (work) => work.childElementCount), 0);
    });

    await t.test("Back to the start brings back its word", async () => {
      await page.evaluate(() => history.replaceState(null, "", location.pathname));
      await page.evaluate(() => document.querySelector("#neighbours button").click());
      await until(page, () => location.hash !== "" && document.getElementById("word").value !== "lantern");
      await page.evaluate(() => history.back());
      await until(page, () => location.hash === "" && document.getElementById("word").value === "lantern");
    });

    await t.test("a dropped .npy becomes the file that the command writes, byte for byte", async () => {
      const whole = readFileSync(new URL("../../sample/words.npy", import.meta.url));
      const body = 10 + whole.readUInt16LE(8);
      const rows = 300;
      const header = `{'descr': '<f2', 'fortran_order': False, 'shape': (${rows}, 384), }`.padEnd(117) + "\n";
      const npy = Buffer.concat([whole.subarray(0, 8), Buffer.from([header.length, 0]), Buffer.from(header), whole.subarray(body, body + rows * 384 * 2)]);
      writeFileSync(join(scratch, "part.npy"), npy);
      execFileSync(HITHER, ["build", join(scratch, "part.npy"), "-o", join(scratch, "part.hither")], { stdio: "pipe" });
      await drop(page, "part.npy", npy);
      await until(page, () => document.querySelector("#make .note")?.textContent.startsWith("part.npy: 300 rows of 384"));
      await page.click("#make [type=submit]");
      await page.waitForSelector("#make a[download='part.hither']", { timeout: 60_000 });
      assert.ok((await stored(page, "part.hither")).equals(readFileSync(join(scratch, "part.hither"))));
    });

    await t.test("no error and no violation of the policy", async () => {
      assert.deepEqual(await page.evaluate(() => window.violations), []);
      assert.deepEqual(wrong, []);
    });

    await t.test("it opens again without a server", async () => {
      await kept(page);
      site.close();
      site.closeAllConnections();
      await page.reload();
      await ready(page);
      await type(page, "lanter");
      await entryOf(page, "lantern");
      await until(page, (key) => document.querySelector("#neighbours li")?.dataset.key === key, command(file, lantern, 40)[0]);
      await page.waitForSelector("#saved li");
      assert.deepEqual(await page.evaluate(() => window.violations), []);
    });
  });
}
