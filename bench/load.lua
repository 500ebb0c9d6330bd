-- Load for wrk: a fixed request, and the figures of a run as one line of JSON.
-- BENCH_POST_BYTES: length of the body to post; none means GET.
local bytes = tonumber(os.getenv("BENCH_POST_BYTES") or "0")
if bytes > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("0123456789abcdef", math.ceil(bytes / 16)):sub(1, bytes)
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
