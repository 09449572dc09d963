/**
 * Index files that stay in the browser under a name: in the origin private file system (OPFS), or in IndexedDB where
 * there is no OPFS, or no Web Locks. They survive a reload with the network off. Several tabs may store, open and
 * delete the same name at once: each sees a whole file, the one before or the one after.
 */
import type { AnyColumns, Index, LoadProgress, OpenOptions, Source } from "hither";

/** A stored file. */
export interface StoredFile {
  name: string;
  /** Its length in bytes. */
  bytes: number;
  /** Where it came from, if it was a URL. */
  url: string | null;
  /** The server's ETag, or else its Last-Modified, when it was stored. */
  etag: string | null;
  /** When it was stored. */
  stored: Date;
}

export interface StoreOptions {
  onProgress?: (progress: LoadProgress) => void;
  signal?: AbortSignal;
}

/**
 * Stores a file under a name: whole or not at all. A URL is remembered, with its ETag, for `update`. A source that is
 * no index file is refused.
 *
 * @throws {HitherError} `http`, `network`, `aborted`, `not_an_index`, `truncated`, `storage`
 */
export function put(name: string, source: Source, options?: StoreOptions): Promise<StoredFile>;

/** Opens a stored file. @throws {HitherError} `not_stored`, and those of `open` */
export function open<Columns extends object = AnyColumns>(name: string, options?: OpenOptions): Promise<Index<Columns>>;

/**
 * The stored file as a `Blob`, to be downloaded; `undefined` if there is none. Read it before the name is
 * stored again: in OPFS its bytes are gone then.
 */
export function get(name: string): Promise<Blob | undefined>;

/** The stored files, by name. */
export function list(): Promise<StoredFile[]>;

/** Deletes a stored file; false if there is none. (`delete` is a reserved word.) */
export function remove(name: string): Promise<boolean>;
export { remove as delete };

/**
 * Fetches a stored file again if the server has another version (a conditional request); true if
 * it was replaced. Without a network it is rejected with `"network"`, and the old one stays.
 *
 * @throws {HitherError} `not_stored`, and those of `put`
 */
export function update(name: string, options?: StoreOptions): Promise<boolean>;

/** Where files are kept. */
export function backend(): Promise<"opfs" | "indexeddb">;
