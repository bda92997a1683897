-- csv.lua: a string builder and a CSV reader and writer.
--
-- The builder is a rope that keeps pieces in a binary-counter shape, so that
-- short strings are joined a logarithmic number of times.  The CSV reader is a
-- character state machine (quotes, doubled quotes, embedded newlines, CRLF);
-- on top of it: typed columns, filters, grouping and an aligned report.

---------------------------------------------------------------- builder

local Builder = {}
Builder.__index = Builder

function Builder.new() return setmetatable({ parts = {}, bytes = 0 }, Builder) end

function Builder:add(...)
  local parts = self.parts
  for i = 1, select("#", ...) do
    local piece = tostring((select(i, ...)))
    self.bytes = self.bytes + #piece
    parts[#parts + 1] = piece
    while #parts > 1 and #parts[#parts - 1] < 2 * #parts[#parts] do
      local last = table.remove(parts)
      parts[#parts] = parts[#parts] .. last
    end
  end
  return self
end

Builder.__call = Builder.add
Builder.__len = function(self) return self.bytes end
Builder.__tostring = function(self) return table.concat(self.parts) end
Builder.__concat = function(a, b) return tostring(a) .. tostring(b) end

---------------------------------------------------------------- reader

-- Returns an iterator over records (lists of strings).
local function records(text, separator)
  local pos, row = 1, 0
  local quote <const>, comma = ('"'):byte(), (separator or ","):byte()
  local newline <const>, cr <const> = 10, 13
  return function()
    if pos > #text then return nil end
    row = row + 1
    local fields, start = {}, pos
    while true do
      local c = text:byte(pos)
      if c == quote and pos == start then
        local parts, from = {}, pos + 1
        while true do
          local stop = text:find('"', from, true)
          if not stop then error("record " .. row .. ": unclosed quote", 0) end
          parts[#parts + 1] = text:sub(from, stop - 1)
          pos, from = stop + 1, stop + 2
          if text:byte(pos) ~= quote then break end
          parts[#parts + 1] = '"'
        end
        fields[#fields + 1] = table.concat(parts)
        c = text:byte(pos)
        if c and c ~= comma and c ~= newline and c ~= cr then
          error("record " .. row .. ": text after a quoted field", 0)
        end
      else
        pos = text:find("[\r\n" .. string.char(comma) .. "]", pos) or #text + 1
        fields[#fields + 1] = text:sub(start, pos - 1)
        c = text:byte(pos)
      end
      pos = pos + 1
      start = pos
      if c == cr and text:byte(pos) == newline then pos = pos + 1; return fields end
      if c ~= comma then return fields end
    end
  end
end

local function cell(value)
  local text = tostring(value)
  if text:find '[",\r\n]' then return '"' .. text:gsub('"', '""') .. '"' end
  return text
end

local function write(rows)
  local out = Builder.new()
  for _, row in ipairs(rows) do
    for i, value in ipairs(row) do
      if i > 1 then out:add "," end
      out(cell(value))
    end
    out "\n"
  end
  return out
end

---------------------------------------------------------------- tables

-- Reads records into rows with named fields; numbers become numbers.
local function read_table(text)
  local header, rows = nil, {}
  for fields in records(text) do
    if not header then
      header = fields
    else
      if #fields ~= #header then
        error(string.format("row %d has %d fields, not %d", #rows + 1, #fields, #header), 0)
      end
      local row = {}
      for i, name in ipairs(header) do row[name] = tonumber(fields[i]) or fields[i] end
      rows[#rows + 1] = row
    end
  end
  return rows, header
end

local function group(rows, key, init, step)
  local groups, order = {}, {}
  for _, row in ipairs(rows) do
    local name = row[key]
    if groups[name] == nil then
      groups[name] = init()
      order[#order + 1] = name
    end
    groups[name] = step(groups[name], row)
  end
  table.sort(order)
  local i = 0
  return function()
    i = i + 1
    return order[i], groups[order[i]]
  end
end

---------------------------------------------------------------- exercise

local data = [[
station,country,elevation,built,remark
Jungfraujoch,Switzerland,3454,1912,"highest in Europe; ""Top of Europe"""
Kleine Scheidegg,Switzerland,2061,1893,"two lines, one station"
Zermatt,Switzerland,1605,1891,
Gornergrat,Switzerland,3089,1898,"open air
rack railway"
Zugspitzplatt,Germany,2588,1930,"in a tunnel, under the glacier"
Feldberg-Bärental,Germany,967,1926,highest on standard gauge
Brenner,Austria,1371,1867,"border station, also ""Brennero"""
Arlberg,Austria,1310,1884,tunnel
Schafberg,Austria,1732,1893,"steam, rack"
Finse,Norway,1222.2,1908,no road leads here
Ghum,India,2258,1881,"narrow gauge, and the line loops over itself and zigzags on the way up to Darjeeling"
La Raya,Peru,4313,1892,"the pass between Cusco and Puno, where the trains stop and the market comes to them"
Cabin Creek,United States,2560.5,1891,"plain text, quoted, with, many, commas, and enough words to be a long string"
Galera,Peru,4777,1893,"was the highest of all, until Tanggula (5068 m) opened in 2006"
]]

local rows, header = read_table(data)
print("rows", #rows, "columns", table.concat(header, "|"))
for _, row in ipairs(rows) do
  if tostring(row.remark):find '[\n"]' then
    print(string.format("%q %s", row.station, row.remark:gsub("\n", " / ")))
  end
end

local function report(title, ...)
  local lines, widths = { ... }, {}
  for _, line in ipairs(lines) do
    for i, text in ipairs(line) do widths[i] = math.max(widths[i] or 0, utf8.len(text)) end
  end
  print("-- " .. title)
  for _, line in ipairs(lines) do
    local out = Builder.new()
    for i, text in ipairs(line) do
      local space = (" "):rep(widths[i] - utf8.len(text))
      out(i > 1 and "  " or "", i == 1 and text .. space or space .. text)
    end
    print(tostring(out))
  end
end

local lines = { { "country", "n", "highest", "mean", "oldest" } }
for name, sums in group(rows, "country",
  function() return { n = 0, high = -math.huge, sum = 0, built = math.maxinteger } end,
  function(s, row)
    s.n, s.sum = s.n + 1, s.sum + row.elevation
    s.high, s.built = math.max(s.high, row.elevation), math.min(s.built, row.built)
    return s
  end) do
  lines[#lines + 1] = { name, tostring(sums.n), tostring(sums.high), string.format("%.1f", sums.sum / sums.n), tostring(sums.built) }
end
report("by country", table.unpack(lines))

local raw = {}
for fields in records(data) do raw[#raw + 1] = fields end
local text = tostring(write(raw))
local again = tostring(write((function()
  local list = {}
  for fields in records(text) do list[#list + 1] = fields end
  return list
end)()))
print("round trip", text == data, again == text, #text)
print("crlf", #read_table((data:gsub("\n", "\r\n"))), write { { "a,r", 'b"c', "", 1.5 } } .. "end")

local big = Builder.new()
for i = 1, 3000 do big(i, ",", i * i % 97, i % 3 == 0 and "\r\n" or ",") end
local count, sum = 0, 0
for fields in records(tostring(big)) do
  count = count + 1
  for _, field in ipairs(fields) do sum = sum + math.tointeger(tonumber(field)) end
end
print("built", #big, #big.parts <= 17, "records", count, "sum", sum)

for _, bad in ipairs { 'a,b\n"x', 'a\n"x"y\n', "a,b\n1,2\n3\n" } do
  print("error", (select(2, pcall(read_table, bad))))
end
for fields in records("x;y;;'z'\n;", ";") do io.write("<", table.concat(fields, "><"), ">\n") end
