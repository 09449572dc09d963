// What has come of what the page needs, as a bar and in megabytes. The sizes are in the page as it is
// sent, so that they are seen before any script runs.

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** `{ loaded, total }` of the page with the library, and of the index, in bytes; in one line of a phone. */
export function loadedText(page, index) {
  const part = ({ loaded, total }) => `${megabytes(loaded)} of ${megabytes(total)} MB`;
  return `Page ${part(page)}, index ${part(index)}`;
}

/** Shows it on a `progress` element, which has the sizes, and in a line of text. */
export function createLoading(bar, line) {
  const page = { loaded: 0, total: Number(bar.dataset.page) };
  let index = { loaded: 0, total: Number(bar.dataset.index) };

  function show() {
    bar.value = (page.loaded + index.loaded) / (page.total + index.total);
    line.textContent = loadedText(page, index);
  }

  const entries = performance.getEntries().filter(({ encodedBodySize }) => encodedBodySize > 0);
  page.loaded = Math.min(page.total, entries.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0));
  show();
  return {
    /** Hears of the index's bytes. The library has come by then: it reads how many there are. */
    progress(step) {
      page.loaded = page.total;
      index = step;
      show();
    },
    end() {
      bar.hidden = true;
      line.hidden = true;
    },
  };
}
