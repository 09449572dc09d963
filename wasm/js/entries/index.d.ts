/// <reference lib="esnext.disposable" />
/**
 * hither: search an index file in the browser, at the edge, in Node, Deno and Bun.
 *
 * ```js
 * import { open } from "hither";
 * const index = await open("/words.hither");
 * for (const { key, distance, words } of index.search(vector, { k: 5 })) console.log(key, words);
 * ```
 *
 * `open<{ words: string }>(…)` declares what the columns hold, which gives hits and rows their types.
 */

/** A key as callers give it: a row number or an int64 as a number or a bigint; a uuid or text as a string. */
export type Key = number | bigint | string;
/** Keys, as an array, or as the typed array that an answer has. */
export type Keys = ArrayLike<Key> | BigInt64Array;

/** Names of metrics. Distances are pgvector's `<->`, `<=>`, `<#>` (negative inner product), `<+>`. */
export type Metric = "l2" | "cosine" | "ip" | "l1";
/** How values are stored: 2 bytes each (at most ±65504), or 4. */
export type Element = "f16" | "f32";
/** A structure to search by. `flat` is the exact scan, which every index can do. */
export type Kind = "flat" | "hnsw" | "ivf";
/** Codes: none, of 8 bits beside the vectors, of 8 bits in their place, of 4 bits beside the vectors. */
export type Codes = "none" | "sq8" | "sq8-only" | "sq4";
/** The type of the keys. Without keys of their own, rows have their number, from 0, as key. */
export type KeyType = "row number" | "int64" | "uuid" | "text";
/** The type of an attribute column; every column may hold nulls. */
export type ColumnType =
  | "bool"
  | "int64"
  | "float64"
  | "text"
  | "timestamp"
  | "uuid"
  | "bytes"
  | "json";

/**
 * A vector: one finite number a dimension. `Float16Array` is accepted where the runtime has it;
 * other typed arrays of numbers too.
 */
export type Vector = Float32Array | Float64Array | Int8Array | Uint8Array | ArrayLike<number>;

/**
 * What a column's value is when it is read:
 *
 * | column | value |
 * |---|---|
 * | bool | `boolean` |
 * | int64 | `number`, or `bigint` beyond ±2⁵³ |
 * | float64 | `number` |
 * | text, uuid | `string` |
 * | timestamp | RFC 3339 `string` in UTC, exact to the microsecond, or `"infinity"`, `"-infinity"` |
 * | bytes | `Uint8Array` |
 * | json | the parsed document; its integers beyond ±2⁵³ are `bigint`s |
 *
 * and `null` where there is none. Given to a builder or to `insert`, a timestamp may also be a
 * `Date`, an int64 a `bigint`; `undefined` or a missing column is null.
 */
export type Value = unknown;

/** What the columns of an index hold, by name: of any index, unless `open` is given a type. */
export type AnyColumns = { [column: string]: any };

/**
 * A filter as MongoDB writes it, over SQL's three-valued logic:
 * `{ year: { $gte: 2020 }, lang: { $in: ["en", "fr"] }, note: null }`. Operators: `$eq $ne $gt
 * $gte $lt $lte $in $nin $exists $prefix $not` within a column, `$and $or $not` around columns.
 * `$ne`, `$nin` and `$not` also match rows without a value, as in MongoDB.
 * Literals may be a `bigint`, a `Date`, a `Uint8Array`, or what has a `toJSON()`. A string is taken for
 * the filter's JSON. `{}` has no condition and matches every row. What would say nothing (`undefined`
 * within it, a `Map`, a `Set`, `URLSearchParams`, a function, a symbol, an object of a class) is refused
 * with `"invalid_filter"`.
 *
 * A filter never starves a search: it gives `k` rows whenever `k` rows match.
 */
export type Filter = { [column: string]: unknown } | string;

/** Progress in bytes. `total` is known from the file's first 64 bytes on; before that it is 0. */
export interface LoadProgress {
  loaded: number;
  total: number;
}

/** Progress of a build: `"coding"`, `"linking"`, `"refining"`, `"clustering"`, `"writing"`, … and how far it is. */
export interface BuildProgress {
  stage: string;
  done: number;
  total: number;
}

/** Where an index file comes from. In Node, Deno and Bun also a path or a `file:` URL. */
export type Source =
  | string
  | URL
  | Request
  | Response
  | Blob
  | ArrayBuffer
  | ArrayBufferView
  | ReadableStream<Uint8Array>;

