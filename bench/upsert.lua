-- SPDX-License-Identifier: Apache-2.0
-- wrk: posts the bodies of a file, one a line, in turn.
local bodies = {}
local at, counter = 0, 0

function setup(thread)
  thread:set("offset", counter)
  counter = counter + 1
end

function init(args)
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  at = offset * 37
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  at = at % #bodies + 1
  return wrk.format(nil, "/ngsi-ld/v1/entityOperations/upsert?options=update", nil, bodies[at])
end
