// The outcome of a call: the code of its error, which must be a HitherError.
import assert from "node:assert/strict";
import { HitherError } from "hither";

export const code = async (call) => {
  try {
    await call();
  } catch (error) {
    assert(error instanceof HitherError, String(error?.stack ?? error));
    return error.code;
  }
  return "no error";
};
