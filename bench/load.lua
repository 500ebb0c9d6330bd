-- Load for wrk: a fixed request, and the figures of a run as one line of JSON.
-- BENCH_POST_BYTES: length of the body to post; 0 sends GET.
-- BENCH_RATE: requests per second over all connections; 0 sends as fast as answers come.
local bytes = tonumber(os.getenv("BENCH_POST_BYTES") or "0")
if bytes > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("0123456789abcdef", math.ceil(bytes / 16)):sub(1, bytes)
end

local rate = tonumber(os.getenv("BENCH_RATE") or "0")
if rate > 0 then
  local ffi = require("ffi")
  ffi.cdef("typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int, moment *);")
  local CLOCK_MONOTONIC, moment, due = 1, ffi.new("moment[1]"), 0
  -- wrk asks before each request how many ms to wait: places in one queue, and none are made up for that lie
  -- more than 20 ms back
  function delay()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, moment)
    local now = tonumber(moment[0].seconds) * 1000 + tonumber(moment[0].nanoseconds) / 1e6
    due = math.max(due + 1000 / rate, now - 20)
    return math.max(0, math.floor(due - now))
  end
end

function done(summary, latency)
  local function micros(percentile)
    local value = summary.requests > 0 and latency:percentile(percentile) or 0
    return value == value and value or 0
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"durationMicros":%d,"bytes":%d,"p50Micros":%d,"p99Micros":%d,' ..
    '"statusErrors":%d,"socketErrors":%d,"timeouts":%d}\n',
    summary.requests, summary.duration, summary.bytes, micros(50), micros(99),
    errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
