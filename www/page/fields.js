// The fields of a JSON object as they are written: a JSON column keeps its documents letter by letter.

const SPACE = /[ \t\n\r]*/y;
const STRING = /"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const PLAIN = /[^ \t\n\r,\]}]+/y;
const WITHIN = /[^"[\]{}]*/y;

/** `[name, text of the value]` of each field, in their order; throws for what is no object. */
export function fieldsOf(text) {
  JSON.parse(text); // from here on it is JSON
  let at = 0;
  const match = (pattern) => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text);
    at += found.length;
    return found;
  };
  const value = () => {
    if (text[at] === '"') return match(STRING);
    if (text[at] !== "[" && text[at] !== "{") return match(PLAIN);
    const start = at;
    let depth = 0;
    do {
      match(WITHIN);
      if (text[at] === '"') match(STRING);
      else depth += "[{".includes(text[at++]) ? 1 : -1;
    } while (depth > 0);
    return text.slice(start, at);
  };
  match(SPACE);
  if (text[at] !== "{") throw new Error("an object is needed, one a line");
  const list = [];
  const seen = new Set();
  for (;;) {
    at++; // the bracket, or a comma
    match(SPACE);
    if (text[at] === "}") return list;
    const name = JSON.parse(match(STRING));
    if (/\p{Surrogate}/u.test(name)) throw new Error("a name holds half of a surrogate pair, which is no character");
    if (seen.has(name)) throw new Error(`"${name}" is there twice, and a row has one value of it`);
    seen.add(name);
    match(SPACE);
    at++; // the colon
    match(SPACE);
    list.push([name, value()]);
    match(SPACE);
    if (text[at] === "}") return list;
  }
}
