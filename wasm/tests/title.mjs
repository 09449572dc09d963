/** Sets document.title to the outcome of a page's checks: their text, or what failed. */
export function tell(checks) {
  checks
    .catch((error) => {
      console.log(error.stack ?? error);
      return `failed: ${error.message}`;
    })
    .then((title) => {
      document.title = title;
    });
}

export function check(holds, what) {
  if (!holds) throw new Error(what);
}
