// How the page comes over a slow network, on phones: 4 Mbit/s, 80 ms there and back.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ready, start } from "../browsers.js";

const { SITE } = process.env;
const SLOW = { download: 500_000, upload: 500_000, latency: 80 };
const LINE = /^Page (\d+\.\d) of (\d+\.\d) MB, index (\d+\.\d) of (\d+\.\d) MB$/;
const index = (statSync(join(SITE, "words.hither")).size / 1e6).toFixed(1);

test("the sizes of what is to come stand in the page as it is sent", () => {
  const line = /<p id="loaded">(.*)<\/p>/.exec(readFileSync(join(SITE, "index.html"), "utf8"))[1];
  const [, , page, none, whole] = LINE.exec(line);
  assert.deepEqual([none, whole], ["0.0", index]);
  const files = JSON.parse(readFileSync(join(SITE, "files.json"), "utf8"));
  const sum = files.filter(({ group }) => group !== "index").reduce((total, { bytes }) => total + bytes, 0);
  assert.equal(page, (sum / 1e6).toFixed(1));
});

test("loading at 4 Mbit/s on a phone", { timeout: 720_000 }, async (t) => {
  const { browser, url } = await start(t, "chromium");
  const load = async (width, height) => {
    const page = await (await browser.createBrowserContext()).newPage();
    await page.setViewport({ width, height, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
    await page.emulateNetworkConditions(SLOW);
    await page.evaluateOnNewDocument(() => {
      window.shifts = [];
      window.lines = [];
      window.heights = new Set();
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) {
          window.shifts.push({ value, sources: sources.map(({ node, previousRect, currentRect }) => `${node?.id || node?.className || node?.nodeName} ${previousRect.y} → ${currentRect.y}`) });
        }
      }).observe({ type: "layout-shift", buffered: true });
      const see = () => {
        const line = document.getElementById("loaded");
        if (line && !line.hidden && line.textContent !== window.lines.at(-1)) window.lines.push(line.textContent);
        if (line && !line.hidden) window.heights.add(line.getBoundingClientRect().height);
        requestAnimationFrame(see);
      };
      see();
    });
    await page.goto(url);
    await ready(page, 200_000);
    // And until the panel below has measured.
    await page.waitForFunction(() => /Recall@10\s+[01]\.\d/.test(document.getElementById("measures").innerText.replaceAll("\n", " ")));
    return page.evaluate(() => ({ shifts: window.shifts, lines: window.lines, heights: [...window.heights], shown: document.querySelectorAll("#neighbours li").length, hidden: document.getElementById("loaded").hidden }));
  };
  const sizes = [[360, 740], [390, 844]];
  const loads = await Promise.all(sizes.map((size) => load(...size)));
  for (const [at, { shifts, lines, heights, shown, hidden }] of loads.entries()) {
    await t.test(`at ${sizes[at][0]} pixels nothing moves`, () => {
      // No one has touched the page, so every shift counts.
      const moved = shifts.reduce((sum, { value }) => sum + value, 0);
      assert.ok(moved <= 0.05, JSON.stringify(shifts, null, 1));
      assert.equal(shown, 12);
    });
    await t.test(`at ${sizes[at][0]} pixels progress is told in megabytes, in one line`, () => {
      const steps = lines.map((line) => LINE.exec(line)?.slice(1).map(Number) ?? assert.fail(line));
      assert.ok(steps.length > 20, lines.join("\n"));
      for (const [i, [page, pages, loaded, whole]] of steps.entries()) {
        assert.ok(page <= pages && loaded <= whole && whole === Number(index), lines[i]);
        assert.ok(i === 0 || (page >= steps[i - 1][0] && loaded >= steps[i - 1][2]), `${lines[i - 1]} → ${lines[i]}`);
      }
      assert.equal(steps.at(-1)[2], Number(index));
      assert.equal(heights.length, 1);
      assert.ok(heights[0] < 40, `${heights[0]} pixels`);
      assert.ok(hidden);
    });
  }
});