export interface OpenOptions {
  /** Called as bytes arrive. */
  onProgress?: (progress: LoadProgress) => void;
  /** Stops the load: it is rejected with the code `"aborted"`, and its memory is freed. */
  signal?: AbortSignal;
  /**
   * `"open"` (default): checks header, manifest and bounds, and reads no rows; damage in these is found when a search
   * meets it. `"full"`: checks every checksum and every id.
   */
  verify?: "open" | "full";
  /** Refuses, with the code `"wrong_model"`, a file whose property `model` is another. */
  model?: string;
  /** `true`: the file stays where it is. See `LazyOptions`. Default `false`. */
  lazy?: false;
}

/** How to open a file that stays on its server. */
export interface LazyOptions {
  lazy: true;
  /**
   * The most bytes of the file that are kept; what one question needs is kept until it is answered. A file that
   * cannot be searched by ranges is downloaded whole if it has no more than these. Default 64 MiB.
   */
  cacheBytes?: number;
  /** Requests at a time. Default 6: as many connections as a browser makes to a server of HTTP/1.1. */
  concurrency?: number;
  /** Milliseconds for which a server may send nothing before it is given up. Default 30,000. */
  timeout?: number;
  /**
   * `true`: once half as many bytes have arrived as the file has, the rest is downloaded too, in the background, and
   * searches are then those of the whole file. Default `false`.
   */
  complete?: boolean;
  /** Refuses, with the code `"wrong_model"`, a file whose property `model` is another. */
  model?: string;
  /** Called as bytes arrive of a file that is downloaded whole. */
  onProgress?: (progress: LoadProgress) => void;
  /** Stops the opening: it is rejected with the code `"aborted"`. */
  signal?: AbortSignal;
}

/**
 * Opens an index file, or several that answer as one (where keys are row numbers, those of each file follow on those
 * before it; else, of rows with the same key, the one of the last file counts). The bytes stream into one allocation
 * in WebAssembly, six files at a time, while the module is loaded. The first error of several files stops the others.
 * `Columns` is what the columns hold: the caller knows it, nothing checks it.
 *
 * @throws {HitherError} `http`, `network`, `file`, `aborted`, `not_an_index`, `truncated`, `corrupt`,
 * `unsupported_version`, `wrong_model`, `out_of_memory`, `unavailable`
 */
export function open<Columns extends object = AnyColumns>(
  source: Source | Source[],
  options?: OpenOptions,
): Promise<Index<Columns>>;
/**
 * Opens one file that stays where it is, at the URL of a server that sends ranges: only those parts are downloaded
 * that a question needs. With 116,659 rows of 384 dimensions (137 MB), a first answer takes some 0.42 MB in four
 * round trips, opening included. The file must have lists for this: `hither build --ranges`, or `ranges: true` of a
 * `Builder`. A file without them, or on a server that ignores `Range`, is downloaded whole if it has at most
 * `cacheBytes`; if it has more, it is an error (`"unsupported"`) that says what to do. `complete` of the index tells
 * which it was.
 *
 * Requests have no header but `Range`, so a page may send them to other origins without preflights; the server allows
 * it by `Access-Control-Allow-Origin`, and need expose no headers. If a `Request` is given, its headers are sent too.
 * Each piece is checked before it is used, by hashes that lead to the file's content id: a file that is replaced
 * meanwhile is an error (`"replaced"`), and its versions are never mixed. When a server fails for now (429, 5xx, a
 * connection that is cut), the request is repeated up to three times within ten seconds, later where `Retry-After`
 * says so.
 *
 * @throws {HitherError} those of `open`, and `replaced`
 */
export function open<Columns extends object = AnyColumns>(
  source: string | URL | Request,
  options: LazyOptions,
): Promise<LazyIndex<Columns>>;

/**
 * Loads the WebAssembly module now, and not at the first `open`. Never needed, except in two cases: a `Builder` in a
 * browser reports a bad row at once only after it (else `finish` does), and where a bundler does not copy the module,
 * it can be given here: as a URL, a Response, its bytes or a `WebAssembly.Module`.
 */
export function load(
  // Without DOM's types there is no name for a WebAssembly.Module.
  module?: string | URL | Request | Response | Promise<Response> | ArrayBuffer | ArrayBufferView | object,
): Promise<void>;

