// The worker of `hither/worker` in Node.
import "./node.js";
import { parentPort } from "node:worker_threads";
import { answerTo } from "../answer.js";

answerTo(parentPort);
