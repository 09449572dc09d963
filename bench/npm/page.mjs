// A page with one engine; data that an engine cannot store itself is stored in IndexedDB.
import * as engine from "ENGINE";
import { Measurement } from "./measure.mjs";

const fetched = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.arrayBuffer();
};

function files(mode, use) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("kept", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("files");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("files", mode);
      const request = use(transaction.objectStore("files"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    };
  });
}

const place = {
  asset: (name) => fetched(`/modules/${name}`),
  numbers: async (name) => new Float32Array(await fetched(`/data/${name}`)),
  async putText(name, text) {
    await files("readwrite", (store) => store.put(new Blob([text]), name));
    return text.length;
  },
  getText: async (name) => (await files("readonly", (store) => store.get(name))).text(),
};

const measurement = new Measurement(engine, place);
window.step = async (step, argument) => {
  try {
    return { value: await measurement[step](argument) };
  } catch (error) {
    return { error: String(error?.message ?? error?.code ?? error) };
  }
};