/** Memory of WebAssembly, in bytes. An index that was not freed counts until the garbage collector reports it. */
export interface MemoryStatistics {
  /** What it has taken from the system. It does not shrink, and is reused after `free`. */
  reserved: number;
  /** The bytes of open files, and those kept of files that stay on their server. */
  files: number;
  /** How many indexes are open. */
  indexes: number;
}

/** How WebAssembly uses its memory. */
export function memory(): MemoryStatistics;

export interface SearchOptions {
  /** How many rows: default 10; with `radius`, default all. */
  k?: number;
  /** HNSW: candidates kept during the search, at least `k`. Default 40. */
  efSearch?: number;
  /** IVF: how many lists are probed. Default 16. */
  probes?: number;
  /**
   * Search with the effort that this recall takes (above 0, at most 1) by the file's calibration, in place of
   * `efSearch` and `probes`. Where the calibration did not reach it, the search has the greatest effort that was
   * measured, and `stats.reachedRecall` is what that reached.
   */
  recall?: number;
  /** The exact answer: scan all rows. */
  exact?: boolean;
  /** Only rows that match. */
  filter?: Filter;
  /**
   * All rows within this distance, by an exact scan, which ignores `efSearch`, `probes` and `recall`. With `k`: those
   * of the `k` nearest, as a search finds them, that are within it.
   */
  radius?: number;
  /** Measure by another metric: where all rows have unit length, or all are scanned. */
  metric?: Metric;
  /** The attribute columns to read: all (default, `true`), none (`false`, `[]`), or these. */
  include?: boolean | string[];
}

/**
 * A row of an answer: its key, its distance, and its attributes by name. A column called `key` or `distance` has an
 * underscore appended to its name here (`key_`), or more until the name is free; in filters, in `include` and in
 * `columns` it keeps its own name. JSON.stringify writes a row as `toJSON()` of the whole answer does.
 */
export type Hit<Columns extends object = AnyColumns> = { key: Key; distance: number } & Columns;

/** What `JSON.stringify` writes of a row. */
export type JsonRow = { [name: string]: unknown };

/** Rows, nearest first, ties by key. It stays valid when the index changes or is freed. */
export interface SearchResult<Columns extends object = AnyColumns> extends Iterable<Hit<Columns>> {
  /** How many rows were found: less than `k` only if fewer match. */
  readonly length: number;
  /** The row at this place: `result[0]` is the nearest. */
  readonly [at: number]: Hit<Columns>;
  /**
   * The keys, in a typed array where there is one for them: row numbers as `Float64Array` (exact numbers), int64 as
   * `BigInt64Array`, uuid and text as `string[]`. The rows have int64 keys as numbers where these are exact.
   */
  readonly keys: Float64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | string[];
  /** The distances, as pgvector's operator for the metric gives them. */
  readonly distances: Float32Array<ArrayBuffer>;
  /** The included columns by their own names: one value for each row. */
  readonly columns: { readonly [Name in keyof Columns]: readonly Columns[Name][] };
  /** What the search did. */
  readonly stats: SearchStats;
  /** The rows as objects. */
  rows(): Hit<Columns>[];
  /** The row at this place, from the end on if it is negative; `undefined` if there is none. */
  at(index: number): Hit<Columns> | undefined;
  /** The results of `call` for each row. */
  map<T>(call: (hit: Hit<Columns>, at: number, result: SearchResult<Columns>) => T, self?: unknown): T[];
  /**
   * What `JSON.stringify` and `Response.json` write: the rows, as an array. Integers beyond ±2⁵³ are strings there,
   * because most readers of JSON would round them; bytes are `\x…` in hexadecimal digits, NaN and infinities texts.
   */
  toJSON(): JsonRow[];
}

export interface SearchStats {
  /** Ranks computed to steer the search. */
  readonly visited: number;
  /** Stored vectors measured in addition. */
  readonly compared: number;
  /** Only where `recall` was asked for and the calibration did not reach it: what it reached. */
  readonly reachedRecall?: number;
}

/**
 * A row with its vector and its attributes by name. A column called `key` or `vector` is renamed like one called
 * `key` in a `Hit`. In JSON its vector is an array.
 */
export type Row<Columns extends object = AnyColumns> = { key: Key; vector: Float32Array<ArrayBuffer> } & Columns;

