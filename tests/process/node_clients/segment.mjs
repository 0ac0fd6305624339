// What the tests let the public client for Node do: it takes a server, a key and messages, and sends them.

import { readFileSync } from "node:fs"
import { Analytics } from "@segment/analytics-node"

const { host, writeKey, calls } = JSON.parse(readFileSync(0, "utf8"))
const analytics = new Analytics({ host, writeKey, flushAt: 3, maxRetries: 3 })
let failed = 0
analytics.on("error", () => { failed += 1 })
for (const { method, ...message } of calls) {
  const { timestamp } = message
  analytics[method](timestamp ? { ...message, timestamp: new Date(timestamp) } : message)
}
await analytics.closeAndFlush()
process.exitCode = failed ? 1 : 0
