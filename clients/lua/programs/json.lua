-- json.lua: a JSON encoder and a recursive-descent decoder.
--
-- The encoder is deterministic (object keys are sorted), tells arrays from
-- objects by their border, and refuses cycles.  The decoder keeps integers and
-- floats apart, understands every escape including surrogate pairs, and
-- reports errors with line and column.  The program decodes a document of
-- about 1 kB, checks that encoding is a fixed point, and tries bad inputs.

local null = setmetatable({}, { __tostring = function() return "null" end })

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return escapes[c] or string.format("\\u%04x", c:byte()) end) .. '"'
end

local encode_value

local function encode_table(t, out, seen)
  if seen[t] then error("cycle in table", 0) end
  seen[t] = true
  if #t > 0 or getmetatable(t) == "array" then
    out[#out + 1] = "["
    for i = 1, #t do
      encode_value(t[i], out, seen)
      out[#out + 1] = i < #t and "," or nil
    end
    out[#out + 1] = "]"
  else
    local keys = {}
    for k in pairs(t) do
      keys[#keys + 1] = type(k) == "string" and k or error("object key is a " .. type(k), 0)
    end
    table.sort(keys)
    out[#out + 1] = "{"
    for i, k in ipairs(keys) do
      out[#out + 1] = (i > 1 and "," or "") .. quote(k) .. ":"
      encode_value(t[k], out, seen)
    end
    out[#out + 1] = "}"
  end
  seen[t] = nil
end

function encode_value(v, out, seen)
  local kind = type(v)
  if v == null or kind == "boolean" then
    out[#out + 1] = tostring(v)
  elseif kind == "string" then
    out[#out + 1] = quote(v)
  elseif kind == "table" then
    encode_table(v, out, seen)
  elseif math.type(v) == "integer" then
    out[#out + 1] = string.format("%d", v)
  elseif kind == "number" then
    if v ~= v or math.abs(v) == math.huge then error("number has no JSON form", 0) end
    out[#out + 1] = string.format("%.14g", v)
  else
    error("cannot encode a " .. kind, 0)
  end
end

local function encode(v)
  local out = {}
  encode_value(v, out, {})
  return table.concat(out)
end

local unescape = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local literals = { ["true"] = true, ["false"] = false, ["null"] = null }
local array_mt = { __metatable = "array" }

local function decode(text)
  local pos = 1
  local value

  local function fail(message)
    local before = text:sub(1, pos - 1)
    local _, newlines = before:gsub("\n", "")
    error(string.format("%d:%d: %s", newlines + 1, #before:match("[^\n]*$") + 1, message), 0)
  end

  local function peek()
    pos = text:find("[^ \t\r\n]", pos) or #text + 1
    return text:sub(pos, pos)
  end

  local function expect(char)
    local got = peek()
    got = got == "" and "end of input" or got
    if got ~= char then fail(string.format("expected '%s' but found %s", char, got)) end
    pos = pos + 1
  end

  local function hex4()
    local digits = text:match("^%x%x%x%x", pos) or fail("bad \\u escape")
    pos = pos + 4
    return tonumber(digits, 16)
  end

  local function str()
    expect('"')
    local parts = {}
    while true do
      local stop = text:find('[%c"\\]', pos)
      if not stop then pos = #text + 1; fail("unfinished string") end
      parts[#parts + 1] = text:sub(pos, stop - 1)
      local c = text:sub(stop, stop)
      pos = stop
      if c:find "%c" then fail("control character in string") end
      pos = stop + 1
      if c == '"' then return table.concat(parts) end
      local e = text:sub(pos, pos)
      pos = pos + 1
      local code = unescape[e] or e == "u" and hex4() or fail("bad escape")
      if math.type(code) then
        if code & 0xFC00 == 0xD800 and text:sub(pos, pos + 1) == "\\u" then
          pos = pos + 2
          code = 0x10000 + ((code & 0x3FF) << 10 | hex4() & 0x3FF)
        end
        code = utf8.char(code)
      end
      parts[#parts + 1] = code
    end
  end

  local function sequence(close, item)
    pos = pos + 1
    if peek() == close then pos = pos + 1; return end
    repeat
      item()
      local more = peek() == ","
      expect(more and "," or close)
    until not more
  end

  function value()
    local c = peek()
    if c == "{" then
      local object = {}
      sequence("}", function()
        local key = str()
        expect(":")
        object[key] = value()
      end)
      return object
    elseif c == "[" then
      local array = setmetatable({}, array_mt)
      sequence("]", function() array[#array + 1] = value() end)
      return array
    elseif c == '"' then
      return str()
    elseif c:find "[-%d]" then
      local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", pos)
      local number = digits and tonumber(digits)
      if not number or digits:find "^-?0%d" then fail("bad number") end
      pos = pos + #digits
      return number
    end
    local word = text:match("^%a+", pos)
    if word == nil or literals[word] == nil then
      fail(c == "" and "unexpected end of input" or "unexpected '" .. (word or c) .. "'")
    end
    pos = pos + #word
    return literals[word]
  end

  local result = value()
  return peek() == "" and result or fail("trailing text")
end

local document = [==[
{
  "title": "A catalogue of long-distance night trains, abridged for tests",
  "version": 3, "ratio": 0.625, "tiny": -1.5e-7, "big": 9007199254740993,
  "flags": {"draft": false, "reviewed": true, "supersedes": null},
  "tags": ["sleeper", "couchette", "r\u00e9serv\u00e9", "\ud83d\ude86", "tab\there"],
  "empty": [[], {}, ""],
  "routes": [
    {"from": "Wien Hbf", "to": "Roma Termini", "km": 1109, "via": ["Villach", "Firenze"], "days": [1, 3, 5, 7]},
    {"from": "Zürich HB", "to": "Hamburg-Altona", "km": 921, "via": ["Basel", "Frankfurt (Main) Süd"], "days": [1, 2, 3, 4, 5, 6, 7]},
    {"from": "Stockholm C", "to": "Narvik", "km": 1456, "via": ["Boden", "Kiruna", "Abisko"], "days": [2, 4, 6]},
    {"from": "București Nord", "to": "Budapest-Keleti", "km": 873, "via": ["Brașov", "Sighișoara", "Arad"], "days": [1, 7]},
    {"from": "Paris Austerlitz", "to": "Toulouse", "km": 713, "via": ["Limoges", "Brive-la-Gaillarde", "Cahors"], "days": [5, 6, 7]}
  ],
  "notes": "Line one\nLine two with a \"quote\" and a back\\slash; \/ is the same as a slash.\u0007"
}
]==]

local tree = decode(document)
local compact = encode(tree)
print("document bytes", #document, "compact bytes", #compact)
print("fixed point", encode(decode(compact)) == compact)

for _, route in ipairs(tree.routes) do
  print(string.format("%-16s -> %-16s %5d km, %d stops, %d days",
    route.from, route.to, route.km, #route.via, #route.days))
end
print("types", math.type(tree.version), math.type(tree.ratio), tree.big)
print("tags", table.concat(tree.tags, "|"), utf8.len(tree.tags[3]), utf8.codepoint(tree.tags[4]))
print("empty", encode(tree.empty), "flags", encode(tree.flags))
print(encode { a = { 1, 2.5, { b = null } }, z = "\1\n" })

local large = {}
for i = 1, 300 do
  large[i] = { id = i, square = i * i, half = i / 2, name = "item-" .. i, odd = i % 2 == 1 }
end
local round = decode(encode(large))
local sum = 0
for _, item in ipairs(round) do sum = sum + item.square + (item.odd and 1 or 0) end
print("large", #round, sum, round[299].name, round[7].half)

for _, bad in ipairs { "", "[1, 2", '{"a" 1}', "[1,]", "nul", '"abc', '"\\x"', "01", '[1]\n [2]', '"a\nb"' } do
  local ok, message = pcall(decode, bad)
  print(string.format("%-12s %s", "<" .. bad:gsub("\n", "~") .. ">", ok and "accepted" or message))
end

local cycle = { name = "loop" }
cycle.self = cycle
print(select(2, pcall(encode, cycle)), select(2, pcall(encode, { f = print })),
  select(2, pcall(encode, { 0 / 0 })), (select(2, pcall(encode, { [true] = 1 }))))
