-- What wrk sends, and its result as one line of JSON. Runs with one thread. Environment:
--   MODE      single | json | ndjson | read | guess
--   CAMERAS   a file with one id a line        TOKEN  a bearer token, or nothing
--   SINCE     seconds of the epoch: events are stamped from there on, each a microsecond after the one before, so
--             that every event of a run is new
--   BATCH     events a batch
--   ADDRESS   what is read; {camera} in it is the id of one    SESSION  a session's key, or nothing

local mode = os.getenv("MODE")
local since = tonumber(os.getenv("SINCE"))
local batch = tonumber(os.getenv("BATCH") or "1")
local token = os.getenv("TOKEN") or ""
local session = os.getenv("SESSION") or ""
local authorization = session ~= "" and ("Cookie: sessionid=" .. session .. "\r\n")
  or token ~= "" and ("Authorization: Bearer " .. token .. "\r\n") or ""
local address = os.getenv("ADDRESS") or "/"
local format, random = string.format, math.random

local cameras = {}
if mode ~= "guess" then
  for line in io.lines(os.getenv("CAMERAS")) do cameras[#cameras + 1] = line end
end

local sent, second, stamp = 0, -1, ""
local function timestamp()
  local whole = math.floor(sent / 1000000)
  if whole ~= second then
    second = whole
    stamp = os.date("!%Y-%m-%dT%H:%M:%S", since + whole)
  end
  local text = format("%s.%06dZ", stamp, sent % 1000000)
  sent = sent + 1
  return text
end

local function post(path, media_type, body)
  return format("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s",
    path, media_type, authorization, #body, body)
end

local function single()
  local camera = cameras[random(#cameras)]
  local body = format('{"timestamp":"%s","occupancy":%d,"confidence":0.95}', timestamp(), sent % 50)
  return post("/telemetry/" .. camera, "application/json", body)
end

local function items()
  local lines = {}
  for place = 1, batch do
    lines[place] = format('{"camera_id":"%s","timestamp":"%s","occupancy":%d,"confidence":0.95}',
      cameras[random(#cameras)], timestamp(), sent % 50)
  end
  return lines
end

-- A form's token may be the cookie itself, so that every post is a password that is looked at.
local function guess()
  local csrf = string.rep("a", 32)
  local body = format("csrfmiddlewaretoken=%s&username=root&password=guess%d", csrf, random(1e9))
  return format("POST /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: csrftoken=%s\r\n" ..
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", csrf, #body, body)
end

local makers = {
  guess = guess,
  single = single,
  json = function() return post("/telemetry", "application/json", "[" .. table.concat(items(), ",") .. "]") end,
  ndjson = function() return post("/telemetry", "application/x-ndjson", table.concat(items(), "\n")) end,
  read = function()
    local path = address:gsub("{camera}", cameras[random(#cameras)])
    return "GET " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\n" .. authorization .. "\r\n"
  end,
}

function init(args)
  math.randomseed(since)
  request = makers[mode]
end

-- wrk looks for this name before init runs.
function request() return makers[mode]() end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(format('RESULT {"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"not_2xx":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
