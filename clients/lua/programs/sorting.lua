-- sorting.lua: eight sorting algorithms, verified against each other.
--
-- Insertion, shell, quick (three-way, iterative on the larger side), merge
-- (bottom-up, stable), heap, radix (LSD on bytes, signed), counting and the
-- library's table.sort.  Inputs: random, sorted, reversed, few distinct,
-- floats and records; results are checked for order, permutation, stability.

local function less(a, b) return a < b end

local function insertion(list, lt)
  for i = 2, #list do
    local item, j = list[i], i - 1
    while j >= 1 and lt(item, list[j]) do
      list[j + 1] = list[j]
      j = j - 1
    end
    list[j + 1] = item
  end
end

local function shell(list, lt)
  local gap = 1
  while gap < #list // 3 do gap = 3 * gap + 1 end
  while gap >= 1 do
    for i = gap + 1, #list do
      local item, j = list[i], i
      while j > gap and lt(item, list[j - gap]) do
        list[j] = list[j - gap]
        j = j - gap
      end
      list[j] = item
    end
    gap = gap // 3
  end
end

local function quick(list, lt)
  local function sort(low, high)
    while high - low >= 1 do
      local pivot = list[low + (high - low) // 2]
      local left, at, right = low, low, high
      while at <= right do
        local item = list[at]
        if lt(item, pivot) then
          list[left], list[at] = item, list[left]
          left, at = left + 1, at + 1
        elseif lt(pivot, item) then
          list[at], list[right] = list[right], item
          right = right - 1
        else
          at = at + 1
        end
      end
      -- Recurse on the smaller side, loop on the larger.
      if left - low < high - right then
        sort(low, left - 1)
        low = right + 1
      else
        sort(right + 1, high)
        high = left - 1
      end
    end
  end
  sort(1, #list)
end

local function merge(list, lt)
  local from, to, n, width = list, {}, #list, 1
  while width < n do
    for start = 1, n, 2 * width do
      local i, middle = start, math.min(start + width, n + 1)
      local j, stop = middle, math.min(start + 2 * width, n + 1)
      for k = start, stop - 1 do
        if i < middle and (j >= stop or not lt(from[j], from[i])) then
          to[k] = from[i]
          i = i + 1
        else
          to[k] = from[j]
          j = j + 1
        end
      end
    end
    from, to, width = to, from, width * 2
  end
  if from ~= list then table.move(from, 1, n, 1, list) end
end

local function heap(list, lt)
  local function sift(root, size)
    local item = list[root]
    while true do
      local child = root << 1
      if child > size then break end
      if child < size and lt(list[child], list[child + 1]) then child = child | 1 end
      if not lt(item, list[child]) then break end
      list[root], root = list[child], child
    end
    list[root] = item
  end
  for root = #list // 2, 1, -1 do sift(root, #list) end
  for size = #list, 2, -1 do
    list[1], list[size] = list[size], list[1]
    sift(1, size - 1)
  end
end

local function radix(list)
  local bias, from, to = 1 << 31, list, {}
  for shift = 0, 24, 8 do
    local starts, sum = {}, 1
    for digit = 0, 255 do starts[digit] = 0 end
    for i = 1, #from do
      local digit = (from[i] + bias) >> shift & 0xFF
      starts[digit] = starts[digit] + 1
    end
    for digit = 0, 255 do starts[digit], sum = sum, sum + starts[digit] end
    for i = 1, #from do
      local digit = (from[i] + bias) >> shift & 0xFF
      to[starts[digit]] = from[i]
      starts[digit] = starts[digit] + 1
    end
    from, to = to, from
  end
  assert(from == list)
end

local function counting(list)
  local low, high, counts = math.min(table.unpack(list)), math.max(table.unpack(list)), {}
  for _, value in ipairs(list) do counts[value] = (counts[value] or 0) + 1 end
  local at = 1
  for value = low, high do
    for _ = 1, counts[value] or 0 do
      list[at] = value
      at = at + 1
    end
  end
end

---------------------------------------------------------------- inputs and checks

local seed = 99
local function random(n)
  seed = (seed * 0x5DEECE66D + 11) & 0xFFFFFFFFFFFF
  return (seed >> 17) % n
end

local function make(n, f)
  local list = {}
  for i = 1, n do list[i] = f(i) end
  return list
end

local function copy(list) return table.move(list, 1, #list, 1, {}) end

-- A multiset fingerprint and whether the list is in order.
local function inspect(list, lt)
  local sum, xor, ordered = 0, 0, true
  for i, value in ipairs(list) do
    sum, xor = sum + value * value, xor ~ value
    if i > 1 and lt(value, list[i - 1]) then ordered = false end
  end
  return sum, xor, ordered
end

local inputs = {
  { "random", make(500, function() return random(100000) - 50000 end) },
  { "sorted", make(500, function(i) return i end) },
  { "reversed", make(300, function(i) return -i end) },
  { "few", make(200, function() return random(5) end) },
  { "single", { 42 } },
}
local algorithms = {
  { "insertion", insertion }, { "shell", shell }, { "quick", quick }, { "merge", merge },
  { "heap", heap }, { "radix", radix }, { "counting", counting }, { "library", table.sort },
}

for _, input in ipairs(inputs) do
  local name, data = input[1], input[2]
  local sum, xor = inspect(data, less)
  local good, text = {}, nil
  for _, algorithm in ipairs(algorithms) do
    -- Counting sort is only for small ranges.
    if algorithm[1] ~= "counting" or name ~= "random" then
      local list = copy(data)
      algorithm[2](list, less)
      local s, x, ordered = inspect(list, less)
      local line = table.concat(list, ",")
      text = text or line
      if ordered and s == sum and x == xor and line == text then good[#good + 1] = algorithm[1] end
    end
  end
  print(string.format("%-9s n %3d sum %d xor %d: %s", name, #data, sum, xor, table.concat(good, " ")))
end

for _, algorithm in ipairs { algorithms[1], algorithms[4], algorithms[3] } do
  local records = make(200, function(i) return { key = i * 7919 % 10, serial = i } end)
  algorithm[2](records, function(a, b) return a.key < b.key end)
  local stable = true
  for i = 2, #records do
    local a, b = records[i - 1], records[i]
    if a.key > b.key then stable = nil elseif a.key == b.key and a.serial > b.serial then stable = stable and false end
  end
  print("records by " .. algorithm[1], stable == nil and "wrong" or stable and "stable" or "ordered only")
end

local floats = make(400, function() return (random(2000) - 1000) / 16 end)
local descending = copy(floats)
quick(floats, less)
heap(descending, function(a, b) return b < a end)
local mirrored = true
for i = 1, #floats do mirrored = mirrored and floats[i] == descending[#floats + 1 - i] end
print("floats", floats[1], floats[200], floats[400], mirrored)

local poem = "the quick brown fox jumps over the lazy dog while five boxing wizards jump and vex two big sphinxes of quartz"
local list = {}
for word in poem:gmatch "%a+" do list[#list + 1] = word end
merge(list, function(a, b) return #a < #b or #a == #b and a < b end)
print(table.concat(list, " "))
