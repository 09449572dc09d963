// How the page looks where a sheet of styles is easily wrong: long words, and colours that are forced.
import assert from "node:assert/strict";
import { test } from "node:test";
import { drop, ready, start, type, until } from "../browsers.js";

const LONG = "pneumono".repeat(15); // 120 letters

test("a phone of 360 pixels", { timeout: 480_000 }, async (t) => {
  const { browser, url } = await start(t, "chromium");
  const page = await browser.newPage();
  await page.setViewport({ width: 360, height: 740, isMobile: true, hasTouch: true });
  await page.evaluateOnNewDocument(() => {
    const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
    window.drawn = []; // the texts of a picture, where they stand, and how plainly
    CanvasRenderingContext2D.prototype.clearRect = function (...given) {
      window.drawn = [];
      return clearRect.apply(this, given);
    };
    CanvasRenderingContext2D.prototype.fillText = function (...given) {
      window.drawn.push([...given, this.globalAlpha]);
      return fillText.apply(this, given);
    };
  });
  await page.goto(url);
  await ready(page);
  const fits = async () => {
    const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.deepEqual([wide <= view, view], [true, 360], `${wide} pixels`);
  };

  await t.test("nothing scrolls sideways", fits);

  await t.test("the map names the word in its middle", async () => {
    const names = { verb: "verb", adj: "adjective", noun: "noun" };
    // The last one is wider than the map, which names it as far as it goes.
    for (const word of ["lantern", "wonder", "ocean", "run", "small", "music", "United Nations Educational Scientific and Cultural Organization"]) {
      await type(page, word);
      for (const part of ["verb", "adj", "noun", ""]) {
        await page.evaluate((part) => document.querySelector(`#parts input[value="${part}"]`).click(), part);
        await until(page, (word, name) => {
          const [middle, ...others] = [...document.querySelectorAll("#map [role=option]")].map(({ textContent }) => textContent.split(": ")[0]);
          return middle?.split(", ").slice(0, -1).some((spelt) => spelt.toLowerCase().startsWith(word)) && others.every((text) => !name || text.includes(`, ${name}, distance`));
        }, word.toLowerCase(), names[part]);
        await until(page, async () => {
          const picture = () => new Promise((resume) => requestAnimationFrame(() => resume(JSON.stringify(window.drawn))));
          return (await picture()) === (await picture());
        });
        const [drawn, middle, wide] = await page.evaluate(() => [
          window.drawn,
          document.querySelector("#map [role=option]").textContent.split(",")[0],
          document.getElementById("map").clientWidth,
        ]);
        const label = drawn.map(([text]) => text).find((text) => text === middle || (text.endsWith("…") && middle.startsWith(text.slice(0, -1))));
        assert.ok(label?.length > 5 || label === middle, `${word}, ${part}: ${drawn.join()}`);
        assert.equal(label.endsWith("…"), word.length > 40, `${label} on ${wide} pixels`);
      }
    }
  });

  await t.test("a word of 120 letters does not widen the page", async () => {
    await type(page, LONG);
    await until(page, (long) => document.querySelector("#entry h3")?.textContent === long, LONG);
    await fits();
  });

  await t.test("nor do names and values of 120 letters in a file of one's own", async () => {
    const lines = Array.from({ length: 30 }, (_, i) => JSON.stringify({ [LONG]: `${LONG}${i}`, v: [i, 1] }));
    await drop(page, `${LONG}.jsonl`, lines.join("\n"));
    await page.waitForSelector("#make:not([hidden]) [type=submit]", { timeout: 60_000 });
    await fits();
    await page.select("#make .types select", "json");
    await fits();
    await page.select("#make .types select", "");
    await page.evaluate(() => ([...document.querySelectorAll("#make label")].find((label) => label.textContent.startsWith("Key")).control.value = "pneumono".repeat(15)));
    await page.evaluate(() => document.querySelector("#make [type=submit]").click());
    await page.waitForSelector("#explore tbody tr", { timeout: 60_000 });
    await fits();
    await page.evaluate(() => [...document.querySelectorAll("#make button")].find((button) => button.textContent.startsWith("Keep")).click());
    await page.waitForSelector("#saved li");
    await fits();
    await drop(page, `${LONG}.hither`, Buffer.from("no index"));
    await page.waitForSelector("#own-status.error");
    await fits();
  });

  await t.test("the list of words covers no line of the status", async () => {
    for (const [text, status] of [["lanter", false], ["lanterm", true]]) {
      await type(page, text);
      await until(page, (text) => document.querySelector("#entry h3")?.textContent.startsWith(text), text);
      const [list, line] = await page.evaluate(() =>
        [".by-letter", "#status"].map((name) => document.querySelector(name).getBoundingClientRect().toJSON()));
      assert.equal(await page.$eval(".by-letter", (list) => getComputedStyle(list).visibility), "visible");
      assert.equal(await page.$eval("#status", (line) => line.textContent !== ""), status);
      if (status) assert.ok(list.top >= line.bottom - 1, `${list.top} is above ${line.bottom}`);
      else assert.ok(list.top < line.bottom, "the list stands close to the field");
    }
  });
});

test("forced colours", { timeout: 480_000 }, async (t) => {
  const { browser, url } = await start(t, "chromium");
  const page = await browser.newPage();
  const session = await page.createCDPSession();
  await session.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await page.goto(url);
  await ready(page);
  const ground = await page.$eval("body", (body) => getComputedStyle(body).backgroundColor);
  /** The colours that are used in the end. */
  const styles = () =>
    page.$$eval("#parts span", (spans) => spans.map((span) => {
      const { borderBottomColor, color } = getComputedStyle(span);
      return { chosen: span.previousElementSibling.checked, line: borderBottomColor, text: color };
    }));

  await t.test("which part of speech is chosen is seen, by its line and its text", async () => {
    assert.ok(await page.evaluate(() => matchMedia("(forced-colors: active)").matches));
    for (const value of ["", "verb"]) {
      await page.evaluate((value) => document.querySelector(`#parts input[value="${value}"]`).click(), value);
      // The line changes its colour slowly.
      await until(page, () => [...document.querySelectorAll("#parts span")].every((span) => span.getAnimations().length === 0));
      const all = await styles();
      const chosen = all.filter((style) => style.chosen);
      assert.equal(chosen.length, 1);
      for (const other of all.filter((style) => !style.chosen)) {
        assert.equal(other.line, ground);
        assert.notEqual(chosen[0].line, ground);
        assert.notEqual(other.text, chosen[0].text);
      }
    }
  });

  await t.test("the bars of distance, the map and the progress have colours of the system", async () => {
    assert.notEqual(await page.$eval("#neighbours .far i", (bar) => getComputedStyle(bar).backgroundColor), ground);
    assert.equal(await page.$eval("#loading", (bar) => getComputedStyle(bar).forcedColorAdjust), "none");
    // The dot in the middle of the map is drawn in the colour of what is chosen.
    const [drawn, wanted] = await page.evaluate(() => {
      const map = document.getElementById("map");
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.cssText = "forced-color-adjust: none; color: Highlight";
      const wanted = getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).map(Number);
      return [[...map.getContext("2d").getImageData(map.width / 2, map.height / 2, 1, 1).data.slice(0, 3)], wanted];
    });
    // A little of it may be seen through, and is rounded.
    assert.ok(drawn.every((part, i) => Math.abs(part - wanted[i]) <= 10), `${drawn} is not ${wanted}`);
  });
});
