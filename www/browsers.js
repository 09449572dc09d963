// What the tests of the page have in common: the site on a port of its own, and browsers that open it.
import puppeteer from "puppeteer-core";
import { server } from "./serve.js";

export const BROWSERS = {
  chromium: { executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"] },
  firefox: { browser: "firefox", executablePath: "/usr/bin/firefox-esr" },
};

/** The site, and a browser, until the test ends: `{ site, browser, url }`. */
export async function start(t, name, folder = process.env.SITE) {
  const site = server(folder);
  await new Promise((ready) => site.listen(0, "127.0.0.1", ready));
  const browser = await puppeteer.launch({ headless: true, ...BROWSERS[name] });
  t.after(async () => {
    await browser.close();
    site.close();
    site.closeAllConnections();
  });
  return { site, browser, url: `http://localhost:${site.address().port}/` };
}

/** Waits until a function gives something true in the page: for long, where machine and disk are busy. */
export const until = (page, check, ...args) => page.waitForFunction(check, { timeout: 60_000 }, ...args);

/** Waits until the first word and its neighbours are shown. */
export const ready = (page, timeout = 60_000) => page.waitForSelector("body[data-ready]", { timeout });

/** Drops a file of such bytes on the page. */
export const drop = (page, name, bytes) =>
  page.evaluate(
    (name, base64) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
      document.getElementById("drop").dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
    },
    name,
    Buffer.from(bytes).toString("base64"),
  );

/** Types a word in place of the one before. */
export async function type(page, text) {
  await page.click("#word", { count: 3 });
  await page.keyboard.type(text);
}
