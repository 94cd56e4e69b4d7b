-- Goes round the calls that are named behind `--`, and says in words that are easily read what came of them.

local calls, at = {}, 0

function init(paths)
   for _, path in ipairs(paths) do
      calls[#calls + 1] = wrk.format("GET", path)
   end
end

function request()
   at = at % #calls + 1
   return calls[at]
end

function done(summary, latency)
   local errors = summary.errors
   local figures = {
      requests = summary.requests,
      bytes = summary.bytes,
      duration_us = summary.duration,
      p50_us = latency:percentile(50),
      p99_us = latency:percentile(99),
      most_us = latency.max,
      refused = errors.status,
      connect = errors.connect,
      read = errors.read,
      write = errors.write,
      timeout = errors.timeout,
   }
   for name, value in pairs(figures) do
      print(string.format("figure %s %.0f", name, value))
   end
end
