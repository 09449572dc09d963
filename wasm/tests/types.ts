// Compiled with only the types that a page has, or Node.
import { Builder, type Index, load, open } from "hither";
import { type Index as SearchIndex, open as openToSearch } from "hither/search";
import { list } from "hither/storage";
import { type WorkerIndex, open as openInWorker } from "hither/worker";
export const all: [Promise<Index>, Promise<SearchIndex>, Promise<WorkerIndex>, typeof list, typeof Builder, typeof load] =
  [open("x"), openToSearch("x"), openInWorker("x"), list, Builder, load];
