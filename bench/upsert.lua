-- SPDX-License-Identifier: Apache-2.0
-- wrk: posts the batches of a file, one a line, in turn, and stops after a number of requests for each thread.
local bodies = {}
local at, left, counter = 0, 0, 0

function setup(thread)
  thread:set("offset", counter)
  counter = counter + 1
end

function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  left = tonumber(args[2])
  at = offset * 37
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  bad = 0
end

function request()
  at = at % #bodies + 1
  return wrk.format(nil, "/ngsi-ld/v1/entityOperations/upsert?options=update", nil, bodies[at])
end

function response(status)
  if status ~= 204 and status ~= 201 then bad = bad + 1 end
  left = left - 1
  if left <= 0 then wrk.thread:stop() end
end
