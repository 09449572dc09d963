// What type a column has, when only its values can say: as the command decides it (rows/src/infer.rs).
import { Builder } from "hither/worker";
import { BYTES, NON_FINITE, isInt64 } from "./value.js";

const AT_A_TIME = 4096;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const isExact = (text) => text.length < 16 || (Number.isFinite(Number(text)) && String(BigInt(Number(text))) === text);
/** A timestamp that cannot be meant otherwise has a time and an offset. */
const isWhole = (text) => /^[^Tt ]*[Tt ][^]*[Zz+-]/.test(text) || text.endsWith("infinity");

/** What the values of one column have been so far. */
export class Evidence {
  bools = 0;
  integers = 0;
  floats = 0;
  texts = 0;
  nested = 0;
  #moments = new Moments();
  #uuids = true;
  #bytes = true;
  #nonFinite = true;
  #wide; // the first integer beyond int64, and the first that no float64 is
  #inexact;

  /** A value as it is written in JSON. */
  async note(raw) {
    if (raw === "null") return;
    if (raw === "true" || raw === "false") this.bools++;
    else if (raw[0] === '"') await this.#text(JSON.parse(raw));
    else if (raw[0] === "[" || raw[0] === "{") this.nested++;
    else this.#number(raw);
  }

  #number(text) {
    if (!/^-?\d+$/.test(text)) {
      this.floats++;
      return;
    }
    this.integers++;
    if (!isInt64(text)) this.#wide ??= text;
    if (!isExact(text)) this.#inexact ??= text;
  }

  async #text(text) {
    this.texts++;
    this.#uuids &&= UUID.test(text);
    this.#bytes &&= BYTES.test(text);
    this.#nonFinite &&= NON_FINITE.has(text);
    await this.#moments.note(text);
  }

  /** How many values there were, nulls left out. */
  get values() {
    return this.bools + this.integers + this.floats + this.texts + this.nested;
  }

  /** The type that holds every value. */
  async columnType() {
    const { values: all, integers, floats, texts } = this;
    if (all === texts) {
      if (all === 0) return "text";
      return (await this.#moments.are()) ? "timestamp" : this.#uuids ? "uuid" : this.#bytes ? "bytes" : "text";
    }
    if (all === this.bools) return "bool";
    if (all === integers && !this.#wide) return "int64";
    return all === integers + floats || (all === integers + floats + texts && this.#nonFinite) ? "float64" : "json";
  }

  /** The first integer whose digits the column's type would not keep, and why not. */
  lost(type) {
    const [number, reason] = this.floats === 0 ? [this.#wide, "is beyond int64"] : [this.#inexact, "float64 would round"];
    return type === "float64" && number ? `${number}, which ${reason}` : undefined;
  }

  /** The type of keys that these values can be; none if they name no rows. */
  get keyType() {
    const { values: all, integers, texts } = this;
    if (all === 0) return undefined;
    if (all === integers && !this.#wide) return "int64";
    return all === texts ? (this.#uuids ? "uuid" : "text") : undefined;
  }

  free() {
    this.#moments.free();
  }
}

/** Whether all texts are moments: the package's own parser says so, of a column that it is to take them into. */
class Moments {
  #all = true;
  #finite = false;
  #waiting = [];
  #builder;

  async note(text) {
    this.#all &&= isWhole(text);
    if (!this.#all) return this.free();
    this.#finite ||= !/^-?infinity$/.test(text);
    this.#waiting.push(text);
    if (this.#waiting.length === AT_A_TIME) await this.#check();
  }

  async #check() {
    const texts = this.#waiting.splice(0);
    if (!this.#all || texts.length === 0) return;
    this.#builder ??= new Builder({ dimensions: 1, metric: "l2", columns: { at: "timestamp" } });
    try {
      await this.#builder.addMany(new Float32Array(texts.length), { columns: { at: texts } });
    } catch (error) {
      this.#all = false;
      this.free();
      if (error.code !== "column_type") throw error;
    }
  }

  async are() {
    await this.#check();
    return this.#all && this.#finite;
  }

  free() {
    this.#waiting = [];
    this.#builder?.free();
    this.#builder = undefined;
  }
}
