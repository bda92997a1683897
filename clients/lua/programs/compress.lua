-- compress.lua: Huffman coding and LZ77, together and apart.
--
-- The LZ77 stage finds matches through a hash of three-byte strings and emits
-- literal and (length, distance) tokens with lazy matching; the Huffman stage
-- builds canonical codes and writes them to a bit stream.  Several inputs are
-- packed and unpacked; sizes, entropy and checksums are printed.

local sample = [[
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of
Light, it was the season of Darkness, it was the spring of hope, it was the winter of despair, we
had everything before us, we had nothing before us, we were all going direct to Heaven, we were
all going direct the other way -- in short, the period was so far like the present period, that
some of its noisiest authorities insisted on its being received, for good or for evil, in the
superlative degree of comparison only. There were a king with a large jaw and a queen with a plain
face, on the throne of England; there were a king with a large jaw and a queen with a fair face, on
the throne of France. In both countries it was clearer than crystal to the lords of the State
preserves of loaves and fishes, that things in general were settled for ever.
It was the year of Our Lord one thousand seven hundred and seventy-five. Spiritual revelations
were conceded to England at that favoured period, as at this.
]]

---------------------------------------------------------------- bit stream

local function bit_writer()
  local bytes, buffer, bits = {}, 0, 0
  local w = {}
  function w.put(value, count)
    buffer, bits = buffer << count | value, bits + count
    while bits >= 8 do
      bits = bits - 8
      bytes[#bytes + 1] = string.char(buffer >> bits & 0xFF)
    end
    buffer = buffer & (1 << bits) - 1
  end
  function w.finish()
    if bits > 0 then w.put(0, 8 - bits) end
    return table.concat(bytes)
  end
  return w
end

local function bit_reader(data)
  local at, buffer, bits = 0, 0, 0
  return function(count)
    while bits < count do
      at = at + 1
      buffer, bits = buffer << 8 | (data:byte(at) or error("out of data", 0)), bits + 8
    end
    bits = bits - count
    local value = buffer >> bits
    buffer = buffer & (1 << bits) - 1
    return value
  end
end

---------------------------------------------------------------- Huffman

-- Code lengths from symbol counts (0-255), by repeated merging.
local function code_lengths(counts)
  local nodes, lengths = {}, {}
  for symbol = 0, 255 do
    if counts[symbol] then nodes[#nodes + 1] = { weight = counts[symbol], first = symbol, symbols = { symbol } } end
    lengths[symbol] = 0
  end
  if #nodes == 1 then lengths[nodes[1].first] = 1 end
  local function heavier(a, b)
    if a.weight ~= b.weight then return a.weight > b.weight end
    return a.first > b.first
  end
  while #nodes > 1 do
    table.sort(nodes, heavier)
    local a, b = table.remove(nodes), table.remove(nodes)
    local merged = { weight = a.weight + b.weight, first = math.min(a.first, b.first), symbols = a.symbols }
    table.move(b.symbols, 1, #b.symbols, #a.symbols + 1, merged.symbols)
    for _, symbol in ipairs(merged.symbols) do lengths[symbol] = lengths[symbol] + 1 end
    nodes[#nodes + 1] = merged
  end
  return lengths
end

-- Canonical codes: shorter first, then by symbol.
local function canonical(lengths)
  local codes, code = {}, 0
  for length = 1, 32 do
    for symbol = 0, 255 do
      if lengths[symbol] == length then
        codes[symbol] = code
        code = code + 1
      end
    end
    code = code << 1
  end
  return codes
end

local function huffman_pack(text)
  local counts, writer = {}, bit_writer()
  for i = 1, #text do
    local c = text:byte(i)
    counts[c] = (counts[c] or 0) + 1
  end
  local lengths = code_lengths(counts)
  local codes = canonical(lengths)
  writer.put(#text, 32)
  for symbol = 0, 255 do           -- a bit for "absent", or one and five bits
    if lengths[symbol] == 0 then writer.put(0, 1) else writer.put(32 | lengths[symbol], 6) end
  end
  for i = 1, #text do
    local c = text:byte(i)
    writer.put(codes[c], lengths[c])
  end
  return writer.finish()
end

local function huffman_unpack(data)
  local read, lengths, out = bit_reader(data), {}, {}
  local size = read(32)
  for symbol = 0, 255 do lengths[symbol] = read(1) == 1 and read(5) or 0 end
  local lookup = {}
  for symbol, code in pairs(canonical(lengths)) do lookup[1 << lengths[symbol] | code] = string.char(symbol) end
  for i = 1, size do
    local code = 1
    repeat code = code << 1 | read(1) until lookup[code]
    out[i] = lookup[code]
  end
  return table.concat(out)
end

---------------------------------------------------------------- LZ77

local MIN <const>, MAX <const>, WINDOW <const> = 4, 255, 8191

local function lz_pack(text)
  local heads, out, at, literals = {}, {}, 1, {}
  local function flush()
    while #literals > 0 do
      local run = table.concat(literals, "", 1, math.min(#literals, 127))
      out[#out + 1] = string.char(#run) .. run
      literals = table.move(literals, #run + 1, #literals, 1, {})
    end
  end
  local function longest(pos)
    local best, distance = 0, 0
    for _, candidate in ipairs(heads[text:sub(pos, pos + 2)] or {}) do
      if pos - candidate <= WINDOW then
        local n = 0
        while n < MAX and pos + n <= #text and text:byte(candidate + n) == text:byte(pos + n) do n = n + 1 end
        if n >= best then best, distance = n, pos - candidate end
      end
    end
    return best, distance
  end
  local function enter(pos)
    local key = text:sub(pos, pos + 2)
    local list = heads[key] or {}
    heads[key] = list
    list[#list + 1] = pos
    if #list > 8 then table.remove(list, 1) end
  end
  while at <= #text do
    local length, distance = longest(at)
    enter(at)
    if length >= MIN and longest(at + 1) <= length then
      flush()
      out[#out + 1] = string.pack(">BHB", 128 | length >> 7, distance, length & 127)
      for pos = at + 1, at + length - 1 do enter(pos) end
      at = at + length
    else
      literals[#literals + 1] = text:sub(at, at)
      at = at + 1
    end
  end
  flush()
  return table.concat(out)
end

local function lz_unpack(data)
  local out, at = {}, 1
  while at <= #data do
    local mark = data:byte(at)
    if mark < 128 then
      for i = at + 1, at + mark do out[#out + 1] = data:sub(i, i) end
      at = at + 1 + mark
    else
      local high, distance, low = string.unpack(">BHB", data, at)
      for _ = 1, (high & 127) << 7 | low do out[#out + 1] = out[#out + 1 - distance] end
      at = at + 4
    end
  end
  return table.concat(out)
end

---------------------------------------------------------------- exercise

local function adler(text)
  local a, b = 1, 0
  for i = 1, #text do
    a = (a + text:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return b << 16 | a
end

local seed, noise = 1, {}
for i = 1, 600 do
  seed = (seed * 16807) % 2147483647
  noise[i] = string.char(32 + (seed >> 8 & 0x3F))
end
for _, input in ipairs {
  { "text", sample }, { "text x2", sample:rep(2) }, { "run", ("a"):rep(1000) }, { "abc", ("abcabcabd"):rep(60) },
  { "noise", table.concat(noise) }, { "short", "hello" },
} do
  local name, text = input[1], input[2]
  local h, z = huffman_pack(text), lz_pack(text)
  local both = huffman_pack(z)
  assert(huffman_unpack(h) == text and lz_unpack(z) == text and lz_unpack(huffman_unpack(both)) == text)
  print(string.format("%-8s %5d bytes: huffman %4d, lz77 %4d, both %4d, adler %08x", name, #text, #h, #z, #both, adler(both)))
end
print("adler of Wikipedia", string.format("%08x", adler "Wikipedia"))
print("truncated", pcall(huffman_unpack, huffman_pack(sample):sub(1, 300)))