export interface GetOptions {
  /** The attribute columns to read: all (default, `true`), none (`false`, `[]`), or these. */
  include?: boolean | string[];
}

/** What a row has beside its vector. */
export interface RowOptions {
  /**
   * Its key. It may be left out where keys are row numbers (the row gets the next number) or UUIDs (it gets a random
   * one).
   */
  key?: Key;
  /** Its attributes by column. */
  columns?: { [column: string]: Value };
}

export interface SaveOptions {
  /**
   * `"compact"` (default): built anew from the rows that are left. `"delta"`: the file as it was, with removed rows
   * marked, and a segment of the new rows; quick.
   */
  form?: "compact" | "delta";
  /** Called during the build, synchronously. */
  onProgress?: (progress: BuildProgress) => void;
  /** Stops it with the code `"aborted"`. */
  signal?: AbortSignal;
}

/** Recall measured at build: `[efSearch or probes, mean recall@k]`, ascending. */
export interface Calibration {
  structure: Kind;
  k: number;
  queries: number;
  points: [number, number][];
  /** The highest recall that was measured, and the least setting that reached it: asking for more brings no more. */
  best: { effort: number; recall: number };
}

export interface SegmentInfo {
  rows: number;
  removed: number;
  structures: Kind[];
  codes: Codes;
  lists: number | null;
  calibrations: Calibration[];
}

export interface FileInfo {
  formatVersion: number;
  /** 32 hexadecimal digits that tell any two versions of a file apart. */
  contentId: string;
  rows: number;
  bytes: number;
  m: number | null;
  efConstruction: number | null;
  properties: { [name: string]: string };
  segments: SegmentInfo[];
  sections: { segment: number; name: string; column: string | null; offset: number; bytes: number }[];
}

export interface IndexInfo {
  /** Rows of all files, without removed ones and those that a later file replaces. */
  rows: number;
  /** Bytes of all files. */
  bytes: number;
  dimensions: number;
  metric: Metric;
  element: Element;
  keys: KeyType;
  /** Whether all rows have length 1, so that l2, cosine and ip may stand for each other. */
  unitLength: boolean;
  /** The first file's property `model`, if there is one. */
  model: string | null;
  columns: { name: string; type: ColumnType }[];
  files: FileInfo[];
}

/** An open index. It keeps its bytes until `free()`, or the end of the block with `using`. */
export class Index<Columns extends object = AnyColumns> implements Disposable {
  private constructor();
  /** What is in it; read anew at every access. */
  readonly info: IndexInfo;
  /**
   * How many rows there are, without removed ones and those that a later file replaces: for several files
   * with keys of their own they are counted at the first access, by a look-up a row.
   */
  readonly length: number;
  readonly dimensions: number;
  readonly metric: Metric;

  /**
   * The nearest rows to a vector, or to the row with a key (`number`, `bigint` or `string`),
   * which is then left out of the answer.
   *
   * @throws {HitherError} `dimension_mismatch`, `non_finite`, `zero_vector`, `vector_overflow`,
   * `key_not_found`, `key_type`, `invalid_filter`, `unknown_column`, `column_type`, `invalid_parameter`,
   * `unsupported`, `corrupt`
   */
  search(query: Vector | Key, options?: SearchOptions): SearchResult<Columns>;
  /** A search for each query: an array of vectors, or one flat array of `n × dimensions` numbers. */
  searchBatch(queries: Float32Array | ArrayLike<Vector>, options?: SearchOptions): SearchResult<Columns>[];

  /** The row that has this key, as it is stored; `undefined` if there is none. */
  get(key: Key, options?: GetOptions): Row<Columns> | undefined;
  /** The rows that have these keys, in their order; `undefined` where there is none. */
  getMany(keys: Keys, options?: GetOptions): (Row<Columns> | undefined)[];
  /** Whether there is a row with this key. */
  has(key: Key): boolean;

  /** Inserts a row and returns its key. With one file only. @throws {HitherError} `duplicate_key`, … */
  insert(vector: Vector, row?: RowOptions): Key;
  /**
   * Replaces a row's vector, and the attributes that are given: others stay as they are, and null clears one.
   * @throws {HitherError} `key_not_found`, …
   */
  update(key: Key, vector: Vector, row?: { columns?: { [column: string]: Value } }): void;
  /** Removes a row; false if there is none with this key. */
  remove(key: Key): boolean;
  /**
   * Returns the bytes of a new index file; this index stays as it is. Several open files are merged (`"compact"`
   * only). It blocks until it is done: `hither/worker` does not.
   */
  save(options?: SaveOptions): Promise<Uint8Array<ArrayBuffer>>;

