/**
 * The same API in a Web Worker, or in a thread in Node, Deno and Bun: nothing blocks the page, and every method
 * returns a Promise. Each index and each builder has a worker of its own, whose memory `free` gives back entirely.
 */
import type {
  AnyColumns,
  BuildProgress,
  BuilderOptions,
  Cancellation,
  GetOptions,
  IndexInfo,
  Key,
  Keys,
  LazyOptions,
  Metric,
  OpenOptions,
  Row,
  RowOptions,
  SaveOptions,
  SearchOptions,
  SearchResult,
  Source,
  Traffic,
  Value,
  Vector,
} from "hither";

export { HitherError } from "hither";
export type { Cancellation } from "hither";

/**
 * Opens an index, or several as one, in a new worker. A `Response` or a stream must be given
 * unread; a `Request` is sent by its URL and headers.
 */
export function open<Columns extends object = AnyColumns>(
  source: Source | Source[],
  options?: OpenOptions,
): Promise<WorkerIndex<Columns>>;
/** Opens one file that stays where it is: `LazyIndex` says how it is searched. Changes are refused. */
export function open<Columns extends object = AnyColumns>(
  source: string | URL | Request,
  options: LazyOptions,
): Promise<WorkerIndex<Columns>>;

/** An index in a worker. */
export class WorkerIndex<Columns extends object = AnyColumns> implements AsyncDisposable, Disposable {
  private constructor();
  /** What was in it when it was opened or last changed through this object. */
  readonly info: IndexInfo;
  readonly length: number;
  readonly dimensions: number;
  readonly metric: Metric;
  /** With `lazy`: what had arrived at the last answer. */
  readonly traffic: Traffic | undefined;
  /** With `lazy`: whether the whole file was here at the last answer. */
  readonly complete: boolean | undefined;
  search(query: Vector | Key, options?: SearchOptions & Cancellation): Promise<SearchResult<Columns>>;
  searchBatch(
    queries: Float32Array | ArrayLike<Vector>,
    options?: SearchOptions & Cancellation,
  ): Promise<SearchResult<Columns>[]>;
  get(key: Key, options?: GetOptions & Cancellation): Promise<Row<Columns> | undefined>;
  /** Sent in one message: ask for many rows this way, and not one by one. */
  getMany(keys: Keys, options?: GetOptions & Cancellation): Promise<(Row<Columns> | undefined)[]>;
  has(key: Key, options?: Cancellation): Promise<boolean>;
  insert(vector: Vector, row?: RowOptions): Promise<Key>;
  update(key: Key, vector: Vector, row?: { columns?: { [column: string]: Value } }): Promise<void>;
  remove(key: Key): Promise<boolean>;
  /** A `signal` stops it only before it has begun: the index lives on in the same worker. */
  save(options?: SaveOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Ends the worker; calls that wait are rejected with `"freed"`. */
  free(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Gathers rows and builds in a worker of its own. */
export class Builder implements Disposable {
  constructor(options: BuilderOptions);
  add(vector: Vector, row?: RowOptions): Promise<void>;
  addMany(
    vectors: Vector,
    rows?: {
      keys?: Keys;
      columns?: { [column: string]: ArrayLike<Value> };
    },
  ): Promise<void>;
  /** `signal` ends the worker at once, whatever it does; the builder and its rows are then gone. */
  finish(options?: {
    onProgress?: (progress: BuildProgress) => void;
    signal?: AbortSignal;
  }): Promise<Uint8Array<ArrayBuffer>>;
  free(): void;
  [Symbol.dispose](): void;
}
