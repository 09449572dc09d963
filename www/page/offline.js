// The service worker: keeps every file of the site under its hash, so the page opens without a
// network and a new version fetches only what changed. assemble.js fills in both constants.
const VERSION = "VERSION";
const FILES = "FILES";
const CACHE = `site-${VERSION}`;

const url = (name) => new URL(name, self.registration.scope).href;
const HASH = "X-Content-Hash";

async function keep() {
  const next = await caches.open(CACHE);
  const older = await Promise.all(
    (await caches.keys()).filter((name) => name.startsWith("site-") && name !== CACHE).map((name) => caches.open(name)),
  );
  const one = async (name) => {
    let found;
    for (const cache of older) {
      const candidate = await cache.match(url(name));
      if (candidate?.headers.get(HASH) === FILES[name]) found = candidate;
    }
    if (!found) {
      const fetched = await fetch(url(name), { cache: "no-cache" });
      if (!fetched.ok) throw new Error(`${name}: the server answers ${fetched.status}`);
      const headers = new Headers(fetched.headers);
      headers.set(HASH, FILES[name]);
      headers.delete("Content-Encoding"); // the body is unpacked by now
      headers.delete("Content-Length");
      found = new Response(fetched.body, { status: 200, headers });
    }
    await next.put(url(name), found);
  };
  // All at once: a file that is put waits for the disk, and the browser asks for six at a time.
  await Promise.all(Object.keys(FILES).map(one));
}

async function tidy() {
  for (const name of await caches.keys()) {
    if (name.startsWith("site-") && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(tidy()));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && new URL(event.request.url).origin === self.location.origin) {
    event.respondWith(answer(event.request));
  }
});