  /** Frees its memory. Later calls throw `"freed"`, except for `free` itself. */
  free(): void;
  [Symbol.dispose](): void;
}

/** Stops a question: it is rejected with `"aborted"`. `AbortSignal.timeout(1000)` gives it a second. */
export interface Cancellation {
  signal?: AbortSignal;
}

/** What has arrived of a file that stays on its server since it was opened, opening included. */
export interface Traffic {
  /** Requests, repeated ones included. */
  requests: number;
  /** Bytes of the file that arrived. */
  bytes: number;
  /** How often requests were sent together, and waited for. */
  roundTrips: number;
}

/**
 * An index that is searched on its server, from `open` with `lazy`. It has the methods of an `Index`, asynchronous,
 * except those that change it, which are refused with `"unsupported"`. Questions are answered one after another, in
 * the order in which they come; `signal` ends one that is no longer needed, for example while somebody types.
 *
 * - It is searched by lists: `efSearch` is refused (`"invalid_parameter"`), and `probes` is 28 if neither it nor
 *   `recall` is given. `exact`, and `radius` without `k`, read the vectors of all rows.
 * - Columns that are included are read in blocks of 4 KiB, for each row of the answer: `include` only those that are
 *   shown.
 * - A `filter` reads the columns that it names, whole; later searches with the same filter do not read them again.
 * - `get`, `has` and a search by a key look it up in two round trips, the first of which reads the directory of keys, once.
 *   Of files that were built before there was a directory, all keys are read.
 *
 * Once it is `complete` it answers as the whole file does, with its options.
 */
export interface LazyIndex<Columns extends object = AnyColumns> extends Disposable {
  /** What is in it. */
  readonly info: IndexInfo;
  /** How many rows there are, without removed ones. */
  readonly length: number;
  readonly dimensions: number;
  readonly metric: Metric;
  /** What has arrived until now. */
  readonly traffic: Traffic;
  /** Whether the whole file is here. */
  readonly complete: boolean;

  /** The nearest rows to a vector, or to the row with a key. @throws {HitherError} as of `Index`, `http`, `network`, `replaced` */
  search(query: Vector | Key, options?: SearchOptions & Cancellation): Promise<SearchResult<Columns>>;
  /** A search for each query, one after another. */
  searchBatch(
    queries: Float32Array | ArrayLike<Vector>,
    options?: SearchOptions & Cancellation,
  ): Promise<SearchResult<Columns>[]>;
  /** The row that has this key, as it is stored; `undefined` if there is none. */
  get(key: Key, options?: GetOptions & Cancellation): Promise<Row<Columns> | undefined>;
  /** The rows that have these keys, in their order; `undefined` where there is none. */
  getMany(keys: Keys, options?: GetOptions & Cancellation): Promise<(Row<Columns> | undefined)[]>;
  /** Whether there is a row with this key. */
  has(key: Key, options?: Cancellation): Promise<boolean>;

  /** Frees its memory, and aborts its requests. */
  free(): void;
}

export interface BuilderOptions {
  /** The number of values of a vector: 1 to 65,535. */
  dimensions: number;
  /** Default `"cosine"`. */
  metric?: Metric;
  /** Default `"f16"`. */
  element?: Element;
  /** The type of the keys. Default `"row number"`. */
  keys?: KeyType;
  /**
   * The structures to search by. Default by the number of rows, as the command decides: `"flat"`
   * up to 2,000, else `"hnsw"`.
   */
  kind?: Kind | Kind[];
  /**
   * Default, where a structure can use codes: `"sq4"` from 256 dimensions on, which is faster there and makes the
   * file smaller, or `"sq8"` below, and for rows that 4 bits do not tell apart; `"none"` where 8 bits do not either.
   */
  codes?: Codes;
  /** HNSW: neighbours of a row, 2 to 100; twice as many in the base layer. Default 16. */
  m?: number;
  /** HNSW: candidates weighed for each row's neighbours. Default 128. */
  efConstruction?: number;
  /** IVF: number of lists. Default: the square root of the number of rows. */
  lists?: number;
  /**
   * Whether the file has lists for readers that fetch ranges of it instead of all of it: a ninth more bytes. Not for
   * `"l1"` or `"sq8-only"`. Default `false`.
   */
  ranges?: boolean;
  /**
   * The attribute columns, in order. With `asText`, which is for type json, documents are given as JSON
   * text, and kept as they are written: `1.0` stays `1.0`.
   */
  columns?: { [column: string]: ColumnType } | { name: string; type: ColumnType; asText?: boolean }[];
  /** Facts to keep in the file, in this order: `{ model: "all-MiniLM-L6-v2" }`. */
  properties?: { [name: string]: string };
  /** Seed of all random choices. Default 42. */
  seed?: number;
}

