// A server of one file that sends ranges, and can misbehave.
import { createServer } from "node:http";

/**
 * Serves `state.file`. `state.instead(request, answer, range, number)` may answer a request, and then returns true;
 * `range` is `[start, end]`, or undefined if the whole file is requested. `state.asked` has the range of each
 * request, `state.most` the greatest number of requests at a time.
 */
export async function serveRanges(file) {
  const state = { file, asked: [], headers: [], now: 0, most: 0, instead: undefined };
  const server = createServer(async (request, answer) => {
    const bounds = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const range = bounds ? [Number(bounds[1]), Number(bounds[2]) + 1] : undefined;
    state.asked.push(range);
    state.headers.push(request.headers);
    state.now += 1;
    state.most = Math.max(state.most, state.now);
    answer.on("close", () => (state.now -= 1));
    if (await state.instead?.(request, answer, range, state.asked.length)) return;
    if (range) part(answer, state.file, range);
    else answer.writeHead(200, { "content-length": state.file.length }).end(state.file);
  });
  // Otherwise it ends connections after 5 s, just when a busy machine uses them again.
  server.keepAliveTimeout = 0;
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${server.address().port}/words.hither`;
  const close = () => (server.closeAllConnections(), server.close());
  return { state, url, close };
}

/** Answers with the right range, except for the given headers; null leaves one out. */
export function part(answer, file, [start, wanted], given = {}, body = undefined) {
  const end = Math.min(wanted, file.length);
  const headers = { "content-range": `bytes ${start}-${end - 1}/${file.length}`, etag: '"one"', ...given };
  for (const name in headers) if (headers[name] === null) delete headers[name];
  answer.writeHead(206, headers).end(body ?? file.subarray(start, end));
  return true;
}
