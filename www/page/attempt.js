// Work that may fail, and what is said of it in a region of the page that is read out.

export function say(region, text, failed = false) {
  region.textContent = text;
  region.classList.toggle("error", failed);
}

/** Runs what may fail, and says why it did, if that is still asked for. */
export async function attempt(region, run, isAsked = () => true) {
  try {
    await run();
  } catch (error) {
    if (!isAsked()) return;
    const isStopped = error.name === "AbortError" || error.code === "aborted";
    say(region, isStopped ? "Stopped; nothing was kept." : error.message, !isStopped);
  }
}