/**
 * Gathers rows and builds an index file: byte for byte what `hither build` writes for the same
 * rows and options.
 */
export class Builder implements Disposable {
  /** @throws {HitherError} `invalid_parameter`, `too_many` */
  constructor(options: BuilderOptions);
  /** How many rows there are. */
  readonly length: number;
  /**
   * Appends a row. A row that is refused is left out, and the builder can be used further.
   * @throws {HitherError} `dimension_mismatch`, `non_finite`, `half_overflow`, `half_underflow`,
   * `vector_overflow`, `zero_vector`, `key_type`, `unknown_column`, `column_type`
   */
  add(vector: Vector, row?: RowOptions): void;
  /**
   * Appends rows: `n × dimensions` numbers, and for each row a key and a value for each column. If one is refused the
   * error says which; those before it are kept.
   */
  addMany(
    vectors: Vector,
    rows?: {
      keys?: Keys;
      columns?: { [column: string]: ArrayLike<Value> };
    },
  ): void;
  /**
   * Builds the file and returns its bytes; the builder is then freed. It blocks until it is done: `hither/worker`
   * does not. `onProgress` is called synchronously, and may abort `signal`.
   *
   * @throws {HitherError} `duplicate_key`, `vector_underflow`, `half_underflow`, `aborted`,
   * `out_of_memory`; after the two last the builder still has its rows
   */
  finish(options?: {
    onProgress?: (progress: BuildProgress) => void;
    signal?: AbortSignal;
  }): Promise<Uint8Array<ArrayBuffer>>;
  /** Frees its memory without building. */
  free(): void;
  [Symbol.dispose](): void;
}

/** What went wrong, for programs. */
export type ErrorCode =
  // Input
  | "dimension_mismatch"
  | "non_finite"
  | "half_overflow"
  /** Values too small for half precision: they would become zero. */
  | "half_underflow"
  /** A vector longer than 4.6e18, whose distances overflow single precision. Not under cosine. */
  | "vector_overflow"
  /** No vector longer than 8.9e-16: distances underflow single precision. Not under cosine. */
  | "vector_underflow"
  | "zero_vector"
  | "too_many"
  | "invalid_parameter"
  | "duplicate_key"
  | "key_not_found"
  | "key_type"
  | "unknown_column"
  | "column_type"
  | "invalid_filter"
  | "unsupported"
  | "wrong_model"
  // Files
  | "not_an_index"
  | "unsupported_version"
  | "truncated"
  | "corrupt"
  /** The file was replaced on its server since it was opened there: open it again. */
  | "replaced"
  // Loading
  /**
   * The server answered with a status other than 2xx, or other than 206 to a request for a range; `error.status` has
   * it.
   */
  | "http"
  /** No answer, or it broke off. */
  | "network"
  /** A path that could not be read; `error.cause` is the system's error. */
  | "file"
  | "aborted"
  /**
   * WebAssembly is missing or refused: a CSP needs `script-src 'wasm-unsafe-eval'`; or what was fetched as its module
   * is no module; or there is no `fetch`. A module that could not be fetched is `"http"` or `"network"`.
   */
  | "unavailable"
  // State
  | "out_of_memory"
  /** The index or builder was freed. */
  | "freed"
  /** It was used from within its own `onProgress`. */
  | "busy"
  /** A bug of ours in WebAssembly. What was open is lost; what is opened afterwards works. */
  | "crashed"
  // hither/storage
  | "not_stored"
  | "storage";

/** Every error that this package throws. `name` is `"AbortError"` for `"aborted"`. */
export class HitherError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; status?: number });
  readonly code: ErrorCode;
  /** The HTTP status, with the code `"http"`. */
  readonly status?: number;
}

/** The version of this package. */
export const version: string;
